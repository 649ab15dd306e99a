"""Threads for the hashing of passwords alone, and an end to how many wait for them.

Hashing is slow by design, and anybody may ask for it. In the event loop's own threads
it would hold up everything else that is done there: the database, so every board.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

__all__ = ["HashingThreads", "TooBusy"]

P = ParamSpec("P")
R = TypeVar("R")


class TooBusy(Exception):
    """As many wait already as may."""


class HashingThreads:
    """`threads` threads, and `waiting` places for those who have to wait for one.

    To be used in the event loop's thread. Close it at the end.
    """

    def __init__(self, *, threads: int = 2, waiting: int = 16) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="hashing")
        self._places = threads + waiting
        self._taken = 0

    def submit(
        self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs
    ) -> asyncio.Future[R]:
        """Have `function` called in one of the threads; `TooBusy` if no place is free.

        A place is free again when the work is done, or was cancelled before it began.
        """
        if self._taken >= self._places:
            raise TooBusy
        work: Future[R] = self._executor.submit(function, *args, **kwargs)
        self._taken += 1
        loop = asyncio.get_running_loop()
        work.add_done_callback(lambda _: loop.call_soon_threadsafe(self._free_place))
        return asyncio.wrap_future(work)

    async def close(self) -> None:
        """Drop what waits, and wait for what is being done."""
        await asyncio.to_thread(self._executor.shutdown, cancel_futures=True)

    def _free_place(self) -> None:
        self._taken -= 1
