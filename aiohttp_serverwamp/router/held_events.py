"""Events that wait for the SUBSCRIBED of their subscription."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["HeldEvents"]


class _Held:
    """What waits for one subscription, as bytes."""

    __slots__ = ("frames", "size")

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.size = 0


class HeldEvents:
    """The events of one session that are held back, by subscription.

    False while nothing is held back. More than `limit` bytes of
    a subscription are too many: `overflowed` is true then, and what comes is lost.
    """

    __slots__ = ("_held", "_limit", "overflowed")

    def __init__(self, limit: int | None) -> None:
        self._limit = limit or float("inf")
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
                held.frames.clear()
                self.overflowed = True
        return True

    def release(self, subscription: int) -> Sequence[bytes]:
        """Hold the events of a subscription back no longer; return those that wait."""
        held = self._held.pop(subscription, None)
        return held.frames if held is not None else ()
