"""Async generators that accompany something: started to their yield, then finished.

Subscription handlers and session lifespan handlers are both of this kind.
"""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from aiohttp_serverwamp.errors import (
    ApplicationError,
    ConfigurationError,
    RuntimeFailure,
)
from aiohttp_serverwamp.hosting.services import ServiceMethod

if TYPE_CHECKING:
    from aiohttp_serverwamp.hosting.binding import AnyBinding
    from aiohttp_serverwamp.hosting.runtime import Runtime
    from aiohttp_serverwamp.interfaces import TaskHandle, TaskRunner, Waiter

__all__ = ["Life", "LifeHandler", "check_life_handler"]

logger = logging.getLogger("aiohttp_serverwamp.hosting")


def check_life_handler(handler: Callable[..., Any], kind: str) -> None:
    """Raise `ConfigurationError` unless `handler` is an async generator function."""
    function: Any = handler
    while isinstance(function, functools.partial):
        function = function.func
    if isinstance(function, ServiceMethod):
        function = function.function
    if not inspect.isroutine(function):
        function = type(function).__call__
    # A decorator may hide the generator, but not make a context manager of it.
    globals_of = getattr(function, "__globals__", {})
    if (
        not inspect.isasyncgenfunction(inspect.unwrap(function))
        or globals_of.get("__name__") == "contextlib"
    ):
        raise ConfigurationError(
            f"{kind} {getattr(handler, '__qualname__', handler)!r} is no async "
            "generator: write 'async def' with one 'yield'; what stands before it runs "
            "at the start, what follows at the end"
        )


class LifeHandler:
    """A handler with its compiled parameters."""

    __slots__ = ("binding", "function")

    def __init__(
        self, function: Callable[..., AsyncGenerator[Any, None]], binding: AnyBinding
    ) -> None:
        self.function = function
        self.binding = binding


class Life:
    """One accompaniment: its handlers start one after the other and finish in reverse.

    It runs as one task of the client's connection, so that what a handler enters before
    its yield it leaves in the same task.
    """

    __slots__ = (
        "_context",
        "_ended",
        "_handlers",
        "_hears",
        "_runtime",
        "_started",
        "_task",
        "_tasks",
        "_waiter",
    )

    def __init__(
        self,
        runtime: Runtime,
        tasks: TaskRunner,
        handlers: Sequence[LifeHandler],
        context: Any,
    ) -> None:
        self._runtime = runtime
        self._tasks = tasks
        self._handlers = handlers
        self._context = context
        self._task: TaskHandle | None = None
        # Who waits to hear whether it has started.
        self._hears: Callable[[Exception | None], None] | None = None
        self._waiter: Waiter[None] | None = None
        self._started = False
        self._ended = False

    def start(self, started: Callable[[Exception | None], None]) -> None:
        """Start it; `started` hears once what kept it from starting, or None."""
        self._hears = started
        self._task = self._tasks.start(self._run)
        if self._ended and not self._started:
            # Its first steps, which an eager task has made by now, have ended it.
            self._task.cancel()

    def end(self) -> None:
        """Let the rest run; what has not reached its yield is cancelled instead."""
        self._ended = True
        if self._waiter is not None:
            self._waiter.set_result(None)
        elif not self._started:
            if self._task is not None:
                self._task.cancel()
            # Said now: a task that is cancelled may never run, or take its time.
            self._tell(RuntimeFailure())

    def _tell(self, error: Exception | None) -> None:
        hears, self._hears = self._hears, None
        if hears is not None:
            hears(error)

    async def _run(self) -> None:
        running: list[AsyncGenerator[Any, None]] = []
        async with AsyncExitStack() as stack:
            starting = self._handlers[0]
            try:
                for starting in self._handlers:
                    generator = await self._begin(starting, stack)
                    running.append(generator)
                    await anext(generator, None)
            except Exception as error:
                if not isinstance(error, ApplicationError):
                    self._log(starting)
                await self._close(running)
                self._tell(error)
                return
            except BaseException:
                await self._close(running)
                # Unless `end` has said so, it is somebody else who has cancelled what
                # the handler waited for, and nobody but us knows.
                self._tell(RuntimeFailure())
                raise
            self._started = True
            self._tell(None)
            try:
                if not self._ended:
                    self._waiter = self._runtime.support.waiter()
                    await self._waiter.wait()
                timeout = self._runtime.close_timeout or None
                await self._runtime.support.wait_at_most(timeout, self._finish, running)
            finally:
                await self._close(running)

    async def _begin(
        self, handler: LifeHandler, stack: AsyncExitStack
    ) -> AsyncGenerator[Any, None]:
        args, kwargs = await handler.binding.bind_async(self._context, (), {}, stack)
        return handler.function(*args, **kwargs)

    async def _finish(self, running: list[AsyncGenerator[Any, None]]) -> None:
        for position in reversed(range(len(running))):
            handler = self._handlers[position]
            try:
                await anext(running[position])
            except StopAsyncIteration:
                continue
            except Exception:
                self._log(handler)
            else:
                name = getattr(handler.function, "__qualname__", handler.function)
                logger.error("%s yielded more than once", name)

    async def _close(self, running: list[AsyncGenerator[Any, None]]) -> None:
        for position in reversed(range(len(running))):
            try:
                await running[position].aclose()
            except Exception:
                self._log(self._handlers[position])

    def _log(self, handler: LifeHandler) -> None:
        name = getattr(handler.function, "__qualname__", handler.function)
        logger.exception("session %s: %s failed", self._context.session.id, name)
