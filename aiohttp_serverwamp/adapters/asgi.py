"""An application as an ASGI application: lifespan, WebSockets, and a word for browsers.

Nothing of WAMP is in here, and nothing of an async library: the server chooses one, and
the application must have been made for it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import (
    AsyncIterator,
    Callable,
    Collection,
    Coroutine,
    Iterable,
    Mapping,
)
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, Protocol

from aiohttp_serverwamp.adapters.asgi_connection import ASGIConnection, Receive, Send
from aiohttp_serverwamp.adapters.asgi_scope import (
    Scope,
    has_extension,
    path_in_mount,
    transport_info,
    upgrade_of,
)
from aiohttp_serverwamp.adapters.draining import (
    checked_drain_timeout,
    checked_health_path,
)
from aiohttp_serverwamp.adapters.health import health_answer
from aiohttp_serverwamp.adapters.signals import before_signals
from aiohttp_serverwamp.adapters.upgrade import (
    Answer,
    Gatekeeper,
    Refusal,
    UpgradeHost,
    no_common_subprotocol,
    place,
    upgrade_required,
)
from aiohttp_serverwamp.errors import ConfigurationError

if TYPE_CHECKING:
    from aiohttp_serverwamp.adapters.origin import Network
    from aiohttp_serverwamp.interfaces import AsyncSupport, Connection, TaskRunner

__all__ = ["ASGIApplication", "ASGIHost"]

logger = logging.getLogger("aiohttp_serverwamp.adapters")

_GOING_AWAY: Final = 1001
_INTERNAL_ERROR: Final = 1011
#: Headers that HTTP/2 and later have no place for.
_OF_HTTP_1: Final = frozenset({"connection", "upgrade"})

_NO_HTTP_SESSION: Final = (
    "a realm uses session_authenticator(), but there is no HTTP session: wrap the ASGI "
    "application in what puts one into its scope, as Starlette's SessionMiddleware"
)


class ASGIHost(UpgradeHost, Protocol):
    """What the adapter needs of the application."""

    support: AsyncSupport

    @property
    def running(self) -> bool:
        """Whether connections can be served."""

    def run(self) -> AbstractAsyncContextManager[object]:
        """Run inside an ``async with`` block."""

    async def start_in(self, loop: object) -> None:
        """Run in this event loop until it ends, unless something runs it already."""

    async def shutdown(self) -> None:
        """End every session."""

    def require_library(self) -> None:
        """Raise `ConfigurationError` where another async library runs."""

    async def drain(self, timeout: float, *, hold: bool = False) -> None:
        """Have the clients leave little by little."""

    def health(self) -> Mapping[str, Any]:
        """Return the state in a few words."""

    def end(self, connection: Connection) -> None:
        """End the session of a connection, because its server stops."""

    def guards(self) -> Collection[Any]:
        """Return who is asked who a client is and what it may do."""


class ASGIApplication:
    """What ``application.asgi_application()`` returns, to be given to a server.

    It may also be mounted in Starlette, FastAPI and their like, whose own ``lifespan=``
    is `lifespan` then.
    """

    def __init__(
        self,
        host: ASGIHost,
        paths: str | Collection[str] | None = None,
        *,
        allowed_origins: Iterable[str] | None = None,
        trusted_proxies: Iterable[str | Network] = (),
        health_path: str | None = None,
        drain_timeout: float = 0,
    ) -> None:
        self.host = host
        self._paths = _checked_paths(paths)
        self._health_path = checked_health_path(health_path)
        self._drain_timeout = checked_drain_timeout(drain_timeout)
        self._gate = Gatekeeper("asgi_application", allowed_origins, trusted_proxies)
        self._misses_sessions = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve what the scope is of (ASGI 3).

        Raises `ConfigurationError` for a scope that is none of HTTP, WebSocket and
        lifespan, and for a WebSocket where the application does not run.
        """
        serve = self._protocols.get(scope["type"])
        if serve is None:
            raise ConfigurationError(
                f"an ASGI scope of type {scope['type']!r}: served are "
                f"{', '.join(self._protocols)}"
            )
        await serve(self, scope, receive, send)

    def legacy(
        self, scope: Scope
    ) -> Callable[[Receive, Send], Coroutine[Any, Any, None]]:
        """Return what serves a scope (ASGI 2)."""

        async def serve(receive: Receive, send: Send) -> None:
            await self(scope, receive, send)

        return serve

    @asynccontextmanager
    async def lifespan(self, app: object = None) -> AsyncIterator[None]:
        """Run the application inside an ``async with`` block, as ``lifespan=``.

        A server that is given this application itself does it by the lifespan protocol.
        Raises `ConfigurationError` where that cannot work: another async library, an
        authenticator that needs aiohttp, a handler whose parameters nothing supplies.
        """
        for guard in self.host.guards():
            _check_guard(guard)
        support = self.host.support
        self.host.require_library()
        async with self.host.run(), support.task_group() as tasks:
            call = support.caller_from_thread()

            async def stop(proceed: Callable[[], None]) -> None:
                if self._drain_timeout:
                    await self.host.drain(self._drain_timeout, hold=True)
                await self.host.shutdown()
                proceed()

            def signalled(proceed: Callable[[], None]) -> None:
                call(lambda: tasks.start(stop, proceed))

            with before_signals(signalled):
                yield

    # --- The protocols ------------------------------------------------------------

    async def _lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        phase = "startup"
        try:
            async with self.lifespan():
                await send({"type": "lifespan.startup.complete"})
                phase = "shutdown"
                await receive()
        except Exception as error:
            if not isinstance(error, ConfigurationError):
                logger.exception("the %s of the application failed", phase)
            await send({"type": f"lifespan.{phase}.failed", "message": str(error)})
        else:
            await send({"type": "lifespan.shutdown.complete"})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._health_path and path_in_mount(scope) == self._health_path:
            await _respond("http.response", scope, send, health_answer(self.host))
            return
        refusal = upgrade_required() if self._serves(scope) else _not_found()
        await _respond("http.response", scope, send, refusal)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (await receive())["type"] != "websocket.connect":
            return
        try:
            if not self._serves(scope):
                raise _not_found()
            await self._start()
            client = _Client(self, scope, receive, send)
            await self.host.support.run_to_the_end(client.serve, client.leave)
        except Refusal as refusal:
            if has_extension(scope, "websocket.http.response"):
                await _respond("websocket.http.response", scope, send, refusal)
            else:
                # The server answers with 403.
                await send({"type": "websocket.close"})
            # uvicorn has noticed that this was an answer a turn of the loop later.
            await self.host.support.sleep(0)

    _protocols: Final = {
        "http": _http,
        "websocket": _websocket,
        "lifespan": _lifespan,
    }

    def _serves(self, scope: Scope) -> bool:
        return self._paths is None or path_in_mount(scope) in self._paths

    async def _start(self) -> None:
        """Start the application with its first client, where nothing else has."""
        host = self.host
        host.require_library()
        if host.support.name == "asyncio":
            await host.start_in(asyncio.get_running_loop())
        elif not host.running:
            raise ConfigurationError(
                "the Application is not running: have the server send lifespan events, "
                "or, where it is mounted, give its lifespan to what it is mounted in"
            )

    async def accept(
        self, scope: Scope, receive: Receive, send: Send, tasks: TaskRunner
    ) -> ASGIConnection:
        """Upgrade a request; raise ``Refusal`` if that may not be."""
        host = self.host
        asked = upgrade_of(scope)
        self._gate.check_origin(asked)
        wanted = scope.get("subprotocols") or ()
        # The client's order decides.
        subprotocol = next((name for name in wanted if name in host.serializers), None)
        if subprotocol is None:
            raise no_common_subprotocol(host.serializers)
        info = {**transport_info(scope), **self._gate.client_info(asked)}
        if "http_session" not in info:
            self._log_missing_session()
        await send({"type": "websocket.accept", "subprotocol": subprotocol})
        return ASGIConnection(
            receive,
            send,
            serializer=host.serializers[subprotocol],
            limits=host.limits,
            support=host.support,
            tasks=tasks,
            transport_info=info,
        )

    def _log_missing_session(self) -> None:
        if not self._misses_sessions and self.host.requires_http_session():
            self._misses_sessions = True
            logger.error("%s", _NO_HTTP_SESSION)


class _Client:
    """One WebSocket, from the request to the end of what it has begun."""

    def __init__(
        self, served_by: ASGIApplication, scope: Scope, receive: Receive, send: Send
    ) -> None:
        self._served_by = served_by
        self._host = served_by.host
        self._asgi = (scope, receive, send)
        self._connection: ASGIConnection | None = None
        self._leaving = False

    async def serve(self) -> None:
        host = self._host
        async with host.support.task_group() as tasks:
            with place(host):
                try:
                    connection = await self._served_by.accept(*self._asgi, tasks)
                except OSError:  # the client's going is nobody's fault
                    return
            self._connection = connection
            try:
                if not self._leaving:
                    await host.serve(connection)
            finally:
                # Served to its end it is closed by now; otherwise this releases it.
                code = _GOING_AWAY if self._leaving else _INTERNAL_ERROR
                await connection.close(code, "")

    def leave(self) -> None:
        """Take leave: the server is about to drop the connection."""
        self._leaving = True
        if self._connection is not None:
            self._host.end(self._connection)
            self._connection.stop_reading()


def _checked_paths(paths: str | Collection[str] | None) -> frozenset[str] | None:
    if paths is None:
        return None
    listed = [paths] if isinstance(paths, str) else paths
    if (
        not isinstance(listed, Collection)
        or not listed
        or not all(isinstance(each, str) and each.startswith("/") for each in listed)
    ):
        raise ConfigurationError(
            f"asgi_application({paths!r}): give a path, as '/ws', several, or nothing "
            "for every path"
        )
    return frozenset(listed)


def _check_guard(guard: Any) -> None:
    if hasattr(guard, "check_app") or getattr(guard, "csrf", False):
        raise ConfigurationError(
            f"{type(guard).__name__} asks aiohttp who is signed in, or for its tokens: "
            "serve this realm with setup_wamp(app), or let it ask somebody else"
        )


def _not_found() -> Refusal:
    return Refusal(404, "Not found\n")


async def _respond(
    kind: str, scope: Scope, send: Send, answer: Answer | Refusal
) -> None:
    body = answer.text.encode()
    headers = {
        "content-type": "text/plain; charset=utf-8",
        "content-length": str(len(body)),
        **{name.lower(): value for name, value in answer.headers.items()},
    }
    if not scope.get("http_version", "1.1").startswith("1"):
        headers = {k: v for k, v in headers.items() if k not in _OF_HTTP_1}
    await send(
        {
            "type": f"{kind}.start",
            "status": answer.status,
            "headers": [(k.encode(), v.encode()) for k, v in headers.items()],
        }
    )
    await send({"type": f"{kind}.body", "body": body})
