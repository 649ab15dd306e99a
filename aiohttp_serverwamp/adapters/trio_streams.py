"""Streams of bytes on trio, over TLS or not.

Importing this module does not need trio; its functions do.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import socket
    import ssl

__all__ = ["TrioStream", "accept", "open_stream"]

#: Bytes that are read at a time.
READ: Final = 65536


async def accept(listener: socket.socket) -> socket.socket:
    """Wait for the next client of a listening socket."""
    import trio

    while True:
        await trio.lowlevel.wait_readable(listener)
        try:
            connected, _ = listener.accept()
        except BlockingIOError:  # it has gone meanwhile
            continue
        connected.setblocking(False)
        return connected


async def open_stream(
    connected: socket.socket, tls: ssl.SSLContext | None
) -> TrioStream:
    """Make a stream of an accepted socket, after the handshake of TLS."""
    import trio

    plain = trio.SocketStream(trio.socket.from_stdlib_socket(connected))
    if tls is None:
        return TrioStream(plain, plain)
    secured = trio.SSLStream(plain, tls, server_side=True)
    try:
        with _as_os_errors():
            await secured.do_handshake()
    except BaseException:
        plain.socket.close()
        raise
    return TrioStream(secured, plain)


class TrioStream:
    """One client's bytes; implements `ByteStream`."""

    __slots__ = ("_plain", "_stream")

    def __init__(self, stream: Any, plain: Any) -> None:
        # `Any`: without trio there are no types of it.
        self._stream = stream
        self._plain = plain

    @property
    def tls(self) -> Any:
        """What has ``getpeercert()``; None without TLS."""
        return None if self._stream is self._plain else self._stream

    async def receive(self) -> bytes:
        """Wait for bytes; none once the client has sent its last."""
        with _as_os_errors():
            return bytes(await self._stream.receive_some(READ))

    async def send(self, data: bytes | memoryview) -> None:
        """Send bytes, and wait until they are the system's."""
        with _as_os_errors():
            await self._stream.send_all(data)

    async def send_eof(self) -> None:
        """Say that nothing more comes; over TLS it closes."""
        with _as_os_errors():
            if self._stream is self._plain:
                await self._plain.send_eof()
            else:
                await self._stream.aclose()

    def abort(self) -> None:
        """Drop it at once."""
        self._plain.socket.close()

    async def released(self) -> None:
        """Do nothing: `abort` has waited for nothing."""


@contextmanager
def _as_os_errors() -> Iterator[None]:
    import trio

    try:
        yield
    except (
        trio.BrokenResourceError,
        trio.ClosedResourceError,
        trio.BusyResourceError,
    ) as error:
        raise ConnectionError(str(error.__cause__ or error)) from error
