"""SQLiteHistory: one file for all, nobody else's, and nothing lost on the way."""

from __future__ import annotations

import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from aiohttp_serverwamp.errors import ConfigurationError
from aiohttp_serverwamp.history import HistoryEvent, HistoryQuery, SQLiteHistory

EVERYTHING = HistoryQuery()


def append(store: SQLiteHistory, *events: HistoryEvent, log: str = "log") -> None:
    store.append(log, events, limit=100, oldest=None)


def event(publication: int = 1, *args: Any, **fields: Any) -> HistoryEvent:
    return HistoryEvent(publication, publication, "a", {}, [*args] or None, **fields)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.sqlite"


def test_a_file_that_is_not_there_is_made_for_its_owner_only(path: Path) -> None:
    store = SQLiteHistory(path)
    assert store.select("log", EVERYTHING) == []
    assert not path.exists()

    append(store, event())

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [e.publication for e in SQLiteHistory(path).select("log", EVERYTHING)] == [1]
    assert repr(store) == f"SQLiteHistory({str(path)!r})"


def test_an_empty_file_has_no_events(path: Path) -> None:
    path.touch()

    assert SQLiteHistory(path).select("log", EVERYTHING) == []


def test_logs_are_apart(path: Path) -> None:
    store = SQLiteHistory(path)
    append(store, event(1), log="one")
    append(store, event(2), log="other")

    store.append("one", [event(3)], limit=1, oldest=None)

    assert [e.publication for e in store.select("one", EVERYTHING)] == [3]
    assert [e.publication for e in store.select("other", EVERYTHING)] == [2]


def test_places_are_not_used_again_when_everything_has_gone(path: Path) -> None:
    """An order that began anew would put later events before older ones."""
    store = SQLiteHistory(path)
    append(store, event(1))
    store.append("log", [], limit=1, oldest=2)
    append(store, event(3))

    after = store.select("log", HistoryQuery(after_publication=1))

    assert [e.publication for e in after] == [3]


@pytest.mark.parametrize(
    "value",
    [b"\0\xff", 2**64, -(2**70), float("inf"), "\ud800", {"\udfff": [2**80]}, None],
)
def test_every_payload_comes_back_as_it_was(path: Path, value: Any) -> None:
    store = SQLiteHistory(path)
    kept = HistoryEvent(
        2**53,
        2**62,
        "a.\ud800",
        {"topic": "a", "publisher": 2**53},
        [value],
        {"k": value},
        {"eligible_authid": ["ann"], "exclude_authrole": []},
    )

    append(store, kept)

    assert store.select("log", EVERYTHING) == [kept]
    assert store.select("log", HistoryQuery(topic="a.\ud800")) == [kept]


def test_an_event_that_cannot_be_kept_costs_no_other_one(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    store = SQLiteHistory(path)

    append(store, event(1), event(2, deep), event(3))

    assert [e.publication for e in store.select("log", EVERYTHING)] == [1, 3]
    assert "publication 2 cannot be kept" in caplog.text


def test_no_more_is_read_than_is_asked_for(path: Path) -> None:
    store = SQLiteHistory(path)
    append(store, *(event(number, "x") for number in range(1, 100)))
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE events SET body = x'c1' WHERE publication > 2")

    assert len(store.select("log", HistoryQuery(limit=2))) == 2


def test_the_whole_range_of_time_may_be_asked_for(path: Path) -> None:
    store = SQLiteHistory(path)
    append(store, event(1))

    assert store.select("log", HistoryQuery(from_time=-(10**21), until_time=10**21))
    assert not store.select("log", HistoryQuery(from_time=10**21))


def test_a_file_that_holds_something_else_is_left_alone(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.executescript("CREATE TABLE mine (x); PRAGMA user_version = 1")
    before = path.read_bytes()

    for use in (append, lambda store, _: store.select("log", EVERYTHING)):
        with pytest.raises(ConfigurationError, match="holds no history"):
            use(SQLiteHistory(path), event())

    assert path.read_bytes() == before


@pytest.mark.parametrize("path", ["", ":memory:"])
def test_what_no_other_thread_could_open_is_refused(path: str) -> None:
    with pytest.raises(ConfigurationError, match="MemoryHistory"):
        SQLiteHistory(path)


def test_the_events_of_a_log_are_bounded_in_bytes(path: Path) -> None:
    store = SQLiteHistory(path, max_bytes=25_000)
    for number in range(5):
        event = HistoryEvent(number, number, "a", {}, ["x" * 10_000])
        store.append("log", [event], limit=100, oldest=None)
        store.append("other", [event], limit=100, oldest=None)
    assert [each.publication for each in store.select("log", EVERYTHING)] == [3, 4]
    assert len(store.select("other", EVERYTHING)) == 2

    large = HistoryEvent(9, 9, "a", {}, ["x" * 100_000])
    store.append("log", [large], limit=100, oldest=None)

    assert store.select("log", EVERYTHING) == []
    assert len(store.select("other", EVERYTHING)) == 2


def test_without_a_bound_only_number_and_age_count(path: Path) -> None:
    store = SQLiteHistory(path, max_bytes=None)
    events = [HistoryEvent(n, n, "a", {}, ["x" * 10**5]) for n in range(50)]
    store.append("log", events, limit=40, oldest=20)

    kept = [each.publication for each in store.select("log", EVERYTHING)]
    assert kept == [*range(20, 50)]


@pytest.mark.parametrize("wrong", [0, -1, 1.5, "many", True])
def test_bytes_are_counted_in_whole_numbers(path: Path, wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match="max_bytes"):
        SQLiteHistory(path, max_bytes=wrong)
