"""Which statements are tested, and that only tests of the right kind say so."""

from __future__ import annotations

import pytest

from tests.conformance.not_offered import NOT_OFFERED
from tests.conformance.report import PAGE, page, proofs, still_open, summary
from tests.conformance.statements import (
    STATEMENTS,
    asserting_functions,
    collected,
    ids_in,
    is_wire,
    modules,
    wire_tests,
)


@pytest.fixture(scope="module")
def found() -> dict[str, set[str]]:
    return proofs()


def test_the_list_is_complete() -> None:
    """A line lost would take its tests with it unseen."""
    assert len(STATEMENTS) == 570


def test_only_statements_that_there_are_are_named(found: dict[str, set[str]]) -> None:
    assert {name: found[name] for name in found.keys() - STATEMENTS.keys()} == {}
    assert NOT_OFFERED.keys() <= STATEMENTS.keys()


def test_nothing_is_both_tested_and_left_out(found: dict[str, set[str]]) -> None:
    assert {name: found[name] for name in found.keys() & NOT_OFFERED.keys()} == {}


def test_no_statement_is_open(found: dict[str, set[str]]) -> None:
    """Each one is tested, or stands in `not_offered` with the reason."""
    assert [each.id for each in still_open(found)] == []


def test_the_page_in_the_documentation_is_that_of_these_tests(
    found: dict[str, set[str]],
) -> None:
    assert PAGE.read_text(encoding="utf-8") == page(found), "run `make conformance`"


def test_statements_are_named_by_tests_with_bytes_or_messages_only() -> None:
    """A unit test proves how a part works, not what a client gets to see."""
    strangers = {
        file: sorted(ids)
        for file, source in modules()
        if not is_wire(file) and (ids := {*ids_in(source)})
    }

    assert strangers == {}


def test_whatever_names_a_statement_can_fail() -> None:
    assert [test for test in wire_tests() if not test.proves] == []


def test_each_statement_is_counted_once(found: dict[str, set[str]]) -> None:
    lines = summary(found).splitlines()
    left_out = len(NOT_OFFERED)
    open_ones = len(still_open(found))

    assert lines[0] == "570 statements"
    assert lines[1].split() == [str(570 - left_out - open_ones), "tested"]
    assert all(f"``{name}``" in page(found) for name in STATEMENTS)


# --- How names are read -----------------------------------------------------------

SOURCE = '''
import pytest

def check(value):
    assert value

def test_one():
    """REQ-SES-001, 003; REQ-MSG-007: and more."""
    assert 1

def test_two():
    """REQ-SES-005 to 007, and 009."""
    check(2)

def test_three():
    """REQ-SES-010."""

@pytest.mark.skip(reason="REQ-SES-011")
def test_four():
    assert 4

@pytest.mark.parametrize("x", [pytest.param(1, id="REQ-SES-012")])
def test_five(x):
    # REQ-SES-013
    with pytest.raises(ValueError):
        x()

def helper():
    """REQ-SES-014."""
    assert 6

class TestMore:
    def test_six(self):
        """REQ-SES-015."""
        assert 6
'''


def test_names_are_those_of_tests_that_are_run_and_can_fail() -> None:
    checks = {*asserting_functions(SOURCE)}
    tests = {test.name: test for test in collected("file.py", SOURCE, checks)}

    ids = {name: sorted(test.ids) for name, test in tests.items()}
    proving = {name for name, test in tests.items() if test.proves}

    assert ids == {
        "test_one": ["REQ-MSG-007", "REQ-SES-001", "REQ-SES-003"],
        "test_two": ["REQ-SES-005", "REQ-SES-006", "REQ-SES-007", "REQ-SES-009"],
        "test_three": ["REQ-SES-010"],
        "test_four": ["REQ-SES-011"],
        "test_five": ["REQ-SES-012"],
        "test_six": ["REQ-SES-015"],
    }
    assert proving == {"test_one", "test_two", "test_five", "test_six"}


def test_numbers_that_only_follow_an_id_name_nothing() -> None:
    text = "REQ-ID-002: 128 bits; REQ-SER-002, 1000 times, REQ-TRN-011 (4401)"

    assert [*ids_in(text)] == ["REQ-ID-002", "REQ-SER-002", "REQ-TRN-011"]
