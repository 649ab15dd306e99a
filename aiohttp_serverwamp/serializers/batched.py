"""Several messages in one message of the WebSocket (specification, 8.1).

A batched serializer is another one with a mark or a length that says where each of its
messages ends. It encodes one message at a time: what a client is sent is a batch of
one.
"""

from __future__ import annotations

import re
import struct
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

from aiohttp_serverwamp.errors import InvalidPayload

if TYPE_CHECKING:
    from aiohttp_serverwamp.interfaces import Serializer

__all__ = [
    "BatchedSerializer",
    "LengthPrefixed",
    "Separated",
    "batched",
    "messages_in",
]

#: What the specification names, in octal it says, and what Autobahn reads and writes,
#: which has taken the decimal number for an octal one (PIT-08).
RECORD_SEPARATOR: Final = "\x1e"
CANCEL: Final = "\x18"

_SEPARATORS: Final = re.compile(f"[{RECORD_SEPARATOR}{CANCEL}]")
_LENGTH: Final = struct.Struct("!I")


class BatchedSerializer(ABC):
    """A `Serializer` whose messages come several at a time."""

    binary: bool

    def __init__(self, serializer: Serializer) -> None:
        self.name = f"{serializer.name}.batched"
        self.lenient = getattr(serializer, "lenient", False)
        self._encode = serializer.encode
        self._decode = serializer.decode

    @abstractmethod
    def encode(self, message: list[Any]) -> bytes:
        """Return a batch of one."""

    def decode(self, data: str | bytes) -> Any:
        """Return the value of one message that `split` has found."""
        return self._decode(data)

    @abstractmethod
    def split(self, batch: Any) -> Iterator[str | bytes]:
        """Yield the messages of a batch of the right kind, text or bytes, one by one.

        Raises `InvalidPayload` where the batch is damaged, or has no messages.
        """

    @abstractmethod
    def answering(self, batch: Any) -> BatchedSerializer:
        """Return what writes as the client does that has sent `batch`."""


class LengthPrefixed(BatchedSerializer):
    """Four bytes in front of each message, its length (REQ-TRN-006 to 008)."""

    binary = True

    def encode(self, message: list[Any]) -> bytes:
        """Return a batch of one."""
        # Hot path.
        data = self._encode(message)
        return _LENGTH.pack(len(data)) + data

    def split(self, batch: bytes) -> Iterator[bytes]:
        """Yield the messages of a batch one by one."""
        at, end = 0, len(batch)
        if not end:
            raise InvalidPayload("a batch without messages")
        while at < end:
            start = at + _LENGTH.size
            if start > end:
                raise InvalidPayload("a batch ends within the length of a message")
            (length,) = _LENGTH.unpack_from(batch, at)
            at = start + length
            if at > end:
                raise InvalidPayload("a batch ends within a message")
            yield batch[start:at]

    def answering(self, batch: bytes) -> LengthPrefixed:
        """Return itself: there is one way to write a length."""
        return self


class Separated(BatchedSerializer):
    """A control character behind each message (REQ-TRN-006 to 009)."""

    binary = False

    def __init__(self, serializer: Serializer, separator: str = RECORD_SEPARATOR):
        super().__init__(serializer)
        self._end = separator.encode()
        self._other = (
            Separated(serializer, CANCEL) if separator == RECORD_SEPARATOR else self
        )

    def encode(self, message: list[Any]) -> bytes:
        """Return a batch of one."""
        # Hot path.
        return self._encode(message) + self._end

    def split(self, batch: str) -> Iterator[str]:
        """Yield the messages of a batch one by one."""
        at = 0
        for separator in _SEPARATORS.finditer(batch):
            yield batch[at : separator.start()]
            at = separator.end()
        if at < len(batch):
            raise InvalidPayload("a batch ends without a separator")
        if not at:
            raise InvalidPayload("a batch without messages")

    def answering(self, batch: str) -> Separated:
        """Return what ends messages as the client does (REQ-TRN-009)."""
        return self._other if batch.endswith(CANCEL) else self


def batched(serializer: Serializer) -> BatchedSerializer:
    """Return the batched form of a serializer."""
    return LengthPrefixed(serializer) if serializer.binary else Separated(serializer)


def messages_in(data: str | bytes, serializer: Serializer) -> Iterable[str | bytes]:
    """Return the messages in one message of a WebSocket: one, unless it is a batch."""
    if isinstance(serializer, BatchedSerializer):
        return serializer.split(data)
    return (data,)
