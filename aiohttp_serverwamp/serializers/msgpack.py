"""MessagePack by msgspec, fenced to the types of WAMP (REQ-SER-010, 012).

msgspec reads maps with any key, timestamps and extensions. A decoder for a *type*
refuses all three while it reads, at no cost, but such a type is finite and cannot hold
both text and byte strings. So there are two ways: the ordinary message is read by a
type eight levels deep; a message that does not fit it (deeper, with byte strings, with
wampy's ``undefined``, or wrong) is read again with every type admitted, but only after
a look at its map keys, and then walked.

Timestamps, what JavaScript's ``Date`` becomes, and extensions are carried to those who
read MessagePack as well. JSON makes text of the former, and cannot carry the latter
(REQ-SER-011).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from aiohttp_serverwamp.errors import EncodingError, InvalidPayload
from aiohttp_serverwamp.serializers.fence import MAX_DEPTH, check_plain
from aiohttp_serverwamp.serializers.map_keys import check_map_keys

__all__ = ["MsgPackSerializer"]

#: Levels of the ordinary message. Each doubles the time to build its type: 8 take 2 ms.
_ORDINARY_DEPTH: Final = 8
#: What JavaScript's MessagePack writes for ``undefined``.
_UNDEFINED: Final = 0
#: The last one is raised for a memoryview with gaps.
_FAILURES: Final = (TypeError, ValueError, OverflowError, RecursionError, BufferError)


class MsgPackSerializer:
    """The serializer of ``wamp.2.msgpack``.

    `max_depth` bounds the nesting of what is decoded; None or 0 stands for 1,024.
    """

    name = "msgpack"
    binary = True
    lenient = True

    def __init__(self, *, max_depth: int | None = None) -> None:
        self._max_depth = min(max_depth or MAX_DEPTH, MAX_DEPTH)
        ordinary = _values(min(self._max_depth, _ORDINARY_DEPTH))
        decoder: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(ordinary)
        self._decode_ordinary: Callable[[Any], Any] = decoder.decode
        decoder = msgspec.msgpack.Decoder(ext_hook=_extension)
        self._decode_any: Callable[[Any], Any] = decoder.decode
        self._encode = msgspec.msgpack.Encoder().encode

    def encode(self, message: list[Any]) -> bytes:
        """Return the encoded message.

        Its values are plain data with string keys, as for `JSONSerializer.encode`.
        Raises `EncodingError` for integers beyond 64 bits and text with lone
        surrogates.
        """
        # Hot path.
        try:
            return self._encode(message)
        except UnicodeEncodeError:
            # Its own text would quote the payload.
            raise EncodingError("not for MessagePack: text without UTF-8") from None
        except _FAILURES as error:
            raise EncodingError(f"not for MessagePack: {error}") from None

    def decode(self, data: str | bytes) -> Any:
        """Return the one value in `data`; raise `InvalidPayload` for anything else."""
        # Hot path. Text raises the TypeError.
        try:
            try:
                return self._decode_ordinary(data)
            except msgspec.ValidationError:
                assert not isinstance(data, str), "the decoder has refused text"
                check_map_keys(data, self._max_depth)
                message = self._decode_any(data)
        except (ValueError, TypeError, OverflowError, RecursionError):
            raise InvalidPayload("not valid MessagePack") from None
        check_plain(message, self._max_depth)
        return message


def _values(depth: int) -> Any:
    """Return the type of the values with at most `depth` nested lists and dicts."""
    values: Any = None | bool | int | float | str
    for _ in range(depth):
        values = None | bool | int | float | str | list[values] | dict[str, values]
    return values


def _extension(code: int, data: memoryview) -> msgspec.msgpack.Ext | None:
    return None if code == _UNDEFINED else msgspec.msgpack.Ext(code, data.tobytes())
