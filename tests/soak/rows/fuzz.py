"""The fuzzer of ``tests/fuzz``, by the million, on as many cores as there are."""

from __future__ import annotations

import asyncio
import os
from typing import Final

from tests.soak.programs import is_missing, last_words, run_program
from tests.soak.row import Outcome, Row, scaled

INPUTS: Final = 1_000_000
SEED: Final = 1


async def run(effort: float) -> Outcome:
    outcome = Outcome()
    if is_missing("tests.fuzz", outcome):
        return outcome
    cores = range(os.cpu_count() or 1)
    inputs = scaled(INPUTS, effort) // len(cores)
    results = await asyncio.gather(
        *(
            run_program(
                "tests.fuzz",
                *("--seed", str(SEED + core), "--inputs", str(inputs)),
                core=core,
            )
            for core in cores
        )
    )
    failed = [last_words(output) for code, output in results if code]
    outcome.require(not failed, "\n".join(failed))
    outcome.done = f"{inputs * len(cores):,} inputs, seeds {SEED} to {SEED + cores[-1]}"
    outcome.seen = f"{len(failed)} of {len(results)} runs have failed"
    return outcome


ROW = Row(
    "fuzz",
    "structure-aware fuzz inputs, seeded, past the sockets",
    f"{INPUTS:,} with 0 unhandled exceptions and a healthy server after",
    run,
)
