"""Run the contestants in turn and keep what each did in each round."""

from __future__ import annotations

import asyncio
import gc
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.contestants import Contestant
from benchmarks.machine import Cores
from benchmarks.measurement import Measurement
from benchmarks.rows import Row
from benchmarks.serving import serving

__all__ = ["Entry", "Plan", "Results", "compete"]

#: What each contestant did in each row, one `Measurement` a round; the keys are the
#: row's and the contestant's name.
Results = dict[tuple[str, str], list[Measurement]]
#: Seconds of one measurement, beyond those it is told to last, that mean it hangs.
PATIENCE = 120.0


@dataclass(frozen=True, slots=True)
class Entry:
    """A contestant, and the interpreter that its server runs on."""

    contestant: Contestant
    python: Path


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured."""

    rows: Sequence[Row]
    entries: Sequence[Entry]
    rounds: int
    #: Of one measurement; a quarter is added before it to warm up.
    seconds: float
    #: The event loop of the servers, "asyncio" or "uvloop".
    loop: str = "asyncio"

    def names(self, row: Row) -> list[str]:
        """Return who takes part in a row."""
        return [each.contestant.name for each in self._entered(row)]

    def turns(self, row: Row, round_: int) -> list[Entry]:
        """Return the entries of a row in the order of one round."""
        entered = self._entered(row)
        first = round_ % len(entered)
        return entered[first:] + entered[:first]

    def _entered(self, row: Row) -> list[Entry]:
        return [each for each in self.entries if row.key in each.contestant.rows]


async def compete(plan: Plan, cores: Cores, tell: Callable[[str], None]) -> Results:
    """Measure every contestant in every row, in turn, round after round.

    Each measurement has a fresh server process, so that none inherits another's heap.
    Who begins changes from round to round.
    """
    results: Results = defaultdict(list)
    for round_ in range(plan.rounds):
        tell(f"round {round_ + 1} of {plan.rounds}")
        for row in plan.rows:
            for entry in plan.turns(row, round_):
                outcome = await _measure(row, entry, plan, cores)
                results[row.key, entry.contestant.name].append(outcome)
    return results


async def _measure(row: Row, entry: Entry, plan: Plan, cores: Cores) -> Measurement:
    seconds = plan.seconds
    with serving(entry.contestant, entry.python, cores.server, plan.loop) as target:
        # The generator's own garbage is dealt with between the measurements.
        gc.collect()
        gc.disable()
        try:
            async with asyncio.timeout(seconds + PATIENCE):
                return await row.measure(target, seconds)
        except Exception as error:
            error.add_note(f"while measuring {entry.contestant.name}: {row.title}")
            raise
        finally:
            gc.enable()
            # One loop turn for connections that were dropped.
            await asyncio.sleep(0)
