"""What the tool that breaks rules makes of a module."""

from __future__ import annotations

import ast

import pytest

from tests.mutants.mutations import mutants_of
from tests.mutants.run import PACKAGE, ROOT, all_mutants
from tests.mutants.targets import EQUIVALENT, MODULES, TESTS

SOURCE = '''
"""A module."""

LIMIT = 5

class Rule:
    """A class."""

    def __repr__(self):
        return "x" if self else "y"

    def holds(self, items: list[int] | None = None, *, least=1) -> bool:
        """Return it."""
        logger.info("asked")
        if items and len(items) > least - 1:
            items.append(2)
            self.asked = True
        while not self.done:
            break
        return [item for item in items if item is not None] == []
'''


def test_each_rule_of_a_function_is_broken_once() -> None:
    names = [mutant.name for mutant in mutants_of("m.py", SOURCE)]

    assert names == [
        f"m.py Rule.holds: {change}"
        for change in (
            "not: items and len(items) > least - 1",
            "and/or: items and len(items) > least - 1",
            "compare: len(items) > least - 1",
            "plus/minus: least - 1",
            "one more: 1",
            "drop: items.append(2)",
            "one more: 2",
            "drop: self.asked = True",
            "flip: True",
            "not: not self.done",
            "drop: break",
            "compare: [item for item in items if item is not None] == []",
            "all:  for item in items if item is not None",
            "compare: item is not None",
        )
    ]


def test_a_mutant_differs_from_its_original_in_one_place() -> None:
    original = ast.unparse(ast.parse(SOURCE)).splitlines()

    for mutant in mutants_of("m.py", SOURCE):
        lines = mutant.source().splitlines()
        changed = [line for line in lines if line not in original]
        assert len(lines) == len(original)
        assert len(changed) == 1, mutant.name
        assert compile(mutant.source(), "m.py", "exec")


def test_two_equal_changes_have_two_names() -> None:
    source = "def f():\n    if x:\n        a()\n    if x:\n        a()\n"

    names = [mutant.name for mutant in mutants_of("m.py", source)]

    assert len(names) == len(set(names)) == 4


@pytest.mark.parametrize("module", MODULES)
def test_every_module_has_rules_to_break(module: str) -> None:
    source = (ROOT / PACKAGE / module).read_text(encoding="utf-8")

    assert [*mutants_of(module, source)]


def test_what_breaks_nothing_still_is_there_and_is_not_judged() -> None:
    """A change of the code may have taken it away, or its reason."""
    there = {
        mutant.name
        for module in MODULES
        for mutant in mutants_of(
            module, (ROOT / PACKAGE / module).read_text(encoding="utf-8")
        )
    }

    assert EQUIVALENT.keys() - there == set()
    assert {mutant.name for _, mutant in all_mutants()} == there - EQUIVALENT.keys()


def test_the_tests_that_judge_are_there() -> None:
    assert [path for path in TESTS if not (ROOT / path).is_dir()] == []
