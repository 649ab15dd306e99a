"""What the scenarios show, as a table: ``python -m tests.transports.report``.

Prints it, and writes it into ``docs/transports.rst``. ``make transports`` runs the
scenarios first.
"""

from __future__ import annotations

import sys
from collections import Counter
from itertools import count
from pathlib import Path
from typing import Final

from tests.transports import test_scenarios
from tests.transports.matrix import SCENARIOS, TRANSPORTS, Scenario

PAGE: Final = Path(__file__).parents[2] / "docs" / "transports.rst"

BEGIN: Final = ".. Made by ``make transports``; do not edit.\n\n"
END: Final = "\n.. To here.\n"

HEADINGS: Final = {
    "hypercorn": "Hypercorn",
    "hypercorn-trio": "on trio",
    "granian": "Granian",
}
assert test_scenarios, "imported to fill SCENARIOS"


def table() -> str:
    """Return the table and its footnotes as reStructuredText."""
    notes: dict[str, int] = {}
    numbers = count(1)
    rows = [["Scenario", "What comes out", *(HEADINGS.get(n, n) for n in TRANSPORTS)]]
    for each in SCENARIOS:
        row = [each.title, each.outcome]
        runs = Counter(cell.transport for cell in each.cells)
        for transport in TRANSPORTS:
            text = str(runs[transport] or "–")
            if transport in each.differing:
                note = _note(each, transport)
                notes.setdefault(note, next(numbers))
                text += f" [{notes[note]}]_"
            row.append(text)
        rows.append(row)
    lines = _simple_table(rows)
    lines += [""] + [f".. [{number}] {note}" for note, number in notes.items()]
    return "\n".join(lines) + "\n"


def page_with(table: str) -> str:
    """Return the page with this table in its place."""
    text = PAGE.read_text("utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    assert begin, f"{PAGE.name} has lost its mark {BEGIN!r}"
    assert end, f"{PAGE.name} has lost its mark {END!r}"
    return before + begin + table + end + after


def _note(scenario: Scenario, transport: str) -> str:
    words, reason = scenario.differing[transport], scenario.reasons[transport]
    return f"{words[0].upper()}{words[1:]}: {reason}."


def _simple_table(rows: list[list[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    ruler = "  ".join("=" * width for width in widths)
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    return [ruler, lines[0], ruler, *lines[1:], ruler]


def main() -> None:
    made = table()
    sys.stdout.write(made)
    PAGE.write_text(page_with(made), "utf-8")


if __name__ == "__main__":
    main()
