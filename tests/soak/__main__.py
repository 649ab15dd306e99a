"""`make soak`: the table of what the server must bear, a row after the other.

A server in a process of its own, attacks from this one, and a look at what is left.
Exits with an error where a row fails.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from typing import Final

from benchmarks.machine import raise_file_limit
from tests.soak.row import Row, Verdict, judge
from tests.soak.rows import (
    bombs,
    deadlines,
    fuzz,
    fuzz_over_sockets,
    holding,
    malformed,
    one_payload,
    origins,
    signing_out,
    slow_readers,
    stopping,
    unread_results,
    vanishing,
    websocket_cases,
)
from tests.soak.table import heading, line_of, table

#: In the order of the table.
ROWS: Final[tuple[Row, ...]] = (
    malformed.ROW,
    fuzz.ROW,
    fuzz_over_sockets.ROW,
    slow_readers.ROW,
    unread_results.ROW,
    vanishing.ROW,
    holding.ROW,
    deadlines.ROW,
    origins.ROW,
    bombs.ROW,
    one_payload.ROW,
    stopping.ROW,
    signing_out.ROW,
    websocket_cases.ROW,
)
#: What ``--quick`` does of that which can be done in parts.
QUICK: Final = 0.05


async def judge_all(rows: Sequence[Row], effort: float) -> list[Verdict]:
    """Judge the rows in their order, and say so as it goes."""
    verdicts = []
    for row in rows:
        verdict = await judge(row, effort)
        say(line_of(verdict))
        verdicts.append(verdict)
    return verdicts


def say(text: str) -> None:
    """Print at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge the rows that were asked for; return 1 where one fails."""
    names = [row.name for row in ROWS]
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="do less, in minutes")
    parser.add_argument("--effort", type=float, help="1 for all, less for a part")
    parser.add_argument("--rows", nargs="+", choices=names, default=names)
    options = parser.parse_args(arguments)
    effort = options.effort or (QUICK if options.quick else 1.0)

    raise_file_limit()
    say(heading("make soak QUICK=1" if options.quick else "make soak"))
    chosen = [row for row in ROWS if row.name in options.rows]
    verdicts = asyncio.run(judge_all(chosen, effort))
    say("\n" + table(verdicts))
    return 0 if all(each.passed for each in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
