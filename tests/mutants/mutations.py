"""The ways to break a rule: each changes one thing in the source of a module.

A mutant is known by what it changes and where, not by its line, so that a change
elsewhere in the module leaves its name alone.
"""

from __future__ import annotations

import ast
import copy
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

__all__ = ["Mutant", "mutants_of"]

#: Comparison → the one next to it, which often is the mistake.
NEIGHBOURS: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}

#: Statements that do something: without it, a rule is forgotten.
DOING: Final = (ast.AugAssign, ast.Delete, ast.Raise, ast.Break, ast.Continue)

#: What is no rule: words in the log, and texts for people who debug.
SILENT_CALLS: Final = ("logger.", "log.")
SILENT_FUNCTIONS: Final = ("__repr__", "__str__", "_log")


NO_RULES: Final = ("annotation", "returns", "decorator_list", "bases", "msg")


#: What replaces a node: a description, and a function that makes the new node of it.
Change = tuple[str, Callable[[ast.AST], ast.AST]]

#: From the module to a node: a field each, and an index where it holds a list.
Path = tuple[tuple[str, int | None], ...]


@dataclass(frozen=True, slots=True)
class Mutant:
    """One broken rule: its name, where it is, and how it is broken."""

    name: str
    line: int
    tree: ast.Module
    path: Path
    change: Callable[[ast.AST], ast.AST]

    def source(self) -> str:
        """Return the text of the module with the broken rule."""
        mutated = copy.deepcopy(self.tree)
        _replace(mutated, self.path, self.change(_node_at(mutated, self.path)))
        return ast.unparse(ast.fix_missing_locations(mutated))


def mutants_of(module: str, source: str) -> Iterator[Mutant]:
    """Yield the mutants of a module, in the order of its source."""
    tree = ast.parse(source)
    seen: Counter[str] = Counter()
    for path, scope in _places(tree):
        node = _node_at(tree, path)
        for description, change in _changes(node):
            name = f"{module} {scope}: {description}"
            seen[name] += 1
            if seen[name] > 1:
                name += f" ({seen[name]})"
            yield Mutant(name, getattr(node, "lineno", 0), tree, path, change)


# --- Where ------------------------------------------------------------------------


def _places(tree: ast.Module) -> Iterator[tuple[Path, str]]:
    """Yield each node that is run as part of a function, and the function's name."""

    def walk(node: ast.AST, path: Path, scope: str) -> Iterator[tuple[Path, str]]:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            if node.name.startswith(SILENT_FUNCTIONS):
                return
            scope = f"{scope}.{node.name}".lstrip(".")
        elif scope:
            yield path, scope
        for field, value in ast.iter_fields(node):
            if field in NO_RULES or isinstance(value, ast.arguments):
                continue
            if isinstance(value, ast.AST):
                yield from walk(value, (*path, (field, None)), scope)
            elif isinstance(value, list):
                for index, item in enumerate(value):
                    if isinstance(item, ast.AST):
                        yield from walk(item, (*path, (field, index)), scope)

    yield from walk(tree, (), "")


def _node_at(tree: ast.AST, path: Path) -> ast.AST:
    node = tree
    for field, index in path:
        value = getattr(node, field)
        node = value if index is None else value[index]
    return node


def _replace(tree: ast.AST, path: Path, node: ast.AST) -> None:
    parent = _node_at(tree, path[:-1])
    field, index = path[-1]
    if index is None:
        setattr(parent, field, node)
    else:
        getattr(parent, field)[index] = node


# --- What -------------------------------------------------------------------------


def _changes(node: ast.AST) -> Iterator[Change]:
    if isinstance(node, ast.If | ast.While | ast.IfExp):
        if not _is_negated_by_its_neighbour(node.test):
            yield f"not: {ast.unparse(node.test)}", _negated
    elif isinstance(node, ast.comprehension) and node.ifs:
        yield f"all: {ast.unparse(node)}", _unfiltered
    elif isinstance(node, ast.BoolOp):
        yield f"and/or: {ast.unparse(node)}", _other_operator
    elif isinstance(node, ast.Compare) and len(node.ops) == 1:
        yield f"compare: {ast.unparse(node)}", _neighbour
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
        yield f"plus/minus: {ast.unparse(node)}", _other_sign
    elif isinstance(node, ast.Constant):
        if isinstance(node.value, bool):
            yield f"flip: {node.value}", lambda _: ast.Constant(not node.value)
        elif isinstance(node.value, int):
            number = node.value
            yield f"one more: {number}", lambda _: ast.Constant(number + 1)
    elif isinstance(node, ast.stmt) and _does_something(node):
        yield f"drop: {ast.unparse(node)}", lambda _: ast.Pass()


def _does_something(node: ast.stmt) -> bool:
    if isinstance(node, ast.Assign):
        # Without a local name the rest could not run at all.
        return not isinstance(node.targets[0], ast.Name)
    if isinstance(node, ast.Expr):
        text = ast.unparse(node)
        called = isinstance(node.value, ast.Call | ast.Await)
        return called and not text.startswith(SILENT_CALLS)
    return isinstance(node, DOING)


def _is_negated_by_its_neighbour(test: ast.expr) -> bool:
    return isinstance(test, ast.Compare) and isinstance(
        test.ops[0], ast.Eq | ast.NotEq | ast.Is | ast.IsNot | ast.In | ast.NotIn
    )


def _negated(node: ast.AST) -> ast.AST:
    assert isinstance(node, ast.If | ast.While | ast.IfExp)
    node.test = ast.UnaryOp(ast.Not(), node.test)
    return node


def _unfiltered(node: ast.AST) -> ast.AST:
    assert isinstance(node, ast.comprehension)
    node.ifs = []
    return node


def _other_operator(node: ast.AST) -> ast.AST:
    assert isinstance(node, ast.BoolOp)
    node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
    return node


def _neighbour(node: ast.AST) -> ast.AST:
    assert isinstance(node, ast.Compare)
    node.ops = [NEIGHBOURS[type(node.ops[0])]()]
    return node


def _other_sign(node: ast.AST) -> ast.AST:
    assert isinstance(node, ast.BinOp)
    node.op = ast.Sub() if isinstance(node.op, ast.Add) else ast.Add()
    return node
