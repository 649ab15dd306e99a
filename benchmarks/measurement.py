"""One figure: what an operation cost, measured over an interval of whole operations."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Gauge", "Measurement"]


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one contestant did in one row in one round."""

    #: Of one operation, in the row's unit.
    cost: float
    #: Operations a second, and the share of the time that the server was at work; None
    #: where it is not time that is measured.
    rate: float | None = None
    busy: float | None = None


class Gauge:
    """Warm-up, then the measured interval, both of whole operations."""

    def __init__(self, seconds: float, cpu: Callable[[], float]) -> None:
        self._cpu = cpu
        self._warm_until = time.perf_counter() + seconds / 4
        self._seconds = seconds
        self._began: float | None = None
        self._cpu_before = 0.0
        self._operations = 0

    def count(self, operations: int) -> Measurement | None:
        """Note operations that are done; return the outcome once the time is over.

        Its cost is in microseconds of CPU time.
        """
        now = time.perf_counter()
        if self._began is None:
            if now >= self._warm_until:
                self._began, self._cpu_before = now, self._cpu()
            return None
        self._operations += operations
        passed = now - self._began
        if passed < self._seconds:
            return None
        used = self._cpu() - self._cpu_before
        return Measurement(
            cost=used / self._operations * 1e6,
            rate=self._operations / passed,
            busy=used / passed,
        )
