"""Histories in files under every async library, over restarts of the application."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from aiohttp_serverwamp import Application, Event, PublishOptions, Realm
from aiohttp_serverwamp.errors import ConfigurationError
from aiohttp_serverwamp.history import HistoryEvent, HistoryQuery, SQLiteHistory
from aiohttp_serverwamp.interfaces import AsyncSupport, HistoryStore

Run = Callable[[Callable[[AsyncSupport], Awaitable[None]]], None]


def application(support: AsyncSupport, store: HistoryStore) -> Application:
    wamp = Application(async_support=support)
    realm = Realm("r")
    realm.keep_history("a.", match="prefix", limit=100)
    realm.set_history_store(store)
    wamp.add_realm(realm)
    return wamp


async def numbers(realm: Realm, **filters: Any) -> list[Any]:
    found = await realm.history("a.", match="prefix", **filters)
    return [event.args[0] for event in found]


def test_what_was_published_is_found_after_a_restart(run: Run, tmp_path: Path) -> None:
    async def body(support: AsyncSupport) -> None:
        path = tmp_path / "history.sqlite"
        for first in (0, 10):
            wamp = application(support, SQLiteHistory(path))
            async with wamp.run():
                realm = wamp.realm("r")
                for number in range(first, first + 10):
                    realm.publish("a.b", number)
                # Without reading, which would wait until it is written.
        wamp = application(support, SQLiteHistory(path))
        async with wamp.run():
            assert await numbers(wamp.realm("r")) == [*range(20)]

    run(body)


def test_the_application_reads_with_every_filter(run: Run, tmp_path: Path) -> None:
    async def body(support: AsyncSupport) -> None:
        wamp = application(support, SQLiteHistory(tmp_path / "history.sqlite"))
        async with wamp.run():
            realm = wamp.realm("r")
            await check_filters(realm)

    run(body)


async def check_filters(realm: Realm) -> None:
    ids = [realm.publish(f"a.{n % 2}", n, key=n) for n in range(4)]
    hidden = PublishOptions(eligible_authid=[])
    realm.publish("a.0", 4, options=hidden)
    found: Sequence[Event] = await realm.history("a.", match="prefix")
    times = [event.timestamp for event in found]

    assert [event.publication for event in found][:4] == [each.id for each in ids]
    assert [event.topic for event in found] == ["a.0", "a.1", "a.0", "a.1", "a.0"]
    assert found[1].kwargs == {"key": 1}
    assert found[1].details == {"topic": "a.1"}
    assert times[0] is not None
    assert times[0].tzinfo is not None
    assert times == sorted(time for time in times if time is not None)
    assert await numbers(realm, reverse=True, limit=2) == [4, 3]
    assert await numbers(realm, topic="a.1") == [1, 3]
    assert await numbers(realm, from_publication=ids[2]) == [2, 3, 4]
    assert await numbers(realm, after_publication=int(ids[2])) == [3, 4]
    assert await numbers(realm, before_publication=ids[2]) == [0, 1]
    assert await numbers(realm, until_publication=ids[2], limit=2) == [0, 1]
    assert 2 in await numbers(realm, from_time=times[2], until_time=times[2])
    assert 2 not in await numbers(realm, after_time=times[2])
    assert 2 not in await numbers(realm, before_time=times[2])
    assert await numbers(realm, before_time="2020-01-01T00:00:00Z") == []


def test_a_store_that_blocks_blocks_nothing_else(run: Run, tmp_path: Path) -> None:
    class Slow(SQLiteHistory):
        def __init__(self, path: Path) -> None:
            super().__init__(path)
            self.go_on = threading.Event()
            self.threads: set[int] = set()

        def append(
            self, log: str, events: Sequence[HistoryEvent], **kwargs: Any
        ) -> None:
            self.threads.add(threading.get_ident())
            # With no events the application asks whether it works at all.
            assert not events or self.go_on.wait(10)
            super().append(log, events, **kwargs)

    async def body(support: AsyncSupport) -> None:
        store = Slow(tmp_path / "history.sqlite")
        wamp = application(support, store)
        async with wamp.run():
            realm = wamp.realm("r")
            heard: list[int] = []
            realm.subscribe("a.b", heard.append)
            for number in range(3):
                realm.publish("a.b", number, options=PublishOptions(exclude_me=False))
            await support.sleep(0.01)
            assert heard == [0, 1, 2]
            store.go_on.set()
            assert await numbers(realm) == [0, 1, 2]
        assert threading.get_ident() not in store.threads

    run(body)


class Awaited:
    """A store whose methods are coroutines."""

    def __init__(self, support: AsyncSupport) -> None:
        self._support = support
        self.batches: list[list[Any]] = []

    async def append(
        self, log: str, events: Sequence[HistoryEvent], *, limit: int, oldest: Any
    ) -> None:
        await self._support.sleep(0)
        self.batches.append([event.args for event in events])
        if len(self.batches) == 3:
            raise OSError("the disk is full")

    async def select(self, log: str, query: HistoryQuery) -> list[HistoryEvent]:
        raise OSError("no disk at all")


def test_a_store_may_be_awaited_and_may_fail(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    """A failure costs its events, and nothing else."""

    async def body(support: AsyncSupport) -> None:
        store = Awaited(support)
        wamp = application(support, store)
        async with wamp.run():
            realm = wamp.realm("r")
            for number in range(3):
                realm.publish("a.b", number)
                with pytest.raises(OSError, match="no disk"):
                    await numbers(realm)
        assert store.batches == [[], [[0]], [[1]], [[2]]]

    run(body)
    [record] = [each for each in caplog.records if each.levelname == "ERROR"]
    assert "1 events of 'r prefix a.' lost" in record.getMessage()


def test_an_application_whose_history_cannot_be_kept_does_not_start(
    run: Run, tmp_path: Path
) -> None:
    """Found out by the first event it would be a line in the log, and events lost."""

    async def body(support: AsyncSupport) -> None:
        other_file = tmp_path / "notes.txt"
        other_file.write_text("no database, but longer than a header of one is" * 9)
        for path in (tmp_path / "no" / "such" / "folder", tmp_path, other_file):
            wamp = application(support, SQLiteHistory(path))
            with pytest.raises(ConfigurationError, match=r"'r'.*history of 'a\.'"):
                async with wamp.run():
                    raise AssertionError("it runs")
            assert not wamp.running
        assert other_file.read_text().startswith("no database")

    run(body)


def test_what_is_beyond_new_limits_goes_at_the_start(run: Run, tmp_path: Path) -> None:
    async def body(support: AsyncSupport) -> None:
        path = tmp_path / "history.sqlite"
        wamp = application(support, SQLiteHistory(path))
        async with wamp.run():
            for number in range(3):
                wamp.realm("r").publish("a.b", number)
        realm = Realm("r")
        realm.keep_history("a.", match="prefix", limit=1)
        realm.set_history_store(SQLiteHistory(path))
        wamp = Application(async_support=support)
        wamp.add_realm(realm)
        async with wamp.run():
            assert await numbers(realm) == [2]

    run(body)


def test_a_class_is_no_store() -> None:
    store: Any = SQLiteHistory
    with pytest.raises(ConfigurationError, match=r"SQLiteHistory\(path\)"):
        Realm("r").set_history_store(store)


def test_mistakes_are_configuration_errors(run: Run, tmp_path: Path) -> None:
    async def body(support: AsyncSupport) -> None:
        wamp = application(support, SQLiteHistory(tmp_path / "history.sqlite"))
        async with wamp.run():
            realm = wamp.realm("r")
            wrong: list[dict[str, Any]] = [
                {"limit": 0},
                {"limit": True},
                {"from_time": "yesterday"},
                {"from_time": 7},
                {"after_publication": 0},
                {"after_publication": "7"},
                {"after_publication": True},
                {"match": "regex"},
                {"match": "exact"},
            ]
            for filters in wrong:
                with pytest.raises(ConfigurationError):
                    await realm.history("a.", **{"match": "prefix", **filters})
            with pytest.raises(ConfigurationError, match="already"):
                realm.keep_history("a.", match="prefix")
            with pytest.raises(ConfigurationError, match="too late"):
                realm.set_history_store(SQLiteHistory(tmp_path / "other"))

    run(body)
