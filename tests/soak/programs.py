"""Programs of other tests, which are rows of the table."""

from __future__ import annotations

import asyncio
import os
import sys
from importlib.util import find_spec

from tests.soak.row import Outcome

__all__ = ["is_missing", "last_words", "run_program"]

#: What is shown of a program that has failed.
LINES, WIDTH = 30, 300


def is_missing(package: str, outcome: Outcome) -> bool:
    """Fail the row, and say that it was not run, where there is no such package."""
    if find_spec(package) is not None:
        return False
    outcome.done = "NOT RUN"
    outcome.require(False, f"not run: there is no {package}")
    return True


async def run_program(
    module: str, *arguments: str, core: int | None = None
) -> tuple[int, str]:
    """Run a module on any core, or the one given; return its exit code and output."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    # This process keeps to one, which the other would inherit.
    cores = range(os.cpu_count() or 1) if core is None else (core,)
    os.sched_setaffinity(process.pid, cores)
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode().strip()


def last_words(output: str) -> str:
    """Return the end of an output, its lines cut to a width that can be read."""
    return "\n".join(line[:WIDTH] for line in output.splitlines()[-LINES:])
