"""A client that may behave as badly as it likes: a WebSocket by hand.

It knows nothing of the library. It answers pings and close frames unless it is told not
to, and leaves no socket in TIME_WAIT when it vanishes by a reset.
"""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Final, cast

from benchmarks.wire import CLOSE, NO_LINGERING, PING, PONG, frame, read_frames
from tests.soak.codecs import decode, encode, opcode

__all__ = ["Gone", "Peer", "Refused"]

ROLES: Final = {
    **{name: {} for name in ("caller", "callee", "publisher")},
    "subscriber": {"features": {"subscription_revocation": True}},
}
#: Message codes, by the names that the specification gives them.
HELLO, WELCOME, ABORT, CHALLENGE, AUTHENTICATE, GOODBYE = 1, 2, 3, 4, 5, 6
ERROR, PUBLISH, PUBLISHED, SUBSCRIBE, SUBSCRIBED = 8, 16, 17, 32, 33
UNSUBSCRIBED, EVENT, CALL, RESULT = 35, 36, 48, 50
REGISTER, REGISTERED, INVOCATION, YIELD = 64, 65, 68, 70
#: Seconds after which an answer is not expected any more.
PATIENCE = 60.0


class Refused(Exception):
    """The upgrade was answered with something else; has the status line."""


class Gone(Exception):
    """The server has ended the connection; has the close code, None for a reset."""

    def __init__(self, code: int | None) -> None:
        super().__init__(f"the connection has ended with {code}")
        self.code = code


class Peer(asyncio.Protocol):
    """One connection.

    Messages wait for `receive`, or go to `on_message`. `deaf` answers neither pings nor
    close frames; `uninterested` takes payloads as they are, which may be compressed.
    """

    def __init__(self, serializer: str, request: bytes) -> None:
        loop = asyncio.get_running_loop()
        self.serializer = serializer
        self.deaf = False
        self.uninterested = False
        self.on_message: Callable[[Any], None] | None = None
        #: Done once the connection has ended, with the close code or None.
        self.ended: asyncio.Future[int | None] = loop.create_future()
        self.opened: asyncio.Future[None] = loop.create_future()
        #: Whether nothing more will come.
        self.has_seen_end = False
        self._request = request
        self._rest = b""
        self._code: int | None = None
        self._unread: deque[Any] = deque()
        self._waiting: asyncio.Future[None] | None = None
        self._transport: asyncio.Transport
        self._ids = itertools.count(1)

    # --- asyncio.Protocol ---------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the upgrade."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Take what came apart."""
        self._rest = self._rest + data if self._rest else data
        if not self.opened.done() and not self._upgraded():
            return
        frames, self._rest = read_frames(self._rest)
        for kind, payload in frames:
            if kind == PING:
                if not self.deaf:
                    self.write(frame(payload, PONG))
            elif kind == CLOSE:
                self._code = int.from_bytes(payload[:2], "big") or None
                if not self.deaf:
                    self.write(frame(payload[:2], CLOSE))
            elif self.uninterested:
                self._take([payload])
            elif kind != PONG:
                self._take(decode(self.serializer, payload))

    def eof_received(self) -> bool:
        """Hang up as well, unless deaf: whether this end stays open."""
        self.has_seen_end = True
        return self.deaf

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell who waits."""
        self.has_seen_end = True
        if not self.ended.done():
            self.ended.set_result(self._code)
        if not self.opened.done():
            self.opened.set_exception(Gone(None))
            self.opened.exception()
        self._wake()

    def _upgraded(self) -> bool:
        head, separator, rest = self._rest.partition(b"\r\n\r\n")
        if not separator:
            return False
        self._rest = rest
        if b" 101 " in head.partition(b"\r\n")[0]:
            self.opened.set_result(None)
            return True
        self.opened.set_exception(Refused(head.partition(b"\r\n")[0].decode()))
        self._transport.abort()
        return False

    def _take(self, messages: Iterable[Any]) -> None:
        for message in messages:
            if self.on_message is not None:
                self.on_message(message)
            else:
                self._unread.append(message)
        self._wake()

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    # --- Saying -------------------------------------------------------------------

    def send(self, *message: Any) -> None:
        """Send a message, the code first."""
        self.send_payload(encode(self.serializer, message))

    def send_payload(self, payload: bytes) -> None:
        """Send a frame of the kind that the serializer has."""
        self.write(frame(payload, opcode(self.serializer)))

    def write(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._transport.write(data)

    def send_ping(self) -> None:
        """Send a ping."""
        self.write(frame(b"", PING))

    def begin_message(self, size: int) -> None:
        """Send the beginning of a message of so many bytes, 64 KiB at most."""
        self.write(frame(b"[" + b" " * (size - 1), opcode(self.serializer))[:9])

    def next_id(self) -> int:
        """Return the next request id."""
        return next(self._ids)

    # --- Hearing ------------------------------------------------------------------

    async def receive(self, patience: float = PATIENCE) -> Any:
        """Return the next message; raise `Gone` when there will be none."""
        while not self._unread:
            if self.ended.done():
                raise Gone(self.ended.result())
            self._waiting = asyncio.get_running_loop().create_future()
            async with asyncio.timeout(patience):
                await self._waiting
        return self._unread.popleft()

    async def received_until_end(self) -> list[Any]:
        """Return all that still comes, once the connection has ended."""
        messages = []
        with suppress(Gone):
            while True:
                messages.append(await self.receive())
        return messages

    async def end(self, patience: float = PATIENCE) -> int | None:
        """Wait for the end of the connection; return its close code."""
        async with asyncio.timeout(patience):
            return await asyncio.shield(self.ended)

    async def request(self, code: int, *rest: Any) -> Any:
        """Send a request under a new id and return the answer to it."""
        self.send(code, self.next_id(), *rest)
        return await self.receive()

    async def hello(self, realm: str, **details: Any) -> Any:
        """Send HELLO and return what answers it."""
        self.send(HELLO, realm, {"roles": ROLES, **details})
        return await self.receive()

    # --- Behaving badly -----------------------------------------------------------

    def pause(self) -> None:
        """Read nothing from now on."""
        self._transport.pause_reading()

    def resume(self) -> None:
        """Read again."""
        self._transport.resume_reading()

    def raw_socket(self) -> socket.socket:
        """Return the socket, once more, to be read by hand while paused."""
        made: socket.socket = self._transport.get_extra_info("socket").dup()
        return made

    def finish(self) -> None:
        """Close the TCP connection, with no word on the WebSocket."""
        self._transport.close()

    def close(self) -> None:
        """Send a close frame."""
        self.write(frame((1000).to_bytes(2, "big"), CLOSE))

    def reset(self) -> None:
        """Be gone at once."""
        with suppress(OSError):  # it is gone already
            self._transport.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGERING
            )
        self._transport.abort()
