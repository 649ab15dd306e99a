"""A row of the table: what is done to a server, and what has to be seen."""

from __future__ import annotations

import time
import traceback
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

__all__ = ["MARGIN", "Outcome", "Row", "judge", "scaled"]

#: Deadlines of the design are held to three times their margin: other programs share
#: the machine. What was seen is in the table.
MARGIN = 3.0


@dataclass(slots=True)
class Outcome:
    """What a row has done and seen; it passes where nothing is in `failures`."""

    #: With counts.
    done: str = ""
    seen: str = ""
    failures: list[str] = field(default_factory=list)

    def require(self, holds: bool, otherwise: str) -> None:
        """Note a failure, `otherwise`, unless it holds."""
        if not holds:
            self.failures.append(otherwise)


@dataclass(frozen=True, slots=True)
class Row:
    """One row.

    ``run(effort)`` does everything for an effort of 1.0, and a part of what can be done
    in parts for less.
    """

    name: str
    title: str
    required: str
    run: Callable[[float], Awaitable[Outcome]]


@dataclass(frozen=True, slots=True)
class Verdict:
    """A row, what came of it, and the seconds it took."""

    row: Row
    outcome: Outcome
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether everything was as required."""
        return not self.outcome.failures


async def judge(row: Row, effort: float) -> Verdict:
    """Run a row; what it raises is its failure."""
    started = time.monotonic()
    try:
        outcome = await row.run(effort)
    except Exception as error:
        notes: Sequence[str] = getattr(error, "__notes__", ())
        text = "".join(traceback.format_exception(error)[-6:])
        outcome = Outcome("broke off", "-", ["\n".join([text, *notes])])
    return Verdict(row, outcome, time.monotonic() - started)


def scaled(full: int, effort: float, least: int = 1) -> int:
    """Return how often something is done for an effort; never less than `least`."""
    return max(min(least, full), round(full * effort))
