"""Frame: one message for many connections, encoded at most once per codec."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import TYPE_CHECKING, Any

from aiohttp_serverwamp.errors import EncodingError
from aiohttp_serverwamp.messages import Message, marshal
from aiohttp_serverwamp.serializers.batched import BatchedSerializer

if TYPE_CHECKING:
    from aiohttp_serverwamp.interfaces import Codec, Serializer

__all__ = ["Frame", "SerializerCodec"]

Framing = Callable[[bytes], bytes]


class SerializerCodec:
    """A serializer and the framing that one kind of connection puts around its output.

    Connections that share one instance share the encoded bytes of a `Frame`: make one
    for each kind of connection, not one for each connection.
    """

    __slots__ = (
        "__weakref__",
        "_encode_simple",
        "_variant",
        "framing",
        "serializer",
    )

    def __init__(self, serializer: Serializer, framing: Framing | None = None) -> None:
        self.serializer = serializer
        self.framing = framing
        self._encode_simple: Callable[[list[Any]], bytes] = getattr(
            serializer, "encode_simple", serializer.encode
        )
        self._variant: SerializerCodec | None = None

    def encode(self, message: list[Any]) -> bytes:
        """Return the connection's bytes for a message, or raise `EncodingError`."""
        data = self.serializer.encode(message)
        return data if self.framing is None else self.framing(data)

    def encode_simple(self, message: list[Any]) -> bytes:
        """Return the same for a message without floats and byte strings.

        Serializers that have a quicker way for those have a method of this name.
        """
        # Hot path.
        framing = self.framing
        data = self._encode_simple(message)
        return data if framing is None else framing(data)

    def answering(self, batch: str | bytes) -> SerializerCodec:
        """Return the codec for a client that has sent a batch (REQ-TRN-009)."""
        assert isinstance(self.serializer, BatchedSerializer), "it has sent one"
        serializer = self.serializer.answering(batch)
        if serializer is self.serializer:
            return self
        if self._variant is None:
            self._variant = SerializerCodec(serializer, self.framing)
        return self._variant


class Frame:
    """One message on its way to any number of connections.

    The message belongs to the frame: what is changed in it later may or may not be
    sent.
    """

    __slots__ = ("_failures", "_marshalled", "message", "wires")

    def __init__(self, message: Message) -> None:
        self.message = message
        self._marshalled: list[Any] | None = None
        #: What connections get, header included, by codec; see `wire`.
        self.wires: dict[Codec, bytes] = {}
        self._failures: dict[Codec, EncodingError] = {}

    def wire(self, codec: Codec) -> bytes:
        """Return the bytes for a connection with `codec`, header included.

        Raises `EncodingError` whenever asked for a codec that cannot carry the message;
        the others are not affected (REQ-TYP-005).
        """
        wire = self.wires.get(codec)
        if wire is None:
            failure = self._failures.get(codec)
            if failure is not None:
                # A new one each time: raising one object again makes its traceback
                # grow.
                raise copy(failure)
            wire = self.wires[codec] = self._encode(codec)
        return wire

    def _encode(self, codec: Codec) -> bytes:
        if self._marshalled is None:
            self._marshalled = marshal(self.message)
        try:
            return codec.encode(self._marshalled)
        except EncodingError as error:
            self._failures[codec] = error.with_traceback(None)
            raise copy(error) from None
