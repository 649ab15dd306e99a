"""The tasks of the board."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import UTC, date, datetime

from example_app.errors import ChangedMeanwhile, NoSuchMember, NoSuchTask
from example_app.store.database import Database, as_text, as_time

__all__ = ["Counts", "Task", "Tasks"]

SELECT_TASKS = """
    SELECT tasks.id, title, assignee.name AS assignee, due,
           adder.name AS added_by, added_at, finisher.name AS done_by, done_at,
           changer.name AS changed_by, revision
    FROM tasks
    JOIN users AS adder ON adder.id = tasks.added_by
    JOIN users AS changer ON changer.id = tasks.changed_by
    LEFT JOIN users AS assignee ON assignee.id = tasks.assignee
    LEFT JOIN users AS finisher ON finisher.id = tasks.done_by
"""


@dataclass(frozen=True, slots=True)
class Task:
    """One task of the board, as the browser gets it.

    `revision` grows with every change: a browser that has seen a later one ignores an
    earlier one that arrives after it, and who edits says which one they saw.
    """

    id: int
    title: str
    assignee: str | None
    due: date | None
    added_by: str
    added_at: datetime
    done_by: str | None
    done_at: datetime | None
    changed_by: str
    revision: int


@dataclass(frozen=True, slots=True)
class Counts:
    """How many tasks there are."""

    open: int
    done: int


class Tasks:
    """The table of tasks. Users are named by id where they act, else by name."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def on_board(self, *, done_limit: int = 50) -> list[Task]:
        """List every open task and the `done_limit` tasks that were done last."""
        with self._database.transaction() as connection:
            rows = connection.execute(
                SELECT_TASKS + "WHERE done_at IS NULL ORDER BY tasks.id DESC"
            ).fetchall()
            return [_task(row) for row in rows] + _last_done(connection, done_limit)

    def last_done(self, limit: int) -> list[Task]:
        """List the tasks that were done last, the latest first."""
        with self._database.transaction() as connection:
            return _last_done(connection, limit)

    def after(self, task_id: int, limit: int) -> list[Task]:
        """List the next tasks after this id, in the order they were added."""
        with self._database.transaction() as connection:
            rows = connection.execute(
                SELECT_TASKS + "WHERE tasks.id > ? ORDER BY tasks.id LIMIT ?",
                (task_id, limit),
            )
            return [_task(row) for row in rows]

    def counts(self) -> Counts:
        """Count the open tasks and those that are done."""
        with self._database.transaction() as connection:
            (total, done) = connection.execute(
                "SELECT count(*), count(done_at) FROM tasks"
            ).fetchone()
            return Counts(open=total - done, done=done)

    def get(self, task_id: int) -> Task:
        """Find a task, or raise `NoSuchTask`."""
        with self._database.transaction() as connection:
            return _find(connection, task_id)

    def add(
        self,
        title: str,
        user_id: int,
        *,
        assignee: str | None = None,
        due: date | None = None,
        at: datetime | None = None,
    ) -> Task:
        """Add an open task in the name of this user, now or `at` a time.

        Raises `NoSuchMember` for the assignee.
        """
        with self._database.transaction() as connection:
            cursor = connection.execute(
                "INSERT INTO tasks (title, assignee, due, added_by, added_at,"
                " changed_by) VALUES (?, ?, ?, ?, ?, ?)",
                (
                    title,
                    _member_id(connection, assignee),
                    None if due is None else due.isoformat(),
                    user_id,
                    as_text(at or datetime.now(UTC)),
                    user_id,
                ),
            )
            assert cursor.lastrowid is not None
            return _find(connection, cursor.lastrowid)

    def edit(
        self,
        task_id: int,
        revision: int,
        user_id: int,
        *,
        title: str,
        assignee: str | None,
        due: date | None,
    ) -> Task:
        """Change a task of this revision.

        Raises `NoSuchTask`, `NoSuchMember` for the assignee, and `ChangedMeanwhile`,
        with the task as it is now, if the revision is no longer the latest.
        """
        with self._database.transaction() as connection:
            _check_revision(connection, task_id, revision)
            connection.execute(
                "UPDATE tasks SET title = ?, assignee = ?, due = ?, changed_by = ?,"
                " revision = revision + 1 WHERE id = ?",
                (
                    title,
                    _member_id(connection, assignee),
                    None if due is None else due.isoformat(),
                    user_id,
                    task_id,
                ),
            )
            return _find(connection, task_id)

    def complete(
        self, task_id: int, user_id: int, *, at: datetime | None = None
    ) -> Task:
        """Mark a task done by this user, now or `at` a time.

        Who did it first keeps the honour. Raises `NoSuchTask`.
        """
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE tasks SET done_by = ?, done_at = ?, changed_by = ?,"
                " revision = revision + 1 WHERE id = ? AND done_at IS NULL",
                (user_id, as_text(at or datetime.now(UTC)), user_id, task_id),
            )
            return _find(connection, task_id)

    def reopen(self, task_id: int, user_id: int) -> Task:
        """Mark a task not done after all. Raises `NoSuchTask`."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE tasks SET done_by = NULL, done_at = NULL, changed_by = ?,"
                " revision = revision + 1 WHERE id = ? AND done_at IS NOT NULL",
                (user_id, task_id),
            )
            return _find(connection, task_id)

    def delete(self, task_id: int, revision: int) -> Task:
        """Take a task of this revision off the board; raises as `edit` does."""
        with self._database.transaction() as connection:
            task = _check_revision(connection, task_id, revision)
            connection.execute("DELETE FROM tasks WHERE id = ?", (task_id,))
            return task


def _find(connection: sqlite3.Connection, task_id: int) -> Task:
    row = connection.execute(SELECT_TASKS + "WHERE tasks.id = ?", (task_id,)).fetchone()
    if row is None:
        raise NoSuchTask(task_id)
    return _task(row)


def _last_done(connection: sqlite3.Connection, limit: int) -> list[Task]:
    rows = connection.execute(
        SELECT_TASKS
        + "WHERE done_at IS NOT NULL ORDER BY done_at DESC, tasks.id DESC LIMIT ?",
        (limit,),
    )
    return [_task(row) for row in rows]


def _check_revision(
    connection: sqlite3.Connection, task_id: int, revision: int
) -> Task:
    task = _find(connection, task_id)
    if task.revision != revision:
        raise ChangedMeanwhile(task)
    return task


def _member_id(connection: sqlite3.Connection, name: str | None) -> int | None:
    if name is None:
        return None
    row = connection.execute("SELECT id FROM users WHERE name = ?", (name,)).fetchone()
    if row is None:
        raise NoSuchMember(name)
    user_id: int = row["id"]
    return user_id


def _task(row: sqlite3.Row) -> Task:
    added_at = as_time(row["added_at"])
    assert added_at is not None
    due = row["due"]
    return Task(
        id=row["id"],
        title=row["title"],
        assignee=row["assignee"],
        due=None if due is None else date.fromisoformat(due),
        added_by=row["added_by"],
        added_at=added_at,
        done_by=row["done_by"],
        done_at=as_time(row["done_at"]),
        changed_by=row["changed_by"],
        revision=row["revision"],
    )
