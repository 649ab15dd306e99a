"""trio: tasks, timers, waiters and threads for the rest of the package.

Importing this module does not need trio; `TrioAsyncSupport` does.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, TypeVar

from aiohttp_serverwamp.adapters.blocking import call_blocking
from aiohttp_serverwamp.adapters.failure_log import log_failure, name_of
from aiohttp_serverwamp.adapters.nursery import (
    EventWaiter,
    NurseryRunner,
    ScopeTimer,
    open_runner,
    wait_at_most,
)
from aiohttp_serverwamp.errors import ConfigurationError

if TYPE_CHECKING:
    from aiohttp_serverwamp.interfaces import TaskRunner

__all__ = ["TrioAsyncSupport", "call_from_thread_in_trio"]

T = TypeVar("T")


class TrioAsyncSupport:
    """The trio side of `AsyncSupport`.

    Raises `ConfigurationError` where trio is not installed.
    """

    name = "trio"

    def __init__(self) -> None:
        try:
            import trio
        except ImportError as error:
            raise ConfigurationError(
                "TrioAsyncSupport needs trio: pip install aiohttp-serverwamp[trio]"
            ) from error
        self._trio = trio
        self.cancelled: type[BaseException] | tuple[type[BaseException], ...] = (
            trio.Cancelled
        )

    def now(self) -> float:
        """Return trio's time in seconds; only within `trio.run`."""
        return self._trio.current_time()

    def task_group(self) -> AbstractAsyncContextManager[NurseryRunner]:
        """Open an owner of tasks; leaving it cancels and awaits what still runs."""
        return open_runner(self._trio.open_nursery(), self._trio)

    def timer(self, tasks: TaskRunner, callback: Callable[[], None]) -> ScopeTimer:
        """Make a disarmed timer, disarmed for good when `tasks` is left."""
        return ScopeTimer(tasks, self._trio, callback)

    def waiter(self) -> EventWaiter:
        """Make a waiter for the running task."""
        return EventWaiter(self._trio)

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await self._trio.sleep(seconds)

    async def wait_at_most(
        self, seconds: float | None, func: Callable[..., Awaitable[Any]], *args: Any
    ) -> bool:
        """Await ``func(*args)``; cancel it and return False after `seconds`."""
        return await wait_at_most(self._trio, seconds, func, *args)

    async def run_in_thread(self, func: Callable[..., T], *args: Any) -> T:
        """Run `func` in a worker thread, with a copy of the context."""
        return await self._trio.to_thread.run_sync(
            call_blocking, func, *args, abandon_on_cancel=True
        )

    def caller_from_thread(self) -> Callable[[Callable[[], object]], None]:
        """Return a function that runs its argument in this loop, from any thread."""
        return call_from_thread_in_trio()


def call_from_thread_in_trio() -> Callable[[Callable[[], object]], None]:
    """Return a function that hands its argument to this trio, from any thread."""
    import trio

    token = trio.lowlevel.current_trio_token()

    def call(func: Callable[[], object]) -> None:
        try:
            token.run_sync_soon(_logged, func)
        except trio.RunFinishedError as error:
            raise ConfigurationError(
                "the event loop of the application has ended; publish and call while "
                "it runs"
            ) from error

    return call


def _logged(func: Callable[[], object]) -> None:
    # What is raised here would end the whole of trio.
    try:
        func()
    except Exception as error:
        log_failure(name_of(func), error)
