"""The six serializations on the wire, without the library: messages to frames and back.

What a server is tested with must not share its mistakes.
"""

from __future__ import annotations

import json
from typing import Any, Final

import cbor2
import msgspec

__all__ = ["BINARY", "SERIALIZERS", "TEXT", "decode", "encode", "opcode"]

SERIALIZERS: Final = (
    *("json", "msgpack", "cbor"),
    *("json.batched", "msgpack.batched", "cbor.batched"),
)
TEXT, BINARY = 0x1, 0x2
#: What ends a message in a batch of JSON.
SEPARATOR = "\x1e"


def opcode(serializer: str) -> int:
    """Return the kind of WebSocket frame."""
    return TEXT if serializer.startswith("json") else BINARY


def encode(serializer: str, message: Any) -> bytes:
    """Return the payload of a frame, or of a batch of one message."""
    kind, _, batched = serializer.partition(".")
    if kind == "json":
        text = json.dumps(message)
        return (text + SEPARATOR if batched else text).encode()
    data = _encode_binary(kind, message)
    return len(data).to_bytes(4, "big") + data if batched else data


def decode(serializer: str, payload: bytes) -> list[Any]:
    """Return the messages of a payload, one unless it is a batch."""
    kind, _, batched = serializer.partition(".")
    if kind == "json":
        parts = payload.split(SEPARATOR.encode())[:-1] if batched else [payload]
        return [json.loads(part) for part in parts]
    if not batched:
        return [_decode_binary(kind, payload)]
    messages, at = [], 0
    while at < len(payload):
        end = at + 4 + int.from_bytes(payload[at : at + 4], "big")
        messages.append(_decode_binary(kind, payload[at + 4 : end]))
        at = end
    return messages


def _encode_binary(kind: str, message: Any) -> bytes:
    return cbor2.dumps(message) if kind == "cbor" else msgspec.msgpack.encode(message)


def _decode_binary(kind: str, data: bytes) -> Any:
    return cbor2.loads(data) if kind == "cbor" else msgspec.msgpack.decode(data)
