"""Servers that send back what they get, for the cases of the Autobahn TestSuite.

``ours`` reads and writes as `setup_wamp` has it done: the same WebSocket, the same
connection; only what is said on it is an echo. It has a form for each reader.
``aiohttp`` is what aiohttp does by itself. Both have a form with compression.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, Final

from aiohttp import WSMsgType, web

from aiohttp_serverwamp import Limits
from aiohttp_serverwamp.adapters.aiohttp import AiohttpConnection
from aiohttp_serverwamp.adapters.aiohttp_readers import Reader, socket_class
from aiohttp_serverwamp.adapters.aiohttp_socket import accept, websocket
from aiohttp_serverwamp.adapters.websocket import BINARY, TEXT, websocket_frame
from aiohttp_serverwamp.interfaces import Serializer
from aiohttp_serverwamp.serializers.frame import SerializerCodec

#: The largest message of the cases has 16 MiB.
LARGEST: Final = 2**25
LIMITS: Final = Limits(max_message_size=LARGEST, max_pending_bytes=4 * LARGEST)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Unread:
    """A serializer for a connection that has none: its messages go back as they are."""

    name = "unread"

    def __init__(self, *, binary: bool) -> None:
        self.binary = binary

    def encode(self, message: Any) -> bytes:
        raise NotImplementedError("nothing is encoded for an echo")

    decode = encode


TEXTS: Final[Serializer] = Unread(binary=False)
BYTES: Final[Serializer] = Unread(binary=True)


async def echo_by_us(
    request: web.Request, *, compress: bool, reader: Reader = "fast"
) -> web.StreamResponse:
    """Serve one client as `AiohttpHandler` does, but for the subprotocol."""
    ws = websocket(
        max_message_size=LIMITS.max_message_size,
        compress=compress,
        kind=socket_class(reader),
    )
    if await accept(request, ws):
        connection = AiohttpConnection(request, ws, serializer=TEXTS, limits=LIMITS)
        send_back = partial(_send_back, connection, compressed=bool(ws.compress))
        connection.deliver(send_back)
        try:
            while (data := await connection.receive()) is not None:
                send_back(data)
        finally:
            await connection.close(1000, "")
    return ws


def _send_back(
    connection: AiohttpConnection, data: str | bytes, *, compressed: bool
) -> None:
    payload, opcode = (data.encode(), TEXT) if isinstance(data, str) else (data, BINARY)
    if compressed:
        # Framed by aiohttp, for the serializer's kind of messages.
        connection.codec = SerializerCodec(BYTES if opcode == BINARY else TEXTS)
        connection.write(payload)
    else:
        connection.write(websocket_frame(payload, opcode))


async def echo_by_aiohttp(
    request: web.Request, *, compress: bool
) -> web.StreamResponse:
    """Serve one client as the documentation of aiohttp has it."""
    ws = web.WebSocketResponse(compress=compress, max_msg_size=LARGEST)
    await ws.prepare(request)
    with suppress(ConnectionError):
        async for message in ws:
            if message.type is WSMsgType.TEXT:
                await ws.send_str(message.data)
            elif message.type is WSMsgType.BINARY:
                await ws.send_bytes(message.data)
    return ws


SERVERS: Final[Mapping[str, Handler]] = {
    "aiohttp": partial(echo_by_aiohttp, compress=False),
    "ours": partial(echo_by_us, compress=False),
    "ours, public reader": partial(echo_by_us, compress=False, reader="public"),
    "aiohttp, compress": partial(echo_by_aiohttp, compress=True),
    "ours, compress": partial(echo_by_us, compress=True),
}


@asynccontextmanager
async def echoing(server: str) -> AsyncIterator[str]:
    """Serve, and yield host and port."""
    app = web.Application()
    app.router.add_get("/", SERVERS[server])
    runner = web.AppRunner(app, shutdown_timeout=1.0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        yield f"{host}:{port}"
    finally:
        await runner.cleanup()
        await asyncio.sleep(0)
