"""Users and tasks in SQLite. Every method blocks: call it from a worker thread.

The procedures of `board` are ``thread=True`` routes and call it directly; pages go
through `asyncio.to_thread`.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

__all__ = ["Store", "Task", "User"]

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
)

SELECT_TASKS = """
    SELECT tasks.id, title, adder.name AS added_by, added_at,
           finisher.name AS done_by, done_at, revision
    FROM tasks
    JOIN users AS adder ON adder.id = tasks.added_by
    LEFT JOIN users AS finisher ON finisher.id = tasks.done_by
"""


@dataclass(frozen=True, slots=True)
class User:
    """One member of the team."""

    id: int
    name: str
    password_hash: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Task:
    """One task of the board, as the browser gets it.

    `revision` grows with every change: a browser that has seen a later one ignores an
    earlier one that arrives after it.
    """

    id: int
    title: str
    added_by: str
    added_at: datetime
    done_by: str | None
    done_at: datetime | None
    revision: int


class Store:
    """The board's database: one connection, used by one thread at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    def open(self) -> None:
        """Open the database file, creating it or its newer tables where missing."""
        connection = sqlite3.connect(self._path, check_same_thread=False)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA foreign_keys = ON")
        _migrate(connection)
        self._connection = connection

    def close(self) -> None:
        """Close the database; waits for the statement that is running."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def add_user(self, name: str, password_hash: str) -> User:
        """Add a user; `sqlite3.IntegrityError` if the name is taken."""
        with self._transaction() as connection:
            cursor = connection.execute(
                "INSERT INTO users (name, password_hash) VALUES (?, ?)",
                (name, password_hash),
            )
            assert cursor.lastrowid is not None
            return User(cursor.lastrowid, name, password_hash)

    def has_users(self) -> bool:
        """Tell whether anybody can sign in at all."""
        with self._transaction() as connection:
            row = connection.execute("SELECT 1 FROM users LIMIT 1").fetchone()
            return row is not None

    def user_named(self, name: str) -> User | None:
        """Find a user by name, in upper or lower case."""
        with self._transaction() as connection:
            row = connection.execute(
                "SELECT id, name, password_hash FROM users WHERE name = ?", (name,)
            ).fetchone()
            return None if row is None else User(**row)

    def user(self, user_id: int) -> User | None:
        """Find a user by id."""
        with self._transaction() as connection:
            row = connection.execute(
                "SELECT id, name, password_hash FROM users WHERE id = ?", (user_id,)
            ).fetchone()
            return None if row is None else User(**row)

    def tasks(self, *, done_limit: int = 50) -> list[Task]:
        """List every open task and the `done_limit` tasks that were done last."""
        with self._transaction() as connection:
            rows = connection.execute(
                SELECT_TASKS + "WHERE done_at IS NULL ORDER BY tasks.id DESC"
            ).fetchall()
            rows += connection.execute(
                SELECT_TASKS
                + "WHERE done_at IS NOT NULL"
                + " ORDER BY done_at DESC, tasks.id DESC LIMIT ?",
                (done_limit,),
            ).fetchall()
            return [_task(row) for row in rows]

    def add_task(self, title: str, user_id: int) -> Task:
        """Add an open task in the name of this user."""
        with self._transaction() as connection:
            cursor = connection.execute(
                "INSERT INTO tasks (title, added_by, added_at) VALUES (?, ?, ?)",
                (title, user_id, _now()),
            )
            assert cursor.lastrowid is not None
            task = _find_task(connection, cursor.lastrowid)
            assert task is not None
            return task

    def complete_task(self, task_id: int, user_id: int) -> Task | None:
        """Mark a task done by this user; who did it first keeps the honour.

        Returns the task as it is now, or `None` if there is none.
        """
        with self._transaction() as connection:
            connection.execute(
                "UPDATE tasks SET done_by = ?, done_at = ?, revision = revision + 1"
                " WHERE id = ? AND done_at IS NULL",
                (user_id, _now(), task_id),
            )
            return _find_task(connection, task_id)

    def reopen_task(self, task_id: int) -> Task | None:
        """Mark a task not done after all; the task as it is now, or `None`."""
        with self._transaction() as connection:
            connection.execute(
                "UPDATE tasks SET done_by = NULL, done_at = NULL,"
                " revision = revision + 1 WHERE id = ? AND done_at IS NOT NULL",
                (task_id,),
            )
            return _find_task(connection, task_id)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            if self._connection is None:
                raise RuntimeError("the store is not open; call open() first")
            with self._connection:
                yield self._connection


def _migrate(connection: sqlite3.Connection) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
        connection.executescript(
            f"BEGIN; {script} PRAGMA user_version = {number}; COMMIT;"
        )


def _find_task(connection: sqlite3.Connection, task_id: int) -> Task | None:
    row = connection.execute(SELECT_TASKS + "WHERE tasks.id = ?", (task_id,)).fetchone()
    return None if row is None else _task(row)


def _task(row: sqlite3.Row) -> Task:
    done_at = row["done_at"]
    return Task(
        id=row["id"],
        title=row["title"],
        added_by=row["added_by"],
        added_at=datetime.fromisoformat(row["added_at"]),
        done_by=row["done_by"],
        done_at=None if done_at is None else datetime.fromisoformat(done_at),
        revision=row["revision"],
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
