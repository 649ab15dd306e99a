"""The fuzzer of ``tests/fuzz``: by the million past sockets, by thousands over them.

The million goes to as many cores as there are, a seed each.
"""

from __future__ import annotations

import asyncio
import os
from typing import Final

from tests.soak.programs import is_missing, last_words, run_program
from tests.soak.row import Outcome, Row, scaled

INPUTS: Final = 1_000_000
OVER_SOCKETS: Final = 30_000
SEED: Final = 1


async def fuzz(
    seed: int, inputs: int, *arguments: str, core: int | None = None
) -> str | None:
    """Run the fuzzer; return its last words if it has found something."""
    code, output = await run_program(
        "tests.fuzz",
        *("--seed", str(seed), "--inputs", str(inputs), *arguments),
        core=core,
    )
    return last_words(output) if code else None


async def run(effort: float) -> Outcome:
    outcome = Outcome()
    if is_missing("tests.fuzz", outcome):
        return outcome
    cores = range(os.cpu_count() or 1)
    inputs = scaled(INPUTS, effort) // len(cores)
    over_sockets = scaled(OVER_SOCKETS, effort)
    found = await asyncio.gather(
        *(fuzz(SEED + core, inputs, core=core) for core in cores)
    )
    found.append(await fuzz(SEED, over_sockets, "--over-sockets"))
    failed = [words for words in found if words is not None]
    outcome.require(not failed, "\n".join(failed))
    outcome.done = (
        f"{inputs * len(cores):,} inputs, seeds {SEED} to {SEED + cores[-1]}; "
        f"{over_sockets:,} over sockets"
    )
    outcome.seen = f"{len(failed)} of {len(found)} runs have failed"
    return outcome


ROW = Row(
    "fuzz",
    "structure-aware fuzz inputs, seeded",
    f"{INPUTS:,} with 0 unhandled exceptions and a healthy server after",
    run,
)
