"""What handlers return and applications publish, as plain data.

Plain data is None, bool, int, float, str, bytes, list and dict with string keys: what
every serializer carries. A plain copy shares nothing that can change with the original
or with any other copy; only immutable values (text, bytes, numbers) are shared. So a
receiver never sees what another receiver, or the publisher, does to its own
(REQ-EMB-014).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from typing import Any

import msgspec

from aiohttp_serverwamp.errors import EncodingError
from aiohttp_serverwamp.hosting.integral import is_pydantic

__all__ = ["lenient_args", "plain_args", "plain_kwargs", "to_plain"]

_SCALARS = frozenset({type(None), bool, int, float, str, bytes})

#: msgspec would make base64 text of these; they come through and become bytes here.
_BYTES_LIKE = (bytes, bytearray, memoryview)

#: What msgspec leaves in its copy that is plain data only after a second look.
_UNFINISHED = frozenset({list, dict, tuple, bytearray, memoryview})


def to_plain(value: Any) -> Any:
    """Return a deep copy of `value` in plain data.

    Tuples and sets become lists, keys of mappings text; dates, UUIDs and Decimals their
    text as msgspec writes it. Integers of any size, NaN and infinities stay.

    Raises `EncodingError` naming the type that cannot be carried, and for cyclic data.
    """
    return _plain(value, _to_finished)


def _plain(value: Any, copy: Callable[[Any], Any]) -> Any:
    if type(value) in _SCALARS:
        return value
    try:
        return copy(value)
    except RecursionError:
        raise EncodingError("the data are cyclic or nested too deeply") from None
    except EncodingError:
        raise
    except (TypeError, ValueError, OverflowError) as error:
        raise EncodingError(f"cannot encode {type(value).__name__}: {error}") from None


def plain_args(args: Sequence[Any] | None) -> list[Any] | None:
    """Return positional arguments in plain data, None when there are none."""
    if not args:
        return None
    return [to_plain(value) for value in args]


def lenient_args(args: Sequence[Any] | None) -> list[Any] | None:
    """Return the same for a lenient `Serializer`, which spares a walk over them."""
    if not args:
        return None
    return [_plain(value, _to_builtins) for value in args]


def plain_kwargs(kwargs: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return keyword arguments in plain data, None when there are none.

    Raises `EncodingError` for a keyword that is no string as well.
    """
    if not kwargs:
        return None
    for name in kwargs:
        if not isinstance(name, str):
            raise EncodingError(
                f"keywords are strings, this one is of type {type(name).__name__}"
            )
    return {str.__str__(name): to_plain(value) for name, value in kwargs.items()}


def _to_builtins(value: Any) -> Any:
    return msgspec.to_builtins(
        value, builtin_types=_BYTES_LIKE, str_keys=True, enc_hook=_encode_foreign
    )


def _to_finished(value: Any) -> Any:
    return _finished(_to_builtins(value))


def _finished(value: Any) -> Any:
    """Finish msgspec's fresh copy, in place: no tuples, no bytearrays."""
    kind = type(value)
    if kind is tuple:
        value = list(value)
    elif kind is bytearray or kind is memoryview:
        return bytes(value)
    if kind is dict:
        for key, item in value.items():
            if type(item) in _UNFINISHED:
                value[key] = _finished(item)
    elif kind is list or kind is tuple:
        for index, item in enumerate(value):
            if type(item) in _UNFINISHED:
                value[index] = _finished(item)
    return value


def _encode_foreign(value: Any) -> Any:
    """Turn what msgspec does not know into something it does."""
    match value:
        case str():
            return str.__str__(value)
        case int():
            return int.__int__(value)
        case float():
            return float.__float__(value)
        case bytes():
            return bytes.__getitem__(value, slice(None))
        case Mapping():
            return dict(value)
        case Sequence() | Set():
            return list(value)
    if is_pydantic(type(value)):
        return value.model_dump()
    raise EncodingError(f"a value of type {type(value).__name__} cannot be encoded")
