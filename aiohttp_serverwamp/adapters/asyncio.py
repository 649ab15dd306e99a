"""asyncio: tasks, timers, waiters and threads for the rest of the package."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from aiohttp_serverwamp.adapters import asyncio_streams
from aiohttp_serverwamp.adapters.blocking import call_blocking
from aiohttp_serverwamp.adapters.failure_log import (
    call_logged,
    log_failure,
    name_of,
)
from aiohttp_serverwamp.errors import ConfigurationError

if TYPE_CHECKING:
    import socket
    import ssl
    from types import TracebackType

    from aiohttp_serverwamp.interfaces import ByteStream, TaskHandle, TaskRunner

__all__ = [
    "AsyncioAsyncSupport",
    "AsyncioTimer",
    "call_from_thread_in",
    "is_asyncio_running",
    "run_to_the_end",
]

T = TypeVar("T")


class AsyncioAsyncSupport:
    """The asyncio side of `AsyncSupport`, on any of its event loops."""

    name = "asyncio"
    eager = sys.version_info >= (3, 12)
    cancelled: type[BaseException] | tuple[type[BaseException], ...] = (
        asyncio.CancelledError
    )

    def is_running(self) -> bool:
        """Tell whether an event loop of asyncio runs here."""
        return is_asyncio_running()

    def now(self) -> float:
        """Return the loop's time in seconds."""
        try:
            return asyncio.get_running_loop().time()
        except RuntimeError:  # asked from another thread: the same clock by default
            return time.monotonic()

    def task_group(self) -> AsyncioTaskGroup:
        """Open an owner of tasks; leaving it cancels and awaits what still runs."""
        return AsyncioTaskGroup()

    def timer(self, tasks: TaskRunner, callback: Callable[[], None]) -> AsyncioTimer:
        """Make a disarmed timer, disarmed for good when `tasks` is left."""
        timer = AsyncioTimer(callback)
        if isinstance(tasks, AsyncioTaskGroup):
            tasks.adopt(timer)
        return timer

    def waiter(self) -> AsyncioWaiter:
        """Make a waiter for the running task."""
        return AsyncioWaiter()

    def interruption(self) -> AsyncioInterruption:
        """Make one, for one task at a time to wait with."""
        return AsyncioInterruption()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)

    async def wait_at_most(
        self, seconds: float | None, func: Callable[..., Awaitable[Any]], *args: Any
    ) -> bool:
        """Await ``func(*args)``; cancel it and return False after `seconds`."""
        try:
            async with asyncio.timeout(seconds) as scope:
                await func(*args)
        except TimeoutError:
            if not scope.expired():
                raise
            return False
        return True

    async def run_to_the_end(
        self,
        func: Callable[[], Coroutine[Any, Any, None]],
        on_cancel: Callable[[], None],
    ) -> None:
        """Await ``func()`` even if cancelled, at which ``on_cancel()`` is called."""
        await run_to_the_end(func, on_cancel)

    async def run_in_thread(self, func: Callable[..., T], *args: Any) -> T:
        """Run `func` in the loop's thread pool, with a copy of the context."""
        return await asyncio.to_thread(call_blocking, func, *args)

    def caller_from_thread(self) -> Callable[[Callable[[], object]], None]:
        """Return a function that runs its argument in this loop, from any thread."""
        return call_from_thread_in(asyncio.get_running_loop())

    async def accept(self, listener: socket.socket) -> socket.socket:
        """Wait for the next client of a listening socket."""
        return await asyncio_streams.accept(listener)

    async def open_stream(
        self, connected: socket.socket, tls: ssl.SSLContext | None
    ) -> ByteStream:
        """Make a stream of an accepted socket, after the handshake of TLS."""
        return await asyncio_streams.open_stream(connected, tls)


def is_asyncio_running() -> bool:
    """Tell whether an event loop of asyncio runs here."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


async def run_to_the_end(
    func: Callable[[], Coroutine[Any, Any, None]], on_cancel: Callable[[], None]
) -> None:
    """Await ``func()`` in a task of its own, which nobody else can cancel."""
    task = asyncio.get_running_loop().create_task(func())
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            if cancelled is None:
                on_cancel()
            cancelled = error
    task.result()
    if cancelled is not None:
        raise cancelled


def call_from_thread_in(
    loop: asyncio.AbstractEventLoop,
) -> Callable[[Callable[[], object]], None]:
    """Return a function that hands its argument to `loop`, from any thread."""

    def call(func: Callable[[], object]) -> None:
        try:
            loop.call_soon_threadsafe(func)
        except RuntimeError as error:
            raise ConfigurationError(
                "the event loop of the application has ended; publish and call while "
                "it runs"
            ) from error

    return call


class AsyncioTaskGroup:
    """Tasks with one owner.

    Unlike `asyncio.TaskGroup`, a task that fails is logged and leaves its siblings
    alone. Leaving the block cancels what still runs and waits until it has ended.
    """

    __slots__ = ("_closing", "_idle", "_loop", "_started", "_tasks", "_timers")

    def __init__(self) -> None:
        #: By the number of tasks that had been started before.
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._started = 0
        self._timers: tuple[AsyncioTimer, ...] = ()
        self._idle: asyncio.Future[None] | None = None
        self._closing = False
        self._loop = asyncio.get_running_loop()

    async def __aenter__(self) -> AsyncioTaskGroup:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._closing = True
        for timer in self._timers:
            timer.close()
        self._timers = ()
        self._cancel_all()
        cancelled: asyncio.CancelledError | None = None
        while self._tasks:
            try:
                await self._wait_until_idle()
            except asyncio.CancelledError as again:
                # Our own task is being cancelled. The children are all the same ours:
                # leaving them behind would be worse than coming late.
                cancelled = again
                self._cancel_all()
        if cancelled is not None:
            raise cancelled

    def adopt(self, timer: AsyncioTimer) -> None:
        """Disarm `timer` when this group is left."""
        self._timers = (*self._timers, timer)

    def start(
        self, func: Callable[..., Coroutine[Any, Any, None]], *args: Any
    ) -> TaskHandle:
        """Start ``func(*args)`` as a task; once the group is being left, do nothing."""
        # Hot path: once for each call of an async handler.
        if self._closing:
            return _ENDED
        number = self._started = self._started + 1
        task = _make_task(self._run(number, func, args), self._loop)
        if task.done():
            return _ENDED
        self._tasks[number] = task
        return _Handle(self, number)

    async def _run(
        self,
        number: int,
        func: Callable[..., Coroutine[Any, Any, None]],
        args: tuple[Any, ...],
    ) -> None:
        # In the place of a callback, which would cost another turn of the loop.
        try:
            await func(*args)
        except Exception as error:
            log_failure(name_of(func), error)
        finally:
            self._forget(number)

    def cancel(self, number: int) -> None:
        """Cancel one task; harmless when it has ended."""
        task = self._tasks.get(number)
        if task is not None:
            task.cancel()
            # Before its first step it never runs, nor gets to say that it is over.
            task.add_done_callback(lambda task: self._forget(number))

    async def join(self, timeout: float | None) -> None:
        """Wait until all tasks have ended; cancel the rest after `timeout` seconds."""
        if not self._tasks:
            return
        try:
            async with asyncio.timeout(timeout):
                while self._tasks:
                    await self._wait_until_idle()
        except TimeoutError:
            self._cancel_all()

    def _forget(self, number: int) -> None:
        self._tasks.pop(number, None)
        idle = self._idle
        if idle is not None and not self._tasks and not idle.done():
            idle.set_result(None)

    async def _wait_until_idle(self) -> None:
        if self._idle is None or self._idle.done():
            self._idle = self._loop.create_future()
        # Two may wait at once (join and leaving): one cancelled must not take the
        # other.
        await asyncio.shield(self._idle)

    def _cancel_all(self) -> None:
        for number in list(self._tasks):
            self.cancel(number)


def _make_task(
    coro: Coroutine[Any, Any, None], loop: asyncio.AbstractEventLoop
) -> asyncio.Task[None]:
    if loop.get_task_factory() is not None:
        # The application, or a tool that watches it, wants to make all tasks itself.
        return loop.create_task(coro)
    # What create_task() makes, for less.
    if sys.version_info >= (3, 12):
        # What never waits is done on return and costs no turn of the loop.
        return asyncio.Task(coro, loop=loop, eager_start=True)
    else:  # said for mypy, which takes the rest for unreachable on newer versions
        return asyncio.Task(coro, loop=loop)


class _Handle:
    """One running task."""

    __slots__ = ("_group", "_number")

    def __init__(self, group: AsyncioTaskGroup, number: int) -> None:
        self._group = group
        self._number = number

    def cancel(self) -> None:
        self._group.cancel(self._number)


class _Ended:
    """A task that has ended."""

    def cancel(self) -> None:
        """Do nothing."""


_ENDED = _Ended()


class AsyncioTimer:
    """One deadline that can be moved.

    Moving it to a later time costs two assignments: the loop's timer stays where it is
    and, when it fires too early, is set again.
    """

    __slots__ = ("_callback", "_closed", "_handle", "_loop", "_when")

    def __init__(self, callback: Callable[[], None]) -> None:
        self._callback = callback
        self._loop = asyncio.get_running_loop()
        self._handle: asyncio.TimerHandle | None = None
        self._when: float | None = None
        self._closed = False

    def set(self, when: float | None) -> None:
        """Call back at `when`, in the loop's time; None disarms."""
        if self._closed:
            return
        self._when = when
        handle = self._handle
        if when is None:
            self._disarm()
        elif handle is None or handle.when() > when:
            if handle is not None:
                handle.cancel()
            self._handle = self._loop.call_at(when, self._fire)

    def close(self) -> None:
        """Disarm for good."""
        self._closed = True
        self._when = None
        self._disarm()
        # Whose it is refers to this timer: without it, it can be freed at once.
        self._callback = _nothing

    def _disarm(self) -> None:
        # An armed handle would keep the callback, and all it refers to, alive.
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _fire(self) -> None:
        self._handle = None
        when = self._when
        if when is None:
            return
        if when > self._loop.time():
            self._handle = self._loop.call_at(when, self._fire)
            return
        self._when = None
        call_logged(self._callback)


def _nothing() -> None:
    """Do nothing: the time is over."""


class AsyncioWaiter:
    """One result that one task waits for."""

    __slots__ = ("_error", "_future", "_value")

    def __init__(self) -> None:
        self._future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._value: Any = None
        # Kept beside the future: a future with an error complains when nobody waits.
        self._error: BaseException | None = None

    def set_result(self, value: Any) -> None:
        """Give the result; ignored after the first result or error."""
        if not self._future.done():
            self._value = value
            self._future.set_result(None)

    def set_error(self, error: BaseException) -> None:
        """Give an error for the waiting task to raise; ignored after the first."""
        if not self._future.done():
            self._error = error
            self._future.set_result(None)

    async def wait(self) -> Any:
        """Wait for the result and return it, or raise the error."""
        await self._future
        if self._error is not None:
            raise self._error
        return self._value


class AsyncioInterruption:
    """Waiting that any other task can end, for good."""

    __slots__ = ("_ended", "_scope")

    def __init__(self) -> None:
        self._ended = False
        self._scope: asyncio.Timeout | None = None

    async def wait(self, func: Callable[[], Awaitable[T]]) -> T | None:
        """Await ``func()`` and return its result; None once `end` was called."""
        # Hot path.
        if self._ended:
            return None
        result = None
        try:
            async with asyncio.timeout(None) as self._scope:
                result = await func()
        except TimeoutError:
            if not self._ended:
                raise
        finally:
            self._scope = None
        return result

    def end(self) -> None:
        """Cancel what is waited for, and everything that would be later."""
        self._ended = True
        if self._scope is not None:
            self._scope.reschedule(asyncio.get_running_loop().time())
            self._scope = None
