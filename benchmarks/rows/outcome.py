"""How a connection that fails ends the measurement."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from benchmarks.measurement import Measurement

__all__ = ["failing"]


def failing(done: asyncio.Future[Measurement]) -> Callable[[Exception], None]:
    """Return what ends the measurement with an error, unless it is over."""

    def fail(error: Exception) -> None:
        if not done.done():
            done.set_exception(error)

    return fail
