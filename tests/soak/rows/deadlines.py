"""Clients that are silent, or say a byte now and then, in every phase of a session."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.wire import PING, frame
from tests.soak.peer import CHALLENGE, GOODBYE, Peer, connect, join
from tests.soak.process import Server, serving
from tests.soak.row import MARGIN, Outcome, Row, scaled

CLIENTS: Final = 30
#: The defaults of `Limits`, as the design has them.
HELLO_TIMEOUT, AUTH_TIMEOUT, CLOSE_TIMEOUT = 5.0, 10.0, 2.0
#: Nobody here answers a close frame: what is over takes so much longer to end.
HELLO_ENDS, AUTH_ENDS = HELLO_TIMEOUT + CLOSE_TIMEOUT, AUTH_TIMEOUT + CLOSE_TIMEOUT
#: A ping after 20 s, and half as long again for its answer.
HEARTBEAT: Final = 30.0
#: More than a client that dribbles will ever say.
ENDLESS: Final = 2**16 - 1


async def no_word(peer: Peer) -> None:
    """Say nothing."""


async def pings(peer: Peer) -> None:
    """Say nothing but pings."""
    while not peer.ended.done():
        peer.write(frame(b"", PING))
        await asyncio.sleep(0.5)


async def dribble(peer: Peer) -> None:
    """Begin a frame, and send a byte of it every half second."""
    peer.write(frame(b"[" + b" " * ENDLESS)[:9])
    while not peer.ended.done():
        peer.write(b" ")
        await asyncio.sleep(0.5)


async def fragments(peer: Peer) -> None:
    """Begin a message, and send a fragment of it every half second."""
    peer.write(b"\x01" + frame(b"[")[1:])
    while not peer.ended.done():
        peer.write(b"\x00" + frame(b" ")[1:])
        await asyncio.sleep(0.5)


async def connected(port: int, source: str) -> Peer:
    return await connect(port, source=source)


async def challenged(port: int, source: str) -> Peer:
    peer = await connect(port, source=source)
    answer = await peer.hello("ticket", authid="ann", authmethods=["ticket"])
    assert answer[0] == CHALLENGE, answer
    return peer


async def undecided(port: int, source: str) -> Peer:
    peer = await connect(port, source=source)
    peer.send(1, "pending", {"roles": {"caller": {}}})
    return peer


async def joined(port: int, source: str) -> Peer:
    return await join(port, source=source)


async def leaving(port: int, source: str) -> Peer:
    peer = await join(port, source=source)
    peer.send(GOODBYE, {}, "wamp.close.close_realm")
    assert (await peer.receive())[0] == GOODBYE
    return peer


async def in_violation(port: int, source: str) -> Peer:
    peer = await join(port, source=source)
    peer.deaf = True
    peer.send_payload(b"nonsense")
    return peer


@dataclass(frozen=True, slots=True)
class Phase:
    """How far a client has come, how it behaves then, and how long it may."""

    name: str
    arrive: Callable[[int, str], Awaitable[Peer]]
    behave: Callable[[Peer], Coroutine[None, None, None]]
    deadline: float


PHASES: Final[Sequence[Phase]] = (
    Phase("silent before HELLO", connected, no_word, HELLO_ENDS),
    Phase("pings before HELLO", connected, pings, HELLO_ENDS),
    Phase("HELLO byte by byte", connected, dribble, HELLO_ENDS),
    Phase("HELLO in fragments", connected, fragments, HELLO_ENDS),
    Phase("CHALLENGE unanswered", challenged, no_word, AUTH_ENDS),
    Phase("AUTHENTICATE byte by byte", challenged, dribble, AUTH_ENDS),
    Phase("nobody decides", undecided, pings, AUTH_ENDS),
    Phase("joined, deaf to pings", joined, no_word, HEARTBEAT),
    Phase("joined, byte by byte", joined, dribble, HEARTBEAT),
    Phase("joined, fragments", joined, fragments, HEARTBEAT),
    Phase("left, and silent", leaving, no_word, HELLO_ENDS),
    Phase("close unanswered", in_violation, no_word, CLOSE_TIMEOUT),
)


async def outlast(server: Server, phase: Phase, source: str, count: int) -> float:
    """Return the seconds after which the server has let go of all clients."""
    arriving = [phase.arrive(server.port, source) for _ in range(count)]
    peers = await asyncio.gather(*arriving)
    started = time.monotonic()
    behaving: list[asyncio.Task[None]] = []
    for peer in peers:
        peer.deaf = True
        behaving.append(asyncio.create_task(phase.behave(peer)))
    seconds = 0.0
    while seconds < phase.deadline + 2 * MARGIN:
        seconds = time.monotonic() - started
        if not (await server.ask("open")).get(source):
            break
        await asyncio.sleep(0.1)
    for task in behaving:
        task.cancel()
    for peer in peers:
        peer.reset()
    return seconds


async def run(effort: float) -> Outcome:
    count = scaled(CLIENTS, effort, least=5)
    outcome = Outcome()
    async with serving() as server:
        # The server tells them apart by where they come from.
        sources = [f"127.0.1.{number + 1}" for number in range(len(PHASES))]
        seconds = await asyncio.gather(
            *(
                outlast(server, phase, source, count)
                for phase, source in zip(PHASES, sources, strict=True)
            )
        )
        server.require_clean_log(outcome)
    late = [
        round(took - phase.deadline, 1)
        for phase, took in zip(PHASES, seconds, strict=True)
    ]
    for phase, by in zip(PHASES, late, strict=True):
        outcome.require(
            by <= MARGIN, f"{phase.name}: {phase.deadline:g} s, and {by} s more"
        )
    outcome.done = (
        f"{len(PHASES)} kinds, {count} clients each: before HELLO, challenged, joined, "
        "leaving; silent, pinging, a byte or a fragment at a time"
    )
    outcome.seen = f"all closed, at most {max(late):.1f} s after their deadline"
    return outcome


ROW = Row(
    "deadlines",
    "silent sockets, unanswered challenges, dribbled bytes",
    "all closed within their deadline, and that of the close, + 1 s (held to + 3 s)",
    run,
)
