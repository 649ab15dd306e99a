"""`python -m tests.fuzz --seed 1 --inputs 1000000`: damaged messages by the million."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time

from tests.fuzz.campaign import Result, run
from tests.fuzz.encoders import SERIALIZERS
from tests.fuzz.sockets import besiege


def main() -> int:
    """Run as the command line says; return 1 when something has failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument(
        "--serializer",
        action="append",
        choices=SERIALIZERS,
        help="once for each; all of them side by side if none is given",
    )
    parser.add_argument(
        "--over-sockets",
        action="store_true",
        help="put them to a server, in frames, of which some are damaged, too",
    )
    given = parser.parse_args()
    last = time.monotonic()

    def tell(result: Result) -> None:
        nonlocal last
        if time.monotonic() - last > 10:
            last = time.monotonic()
            sys.stderr.write(f"{result.inputs} inputs, {result.rate:.0f} a second\n")

    if given.over_sockets:
        result = asyncio.run(besiege(given.seed, given.inputs))
    else:
        serializers = given.serializer or SERIALIZERS
        result = run(given.seed, given.inputs, serializers, tell=tell)
    sys.stdout.write(f"{result}\n")
    return 1 if result.failure else 0


sys.exit(main())
