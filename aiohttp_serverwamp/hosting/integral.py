"""Integral floats become integers where an annotation asks for ``int``, at any depth.

msgspec is strict about ``3.0`` for an ``int``, and JavaScript's MessagePack encoders
send large integers so. The annotation's type tree is compiled once into a repair
function that is run only after a conversion has failed; it never changes its argument.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from msgspec import UnsetType, inspect

__all__ = ["Repair", "Unsupported", "compile_repair", "is_pydantic", "nodes"]

Repair = Callable[[Any], Any]


class Unsupported(Exception):
    """An annotation to which nothing that a call carries can be converted."""


def is_pydantic(cls: type) -> bool:
    """Return whether `cls` is a pydantic model, without importing pydantic."""
    pydantic = sys.modules.get("pydantic")
    return pydantic is not None and issubclass(cls, pydantic.BaseModel)


def nodes(root: inspect.Type) -> Iterator[inspect.Type]:
    """Yield every node of a type tree, once each."""
    seen: set[int] = set()
    waiting: list[Any] = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, tuple):
            waiting.extend(node)
        elif isinstance(node, inspect.Type | inspect.Field) and id(node) not in seen:
            seen.add(id(node))
            waiting.extend(getattr(node, name) for name in node.__struct_fields__)
            if isinstance(node, inspect.Type):
                yield node


def compile_repair(node: inspect.Type) -> Repair | None:
    """Return the repair function for a type, None if it holds no integer.

    Raises `Unsupported` for types that msgspec would only pass through.
    """
    return _compile(node, {})


def _compile(node: Any, known: dict[int, _Members]) -> Repair | None:
    match node:
        case inspect.Metadata():
            return _compile(node.type, known)
        case inspect.IntType():
            return _integer
        case inspect.EnumType():
            return _integer if _has_integer([m.value for m in node.cls]) else None
        case inspect.LiteralType():
            return _integer if _has_integer(node.values) else None
        case inspect.CollectionType():
            return _items(_compile(node.item_type, known))
        case inspect.TupleType():
            return _positions([_compile(item, known) for item in node.item_types])
        case inspect.DictType():
            _compile(node.key_type, known)
            return _values(_compile(node.value_type, known))
        case inspect.UnionType():
            return _union(node, known)
        case inspect.CustomType() | inspect.RawType() | inspect.MemoryViewType():
            _check_custom(node)
            return None
    if hasattr(node, "fields"):
        return _members(node, known)
    return None


def _has_integer(values: Sequence[Any]) -> bool:
    return any(type(value) is int for value in values)


def _check_custom(node: Any) -> None:
    cls = getattr(node, "cls", type(node))
    if cls in (object, UnsetType) or is_pydantic(cls):
        return
    raise Unsupported(f"no plain value can be converted to {cls.__name__}")


def _integer(value: Any) -> Any:
    return int(value) if type(value) is float and value.is_integer() else value


def _items(item: Repair | None) -> Repair | None:
    if item is None:
        return None

    def repair(value: Any) -> Any:
        return [item(each) for each in value] if type(value) is list else value

    return repair


def _values(item: Repair | None) -> Repair | None:
    if item is None:
        return None

    def repair(value: Any) -> Any:
        if type(value) is not dict:
            return value
        return {key: item(each) for key, each in value.items()}

    return repair


def _positions(items: Sequence[Repair | None]) -> Repair | None:
    if not any(items):
        return None

    def repair(value: Any) -> Any:
        if type(value) is not list:
            return value
        repaired = list(value)
        for index, item in enumerate(items[: len(value)]):
            if item is not None:
                repaired[index] = item(value[index])
        return repaired

    return repair


class _Members:
    """The repair of a type with fields; a class because such types may be recursive."""

    __slots__ = ("by_name", "by_position")

    def __init__(self) -> None:
        self.by_name: Mapping[str, Repair] = {}
        self.by_position: Repair | None = None

    def __call__(self, value: Any) -> Any:
        if type(value) is list and self.by_position is not None:
            return self.by_position(value)
        if type(value) is not dict:
            return value
        repaired = dict(value)
        for name, repair in self.by_name.items():
            if name in value:
                repaired[name] = repair(value[name])
        return repaired


def _members(node: Any, known: dict[int, _Members]) -> Repair:
    if id(node) in known:
        return known[id(node)]
    members = known[id(node)] = _Members()
    repairs = [(field.encode_name, _field(field, known)) for field in node.fields]
    if isinstance(node, inspect.NamedTupleType) or getattr(node, "array_like", False):
        tag: list[Repair | None] = [] if getattr(node, "tag", None) is None else [None]
        members.by_position = _positions(tag + [repair for _, repair in repairs])
    else:
        members.by_name = {name: repair for name, repair in repairs if repair}
    return members


def _field(field: inspect.Field, known: dict[int, _Members]) -> Repair | None:
    try:
        return _compile(field.type, known)
    except Unsupported:
        if field.required:
            raise
        return None  # the application's own business: a lock, a cache


def _union(node: inspect.UnionType, known: dict[int, _Members]) -> Repair | None:
    repairs = [_compile(member, known) for member in node.types]
    takes_float = any(
        isinstance(member, inspect.FloatType | inspect.DecimalType | inspect.AnyType)
        for member in node.types
    )
    structs = {
        member.tag: repair
        for member, repair in zip(node.types, repairs, strict=True)
        if isinstance(member, inspect.StructType) and member.tag is not None
    }
    tag_field = next(
        (m.tag_field for m in node.types if isinstance(m, inspect.StructType)), None
    )
    plain = [
        repair
        for repair in repairs
        if repair is not None and repair not in structs.values()
    ]
    if not any(repairs):
        return None

    def repair(value: Any) -> Any:
        if type(value) is float:
            return value if takes_float or _integer not in plain else _integer(value)
        tag = _tag_of(value, tag_field)
        if tag in structs:
            chosen = structs[tag]
            return value if chosen is None else chosen(value)
        # msgspec allows one array-like and one object-like member at most, and each of
        # these functions leaves alone what is not of its kind.
        for each in plain:
            value = each(value)
        return value

    return repair


def _tag_of(value: Any, tag_field: str | None) -> Any:
    tag = None
    if type(value) is dict and tag_field is not None:
        tag = value.get(tag_field)
    elif type(value) is list and value:
        tag = value[0]
    return tag if isinstance(tag, str | int) else None
