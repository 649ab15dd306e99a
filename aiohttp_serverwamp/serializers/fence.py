"""The fence around decoded data: plain values only, nested to a bound."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from msgspec.msgpack import Ext

from aiohttp_serverwamp.errors import InvalidPayload

__all__ = ["MAX_DEPTH", "check_plain"]

#: Nested lists and dicts that any message may have; the bound that ujson has built in.
MAX_DEPTH: Final = 1_024

#: The last two are what MessagePack has besides: they are carried, and mean nothing to
#: the router (REQ-SER-011).
_SCALARS: Final = frozenset(
    {type(None), bool, int, float, str, bytes, datetime, Ext},
)


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
