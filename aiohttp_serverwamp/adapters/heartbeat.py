"""The heartbeats of connections whose pings are ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from aiohttp_serverwamp.interfaces import Timer

__all__ = ["Heartbeat", "Pulse"]


class Pulse:
    """The one timer of all heartbeats with the same interval.

    They take turns, in so many `parts` of each half of it, so that not all clients are
    pinged at once. `make_timer` makes a timer of a callback, and `now` is the time it
    goes by.
    """

    __slots__ = (
        "__weakref__",
        "_at",
        "_beating",
        "_due",
        "_now",
        "_part",
        "_parts",
        "_timer",
    )

    def __init__(
        self,
        interval: float,
        *,
        make_timer: Callable[[Callable[[], None]], Timer],
        now: Callable[[], float],
        parts: int = 1,
    ) -> None:
        self._part = interval / 2 / parts
        self._parts: list[_Part] = [{} for _ in range(parts)]
        # The part whose turn was last, and has come again after half an interval.
        self._at = 0
        self._beating = 0
        self._due = 0.0
        self._now = now
        self._timer = make_timer(self._beat)

    def add(self, heartbeat: Heartbeat) -> _Part:
        """Have it beat; return what it is to be taken from by `remove`."""
        part = self._parts[self._at]
        part[heartbeat] = None
        self._beating += 1
        if self._beating == 1:
            self._arm()
        return part

    def remove(self, heartbeat: Heartbeat, part: _Part) -> None:
        """Have it beat no more."""
        del part[heartbeat]
        self._beating -= 1
        if not self._beating:
            self._timer.set(None)

    def _arm(self) -> None:
        self._due = self._now() + self._part
        self._timer.set(self._due)

    def _beat(self) -> None:
        # Otherwise the loop was held up: the clients may have answered unheard.
        in_time = self._now() - self._due < self._part * len(self._parts) / 2
        self._at = (self._at + 1) % len(self._parts)
        for heartbeat in [*self._parts[self._at]]:
            heartbeat.beat(in_time=in_time)
        if self._beating:
            self._arm()


class Heartbeat:
    """Pings a silent client, and gives it up when it stays silent.

    `Pulse` has it beat every half interval: a ping follows a half in which nothing was
    heard, another such half is the end. So a silent client is pinged every interval,
    and is gone an interval and a half after its last word at the latest. A message only
    sets `heard`. Without a `pulse` nobody is pinged.
    """

    __slots__ = ("_give_up", "_part", "_ping", "_pulse", "_silent", "heard")

    def __init__(
        self,
        pulse: Pulse | None,
        ping: Callable[[], None],
        give_up: Callable[[], None],
    ) -> None:
        #: To be set when a message, pong included, has come.
        self.heard = False
        self._ping = ping
        self._give_up = give_up
        self._silent = 0
        self._pulse = pulse
        self._part = None if pulse is None else pulse.add(self)

    def stop(self) -> None:
        """Ping no more."""
        if self._pulse is not None and self._part is not None:
            self._pulse.remove(self, self._part)
            self._pulse = self._part = None
        # Whose they are refers to this heartbeat: without them it can be freed at once.
        self._ping = self._give_up = _nothing

    def beat(self, *, in_time: bool) -> None:
        """Half an interval is over, which counts if it was `in_time`."""
        if self.heard:
            self.heard = False
            self._silent = 0
        elif in_time:
            self._silent += 1
        if self._silent > 1:
            give_up = self._give_up
            self.stop()
            give_up()
        elif self._silent == 1:
            self._ping()


_Part: TypeAlias = dict[Heartbeat, None]


def _nothing() -> None:
    """Do nothing: nobody is there any more."""
