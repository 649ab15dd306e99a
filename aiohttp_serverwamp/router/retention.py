"""Retained events: the last one of each topic, for those who subscribe later (6.10).

Retaining is best effort (REQ-PUB-066): what it may take is bounded, and beyond that the
topics whose events are oldest are forgotten.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from aiohttp_serverwamp.ids import Counter
from aiohttp_serverwamp.router.patterns import covers, literal_head
from aiohttp_serverwamp.router.receivers import LaterReceivers
from aiohttp_serverwamp.serializers.payload_size import payload_size
from aiohttp_serverwamp.uris import Match

if TYPE_CHECKING:
    from aiohttp_serverwamp.limits import Limits
    from aiohttp_serverwamp.messages import Publish
    from aiohttp_serverwamp.router.peer import Peer

__all__ = ["RetainedEvent", "Retention"]

#: Events with white- or blacklists that one topic keeps beside the one for everybody.
_MAX_RESTRICTED: Final = 16


@dataclass(frozen=True, slots=True)
class RetainedEvent:
    """A publication that is kept, and for whom."""

    publication: int
    topic: str
    #: ``EVENT.Details`` as they were, without ``topic`` and ``retained``.
    details: dict[str, Any]
    args: list[Any] | None
    kwargs: dict[str, Any] | None
    receivers: LaterReceivers
    #: Counts the publications that were retained.
    order: int
    size: int


@dataclass(slots=True)
class _Kept:
    """What is kept of one topic."""

    unrestricted: RetainedEvent | None = None
    #: Those since, in order of publication.
    restricted: list[RetainedEvent] = field(default_factory=list)

    def events(self) -> Iterator[RetainedEvent]:
        """Iterate from the newest to the oldest."""
        yield from reversed(self.restricted)
        if self.unrestricted is not None:
            yield self.unrestricted

    @property
    def size(self) -> int:
        return sum(event.size for event in self.events())


class Retention:
    """The retained events of one realm."""

    def __init__(self, limits: Limits) -> None:
        self._max_topics = limits.max_retained_topics or float("inf")
        self._max_bytes = limits.max_retained_bytes or float("inf")
        #: By topic; the topic that was retained last stands last.
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        #: The topics in order of code points, to find those that begin alike.
        self._topics: list[str] = []
        self._order = Counter()
        self._size = 0

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def size(self) -> int:
        """The bytes that what is kept takes, roughly."""
        return self._size

    def retain(
        self,
        publisher: Peer,
        publication: int,
        message: Publish,
        details: dict[str, Any],
    ) -> None:
        """Keep a publication in place of the topic's former one (REQ-PUB-057, 061).

        One with white- or blacklists replaces none that is for everybody. One that is
        too large to be kept leaves nothing behind that it would have replaced.
        """
        receivers = LaterReceivers(publisher, message.options)
        size = payload_size(
            message.args, message.kwargs, message.topic, details, message.options
        )
        event = RetainedEvent(
            publication,
            message.topic,
            dict(details),
            message.args,
            message.kwargs,
            receivers,
            self._order.next(),
            size,
        )
        kept = self._take(message.topic)
        if receivers.restricted:
            kept.restricted.append(event)
            del kept.restricted[:-_MAX_RESTRICTED]
        else:
            kept.unrestricted = event
            kept.restricted.clear()
        while kept.restricted and kept.size > self._max_bytes:
            del kept.restricted[0]
        if kept.size <= self._max_bytes and any(kept.events()):
            self._put(message.topic, kept)
        while len(self._kept) > self._max_topics or self._size > self._max_bytes:
            self._take(next(iter(self._kept)))

    def matching(self, uri: str, match: Match) -> list[str]:
        """Return the topics of which something is kept, in order of code points."""
        if match is Match.EXACT:
            return [uri] if uri in self._kept else []
        head = uri if match is Match.PREFIX else literal_head(uri)
        return [
            topic
            for topic in self._beginning_with(head)
            if covers(uri, match, topic, Match.EXACT)
        ]

    def events_for(self, peer: Peer, uri: str, match: Match) -> list[RetainedEvent]:
        """Return what a subscriber gets, in order of publication (REQ-PUB-059 to 064).

        Of each topic the last one that it would have been sent when it was published.
        """
        found = (
            next(
                (e for e in self._kept[topic].events() if e.receivers.admit(peer)), None
            )
            for topic in self.matching(uri, match)
        )
        return sorted(
            (event for event in found if event is not None), key=lambda e: e.order
        )

    def last(self, topic: str) -> RetainedEvent | None:
        """Return the last retained event of a topic, whoever it is for."""
        kept = self._kept.get(topic)
        return next(kept.events()) if kept is not None else None

    def clear(self, uri: str, match: Match = Match.EXACT) -> int:
        """Forget what is kept of the topics that match; return how many there were."""
        topics = self.matching(uri, match)
        for topic in topics:
            self._take(topic)
        return len(topics)

    def _beginning_with(self, head: str) -> Iterator[str]:
        index = bisect_left(self._topics, head)
        while index < len(self._topics) and self._topics[index].startswith(head):
            yield self._topics[index]
            index += 1

    def _take(self, topic: str) -> _Kept:
        """Take what is kept of a topic out; it may be nothing."""
        kept = self._kept.pop(topic, None)
        if kept is None:
            return _Kept()
        del self._topics[bisect_left(self._topics, topic)]
        self._size -= kept.size
        return kept

    def _put(self, topic: str, kept: _Kept) -> None:
        self._kept[topic] = kept
        insort(self._topics, topic)
        self._size += kept.size
