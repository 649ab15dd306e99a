"""A WebSocket client of frames (RFC 6455): what a library would not send, it sends."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from aiohttp_serverwamp.testing import PATIENCE

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
FIN: Final = 0x80
#: Of no extension.
RESERVED_BIT: Final = 0x40
MASK: Final = b"\x37\xfa\x21\x3d"

HELLO: Final = [1, "lab", {"roles": {"caller": {}}}]
UPGRADE: Final = (
    "GET /ws HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    "Sec-WebSocket-Protocol: {subprotocol}\r\n\r\n"
)


def frame(
    payload: bytes | str | list[Any] = b"",
    opcode: int = TEXT,
    *,
    fin: bool = True,
    bits: int = 0,
    size: int | None = None,
    masked: bool = True,
) -> bytes:
    """Return a client's frame; a list is a message in JSON, `size` what it claims."""
    if isinstance(payload, list):
        payload = json.dumps(payload)
    data = payload.encode() if isinstance(payload, str) else payload
    length = len(data) if size is None else size
    mask_bit = 0x80 if masked else 0
    first = opcode | bits | (FIN if fin else 0)
    if length < 126:
        head = struct.pack("!BB", first, mask_bit | length)
    elif length < 2**16:
        head = struct.pack("!BBH", first, mask_bit | 126, length)
    else:
        head = struct.pack("!BBQ", first, mask_bit | 127, length)
    if not masked:
        return head + data
    stream = (MASK * (len(data) // 4 + 1))[: len(data)]
    hidden = int.from_bytes(data, "big") ^ int.from_bytes(stream, "big")
    return head + MASK + hidden.to_bytes(len(data), "big")


def fragments(message: list[Any], parts: int) -> list[bytes]:
    """Return a message as so many frames."""
    data = json.dumps(message).encode()
    step = -(-len(data) // parts)
    pieces = [data[at : at + step] for at in range(0, len(data), step)]
    last = len(pieces) - 1
    return [
        frame(piece, CONTINUATION if number else TEXT, fin=number == last)
        for number, piece in enumerate(pieces)
    ]


@dataclass(slots=True)
class Line:
    """A client's end of a connection, as bytes."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def upgrade(self, host: str, subprotocol: str, *, slowly: bool) -> None:
        request = UPGRADE.format(host=host, subprotocol=subprotocol).encode()
        await (self.drip(request) if slowly else self._all_at_once(request))
        answer = await self.reader.readuntil(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 101 "), answer

    async def _all_at_once(self, data: bytes) -> None:
        self.send(data)

    async def drip(self, data: bytes) -> None:
        """Send byte by byte, each in a packet of its own."""
        for byte in data:
            self.send(bytes([byte]))
            await self.writer.drain()
            await asyncio.sleep(0)

    async def drain(self, data: bytes) -> None:
        """Send, and wait until most of it is on its way."""
        self.send(data)
        await self.writer.drain()

    async def next_frame(self) -> tuple[int, bytes]:
        """Wait for a server's frame; return its opcode and what is in it."""
        first, second = await self.reader.readexactly(2)
        assert first & FIN, "servers of ours send whole messages"
        size = second
        if second == 126:
            (size,) = struct.unpack("!H", await self.reader.readexactly(2))
        elif second == 127:
            (size,) = struct.unpack("!Q", await self.reader.readexactly(8))
        return first & 0x0F, await self.reader.readexactly(size)

    async def message(self) -> list[Any]:
        """Wait for a WAMP message in JSON; pongs are passed by."""
        async with asyncio.timeout(PATIENCE):
            while True:
                opcode, payload = await self.next_frame()
                if opcode == TEXT:
                    message: list[Any] = json.loads(payload)
                    return message
                assert opcode == PONG, (opcode, payload)

    async def ask(self, *message: Any) -> list[Any]:
        """Send a message in a frame, and wait for the answer."""
        self.send(frame([*message]))
        return await self.message()

    async def end(self) -> str:
        """Wait until the server has closed; return what it said, and how it closed.

        1005 stands for a close frame without a code, as everywhere.
        """
        said: list[str] = []
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    opcode, payload = await self.next_frame()
                    if opcode == CLOSE:
                        said.append(_closed_with(payload))
                        # Servers may wait for it.
                        self.send(frame(payload, CLOSE))
                    elif opcode != PONG:
                        said.append({3: "ABORT", 6: "GOODBYE"}[json.loads(payload)[0]])
        except (asyncio.IncompleteReadError, ConnectionError):
            return ", ".join(said) or "dropped"

    async def closing(self) -> str:
        """Wait for the server's close frame, which comes next."""
        async with asyncio.timeout(PATIENCE):
            opcode, payload = await self.next_frame()
        assert opcode == CLOSE, (opcode, payload)
        return _closed_with(payload)

    def vanish(self) -> None:
        """Reset the connection: a FIN would be the other half of a goodbye."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


def _closed_with(payload: bytes) -> str:
    return f"closed with {int.from_bytes(payload[:2], 'big') if payload else 1005}"


@asynccontextmanager
async def line(
    url: str, *, subprotocol: str = "wamp.2.json", slowly: bool = False
) -> AsyncIterator[Line]:
    """Connect and upgrade."""
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    sock: socket.socket = writer.get_extra_info("socket")
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        opened = Line(reader, writer)
        await opened.upgrade(address.netloc, subprotocol, slowly=slowly)
        yield opened
    finally:
        writer.transport.abort()


@asynccontextmanager
async def joined_line(url: str) -> AsyncIterator[Line]:
    """Connect and join."""
    async with line(url) as opened:
        assert (await opened.ask(*HELLO))[0] == 2
        yield opened
