"""The aiohttp handler that makes a WebSocket request a served connection.

What can be refused is refused before the upgrade, with an HTTP status: 503 while the
server shuts down or is full, 403 for a foreign origin, 426 and 400 for what is no WAMP
client.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import aiohttp_session
from aiohttp import web

from aiohttp_serverwamp.adapters.aiohttp import AiohttpConnection
from aiohttp_serverwamp.adapters.aiohttp_bound_sockets import HTTPSide
from aiohttp_serverwamp.adapters.aiohttp_socket import (
    UpgradedSocket,
    accept,
    is_unix,
    offer,
)
from aiohttp_serverwamp.adapters.origin import (
    Network,
    OriginPolicy,
    Site,
    TrustedProxies,
    site_of,
)
from aiohttp_serverwamp.auth.csrf import CSRF_TOKEN
from aiohttp_serverwamp.errors import ConfigurationError
from aiohttp_serverwamp.uris import shown

if TYPE_CHECKING:
    from aiohttp_serverwamp.adapters.aiohttp_session_binding import HTTPSessionWatch
    from aiohttp_serverwamp.interfaces import Connection, Serializer
    from aiohttp_serverwamp.limits import Limits

__all__ = [
    "NO_HTTP_SESSION",
    "AiohttpHandler",
    "StartingHandler",
    "StartingHost",
    "UpgradeHost",
    "upgrade_request",
]

logger = logging.getLogger("aiohttp_serverwamp.adapters")

_REQUEST = "aiohttp_request"

NO_HTTP_SESSION = (
    "a realm uses session_authenticator(), but aiohttp-session is not set up: call "
    "aiohttp_session.setup(app, storage) where you call setup_wamp(app)"
)


class UpgradeHost(Protocol):
    """What the handler needs of the application."""

    limits: Limits
    serializers: Mapping[str, Serializer]

    def admit(self) -> bool:
        """Keep a place for a connection until `release`; False if there is none."""

    def release(self) -> None:
        """Give back the place of a connection that is served from now on, or never."""

    def requires_http_session(self) -> bool:
        """Tell whether some realm reads the HTTP session."""

    async def serve(self, connection: Connection) -> None:
        """Serve a connection until it has closed."""


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
    request: web.Request | None = session.connection.transport_info.get(_REQUEST)
    if request is None:
        raise ConfigurationError(
            f"session {session.id} did not come by way of aiohttp, so it has no "
            "web.Request: connect to what setup_wamp(app) serves"
        )
    return request


class AiohttpHandler:
    """A request handler for ``app.router.add_get``.

    Raises `ConfigurationError` for malformed `allowed_origins` or `trusted_proxies`.
    """

    def __init__(
        self,
        host: UpgradeHost,
        *,
        allowed_origins: Iterable[str] | None = None,
        trusted_proxies: Iterable[str | Network] = (),
        compress: bool = False,
        watch: HTTPSessionWatch | None = None,
    ) -> None:
        self._host = host
        self._watch = watch
        self._origins = OriginPolicy(allowed_origins)
        self._proxies = TrustedProxies.of(trusted_proxies)
        self._compress = compress
        self._misses_sessions = False

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        """Serve one client for as long as its WebSocket is open."""
        host = self._host
        if not host.admit():
            raise web.HTTPServiceUnavailable(text="No more connections now.\n")
        # Others ask for places while this one waits for its HTTP session.
        bound = None
        try:
            try:
                self._check_origin(request)
                ws = offer(
                    request,
                    subprotocols=tuple(host.serializers),
                    max_message_size=host.limits.max_message_size,
                    compress=self._compress,
                )
                side = await self._http_session(request, ws)
                bound = side.bound
                connection = await self._connect(request, ws, side)
            finally:
                host.release()
            if connection is None:
                return web.Response(status=499, reason="Client Closed Request")
            try:
                await host.serve(connection)
            finally:
                # Served to its end it is closed by now; otherwise this releases it.
                await connection.close(1011, "")
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
            http_session=side.http_session,
        )
        token = side.csrf_token
        connection.transport_info = {
            **connection.transport_info,
            "http_scheme": self._scheme(request),
            "peer_address": self._peer_address(request),
            **({} if token is None else {CSRF_TOKEN: token}),
            _REQUEST: request,
        }
        if self._watch is not None and side.bound is not None:
            self._watch.connected(side.bound, connection)
        return connection

    def _peer_address(self, request: web.Request) -> str | None:
        """Return who the client is: as the socket says, or a trusted proxy."""
        if self._is_from_proxy(request):
            client = self._proxies.client(request.headers.getall("X-Forwarded-For", []))
            if client is not None:
                return client
        return request.remote

    def _scheme(self, request: web.Request) -> str:
        """Return how the client came: as the socket says, or a trusted proxy."""
        forwarded = self._is_from_proxy(request)
        return (forwarded and _first(request, "X-Forwarded-Proto")) or request.scheme

    def _is_from_proxy(self, request: web.Request) -> bool:
        proxies = self._proxies
        return proxies.trusts(request.remote) or (proxies.unix and is_unix(request))

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

    # --- Origin -------------------------------------------------------------------

    def _check_origin(self, request: web.Request) -> None:
        origins = request.headers.getall("Origin", [])
        own = self._own_site(request)
        if self._origins.admits(origins, own):
            return
        logger.warning(
            "upgrade refused: Origin %s is foreign to %s; if it is not, list it in "
            "setup_wamp(allowed_origins=[...]), or name the proxy in front in "
            "setup_wamp(trusted_proxies=[...]) if the host is wrong",
            shown(", ".join(origins)),
            own,
        )
        raise web.HTTPForbidden(text="Cross-origin WebSockets are refused here.\n")

    def _own_site(self, request: web.Request) -> Site | None:
        """Return where the request went to, as its sender sees it."""
        host = request.headers.get("Host", "")
        if self._is_from_proxy(request):
            host = _first(request, "X-Forwarded-Host") or host
        return site_of(f"{self._scheme(request)}://{host}")


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


def _first(request: web.Request, header: str) -> str:
    # The first entry is the one that the client's own proxy wrote.
    return request.headers.get(header, "").partition(",")[0].strip()
