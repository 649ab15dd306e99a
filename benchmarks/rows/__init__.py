"""What is measured: one class a kind of row, one module a class.

A row opens its connections, warms up, and then works for a given time. An operation is
a call answered, an event delivered to one subscriber, a client that came and went, or a
client that is there and does nothing.
"""

from __future__ import annotations

from typing import Protocol

from benchmarks.measurement import Measurement
from benchmarks.rows.calls import LARGE, Calls
from benchmarks.rows.fan_out import FanOut
from benchmarks.rows.idle import Idle
from benchmarks.rows.joins import Joins
from benchmarks.target import Target

__all__ = ["CALL_ROWS", "KEYS", "Row", "all_rows"]

#: How the rows are named on the command line.
KEYS = ("one", "many", "clients", "large", "fan-out", "burst", "join", "idle")
#: Those in which the kind of handler makes the difference.
CALL_ROWS = frozenset({"one", "many", "clients"})
#: Publications of one call of the publishing procedure.
BURST = 8


class Row(Protocol):
    """One row of the details, one column of the summary."""

    @property
    def key(self) -> str:
        """The row's name on the command line."""

    @property
    def title(self) -> str:
        """The row's name in the tables."""

    @property
    def unit(self) -> str:
        """What an operation costs is counted in."""

    async def measure(self, target: Target, seconds: float) -> Measurement:
        """Load the server for `seconds`, or for as long as it takes."""


def all_rows(subscribers: int, sessions: int) -> list[Row]:
    """Return the rows in their order: so many subscribers, so many idle sessions."""
    return [
        Calls("one", "one call at a time"),
        Calls("many", "64 in flight", in_flight=64),
        Calls("clients", "100 clients × 1", clients=100),
        LARGE,
        FanOut("fan-out", f"fan-out to {subscribers}", subscribers),
        FanOut("burst", "burst fan-out", subscribers, publications=BURST),
        Joins("join", "join + leave"),
        Idle("idle", "idle session", sessions),
    ]
