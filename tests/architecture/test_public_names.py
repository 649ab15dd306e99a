"""Every public name exists, is explained, is typed, and has one home."""

from __future__ import annotations

import importlib
import inspect
from collections import Counter
from collections.abc import Callable, Iterator
from operator import attrgetter
from pathlib import Path
from typing import Any, Protocol

import pytest

import aiohttp_serverwamp
from tests.architecture.imports import PACKAGE, layer_of, modules

MODULES = modules(Path(__file__).parents[2] / PACKAGE)
PUBLIC = list(aiohttp_serverwamp.__all__)
EVERY = [
    *PUBLIC,
    *(f"auth.{name}" for name in aiohttp_serverwamp.auth.__all__),
    *(f"history.{name}" for name in aiohttp_serverwamp.history.__all__),
]
#: Names that serverwamp's users know, beside our own name for the same thing.
ALIASES = {"RPCRequest": "Invocation"}


def is_ours(value: object) -> bool:
    return str(getattr(value, "__module__", "")).split(".")[0] == PACKAGE


def public_members(cls: type) -> Iterator[tuple[str, Any]]:
    """Yield the methods and properties that the class itself defines."""
    for name, value in vars(cls).items():
        if isinstance(value, classmethod | staticmethod):
            value = value.__func__
        described = inspect.isfunction(value) or isinstance(value, property)
        if described and not name.startswith("_"):
            yield name, value


def undocumented(name: str, value: object) -> list[str]:
    """Name what a reader of `value` would find no word about."""
    if inspect.isfunction(value):
        return [] if (value.__doc__ or "").strip() else [name]
    if not inspect.isclass(value):
        return []
    found = [] if (vars(value).get("__doc__") or "").strip() else [name]
    for member, _ in public_members(value):
        # What overrides a documented method may leave the words to it.
        if not (inspect.getdoc(getattr(value, member)) or "").strip():
            found.append(f"{name}.{member}")
    return found


def is_protocol(cls: type) -> bool:
    return Protocol in cls.__bases__


SELF = ("self", "cls")


def untyped(name: str, value: object) -> list[str]:
    """Name the parameters and results of `value` that have no annotation."""
    if inspect.isfunction(value):
        return _unannotated(name, value)
    if not inspect.isclass(value):
        return []
    found = []
    for member, each in public_members(value):
        function = each.fget if isinstance(each, property) else each
        if function is not None:
            found += _unannotated(f"{name}.{member}", function)
    # That of a Protocol is Python's own.
    init = None if is_protocol(value) else vars(value).get("__init__")
    return found + (_unannotated(f"{name}.__init__", init) if init else [])


def _unannotated(name: str, function: Callable[..., Any]) -> list[str]:
    hints = function.__annotations__
    parameters = [p for p in inspect.signature(function).parameters if p not in SELF]
    return [f"{name}({p})" for p in parameters if p not in hints] + (
        [] if "return" in hints else [f"{name}() ->"]
    )


def test_names_are_exported_once() -> None:
    assert {name: n for name, n in Counter(PUBLIC).items() if n > 1} == {}


def public_value(name: str) -> Any:
    return attrgetter(name)(aiohttp_serverwamp)


@pytest.mark.parametrize("name", EVERY)
def test_a_public_name_exists_and_is_explained(name: str) -> None:
    assert undocumented(name, public_value(name)) == []


@pytest.mark.parametrize("name", EVERY)
def test_a_public_name_is_typed(name: str) -> None:
    assert untyped(name, public_value(name)) == []


def test_two_names_for_one_thing_are_known_aliases() -> None:
    by_identity: dict[int, list[str]] = {}
    for name in PUBLIC:
        if is_ours(value := getattr(aiohttp_serverwamp, name)):
            by_identity.setdefault(id(value), []).append(name)

    doubles = [sorted(names) for names in by_identity.values() if len(names) > 1]

    assert doubles == [sorted(pair) for pair in ALIASES.items() if pair[0] in PUBLIC]


@pytest.mark.parametrize("module", [name for name in MODULES if name != PACKAGE])
def test_a_module_exports_only_what_its_layer_defines(module: str) -> None:
    loaded = importlib.import_module(module)

    foreign = {
        name: value.__module__
        for name in getattr(loaded, "__all__", ())
        if is_ours(value := getattr(loaded, name))
        if inspect.isclass(value) or inspect.isfunction(value)
        if layer_of(value.__module__) != layer_of(module)
    }

    assert foreign == {}


class _Careless:
    def method(self, value):  # type: ignore[no-untyped-def]  # what is looked for
        pass


def test_the_checks_find_what_is_missing() -> None:
    assert undocumented("Careless", _Careless) == ["Careless", "Careless.method"]
    assert untyped("Careless", _Careless) == [
        "Careless.method(value)",
        "Careless.method() ->",
    ]
