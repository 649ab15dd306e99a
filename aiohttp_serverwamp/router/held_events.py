"""Events that wait for the SUBSCRIBED of their subscription."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

from aiohttp_serverwamp.router.backlog import Backlog

if TYPE_CHECKING:
    from aiohttp_serverwamp.limits import Limits, SlowConsumer

__all__ = ["HeldEvents"]


class _Held:
    """What waits for one subscription, as bytes."""

    __slots__ = ("backlog", "frames", "size")

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.size = 0
        #: Those before `frames`, once there are some that may be dropped.
        self.backlog: Backlog | None = None

    def clear(self) -> None:
        self.frames.clear()
        self.backlog = None

    def all(self) -> Sequence[bytes]:
        if self.backlog is None:
            return self.frames
        before = [self.backlog.take()[0] for _ in range(len(self.backlog))]
        return [*before, *self.frames]


class HeldEvents:
    """The events of one session that are held back, by subscription.

    False while nothing is held back. More than `Limits.max_pending_bytes` of a
    subscription are too many: `overflowed` is true then, and what comes is lost.
    """

    __slots__ = ("_held", "_limit", "_max_droppable", "overflowed")

    def __init__(self, limits: Limits) -> None:
        self._limit = limits.max_pending_bytes or float("inf")
        self._max_droppable = limits.max_droppable_bytes or limits.max_pending_bytes
        self.overflowed = False
        self._held: dict[int, _Held] = {}

    def __bool__(self) -> bool:
        return bool(self._held)

    def __contains__(self, subscription: int) -> bool:
        return subscription in self._held

    def hold(self, subscription: int) -> None:
        """Begin to hold back the events of a subscription."""
        self._held[subscription] = _Held()

    def keep(self, subscription: int, data: bytes) -> bool:
        """Keep an event if its subscription is held back, and tell whether it is."""
        held = self._held.get(subscription)
        if held is None:
            return False
        if held.size <= self._limit:
            held.frames.append(data)
            held.size += len(data)
            if held.size > self._limit:
                held.clear()
                self.overflowed = True
        return True

    def offer(
        self, subscription: int, data: bytes, policy: SlowConsumer, key: Hashable
    ) -> Sequence[Hashable] | None:
        """Keep an event that may be dropped; return the keys of those that were.

        None if its subscription is not held back.
        """
        held = self._held.get(subscription)
        if held is None:
            return None
        if held.size > self._limit:
            return ()
        if held.backlog is None:
            held.backlog = Backlog(self._max_droppable)
        held.backlog.extend(held.frames)
        held.frames.clear()
        return held.backlog.offer(data, policy, key)

    def release(self, subscription: int) -> Sequence[bytes]:
        """Hold the events of a subscription back no longer; return those that wait."""
        held = self._held.pop(subscription, None)
        return held.all() if held is not None else ()
