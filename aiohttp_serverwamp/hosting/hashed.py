"""Integers that would be hashed: those of 64 bits only.

Python's hash of an integer is its remainder by 2**61 - 1, no secret in it. JSON has
integers of any size, so a client could send thousands of them with one hash, and a set
or a dict of them would take time that grows with the square of their number.
"""

from __future__ import annotations

from typing import Any, Final

from msgspec import inspect

from aiohttp_serverwamp.hosting.integral import nodes

__all__ = ["hashes_integers", "has_long_integer"]

_LEAST: Final = -(2**63)
_GREATEST: Final = 2**64 - 1
#: Characters of the longest integer of 64 bits; more of them may be one as a key.
_DIGITS: Final = 20
_INTEGERS: Final = (inspect.IntType, inspect.AnyType)


def hashes_integers(root: inspect.Type) -> bool:
    """Tell whether values of a type have integers in sets, or as keys of dicts."""
    for node in nodes(root):
        if isinstance(node, inspect.SetType | inspect.FrozenSetType):
            hashed = node.item_type
        elif isinstance(node, inspect.DictType):
            hashed = node.key_type
            if isinstance(hashed, inspect.AnyType):
                continue  # keys are text and stay text
        else:
            continue
        if any(isinstance(inner, _INTEGERS) for inner in nodes(hashed)):
            return True
    return False


def has_long_integer(value: Any) -> bool:
    """Tell whether plain data hold an integer beyond 64 bits, as a key in text too."""
    waiting = [value]
    while waiting:
        value = waiting.pop()
        kind = type(value)
        if kind is list:
            waiting.extend(value)
        elif kind is dict:
            waiting.extend(value.values())
            if any(len(key) > _DIGITS and _is_integer(key) for key in value):
                return True
        elif kind is int and not _LEAST <= value <= _GREATEST:
            return True
    return False


def _is_integer(key: str) -> bool:
    return key.removeprefix("-").isdecimal()
