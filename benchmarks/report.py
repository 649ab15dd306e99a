"""What is printed: a summary in ratios to the floor, and the details of each row.

Costs and rates are medians over the rounds. A ratio is the median of the ratios within
each round, so that a machine that slows down in between shifts both sides.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from statistics import median

from benchmarks.compete import Plan, Results
from benchmarks.contestants import FLOOR
from benchmarks.layout import columns
from benchmarks.measurement import Measurement
from benchmarks.rows import Row

__all__ = ["details", "summary"]

HEADINGS = ("", "cost/op", "ops/s", "busy", "× floor", "(lowest–highest)")
#: Characters of a line in the headings of the summary.
HEADING_WIDTH = 11
#: Where a contestant takes no part, because its line above says the same.
ABSENT = "–"


def summary(plan: Plan, results: Results) -> str:
    """Return a line for each contestant, a column for each row of the plan.

    The floor has its cost, the others their ratio to it.
    """
    lines = _headings(["times the floor", *[row.title for row in plan.rows]])
    for entry in plan.entries:
        name = entry.contestant.name
        lines.append((name, *[_cell(row, results, name) for row in plan.rows]))
    return columns(lines)


def _headings(titles: list[str]) -> list[tuple[str, ...]]:
    # The first column is as wide as the names of the contestants anyway.
    wrapped = [titles[:1], *map(_wrapped, titles[1:])]
    height = max(map(len, wrapped))
    padded = [[""] * (height - len(heading)) + heading for heading in wrapped]
    return list(zip(*padded, strict=True))


def _wrapped(title: str) -> list[str]:
    return textwrap.wrap(title, HEADING_WIDTH, break_on_hyphens=False)


def _cell(row: Row, results: Results, name: str) -> str:
    measured = results.get((row.key, name))
    if measured is None:
        return ABSENT
    if name == FLOOR.name:
        return _cost(row, measured)
    return f"{median(_ratios(row, results, name)):.2f}"


def details(plan: Plan, results: Results) -> str:
    """Return the table of rows, a line for each contestant that takes part.

    Where the server was not busy all the time, the rate says little about it.
    """
    lines: list[tuple[str, ...]] = [HEADINGS]
    for row in plan.rows:
        lines += [
            (row.title, *[""] * (len(HEADINGS) - 1)),
            *_row_lines(plan, row, results),
        ]
    return columns(lines)


def _row_lines(plan: Plan, row: Row, results: Results) -> Iterator[tuple[str, ...]]:
    for name in plan.names(row):
        measured = results[row.key, name]
        rates = [each.rate for each in measured if each.rate is not None]
        busy = [each.busy for each in measured if each.busy is not None]
        ratios = _ratios(row, results, name)
        yield (
            f"  {name}",
            _cost(row, measured),
            f"{median(rates):,.0f}" if rates else "",
            f"{median(busy):.0%}" if busy else "",
            f"{median(ratios):.2f}",
            f"({min(ratios):.2f}–{max(ratios):.2f})",
        )


def _cost(row: Row, measured: list[Measurement]) -> str:
    return f"{median(each.cost for each in measured):.1f} {row.unit}"


def _ratios(row: Row, results: Results, name: str) -> list[float]:
    floor = results[row.key, FLOOR.name]
    return [
        mine.cost / bare.cost
        for mine, bare in zip(results[row.key, name], floor, strict=True)
    ]
