"""Encoders that write what no library would: wrong keys, twice the same, broken text.

Values are plain data, and besides: `Pairs`, a dict with keys of any type and any number
of times; `Raw`, bytes put where a value belongs.
"""

from __future__ import annotations

import base64
import json
import math
import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import cbor2
import msgspec


@dataclass(frozen=True)
class Pairs:
    """What is written as a dict."""

    items: tuple[tuple[Any, Any], ...]


@dataclass(frozen=True)
class Raw:
    """What is written as it is; JSON takes the text in UTF-8."""

    data: bytes


Encoder = Callable[[Any], bytes]


# --- JSON -------------------------------------------------------------------------


def to_json(value: Any) -> bytes:
    """Write JSON, byte strings as WAMP has them; NaN too, which is none."""
    kind = type(value)
    if kind is Raw:
        return bytes(value.data)
    if kind is bytes:
        return json.dumps("\0" + base64.b64encode(value).decode()).encode()
    if kind is list:
        return b"[" + b",".join(map(to_json, value)) + b"]"
    if kind is dict or kind is Pairs:
        pairs = value.items if kind is Pairs else value.items()
        written = (to_json(key) + b":" + to_json(each) for key, each in pairs)
        return b"{" + b",".join(written) + b"}"
    if kind is int and abs(value) >= 10**4000:
        return b"9" * 4500  # Python would refuse to write it
    return json.dumps(value).encode()


# --- MessagePack ------------------------------------------------------------------


def to_msgpack(value: Any) -> bytes:
    """Write MessagePack; integers beyond 64 bits as floats, as JavaScript does."""
    kind = type(value)
    if kind is Raw:
        return bytes(value.data)
    if kind is str:
        text: bytes = value.encode("utf-8", "surrogatepass")
        return b"\xdb" + struct.pack(">I", len(text)) + text
    if kind is list:
        return b"\xdd" + struct.pack(">I", len(value)) + _joined(to_msgpack, value)
    if kind is dict or kind is Pairs:
        pairs = value.items if kind is Pairs else value.items()
        items = [each for pair in pairs for each in pair]
        return b"\xdf" + struct.pack(">I", len(items) // 2) + _joined(to_msgpack, items)
    if kind is int and not -(2**63) <= value < 2**64:
        return b"\xcb" + struct.pack(">d", math.inf if value > 0 else -math.inf)
    return bytes(msgspec.msgpack.encode(value))


# --- CBOR -------------------------------------------------------------------------


def to_cbor(value: Any) -> bytes:
    """Write CBOR."""
    kind = type(value)
    if kind is Raw:
        return bytes(value.data)
    if kind is str:
        text: bytes = value.encode("utf-8", "surrogatepass")
        return _cbor_head(3, len(text)) + text
    if kind is list:
        return _cbor_head(4, len(value)) + _joined(to_cbor, value)
    if kind is dict or kind is Pairs:
        pairs = value.items if kind is Pairs else value.items()
        items = [each for pair in pairs for each in pair]
        return _cbor_head(5, len(items) // 2) + _joined(to_cbor, items)
    return bytes(cbor2.dumps(value))


def _cbor_head(major: int, length: int) -> bytes:
    if length < 24:
        return bytes([major << 5 | length])
    return bytes([major << 5 | 26]) + struct.pack(">I", length)


def _joined(encode: Encoder, values: Iterable[Any]) -> bytes:
    return b"".join(map(encode, values))


ENCODERS: Final[Mapping[str, Encoder]] = {
    "json": to_json,
    "msgpack": to_msgpack,
    "cbor": to_cbor,
}

SERIALIZERS: Final = tuple(
    f"{name}{batched}" for batched in ("", ".batched") for name in ENCODERS
)


def frame_of(messages: Iterable[bytes], serializer: str) -> str | bytes:
    """Put encoded messages into one message of a WebSocket."""
    name, _, batched = serializer.partition(".")
    if name == "json":
        texts = [as_text(message) for message in messages]
        return "".join(f"{each}\x1e" for each in texts) if batched else texts[0]
    if batched:
        return b"".join(len(each).to_bytes(4) + each for each in messages)
    return next(iter(messages))


def as_text(data: bytes) -> str:
    """Read bytes as a text frame is read: what is no UTF-8 never gets here."""
    return data.decode("utf-8", "replace")
