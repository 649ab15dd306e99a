"""Sizes as a warning light: past them a line is printed, far past them a test fails."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.architecture.imports import PACKAGE, modules

MODULES = modules(Path(__file__).parents[2] / PACKAGE)
MODULE_LINES, MODULE_LINES_AT_MOST = 400, 600
FUNCTION_LINES, FUNCTION_LINES_AT_MOST = 60, 120


def functions(source: str) -> Iterator[tuple[str, int]]:
    """Yield the name and the lines of every function, decorators not counted."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1


#: `messages.py` is a table of the 24 messages with their fields, which grows with the
#: protocol and not with what the library does.
TABLES = frozenset({f"{PACKAGE}.messages"})


@pytest.mark.parametrize("module", MODULES)
def test_modules_and_functions_stay_readable(
    module: str, record_property: Callable[[str, object], None]
) -> None:
    source = MODULES[module].read_text(encoding="utf-8")
    lines = len(source.splitlines())
    sizes = dict(functions(source))
    long = {name: size for name, size in sizes.items() if size > FUNCTION_LINES}

    if (lines > MODULE_LINES and module not in TABLES) or long:
        record_property("warning_light", f"{module}: {lines} lines; {long or ''}")

    assert lines <= MODULE_LINES_AT_MOST or module in TABLES
    assert {n: s for n, s in long.items() if s > FUNCTION_LINES_AT_MOST} == {}


def test_functions_are_measured_from_their_def_to_their_last_line() -> None:
    source = "@decorator\nasync def f():\n    x = 1\n\n    return x\n"

    assert list(functions(source)) == [("f", 4)]
