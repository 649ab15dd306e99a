"""One place that reports what tasks and timers of ours raise unexpectedly."""

from __future__ import annotations

import logging
from collections.abc import Callable

__all__ = ["call_logged", "log_failure", "name_of"]

logger = logging.getLogger("aiohttp_serverwamp.adapters")


def log_failure(name: str, error: BaseException) -> None:
    """Log an error that nobody waits for, once and with its traceback."""
    details = (type(error), error, error.__traceback__)
    logger.error("unexpected error in %s", name, exc_info=details)


def call_logged(func: Callable[[], object]) -> None:
    """Call a function that nobody waits for; log what it raises."""
    try:
        func()
    except Exception as error:
        log_failure(name_of(func), error)


def name_of(func: object) -> str:
    """Return what to call a function, bound method, coroutine or callable in a log."""
    return getattr(func, "__qualname__", None) or type(func).__qualname__
