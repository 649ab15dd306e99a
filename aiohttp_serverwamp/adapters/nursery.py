"""What trio and anyio have in common: tasks, timers and waiters around a nursery.

Both name these things alike; the few calls used here are spelled out in `Library`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
)
from math import inf
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from aiohttp_serverwamp.adapters.blocking import call_blocking
from aiohttp_serverwamp.adapters.failure_log import (
    call_logged,
    log_failure,
    name_of,
)

if TYPE_CHECKING:
    from aiohttp_serverwamp.interfaces import TaskHandle, TaskRunner

__all__ = [
    "EventWaiter",
    "NurseryRunner",
    "NurserySupport",
    "ScopeInterruption",
    "ScopeTimer",
    "open_runner",
    "wait_at_most",
]

T = TypeVar("T")


class Scope(AbstractContextManager[Any], Protocol):
    """A cancel scope."""

    deadline: float

    def cancel(self) -> object:
        """Cancel what runs within."""

    @property
    def cancelled_caught(self) -> bool:
        """Whether the scope was left because it was cancelled."""


class Event(Protocol):
    """A flag that is set once."""

    def set(self) -> object:
        """Wake who waits."""

    def is_set(self) -> bool:
        """Say whether `set` was called."""

    async def wait(self) -> object:
        """Wait for `set`."""


class Library(Protocol):
    """The module ``trio`` or ``anyio``, as far as it is used here."""

    @property
    def CancelScope(self) -> Callable[..., Scope]:
        """Make a cancel scope; `deadline` is a time of `current_time`."""

    @property
    def Event(self) -> Callable[[], Event]:
        """Make an event."""

    async def sleep_forever(self) -> object:
        """Wait until cancelled."""

    def current_time(self) -> float:
        """Return the time deadlines go by."""


class NurseryRunner:
    """Tasks with one owner, on an open nursery (trio) or task group (anyio).

    A task that fails is logged and leaves its siblings alone.
    """

    __slots__ = ("_closing", "_idle", "_library", "_running", "_spawn")

    def __init__(self, spawn: Callable[..., object], library: Any) -> None:
        # `Any`: the checkers cannot match a module whose functions have overloads.
        self._spawn = spawn
        self._library: Library = library
        self._running: set[_ScopedTask] = set()
        self._idle: Event | None = None
        self._closing = False

    def start(
        self, func: Callable[..., Coroutine[Any, Any, None]], *args: Any
    ) -> TaskHandle:
        """Start ``func(*args)`` as a task; once the runner is left, do nothing."""
        task = _ScopedTask(self._library.CancelScope())
        if not self._closing:
            self._running.add(task)
            self._spawn(self._run, task, func, args)
        return task

    async def join(self, timeout: float | None) -> None:
        """Wait until all tasks have ended; cancel the rest after `timeout` seconds."""
        if not await wait_at_most(self._library, timeout, self._wait_until_idle):
            for task in list(self._running):
                task.cancel()

    def start_timer(self, run: Callable[[], Awaitable[None]]) -> None:
        """Start the task of a timer, for which `join` does not wait."""
        if not self._closing:
            self._spawn(run)

    def close(self) -> None:
        """Start nothing more."""
        self._closing = True

    async def _run(
        self,
        task: _ScopedTask,
        func: Callable[..., Coroutine[Any, Any, None]],
        args: tuple[Any, ...],
    ) -> None:
        try:
            with task.scope:
                await func(*args)
        except Exception as error:
            log_failure(name_of(func), error)
        finally:
            self._running.discard(task)
            if self._idle is not None and not self._running:
                self._idle.set()
                self._idle = None

    async def _wait_until_idle(self) -> None:
        while self._running:
            if self._idle is None:
                self._idle = self._library.Event()
            await self._idle.wait()


@asynccontextmanager
async def open_runner(
    nursery: AbstractAsyncContextManager[Any], library: Any
) -> AsyncIterator[NurseryRunner]:
    """Open `nursery` as an owner of tasks, cancelled when it is left.

    What the block raises is raised as it is, not within an exception group.
    """
    failure: Exception | None = None
    async with nursery as opened:
        runner = NurseryRunner(opened.start_soon, library)
        try:
            yield runner
        except Exception as error:
            failure = error
        finally:
            runner.close()
            opened.cancel_scope.cancel()
    if failure is not None:
        raise failure


class _ScopedTask:
    """One running task."""

    __slots__ = ("scope",)

    def __init__(self, scope: Scope) -> None:
        self.scope = scope

    def cancel(self) -> None:
        self.scope.cancel()


class ScopeTimer:
    """One deadline that can be moved: that of a cancel scope in a task of its own.

    The task is started when the timer is first set.
    """

    __slots__ = ("_callback", "_library", "_runner", "_scope", "_started", "_when")

    def __init__(
        self, tasks: TaskRunner, library: Any, callback: Callable[[], None]
    ) -> None:
        assert isinstance(tasks, NurseryRunner), "a timer needs a nursery"
        self._runner = tasks
        self._library: Library = library
        self._callback = callback
        self._scope: Scope | None = None
        self._when = inf
        self._started = False

    def set(self, when: float | None) -> None:
        """Call back at `when`, in the library's time; None disarms."""
        self._when = inf if when is None else when
        if self._scope is not None:
            self._scope.deadline = self._when
        elif not self._started and when is not None:
            self._started = True
            self._runner.start_timer(self._run)

    async def _run(self) -> None:
        library = self._library
        while True:
            with library.CancelScope(deadline=self._when) as self._scope:
                await library.sleep_forever()
            self._scope = None
            # It may have been moved between the scope's end and here.
            if library.current_time() >= self._when:
                self._when = inf
                call_logged(self._callback)


class EventWaiter:
    """One result that one task waits for."""

    __slots__ = ("_error", "_event", "_value")

    def __init__(self, library: Any) -> None:
        self._event: Event = library.Event()
        self._value: Any = None
        self._error: BaseException | None = None

    def set_result(self, value: Any) -> None:
        """Give the result; ignored after the first result or error."""
        if not self._event.is_set():
            self._value = value
            self._event.set()

    def set_error(self, error: BaseException) -> None:
        """Give an error for the waiting task to raise; ignored after the first."""
        if not self._event.is_set():
            self._error = error
            self._event.set()

    async def wait(self) -> Any:
        """Wait for the result and return it, or raise the error."""
        await self._event.wait()
        if self._error is not None:
            raise self._error
        return self._value


class ScopeInterruption:
    """Waiting that any other task can end, for good."""

    __slots__ = ("_ended", "_library", "_scope")

    def __init__(self, library: Any) -> None:
        self._library: Library = library
        self._ended = False
        self._scope: Scope | None = None

    async def wait(self, func: Callable[[], Awaitable[T]]) -> T | None:
        """Await ``func()`` and return its result; None once `end` was called."""
        if self._ended:
            return None
        result = None
        with self._library.CancelScope() as self._scope:
            result = await func()
        return result

    def end(self) -> None:
        """Cancel what is waited for, and everything that would be later."""
        self._ended = True
        if self._scope is not None:
            self._scope.cancel()


async def run_to_the_end(
    support: NurserySupport,
    func: Callable[[], Coroutine[Any, Any, None]],
    on_cancel: Callable[[], None],
) -> None:
    """Await ``func()``, shielded; another task waits for the cancellation."""
    library: Library = support.library
    done = False

    async def notice() -> None:
        try:
            await library.sleep_forever()
        finally:
            if not done:
                on_cancel()

    async with support.task_group() as tasks:
        tasks.start_timer(notice)
        with library.CancelScope(shield=True):
            try:
                await func()
            finally:
                done = True


async def wait_at_most(
    library: Any,
    seconds: float | None,
    func: Callable[..., Awaitable[Any]],
    *args: Any,
) -> bool:
    """Await ``func(*args)``; cancel it and return False after `seconds`."""
    deadline = inf if seconds is None else library.current_time() + seconds
    scope: Scope = library.CancelScope(deadline=deadline)
    with scope:
        await func(*args)
    return not scope.cancelled_caught


class NurserySupport:
    """What the two sides of `AsyncSupport` have in common."""

    def __init__(
        self, library: Any, open_nursery: Callable[[], AbstractAsyncContextManager[Any]]
    ) -> None:
        #: The module ``trio`` or ``anyio``.
        self.library = library
        self._open_nursery = open_nursery

    def now(self) -> float:
        """Return the library's time in seconds; only while it runs."""
        time: float = self.library.current_time()
        return time

    def task_group(self) -> AbstractAsyncContextManager[NurseryRunner]:
        """Open an owner of tasks; leaving it cancels and awaits what still runs."""
        return open_runner(self._open_nursery(), self.library)

    def timer(self, tasks: TaskRunner, callback: Callable[[], None]) -> ScopeTimer:
        """Make a disarmed timer, disarmed for good when `tasks` is left."""
        return ScopeTimer(tasks, self.library, callback)

    def waiter(self) -> EventWaiter:
        """Make a waiter for the running task."""
        return EventWaiter(self.library)

    def interruption(self) -> ScopeInterruption:
        """Make one, for one task at a time to wait with."""
        return ScopeInterruption(self.library)

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await self.library.sleep(seconds)

    async def wait_at_most(
        self, seconds: float | None, func: Callable[..., Awaitable[Any]], *args: Any
    ) -> bool:
        """Await ``func(*args)``; cancel it and return False after `seconds`."""
        return await wait_at_most(self.library, seconds, func, *args)

    async def run_to_the_end(
        self,
        func: Callable[[], Coroutine[Any, Any, None]],
        on_cancel: Callable[[], None],
    ) -> None:
        """Await ``func()`` even if cancelled, at which ``on_cancel()`` is called."""
        await run_to_the_end(self, func, on_cancel)

    async def run_in_thread(self, func: Callable[..., T], *args: Any) -> T:
        """Run `func` in a worker thread, with a copy of the context."""
        result: T = await self.library.to_thread.run_sync(
            call_blocking, func, *args, abandon_on_cancel=True
        )
        return result
