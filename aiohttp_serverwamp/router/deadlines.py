"""The deadlines of one session: a heap, and nothing that ticks by itself."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heapify, heappop, heappush

__all__ = ["Deadline", "Deadlines"]


class Deadline:
    """One callback at one time; see `Deadlines.add`."""

    __slots__ = ("callback", "when")

    def __init__(self, when: float, callback: Callable[[], None]) -> None:
        self.when = when
        self.callback: Callable[[], None] | None = callback

    def __lt__(self, other: Deadline) -> bool:
        return self.when < other.when


class Deadlines:
    """Callbacks by due time.

    The owner of a clock sets `on_earlier` to hear when to come back, and calls `expire`
    then; `next` says the same on demand.
    """

    __slots__ = ("_cancelled", "_heap", "on_earlier")

    # Cancelled deadlines stay in the heap until they are due or outnumber the others;
    # this many never matter. asyncio treats its timers alike.
    _TOLERATED = 64

    def __init__(self) -> None:
        self._heap: list[Deadline] = []
        self._cancelled = 0
        #: Called with the earliest time when a deadline comes before all others, and
        #: when some have expired; with None when there are none any more.
        self.on_earlier: Callable[[float | None], None] | None = None

    def add(self, when: float, callback: Callable[[], None]) -> Deadline:
        """Call `callback` once `when` has come; the result can be given to `cancel`."""
        deadline = Deadline(when, callback)
        heappush(self._heap, deadline)
        if self.on_earlier is not None and self._heap[0] is deadline:
            self.on_earlier(when)
        return deadline

    def cancel(self, deadline: Deadline) -> None:
        """Take a deadline back; harmless when it has passed."""
        if deadline.callback is None:
            return
        deadline.callback = None
        self._cancelled += 1
        if self._cancelled > max(self._TOLERATED, len(self._heap) // 2):
            self._heap = [entry for entry in self._heap if entry.callback is not None]
            heapify(self._heap)
            self._cancelled = 0

    def next(self) -> float | None:
        """Return the time of the earliest deadline, or None."""
        while self._heap and self._heap[0].callback is None:
            heappop(self._heap)
            self._cancelled -= 1
        return self._heap[0].when if self._heap else None

    def expire(self, now: float) -> None:
        """Run the callbacks that are due."""
        while (when := self.next()) is not None and when <= now:
            deadline = heappop(self._heap)
            callback, deadline.callback = deadline.callback, None
            if callback is not None:
                callback()
        if when is not None and self.on_earlier is not None:
            self.on_earlier(when)

    def clear(self) -> None:
        """Forget every deadline."""
        for deadline in self._heap:
            deadline.callback = None
        self._heap.clear()
        self._cancelled = 0
        if self.on_earlier is not None:
            self.on_earlier(None)

    def __len__(self) -> int:
        return len(self._heap) - self._cancelled
