"""The events of one realm on their way into its history store, and out of it.

The router hands them over and goes on; a task gives them to the store, those of one log
together. Whoever reads waits for that first, and so finds what was published before.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from aiohttp_serverwamp.uris import shown

if TYPE_CHECKING:
    from aiohttp_serverwamp.history.event import HistoryEvent
    from aiohttp_serverwamp.history.query import HistoryQuery
    from aiohttp_serverwamp.hosting.runtime import Runtime
    from aiohttp_serverwamp.interfaces import HistoryStore, Waiter

__all__ = ["StoreKeeper"]

logger = logging.getLogger("aiohttp_serverwamp.hosting")

#: Events that wait for a store; when it is further behind, history loses what comes.
_MAX_WAITING: Final = 10_000


class _Entry(NamedTuple):
    log: str
    event: HistoryEvent
    limit: int
    oldest: int | None


class StoreKeeper:
    """Implements `router.host.HistoryKeeper` with a `HistoryStore`."""

    def __init__(self, runtime: Runtime, store: HistoryStore) -> None:
        self._runtime = runtime
        self._store = store
        self._waiting: list[_Entry] = []
        self._lost = 0
        #: Whether a task was started that has not come to work yet.
        self._called = False
        self._working = False
        self._waiters: list[Waiter[None]] = []

    def record(
        self, log: str, event: HistoryEvent, limit: int, oldest: int | None
    ) -> None:
        """Take an event; never wait."""
        if len(self._waiting) >= _MAX_WAITING:
            self._lost += 1
            return
        self._waiting.append(_Entry(log, event, limit, oldest))
        if not self._called and not self._working:
            self._called = True
            self._runtime.tasks.start(self.flush)

    async def select(self, log: str, query: HistoryQuery) -> Sequence[HistoryEvent]:
        """Return what a query asks of a log; raise what the store does."""
        await self.flush()
        found: Sequence[HistoryEvent] = await self._ask(self._store.select, log, query)
        return found

    async def flush(self) -> None:
        """Return when what has been recorded so far is in the store, or lost."""
        self._called = False
        while self._waiting or self._working:
            if self._working:
                waiter = self._runtime.support.waiter()
                self._waiters.append(waiter)
                await waiter.wait()
            else:
                await self._work()

    async def _work(self) -> None:
        self._working = True
        try:
            while self._waiting:
                entries, self._waiting = self._waiting, []
                if self._lost:
                    logger.error("the history store is behind: %s lost", self._lost)
                    self._lost = 0
                for batch in _by_log(entries):
                    await self._append(batch)
        finally:
            self._working = False
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
