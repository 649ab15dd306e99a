"""StoreKeeper: events go to the store in batches, in order, and never without bound."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from aiohttp_serverwamp.history import HistoryEvent, HistoryQuery
from aiohttp_serverwamp.hosting import history_keeper
from aiohttp_serverwamp.hosting.history_keeper import StoreKeeper
from tests.conformance.harness import Gate, Tasks


class Store:
    """A store that is as slow as its gate."""

    def __init__(self) -> None:
        self.gate = Gate()
        self.batches: list[tuple[str, list[int], int, int | None]] = []

    async def append(
        self, log: str, events: Sequence[HistoryEvent], *, limit: int, oldest: Any
    ) -> None:
        await self.gate
        numbers = [event.publication for event in events]
        self.batches.append((log, numbers, limit, oldest))

    def select(self, log: str, query: HistoryQuery) -> list[HistoryEvent]:
        return []


class Kept:
    """A keeper with its store and its tasks."""

    def __init__(self) -> None:
        self.store, self.tasks = Store(), Tasks()
        support = SimpleNamespace(waiter=Gate)
        runtime: Any = SimpleNamespace(tasks=self.tasks, support=support)
        self.keeper = StoreKeeper(runtime, self.store, lambda func, *args: func(*args))

    def record(self, number: int, log: str = "log", **beside: Any) -> None:
        event = HistoryEvent(number, number, "a", beside)
        self.keeper.record(log, event, 10, number)

    def settle(self) -> None:
        while self.tasks.settle():
            pass


def test_what_comes_in_one_turn_is_one_batch_for_each_log() -> None:
    kept = Kept()
    kept.store.gate.open()

    for number in range(4):
        kept.record(number, "even" if number % 2 == 0 else "odd")
    kept.settle()

    assert kept.store.batches == [("even", [0, 2], 10, 2), ("odd", [1, 3], 10, 3)]


def test_what_comes_while_the_store_works_follows_and_readers_wait_for_it() -> None:
    kept = Kept()
    done: list[str] = []

    async def read() -> None:
        await kept.keeper.select("log", HistoryQuery())
        done.append("read")

    kept.record(1)
    kept.settle()
    kept.record(2)
    kept.tasks.start(read)
    kept.settle()
    assert (kept.store.batches, done) == ([], [])
    kept.store.gate.open()
    kept.settle()

    assert [numbers for _, numbers, *_ in kept.store.batches] == [[1], [2]]
    assert done == ["read"]


def test_a_task_that_never_ran_loses_nothing() -> None:
    """As when the application's tasks are over, and its code still publishes."""
    kept = Kept()
    kept.store.gate.open()
    kept.record(1)
    kept.tasks.cancel()
    kept.settle()
    kept.record(2)

    kept.tasks.start(kept.keeper.flush)
    kept.settle()

    assert [numbers for _, numbers, *_ in kept.store.batches] == [[1, 2]]


def test_only_so_many_events_wait_for_a_store(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(history_keeper, "_MAX_WAITING", 3)
    kept = Kept()
    for number in range(5):
        kept.record(number)

    kept.store.gate.open()
    kept.settle()

    assert [numbers for _, numbers, *_ in kept.store.batches] == [[0, 1, 2]]
    assert "is behind: 2 lost" in caplog.text


def test_what_waits_is_bounded_in_bytes(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(history_keeper, "_MAX_WAITING_SIZE", 25_000)
    kept = Kept()
    kept.store.gate.open()
    kept.record(0, ppt_keyid="x" * 30_000)
    kept.record(1)
    kept.settle()
    for number in range(2, 6):
        kept.record(number, ppt_keyid="x" * 10_000)
    kept.settle()

    assert [numbers for _, numbers, *_ in kept.store.batches] == [[0], [2, 3]]
    assert "is behind: 1 lost" in caplog.text
    assert "is behind: 2 lost" in caplog.text


def test_who_reads_and_is_cancelled_takes_nothing_along() -> None:
    """As a client that asks for a history and drops its connection."""
    kept = Kept()
    for number in range(4):
        kept.record(number, "even" if number % 2 == 0 else "odd")

    async def read() -> None:
        await kept.keeper.select("even", HistoryQuery())

    readers = Tasks()
    readers.start(read)
    readers.settle()
    readers.cancel()
    readers.settle()
    kept.store.gate.open()
    kept.settle()

    assert [numbers for _, numbers, *_ in kept.store.batches] == [[0, 2], [1, 3]]


def test_who_works_and_is_cancelled_leaves_the_rest_to_the_next() -> None:
    """As a task of the application that takes too long when it ends."""
    kept = Kept()
    for number in range(6):
        kept.record(number, "even" if number % 2 == 0 else "odd")
    kept.settle()
    kept.tasks.cancel()
    kept.settle()
    kept.store.gate.open()

    kept.tasks.start(kept.keeper.flush)
    kept.settle()

    assert [numbers for _, numbers, *_ in kept.store.batches] == [[1, 3, 5]]


def test_readers_do_not_wait_for_what_comes_behind_them() -> None:
    """Or nobody would read while a busy topic keeps a slow store at work."""
    kept = Kept()
    gates = [Gate() for _ in range(3)]
    waiting = iter(gates)
    done: list[str] = []

    async def append(*_: Any, **__: Any) -> None:
        await next(waiting)

    async def read() -> None:
        await kept.keeper.select("log", HistoryQuery())
        done.append("read")

    kept.store.append = append  # type: ignore[method-assign]  # a slower one
    kept.record(1)
    kept.settle()
    kept.record(2)
    kept.tasks.start(read)
    kept.settle()
    for gate in gates[:2]:
        kept.record(3)
        assert done == []
        gate.open()
        kept.settle()

    assert done == ["read"]
