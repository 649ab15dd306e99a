"""Names in single backticks: parameters as code, public names as links, nothing else.

Docstrings are written for people who read them in the source: a name in backticks is a
parameter of the function, or something that the reference describes. Sphinx would want
to be told which, and where. Here the first is found in the signature and the second
among all that is described; what is neither is a warning, and so a failed build.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.nodes import make_refnode

PACKAGE = "aiohttp_serverwamp"
#: What readers get and never make.
MADE_FOR_READERS = {
    "Invocation",
    "PendingCall",
    "Publication",
    "Session",
    "Subscription",
    "WAMPClient",
}
_BACKTICKS = re.compile(r"(?<![`:\w])`(\w+)`(?![`_])")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("autodoc-process-signature", _hide_signature)
    app.connect("autodoc-process-docstring", _mark_parameters)
    app.connect("missing-reference", _find)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _hide_signature(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, *signature: str | None
) -> tuple[str, str] | None:
    made = what == "class" and name.rpartition(".")[2] in MADE_FOR_READERS
    return ("", "") if made else None


def _mark_parameters(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    """Turn `parameter` into ``parameter``."""
    parameters = _parameters(obj)

    def marked(match: re.Match[str]) -> str:
        return f"``{match[1]}``" if match[1] in parameters else match[0]

    lines[:] = [_BACKTICKS.sub(marked, line) for line in lines]


def _parameters(obj: Any) -> set[str]:
    # A module's members and an attribute's value have none that could be meant.
    if not inspect.isroutine(obj) and not inspect.isclass(obj):
        return set()
    found = {field.name for field in fields(obj)} if is_dataclass(obj) else set()
    try:
        return found | set(inspect.signature(obj).parameters)
    except (TypeError, ValueError):
        return found


def _find(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, shown: nodes.Element
) -> nodes.Element | None:
    """Return what a name refers to, found by the last parts of what is described."""
    if node.get("refdomain") != "py":
        return None
    target = node["reftarget"]
    described = env.domains.python_domain.objects
    ending = f".{target.rpartition(f'{PACKAGE}.')[2]}"
    found = [name for name in described if f".{name}".endswith(ending)]
    found = _nearest(found, node)
    if len(found) == 1:
        entry = described[found[0]]
        return make_refnode(
            app.builder, node["refdoc"], entry.docname, entry.node_id, shown, found[0]
        )
    if _exists(target, annotation=node["reftype"] != "obj"):
        return shown
    return None


def _nearest(found: list[str], node: pending_xref) -> list[str]:
    """Choose what stands in the class or module of the one who asks."""
    for around in (node.get("py:class"), node.get("py:module")):
        prefix = f"{node.get('py:module')}.{around}." if around else ""
        near = [name for name in found if prefix and name.startswith(prefix)]
        if len(found) > 1 and len(near) == 1:
            return near
    shortest = min((name.count(".") for name in found), default=0)
    return [name for name in found if name.count(".") == shortest]


def _exists(target: str, *, annotation: bool) -> bool:
    """Tell whether a name is Python's or another library's, spelled out in full.

    An annotation may also name what the package keeps to itself.
    """
    # Sphinx takes an alias of a type in brackets for one long name.
    path, _, name = target.partition("[")[0].rpartition(".")
    if annotation and name in _names_of_package():
        return True
    try:
        return hasattr(importlib.import_module(path or "builtins"), name)
    except ImportError:
        return False


@cache
def _names_of_package() -> frozenset[str]:
    """Return the names in all modules, those imported for type checkers included."""
    package = importlib.import_module(PACKAGE)
    names = set()
    for source in Path(package.__path__[0]).rglob("*.py"):
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                names.add(node.name)
            elif isinstance(node, ast.ImportFrom):
                names.update(alias.name for alias in node.names)
            elif isinstance(node, ast.AnnAssign | ast.Assign):
                names.update(
                    target.id
                    for target in _targets(node)
                    if isinstance(target, ast.Name)
                )
    return frozenset(names)


def _targets(node: ast.AnnAssign | ast.Assign) -> list[ast.expr]:
    return node.targets if isinstance(node, ast.Assign) else [node.target]
