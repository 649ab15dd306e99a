"""The table as text: while it runs, and as it stands in the documentation."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from benchmarks.machine import describe, load_average
from tests.soak.row import Verdict

__all__ = ["heading", "line_of", "table"]

#: Widths of what was done, required and seen: three columns of 88 characters in all.
WIDTHS: Final = (26, 28, 26)


def heading(command: str) -> str:
    """Say when, where and how."""
    now = datetime.now(UTC)
    return (
        f"{now:%Y-%m-%d %H:%M} UTC; {describe()}\n"
        f"load average at the start: {load_average():.1f}\n"
        f"$ {command}\n"
    )


def line_of(verdict: Verdict) -> str:
    """Say what came of one row, in one line or, where it failed, in more."""
    word = "passed" if verdict.passed else "FAILED"
    seen = verdict.outcome.seen
    lines = [f"{word}  {verdict.row.name} ({verdict.seconds:.0f} s): {seen}"]
    lines += [f"        {each}" for each in verdict.outcome.failures]
    return "\n".join(lines)


def table(verdicts: Sequence[Verdict]) -> str:
    """Return all rows: a line with the name, below it done, required and seen."""
    rule = "-" * 84
    lines = [*_columns(["done", "required", "seen"]), rule]
    for each in verdicts:
        word = "passed" if each.passed else "FAILED"
        title = f"{each.row.name}: {each.row.title}"
        lines.append(f"{title:<77}{word:>7}")
        lines += _columns([each.outcome.done, each.row.required, each.outcome.seen])
        lines.append(rule)
    failed = sum(not each.passed for each in verdicts)
    seconds = sum(each.seconds for each in verdicts)
    lines.append(
        f"{len(verdicts) - failed} passed, {failed} failed, in {seconds / 60:.0f} min"
    )
    return "\n".join(lines)


def _columns(cells: Iterable[str]) -> list[str]:
    wrapped = [
        textwrap.wrap(cell, width) for cell, width in zip(cells, WIDTHS, strict=True)
    ]
    height = max(map(len, wrapped))
    padded = [[*lines, *[""] * (height - len(lines))] for lines in wrapped]
    return [
        "  ".join(
            f"{part:<{width}}" for part, width in zip(parts, WIDTHS, strict=True)
        ).rstrip()
        for parts in zip(*padded, strict=True)
    ]
