"""Clients that connect, join, subscribe, call and vanish, in ten ways."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Final

from tests.soak.doors import join
from tests.soak.peer import (
    ABORT,
    CALL,
    GOODBYE,
    INVOCATION,
    REGISTER,
    SUBSCRIBE,
    Gone,
    Peer,
)
from tests.soak.process import Server, serving
from tests.soak.row import Outcome, Row, scaled

CLOSE_REALM: Final = "wamp.close.close_realm"

CYCLES: Final = 100_000
#: Cycles before the first look: what is made once is not what is looked for.
WARM_UP: Final = 2_000
AT_ONCE: Final = 48
#: One in so many comes by RawSocket; no divisor of the number of ways.
RAWSOCKET: Final = 7
#: MiB that the allocator may keep: 40 bytes a cycle would be 4 MiB.
MEMORY: Final = 4.0


async def by_reset(peer: Peer) -> None:
    peer.reset()


async def by_hanging_up(peer: Peer) -> None:
    peer.finish()


async def by_a_close_frame(peer: Peer) -> None:
    peer.close()


async def with_goodbye(peer: Peer) -> None:
    peer.send(GOODBYE, {}, CLOSE_REALM)
    await peer.receive()
    peer.close()


async def with_goodbye_unread(peer: Peer) -> None:
    peer.pause()
    peer.send(GOODBYE, {}, CLOSE_REALM)
    await asyncio.sleep(0)
    peer.reset()


async def with_abort(peer: Peer) -> None:
    peer.send(ABORT, {}, "wamp.error.system_shutdown")


async def within_a_frame(peer: Peer) -> None:
    peer.begin_message(500)
    await asyncio.sleep(0.001)
    peer.reset()


async def with_nonsense(peer: Peer) -> None:
    peer.send_payload(b"\xc1nonsense" if peer.serializer != "json" else b"nonsense")
    with suppress(Gone):
        await peer.receive()


async def while_calling(peer: Peer) -> None:
    peer.send(CALL, peer.next_id(), {}, "hang")
    peer.send(SUBSCRIBE, peer.next_id(), {}, "slow")
    await asyncio.sleep(0.001)
    peer.reset()


async def while_called(peer: Peer) -> None:
    # By itself, and with a result on its way that it will not read.
    name = f"one.{id(peer)}"
    await peer.request(REGISTER, {}, name)
    invocation = await peer.request(CALL, {}, name)
    assert invocation[0] == INVOCATION, invocation
    peer.pause()
    peer.send(CALL, peer.next_id(), {}, "large", [300_000])
    await asyncio.sleep(0.001)
    peer.reset()


WAYS: Final[tuple[Callable[[Peer], Awaitable[None]], ...]] = (
    *(by_reset, by_hanging_up, by_a_close_frame, with_goodbye, with_goodbye_unread),
    *(with_abort, within_a_frame, with_nonsense, while_calling, while_called),
)
SERIALIZERS: Final = ("json", "msgpack", "cbor")

#: What is emptied when it is full, and what it holds at most in the four realms of the
#: site. Clients make up names, of which these remember the last.
CACHES: Final[Mapping[str, int]] = {
    "aiohttp_serverwamp.router.authorization.Permissions._decided": 4 * 1_000,
    "aiohttp_serverwamp.router.plain_calls.PlainCalls._known": 4 * 10_000,
    # What the latter consists of.
    "aiohttp_serverwamp.hosting.plain_calls.PlainInvocation": 4 * 10_000,
    "aiohttp_serverwamp.hosting.plain_calls.PlainAnswer": 4 * 10_000,
    "aiohttp_serverwamp.hosting.plain_calls.PlainTask": 4 * 10_000,
}


async def cycle(server: Server, number: int) -> None:
    """Be a client, and vanish."""
    door = server.raw_door if number % RAWSOCKET == 0 else server.door
    vanish = WAYS[number % len(WAYS)]
    serializer = SERIALIZERS[number // len(WAYS) % len(SERIALIZERS)]
    peer = await join(door, serializer)
    await peer.request(SUBSCRIBE, {}, f"topic.{number % 7}")
    answer = await peer.request(CALL, {}, "echo", [number])
    assert answer[3:] == [[number]], answer
    await vanish(peer)
    await peer.end()


async def cycles(server: Server, count: int) -> None:
    """Be so many clients, some at once."""
    numbers = iter(range(count))

    async def one_after_the_other() -> None:
        for number in numbers:
            await cycle(server, number)

    async with asyncio.TaskGroup() as group:
        for _ in itertools.repeat(None, min(AT_ONCE, count)):
            group.create_task(one_after_the_other())


async def at_rest(server: Server) -> dict[str, int]:
    """Return what the server holds once two looks in a row see the same."""
    await asyncio.sleep(3.0)  # those whose leave was not answered
    found: dict[str, int] = await server.ask("inventory")
    while await server.settled(found, patience=0.0):
        await asyncio.sleep(0.5)
        found = await server.ask("inventory")
    return found


def caches_too_full(found: Mapping[str, int]) -> list[str]:
    """Say which cache holds more than it may."""
    return [
        f"{name}: {found[name]}, and {most} at most"
        for name, most in CACHES.items()
        if found.get(name, 0) > most
    ]


async def run(effort: float) -> Outcome:
    count = scaled(CYCLES, effort, least=100)
    outcome = Outcome()
    async with serving() as server:
        await cycles(server, min(WARM_UP, count))
        before = await at_rest(server)
        resident = server.resident
        await cycles(server, count)
        left = await server.settled(before, patience=30.0, apart_from=CACHES)
        left += caches_too_full(await server.ask("inventory"))
        grown = server.resident - resident
        containers = len(before)
        outcome.require(not left, "; ".join(left[:10]))
        outcome.require(grown <= MEMORY, f"RSS has grown by {grown:.1f} MiB")
        server.require_clean_log(outcome)
    outcome.done = (
        f"{count:,} cycles, {len(WAYS)} ways, {AT_ONCE} at once; one in {RAWSOCKET} by "
        "RawSocket"
    )
    outcome.seen = (
        f"{len(left)} of {containers} counts differ (tasks, descriptors, objects, "
        f"contents of containers); RSS {grown:+.1f} MiB"
    )
    return outcome


ROW = Row(
    "vanishing",
    "connect, HELLO, subscribe, call, vanish",
    f"RSS (within {MEMORY:g} MiB), descriptors, tasks and every internal dict back to "
    "where they were",
    run,
)
