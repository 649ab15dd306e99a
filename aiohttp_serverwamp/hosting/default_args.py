"""What a realm supplies by parameter name, the same object or a new one per call."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

__all__ = ["DefaultArg", "make"]


@dataclass(frozen=True, slots=True)
class DefaultArg:
    """What the realm supplies for parameters of one name.

    `factory` is called for each call, with no arguments. A result that is an
    asynchronous context manager is entered, and closed after the call; any other
    awaitable result is awaited first. Give an object that outlives the call as `value`.
    """

    value: Any = None
    factory: Callable[[], Any] | None = None


async def make(factory: Callable[[], Any], stack: AsyncExitStack) -> Any:
    """Return what `factory` makes for one call; `stack` closes it if it can be."""
    made = factory()
    # Things like a pool's acquire() are both: only the context manager gives back.
    if not _is_async_context_manager(made) and inspect.isawaitable(made):
        made = await made
    if _is_async_context_manager(made):
        return await stack.enter_async_context(made)
    return made


def _is_async_context_manager(value: Any) -> bool:
    return hasattr(type(value), "__aenter__") and hasattr(type(value), "__aexit__")
