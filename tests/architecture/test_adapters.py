"""Adapters move frames: they know little of the router, and have nothing in common.

What two of them would share, a third module has: `outbox`, `sending_task`, `upgrade`,
`failure_log`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.architecture.imports import PACKAGE, imports_of, modules

ROOT = Path(__file__).parents[2]
ADAPTERS = {
    module.removeprefix(f"{PACKAGE}.adapters."): path.read_text(encoding="utf-8")
    for module, path in modules(ROOT / PACKAGE).items()
    if module.startswith(f"{PACKAGE}.adapters.")
}

#: So many lines in a row are no accident.
SHARED = 6

#: What carries WAMP's meaning. Of it an adapter may know what stands here, and `serve`
#: is the one that hands over what connections bring.
MEANING = ("messages", "router", "hosting", "realm")
KNOWN: Mapping[str, frozenset[str]] = {
    "serve": frozenset(
        {"router.batch", "router.endings", "router.host", "router.session"}
    ),
    # Who is connected, and who has to go.
    "connected_clients": frozenset(
        {"realm", "router.endings", "router.session", "router.tally"}
    ),
    "draining": frozenset({"router.session"}),
    # What may be dropped of events for clients that are behind.
    "outbox": frozenset({"router.backlog"}),
    "memory": frozenset({"router.backlog"}),
    # Logins that aiohttp has.
    "aiohttp_security": frozenset({"router.decisions", "router.permission_rules"}),
    "aiohttp_bound_sockets": frozenset({"hosting.session"}),
    "aiohttp_revalidation": frozenset({"hosting.session"}),
}


def meaning_in(adapter: str, source: str) -> set[str]:
    """Return the modules that carry meaning and that an adapter imports."""
    found = set()
    for each in imports_of(source, f"{PACKAGE}.adapters.{adapter}"):
        layer, *rest = each.target.removeprefix(f"{PACKAGE}.").split(".")
        if each.target.startswith(PACKAGE) and layer in MEANING:
            # "from package.router import endings" and "from …endings import x".
            found.add(".".join([layer, *rest[:1]] if layer != "realm" else [layer]))
    return found


def telling_lines(source: str) -> Iterator[tuple[int, str]]:
    """Yield the lines that do something.

    Imports, comments and lone brackets do not, nor do the signatures and docstrings
    that two classes have from one protocol.
    """
    passed = {
        number
        for node in ast.walk(ast.parse(source))
        for number in _lines_of_no_doing(node)
    }
    for number, line in enumerate(source.splitlines(), 1):
        text = line.strip()
        if number in passed or text.startswith("#") or not any(map(str.isalnum, text)):
            continue
        yield number, text


def _lines_of_no_doing(node: ast.AST) -> range:
    if isinstance(node, ast.Import | ast.ImportFrom):
        return range(node.lineno, (node.end_lineno or node.lineno) + 1)
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        body = node.body[0]
        is_docstring = ast.get_docstring(node, clean=False) is not None
        return range(
            node.lineno, (body.end_lineno or 0) + 1 if is_docstring else body.lineno
        )
    return range(0)


def runs_of(source: str) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Yield every run of `SHARED` telling lines, and the line where it begins."""
    lines = [*telling_lines(source)]
    for at in range(len(lines) - SHARED + 1):
        run = lines[at : at + SHARED]
        yield run[0][0], tuple(text for _, text in run)


def shared_runs(sources: Mapping[str, str]) -> list[str]:
    """Return where a run of lines stands that an earlier module has as well."""
    first: dict[tuple[str, ...], str] = {}
    found = []
    for module, source in sources.items():
        for number, run in runs_of(source):
            other = first.setdefault(run, module)
            if other != module:
                found.append(f"{module}:{number} has lines of {other}")
    return found


def test_no_two_adapters_have_the_same_lines() -> None:
    assert shared_runs(ADAPTERS) == []


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_an_adapter_knows_no_meaning(adapter: str) -> None:
    found = meaning_in(adapter, ADAPTERS[adapter])

    assert found <= KNOWN.get(adapter, frozenset())


@pytest.mark.parametrize("adapter", KNOWN)
def test_what_an_adapter_may_know_it_uses(adapter: str) -> None:
    assert meaning_in(adapter, ADAPTERS[adapter]) == KNOWN[adapter]


def test_the_check_finds_lines_that_have_moved() -> None:
    lines = [f"step_{number}()" for number in range(SHARED)]
    one = "\n".join(["def one():", *(f"    {line}" for line in lines)])
    two = "\n\n# Why.\n".join(["import x", *lines, "other()"])

    assert shared_runs({"one": one, "two": two}) == ["two:4 has lines of one"]
    assert shared_runs({"one": one, "two": two.replace("step_3", "leap")}) == []


@pytest.mark.parametrize(
    "source",
    [
        "from aiohttp_serverwamp.router.broker import Broker",
        "from aiohttp_serverwamp import messages",
        "def late():\n    from aiohttp_serverwamp.hosting import binding",
    ],
)
def test_the_check_finds_meaning(source: str) -> None:
    assert meaning_in("websocket", source) != set()
