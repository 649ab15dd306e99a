"""Clients that do not read, or hardly: what they cost the server, and the others."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import Any, Final

from tests.soak.doors import Door, join
from tests.soak.peer import EVENT, PUBLISH, PUBLISHED, SUBSCRIBE, Peer
from tests.soak.process import MIB, Server, serving
from tests.soak.row import MARGIN, Outcome, Row, scaled

SIZE: Final = 64 * 2**10
#: 200 MiB.
PUBLICATIONS: Final = 200 * MIB // SIZE
READ_A_SECOND: Final = 2 * 2**10
#: MiB of memory that they may take, and seconds that others may see nothing.
MEMORY: Final = 64
GAP: Final = 2.0
CUT: Final = "connection cut"


class Healthy:
    """A subscriber that reads: what it got, and how long it waited at most."""

    def __init__(self, peer: Peer) -> None:
        self.numbers: list[int] = []
        self.gap = 0.0
        self._last = time.monotonic()
        peer.on_message = self._take

    def _take(self, message: Any) -> None:
        now = time.monotonic()
        self.gap = max(self.gap, now - self._last)
        self._last = now
        assert message[0] == EVENT, message
        self.numbers.append(message[4][0])


async def read_slowly(peer: Peer) -> None:
    """Take two kilobytes a second off a socket that nobody else reads."""
    with peer.raw_socket() as socket, suppress(OSError):
        while True:
            await asyncio.sleep(1)
            socket.recv(READ_A_SECOND)


async def subscriber(door: Door, serializer: str, *, reads: bool = True) -> Peer:
    peer = await join(door, serializer)
    await peer.request(SUBSCRIBE, {}, "news")
    if not reads:
        peer.pause()
    return peer


async def until_cut(server: Server, number: int, patience: float) -> int:
    """Wait until so many were cut, or patience is over; return how many were."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if server.log().count(CUT) >= number:
            break
        await asyncio.sleep(0.1)
    return server.log().count(CUT)


async def run(effort: float) -> Outcome:
    count = scaled(PUBLICATIONS, effort, least=400)
    outcome = Outcome()
    async with serving() as server:
        doors = (server.door, server.raw_door)
        stalled = [await subscriber(each, "json", reads=False) for each in doors]
        slow = [await subscriber(each, "msgpack", reads=False) for each in doors]
        slowly = [asyncio.create_task(read_slowly(each)) for each in slow]
        publisher = await join(server.door)
        peers = [
            await subscriber(door, each)
            for door, each in zip(
                (*doors, server.door), ("json", "msgpack", "cbor"), strict=True
            )
        ]
        healthy = [Healthy(peer) for peer in peers]
        left = len(peers) + 1
        unhealthy = [*stalled, *slow]
        padding = "x" * SIZE
        async with server.memory() as memory:
            for number in range(count):
                answer = await publisher.request(
                    PUBLISH, {"acknowledge": True}, "news", [number, padding]
                )
                assert answer[0] == PUBLISHED, answer
            cut = await until_cut(server, len(unhealthy), patience=20.0)
            await asyncio.sleep(0.5)  # for the last event
        complete = sum(each.numbers == [*range(count)] for each in healthy)
        gap = max(each.gap for each in healthy)
        outcome.require(cut == len(unhealthy), f"{cut} of {len(unhealthy)} were cut")
        members = await server.ask("sessions")
        outcome.require(members == left, f"{members} are left, which should be {left}")
        outcome.require(complete == 3, f"{complete} of 3 healthy ones got everything")
        outcome.require(gap <= GAP * MARGIN, f"a gap of {gap:.1f} s")
        outcome.require(
            memory.grown <= MEMORY, f"RSS has grown by {memory.grown:.0f} MiB"
        )
        server.require_clean_log(outcome)
        for task in slowly:
            task.cancel()
        for peer in (*unhealthy, publisher, *peers):
            peer.reset()
    outcome.done = (
        f"{count:,} events of 64 KiB, {count * SIZE // MIB} MiB; two stalled, two of "
        "2 KiB/s, three healthy; WebSocket and RawSocket"
    )
    outcome.seen = (
        f"RSS {memory.grown:+.0f} MiB; {cut} of {len(unhealthy)} cut; {complete} of 3 "
        f"got all in order, longest gap {gap:.2f} s"
    )
    return outcome


ROW = Row(
    "slow-readers",
    "slow consumers: 200 MiB published past them",
    f"RSS +{MEMORY} MiB at most; they are cut; healthy subscribers get 100 % in order, "
    f"no gap above {GAP:g} s",
    run,
)
