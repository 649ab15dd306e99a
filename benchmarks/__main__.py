"""The command line: ``python -m benchmarks``."""

from __future__ import annotations

import argparse
import asyncio
import sys
from datetime import UTC, datetime

from benchmarks import machine
from benchmarks.compete import Plan, compete
from benchmarks.contestants import CONTESTANTS, FLOOR, versions
from benchmarks.report import table
from benchmarks.rows import all_rows

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    options = _options(arguments)
    machine.raise_file_limit()
    cores = machine.choose_cores()
    plan = _plan(options)
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC; {machine.describe()}")
    print(versions())
    print(_pinning(cores))
    print(
        f"{plan.rounds} rounds of {plan.seconds:g} s for each figure; "
        "CPU is the server's, user and system"
    )
    if options.quick:
        print("WARNING: --quick shows that it works; its figures say little")
    for warning in cores.warnings:
        print(f"WARNING: {warning}")
    for absent in CONTESTANTS:
        if not absent.is_installed():
            print(f"without {absent.name}: {absent.needs} is not installed")
    results = asyncio.run(compete(plan, cores, _tell))
    print(f"\n{table(plan, results)}")


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Server CPU per operation, beside a bare aiohttp handler.",
    )
    parser.add_argument(
        "--quick", action="store_true", help="seconds instead of minutes, rough figures"
    )
    parser.add_argument("--rounds", type=_positive, help="default 5, --quick 2")
    parser.add_argument(
        "--seconds", type=float, help="of one measurement; default 2, --quick 0.3"
    )
    parser.add_argument(
        "--subscribers", type=_positive, help="of the fan-out; default 500, --quick 100"
    )
    parser.add_argument("--rows", nargs="*", help="only these: one many fan-out")
    parser.add_argument(
        "--only", help="only the floor and contestants whose name contains this"
    )
    return parser.parse_args(arguments)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def _plan(options: argparse.Namespace) -> Plan:
    rows = all_rows(options.subscribers or (100 if options.quick else 500))
    only = options.only or ""
    return Plan(
        rows=[row for row in rows if not options.rows or row.key in options.rows],
        contestants=[
            each
            for each in CONTESTANTS
            if each.is_installed() and (each is FLOOR or only in each.name)
        ],
        rounds=options.rounds or (2 if options.quick else 5),
        seconds=options.seconds or (0.3 if options.quick else 2.0),
    )


def _pinning(cores: machine.Cores) -> str:
    if cores.server is None:
        return "server and load generator share the machine's cores"
    return f"server on core {cores.server}, load generator on core {cores.load}"


def _tell(progress: str) -> None:
    print(progress, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
