"""Which events of a history are asked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from aiohttp_serverwamp.history.event import HistoryEvent

__all__ = ["HistoryQuery"]

# Of from, after, before and until: whether it says where to begin, and how many places
# behind the publication that, or the end, is.
_BOUNDS: Final = ((True, True, False, False), (0, 1, 0, 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryQuery:
    """The filters of ``wamp.subscription.get_events``; None leaves one out.

    All of them apply (REQ-PUB-050). Times are nanoseconds of the epoch. A publication
    that is not kept counts as older than all that are: who asks for what came after the
    last one it has seen gets everything, if that one has gone.
    """

    #: Newest first; `limit` counts from there.
    reverse: bool = False
    limit: int | None = None
    #: This topic only.
    topic: str | None = None
    from_time: int | None = None
    after_time: int | None = None
    before_time: int | None = None
    until_time: int | None = None
    from_publication: int | None = None
    after_publication: int | None = None
    before_publication: int | None = None
    until_publication: int | None = None
    #: The authid and role of who asks; None is shown everything.
    reader: tuple[str, str] | None = None
    #: What is older is not shown, even if it is still kept.
    oldest: int | None = None

    def select(self, events: Sequence[HistoryEvent]) -> list[HistoryEvent]:
        """Choose from all events of a history, the oldest first."""
        start, stop = self._positions(events)
        asked = events[start:stop]
        return self.pick(reversed(asked) if self.reverse else asked)

    def pick(self, events: Iterable[HistoryEvent]) -> list[HistoryEvent]:
        """Choose by everything but publications, from events in the order asked for.

        Takes no more of them than it needs.
        """
        return list(islice(filter(self._admits, events), self.limit))

    def _positions(self, events: Sequence[HistoryEvent]) -> tuple[int, int]:
        """Return where to begin, and before what to end."""
        asked = (
            self.from_publication,
            self.after_publication,
            self.before_publication,
            self.until_publication,
        )
        if asked == (None,) * 4:
            return 0, len(events)
        places = {event.publication: place for place, event in enumerate(events)}
        start, stop = 0, len(events)
        for publication, is_start, shift in zip(asked, *_BOUNDS, strict=True):
            if publication is None:
                continue
            place = max(places.get(publication, -1) + shift, 0)
            if is_start:
                start = max(start, place)
            else:
                stop = min(stop, place)
        return start, max(start, stop)

    def _admits(self, event: HistoryEvent) -> bool:
        time = event.timestamp
        return (
            (self.topic is None or event.topic == self.topic)
            and (self.from_time is None or time >= self.from_time)
            and (self.after_time is None or time > self.after_time)
            and (self.before_time is None or time < self.before_time)
            and (self.until_time is None or time <= self.until_time)
            and (self.oldest is None or time >= self.oldest)
            and (self.reader is None or event.is_for(*self.reader))
        )
