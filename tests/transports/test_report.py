"""The table on the page is what the scenarios run, no more and no less."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from tests.transports import report, test_frames, test_scenarios
from tests.transports.matrix import ALL, FRAMES, MESSAGES, Cell, Scenario

TABLES = pytest.mark.parametrize(
    ("module", "rows"),
    [(test_scenarios, MESSAGES), (test_frames, FRAMES)],
    ids=["messages", "frames"],
)


def scenarios_in(module: ModuleType) -> list[Any]:
    return [test for name, test in vars(module).items() if name.startswith("test_")]


def cells_of(test: Any) -> list[Cell]:
    """Return the cells that pytest runs a test with."""
    [parametrized] = [mark for mark in test.pytestmark if mark.name == "parametrize"]
    names, values = parametrized.args
    assert names == ("cell", "outcome")
    return [cell for cell, _ in values]


def test_the_page_shows_the_tables_that_the_scenarios_make() -> None:
    assert report.page_with(report.tables()) == report.PAGE.read_text("utf-8"), (
        "run: make transports"
    )


@TABLES
def test_every_row_is_a_test_and_every_cell_of_it_is_run(
    module: ModuleType, rows: list[Scenario]
) -> None:
    assert [cells_of(test) for test in scenarios_in(module)] == [
        [*row.cells] for row in rows
    ]


@TABLES
def test_no_scenario_is_skipped_or_may_fail(
    module: ModuleType, rows: list[Scenario]
) -> None:
    marks = {mark.name for test in scenarios_in(module) for mark in test.pytestmark}

    assert marks == {"parametrize"}


@TABLES
def test_what_differs_is_run_there_and_has_a_reason(
    module: ModuleType, rows: list[Scenario]
) -> None:
    for row in rows:
        assert row.differing.keys() == row.reasons.keys()
        assert row.differing.keys() <= {cell.transport for cell in row.cells}
        assert row.outcome not in row.differing.values()


def test_every_transport_speaks_every_codec_in_most_scenarios() -> None:
    everywhere = [row for row in MESSAGES if {*row.cells} == {*ALL}]

    assert len(everywhere) > len(MESSAGES) / 2
