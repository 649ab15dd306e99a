"""Plain data as bytes and back, without loss.

MessagePack, whose gaps are filled by extension types: integers of more than 64 bits,
and text with half of a surrogate pair, which JavaScript may send.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

__all__ = ["pack", "unpack"]

_LONG_INTEGER: Final = 1
_BROKEN_TEXT: Final = 2
#: A dict with such text among its keys: a list of keys with their values.
_PAIRS: Final = 3

_encode = msgspec.msgpack.encode


def pack(value: Any) -> bytes:
    """Return the bytes of plain data; `RecursionError` if they are nested too deep."""
    try:
        return _encode(value)
    except (OverflowError, UnicodeEncodeError):
        return _encode(_extended(value))


def unpack(data: bytes) -> Any:
    """Return the plain data of what `pack` has made."""
    return _DECODER.decode(data)


def _extended(value: Any) -> Any:
    if type(value) is list:
        return [_extended(item) for item in value]
    if type(value) is dict:
        if all(map(_is_unicode, value)):
            return {key: _extended(item) for key, item in value.items()}
        pairs = [[key, item] for key, item in value.items()]
        return msgspec.msgpack.Ext(_PAIRS, pack(pairs))
    if type(value) is int and not -(2**63) <= value < 2**64:
        size = value.bit_length() // 8 + 1
        return msgspec.msgpack.Ext(_LONG_INTEGER, value.to_bytes(size, signed=True))
    if type(value) is str and not _is_unicode(value):
        return msgspec.msgpack.Ext(_BROKEN_TEXT, value.encode("utf-8", "surrogatepass"))
    return value


def _restored(code: int, data: memoryview) -> Any:
    if code == _LONG_INTEGER:
        return int.from_bytes(data, signed=True)
    if code == _PAIRS:
        return dict(unpack(bytes(data)))
    return bytes(data).decode("utf-8", "surrogatepass")


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


_DECODER: Final = msgspec.msgpack.Decoder(ext_hook=_restored)
