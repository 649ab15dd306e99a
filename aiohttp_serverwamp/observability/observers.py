"""The observers of an application, told one after the other and kept from harm."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final

from aiohttp_serverwamp.errors import ConfigurationError
from aiohttp_serverwamp.interfaces import Observer
from aiohttp_serverwamp.stats import NOTHING, Stats

__all__ = ["Observers", "guarded"]

logger = logging.getLogger("aiohttp_serverwamp.observability")

_METHODS: Final = tuple(
    name for name in vars(Observer) if not name.startswith("_") and name != "added"
)

_Methods = tuple[Callable[..., object], ...]


class Observers:
    """Who wants to hear what: for each method of `Observer`, those that have one.

    What nobody wants to hear is an empty tuple, which whoever has something to tell
    looks at first. So what is not observed is not put together either.
    """

    __slots__ = (
        "_added",
        "_failed",
        "_stats",
        "call_finished",
        "call_started",
        "calls",
        "client_cut",
        "event_dropped",
        "event_published",
        "message_refused",
        "session_joined",
        "session_left",
        "session_refused",
        "sign_in_failed",
    )

    session_joined: _Methods
    session_left: _Methods
    session_refused: _Methods
    sign_in_failed: _Methods
    message_refused: _Methods
    client_cut: _Methods
    call_started: _Methods
    call_finished: _Methods
    event_published: _Methods
    event_dropped: _Methods

    def __init__(self, stats: Callable[[], Stats] = lambda: NOTHING) -> None:
        self._stats = stats
        self._added: list[Observer] = []
        self._failed: set[Callable[..., object]] = set()
        #: Whether anybody wants to hear of calls.
        self.calls = False
        for name in _METHODS:
            setattr(self, name, ())

    def add(self, observer: Observer) -> None:
        """Tell one more; raise `ConfigurationError` for what is none."""
        if Observer not in type(observer).__mro__:
            raise ConfigurationError(
                f"{observer!r} is no observer: give an instance of a class that "
                "derives from aiohttp_serverwamp.Observer"
            )
        if observer in self._added:
            raise ConfigurationError(f"{observer!r} observes already")
        observer.added(self._stats)
        self._added.append(observer)
        for name in _METHODS:
            if getattr(type(observer), name) is not getattr(Observer, name):
                wanted = (*getattr(self, name), getattr(observer, name))
                setattr(self, name, wanted)
        self.calls = bool(self.call_started or self.call_finished)

    @staticmethod
    def awake(methods: _Methods) -> _Methods:
        """Return those of observers that do not say that they are `asleep`."""
        return tuple(
            method
            for method in methods
            if not getattr(getattr(method, "__self__", None), "asleep", False)
        )

    def tell(self, methods: _Methods, *args: Any) -> None:
        """Call each of them; what one raises is logged once and goes no further."""
        for method in methods:
            try:
                method(*args)
            except Exception:
                if method not in self._failed:
                    self._failed.add(method)
                    logger.exception("%r failed; logged once", method)


@contextmanager
def guarded(around: Callable[[], AbstractContextManager[Any]]) -> Iterator[None]:
    """Enter what an observer puts around a call; if that fails, do without it."""
    entered: AbstractContextManager[Any] | None = None
    try:
        manager = around()
        manager.__enter__()
        entered = manager
    except Exception:
        logger.exception("what an observer puts around a call failed")
    try:
        yield
    finally:
        if entered is not None:
            _leave(entered)


def _leave(entered: AbstractContextManager[Any]) -> None:
    try:
        entered.__exit__(None, None, None)
    except Exception:
        logger.exception("what an observer puts around a call failed")
