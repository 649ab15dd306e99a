"""What everybody may see, without signing in: the realm ``guests``.

A realm is a room of its own: nothing that is published to the members can be heard
here. What guests are told is said here, and nowhere else.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiohttp_serverwamp import Realm, Session, TopicRouteSet
from example_app.store import Counts, Store

__all__ = ["guests_realm"]

OVERVIEW = "guests.overview"
FINISHED_LIMIT = 8


@dataclass(frozen=True, slots=True)
class Finished:
    """A task that is done, and the first name of who did it."""

    title: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Overview:
    """All that guests get to know; open tasks are only counted."""

    counts: Counts
    finished: list[Finished]


class Window:
    """The window through which guests look in: the latest overview."""

    def __init__(self, store: Store, realm: Realm) -> None:
        self._store = store
        self._realm = realm
        self._latest: Overview | None = None
        # How many were asked for, and which of them is the latest.
        self._asked = self._latest_asked = 0

    async def refresh(self, *_: Any, **__: Any) -> None:
        """Tell the guests of a change, whatever it was."""
        if await self._look():
            self._realm.publish(OVERVIEW, self._latest)

    async def accompany(self, session: Session) -> AsyncIterator[None]:
        """Show a newcomer the board as it is; then come the events."""
        if self._latest is None:
            await self._look()
        session.send_event(OVERVIEW, [self._latest])
        yield

    async def _look(self) -> bool:
        """Look at the board; False if one that looked later came back earlier."""
        self._asked += 1
        asked = self._asked
        seen = await self._realm.run_in_thread(overview, self._store)
        if asked < self._latest_asked:
            return False
        self._latest, self._latest_asked = seen, asked
        return True


def guests_realm(store: Store, members: Realm) -> Realm:
    """Make the realm that everybody may join, and in which nobody can do anything."""
    guests = Realm("guests")
    window = Window(store, guests)
    topics = TopicRouteSet()
    topics.route(OVERVIEW)(window.accompany)
    guests.add_routes(topics)
    members.subscribe("board.task_", window.refresh, match="prefix")
    return guests


def overview(store: Store) -> Overview:
    """Read what guests may know. Blocks."""
    return Overview(
        counts=store.tasks.counts(),
        finished=[
            Finished(task.title, task.done_by.split()[0], task.done_at)
            for task in store.tasks.last_done(FINISHED_LIMIT)
            if task.done_by is not None and task.done_at is not None
        ],
    )
