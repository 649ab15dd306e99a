"""Read the imports of a package with `ast` and hold them against the layers."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

PACKAGE = "aiohttp_serverwamp"

#: Layers from the ground up; a module imports from lower layers and from its own. The
#: foundation is one layer: what keeps it in order is that its imports make no circle.
LAYERS = (
    ("errors", "uris", "ids", "limits", "timestamps", "interfaces", "reports", "stats"),
    ("observability",),
    ("messages",),
    ("serializers",),
    ("history",),
    ("auth",),
    ("router",),
    ("hosting",),
    ("realm", "realm_methods", "realm_events"),
    ("adapters",),
    ("application",),
    ("plugin",),
    ("testing",),
    ("credentials_command",),
    ("__main__",),
    ("__init__",),
)
RANKS = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}

ASYNC_LIBRARIES = frozenset({"asyncio", "trio", "anyio", "sniffio", "concurrent"})
AIOHTTP = frozenset({"aiohttp", "aiohttp_security", "aiohttp_session"})
#: What observability/ is there for.
OPERATORS_LIBRARIES = frozenset({"prometheus_client", "opentelemetry"})
#: The beginnings of the names of modules that may know aiohttp.
AIOHTTP_MODULES = tuple(
    f"{PACKAGE}.{name}" for name in ("adapters.aiohttp", "plugin", "testing")
)
#: The router gets its clock, its randomness and its tasks from outside.
IMPURE = ASYNC_LIBRARIES | {
    "datetime",
    "random",
    "sched",
    "secrets",
    "select",
    "selectors",
    "socket",
    "ssl",
    "threading",
    "time",
    "uuid",
}

#: Functions that import, and what is imported where the name is not a literal.
IMPORTERS = frozenset({"__import__", "import_module"})
COMPUTED = "a module whose name is computed"


@dataclass(frozen=True, slots=True)
class Import:
    """One imported name, as the module that holds it would be called."""

    target: str
    line: int


def imports_of(source: str, module: str, *, is_package: bool = False) -> list[Import]:
    """Return all imports: at the top, in functions and under TYPE_CHECKING alike."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [Import(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, module, is_package=is_package)
            # "from package import x" may mean the module package.x.
            found += [Import(f"{base}.{a.name}", node.lineno) for a in node.names]
        elif isinstance(node, ast.Call) and _name_of(node.func) in IMPORTERS:
            found.append(Import(_imported_by(node), node.lineno))
    return found


def _absolute(node: ast.ImportFrom, module: str, *, is_package: bool) -> str:
    if not node.level:
        return node.module or ""
    parts = module.split(".")
    base = parts[: len(parts) - node.level + is_package]
    return ".".join([*base, *([node.module] if node.module else [])])


def _name_of(func: ast.expr) -> str:
    match func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def _imported_by(call: ast.Call) -> str:
    match call.args:
        case [ast.Constant(value=str(name)), *_]:
            return name
    return COMPUTED


def layer_of(module: str) -> str:
    """Return the layer's name: the first part below the package."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def violations(module: str, imports: list[Import]) -> Iterator[str]:
    """Say what a module may not import, one sentence each."""
    layer = layer_of(module)
    if layer not in RANKS:
        yield f"{module}: has no place in the layers; add it to LAYERS"
        return
    for found in imports:
        reason = _objection(module, layer, found.target)
        if reason:
            yield f"{module}:{found.line}: imports {found.target}: {reason}"


def _objection(module: str, layer: str, target: str) -> str | None:
    top = target.split(".")[0]
    if target == COMPUTED:
        return "nobody can tell what that is"
    if top == PACKAGE:
        return _upward(layer, target)
    if top in ASYNC_LIBRARIES and layer not in ("adapters", "testing"):
        return "only adapters/ knows the async libraries"
    if top in AIOHTTP and not module.startswith(AIOHTTP_MODULES):
        return "only adapters/aiohttp*.py and plugin.py know aiohttp"
    if top in OPERATORS_LIBRARIES and layer != "observability":
        return "only observability/ knows metrics and traces"
    if top in IMPURE and layer == "router":
        return "the router is given its clock, randomness and tasks"
    return None


def _upward(layer: str, target: str) -> str | None:
    target_layer = layer_of(target)
    if target_layer not in RANKS:
        # "from aiohttp_serverwamp import Realm" is a name of the package itself.
        target_layer = "__init__"
    if RANKS[target_layer] > RANKS[layer]:
        return f"{layer} lies below {target_layer}"
    if layer == "router" and target == f"{PACKAGE}.ids.random_id":
        return "the router is given its source of ids"
    return None


def modules(root: Path) -> dict[str, Path]:
    """Return every module of the package at `root` by its dotted name."""
    found = {}
    for path in sorted(root.rglob("*.py")):
        parts = [root.name, *path.relative_to(root).with_suffix("").parts]
        if parts[-1] == "__init__":
            parts.pop()
        found[".".join(parts)] = path
    return found


def circles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """Return one circle of imports for each module that is part of any."""
    found = []
    for start in sorted(graph):
        path = _path(graph, start, start)
        if path and min(path) == start:
            found.append(path)
    return found


def _path(graph: Mapping[str, set[str]], start: str, goal: str) -> list[str] | None:
    waiting, seen = [[start]], {start}
    while waiting:
        path = waiting.pop(0)
        for step in sorted(graph.get(path[-1], ())):
            if step == goal:
                return path
            if step not in seen:
                seen.add(step)
                waiting.append([*path, step])
    return None
