"""What behaves differently from serverwamp 2.0 is what the guide says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.integration.from_serverwamp.both import LIBRARIES
from tests.integration.from_serverwamp.differences import DIFFERENCES, Difference

GUIDE = Path(__file__).parents[3] / "docs" / "migrate-serverwamp.rst"
#: A row of a list-table, down to the next row or an empty line.
ROW = re.compile(r"^   \* - (.*\n(?:     .*\n)*)", re.MULTILINE)


def rows(text: str) -> list[list[str]]:
    """Return the rows of four cells in a document: what, there, here, why."""
    found = []
    for match in ROW.finditer(text):
        cells = re.split(r"^     - ", match[1], flags=re.MULTILINE)
        found.append([" ".join(cell.replace("``", "").split()) for cell in cells])
    return [cells for cells in found if len(cells) == 4 and cells[2] != "Here"]


@pytest.mark.parametrize("difference", DIFFERENCES, ids=str)
@pytest.mark.parametrize("library", LIBRARIES)
async def test_both_do_what_the_table_says(
    difference: Difference, library: str, allow_logged_errors: None
) -> None:
    found = await difference.probe(LIBRARIES[library])

    assert found == (difference.theirs if library == "serverwamp" else difference.here)


def test_the_guide_has_the_same_table() -> None:
    told = [cells[:3] for cells in rows(GUIDE.read_text(encoding="utf-8"))]

    assert told == [
        [each.title.replace("``", ""), each.theirs, each.here] for each in DIFFERENCES
    ]


def test_the_guide_gives_a_reason_for_each() -> None:
    for *_, reason in rows(GUIDE.read_text(encoding="utf-8")):
        assert len(reason.split()) > 3
