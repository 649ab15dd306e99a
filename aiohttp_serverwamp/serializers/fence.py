"""The fence around messages: plain values only, nested to a bound."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from msgspec.msgpack import Ext

from aiohttp_serverwamp.errors import EncodingError, InvalidPayload

__all__ = ["MAX_DEPTH", "check_encodable", "check_plain"]

#: Nested lists and dicts that any message may have; the bound that ujson has built in.
MAX_DEPTH: Final = 1_024

#: The last two are what MessagePack has besides: they are carried, and mean nothing to
#: the router (REQ-SER-011).
_SCALARS: Final = frozenset(
    {type(None), bool, int, float, str, bytes, datetime, Ext},
)
_PLAIN: Final = _SCALARS - {datetime, Ext}
#: What encoders take for the two types of containers.
_CONTAINERS: Final = frozenset({list, dict, tuple})


def check_plain(message: Any, max_depth: int = MAX_DEPTH) -> None:
    """Refuse what no WAMP message may hold: other types, other keys, deeper nesting.

    The outermost list counts as depth 1. Goes by levels, not by recursion, so that the
    depth of the data does not matter. Raises `InvalidPayload` (REQ-MSG-006,
    REQ-SER-014).
    """
    level = [message]
    depth = 0
    while level:
        inner: list[Any] = []
        for value in level:
            kind = type(value)
            if kind is dict:
                for key in value:
                    if type(key) is not str:
                        raise InvalidPayload("a dict has a key that is not a string")
                inner.extend(value.values())
            elif kind is list:
                inner.extend(value)
            elif kind not in _SCALARS:
                raise InvalidPayload(f"{kind.__name__} is not a type of WAMP")
            else:
                continue
            if depth >= max_depth:
                raise InvalidPayload(f"nested deeper than {max_depth} levels")
        level = inner
        depth += 1


def check_encodable(message: list[Any], max_depth: int) -> bool:
    """Refuse what only some serializers can carry, and deeper nesting.

    For encoders that would carry more than WAMP does, or recurse without a bound; the
    outermost list counts as depth 1. Keys are not looked at. Tells whether there are
    timestamps, which are to be written as text. Raises `EncodingError`.
    """
    timestamps = False
    level: list[Any] = [message]
    for _ in range(max_depth):
        inner: list[Any] = []
        for container in level:
            values = container.values() if type(container) is dict else container
            others = set(map(type, values)) - _PLAIN
            if others:
                foreign = others - _CONTAINERS
                timestamps = timestamps or datetime in foreign
                for kind in foreign - {datetime}:
                    raise EncodingError(f"{kind.__name__} is not plain data")
                inner += [value for value in values if type(value) in _CONTAINERS]
        if not inner:
            return timestamps
        level = inner
    raise EncodingError(f"nested deeper than {max_depth} levels")
