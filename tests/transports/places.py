"""Where the clients of the scenarios connect: to a server's process, or in memory.

Each place opens what `WAMPClient` uses of a WebSocket, for every codec.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Protocol, cast

import aiohttp

from aiohttp_serverwamp.adapters.memory import MemoryConnection, linked_connections
from aiohttp_serverwamp.serializers import serializer_for
from aiohttp_serverwamp.serializers.frame import SerializerCodec
from aiohttp_serverwamp.testing import PATIENCE, WAMPClient
from tests.rawsocket_client import MESSAGE, RawSocketClient
from tests.transports import site

if TYPE_CHECKING:
    from aiohttp_serverwamp.interfaces import TaskRunner


class Place(Protocol):
    """One way to the site."""

    async def open(self, codec: str) -> WAMPClient:
        """Connect, without a word of WAMP."""

    def vanish(self, client: WAMPClient) -> None:
        """Drop a client's connection without taking leave."""

    def stop_reading(self, client: WAMPClient) -> None:
        """Let a client take nothing more."""


@asynccontextmanager
async def joined(
    place: Place, codec: str, realm: str = "lab", **details: Any
) -> AsyncIterator[WAMPClient]:
    """Connect and join; leave at the end."""
    client = await place.open(codec)
    try:
        await client.join(realm, **details)
        yield client
        await client.leave()
    finally:
        await client.drop()


async def send_bytes(client: WAMPClient, data: bytes, codec: str) -> None:
    """Send what may be no message; as text, if that is what the codec has."""
    is_text = not serializer_for(f"wamp.2.{codec}").binary
    if is_text and isinstance(client.ws, aiohttp.ClientWebSocketResponse):
        await client.ws.send_str(data.decode())
    else:
        await client.ws.send_bytes(data)


class WebSockets:
    """A server of HTTP."""

    def __init__(self, url: str, http: aiohttp.ClientSession) -> None:
        self.url = url
        self._http = http

    async def open(self, codec: str) -> WAMPClient:
        serializer = serializer_for(f"wamp.2.{codec}")
        ws = await self._http.ws_connect(
            "/ws", protocols=[f"wamp.2.{codec}"], max_msg_size=0
        )
        assert ws.protocol == f"wamp.2.{codec}"
        return WAMPClient(ws, serializer)

    def vanish(self, client: WAMPClient) -> None:
        self._transport(client).abort()

    def stop_reading(self, client: WAMPClient) -> None:
        self._transport(client).pause_reading()

    def _transport(self, client: WAMPClient) -> asyncio.Transport:
        connection = client.ws._response.connection
        assert connection is not None
        transport = connection.transport
        assert isinstance(transport, asyncio.Transport)
        return transport


class RawSockets:
    """A server of RawSocket at a port of this machine."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def open(self, codec: str) -> WAMPClient:
        streams = await asyncio.open_connection("127.0.0.1", self._port)
        client = RawSocketClient(*streams, codec)
        assert (await client.shake_hands())[:1] == b"\x7f"
        ws = cast("aiohttp.ClientWebSocketResponse", _RawSocketAsWebSocket(client))
        return WAMPClient(ws, serializer_for(f"wamp.2.{codec}"))

    def vanish(self, client: WAMPClient) -> None:
        ws = cast("_RawSocketAsWebSocket", client.ws)
        ws.client.writer.transport.abort()
        ws.reads.set()

    def stop_reading(self, client: WAMPClient) -> None:
        # The stream reads no more either, once it is full.
        cast("_RawSocketAsWebSocket", client.ws).reads.clear()


class Memory:
    """An application in this process."""

    def __init__(self, tasks: TaskRunner) -> None:
        self.application = site.make()
        self._tasks = tasks

    async def open(self, codec: str) -> WAMPClient:
        serializer = serializer_for(f"wamp.2.{codec}")
        application = self.application
        server, end = linked_connections(
            application.support,
            SerializerCodec(serializer),
            max_pending_bytes=application.limits.max_pending_bytes,
        )
        self._tasks.start(application.serve, server)
        ws = cast("aiohttp.ClientWebSocketResponse", _EndAsWebSocket(end))
        return WAMPClient(ws, serializer)

    def vanish(self, client: WAMPClient) -> None:
        ws = cast("_EndAsWebSocket", client.ws)
        ws.end.abort()
        ws.reads.set()

    def stop_reading(self, client: WAMPClient) -> None:
        cast("_EndAsWebSocket", client.ws).reads.clear()


@asynccontextmanager
async def in_memory() -> AsyncIterator[Memory]:
    """Run the site in this process."""
    support = site.make().support
    async with support.task_group() as tasks:
        place = Memory(tasks)
        async with place.application.run():
            yield place
        await tasks.join(PATIENCE)


class _RawSocketAsWebSocket:
    """A RawSocket, with what is used of a WebSocket."""

    #: There is nothing to tell one with.
    close_code = None

    def __init__(self, client: RawSocketClient) -> None:
        self.client = client
        self.reads = asyncio.Event()
        self.reads.set()

    async def send_str(self, text: str) -> None:
        await self.send_bytes(text.encode())

    async def send_bytes(self, data: bytes) -> None:
        self.client.frame(MESSAGE, data)
        await self.client.writer.drain()

    async def close(self) -> None:
        self.reads.set()
        await self.client.close()

    async def __aiter__(self) -> AsyncIterator[SimpleNamespace]:
        while True:
            await self.reads.wait()
            frame = await self.client.next_frame()
            if frame is None:
                return
            kind, payload = frame
            assert kind == MESSAGE, frame
            yield SimpleNamespace(data=payload)


class _EndAsWebSocket:
    """The client's end of a connection in memory, with what is used of a WebSocket."""

    def __init__(self, end: MemoryConnection) -> None:
        self.end = end
        self.reads = asyncio.Event()
        self.reads.set()

    @property
    def close_code(self) -> int | None:
        return self.end.close_code

    async def send_str(self, text: str) -> None:
        self.end.write(text.encode())

    async def send_bytes(self, data: bytes) -> None:
        self.end.write(data)

    async def close(self) -> None:
        self.reads.set()
        await self.end.close(1000, "")

    async def __aiter__(self) -> AsyncIterator[SimpleNamespace]:
        while True:
            await self.reads.wait()
            data = await self.end.receive()
            if data is None:
                return
            yield SimpleNamespace(data=data)
