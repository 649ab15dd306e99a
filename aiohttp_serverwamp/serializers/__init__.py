"""The serializations offered to clients, by WebSocket subprotocol."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from aiohttp_serverwamp.serializers.json import JSONSerializer
from aiohttp_serverwamp.serializers.msgpack import MsgPackSerializer

if TYPE_CHECKING:
    from aiohttp_serverwamp.interfaces import Serializer

__all__ = ["SUBPROTOCOLS", "serializer_for", "serializers"]


def serializers(*, max_depth: int | None = None) -> Mapping[str, Serializer]:
    """Make the offered serializers, by subprotocol, the preferred one first.

    `max_depth` is `Limits.max_depth`; None or 0 leaves the codecs' own bound.
    """
    offered: tuple[Serializer, ...] = (
        JSONSerializer(max_depth=max_depth),
        MsgPackSerializer(max_depth=max_depth),
    )
    return {f"wamp.2.{serializer.name}": serializer for serializer in offered}


#: What is offered with default limits.
SUBPROTOCOLS: Final[Mapping[str, Serializer]] = serializers()


def serializer_for(subprotocol: str) -> Serializer:
    """Return the serializer of a subprotocol; `KeyError` for an unknown one."""
    return SUBPROTOCOLS[subprotocol]
