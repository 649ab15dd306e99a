"""The database file: one connection, its tables, and how they came to be."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

__all__ = ["MIGRATIONS", "Database", "as_text", "as_time"]

# Append, never edit: a database knows by its user_version how many it has seen.
MIGRATIONS = (
    """
    CREATE TABLE users (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE COLLATE NOCASE,
        password_hash TEXT NOT NULL
    );
    CREATE TABLE tasks (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        title TEXT NOT NULL,
        added_by INTEGER NOT NULL REFERENCES users (id),
        added_at TEXT NOT NULL,
        done_by INTEGER REFERENCES users (id),
        done_at TEXT,
        revision INTEGER NOT NULL DEFAULT 1
    );
    CREATE INDEX tasks_by_done_at ON tasks (done_at);
    """,
    """
    ALTER TABLE users ADD COLUMN role TEXT NOT NULL DEFAULT 'member';
    ALTER TABLE users ADD COLUMN generation INTEGER NOT NULL DEFAULT 1;
    ALTER TABLE users ADD COLUMN signed_in_until TEXT;
    -- A board from before there were administrators needs one.
    UPDATE users SET role = 'admin' WHERE id = (SELECT min(id) FROM users);
    ALTER TABLE tasks ADD COLUMN assignee INTEGER REFERENCES users (id);
    ALTER TABLE tasks ADD COLUMN due TEXT;
    ALTER TABLE tasks ADD COLUMN changed_by INTEGER REFERENCES users (id);
    UPDATE tasks SET changed_by = coalesce(done_by, added_by);
    """,
)


class Database:
    """One SQLite connection, used by one thread at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    def open(self) -> None:
        """Open the file, creating it or its newer tables where missing.

        Raises `sqlite3.DatabaseError` where that is not possible.
        """
        connection = sqlite3.connect(self._path, check_same_thread=False)
        try:
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA foreign_keys = ON")
            _migrate(connection)
        except sqlite3.Error:
            connection.close()
            raise
        self._connection = connection

    def close(self) -> None:
        """Close the file; waits for the statement that is running."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Lend the connection; commit at the end, or roll back what raised."""
        with self._lock:
            if self._connection is None:
                raise RuntimeError("the store is not open; call open() first")
            with self._connection:
                yield self._connection


def as_text(time: datetime) -> str:
    """Write a time so that later times sort after earlier ones."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds")


def as_time(text: str | None) -> datetime | None:
    """Read what `as_text` has written."""
    return None if text is None else datetime.fromisoformat(text)


def _migrate(connection: sqlite3.Connection) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
        connection.executescript(
            f"BEGIN; {script} PRAGMA user_version = {number}; COMMIT;"
        )
