"""What a worker thread runs: a function whose outcome a waiting task can be given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["call_blocking"]

T = TypeVar("T")


def call_blocking(func: Callable[..., T], *args: Any) -> T:
    """Return ``func(*args)``.

    Raises `RuntimeError` for StopIteration, as a coroutine does: no future takes it, so
    the task would wait for ever.
    """
    try:
        return func(*args)
    except StopIteration as error:
        raise RuntimeError("a function raised StopIteration") from error
