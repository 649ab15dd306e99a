"""The server stops: what its clients hear, and how long it takes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from tests.soak.doors import Door, join
from tests.soak.peer import CALL, ERROR, GOODBYE, Peer
from tests.soak.process import serving
from tests.soak.row import MARGIN, Outcome, Row, scaled
from tests.soak.rows.holding import some_at_once

SESSIONS: Final = 200
CALLS: Final = 100
MANY: Final = 1_000
DEAF: Final = 20
#: Seconds in which the process is gone; in which it has let go of many; and
#: `Limits.close_timeout`, after which the deaf are dropped.
GONE, MANY_GONE, CLOSE_TIMEOUT = 5.0, 1.0, 2.0
#: What clients that answer GOODBYE say.
ANSWER: Final[Sequence[Any]] = (GOODBYE, {}, "wamp.close.goodbye_and_out")


class Farewell:
    """What a client heard last; it answers GOODBYE unless it is deaf."""

    def __init__(self, peer: Peer, *, calls: bool = False) -> None:
        self.peer = peer
        self.goodbye = self.canceled = False
        peer.on_message = self._take
        if calls:
            peer.send(CALL, 1, {}, "hang")

    def _take(self, message: Any) -> None:
        if message[0] == GOODBYE:
            self.goodbye = message[2] == "wamp.close.system_shutdown"
            if not self.peer.deaf:
                self.peer.send(*ANSWER)
        elif message[:3] == [ERROR, CALL, 1]:
            self.canceled = message[4] == "wamp.error.canceled"


async def joined(door: Door, count: int, *, calls: int = 0) -> list[Farewell]:
    """Have so many clients join, some of which call what takes for ever."""
    clients: list[Farewell] = []

    async def one(number: int) -> None:
        peer = await join(door, "json" if number % 2 else "cbor")
        clients.append(Farewell(peer, calls=number < calls))

    await some_at_once(one, range(count))
    return clients


async def with_calls_in_flight(outcome: Outcome) -> str:
    """Stop while calls are in flight; return what was seen."""
    async with serving() as server:
        clients = await joined(server.door, SESSIONS, calls=CALLS)
        await server.ask("sessions")
        seconds = await server.terminate()
        await asyncio.sleep(0.1)
        heard = sum(each.goodbye for each in clients)
        canceled = sum(each.canceled for each in clients)
        properly = sum(
            each.peer.ended.done() and each.peer.ended.result() == 1001
            for each in clients
        )
        outcome.require(heard == SESSIONS, f"{heard} of {SESSIONS} got GOODBYE")
        outcome.require(canceled == CALLS, f"{canceled} of {CALLS} calls were answered")
        outcome.require(properly == SESSIONS, f"{properly} were closed with 1001")
        outcome.require(seconds <= GONE, f"gone after {seconds:.1f} s")
        code = server.process.returncode
        outcome.require(code == 0, f"the process ended with {code}")
        server.require_clean_log(outcome)
    return (
        f"{heard} GOODBYE, {canceled} calls answered canceled, gone after "
        f"{seconds:.2f} s"
    )


async def with_many(outcome: Outcome, count: int, deaf: int) -> float:
    """Stop with many clients, some of them deaf; return the seconds it took."""
    async with serving() as server:
        clients = await joined(server.door, count)
        for each in clients[:deaf]:
            each.peer.deaf = True
        seconds = await server.terminate()
        allowed = (CLOSE_TIMEOUT + MARGIN) if deaf else MANY_GONE * MARGIN
        outcome.require(
            seconds <= allowed, f"{count} sockets, {deaf} deaf: {seconds:.1f} s"
        )
        server.require_clean_log(outcome)
        for each in clients:
            each.peer.reset()
    return seconds


async def run(effort: float) -> Outcome:
    outcome = Outcome()
    many = scaled(MANY, effort, least=200)
    heard = await with_calls_in_flight(outcome)
    answering = await with_many(outcome, many, 0)
    deaf = await with_many(outcome, many, DEAF)
    outcome.done = (
        f"SIGTERM with {SESSIONS} sessions, {CALLS} calls in flight; with {many:,} "
        f"sockets; with {many:,} of which {DEAF} are deaf"
    )
    outcome.seen = (
        f"{heard}; {many:,} answering sockets {answering:.2f} s, with {DEAF} deaf ones "
        f"{deaf:.2f} s"
    )
    return outcome


ROW = Row(
    "stopping",
    "SIGTERM; runner.cleanup() with 1,000 sockets",
    f"GOODBYE to each, gone within {GONE:g} s; {MANY:,} answering sockets under "
    f"{MANY_GONE:g} s (held to {MANY_GONE * MARGIN:g} s), deaf ones aborted after "
    f"{CLOSE_TIMEOUT:g} s",
    run,
)
