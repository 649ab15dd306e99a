"""The table on the page is what the scenarios run, no more and no less."""

from __future__ import annotations

from typing import Any

from tests.transports import report, test_scenarios
from tests.transports.matrix import ALL, SCENARIOS, Cell


def scenario_tests() -> list[Any]:
    found = vars(test_scenarios).items()
    return [test for name, test in found if name.startswith("test_")]


def cells_of(test: Any) -> list[Cell]:
    """Return the cells that pytest runs a test with."""
    [parametrized] = [mark for mark in test.pytestmark if mark.name == "parametrize"]
    names, values = parametrized.args
    assert names == ("cell", "outcome")
    return [cell for cell, _ in values]


def test_the_page_shows_the_table_that_the_scenarios_make() -> None:
    assert report.page_with(report.table()) == report.PAGE.read_text("utf-8"), (
        "run: make transports"
    )


def test_every_row_is_a_test_and_every_cell_of_it_is_run() -> None:
    assert [cells_of(test) for test in scenario_tests()] == [
        [*row.cells] for row in SCENARIOS
    ]


def test_no_scenario_is_skipped_or_may_fail() -> None:
    marks = {mark.name for test in scenario_tests() for mark in test.pytestmark}

    assert marks == {"parametrize"}


def test_what_differs_is_run_there_and_has_a_reason() -> None:
    for row in SCENARIOS:
        assert row.differing.keys() == row.reasons.keys()
        assert row.differing.keys() <= {cell.transport for cell in row.cells}
        assert row.outcome not in row.differing.values()


def test_every_transport_speaks_every_codec_in_most_scenarios() -> None:
    everywhere = [row for row in SCENARIOS if {*row.cells} == {*ALL}]

    assert len(everywhere) > len(SCENARIOS) / 2
