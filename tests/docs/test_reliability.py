"""The page on reliability names tests that exist, and every row of the soak."""

from __future__ import annotations

import re
from pathlib import Path

from tests.soak.__main__ import ROWS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reliability.rst").read_text(encoding="utf-8")


def test_the_tests_that_the_page_names_are_there() -> None:
    named = re.findall(r"``(tests/[\w/.]+)``", PAGE)

    assert len(named) > 15
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_the_page_has_a_result_for_every_row() -> None:
    figures = PAGE.partition("\nFigures\n")[2]
    results = re.findall(r"^    (.+?) +(passed|FAILED)$", figures, re.MULTILINE)

    assert [row for row, _ in results] == [
        f"{each.name}: {each.title}" for each in ROWS
    ]


def test_the_rows_that_the_page_names_are_there() -> None:
    rules = PAGE.partition("\nTry it\n")[0]
    named = set(re.findall(r"(?<!\*)\*([a-z-]+)\*(?!\*)", rules))

    assert named
    assert named <= {row.name for row in ROWS}
