"""Start a contestant's server as a process of its own, and end it."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.contestants import Contestant
from benchmarks.target import Target

__all__ = ["serving"]


@contextmanager
def serving(
    contestant: Contestant, python: Path, core: int | None, loop: str = "asyncio"
) -> Iterator[Target]:
    """Serve on `core` and an event loop for as long as the context lasts.

    An exception within it is told what the server wrote to its standard error.
    """
    command: list[str | Path] = [python, "-m", contestant.server, loop]
    with (
        tempfile.TemporaryFile("w+") as errors,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True
        ) as process,
    ):
        try:
            if core is not None:
                # Before it has other threads: they inherit the core.
                os.sched_setaffinity(process.pid, {core})
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                raise RuntimeError(f"the server of {contestant.name} did not start")
            yield Target(
                int(line), process.pid, contestant.dialect, contestant.procedure
            )
        except Exception as error:
            errors.seek(0)
            error.add_note(f"the server of {contestant.name} said: {errors.read()}")
            raise
        finally:
            process.kill()
