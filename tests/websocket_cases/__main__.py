"""`make websocket-cases`: the Autobahn TestSuite, our WebSocket beside aiohttp's own.

Exits with 1 when ours passes fewer cases.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence

from tests.websocket_cases.cases import COMPRESSED, Outcome, run
from tests.websocket_cases.echo import SERVERS


async def compare(include: Sequence[str], exclude: Sequence[str]) -> list[Outcome]:
    """Run the cases on every server, those of compression where there is any."""
    outcomes = []
    for server in SERVERS:
        compresses = server.endswith("compress")
        left_out = exclude if compresses else (*exclude, *COMPRESSED)
        outcomes.append(await run(server, include, left_out))
        _tell(outcomes[-1])
    return outcomes


def _tell(outcome: Outcome) -> None:
    failed = "".join(f"\n    {case} {why}" for case, why in outcome.failed.items())
    sys.stdout.write(
        f"{outcome.server}: {outcome.passed} of {outcome.cases} passed{failed}\n"
    )
    sys.stdout.flush()


def main() -> int:
    """Run as the command line says."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.websocket_cases", description=__doc__
    )
    parser.add_argument("--include", action="append", default=[], metavar="CASE")
    parser.add_argument("--exclude", action="append", default=[], metavar="CASE")
    given = parser.parse_args()
    outcomes = asyncio.run(compare(given.include, given.exclude))
    # Those that do not compress, and those that do: aiohttp is the first of each.
    worse = [
        ours.server
        for aiohttp, *others in (outcomes[:3], outcomes[3:])
        for ours in others
        if ours.passed < aiohttp.passed
    ]
    return 1 if worse else 0


sys.exit(main())
