"""Streams of bytes on asyncio, over TLS or not."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import socket
    import ssl

__all__ = ["AsyncioStream", "accept", "open_stream"]

#: Bytes that are read at a time.
READ: Final = 65536


async def accept(listener: socket.socket) -> socket.socket:
    """Wait for the next client of a listening socket."""
    connected, _ = await asyncio.get_running_loop().sock_accept(listener)
    return connected


async def open_stream(
    connected: socket.socket, tls: ssl.SSLContext | None
) -> AsyncioStream:
    """Make a stream of an accepted socket, after the handshake of TLS."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(READ, loop)
    protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
    # Where this fails, its transport closes the socket.
    transport, _ = await loop.connect_accepted_socket(
        lambda: protocol, connected, ssl=tls
    )
    return AsyncioStream(
        transport, reader, asyncio.StreamWriter(transport, protocol, reader, loop)
    )


class AsyncioStream:
    """One client's bytes; implements `ByteStream`."""

    __slots__ = ("_reader", "_transport", "_writer")

    def __init__(
        self,
        transport: asyncio.Transport,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        # What is sent is to have left the process, not to wait here. TLS, other than
        # the rest, waits as soon as there is as much as its limit: for ever at zero.
        transport.set_write_buffer_limits(high=1, low=0)
        self._transport = transport
        self._reader = reader
        self._writer = writer

    @property
    def tls(self) -> Any:
        """The ``ssl.SSLObject``; None without TLS."""
        return self._transport.get_extra_info("ssl_object")

    async def receive(self) -> bytes:
        """Wait for bytes; none once the client has sent its last."""
        return await self._reader.read(READ)

    async def send(self, data: bytes | memoryview) -> None:
        """Send bytes, and wait until they are the system's."""
        # Hot path: most often there is nothing to wait for.
        transport = self._transport
        transport.write(data)
        if transport.get_write_buffer_size() or transport.is_closing():
            await self._writer.drain()

    async def send_eof(self) -> None:
        """Say that nothing more comes; over TLS it closes."""
        if self._transport.can_write_eof():
            self._transport.write_eof()
        else:
            self._transport.close()

    def abort(self) -> None:
        """Drop it at once."""
        self._transport.abort()

    async def released(self) -> None:
        """Wait until the descriptor is free, which `abort` has asked for."""
        with suppress(OSError):
            await self._writer.wait_closed()
