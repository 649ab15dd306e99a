"""The events of one realm on their way into its history store, and out of it.

The router hands them over and goes on; a task gives them to the store, those of one log
together. Whoever reads waits for that first, and so finds what was published before.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from aiohttp_serverwamp.history.event import event_size
from aiohttp_serverwamp.uris import shown

if TYPE_CHECKING:
    from aiohttp_serverwamp.history.event import HistoryEvent
    from aiohttp_serverwamp.history.query import HistoryQuery
    from aiohttp_serverwamp.hosting.runtime import Runtime
    from aiohttp_serverwamp.interfaces import HistoryStore, Waiter

__all__ = ["StoreKeeper"]

logger = logging.getLogger("aiohttp_serverwamp.hosting")

#: Events that wait for a store, and the bytes of memory that they take; when it is
#: further behind, history loses what comes.
_MAX_WAITING: Final = 10_000
_MAX_WAITING_SIZE: Final = 64 * 2**20


class _Entry(NamedTuple):
    log: str
    event: HistoryEvent
    limit: int
    oldest: int | None


class StoreKeeper:
    """Implements `router.host.HistoryKeeper` with a `HistoryStore`.

    `later` calls a function once the running router operation is over: the store is the
    application's own code.
    """

    def __init__(
        self, runtime: Runtime, store: HistoryStore, later: Callable[..., None]
    ) -> None:
        self._runtime = runtime
        self._store = store
        self._later = later
        self._waiting: list[_Entry] = []
        #: Bytes of what waits.
        self._size = 0
        self._lost = 0
        #: How many events have been taken so far, and how many of these are in the
        #: store, or lost.
        self._taken = self._done = 0
        #: Whether a task was called that has not come to work yet.
        self._called = False
        self._working = False
        self._waiters: list[Waiter[None]] = []

    async def open(self, log: str, limit: int, oldest: int | None) -> None:
        """Have the store find out whether it can keep a log; raise what it does."""
        await self._ask(self._store.append, log, (), limit=limit, oldest=oldest)

    def record(
        self, log: str, event: HistoryEvent, limit: int, oldest: int | None
    ) -> None:
        """Take an event; never wait."""
        size = event_size(event)
        count = len(self._waiting)
        if count >= _MAX_WAITING or (count and self._size + size > _MAX_WAITING_SIZE):
            self._lost += 1
            return
        self._waiting.append(_Entry(log, event, limit, oldest))
        self._size += size
        self._taken += 1
        if not self._called and not self._working:
            self._called = True
            self._later(self._runtime.tasks.start, self._come_to_work)

    async def select(self, log: str, query: HistoryQuery) -> Sequence[HistoryEvent]:
        """Return what a query asks of a log; raise what the store does."""
        # Not working itself: who reads may be cancelled at any time.
        await self._until(self._taken)
        found: Sequence[HistoryEvent] = await self._ask(self._store.select, log, query)
        return found

    async def flush(self) -> None:
        """Have everything in the store; for who is the last to ask anything of it."""
        while self._waiting or self._working:
            if self._working:
                await self._until(self._taken)
            else:
                await self._work()

    async def _until(self, count: int) -> None:
        """Wait until so many of the events taken have been dealt with."""
        while self._done < count:
            waiter = self._runtime.support.waiter()
            self._waiters.append(waiter)
            await waiter.wait()

    async def _come_to_work(self) -> None:
        self._called = False
        if not self._working:
            await self._work()

    async def _work(self) -> None:
        self._working = True
        try:
            while self._waiting:
                await self._write_what_waits()
        finally:
            self._working = False
            self._tell()

    async def _write_what_waits(self) -> None:
        entries, self._waiting, self._size = self._waiting, [], 0
        if self._lost:
            logger.error("the history store is behind: %s lost", self._lost)
            self._lost = 0
        batches = deque(_by_log(entries))
        try:
            while batches:
                await self._append(batches.popleft())
        finally:
            # Who is cancelled leaves the rest to who works next.
            left = [entry for batch in batches for entry in batch]
            self._waiting[:0] = left
            self._size += sum(event_size(entry.event) for entry in left)
            # Readers go on once theirs are there, however many come behind them.
            self._done += len(entries) - len(left)
            self._tell()

    def _tell(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            waiter.set_result(None)

    async def _append(self, batch: Sequence[_Entry]) -> None:
        log, _, limit, oldest = batch[-1]
        events = [entry.event for entry in batch]
        try:
            await self._ask(self._store.append, log, events, limit=limit, oldest=oldest)
        except Exception:
            logger.exception(
                "the history store failed: %s events of %s lost",
                len(events),
                shown(log),
            )

    async def _ask(
        self, question: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> Any:
        if getattr(self._store, "blocking", False):
            ask = partial(question, *args, **kwargs)
            return await self._runtime.support.run_in_thread(ask)
        answer = question(*args, **kwargs)
        return await answer if isawaitable(answer) else answer


def _by_log(entries: Sequence[_Entry]) -> Sequence[Sequence[_Entry]]:
    """Return the entries of each log together, in their order."""
    batches: dict[str, list[_Entry]] = {}
    for entry in entries:
        batches.setdefault(entry.log, []).append(entry)
    return [*batches.values()]
