"""Many sessions at once, each of which calls and is called."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any, Final, TypeVar

from benchmarks.machine import cpu_seconds
from tests.soak.doors import Door, join
from tests.soak.peer import (
    CALL,
    INVOCATION,
    REGISTER,
    REGISTERED,
    RESULT,
    YIELD,
    Peer,
)
from tests.soak.process import serving
from tests.soak.row import Outcome, Row, scaled

SESSIONS: Final = 5_000
#: Connections that are made at the same time; the server admits 1,000 that have not
#: joined.
AT_ONCE: Final = 100
#: Descriptors for everything else.
BESIDE: Final = 100

T = TypeVar("T")


async def some_at_once(work: Callable[[T], Awaitable[None]], on: Iterable[T]) -> None:
    """Await ``work(each)`` for all of them, so many at a time."""
    waiting = iter(on)

    async def one_after_the_other() -> None:
        for each in waiting:
            await work(each)

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(one_after_the_other())


async def hold(door: Door, held: list[Peer], number: int) -> None:
    """Join, call, and offer a procedure."""
    peer = await join(door, "json" if number % 2 else "msgpack")
    answer = await peer.request(CALL, {}, "echo", [number])
    assert answer[0] == RESULT, answer
    assert answer[3] == [number], answer
    answer = await peer.request(REGISTER, {}, f"held.{number}")
    assert answer[0] == REGISTERED, answer

    def answer_call(message: Any) -> None:
        assert message[0] == INVOCATION, message
        peer.send(YIELD, message[1], {}, [number])

    peer.on_message = answer_call
    held.append(peer)


async def call_all(caller: Peer, count: int) -> int:
    """Call everybody's procedure; return how many have answered rightly."""
    right = 0
    for number in range(count):
        answer = await caller.request(CALL, {}, f"held.{number}")
        right += answer[0] == RESULT and answer[3] == [number]
    return right


async def run(effort: float) -> Outcome:
    count = scaled(SESSIONS, effort, least=50)
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    outcome = Outcome()
    if allowed < count + BESIDE:
        outcome.done = "NOT RUN"
        outcome.require(
            False,
            f"not run: {count:,} sessions need as many descriptors, and {allowed} are "
            f"allowed; raise the hard limit (ulimit -Hn {2 * SESSIONS})",
        )
        return outcome
    held: list[Peer] = []
    async with serving() as server:
        resident, cpu = server.resident, cpu_seconds(server.pid)
        await some_at_once(partial(hold, server.door, held), range(count))
        members = await server.ask("sessions")
        a_session = (server.resident - resident) * 1024 / count
        caller = await join(server.door)
        right = await call_all(caller, count)
        cpu = cpu_seconds(server.pid) - cpu
        open_ = sum(not peer.ended.done() for peer in held)
        outcome.require(members == count, f"{members} have joined")
        outcome.require(right == count, f"{right} have answered their call")
        outcome.require(open_ == count, f"{open_} are still open")
        server.require_clean_log(outcome)
        for peer in (*held, caller):
            peer.reset()
    outcome.done = (
        f"{count:,} sessions, {count:,} registrations, {2 * count:,} calls to and from"
    )
    outcome.seen = (
        f"{members:,} held, {right:,} answered; {a_session:.0f} KiB each; {cpu:.0f} s "
        "of the server's CPU"
    )
    return outcome


ROW = Row(
    "holding",
    "sessions held at once on one core",
    f"{SESSIONS:,}, and each calls and answers a call",
    run,
)
