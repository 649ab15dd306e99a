"""MemoryHistory: bounded in number, age and bytes."""

from __future__ import annotations

from typing import Any

import pytest

from aiohttp_serverwamp import History
from aiohttp_serverwamp.errors import ConfigurationError
from aiohttp_serverwamp.history import (
    HistoryEvent,
    HistoryQuery,
    MemoryHistory,
)


def event(number: int, size: int = 0) -> HistoryEvent:
    return HistoryEvent(number, number, "a", {}, ["x" * size])


def kept(store: MemoryHistory) -> list[int]:
    return [each.publication for each in store.select("log", HistoryQuery())]


def test_the_events_of_a_log_are_bounded_in_bytes() -> None:
    store = MemoryHistory(max_bytes=25_000)
    for number in range(5):
        store.append("log", [event(number, 10_000)], limit=100, oldest=None)
    assert kept(store) == [3, 4]

    store.append("log", [event(9, 100_000)], limit=100, oldest=None)

    assert kept(store) == []


@pytest.mark.parametrize(
    "beside",
    [
        {"details": {"ppt_keyid": "x" * 100_000}},
        {"details": {}, "receivers": {"eligible_authid": ["x"] * 10_000}},
    ],
)
def test_who_they_are_for_and_what_their_details_say_weigh_as_well(beside: Any) -> None:
    store = MemoryHistory(max_bytes=25_000)

    store.append("log", [HistoryEvent(1, 1, "a", **beside)], limit=100, oldest=None)

    assert kept(store) == []


def test_without_a_bound_only_number_and_age_count() -> None:
    store = MemoryHistory(max_bytes=None)

    store.append("log", [event(n, 10**6) for n in range(50)], limit=40, oldest=20)

    assert kept(store) == [*range(20, 50)]


@pytest.mark.parametrize("wrong", [0, -1, 1.5, "many", True])
def test_bytes_are_counted_in_whole_numbers(wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match="max_bytes"):
        MemoryHistory(max_bytes=wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        *({"limit": limit} for limit in (0, -1, 1.5, None, True, "9")),
        *({"max_age": age} for age in (0, -1.0, True, "9", float("nan"), float("inf"))),
    ],
)
def test_a_history_has_a_limit_and_perhaps_an_age(wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match="History"):
        History(**wrong)
