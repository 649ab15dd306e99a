"""The history of topics: which events are kept, and where (specification, 6.9)."""

from __future__ import annotations

from aiohttp_serverwamp.history.event import HistoryEvent
from aiohttp_serverwamp.history.memory import MemoryHistory
from aiohttp_serverwamp.history.query import HistoryQuery
from aiohttp_serverwamp.history.sqlite import SQLiteHistory

__all__ = [
    "HistoryEvent",
    "HistoryQuery",
    "MemoryHistory",
    "SQLiteHistory",
]
