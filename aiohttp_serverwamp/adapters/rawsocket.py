"""RawSocket servers: from an accepted socket to a served connection (8.2).

TCP, TLS and Unix sockets, under the async library of the application. A RawSocket has
no headers, no cookie and no origin: who a client is, it says in the session. What is no
RawSocket, such as the HTTP of a browser, is dropped with its first byte, unanswered.
"""

from __future__ import annotations

import logging
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, Protocol

from aiohttp_serverwamp.adapters.outbox import BEHIND
from aiohttp_serverwamp.adapters.rawsocket_connection import RawSocketConnection
from aiohttp_serverwamp.adapters.rawsocket_endpoint import (
    Listener,
    RawSocket,
    listening,
)
from aiohttp_serverwamp.adapters.rawsocket_protocol import (
    Agreement,
    HandshakeRefused,
    OpeningHandshake,
)
from aiohttp_serverwamp.adapters.sending_task import LEAST_CLOSE_TIMEOUT, label_of

if TYPE_CHECKING:
    from aiohttp_serverwamp.interfaces import (
        AsyncSupport,
        ByteStream,
        Connection,
        Serializer,
        TaskHandle,
        TaskRunner,
    )
    from aiohttp_serverwamp.limits import Limits

__all__ = ["RawSocketHost", "RawSocketServer"]

logger = logging.getLogger("aiohttp_serverwamp.adapters")

_GOING_AWAY: Final = 1001

#: Seconds after which another client is accepted when none could be: most often there
#: are no descriptors left.
_PAUSE: Final = 1.0

#: Clients of a full server that are told so at a time; others are dropped.
_TURNED_AWAY_AT_ONCE: Final = 100

#: The most seconds that TCP waits before it asks a silent client, on Linux.
_LONGEST_KEEP_ALIVE: Final = 2**15 - 1.0

_NOT_RUNNING: Final = (
    "RawSocket at %s ends, for the Application does not run any more: give "
    "serve_rawsocket() all addresses at once, or call it inside "
    "'async with application.run():'"
)

#: Linux has it: who runs the client of a Unix socket.
_PEER_CREDENTIALS: Final[int | None] = getattr(socket, "SO_PEERCRED", None)
_CREDENTIALS: Final = struct.Struct("3i")


class RawSocketHost(Protocol):
    """What the server needs of the application."""

    limits: Limits
    support: AsyncSupport
    serializers: Mapping[str, Serializer]

    @property
    def running(self) -> bool:
        """Whether connections can be served."""

    def admit(self) -> bool:
        """Keep a place for a connection until `release`; False if there is none."""

    def release(self) -> None:
        """Give back the place of a connection that is served from now on, or never."""

    async def serve(self, connection: Connection) -> None:
        """Serve a connection until it has closed."""

    def end(self, connection: Connection) -> None:
        """End the session of a connection, because its server stops."""


async def _at_once() -> None:
    """Wait for nothing."""


class RawSocketServer:
    """Serves an application at some addresses, inside ``async with server.run()``."""

    def __init__(self, host: RawSocketHost, rawsockets: Sequence[RawSocket]) -> None:
        self.host = host
        self._rawsockets = rawsockets
        self._accepting: list[TaskHandle] = []
        self._clients: set[_Client] = set()
        #: Clients that are being told that the server is full.
        self.turned_away = 0

    @asynccontextmanager
    async def run(
        self, ready: Callable[[], Awaitable[object]] = _at_once
    ) -> AsyncIterator[None]:
        """Listen, and accept clients once ``ready()`` has returned.

        Raises `ConfigurationError` for an address that cannot be listened at.
        """
        host = self.host
        with listening(self._rawsockets) as listeners:
            async with host.support.task_group() as tasks:
                for each in listeners:
                    logger.info("RawSocket is served at %s", each)
                    accept = tasks.start(self._accept, each, tasks, ready)
                    self._accepting.append(accept)
                try:
                    yield
                finally:
                    self.stop_listening()
                    self.leave()
                    await tasks.join(host.limits.shutdown_timeout or None)
            # A task that is cancelled before its first step has nothing closed.
            for client in self._clients:
                client.drop()
            self._clients.clear()

    def stop_listening(self) -> None:
        """Accept nobody more."""
        for accept in self._accepting:
            accept.cancel()
        self._accepting.clear()

    def leave(self) -> None:
        """End the sessions of those that are there."""
        for client in [*self._clients]:
            client.leave()

    async def _accept(
        self,
        listener: Listener,
        tasks: TaskRunner,
        ready: Callable[[], Awaitable[object]],
    ) -> None:
        support = self.host.support
        try:
            await ready()
            while True:
                try:
                    connected = await support.accept(listener.socket)
                except ConnectionError:  # its going is nobody's fault
                    continue
                except OSError as error:
                    logger.error("no client can be accepted: %s", error)
                    await support.sleep(_PAUSE)
                    continue
                if not self.host.running:
                    connected.close()
                    logger.error(_NOT_RUNNING, listener)
                    return
                self._begin(_Client(self, listener.rawsocket, connected), tasks)
                del connected  # or the last one would be kept for the next
                # Who comes in crowds does not keep everybody else waiting.
                await support.sleep(0)
        finally:
            listener.close()

    def _begin(self, client: _Client, tasks: TaskRunner) -> None:
        self._clients.add(client)
        client.task = tasks.start(client.serve)

    def forget(self, client: _Client) -> None:
        """Take note that a client has gone."""
        self._clients.discard(client)


class _Client:
    """One client, from its acceptance to the end of what it has begun."""

    task: TaskHandle | None = None

    def __init__(
        self, server: RawSocketServer, rawsocket: RawSocket, connected: socket.socket
    ) -> None:
        self._server = server
        self._host = server.host
        self._rawsocket = rawsocket
        self._socket = connected
        self._info = _transport_info(connected, server.host.limits.heartbeat)
        self._label = label_of(self._info)
        self._stream: ByteStream | None = None
        self._connection: RawSocketConnection | None = None

    async def serve(self) -> None:
        """Serve it until it has gone."""
        try:
            async with self._host.support.task_group() as tasks:
                connection = await self._connect(tasks)
                if connection is None:
                    return
                self._connection = connection
                try:
                    await self._host.serve(connection)
                finally:
                    # Served to its end it is closed by now; otherwise this releases it.
                    await connection.close(_GOING_AWAY, "")
        finally:
            self._server.forget(self)

    def leave(self) -> None:
        """Take leave, or give up what has not become a connection yet."""
        if self._connection is not None:
            self._host.end(self._connection)
        elif self.task is not None:
            self.task.cancel()

    def drop(self) -> None:
        """Close what has not become a connection."""
        if self._stream is None:
            self._socket.close()
        else:
            self._stream.abort()

    # --- Becoming a connection ----------------------------------------------------

    async def _connect(self, tasks: TaskRunner) -> RawSocketConnection | None:
        """Shake hands; None if nothing comes of it."""
        host = self._host
        if not host.admit():
            await self._turn_away()
            return None
        connection = None
        try:
            agreement = await self._agree(full=False)
            if agreement is not None and self._stream is not None:
                connection = RawSocketConnection(
                    self._stream,
                    agreement,
                    limits=host.limits,
                    support=host.support,
                    tasks=tasks,
                    transport_info={**self._info, **_tls_info(self._stream)},
                    pings=self._rawsocket.pings,
                )
                connection.write(agreement.reply)
            return connection
        finally:
            host.release()
            if connection is None:
                await self._release()

    async def _turn_away(self) -> None:
        """Tell a client that the server is full, unless too many are told already."""
        server = self._server
        server.turned_away += 1
        try:
            if server.turned_away <= _TURNED_AWAY_AT_ONCE:
                await self._agree(full=True)
        finally:
            server.turned_away -= 1
            await self._release()

    async def _agree(self, *, full: bool) -> Agreement | None:
        """Go through the opening handshake, in time (REQ-TRN-031)."""
        limits = self._host.limits
        handshake = OpeningHandshake(
            self._host.serializers, limits.max_message_size, full=full
        )
        agreement: Agreement | None = None

        async def shake_hands() -> None:
            nonlocal agreement
            support = self._host.support
            stream = await support.open_stream(self._socket, self._rawsocket.ssl)
            self._stream = stream
            while agreement is None and (data := await stream.receive()):
                agreement = handshake.feed(data)

        try:
            if not await self._host.support.wait_at_most(
                limits.hello_timeout or None, shake_hands
            ):
                self._log_failed("no handshake in time")
        except HandshakeRefused as refusal:
            self._log_failed(refusal)
            if refusal.reply:
                timeout = max(limits.close_timeout, LEAST_CLOSE_TIMEOUT)
                await self._host.support.wait_at_most(
                    timeout, self._refuse, refusal.reply
                )
        except OSError as error:  # among others, of TLS
            self._log_failed(error)
        return agreement

    def _log_failed(self, why: object) -> None:
        logger.info("%s: RawSocket refused: %s", self._label, why)

    async def _refuse(self, reply: bytes) -> None:
        assert self._stream is not None, "the client has been heard"
        with suppress(OSError):
            await self._stream.send(reply)
            await self._stream.send_eof()
            # Closed before, it would lose the reply with what was not read.
            while await self._stream.receive():
                pass

    async def _release(self) -> None:
        self.drop()
        if self._stream is not None:
            await self._stream.released()


def _transport_info(
    connected: socket.socket, heartbeat: float | None
) -> dict[str, Any]:
    """Return what a socket tells of its client, and keep it alive.

    ``peer_address`` is None for Unix sockets, whose ``peer_credentials`` are the
    process, user and group ids of the client, on Linux.
    """
    info: dict[str, Any] = {"peer_address": None, "peer_credentials": None}
    with suppress(OSError):  # it has gone again
        if connected.family not in (socket.AF_INET, socket.AF_INET6):
            info["peer_credentials"] = _credentials(connected)
            return info
        info["peer_address"] = connected.getpeername()[0]
        # Else it takes megabytes, and a slow client's taking of them is seen late.
        _tell_tcp(connected, "TCP_NOTSENT_LOWAT", BEHIND)
        if heartbeat:
            _keep_alive(connected, heartbeat)
    return info


def _credentials(connected: socket.socket) -> tuple[int, ...] | None:
    if _PEER_CREDENTIALS is None:
        return None
    raw = connected.getsockopt(socket.SOL_SOCKET, _PEER_CREDENTIALS, _CREDENTIALS.size)
    return _CREDENTIALS.unpack(raw)


def _keep_alive(connected: socket.socket, interval: float) -> None:
    """Have TCP find out that a client has gone, as late as a heartbeat would.

    It asks a client that says nothing, and waits for what it has sent to be taken note
    of: alone that could take a quarter of an hour.
    """
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    # It counts in whole seconds, in few bits.
    interval = min(max(interval, 1.0), _LONGEST_KEEP_ALIVE)
    for name, value in (
        ("TCP_KEEPIDLE", interval),
        ("TCP_KEEPINTVL", interval / 4),
        ("TCP_KEEPCNT", 2),
        ("TCP_USER_TIMEOUT", interval * 1500),  # in milliseconds
    ):
        _tell_tcp(connected, name, max(round(value), 1))


def _tell_tcp(connected: socket.socket, name: str, value: int) -> None:
    option = getattr(socket, name, None)  # not everywhere
    if option is not None:
        connected.setsockopt(socket.IPPROTO_TCP, option, value)


def _tls_info(stream: ByteStream) -> dict[str, Any]:
    tls = stream.tls
    return {
        "tls": tls is not None,
        "peer_certificate": tls and tls.getpeercert(),
        "peer_certificate_raw": tls and tls.getpeercert(binary_form=True),
    }
