"""The table: medians, their spread and the ratio to the floor."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from benchmarks.compete import Plan, Results
from benchmarks.contestants import FLOOR
from benchmarks.rows import Row, Work

__all__ = ["table"]

HEADINGS = ("", "µs CPU/op", "ops/s", "busy", "× floor", "(lowest–highest)")


def table(plan: Plan, results: Results) -> str:
    """Return the table as text.

    CPU and rate are medians over the rounds. The ratio is the median of the ratios
    within each round, so that a machine that slows down in between shifts both sides.
    Where the server was not busy all the time, the rate says little about it.
    """
    lines: list[tuple[str, ...]] = [HEADINGS]
    for row in plan.rows:
        lines += [(row.title, *[""] * (len(HEADINGS) - 1)), *_lines(plan, row, results)]
    widths = [
        max(len(line[column]) for line in lines) for column in range(len(HEADINGS))
    ]
    return "\n".join(_laid_out(line, widths) for line in lines)


def _lines(plan: Plan, row: Row, results: Results) -> Iterator[tuple[str, ...]]:
    floor = results.get((row.key, FLOOR.name))
    for contestant in plan.contestants:
        works = results.get((row.key, contestant.name))
        if works is None:
            continue
        costs = [_cost(work) for work in works]
        rate = median([work.operations / work.seconds for work in works])
        busy = median([work.cpu_seconds / work.seconds for work in works])
        ratio, spread = "", ""
        if floor is not None:
            ratios = [
                mine / _cost(bare) for mine, bare in zip(costs, floor, strict=True)
            ]
            ratio = f"{median(ratios):.2f}"
            spread = f"({min(ratios):.2f}–{max(ratios):.2f})"
        name = f"  {contestant.name}"
        cost = f"{median(costs):.1f}"
        yield (name, cost, f"{rate:,.0f}", f"{busy:.0%}", ratio, spread)


def _cost(work: Work) -> float:
    return work.cpu_seconds / work.operations * 1e6


def _laid_out(line: tuple[str, ...], widths: list[int]) -> str:
    first, *others = line
    cells = [first.ljust(widths[0])]
    cells += [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
    return "  ".join(cells).rstrip()
