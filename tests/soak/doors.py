"""Where clients come in: WebSocket or RawSocket, from one of many addresses."""

from __future__ import annotations

import asyncio
import base64
import itertools
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from tests.soak.peer import PATIENCE, WELCOME, Peer
from tests.soak.rawsocket_peer import HANDSHAKES, RawSocketPeer

__all__ = ["Door", "connect", "enter", "join"]

#: Where connections come from, in turn: each address has its own ephemeral ports.
_sources: Final = itertools.cycle(f"127.0.0.{number}" for number in range(1, 10))

P = TypeVar("P", bound=Peer)


@dataclass(frozen=True, slots=True)
class Door:
    """A port of a server, and what is spoken there."""

    port: int
    rawsocket: bool = False

    @property
    def transport(self) -> str:
        """What is spoken, in a word."""
        return "RawSocket" if self.rawsocket else "WebSocket"


def upgrade_request(port: int, serializer: str, *headers: str) -> bytes:
    """Return the request for a WebSocket."""
    key = base64.b64encode(os.urandom(16)).decode()
    lines = [
        "GET /ws HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Protocol: wamp.2.{serializer}",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


async def enter(door: Door, make: Callable[[], P], source: str | None = None) -> P:
    """Connect from the next address, or `source`, and wait until the door is open.

    Raises `Refused` for another answer, `Gone` for none.
    """
    loop = asyncio.get_running_loop()
    local = (source or next(_sources), 0)
    _, peer = await loop.create_connection(
        make, "127.0.0.1", door.port, local_addr=local
    )
    async with asyncio.timeout(PATIENCE):
        await peer.opened
    return peer


async def connect(
    door: Door, serializer: str = "json", *headers: str, source: str | None = None
) -> Peer:
    """Connect; `headers` are for WebSocket alone."""
    if door.rawsocket:
        handshake = HANDSHAKES[serializer]
        return await enter(door, lambda: RawSocketPeer(serializer, handshake), source)
    request = upgrade_request(door.port, serializer, *headers)
    return await enter(door, lambda: Peer(serializer, request), source)


async def join(
    door: Door,
    serializer: str = "json",
    *headers: str,
    realm: str = "open",
    source: str | None = None,
) -> Peer:
    """Connect and join a realm that asks for no proof."""
    peer = await connect(door, serializer, *headers, source=source)
    answer = await peer.hello(realm)
    if answer[0] != WELCOME:
        raise AssertionError(f"not welcome: {answer}")
    return peer
