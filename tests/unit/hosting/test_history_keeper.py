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
        self.keeper = StoreKeeper(runtime, self.store)

    def record(self, number: int, log: str = "log") -> None:
        event = HistoryEvent(number, number, "a", {})
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
