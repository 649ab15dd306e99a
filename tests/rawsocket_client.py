"""A RawSocket client of a few lines, and a way to serve an application to it.

The client knows nothing of the library: what a test compares is what was on the wire.
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import cbor2
import msgspec

from aiohttp_serverwamp import Application, RawSocket

PATIENCE: Final = 10.0
MESSAGE, PING, PONG = 0, 1, 2
IDS: Final = {"json": 1, "msgpack": 2, "cbor": 3}
ENCODE: Final[dict[str, Callable[[Any], bytes]]] = {
    "json": lambda message: json.dumps(message).encode(),
    "msgpack": msgspec.msgpack.encode,
    "cbor": cbor2.dumps,
}
DECODE: Final[dict[str, Callable[[bytes], Any]]] = {
    "json": json.loads,
    "msgpack": msgspec.msgpack.decode,
    "cbor": cbor2.loads,
}
ROLES: Final[dict[str, Any]] = {
    role: {} for role in ("caller", "callee", "publisher", "subscriber")
}


class RawSocketClient:
    """One client, frame by frame."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        serializer: str = "json",
    ) -> None:
        self.reader = reader
        self.writer = writer
        self.serializer = serializer

    def write(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.writer.write(data)

    async def read(self, size: int) -> bytes:
        """Wait for so many bytes; fewer if the connection ends before."""
        try:
            return await asyncio.wait_for(self.reader.readexactly(size), PATIENCE)
        except asyncio.IncompleteReadError as error:
            return error.partial
        except ConnectionError:
            return b""

    async def shake_hands(self, *, exponent: int = 15) -> bytes:
        """Send the handshake, for messages of 2 ** (9 + exponent) bytes; the answer."""
        self.write(bytes((0x7F, exponent << 4 | IDS[self.serializer], 0, 0)))
        return await self.read(4)

    def frame(self, kind: int, payload: bytes) -> None:
        """Send one frame."""
        self.write(bytes((kind,)) + len(payload).to_bytes(3, "big") + payload)

    def say(self, *message: Any) -> None:
        """Send one message."""
        self.frame(MESSAGE, ENCODE[self.serializer](message))

    async def next_frame(self) -> tuple[int, bytes] | None:
        """Wait for the next frame, its first octet and payload; None at the end."""
        prefix = await self.read(4)
        if len(prefix) < 4:
            assert not prefix, "the connection ends within a frame"
            return None
        length = int.from_bytes(prefix[1:], "big") or (prefix[0] & 8) << 21
        return prefix[0], await self.read(length)

    async def hear(self) -> Any:
        """Wait for the next message; None at the end."""
        frame = await self.next_frame()
        if frame is None:
            return None
        kind, payload = frame
        assert kind == MESSAGE, frame
        return DECODE[self.serializer](payload)

    async def ask(self, *message: Any) -> Any:
        """Send a message and wait for the next one."""
        self.say(*message)
        return await self.hear()

    async def hello(self, realm: str = "r", **details: Any) -> Any:
        """Say HELLO and return what answers it."""
        return await self.ask(1, realm, {"roles": ROLES, **details})

    async def join(self, realm: str = "r", **details: Any) -> dict[str, Any]:
        """Shake hands, and join a realm that asks for no proof; WELCOME's details."""
        assert (await self.shake_hands())[:1] == b"\x7f"
        answer = await self.hello(realm, **details)
        assert answer[0] == 2, answer
        welcome: dict[str, Any] = answer[2]
        return welcome

    async def has_ended(self) -> bool:
        """Wait for the end of the connection, where nothing but that may come."""
        return await self.read(1) == b""

    async def close(self) -> None:
        """Drop the connection."""
        self.writer.close()
        with suppress(OSError):
            await self.writer.wait_closed()


@asynccontextmanager
async def rawsocket_to(
    where: int | str, serializer: str = "json", *, tls: ssl.SSLContext | None = None
) -> AsyncIterator[RawSocketClient]:
    """Connect to a port of this machine, or to a Unix socket by its path."""
    if isinstance(where, str):
        streams = await asyncio.open_unix_connection(where)
    else:
        name = None if tls is None else "localhost"
        streams = await asyncio.open_connection(
            "127.0.0.1", where, ssl=tls, server_hostname=name
        )
    client = RawSocketClient(*streams, serializer)
    try:
        yield client
    finally:
        await client.close()


def free_listener() -> socket.socket:
    """Listen at a free port; `port_of` says which."""
    return socket.create_server(("127.0.0.1", 0))


def port_of(listener: socket.socket) -> int:
    """Return where a socket listens."""
    port: int = listener.getsockname()[1]
    return port


@asynccontextmanager
async def serving_rawsocket(
    application: Application, **options: Any
) -> AsyncIterator[int]:
    """Serve an application at a free port, which is yielded, and stop at the end.

    `options` are those of `RawSocket`. An application that does not run yet runs
    meanwhile.
    """
    listener = free_listener()
    port = port_of(listener)
    server = asyncio.create_task(
        application.serve_rawsocket(RawSocket(listener, **options))
    )
    try:
        yield port
    finally:
        server.cancel()
        # Its end is in time, and what it raises besides is the test's to see.
        await asyncio.wait([server])
        if not server.cancelled():
            server.result()
