"""Histories in an SQLite file, which outlast the process."""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from aiohttp_serverwamp.errors import ConfigurationError
from aiohttp_serverwamp.history.event import HistoryEvent
from aiohttp_serverwamp.history.lossless import pack, unpack

if TYPE_CHECKING:
    from aiohttp_serverwamp.history.query import HistoryQuery

__all__ = ["SQLiteHistory"]

logger = logging.getLogger("aiohttp_serverwamp.history")

#: "WAMH": how the file is known.
_APPLICATION: Final = 0x57414D48
_VERSION: Final = 1
_SCHEMA: Final = f"""
    BEGIN IMMEDIATE;
    CREATE TABLE IF NOT EXISTS events (
        place INTEGER PRIMARY KEY AUTOINCREMENT,
        log BLOB NOT NULL,
        publication INTEGER NOT NULL,
        timestamp INTEGER NOT NULL,
        topic BLOB NOT NULL,
        body BLOB NOT NULL
    );
    CREATE INDEX IF NOT EXISTS events_by_place ON events (log, place);
    CREATE INDEX IF NOT EXISTS events_by_publication ON events (log, publication);
    CREATE INDEX IF NOT EXISTS events_by_time ON events (log, timestamp);
    PRAGMA application_id = {_APPLICATION};
    PRAGMA user_version = {_VERSION};
    COMMIT;
"""
_INSERT: Final = """
    INSERT INTO events (log, publication, timestamp, topic, body)
    VALUES (?, ?, ?, ?, ?)
"""
_TRIM: Final = """
    DELETE FROM events WHERE log = :log AND place <= (
        SELECT place FROM events WHERE log = :log
        ORDER BY place DESC LIMIT 1 OFFSET :limit
    )
"""
_SIZE: Final = "SELECT coalesce(sum(length(body)), 0) FROM events WHERE log = ?"
_TRIM_SIZE: Final = """
    DELETE FROM events WHERE log = :log AND place <= (
        SELECT max(place) FROM (
            SELECT place, sum(length(body)) OVER (ORDER BY place DESC) AS size
            FROM events WHERE log = :log
        ) WHERE size > :max_bytes
    )
"""
_FORGET: Final = "DELETE FROM events WHERE log = ? AND timestamp < ?"

#: What SQLite's integers hold; timestamps get there in the year 2262.
_EARLIEST: Final = -(2**63)
_LATEST: Final = 2**63 - 1

_TIMES: Final = {
    "from_time": ">=",
    "after_time": ">",
    "before_time": "<",
    "until_time": "<=",
    "oldest": ">=",
}
_PUBLICATIONS: Final = {
    "from_publication": ">=",
    "after_publication": ">",
    "before_publication": "<",
    "until_publication": "<=",
}


class SQLiteHistory:
    """A `HistoryStore` in a file; the first event makes it, for its owner only.

    The events of one topic or pattern take at most `max_bytes` of the file, roughly,
    whatever their number; None is no limit.

    Its methods block, and are called in a worker thread; each opens the file anew.
    Several realms, applications and processes may use one file: what it keeps of each
    realm's topics is apart.

    They raise `ConfigurationError` for a file that holds something else, and
    `sqlite3.Error` for one that cannot be used. Making one raises `ConfigurationError`
    for what is no whole number of bytes.
    """

    blocking = True

    def __init__(
        self, path: str | os.PathLike[str], *, max_bytes: int | None = 64 * 2**20
    ) -> None:
        if max_bytes is not None and (type(max_bytes) is not int or max_bytes < 1):
            raise ConfigurationError(
                f"SQLiteHistory(max_bytes={max_bytes!r}): give a whole number of "
                "bytes, or None for no limit"
            )
        self._max_bytes = max_bytes
        self._path = Path(path)
        if str(path) in ("", ":memory:"):
            raise ConfigurationError(
                "SQLiteHistory takes the path of a file, which each thread opens; "
                "in memory, use MemoryHistory"
            )

    def __repr__(self) -> str:
        return f"SQLiteHistory({str(self._path)!r})"

    def append(
        self,
        log: str,
        events: Sequence[HistoryEvent],
        *,
        limit: int,
        oldest: int | None,
    ) -> None:
        """Add events to a log, and forget what is beyond the limits.

        All of it is on the disk when this returns. An event that cannot be kept, for it
        is nested too deeply, is logged and left out.
        """
        rows = [row for event in events if (row := _row(log, event)) is not None]
        # sqlite3 would make it readable for everybody.
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
        with self._opened("rw") as database:
            if not _pragma(database, "user_version"):
                database.executescript(_SCHEMA)
            with database:
                database.executemany(_INSERT, rows)
                database.execute(_TRIM, {"log": _blob(log), "limit": limit})
                if oldest is not None:
                    database.execute(_FORGET, (_blob(log), oldest))
                self._trim_size(database, _blob(log))

    def _trim_size(self, database: sqlite3.Connection, log: bytes) -> None:
        limit = self._max_bytes
        if limit is not None and database.execute(_SIZE, (log,)).fetchone()[0] > limit:
            database.execute(_TRIM_SIZE, {"log": log, "max_bytes": limit})

    def select(self, log: str, query: HistoryQuery) -> list[HistoryEvent]:
        """Return what a query asks of a log; nothing while there is no file."""
        if not self._path.exists():
            return []
        statement, values = _statement(log, query)
        with self._opened("ro") as database:
            if not _pragma(database, "user_version"):
                return []
            # It reads no further than the query's limit.
            return query.pick(map(_event, database.execute(statement, values)))

    @contextmanager
    def _opened(self, mode: str) -> Iterator[sqlite3.Connection]:
        uri = f"{self._path.absolute().as_uri()}?mode={mode}"
        with closing(sqlite3.connect(uri, uri=True)) as database:
            found = (
                _pragma(database, "application_id"),
                _pragma(database, "user_version"),
            )
            if found != (_APPLICATION, _VERSION) and (
                any(found) or not _is_empty(database)
            ):
                raise ConfigurationError(f"{self._path} holds no history")
            yield database


def _statement(log: str, query: HistoryQuery) -> tuple[str, list[Any]]:
    """Return SQL that narrows the log down; `HistoryQuery.pick` does the rest."""
    conditions = ["log = ?"]
    values: list[Any] = [_blob(log)]
    if query.topic is not None:
        conditions.append("topic = ?")
        values.append(_blob(query.topic))
    for name, comparison in _TIMES.items():
        if (time := getattr(query, name)) is not None:
            conditions.append(f"timestamp {comparison} ?")
            values.append(max(_EARLIEST, min(time, _LATEST)))
    for name, comparison in _PUBLICATIONS.items():
        if (publication := getattr(query, name)) is not None:
            # One that is not kept is older than all that are; places begin at 1.
            place = "SELECT max(place) FROM events WHERE log = ? AND publication = ?"
            conditions.append(f"place {comparison} coalesce(({place}), 0)")
            values += (_blob(log), publication)
    order = "DESC" if query.reverse else "ASC"
    return (
        "SELECT publication, timestamp, topic, body FROM events WHERE "
        f"{' AND '.join(conditions)} ORDER BY place {order}"
    ), values


def _row(log: str, event: HistoryEvent) -> tuple[Any, ...] | None:
    body = (event.details, event.args, event.kwargs, event.receivers)
    try:
        packed = pack([*body])
    except (RecursionError, ValueError, TypeError, OverflowError):
        logger.exception("publication %s cannot be kept", event.publication)
        return None
    return _blob(log), event.publication, event.timestamp, _blob(event.topic), packed


def _event(row: tuple[Any, ...]) -> HistoryEvent:
    publication, timestamp, topic, body = row
    details, args, kwargs, receivers = unpack(body)
    return HistoryEvent(
        publication,
        timestamp,
        topic.decode("utf-8", "surrogatepass"),
        details,
        args,
        kwargs,
        receivers,
    )


def _blob(uri: str) -> bytes:
    # A client's URI may hold half of a surrogate pair, which no text in a file has.
    return uri.encode("utf-8", "surrogatepass")


def _pragma(database: sqlite3.Connection, name: str) -> int:
    value: int = database.execute(f"PRAGMA {name}").fetchone()[0]
    return value


def _is_empty(database: sqlite3.Connection) -> bool:
    return database.execute("SELECT 1 FROM sqlite_master").fetchone() is None
