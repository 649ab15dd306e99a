"""`make mutants`: break a rule, run the fast tests, and see that one turns red.

Each mutant gets a copy of the package to itself. A survivor is a rule that no test
protects: write the test, or, where the mutant behaves like the original, name it in
`targets.EQUIVALENT` with the reason.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import Queue
from typing import Final

from tests.mutants.mutations import Mutant, mutants_of
from tests.mutants.targets import EQUIVALENT, MODULES, TESTS

ROOT: Final = Path(__file__).parents[2]
PACKAGE: Final = "aiohttp_serverwamp"
COPIED: Final = (PACKAGE, "tests", "docs", "setup.cfg", "pyproject.toml", "setup.py")
LEFT_OUT: Final = shutil.ignore_patterns(
    "__pycache__", "node_modules", "_build", ".*", "*.egg-info"
)

#: What is about the tests themselves, and breaks with nothing.
NOT_RUN: Final = ("tests/conformance/test_statements.py",)

FAILED: Final = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a mutant: the test that found it, None where none did."""

    name: str
    line: int
    killed_by: str | None
    seconds: float


def all_mutants() -> Iterator[tuple[str, Mutant]]:
    """Yield every mutant that counts, with the path of its module."""
    for module in MODULES:
        source = (ROOT / PACKAGE / module).read_text(encoding="utf-8")
        for mutant in mutants_of(module, source):
            if mutant.name not in EQUIVALENT:
                yield module, mutant


class Copy:
    """The package and its tests, somewhere else."""

    def __init__(self, place: Path) -> None:
        self.place = place
        for name in COPIED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, place / name, ignore=LEFT_OUT)
            else:
                shutil.copy(source, place / name)

    def judge(self, module: str, mutant: Mutant, timeout: float) -> Outcome:
        """Put the mutant in the place of its module while the tests run."""
        path = self.place / PACKAGE / module
        original = path.read_text(encoding="utf-8")
        path.write_text(mutant.source(), encoding="utf-8")
        started = time.monotonic()
        try:
            killed_by = self.first_failure(timeout)
        finally:
            path.write_text(original, encoding="utf-8")
        seconds = time.monotonic() - started
        return Outcome(mutant.name, mutant.line, killed_by, seconds)

    def first_failure(self, timeout: float) -> str | None:
        """Run the tests until one fails and return it; None where none does."""
        command = [sys.executable, "-B", "-m", "pytest", "-x", "-q", "--tb=no"]
        command += ["-p", "no:cacheprovider", "-p", "no:randomly", *TESTS]
        command += [f"--ignore={path}" for path in NOT_RUN]
        environment = {**os.environ, "PYTHONPATH": str(self.place)}
        # A session of its own, so that a mutant that hangs ends with all it started.
        process = subprocess.Popen(
            command,
            cwd=self.place,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            output, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return f"nothing in {timeout:.0f} s"
        if process.returncode == 0:
            return None
        failed = FAILED.search(output)
        return failed[1] if failed else output.strip().splitlines()[-1]


def judge_all(
    chosen: Sequence[tuple[str, Mutant]], jobs: int, timeout: float
) -> Iterator[Outcome]:
    """Yield what becomes of each mutant, in the order chosen."""
    with tempfile.TemporaryDirectory(prefix="mutants-") as directory:
        copies: Queue[Copy] = Queue()
        for number in range(jobs):
            copies.put(Copy(Path(directory) / str(number)))
        copy = copies.get()
        failed = copy.first_failure(timeout)
        if failed is not None:
            raise SystemExit(f"without any mutant, {failed} fails already")
        copies.put(copy)

        def judge(module: str, mutant: Mutant) -> Outcome:
            copy = copies.get()
            try:
                return copy.judge(module, mutant, timeout)
            finally:
                copies.put(copy)

        with ThreadPoolExecutor(jobs) as threads:
            yield from threads.map(judge, *zip(*chosen, strict=True))


def main(arguments: Sequence[str] | None = None) -> None:
    """Judge a sample; exit with an error where a mutant survives."""
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=30)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--timeout", type=float, default=300.0)
    parser.add_argument("--only", default="", help="part of the names of the mutants")
    options = parser.parse_args(arguments)

    everything = [pair for pair in all_mutants() if options.only in pair[1].name]
    number = min(options.count, len(everything))
    chosen = random.Random(options.seed).sample(everything, number)
    sys.stdout.write(f"{number} of {len(everything)} mutants, seed {options.seed}\n")
    survivors = []
    for outcome in judge_all(chosen, options.jobs, options.timeout):
        found = outcome.killed_by or "SURVIVED"
        sys.stdout.write(
            f"{outcome.seconds:6.1f} s  {outcome.name}\n          {found}\n"
        )
        sys.stdout.flush()
        if outcome.killed_by is None:
            survivors.append(outcome)
    sys.stdout.write(f"{number - len(survivors)} killed, {len(survivors)} survived\n")
    for outcome in survivors:
        sys.stdout.write(f"  line {outcome.line}: {outcome.name}\n")
    if survivors:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
