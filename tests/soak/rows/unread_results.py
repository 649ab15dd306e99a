"""Callers that never read what they have called for."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from tests.soak.doors import join
from tests.soak.peer import CALL, RESULT, Peer
from tests.soak.process import MIB, serving
from tests.soak.row import MARGIN, Outcome, Row, scaled
from tests.soak.rows.slow_readers import GAP, MEMORY, until_cut

SIZE: Final = 64 * 2**10
CALLERS: Final = 3
RESULTS: Final = 200 * MIB // SIZE
#: `Limits.write_deadline`, and how often within it somebody looks.
DEADLINE: Final = 10.0 * (1 + 1 / 4)


class Bystander:
    """A client that calls all the time, and how long it waited for a result at most."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self.longest = 0.0
        self.calls = 0

    async def run(self) -> None:
        """Call for ever."""
        while True:
            started = time.monotonic()
            answer = await self._peer.request(CALL, {}, "echo", [self.calls])
            assert answer[0] == RESULT, answer
            assert answer[3] == [self.calls], answer
            self.calls += 1
            self.longest = max(self.longest, time.monotonic() - started)
            await asyncio.sleep(0.02)


async def run(effort: float) -> Outcome:
    count = scaled(RESULTS, effort, least=400)
    outcome = Outcome()
    async with serving() as server:
        bystander = Bystander(await join(server.door))
        calling = asyncio.create_task(bystander.run())
        callers = []
        async with server.memory() as memory:
            started = time.monotonic()
            for door, procedure in (
                (server.door, "large"),
                (server.door, "large.later"),
                (server.raw_door, "large"),
            ):
                caller = await join(door)
                caller.pause()
                for _ in range(count):
                    caller.send(CALL, caller.next_id(), {}, procedure, [SIZE])
                callers.append(caller)
            cut = await until_cut(server, CALLERS, patience=DEADLINE + MARGIN)
            seconds = time.monotonic() - started
            await asyncio.sleep(0.5)
        calling.cancel()
        outcome.require(
            cut == CALLERS, f"{cut} of {CALLERS} were cut within {seconds:.1f} s"
        )
        outcome.require(
            bystander.longest <= GAP * MARGIN,
            f"another client's call took {bystander.longest:.1f} s",
        )
        outcome.require(
            memory.grown <= MEMORY, f"RSS has grown by {memory.grown:.0f} MiB"
        )
        server.require_clean_log(outcome)
        for caller in callers:
            caller.reset()
    outcome.done = (
        f"{CALLERS} callers, {count:,} results of 64 KiB each, {count * SIZE // MIB} "
        "MiB; def and async def, WebSocket and RawSocket"
    )
    outcome.seen = (
        f"RSS {memory.grown:+.0f} MiB; {cut} of {CALLERS} cut, after {seconds:.1f} s; "
        f"another client's {bystander.calls:,} calls took {bystander.longest:.2f} s at "
        "most"
    )
    return outcome


ROW = Row(
    "unread-results",
    "callers that never read their results, 200 MiB of them",
    f"RSS +{MEMORY} MiB at most; they are cut",
    run,
)
