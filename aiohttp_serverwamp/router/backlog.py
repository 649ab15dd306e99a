"""What waits for one client that is behind, and what of it is dropped.

All of it is one sequence, in which events that may be dropped stand between what may
not: replies, INVOCATIONs, GOODBYE. So whatever is dropped, the rest keeps its order.
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Hashable, Iterable, Sequence

from aiohttp_serverwamp.limits import SlowConsumer

__all__ = ["Backlog"]


class _Share:
    """The events under one policy: topics of another one cannot push them out."""

    __slots__ = ("events", "size")

    def __init__(self) -> None:
        #: The keys of the events by their places, oldest first.
        self.events: OrderedDict[int, Hashable] = OrderedDict()
        self.size = 0


class Backlog:
    """Frames in order. Events under one policy may take `limit` bytes, and one more."""

    __slots__ = ("_frames", "_limit", "_newest", "_next", "_sealed", "_shares")

    def __init__(self, limit: int | None) -> None:
        self._limit = limit or sys.maxsize
        #: By their places, with the share that an event counts for.
        self._frames: OrderedDict[int, tuple[bytes, _Share | None]] = OrderedDict()
        self._next = 0
        self._shares: dict[SlowConsumer, _Share] = {}
        #: The place of the event that the next one of its key is to replace.
        self._newest: dict[Hashable, int] = {}
        #: Before this place nothing is replaced any more.
        self._sealed = 0

    def __len__(self) -> int:
        return len(self._frames)

    @property
    def droppable_bytes(self) -> int:
        """The bytes of all events that may be dropped."""
        return sum(share.size for share in self._shares.values())

    def extend(self, frames: Iterable[bytes]) -> None:
        """Add frames that are not dropped."""
        for data in frames:
            self._frames[self._next] = data, None
            self._next += 1

    def offer(
        self, data: bytes, policy: SlowConsumer, key: Hashable
    ) -> Sequence[Hashable]:
        """Add an event, or drop it or others; return the keys of those dropped.

        Of events with the same key only the newest waits, if they are conflated.
        """
        share = self._shares.get(policy)
        if share is None:
            share = self._shares[policy] = _Share()
        dropped: list[Hashable] = []
        if policy is SlowConsumer.CONFLATE:
            former = self._newest.get(key)
            if former is not None:
                dropped.append(self._drop(former))
            self._newest[key] = self._next
        elif (
            policy is SlowConsumer.DROP_NEWEST
            and share.events
            and share.size + len(data) > self._limit
        ):
            return (key,)
        self._frames[self._next] = data, share
        share.events[self._next] = key
        share.size += len(data)
        self._next += 1
        while share.size > self._limit and len(share.events) > 1:
            dropped.append(self._drop(next(iter(share.events))))
        return dropped

    def take(self) -> tuple[bytes, bool]:
        """Take the first frame, and whether it might have been dropped until now."""
        place, (data, share) = self._frames.popitem(last=False)
        if place >= self._sealed:
            # What waits now goes out as it is. If it went on being replaced, a topic
            # with many events would stand behind all others for ever.
            self._newest.clear()
            self._sealed = self._next
        if share is not None:
            self._forget(place, len(data), share)
        return data, share is not None

    def _drop(self, place: int) -> Hashable:
        data, share = self._frames.pop(place)
        assert share is not None, "only events are dropped"
        return self._forget(place, len(data), share)

    def _forget(self, place: int, size: int, share: _Share) -> Hashable:
        key = share.events.pop(place)
        share.size -= size
        if self._newest.get(key) == place:
            del self._newest[key]
        return key
