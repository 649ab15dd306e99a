"""anyio: tasks, timers, waiters and threads, on asyncio or trio underneath.

Importing this module does not need anyio; `AnyioAsyncSupport` does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TypeVar

from aiohttp_serverwamp.adapters.asyncio import call_from_thread_in
from aiohttp_serverwamp.adapters.nursery import (
    NurseryRunner,
    NurserySupport,
    open_runner,
)
from aiohttp_serverwamp.adapters.trio import call_from_thread_in_trio
from aiohttp_serverwamp.errors import ConfigurationError

__all__ = ["AnyioAsyncSupport"]

T = TypeVar("T")


class AnyioAsyncSupport(NurserySupport):
    """The anyio side of `AsyncSupport`.

    Raises `ConfigurationError` where anyio is not installed.
    """

    name = "anyio"

    def __init__(self) -> None:
        try:
            import anyio
            import anyio.to_thread
        except ImportError as error:
            raise ConfigurationError(
                "AnyioAsyncSupport needs anyio: pip install aiohttp-serverwamp[anyio]"
            ) from error
        super().__init__(anyio)
        self.cancelled: type[BaseException] | tuple[type[BaseException], ...] = (
            _cancelled_on_any_backend()
        )

    def task_group(self) -> AbstractAsyncContextManager[NurseryRunner]:
        """Open an owner of tasks; leaving it cancels and awaits what still runs."""
        return open_runner(self._library.create_task_group(), self._library)

    def caller_from_thread(self) -> Callable[[Callable[[], object]], None]:
        """Return a function that runs its argument in this loop, from any thread."""
        # anyio's own way makes the calling thread wait, a loop's own thread for ever.
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return call_from_thread_in_trio()
        return call_from_thread_in(loop)


def _cancelled_on_any_backend() -> tuple[type[BaseException], ...]:
    # anyio.get_cancelled_exc_class() answers only within a running loop.
    try:
        import trio
    except ImportError:
        return (asyncio.CancelledError,)
    return asyncio.CancelledError, trio.Cancelled
