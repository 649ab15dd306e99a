"""Time to take leave, with servers that close their sockets before they tell.

uvicorn has closed every WebSocket when an application learns that it is to stop. So its
handlers of SIGTERM and SIGINT are called a little later: once the clients have been
told. Other servers tell in time, or have handlers that nobody can get hold of.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from types import FrameType

__all__ = ["before_signals"]

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)

#: Packages whose handlers are held up.
_HASTY: Final = frozenset({"uvicorn"})


@contextmanager
def before_signals(stop: Callable[[Callable[[], None]], None]) -> Iterator[None]:
    """Call ``stop(proceed)`` at the first signal that stops the server.

    In the main thread, between any two instructions of it. ``proceed()`` is what the
    server would have done; from the second signal on it does so at once. Without such a
    server, and in other threads, nothing is done.
    """
    replaced: dict[int, Callable[[int, FrameType | None], Any]] = {}
    pending = False

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal pending
        proceed = partial(replaced[number], number, None)
        if pending:
            proceed()
        else:
            pending = True
            stop(proceed)

    if threading.current_thread() is threading.main_thread():
        for number in _SIGNALS:
            theirs = signal.getsignal(number)
            if callable(theirs) and _package_of(theirs) in _HASTY:
                replaced[number] = theirs
                signal.signal(number, handle)
    try:
        yield
    finally:
        for each in replaced:
            if signal.getsignal(each) is handle:
                signal.signal(each, replaced[each])


def _package_of(handler: object) -> str:
    return str(getattr(handler, "__module__", "")).partition(".")[0]
