"""What an Application gives to servers, and how it serves RawSocket without one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Protocol

from aiohttp_serverwamp.adapters.aiohttp_health import health_handler
from aiohttp_serverwamp.adapters.aiohttp_upgrade import StartingHandler, StartingHost
from aiohttp_serverwamp.adapters.asgi import ASGIApplication, ASGIHost
from aiohttp_serverwamp.adapters.rawsocket import RawSocketHost, RawSocketServer
from aiohttp_serverwamp.adapters.rawsocket_endpoint import (
    RawSocket,
    checked_rawsockets,
)
from aiohttp_serverwamp.errors import ConfigurationError

if TYPE_CHECKING:
    import socket

    from aiohttp_serverwamp.adapters.origin import Network
    from aiohttp_serverwamp.interfaces import AsyncSupport

__all__ = ["EntryPoints"]


class _Host(StartingHost, ASGIHost, RawSocketHost, Protocol):
    """What the rest of the Application has for its adapters."""

    def require_asyncio(self, server: str) -> None:
        """Raise `ConfigurationError` unless the application runs on asyncio."""


class EntryPoints:
    """The part of an Application that servers are given."""

    support: AsyncSupport

    def aiohttp_websocket_handler(self: _Host) -> Callable[..., Awaitable[Any]]:
        """Return a handler for ``app.router.add_get(path, handler)``.

        Unless something else runs the application, the first client starts it.

        `setup_wamp` is the better way: it finds mistakes in handlers at start-up,
        publishes before there is a client, takes options, and ends the sessions when
        the server stops, which otherwise waits for them. Raises `ConfigurationError`
        for an async library other than asyncio.
        """
        self.require_asyncio("aiohttp")
        return StartingHandler(self).__call__

    def asgi_application(
        self: _Host,
        paths: str | Collection[str] | None = None,
        *,
        allowed_origins: Iterable[str] | None = None,
        trusted_proxies: Iterable[str | Network] = (),
        health_path: str | None = None,
        drain_timeout: float = 0,
    ) -> ASGIApplication:
        """Return an ASGI 3 application, for uvicorn, Hypercorn, Granian and others.

        WebSockets are served at `paths`, below where it is mounted, and 404 is the
        answer elsewhere; without `paths` they are served everywhere. `allowed_origins`,
        `trusted_proxies` and `health_path` are those of `setup_wamp`, and so is
        `drain_timeout`, which needs a server that can be held up: uvicorn. The
        application runs between the server's lifespan events; on asyncio, a server that
        sends none starts it with the first client.

        Raises `ConfigurationError` for options that make no sense. If the server runs
        on another async library than the application, start-up fails.
        """
        return ASGIApplication(
            self,
            paths,
            allowed_origins=allowed_origins,
            trusted_proxies=trusted_proxies,
            health_path=health_path,
            drain_timeout=drain_timeout,
        )

    def health_handler(self: _Host) -> Callable[..., Awaitable[Any]]:
        """Return a handler for ``app.router.add_get("/healthz", ...)``, on aiohttp.

        It answers 200 as long as new clients are welcome, and 503 from the beginning of
        `drain` on, with `health` as JSON.
        """
        return health_handler(self)

    def legacy_asgi_application(
        self: _Host,
        paths: str | Collection[str] | None = None,
        *,
        allowed_origins: Iterable[str] | None = None,
        trusted_proxies: Iterable[str | Network] = (),
    ) -> Callable[[Any], Any]:
        """Return an ASGI 2 application; otherwise as `asgi_application`."""
        served = ASGIApplication(
            self,
            paths,
            allowed_origins=allowed_origins,
            trusted_proxies=trusted_proxies,
        )
        return served.legacy

    async def serve_rawsocket(
        self: _Host, *addresses: str | socket.socket | RawSocket
    ) -> None:
        """Serve RawSocket at some addresses until cancelled (specification, 8.2).

        For programs without a web server; `setup_wamp` takes ``rawsocket=``. An address
        is ``"tcp://host:port"``, ``"unix:///path"``, a socket that listens, or a
        `RawSocket`, which says more: ``RawSocket("tls://host:port", ssl=context)``.

        Unless the application runs already it runs meanwhile. When cancelled, it ends
        the sessions of its clients as `shutdown` does, and returns after that.

        Raises `ConfigurationError` for an address that makes no sense or cannot be
        listened at, without any, and where another async library runs.
        """
        self.require_library()
        server = RawSocketServer(self, checked_rawsockets(addresses))
        if not addresses:
            raise ConfigurationError(
                "serve_rawsocket(): give an address, as 'tcp://127.0.0.1:8081'"
            )
        cancelled = self.support.waiter()

        async def serve() -> None:
            async with AsyncExitStack() as stack:
                if not self.running:
                    await stack.enter_async_context(self.run())
                async with server.run():
                    await cancelled.wait()

        await self.support.run_to_the_end(serve, lambda: cancelled.set_result(None))

    def require_library(self) -> None:
        """Raise `ConfigurationError` where another async library runs than its own."""
        if not self.support.is_running():
            raise ConfigurationError(
                f"the Application is on {self.support.name}, which does not run here: "
                "give Application(async_support=...) the library of the server; leave "
                "it out for asyncio, which most servers run on"
            )

    def require_asyncio(self, server: str) -> None:
        """Raise `ConfigurationError` unless the application runs on asyncio."""
        if self.support.name != "asyncio":
            raise ConfigurationError(
                f"{server} runs on asyncio, the Application on {self.support.name}: "
                "leave async_support= out, or give AsyncioAsyncSupport"
            )
