"""The fuzzer of ``tests/fuzz`` over sockets, against whole servers."""

from __future__ import annotations

from typing import Final

from tests.soak.programs import last_words, run_program
from tests.soak.row import Outcome, Row, scaled

INPUTS: Final = 100_000
SEED: Final = 1


async def run(effort: float) -> Outcome:
    outcome = Outcome()
    inputs = scaled(INPUTS, effort)
    code, output = await run_program(
        "tests.fuzz", "--over-sockets", "--seed", str(SEED), "--inputs", str(inputs)
    )
    outcome.require(code == 0, last_words(output))
    outcome.done = f"{inputs:,} inputs, seed {SEED}, from nine addresses"
    outcome.seen = "nothing left, a newcomer served" if code == 0 else "a failure"
    return outcome


ROW = Row(
    "fuzz-over-sockets",
    "the same in frames, damaged as well, by clients that vanish",
    f"{INPUTS:,} with 0 unhandled exceptions and a healthy server after",
    run,
)
