"""The command line: ``python -m benchmarks``."""

from __future__ import annotations

import argparse
import asyncio
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import aiohttp_serverwamp
from benchmarks import machine
from benchmarks.compete import Entry, Plan, compete
from benchmarks.contestants import CONTESTANTS, FLOOR, Contestant
from benchmarks.environment import Environment, look_into
from benchmarks.report import details, summary
from benchmarks.rows import KEYS, all_rows

__all__ = ["main"]

#: What the load average is compared with: the generator, and a server most of the time.
ALONE = " (with the machine to itself: below 2)"
DISTRIBUTIONS = ("serverwamp", "python-socketio", "aiohttp")


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    options = _options(arguments)
    machine.raise_file_limit()
    cores = machine.choose_cores()
    others = look_into(options.others, DISTRIBUTIONS)
    chosen = [
        each for each in CONTESTANTS if each is FLOOR or options.only in each.name
    ]
    entries = [_entry(each, others) for each in chosen if _is_there(each, others)]
    plan = _plan(options, entries)
    absences = _absences(chosen, others)
    _print_head(plan, cores, others)
    if options.quick:
        print("WARNING: --quick shows that it works; its figures say little")
    for warning in [*cores.warnings, *absences]:
        print(f"WARNING: {warning}")
    print(f"load average at the start: {machine.load_average():.1f}", flush=True)
    results = asyncio.run(compete(plan, cores, _tell))
    print(f"\n{summary(plan, results)}")
    print(f"\n{details(plan, results)}")
    print(f"\nload average at the end: {machine.load_average():.1f}{ALONE}")
    # Once more, where whoever reads the table sees it.
    for absence in absences:
        print(f"\n*** {absence} ***")


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="What the server spends per operation, beside bare aiohttp.",
    )
    parser.add_argument(
        "--quick", action="store_true", help="a minute or two, rough figures"
    )
    parser.add_argument("--rounds", type=_positive, help="default 5, --quick 2")
    parser.add_argument(
        "--seconds", type=float, help="of one measurement; default 2, --quick 0.3"
    )
    parser.add_argument(
        "--subscribers",
        type=_positive,
        help="of the fan-outs; default 1000, --quick 100",
    )
    parser.add_argument(
        "--sessions", type=_positive, help="that are idle; default 2000, --quick 300"
    )
    parser.add_argument("--rows", nargs="*", choices=KEYS, help="only these")
    parser.add_argument(
        "--only",
        default="",
        help="only the floor and contestants whose name contains this",
    )
    parser.add_argument(
        "--loop",
        choices=["asyncio", "uvloop"],
        default="asyncio",
        help="the event loop of the servers (default: %(default)s)",
    )
    parser.add_argument(
        "--others",
        type=Path,
        default=Path(".venv-contestants"),
        help="virtual environment of the other libraries (default: %(default)s)",
    )
    return parser.parse_args(arguments)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def _plan(options: argparse.Namespace, entries: list[Entry]) -> Plan:
    quick = options.quick
    rows = all_rows(
        options.subscribers or (100 if quick else 1000),
        options.sessions or (300 if quick else 2000),
    )
    return Plan(
        rows=[row for row in rows if not options.rows or row.key in options.rows],
        entries=entries,
        rounds=options.rounds or (2 if quick else 5),
        seconds=options.seconds or (0.3 if quick else 2.0),
        loop=options.loop,
    )


# --- Who is there ---------------------------------------------------------------------


def _is_there(contestant: Contestant, others: Environment) -> bool:
    return contestant.distribution in (None, *others.versions)


def _entry(contestant: Contestant, others: Environment) -> Entry:
    ours = contestant.distribution is None
    return Entry(contestant, Path(sys.executable) if ours else others.python)


def _absences(chosen: list[Contestant], others: Environment) -> list[str]:
    return [
        f"WITHOUT {each.name}: {each.distribution} is not installed in "
        f"{others.folder}; make bench puts it there"
        for each in chosen
        if not _is_there(each, others)
    ]


# --- What is printed ------------------------------------------------------------------


def _print_head(plan: Plan, cores: machine.Cores, others: Environment) -> None:
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC; {machine.describe()}")
    # The checkout is what is measured, whether or not it is installed.
    ours = {"aiohttp-serverwamp": aiohttp_serverwamp.__version__}
    ours |= {name: version(name) for name in ("aiohttp", "ujson", "msgspec")}
    print(_listed(ours))
    if others.versions:
        print(f"in an environment of their own: {_listed(others.versions)}")
    print(_pinning(cores))
    print(
        f"event loop: {plan.loop}; "
        f"{plan.rounds} rounds of {plan.seconds:g} s for each figure; "
        "CPU is the server's, user and system"
    )


def _listed(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in versions.items())


def _pinning(cores: machine.Cores) -> str:
    if cores.server is None:
        return "server and load generator share the machine's cores"
    return f"server on core {cores.server}, load generator on core {cores.load}"


def _tell(progress: str) -> None:
    print(progress, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
