"""anyio: tasks, timers, waiters and threads, on asyncio or trio underneath.

Importing this module does not need anyio; `AnyioAsyncSupport` does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, TypeVar

from aiohttp_serverwamp.adapters.asyncio import call_from_thread_in
from aiohttp_serverwamp.adapters.blocking import call_blocking
from aiohttp_serverwamp.adapters.nursery import (
    EventWaiter,
    NurseryRunner,
    ScopeTimer,
    open_runner,
    wait_at_most,
)
from aiohttp_serverwamp.adapters.trio import call_from_thread_in_trio
from aiohttp_serverwamp.errors import ConfigurationError

if TYPE_CHECKING:
    from aiohttp_serverwamp.interfaces import TaskRunner

__all__ = ["AnyioAsyncSupport"]

T = TypeVar("T")


class AnyioAsyncSupport:
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
        self._anyio = anyio
        self.cancelled: type[BaseException] | tuple[type[BaseException], ...] = (
            _cancelled_on_any_backend()
        )

    def now(self) -> float:
        """Return the backend's time in seconds; only within `anyio.run`."""
        return self._anyio.current_time()

    def task_group(self) -> AbstractAsyncContextManager[NurseryRunner]:
        """Open an owner of tasks; leaving it cancels and awaits what still runs."""
        return open_runner(self._anyio.create_task_group(), self._anyio)

    def timer(self, tasks: TaskRunner, callback: Callable[[], None]) -> ScopeTimer:
        """Make a disarmed timer, disarmed for good when `tasks` is left."""
        return ScopeTimer(tasks, self._anyio, callback)

    def waiter(self) -> EventWaiter:
        """Make a waiter for the running task."""
        return EventWaiter(self._anyio)

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await self._anyio.sleep(seconds)

    async def wait_at_most(
        self, seconds: float | None, func: Callable[..., Awaitable[Any]], *args: Any
    ) -> bool:
        """Await ``func(*args)``; cancel it and return False after `seconds`."""
        return await wait_at_most(self._anyio, seconds, func, *args)

    async def run_in_thread(self, func: Callable[..., T], *args: Any) -> T:
        """Run `func` in a worker thread, with a copy of the context."""
        return await self._anyio.to_thread.run_sync(
            call_blocking, func, *args, abandon_on_cancel=True
        )

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
