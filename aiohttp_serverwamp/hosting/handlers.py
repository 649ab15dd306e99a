"""What kinds of function can be handlers, and how each kind is run."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from enum import Enum
from typing import Any

from aiohttp_serverwamp.errors import ConfigurationError

__all__ = ["HandlerKind", "handler_kind", "is_async"]


class HandlerKind(Enum):
    """How a handler is run."""

    PLAIN = "plain function"
    THREAD = "plain function in a thread"
    COROUTINE = "coroutine function"
    GENERATOR = "async generator function"


def handler_kind(handler: Callable[..., Any], *, thread: bool) -> HandlerKind:
    """Return how `handler` is run; `thread` asks for a worker thread.

    Raises `ConfigurationError` for a plain generator, and for an async function in a
    thread.
    """
    function = handler
    while isinstance(function, functools.partial):
        function = function.func
    if not inspect.isroutine(function):
        function = type(function).__call__
    name = getattr(handler, "__qualname__", repr(handler))
    if inspect.isasyncgenfunction(function):
        kind = HandlerKind.GENERATOR
    elif inspect.iscoroutinefunction(function):
        kind = HandlerKind.COROUTINE
    elif inspect.isgeneratorfunction(function):
        raise ConfigurationError(
            f"{name} is a plain generator: write 'async def' to yield progress"
        )
    else:
        return HandlerKind.THREAD if thread else HandlerKind.PLAIN
    if thread:
        raise ConfigurationError(
            f"{name}: thread=True is for plain functions; this one is async and runs "
            "as a task"
        )
    return kind


def is_async(function: object) -> bool:
    """Tell whether calling `function` returns a coroutine."""
    while isinstance(function, functools.partial):
        function = function.func
    if not callable(function):
        return False
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        type(function).__call__
    )
