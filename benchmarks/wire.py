"""A WebSocket client that costs next to nothing: the server is what is measured.

It masks with zero (RFC 6455 leaves the key to the client), never decodes a message and
answers everything that one read brought with one write. What the messages say is the
business of `dialects`.
"""

from __future__ import annotations

import asyncio
import base64
import os
import socket
import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, cast

__all__ = ["Client", "Opening", "connect", "frame", "read_frames"]

TEXT, CLOSE, PING, PONG = 0x1, 0x8, 0x9, 0xA
NORMAL_CLOSURE = (1000).to_bytes(2, "big")
#: On, after no time (socket(7)): a closed socket is gone at once.
NO_LINGERING = struct.pack("ii", 1, 0)
#: Seconds after which an answer is not expected any more.
PATIENCE = 30.0


def frame(payload: bytes, opcode: int = TEXT) -> bytes:
    """Return a masked client frame whose masking key is zero (RFC 6455, 5.2)."""
    size = len(payload)
    if size < 126:
        head = bytes((0x80 | opcode, 0x80 | size))
    elif size < 2**16:
        head = bytes((0x80 | opcode, 0xFE)) + size.to_bytes(2, "big")
    else:
        head = bytes((0x80 | opcode, 0xFF)) + size.to_bytes(8, "big")
    return head + b"\0\0\0\0" + payload


def read_frames(data: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    """Split what a server sent into (opcode, payload) pairs and the unfinished rest.

    Raises `ValueError` for a fragmented or masked frame: no contestant sends those
    here.
    """
    frames = []
    at, end = 0, len(data)
    while end - at >= 2:
        first, size = data[at], data[at + 1]
        if not first & 0x80 or size & 0x80:
            raise ValueError("fragmented or masked frame from the server")
        start = at + 2
        if size >= 126:
            extended = 2 if size == 126 else 8
            start += extended
            if end < start:
                break
            size = int.from_bytes(data[start - extended : start], "big")
        if end < start + size:
            break
        frames.append((first & 0x0F, data[start : start + size]))
        at = start + size
    return frames, data[at:]


@dataclass(frozen=True, slots=True)
class Opening:
    """What a client asks for in its upgrade request."""

    path: str
    subprotocol: str | None = None
    #: A message that the server may send at any time, and the answer it wants.
    heartbeat: tuple[bytes, bytes] | None = None


class Receiver(Protocol):
    """What takes the messages of a connection."""

    def __call__(self, messages: list[bytes]) -> bytes | None:
        """Take the messages that one read brought; return bytes to write back."""


class Client(asyncio.Protocol):
    """One connection. `receiver` takes its messages; without one, they wait for `next`.

    It leaves no socket in TIME_WAIT: a few rounds of joining would use up the machine's
    ephemeral ports, and the next server would get none to listen on.
    """

    def __init__(self, opening: Opening) -> None:
        loop = asyncio.get_running_loop()
        self.receiver: Receiver | None = None
        self._opening = opening
        self._opened: asyncio.Future[None] = loop.create_future()
        self._lost: asyncio.Future[None] = loop.create_future()
        self._next: asyncio.Future[bytes] | None = None
        self._unread: deque[bytes] = deque()
        self._rest = b""
        self._failed: Callable[[Exception], object] | None = None
        self._leaving = False
        self._transport: asyncio.Transport | None = None
        self._next_id = 0

    # --- asyncio.Protocol -------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the upgrade request."""
        self._transport = cast("asyncio.Transport", transport)
        transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGERING
        )
        host, port = transport.get_extra_info("peername")[:2]
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [
            f"GET {self._opening.path} HTTP/1.1",
            f"Host: {host}:{port}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
        ]
        if self._opening.subprotocol is not None:
            lines.append(f"Sec-WebSocket-Protocol: {self._opening.subprotocol}")
        self._transport.write("\r\n".join([*lines, "", ""]).encode())

    def data_received(self, data: bytes) -> None:
        """Split what came, hand it on, and write what comes back in one piece."""
        self._rest = self._rest + data if self._rest else data
        if not self._opened.done() and not self._upgraded():
            return
        frames, self._rest = read_frames(self._rest)
        messages = [payload for opcode, payload in frames if opcode == TEXT]
        if messages:
            self._take(messages)
        for opcode, payload in frames:
            if opcode == PING:
                self.write(frame(payload, PONG))
            elif opcode == CLOSE and not self._leaving:
                self._fail(ConnectionError(f"the server closed: {payload!r}"))

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail whoever waits."""
        if not self._lost.done():
            self._lost.set_result(None)
        if not self._leaving:
            self._fail(exc or ConnectionError("the server dropped the connection"))

    def _upgraded(self) -> bool:
        head, separator, rest = self._rest.partition(b"\r\n\r\n")
        if not separator:
            return False
        self._rest = rest
        if head.startswith(b"HTTP/1.1 101"):
            self._opened.set_result(None)
            return True
        self._fail(ConnectionError(f"no upgrade: {head!r}"))
        return False

    def _take(self, messages: list[bytes]) -> None:
        heartbeat = self._opening.heartbeat
        if heartbeat is not None and heartbeat[0] in messages:
            messages = [each for each in messages if each != heartbeat[0]]
            self.write(frame(heartbeat[1]))
        if self.receiver is not None:
            answer = self.receiver(messages) if messages else None
            if answer:
                self.write(answer)
            return
        self._unread.extend(messages)
        if self._unread and self._next is not None and not self._next.done():
            self._next.set_result(self._unread.popleft())

    def _fail(self, error: Exception) -> None:
        for waiting in (self._opened, self._next):
            if waiting is not None and not waiting.done():
                waiting.set_exception(error)
        if self._failed is not None:
            self._failed(error)

    # --- For the dialects and the rows ------------------------------------------------

    async def opened(self) -> None:
        """Wait for the end of the upgrade."""
        await asyncio.wait_for(self._opened, PATIENCE)

    def on_failure(self, callback: Callable[[Exception], object]) -> None:
        """Tell `callback` when the connection ends before we end it."""
        self._failed = callback

    def write(self, data: bytes) -> None:
        """Write frames."""
        assert self._transport is not None
        self._transport.write(data)

    def request_id(self) -> int:
        """Return the next request id of this connection."""
        self._next_id += 1
        return self._next_id

    async def next(self) -> bytes:
        """Return the next message from the server."""
        if self._unread:
            return self._unread.popleft()
        self._next = asyncio.get_running_loop().create_future()
        try:
            return await asyncio.wait_for(self._next, PATIENCE)
        finally:
            self._next = None

    async def ask(self, message: bytes) -> bytes:
        """Send one message and return the next one from the server."""
        self.write(frame(message))
        return await self.next()

    async def close(self) -> None:
        """Close as RFC 6455 wants it: a close frame each, then the server hangs up."""
        self._leaving = True
        if not self._lost.done():
            self.write(frame(NORMAL_CLOSURE, CLOSE))
            await asyncio.wait_for(self._lost, PATIENCE)

    def drop(self) -> None:
        """Close the connection without ceremony."""
        self._failed = None
        self._leaving = True
        if self._transport is not None:
            self._transport.abort()


async def connect(port: int, opening: Opening) -> Client:
    """Open a WebSocket on ``127.0.0.1:<port>``."""
    loop = asyncio.get_running_loop()
    _, client = await loop.create_connection(lambda: Client(opening), "127.0.0.1", port)
    await client.opened()
    return client
