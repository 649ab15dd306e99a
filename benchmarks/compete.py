"""Run the contestants in turn and keep what each did in each round."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks.contestants import Contestant
from benchmarks.machine import Cores, cpu_seconds
from benchmarks.rows import Row, Work

__all__ = ["Plan", "Results", "compete"]

#: What each contestant did in each row, one `Work` a round.
Results = dict[tuple[str, str], list[Work]]


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured."""

    rows: Sequence[Row]
    contestants: Sequence[Contestant]
    rounds: int
    #: Of one measurement; a quarter is added before it to warm up.
    seconds: float


async def compete(plan: Plan, cores: Cores, tell: Callable[[str], None]) -> Results:
    """Measure every contestant in every row, in turn, round after round.

    Each measurement has a fresh server process, so that none inherits another's heap.
    Who begins changes from round to round.
    """
    results: Results = defaultdict(list)
    for round_ in range(plan.rounds):
        tell(f"round {round_ + 1} of {plan.rounds}")
        for row in plan.rows:
            entered = [each for each in plan.contestants if row.key in each.rows]
            turn = round_ % len(entered)
            for contestant in entered[turn:] + entered[:turn]:
                work = await _measure(row, contestant, plan.seconds, cores)
                results[row.key, contestant.name].append(work)
    return results


async def _measure(
    row: Row, contestant: Contestant, seconds: float, cores: Cores
) -> Work:
    with _serving(contestant, cores.server) as (process, port):
        # The generator's own garbage is dealt with between the measurements.
        gc.collect()
        gc.disable()
        try:
            return await row.measure(
                port, contestant.procedure, seconds, lambda: cpu_seconds(process.pid)
            )
        except Exception as error:
            error.add_note(f"while measuring {contestant.name}: {row.title}")
            raise
        finally:
            gc.enable()
            # One loop turn for connections that were dropped.
            await asyncio.sleep(0)


@contextmanager
def _serving(
    contestant: Contestant, core: int | None
) -> Iterator[tuple[subprocess.Popen[str], int]]:
    command = [sys.executable, "-m", contestant.server]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            if core is not None:
                # Before it has other threads: they inherit the core.
                os.sched_setaffinity(process.pid, {core})
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                raise RuntimeError(f"the server of {contestant.name} did not start")
            yield process, int(line)
        finally:
            process.kill()
