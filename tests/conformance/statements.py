"""The statements that the router is held to, and which tests name them.

A test names a statement by its id, in its docstring or in an id of its parameters:
``REQ-MSG-001``; several of one area as ``REQ-MSG-001, 003`` or ``REQ-MSG-001 to 004``.
Only a test counts that puts bytes or messages in and compares what comes out.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

TESTS: Final = Path(__file__).parents[1]

#: Where tests put bytes or messages in. A name anywhere else under tests/ is an error.
WIRE: Final = (
    "conformance",
    "integration",
    "interop",
    "fuzz",
    "async_support",
    "unit/serializers",
    "unit/auth",
    "unit/test_messages.py",
    "property/test_serializers.py",
)

NAMED: Final = re.compile(
    r"REQ-([A-Z]+)-(\d{3})((?:(?:,|,?\s+and|\s+to)\s+\d{3}(?!\d))*)"
)
FURTHER: Final = re.compile(r"(,|and|to)\s+(\d{3})")


Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement: its id, its section and a few words about it."""

    id: str
    section: str
    words: str


@dataclass(frozen=True, slots=True)
class Test:
    """One test function, and the ids that it names."""

    file: str
    name: str
    ids: frozenset[str]
    #: Whether it is run everywhere, and something in it can fail.
    proves: bool


def load() -> dict[str, Statement]:
    """Return the statements by id, in the order of the sections."""
    statements: dict[str, Statement] = {}
    section = ""
    text = (Path(__file__).parent / "statements.txt").read_text(encoding="utf-8")
    for line in text.splitlines():
        name, _, words = line.partition(" ")
        if name.startswith("REQ-"):
            assert name not in statements, f"{name} stands there twice"
            statements[name] = Statement(name, section, words)
        elif line and not line.startswith("#"):
            section = line
    return statements


STATEMENTS: Final = load()


def ids_in(text: str) -> Iterator[str]:
    """Yield the ids that a text names, those of ranges included."""
    for match in NAMED.finditer(text):
        area, last = match[1], int(match[2])
        yield f"REQ-{area}-{last:03}"
        for word, digits in FURTHER.findall(match[3]):
            number = int(digits)
            for each in range(last + 1, number) if word == "to" else ():
                yield f"REQ-{area}-{each:03}"
            yield f"REQ-{area}-{number:03}"
            last = number


def is_wire(file: str) -> bool:
    """Tell whether the tests of a file may name statements."""
    return any(file == place or file.startswith(f"{place}/") for place in WIRE)


def modules() -> Iterator[tuple[str, str]]:
    """Yield the path below tests/, and the text, of each module of the tests."""
    for path in sorted(TESTS.rglob("*.py")):
        if "node_modules" not in path.parts:
            yield path.relative_to(TESTS).as_posix(), path.read_text(encoding="utf-8")


def collected(file: str, source: str, checks: set[str]) -> Iterator[Test]:
    """Yield the tests of a file that pytest collects.

    `checks` are the functions that assert something themselves, by name.
    """
    module = ast.parse(source)
    classes = [
        node.body
        for node in module.body
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test")
    ]
    for body in [module.body, *classes]:
        for node in functions_in(body):
            if node.name.startswith("test_"):
                marks = "\n".join(ast.unparse(mark) for mark in node.decorator_list)
                named = f"{ast.get_docstring(node) or ''}\n{marks}"
                skipped = re.search(r"\bmark\.(skip|xfail)\b", marks) is not None
                proves = not skipped and can_fail(node, checks)
                yield Test(file, node.name, frozenset(ids_in(named)), proves)


def functions_in(nodes: Iterable[ast.AST]) -> Iterator[Function]:
    """Yield those of some nodes that define functions."""
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def asserting_functions(source: str) -> Iterator[str]:
    """Yield the names of the functions and methods that can fail by themselves."""
    for node in functions_in(ast.walk(ast.parse(source))):
        if can_fail(node, set()):
            yield node.name


def can_fail(function: ast.AST, checks: set[str]) -> bool:
    """Tell whether a function asserts something, itself or by one of the `checks`."""
    for node in ast.walk(function):
        if isinstance(node, ast.Assert):
            return True
        if isinstance(node, ast.Call):
            called = node.func
            name = called.attr if isinstance(called, ast.Attribute) else None
            if isinstance(called, ast.Name):
                name = called.id
            if name == "raises" or name in checks:
                return True
    return False


def wire_tests() -> list[Test]:
    """Return the tests that name statements and may."""
    files = dict(modules())
    checks = {name for text in files.values() for name in asserting_functions(text)}
    return [
        test
        for file, source in files.items()
        if is_wire(file) and file.rpartition("/")[2].startswith("test_")
        for test in collected(file, source, checks)
        if test.ids
    ]
