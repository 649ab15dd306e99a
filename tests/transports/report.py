"""What the scenarios show, as tables: ``python -m tests.transports.report``.

Prints them, and writes them into ``docs/transports.rst``. ``make transports`` runs the
scenarios first.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Final

from tests.transports import test_frames, test_scenarios
from tests.transports.matrix import (
    FRAMES,
    MESSAGES,
    TRANSPORTS,
    WEB_SERVERS,
    Scenario,
)

assert test_frames, "imported to fill FRAMES"
assert test_scenarios, "imported to fill MESSAGES"

PAGE: Final = Path(__file__).parents[2] / "docs" / "transports.rst"

#: What a table stands between on the page.
BEGIN: Final = ".. {} made by ``make transports``; do not edit.\n\n"
END: Final = "\n.. To here.\n"

HEADINGS: Final = {
    "aiohttp-public": "public",
    "hypercorn": "Hypercorn",
    "hypercorn-trio": "on trio",
    "granian": "Granian",
    "rawsocket": "RawSocket",
    "rawsocket-trio": "on trio",
}


def tables() -> dict[str, str]:
    """Return the tables, with their footnotes, as reStructuredText."""
    numbers = count(1)
    return {
        "Messages": _table(MESSAGES, TRANSPORTS, numbers),
        "Frames": _table(FRAMES, WEB_SERVERS, numbers),
    }


def page_with(tables: Mapping[str, str]) -> str:
    """Return the page with these tables in their places."""
    text = PAGE.read_text("utf-8")
    for name, table in tables.items():
        before, begin, rest = text.partition(BEGIN.format(name))
        _, end, after = rest.partition(END)
        assert begin, f"{PAGE.name} has lost where {name} begin"
        assert end, f"{PAGE.name} has lost where {name} end"
        text = before + begin + table + end + after
    return text


def _table(
    scenarios: Sequence[Scenario], transports: Sequence[str], numbers: Iterator[int]
) -> str:
    notes: dict[str, int] = {}
    rows = [["Scenario", "What comes out", *(HEADINGS.get(n, n) for n in transports)]]
    for each in scenarios:
        row = [each.title, each.outcome]
        runs = Counter(cell.transport for cell in each.cells)
        for transport in transports:
            text = str(runs[transport] or "–")
            if transport in each.differing:
                note = _note(each, transport)
                if note not in notes:
                    notes[note] = next(numbers)
                text += f" [{notes[note]}]_"
            row.append(text)
        rows.append(row)
    footnotes = [f".. [{number}] {note}" for note, number in notes.items()]
    return "\n".join([*_simple_table(rows), "", *footnotes]) + "\n"


def _note(scenario: Scenario, transport: str) -> str:
    words, reason = scenario.differing[transport], scenario.reasons[transport]
    return f"{words[0].upper()}{words[1:]}: {reason}."


def _simple_table(rows: list[list[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    ruler = "  ".join("=" * width for width in widths)
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    return [ruler, lines[0], ruler, *lines[1:], ruler]


def main() -> None:
    made = tables()
    sys.stdout.write("\n".join(made.values()))
    PAGE.write_text(page_with(made), "utf-8")


if __name__ == "__main__":
    main()
