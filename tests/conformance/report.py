"""How much of the specification is tested: `make conformance`.

Prints the numbers and what is open, and writes ``docs/conformance.rst`` anew.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Final

from tests.conformance.not_offered import NOT_OFFERED
from tests.conformance.statements import STATEMENTS, Statement, wire_tests

PAGE: Final = Path(__file__).parents[2] / "docs" / "conformance.rst"

WIDTHS: Final = (17, 50, 90)

TESTED, OPEN, LEFT_OUT = "tested", "open", "not offered"

HEAD: Final = """\
Conformance
===========

.. Do not edit: this page is what ``make conformance`` makes of the tests.

The WAMP specification, taken apart into {total} statements, and what proves them:

- {tested} are tested,
- {left_out} are deliberately not offered, each for the reason that it has below,
- {open} are open.

Only tests count that put bytes or messages in and compare what comes out. They name the
statements in their docstrings; the files are those below ``tests/``. Which features are
announced, and that each of them works, is in ``conformance/test_features.py``.


Not offered
-----------

{reasons}

Several sessions on one connection, links between routers and keys for end-to-end
encryption are not offered either: the specification has no text for them. That this is
so is tested, and what clients have encrypted is carried unread (payload passthru).
"""


def proofs() -> dict[str, set[str]]:
    """Return the ids that tests name, with the files of these tests."""
    found: dict[str, set[str]] = {}
    for test in wire_tests():
        for name in test.ids if test.proves else ():
            found.setdefault(name, set()).add(test.file)
    return found


def state_of(name: str, found: Mapping[str, set[str]]) -> str:
    """Return one of the three states of a statement."""
    if name in found:
        return TESTED
    return LEFT_OUT if name in NOT_OFFERED else OPEN


def still_open(found: Mapping[str, set[str]]) -> list[Statement]:
    """Return the statements that are neither tested nor left out."""
    return [each for each in STATEMENTS.values() if state_of(each.id, found) == OPEN]


def summary(found: Mapping[str, set[str]]) -> str:
    """Return what is printed: the numbers, the reasons, and what is open."""
    states = Counter(state_of(name, found) for name in STATEMENTS)
    lines = [f"{len(STATEMENTS)} statements"]
    lines += [f"{states[state]:6} {state}" for state in (TESTED, LEFT_OUT)]
    for reason, number in Counter(NOT_OFFERED.values()).items():
        lines.append(f"       {number:3}  {reason}")
    lines.append(f"{states[OPEN]:6} {OPEN}")
    for section, each in groupby(still_open(found), key=lambda one: one.section):
        lines.append(f"            {section}")
        lines += [f"              {one.id}  {one.words}" for one in each]
    return "\n".join(lines) + "\n"


def page(found: Mapping[str, set[str]]) -> str:
    """Return the text of ``docs/conformance.rst``."""
    states = Counter(state_of(name, found) for name in STATEMENTS)
    head = HEAD.format(
        total=len(STATEMENTS),
        tested=states[TESTED],
        left_out=states[LEFT_OUT],
        open=states[OPEN],
        reasons="\n".join(_reasons()),
    )
    parts = [head]
    for section, each in groupby(STATEMENTS.values(), key=lambda one: one.section):
        rows = [row for statement in each for row in _rows(statement, found)]
        parts.append(f"\n{section}\n{'-' * len(section)}\n\n{_table(rows)}")
    return "\n".join(parts)


def _reasons() -> Iterator[str]:
    """Yield a line for each reason, with the ids that it is for."""
    for reason in dict.fromkeys(NOT_OFFERED.values()):
        ids = [name for name in STATEMENTS if NOT_OFFERED.get(name) == reason]
        span = [f"``{ids[0]}``", f"``{ids[-1]}``"][: len(ids)]
        yield f"- {(' and ' if len(ids) == 2 else ' to ').join(span)}: {reason}"


def _rows(
    statement: Statement, found: Mapping[str, set[str]]
) -> Iterator[tuple[str, str, str]]:
    state = state_of(statement.id, found)
    if state == TESTED:
        lines = [f"| ``{file}``" for file in sorted(found[statement.id])]
    else:
        reason = NOT_OFFERED.get(statement.id)
        lines = [f"*{state}*" + (f": {reason}" if reason else "")]
    yield f"``{statement.id}``", statement.words, lines[0]
    for line in lines[1:]:
        yield "", "", line


def _table(rows: list[tuple[str, str, str]]) -> str:
    # Of fixed widths, so that a change of one statement changes no other lines.
    rule = "  ".join("=" * width for width in WIDTHS)
    lines = [rule, _line(("id", "about", "tests")), rule, *map(_line, rows), rule]
    return "\n".join(lines) + "\n"


def _line(cells: tuple[str, str, str]) -> str:
    padded = [cell.ljust(width) for cell, width in zip(cells, WIDTHS, strict=True)]
    assert [*map(len, padded)] == [*WIDTHS], f"too long for the table: {cells}"
    return "  ".join(padded).rstrip()


def main() -> None:
    """Print the numbers and write the page."""
    found = proofs()
    sys.stdout.write(summary(found))
    PAGE.write_text(page(found), encoding="utf-8")


if __name__ == "__main__":
    main()
