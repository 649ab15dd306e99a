"""The RawSocket protocol without sockets: the opening handshake, and frames (8.2).

Bytes in, messages out. What is broken is raised; who reads the bytes ends the
connection then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from weakref import WeakValueDictionary

from aiohttp_serverwamp.errors import PayloadSizeExceeded
from aiohttp_serverwamp.serializers.frame import SerializerCodec

if TYPE_CHECKING:
    from aiohttp_serverwamp.interfaces import Serializer

__all__ = [
    "MESSAGE",
    "PING",
    "PONG",
    "Agreement",
    "FrameReader",
    "FramingError",
    "HandshakeRefused",
    "OpeningHandshake",
    "codec_for",
    "rawsocket_frame",
]

MAGIC: Final = 0x7F

#: The serializers that have a number, by the last part of their subprotocol.
SERIALIZER_IDS: Final[Mapping[str, int]] = {
    "json": 1,
    "msgpack": 2,
    "cbor": 3,
    "ubjson": 4,
    "flatbuffers": 5,
}

UNSUPPORTED_SERIALIZER, UNACCEPTABLE_LENGTH, RESERVED_BITS, TOO_MANY = 1, 2, 3, 4

MESSAGE, PING, PONG = 0, 1, 2

#: Bytes of the longest frame that there can be, without its prefix.
LARGEST: Final = 2**24
#: The exponents that lengths are told by stand for 512 bytes and their multiples.
SMALLEST_EXPONENT: Final = 9
LARGEST_EXPONENT: Final = 24
#: A client that takes less cannot be told what WELCOME tells.
LEAST_FOR_WELCOME: Final = 2**11

HANDSHAKE: Final = 4
PREFIX: Final = 4

_TYPE: Final = 0b0000_0111
#: The 25th bit of the length, for frames of just `LARGEST` bytes.
_LARGEST_BIT: Final = 0b0000_1000
_RESERVED: Final = 0b1111_0000


class HandshakeRefused(Exception):
    """The opening handshake fails; `reply` is what the client is told, if anything."""

    def __init__(self, reason: str, code: int | None = None) -> None:
        super().__init__(reason)
        self.reply = b"" if code is None else bytes((MAGIC, code << 4, 0, 0))


class FramingError(Exception):
    """The client has sent what is no frame; the connection fails."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """What the opening handshake has come to."""

    serializer: Serializer
    #: Bytes of a frame that the client takes, and that it may send.
    max_outgoing: int
    max_incoming: int
    #: What the client is answered.
    reply: bytes
    #: What the client has sent behind its handshake.
    rest: bytes


class OpeningHandshake:
    """The server's side of the opening handshake; fed until it is through.

    `serializers` are those of an Application, by subprotocol. The client is told that
    it may send the greatest power of two within `max_message_size`; None or 0 is the
    16 MiB that RawSocket admits at most. A server that is `full` refuses everybody.
    """

    def __init__(
        self,
        serializers: Mapping[str, Serializer],
        max_message_size: int | None,
        *,
        full: bool = False,
    ) -> None:
        self._serializers = {
            number: serializers[f"wamp.2.{name}"]
            for name, number in SERIALIZER_IDS.items()
            if f"wamp.2.{name}" in serializers
        }
        self._exponent = _exponent_within(max_message_size)
        self._full = full
        self._received = b""

    def feed(self, data: bytes) -> Agreement | None:
        """Take bytes; return what was agreed on, None if more has to come.

        Raises `HandshakeRefused`, for what is no RawSocket with the first byte.
        """
        received = self._received = self._received + data
        if received and received[0] != MAGIC:
            raise HandshakeRefused("this is no RawSocket")
        if len(received) < HANDSHAKE:
            return None
        exponent, serializer = received[1] >> 4, received[1] & 0x0F
        max_outgoing = 2 ** (SMALLEST_EXPONENT + exponent)
        if received[2] or received[3]:
            raise HandshakeRefused("reserved bits are used", RESERVED_BITS)
        if not serializer:
            raise HandshakeRefused("no serializer is asked for")
        if self._full:
            raise HandshakeRefused("no more connections now", TOO_MANY)
        if serializer not in self._serializers:
            raise HandshakeRefused(
                f"serializer {serializer} is not offered", UNSUPPORTED_SERIALIZER
            )
        if max_outgoing < LEAST_FOR_WELCOME:
            raise HandshakeRefused(
                f"it takes no more than {max_outgoing} bytes", UNACCEPTABLE_LENGTH
            )
        own = (self._exponent - SMALLEST_EXPONENT) << 4
        return Agreement(
            self._serializers[serializer],
            max_outgoing=max_outgoing,
            max_incoming=2**self._exponent,
            reply=bytes((MAGIC, own | serializer, 0, 0)),
            rest=received[HANDSHAKE:],
        )


def _exponent_within(max_message_size: int | None) -> int:
    exponent = (max_message_size or LARGEST).bit_length() - 1
    return min(max(exponent, SMALLEST_EXPONENT), LARGEST_EXPONENT)


class FrameReader:
    """Cuts what a client sends into frames of at most `limit` bytes."""

    __slots__ = ("_buffer", "_limit")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._buffer = bytearray()

    def feed(self, data: bytes) -> None:
        """Take what was read."""
        self._buffer += data

    def next(self) -> tuple[int, bytes] | None:
        """Return the next frame, its type and payload; None if more has to come.

        Raises `FramingError` as soon as a prefix tells it.
        """
        # Hot path.
        buffer = self._buffer
        if len(buffer) < PREFIX:
            return None
        first = buffer[0]
        kind = first & _TYPE
        length = int.from_bytes(buffer[1:PREFIX], "big")
        if first & _RESERVED or kind > PONG or first & _LARGEST_BIT:
            length = _checked(first, length)
        if length > self._limit:
            raise FramingError(f"a frame of more than {self._limit} bytes")
        end = PREFIX + length
        if len(buffer) < end:
            return None
        with memoryview(buffer) as view:
            payload = bytes(view[PREFIX:end])
        del buffer[:end]
        return kind, payload


def _checked(first: int, length: int) -> int:
    """Return the length of a frame whose first byte is none of the three usual ones."""
    if first & _RESERVED:
        raise FramingError("a frame that uses reserved bits")
    if first & _TYPE > PONG:
        raise FramingError("a frame of a reserved type")
    if length:
        raise FramingError("a frame longer than any can be")
    return LARGEST


def rawsocket_frame(payload: bytes, kind: int) -> bytes:
    """Return a whole frame; its payload has at most `LARGEST` bytes."""
    size = len(payload)
    if size == LARGEST:
        return bytes((kind | _LARGEST_BIT, 0, 0, 0)) + payload
    return (kind << 24 | size).to_bytes(PREFIX, "big") + payload


def _framing_within(limit: int) -> Callable[[bytes], bytes]:
    def framed(payload: bytes) -> bytes:
        # Hot path.
        size = len(payload)
        if size > limit:
            raise PayloadSizeExceeded(f"{size} bytes, and the client takes {limit}")
        return rawsocket_frame(payload, MESSAGE)

    return framed


# One for each serializer and limit, of which there are few: connections that share a
# codec share encoded bytes. It goes with the last of them.
_codecs: WeakValueDictionary[tuple[Serializer, int], SerializerCodec] = (
    WeakValueDictionary()
)


def codec_for(serializer: Serializer, limit: int) -> SerializerCodec:
    """Return the codec for clients that take frames of at most `limit` bytes.

    Messages that do not fit raise `PayloadSizeExceeded` (REQ-TRN-023).
    """
    codec = _codecs.get((serializer, limit))
    if codec is None:
        codec = SerializerCodec(serializer, _framing_within(limit))
        _codecs[serializer, limit] = codec
    return codec
