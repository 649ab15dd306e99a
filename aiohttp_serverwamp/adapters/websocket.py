"""WebSocket frames that a server writes, and the codes it closes with (RFC 6455)."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from aiohttp_serverwamp.serializers.frame import SerializerCodec

if TYPE_CHECKING:
    from aiohttp_serverwamp.interfaces import Serializer

__all__ = [
    "BINARY",
    "CLOSE",
    "PING",
    "PONG",
    "TEXT",
    "answer_to_close",
    "close_payload",
    "codec_for",
    "websocket_frame",
]

TEXT, BINARY = 0x1, 0x2
CLOSE, PING, PONG = 0x8, 0x9, 0xA

#: A close frame holds 125 bytes, two of them the code (RFC 6455 5.5).
MAX_CLOSE_REASON = 123

NORMAL_CLOSURE = 1000
PROTOCOL_ERROR = 1002

_FIN = 0x80
_SHORT = struct.Struct("!BB").pack
_MEDIUM = struct.Struct("!BBH").pack
_LONG = struct.Struct("!BBQ").pack
_CODE = struct.Struct("!H").pack


def websocket_frame(payload: bytes, opcode: int) -> bytes:
    """Return a whole, unmasked, uncompressed WebSocket frame (RFC 6455 5.2)."""
    size = len(payload)
    if size < 126:
        return _SHORT(_FIN | opcode, size) + payload
    if size < 65536:
        return _MEDIUM(_FIN | opcode, 126, size) + payload
    return _LONG(_FIN | opcode, 127, size) + payload


def close_payload(code: int, reason: str) -> bytes:
    """Return what a close frame carries; a long reason is cut at a character."""
    cut = reason.encode("utf-8", "replace")[:MAX_CLOSE_REASON]
    return _CODE(code) + cut.decode("utf-8", "ignore").encode()


def answer_to_close(code: int) -> int:
    """Return the code that answers a client's close frame; 0 is a frame without one.

    The client's own, unless that may not be sent (RFC 6455 7.4).
    """
    if not code:
        return NORMAL_CLOSURE
    legal = 1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999
    return code if legal else PROTOCOL_ERROR


#: The heads of short text frames, by size.
_SHORT_TEXT = [_SHORT(_FIN | TEXT, size) for size in range(126)]


def _text_frame(payload: bytes) -> bytes:
    # Hot path: once for each answer.
    size = len(payload)
    if size < 126:
        return _SHORT_TEXT[size] + payload
    return websocket_frame(payload, TEXT)


def _binary_frame(payload: bytes) -> bytes:
    return websocket_frame(payload, BINARY)


# One for each serializer and framing: connections that share a codec share encoded
# bytes. It goes with the last of them, and so does what it keeps of its application.
_codecs: WeakValueDictionary[
    tuple[Serializer, Callable[[bytes], bytes] | None], SerializerCodec
] = WeakValueDictionary()


def codec_for(serializer: Serializer, *, framed: bool) -> SerializerCodec:
    """Return the codec of a serializer, whose bytes are whole frames if `framed`."""
    framing = (_binary_frame if serializer.binary else _text_frame) if framed else None
    codec = _codecs.get((serializer, framing))
    if codec is None:
        codec = _codecs[serializer, framing] = SerializerCodec(serializer, framing)
    return codec
