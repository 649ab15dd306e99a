"""The serializations offered to clients, by WebSocket subprotocol."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from aiohttp_serverwamp.errors import ConfigurationError
from aiohttp_serverwamp.serializers.batched import batched, messages_in
from aiohttp_serverwamp.serializers.cbor import CBORSerializer
from aiohttp_serverwamp.serializers.json import (
    JSONSerializer,
    as_text,
    texts_to_bytes,
)
from aiohttp_serverwamp.serializers.msgpack import MsgPackSerializer

if TYPE_CHECKING:
    from aiohttp_serverwamp.interfaces import Serializer

__all__ = [
    "SUBPROTOCOLS",
    "CBORSerializer",
    "JSONSerializer",
    "MsgPackSerializer",
    "as_text",
    "messages_in",
    "serializer_for",
    "serializers",
    "texts_to_bytes",
]


def serializers(
    given: Mapping[str, Serializer | None] | None = None,
    *,
    max_depth: int | None = None,
) -> Mapping[str, Serializer]:
    """Make the offered serializers, by subprotocol.

    `given` adds to the built-in ones, replaces them, or takes them out (None), by the
    last part of the subprotocol. Each is offered batched, too. CBOR is built in where
    cbor2 is installed. `max_depth` is `Limits.max_depth`, for the built-in ones; None
    or 0 leaves the codecs' own bound.

    Raises `ConfigurationError` for what is no serializer.
    """
    offered: dict[str, Serializer | None] = {
        "json": JSONSerializer(max_depth=max_depth),
        "msgpack": MsgPackSerializer(max_depth=max_depth),
    }
    with suppress(ConfigurationError):  # cbor2 is an extra
        offered["cbor"] = CBORSerializer(max_depth=max_depth)
    offered.update(given or {})
    kept = [each for each in offered.values() if each is not None]
    return {
        f"wamp.2.{serializer.name}": serializer
        for serializer in (*kept, *map(batched, kept))
    }


#: What is offered with default limits.
SUBPROTOCOLS: Final[Mapping[str, Serializer]] = serializers()


def serializer_for(subprotocol: str) -> Serializer:
    """Return the serializer of a subprotocol; `KeyError` for an unknown one.

    Raises `ConfigurationError` for CBOR where cbor2 is not installed.
    """
    if subprotocol not in SUBPROTOCOLS and subprotocol.startswith("wamp.2.cbor"):
        CBORSerializer()  # says what is missing
    return SUBPROTOCOLS[subprotocol]
