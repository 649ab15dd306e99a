"""The aiohttp handler that makes a WebSocket request a served connection."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Protocol

import aiohttp_session
from aiohttp import web

from aiohttp_serverwamp.adapters.aiohttp import AiohttpConnection
from aiohttp_serverwamp.adapters.aiohttp_bound_sockets import HTTPSide
from aiohttp_serverwamp.adapters.aiohttp_readers import Reader, socket_class
from aiohttp_serverwamp.adapters.aiohttp_socket import (
    UpgradedSocket,
    accept,
    http_error,
    is_unix,
    offer,
    transport_info,
)
from aiohttp_serverwamp.adapters.upgrade import (
    Gatekeeper,
    Refusal,
    UpgradeHost,
    UpgradeRequest,
    place,
)
from aiohttp_serverwamp.auth.csrf import CSRF_TOKEN
from aiohttp_serverwamp.errors import ConfigurationError

if TYPE_CHECKING:
    from aiohttp_serverwamp.adapters.aiohttp_session_binding import HTTPSessionWatch
    from aiohttp_serverwamp.adapters.origin import Network

__all__ = [
    "NO_HTTP_SESSION",
    "AiohttpHandler",
    "StartingHandler",
    "StartingHost",
    "find_upgrade_request",
    "upgrade_request",
]

logger = logging.getLogger("aiohttp_serverwamp.adapters")

_REQUEST = "aiohttp_request"

NO_HTTP_SESSION = (
    "a realm uses session_authenticator(), but aiohttp-session is not set up: call "
    "aiohttp_session.setup(app, storage) where you call setup_wamp(app)"
)


class StartingHost(UpgradeHost, Protocol):
    """What a handler needs that starts the application itself."""

    async def start_in(self, loop: object) -> None:
        """Run in this event loop until it ends, unless something runs it already."""

    def inject(self, kind: type, getter: Callable[[Any], Any]) -> None:
        """Supply handler parameters annotated `kind` with ``getter(session)``."""


def upgrade_request(session: Any) -> web.Request:
    """Return the request that opened a session's connection.

    Raises `ConfigurationError` for a connection that aiohttp did not serve.
    """
    request = find_upgrade_request(session)
    if request is None:
        raise ConfigurationError(
            f"session {session.id} did not come by way of aiohttp's HTTP, so it has no "
            "web.Request: connect by WebSocket to what setup_wamp(app) serves"
        )
    return request


def find_upgrade_request(session: Any) -> web.Request | None:
    """Return the request that opened a session's connection, if aiohttp served it."""
    request: web.Request | None = session.connection.transport_info.get(_REQUEST)
    return request


class AiohttpHandler:
    """A request handler for ``app.router.add_get``.

    Raises `ConfigurationError` for malformed `allowed_origins` or `trusted_proxies`,
    and for a `reader` that does not work.
    """

    def __init__(
        self,
        host: UpgradeHost,
        *,
        allowed_origins: Iterable[str] | None = None,
        trusted_proxies: Iterable[str | Network] = (),
        compress: bool = False,
        watch: HTTPSessionWatch | None = None,
        reader: Reader = "auto",
    ) -> None:
        self._host = host
        self._watch = watch
        self._gate = Gatekeeper("setup_wamp", allowed_origins, trusted_proxies)
        self._compress = compress
        self._socket_class = socket_class(reader)
        # One bound method for all connections.
        self._describe = self._transport_info
        self._misses_sessions = False

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        """Serve one client for as long as its WebSocket is open."""
        bound = None
        try:
            with place(self._host):
                self._gate.check_origin(_as_asked(request))
                ws = offer(
                    request,
                    subprotocols=tuple(self._host.serializers),
                    max_message_size=self._host.limits.max_message_size,
                    compress=self._compress,
                    kind=self._socket_class,
                )
                side = await self._http_session(request, ws)
                bound = side.bound
                connection = await self._connect(request, ws, side)
            if connection is None:
                return web.Response(status=499, reason="Client Closed Request")
            try:
                await self._host.serve(connection)
            finally:
                # Served to its end it is closed by now; otherwise this releases it.
                await connection.close(1011, "")
        except Refusal as refusal:
            raise http_error(refusal) from None
        finally:
            if self._watch is not None and bound is not None:
                self._watch.unbind(bound)
        return ws

    async def _connect(
        self,
        request: web.Request,
        ws: UpgradedSocket,
        side: HTTPSide,
    ) -> AiohttpConnection | None:
        """Upgrade a request, unless its client has gone meanwhile."""
        host = self._host
        if not await accept(request, ws):
            return None
        assert ws.ws_protocol is not None, "they agree on a subprotocol"
        if self._watch is not None and side.bound is not None and side.bound.ended:
            side = await self._watch.forget(request)  # signed out meanwhile
        connection = AiohttpConnection(
            request,
            ws,
            serializer=host.serializers[ws.ws_protocol],
            limits=host.limits,
            http_session=side,
            describe=self._describe,
        )
        if request.secure or self._gate.trusts_unix:
            # It can be seen only as long as the client is there.
            _ = connection.transport_info
        if self._watch is not None and side.bound is not None:
            self._watch.connected(side.bound, connection)
        return connection

    def _transport_info(self, request: web.Request, side: HTTPSide) -> dict[str, Any]:
        info = {
            **transport_info(request, side.http_session),
            **self._gate.client_info(_as_asked(request)),
            _REQUEST: request,
        }
        if side.csrf_token is not None:
            info[CSRF_TOKEN] = side.csrf_token
        return info

    async def _http_session(self, request: web.Request, ws: UpgradedSocket) -> HTTPSide:
        """Read the request's HTTP session, and bind the socket to it."""
        if aiohttp_session.STORAGE_KEY in request:
            if self._watch is not None:
                return await self._watch.bind(request, ws)
            return HTTPSide(dict(await aiohttp_session.get_session(request)))
        if not self._misses_sessions and self._host.requires_http_session():
            # Set-up cannot see what middlewares the parent of a sub-application has.
            self._misses_sessions = True
            logger.error("%s", NO_HTTP_SESSION)
        return HTTPSide(None)


class StartingHandler(AiohttpHandler):
    """A request handler that starts its application with the first request.

    For applications that nothing attaches to the server. They stay started: where a
    handler is all there is, nobody says when the server stops.
    """

    def __init__(self, host: StartingHost) -> None:
        super().__init__(host)
        self._starting = host
        host.inject(web.Request, upgrade_request)

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        """Serve one client for as long as its WebSocket is open."""
        await self._starting.start_in(asyncio.get_running_loop())
        return await super().__call__(request)


def _as_asked(request: web.Request) -> UpgradeRequest:
    return UpgradeRequest(
        scheme=request.scheme,
        header=lambda name: request.headers.getall(name, []),
        peer_address=request.remote,
        is_unix=is_unix(request),
    )
