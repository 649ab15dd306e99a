"""The board: what is stored is announced to everybody who watches.

Both ways in use it, the procedures of `board_api` and the HTTP route of `http_api`. The
methods block, so call them in a worker thread, which may publish; a thread runs on when
its caller leaves, so that a task once stored is always announced too.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated
from unicodedata import category

from msgspec import Meta, Struct

from aiohttp_serverwamp import PublishOptions, Realm, TopicRouteSet
from example_app.store import Store, Task, User

__all__ = ["Board", "Draft", "Id", "Name", "Revision", "Title", "board_topics"]

TASK_ADDED = "board.task_added"
TASK_CHANGED = "board.task_changed"
TASK_DELETED = "board.task_deleted"

Title = Annotated[str, Meta(min_length=1, max_length=200)]
# Control characters, halves of characters, and the ends of lines and paragraphs.
NOT_IN_A_LINE = frozenset({"Cc", "Cs", "Zl", "Zp"})
Name = Annotated[
    str,
    Meta(min_length=1, max_length=100, pattern=r"\A[^\x00-\x1f\x7f\ud800-\udfff]+\Z"),
]
# What SQLite can hold and JavaScript can count.
Id = Annotated[int, Meta(ge=1, le=2**53 - 1)]
Revision = Annotated[int, Meta(ge=1, le=2**53 - 1)]

board_topics = TopicRouteSet()
board_topics.declare(TASK_ADDED)
board_topics.declare(TASK_CHANGED)
board_topics.declare(TASK_DELETED)

# The application itself listens as well: see `guests`.
HEARD_BY_US_TOO = PublishOptions(exclude_me=False)


class Draft(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a person says of a task; `assignee` is a member's name."""

    title: Title
    assignee: Name | None = None
    due: date | None = None

    def __post_init__(self) -> None:
        if not self.title.strip() or not NOT_IN_A_LINE.isdisjoint(
            map(category, self.title)
        ):
            raise ValueError("a title is one line with something to read in it")


class Board:
    """The team's tasks, over a store and the realm that hears of every change."""

    def __init__(self, store: Store, realm: Realm) -> None:
        self._tasks = store.tasks
        self._realm = realm

    def tasks(self) -> list[Task]:
        """List every open task, and the tasks done last."""
        return self._tasks.on_board()

    def get(self, task_id: int) -> Task:
        """Find a task, or raise `NoSuchTask`."""
        return self._tasks.get(task_id)

    def add(self, draft: Draft, by: User) -> Task:
        """Put a task on the board. Raises `NoSuchMember` for its assignee."""
        task = self._tasks.add(
            draft.title.strip(), by.id, assignee=draft.assignee, due=draft.due
        )
        return self._announce(TASK_ADDED, task, by)

    def edit(self, task_id: int, revision: int, draft: Draft, by: User) -> Task:
        """Change the task that the caller saw at `revision`.

        Raises `ChangedMeanwhile`, `NoSuchTask` or `NoSuchMember`.
        """
        task = self._tasks.edit(
            task_id,
            revision,
            by.id,
            title=draft.title.strip(),
            assignee=draft.assignee,
            due=draft.due,
        )
        return self._announce(TASK_CHANGED, task, by)

    def complete(self, task_id: int, by: User) -> Task:
        """Mark a task done. Raises `NoSuchTask`."""
        return self._announce(TASK_CHANGED, self._tasks.complete(task_id, by.id), by)

    def reopen(self, task_id: int, by: User) -> Task:
        """Take "done" back. Raises `NoSuchTask`."""
        return self._announce(TASK_CHANGED, self._tasks.reopen(task_id, by.id), by)

    def delete(self, task_id: int, revision: int, by: User) -> None:
        """Take the task off that the caller saw at `revision`; raises as `edit`."""
        self._announce(TASK_DELETED, self._tasks.delete(task_id, revision), by)

    def _announce(self, topic: str, task: Task, by: User) -> Task:
        self._realm.publish(topic, task, by=by.name, options=HEARD_BY_US_TOO)
        return task
