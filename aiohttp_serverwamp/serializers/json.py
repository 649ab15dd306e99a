"""JSON by ujson, with WAMP's conversion of byte strings (specification, 2.3.1).

A byte string is the text U+0000 followed by its base64. ujson takes some text that RFC
8259 forbids (leading zeros, control characters in strings); that is harmless and stays.
What must not pass is NaN and Infinity: JavaScript cannot read them.

msgspec does the same in half the time and less, where it does the same: it reads only
what RFC 8259 allows, and ujson has what it refuses; it writes what `encode_simple` is
given, but not floats (NaN would become null) and no byte strings.
"""

from __future__ import annotations

import re
from base64 import b64encode
from binascii import a2b_base64
from datetime import datetime
from sys import getrecursionlimit, version_info
from typing import Any, Final

import msgspec
import ujson

from aiohttp_serverwamp.errors import EncodingError, InvalidPayload
from aiohttp_serverwamp.serializers.fence import MAX_DEPTH, check_plain

__all__ = ["JSONSerializer", "as_text", "texts_to_bytes"]

_BYTES_LIKE: Final = frozenset({bytes, bytearray, memoryview})
_STRING_LITERAL: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)


def as_text(value: Any) -> str:
    """Write a byte string, or a timestamp of MessagePack, as text.

    The former as the specification has it in 2.3.1 (REQ-SER-005, 011). What the
    ``default`` of `json.dumps` and its like may be. Raises `TypeError` for anything
    else.
    """
    if type(value) in _BYTES_LIKE:
        return "\0" + b64encode(bytes(value)).decode()
    if type(value) is datetime:
        return value.isoformat().replace("+00:00", "Z")
    raise TypeError(f"{type(value).__name__} is not plain data")


# ujson takes twice as long for keyword arguments. In its order: ensure_ascii,
# encode_html_chars, escape_forward_slashes, sort_keys, indent, allow_nan, reject_bytes,
# default. (A test holds this against what the options do.)
_OPTIONS: Final = (False, False, False, 0, False, True, as_text)

#: Whether nesting that an extension module reads counts as recursion of Python's.
_COUNTS_RECURSION: Final = version_info < (3, 12)

_read: Final = msgspec.json.Decoder().decode
_write_simple: Final = msgspec.json.Encoder().encode


class JSONSerializer:
    """The serializer of ``wamp.2.json``.

    `max_depth` bounds the nesting of what is decoded at the cost of a walk over it;
    None or 0 leaves ujson's own bound of 1,024.
    """

    name = "json"
    binary = False
    lenient = True

    def __init__(self, *, max_depth: int | None = None) -> None:
        self._max_depth = max_depth

    def encode(self, message: list[Any]) -> bytes:
        """Return the message as UTF-8 text.

        Its values are plain data with string keys, made by a decoder or by
        `msgspec.to_builtins`: that is not checked here, and ujson would turn other keys
        into text and ask foreign objects for their ``toDict()``. What it cannot encode
        at all, NaN, infinities and integers of more than 4,300 digits (Python's bound)
        included, raises `EncodingError` (REQ-SER-002).
        """
        # Hot path.
        try:
            return ujson.dumps(message, False, *_OPTIONS).encode()
        except UnicodeEncodeError:
            # A lone surrogate, which JavaScript may send: no UTF-8, but an escape.
            return ujson.dumps(message, True, *_OPTIONS).encode()
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise EncodingError(f"not for JSON: {_reason(error)}") from None

    def encode_simple(self, message: list[Any]) -> bytes:
        """Return what `encode` does, for a message without floats and byte strings."""
        # Hot path.
        try:
            return _write_simple(message)
        except (ValueError, OverflowError):  # long integers, lone surrogates
            return self.encode(message)

    def decode(self, data: str | bytes) -> Any:
        """Return the value of a JSON text; raise `InvalidPayload` for anything else."""
        # Hot path.
        text = data if isinstance(data, str) else _text_of(data)
        if len(text) > MAX_DEPTH and _may_be_deep(text):
            message = _read_by_ujson(text)  # which has a bound for the depth
        else:
            try:
                message = _read(text)
            except (ValueError, RecursionError):
                message = _read_by_ujson(text)
        if "\\" in text and "\\u0000" in text:
            message = texts_to_bytes(message)
        if self._max_depth:
            check_plain(message, self._max_depth)
        return message


def _may_be_deep(text: str) -> bool:
    """Tell whether msgspec might read a text that is nested too deeply."""
    if _COUNTS_RECURSION and getrecursionlimit() <= MAX_DEPTH:
        return False
    return text.count("[") + text.count("{") > MAX_DEPTH


def _text_of(data: bytes) -> str:
    try:
        return data.decode()
    except ValueError:
        raise InvalidPayload("not valid JSON") from None


def _read_by_ujson(text: str) -> Any:
    try:
        message = ujson.loads(text)
    except (ValueError, OverflowError, RecursionError):
        raise InvalidPayload("not valid JSON") from None
    # To search for one character is sixty times faster than for a word.
    if ("N" in text or "I" in text) and _has_non_finite(text):
        raise InvalidPayload("NaN and Infinity are not JSON")
    return message


def _reason(error: Exception) -> str:
    # Python's own text tells the client of a setting of the server.
    return "integer too long" if "set_int_max_str_digits" in str(error) else str(error)


def texts_to_bytes(message: Any) -> Any:
    """Replace texts that stand for bytes, in a message read from JSON, at any depth.

    Those are the ones that begin with U+0000. Lists and dicts are changed in place.
    Raises `InvalidPayload` where no base64 follows (REQ-SER-007, 008).
    """
    root = [message]
    containers: list[Any] = [root]
    while containers:
        container = containers.pop()
        items = container.items() if type(container) is dict else enumerate(container)
        for key, value in items:
            kind = type(value)
            if kind is list or kind is dict:
                containers.append(value)
            elif kind is str and value.startswith("\0"):
                container[key] = _to_bytes(value)
    return root[0]


def _to_bytes(text: str) -> bytes:
    try:
        return a2b_base64(text[1:], strict_mode=True)
    except ValueError:
        raise InvalidPayload("a binary string is not valid base64") from None


def _has_non_finite(text: str) -> bool:
    """Tell whether text that ujson has read has NaN or Infinity outside its strings."""
    if "NaN" not in text and "Infinity" not in text:
        return False
    bare = _STRING_LITERAL.sub("", text)
    return "NaN" in bare or "Infinity" in bare
