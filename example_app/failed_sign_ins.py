"""Who has tried too many passwords lately, and has to wait.

Counted by address and name together. By name alone anybody could keep a member out; by
address alone one member could keep out the others of the same office. Who tries many
names is slowed down by the hashing: see `hashing`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["FailedSignIns"]

# No name is longer, so what differs only after this is nobody's either way.
NAME_LENGTH = 100


@dataclass(slots=True)
class Failures:
    """How often, and the time at which it is forgotten."""

    count: int
    until: float


class FailedSignIns:
    """Allow `limit` failures in `window` seconds from the first of them.

    `remembered` is of how many pairs of address and name, then the oldest is forgotten.
    `clock` returns seconds.
    """

    def __init__(
        self,
        *,
        limit: int = 10,
        window: float = 300,
        remembered: int = 10_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit = limit
        self._window = window
        self._remembered = remembered
        self._clock = clock
        # In the order of the first failures, which is that of their ends.
        self._failures: dict[tuple[str, str], Failures] = {}

    def __len__(self) -> int:
        return len(self._failures)

    def wait(self, address: str, name: str) -> float:
        """Tell in how many seconds they may try again; 0 is at once."""
        self._forget_old()
        failures = self._failures.get(_key(address, name))
        if failures is None or failures.count < self._limit:
            return 0
        return failures.until - self._clock()

    def add(self, address: str, name: str) -> None:
        """Count one failure."""
        self._forget_old()
        key = _key(address, name)
        if key not in self._failures:
            if len(self._failures) >= self._remembered:
                del self._failures[next(iter(self._failures))]
            self._failures[key] = Failures(0, self._clock() + self._window)
        self._failures[key].count += 1

    def forget(self, address: str, name: str) -> None:
        """Forget the failures of somebody who knows the password."""
        self._failures.pop(_key(address, name), None)

    def _forget_old(self) -> None:
        while self._failures:
            oldest = next(iter(self._failures))
            if self._clock() < self._failures[oldest].until:
                return
            del self._failures[oldest]


def _key(address: str, name: str) -> tuple[str, str]:
    # As the database compares names: in upper or lower case.
    return address, name[:NAME_LENGTH].casefold()
