"""Socket.IO 5 over Engine.IO 4, on a WebSocket from the start and without namespaces.

The first digit of a message is Engine.IO's packet type, the second, in its messages,
Socket.IO's. A call is an event that asks for an acknowledgement, its result the
acknowledgement.
"""

from __future__ import annotations

import json
from typing import Any, cast

from benchmarks.dialects import Dialect, Request, expect
from benchmarks.servers import SUBSCRIBE
from benchmarks.wire import Client, Opening, frame

__all__ = ["SOCKET_IO"]

ENGINE_OPEN = b"0{"
PING, PONG = b"2", b"3"
CONNECT = b"40"
CONNECTED = b"40{"
DISCONNECT = b"41"


class _SocketIo:
    opening = Opening("/socket.io/?EIO=4&transport=websocket", heartbeat=(PING, PONG))
    result = b"43"
    event = b"42"

    async def join(self, client: Client) -> None:
        expect(ENGINE_OPEN, await client.next())
        expect(CONNECTED, await client.ask(CONNECT))

    async def leave(self, client: Client) -> None:
        # Nothing comes back; socket.io's own client closes the WebSocket next.
        client.write(frame(DISCONNECT))

    async def subscribe(self, client: Client) -> None:
        request = self.call(SUBSCRIBE).numbered(client.request_id())
        expect(self.result, await client.ask(request))

    def call(self, procedure: str, *arguments: Any) -> Request:
        event = json.dumps([procedure, *arguments], separators=(",", ":"))
        return Request(b"42", event.encode())

    def results(self, message: bytes) -> list[Any]:
        expect(self.result, message)
        return cast("list[Any]", json.loads(message[message.index(b"[") :]))


SOCKET_IO: Dialect = _SocketIo()
