"""Histories in memory, which end with the process."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

from aiohttp_serverwamp.errors import ConfigurationError
from aiohttp_serverwamp.history.event import event_size

if TYPE_CHECKING:
    from aiohttp_serverwamp.history.event import HistoryEvent
    from aiohttp_serverwamp.history.query import HistoryQuery

__all__ = ["MemoryHistory"]


class _Log:
    """The events of one topic or pattern, with the bytes that each takes."""

    __slots__ = ("entries", "size")

    def __init__(self) -> None:
        self.entries: deque[tuple[HistoryEvent, int]] = deque()
        self.size = 0

    def drop(self) -> None:
        self.size -= self.entries.popleft()[1]


class MemoryHistory:
    """A `HistoryStore` in memory: what a realm has unless it is given another one.

    The events of one topic or pattern take at most `max_bytes` of memory, roughly,
    whatever their number; None is no limit. Raises `ConfigurationError` for what is no
    whole number of bytes.
    """

    def __init__(self, *, max_bytes: int | None = 16 * 2**20) -> None:
        if max_bytes is not None and (type(max_bytes) is not int or max_bytes < 1):
            raise ConfigurationError(
                f"MemoryHistory(max_bytes={max_bytes!r}): give a whole number of "
                "bytes, or None for no limit"
            )
        self._max_bytes = max_bytes or float("inf")
        self._logs: dict[str, _Log] = {}

    def append(
        self,
        log: str,
        events: Sequence[HistoryEvent],
        *,
        limit: int,
        oldest: int | None,
    ) -> None:
        """Add events to a log, and forget what is beyond the limits."""
        kept = self._logs.setdefault(log, _Log())
        for event in events:
            size = event_size(event)
            kept.entries.append((event, size))
            kept.size += size
        entries = kept.entries
        while len(entries) > limit or kept.size > self._max_bytes:
            kept.drop()
        while entries and oldest is not None and entries[0][0].timestamp < oldest:
            kept.drop()

    def select(self, log: str, query: HistoryQuery) -> list[HistoryEvent]:
        """Return what a query asks of a log."""
        kept = self._logs.get(log)
        if kept is None:
            return []
        return query.select([event for event, _ in kept.entries])
