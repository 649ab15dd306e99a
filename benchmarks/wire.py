"""A WebSocket client that costs next to nothing: the server is what is measured.

It masks with zero (RFC 6455 leaves the key to the client), never decodes JSON by itself
and answers everything that one read brought with one write.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
from collections.abc import Callable
from typing import Any, Protocol, cast

__all__ = ["Client", "connect", "frame", "read_frames"]

TEXT, CLOSE, PING, PONG = 0x1, 0x8, 0x9, 0xA
SUBPROTOCOL = "wamp.2.json"
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


class Receiver(Protocol):
    """What takes the messages of a connection."""

    def __call__(self, messages: list[bytes]) -> bytes | None:
        """Take the messages that one read brought; return bytes to write back."""


class Client(asyncio.Protocol):
    """One connection. `receiver` takes messages; `ask` takes the next one instead."""

    def __init__(self) -> None:
        self.receiver: Receiver | None = None
        self._opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._answer: asyncio.Future[bytes] | None = None
        self._rest = b""
        self._failed: Callable[[Exception], object] | None = None
        self._transport: asyncio.Transport | None = None
        self._next_id = 0

    # --- asyncio.Protocol -------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the upgrade request."""
        self._transport = cast("asyncio.Transport", transport)
        host, port = transport.get_extra_info("peername")[:2]
        key = base64.b64encode(os.urandom(16)).decode()
        self._transport.write(
            f"GET /ws HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
            f"Sec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Protocol: {SUBPROTOCOL}\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        """Split what came, hand it on, and write what comes back in one piece."""
        self._rest = self._rest + data if self._rest else data
        if not self._opened.done() and not self._upgraded():
            return
        frames, self._rest = read_frames(self._rest)
        messages = [payload for opcode, payload in frames if opcode == TEXT]
        for opcode, payload in frames:
            if opcode == PING:
                self.write(frame(payload, PONG))
            elif opcode == CLOSE:
                self._fail(ConnectionError(f"the server closed: {payload!r}"))
        if messages:
            self._take(messages)

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail whoever waits."""
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
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(messages.pop(0))
        if messages and self.receiver is not None:
            answer = self.receiver(messages)
            if answer:
                self.write(answer)

    def _fail(self, error: Exception) -> None:
        for waiting in (self._opened, self._answer):
            if waiting is not None and not waiting.done():
                waiting.set_exception(error)
        if self._failed is not None:
            self._failed(error)

    # --- For the rows -----------------------------------------------------------------

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
        """Return the next request id of this session."""
        self._next_id += 1
        return self._next_id

    async def ask(self, message: list[Any]) -> list[Any]:
        """Send one message and return the next one from the server."""
        self._answer = asyncio.get_running_loop().create_future()
        self.write(frame(json.dumps(message).encode()))
        try:
            answer = await asyncio.wait_for(self._answer, PATIENCE)
        finally:
            self._answer = None
        return cast("list[Any]", json.loads(answer))

    def drop(self) -> None:
        """Close the connection without ceremony."""
        self._failed = None
        if self._transport is not None:
            self._transport.abort()


async def connect(port: int) -> Client:
    """Open a connection to ``ws://127.0.0.1:<port>/ws``."""
    loop = asyncio.get_running_loop()
    _, client = await loop.create_connection(Client, "127.0.0.1", port)
    await client.opened()
    return client
