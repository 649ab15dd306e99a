"""The heartbeat of a connection whose pings are ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aiohttp_serverwamp.interfaces import Timer

__all__ = ["Heartbeat"]


class Heartbeat:
    """Pings a silent client, and gives it up when it stays silent.

    One timer for a connection, every half interval: a ping follows a half in which
    nothing was heard, another such half is the end. So a silent client is pinged every
    interval, and is gone an interval and a half after its last word at the latest. A
    message only sets `heard`.

    `make_timer` makes a timer of a callback, and `now` is the time it goes by.
    """

    __slots__ = (
        "_due",
        "_give_up",
        "_half",
        "_now",
        "_ping",
        "_silent",
        "_timer",
        "heard",
    )

    def __init__(
        self,
        interval: float | None,
        ping: Callable[[], None],
        give_up: Callable[[], None],
        *,
        make_timer: Callable[[Callable[[], None]], Timer],
        now: Callable[[], float],
    ) -> None:
        #: To be set when a message, pong included, has come.
        self.heard = False
        self._half = (interval or 0.0) / 2
        self._ping = ping
        self._give_up = give_up
        self._silent = 0
        self._due = 0.0
        self._now = now
        self._timer: Timer | None = None
        if interval:
            self._timer = make_timer(self._tick)
            self._arm(self._timer)

    def stop(self) -> None:
        """Ping no more."""
        if self._timer is not None:
            self._timer.set(None)
            self._timer = None
        # Whose they are refers to this heartbeat: without them it can be freed at once.
        self._ping = self._give_up = _nothing

    def _arm(self, timer: Timer) -> None:
        self._due = self._now() + self._half
        timer.set(self._due)

    def _tick(self) -> None:
        if self.heard:
            self.heard = False
            self._silent = 0
        elif self._now() - self._due < self._half / 2:
            # Otherwise the loop was held up: the client may have answered unheard.
            self._silent += 1
        if self._silent > 1:
            self._give_up()
            return
        if self._silent == 1:
            self._ping()
        if self._timer is not None:
            self._arm(self._timer)


def _nothing() -> None:
    """Do nothing: nobody is there any more."""
