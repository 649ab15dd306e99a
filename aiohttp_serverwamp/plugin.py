"""setup_wamp: attach a WAMP application to an aiohttp application."""

from __future__ import annotations

import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final, Literal

import aiohttp_session
from aiohttp import web

from aiohttp_serverwamp.adapters.aiohttp_server import (
    before_stopping,
    gunicorn_worker,
    stop_handlers,
)
from aiohttp_serverwamp.adapters.aiohttp_session_binding import HTTPSessionWatch
from aiohttp_serverwamp.adapters.aiohttp_session_options import SessionBinding
from aiohttp_serverwamp.adapters.aiohttp_upgrade import (
    NO_HTTP_SESSION,
    AiohttpHandler,
    upgrade_request,
)
from aiohttp_serverwamp.adapters.draining import (
    checked_drain_timeout,
    checked_health_path,
)
from aiohttp_serverwamp.adapters.rawsocket import RawSocketServer
from aiohttp_serverwamp.adapters.rawsocket_endpoint import (
    RawSocket,
    checked_rawsockets,
)
from aiohttp_serverwamp.application import Application
from aiohttp_serverwamp.errors import ConfigurationError
from aiohttp_serverwamp.hosting.options import check_flags

if TYPE_CHECKING:
    from aiohttp_serverwamp.adapters.aiohttp_readers import Reader
    from aiohttp_serverwamp.adapters.origin import Network
    from aiohttp_serverwamp.limits import Limits

__all__ = ["WAMP", "setup_wamp"]

_RawSocketAddress = str | socket.socket | RawSocket
_RequestHandler = Callable[[web.Request], Awaitable[web.StreamResponse]]

logger = logging.getLogger("aiohttp_serverwamp.plugin")


#: Seconds between two looks whether the application has started.
_LOOK: Final = 0.01


class _WAMPKey(web.AppKey[Application]):
    """An application key that is the same as the string it is named by.

    ``app[WAMP]`` is typed, ``app["wamp"]`` is what one types; a plain string as a key
    would make aiohttp warn in the tests of everybody who uses it.
    """

    __slots__ = ()

    def __hash__(self) -> int:
        return hash("wamp")

    def __eq__(self, other: object) -> bool:
        return self is other or other == "wamp"


#: The key of the Application: ``app[WAMP]`` and ``app["wamp"]`` are the same entry.
WAMP: Final[web.AppKey[Application]] = _WAMPKey("wamp", Application)


def setup_wamp(
    app: web.Application,
    application: Application | None = None,
    *,
    path: str | Sequence[str] = "/ws",
    allowed_origins: Iterable[str] | None = None,
    trusted_proxies: Iterable[str | Network] = (),
    compress: bool = False,
    limits: Limits | None = None,
    session_binding: SessionBinding | Literal[False] | None = None,
    rawsocket: _RawSocketAddress | Iterable[_RawSocketAddress] = (),
    reader: Reader = "auto",
    health_path: str | None = None,
    drain_timeout: float = 0,
) -> Application:
    """Attach a WAMP application to an aiohttp application and return it.

    Serves WebSockets at `path` (the route, the first one of several, is named
    ``wamp``), puts the `Application` at ``app["wamp"]``, starts it with the server and
    ends its sessions on shutdown. Without `application` one is made, with `limits`.

    `allowed_origins` lists further origins, as ``https://app.example.com``, whose pages
    may connect; ``"*"`` is every origin. `trusted_proxies` lists addresses and networks
    whose ``X-Forwarded-Host`` and ``X-Forwarded-Proto`` count, and whose
    ``X-Forwarded-For`` becomes the ``peer_address`` of ``transport_info``; ``"unix"``
    is whoever connects to a Unix socket of the server. `compress` offers
    permessage-deflate.

    The sockets of signed-in browsers end with their HTTP session: `session_binding`
    says how, see `SessionBinding`; False lets them go on.

    `rawsocket` serves RawSocket besides, at an address or several, as
    ``"tcp://127.0.0.1:8081"``, ``"unix:///run/shop/wamp.sock"``, or a `RawSocket`. An
    address that cannot be listened at keeps the application from starting.

    `reader` says how messages are read. ``"public"``: by what aiohttp documents.
    ``"fast"``: handled where aiohttp parses them, without a turn of the event loop in
    between; that needs more of aiohttp, and works with the versions that it was tested
    with. ``"auto"`` is the latter with those, and the former with others.

    `health_path`, as ``"/healthz"``, adds a route for load balancers; see
    `Application.health_handler`. With `drain_timeout` the first SIGTERM or SIGINT does
    not stop the server: for so many seconds the health route answers 503, the sessions
    leave little by little, and everything else goes on; see `Application.drain`. So it
    is under ``web.run_app`` and gunicorn (SIGTERM, and ``graceful_timeout`` has to be
    longer). Elsewhere the sessions leave so once the server has stopped listening.

    Raises `ConfigurationError` when called twice for one app, after the app was started
    or given to ``add_subapp``, and for options that make no sense.
    """
    if not isinstance(app, web.Application):
        raise ConfigurationError(
            f"setup_wamp({app!r}): give the aiohttp.web.Application first; Starlette, "
            "FastAPI and ASGI servers take Application(...).asgi_application()"
        )
    if WAMP in app:
        raise ConfigurationError(
            "setup_wamp() was called for this app already: app['wamp'] is its "
            "Application, and path= takes several paths"
        )
    if app.frozen or app.pre_frozen:
        raise ConfigurationError(
            "setup_wamp() comes too late, the app is frozen: call it before the app is "
            "started, and for a sub-application before add_subapp()"
        )
    check_flags(compress=compress)
    application = _application(application, limits)
    application.require_asyncio("aiohttp")
    watch = _watch(application, session_binding)
    rawsockets = RawSocketServer(application, checked_rawsockets(rawsocket))
    # The method: aiohttp warns of handlers that are no coroutine functions.
    handler = AiohttpHandler(
        application,
        allowed_origins=allowed_origins,
        trusted_proxies=trusted_proxies,
        compress=compress,
        watch=watch,
        reader=reader,
    ).__call__
    health_path = checked_health_path(health_path)
    drain_timeout = checked_drain_timeout(drain_timeout)
    paths = _paths(path)
    if health_path in paths:
        raise ConfigurationError(
            f"health_path={health_path!r}: that is for WebSockets; give another one"
        )
    _add_paths(app, paths, handler)
    if health_path is not None:
        _add_health(app, health_path, application)
    application.inject(web.Request, upgrade_request)
    if watch is not None:
        watch.attach(app)
        application.use_csrf_tokens(watch.csrf_token)
    app[WAMP] = application
    app.cleanup_ctx.append(_running(rawsockets))
    if drain_timeout:
        app.cleanup_ctx.append(_draining(drain_timeout))
    app.on_startup.append(_check_guards)
    app.on_startup.append(_check_http_session)
    app.on_shutdown.append(_shut_down(rawsockets, drain_timeout))
    return application


def _application(application: Application | None, limits: Limits | None) -> Application:
    if application is None:
        return Application(limits=limits)
    if not isinstance(application, Application):
        raise ConfigurationError(
            f"setup_wamp(app, {application!r}): give an Application of "
            "aiohttp_serverwamp, or nothing"
        )
    if limits is not None:
        raise ConfigurationError(
            "setup_wamp(limits=...) is for the Application that it makes itself: write "
            "Application(limits=...) for your own"
        )
    return application


def _watch(
    application: Application, options: SessionBinding | Literal[False] | None
) -> HTTPSessionWatch | None:
    if options is False:
        return None
    if options is None:
        options = SessionBinding()
    if not isinstance(options, SessionBinding):
        raise ConfigurationError(
            f"setup_wamp(session_binding={options!r}): give a SessionBinding, or False"
        )
    if any(each.frozen or each.pre_frozen for each in options.apps):
        raise ConfigurationError(
            "SessionBinding(apps=...) comes too late, one of them is frozen: call "
            "setup_wamp() before it is started or given to add_subapp()"
        )
    return HTTPSessionWatch(options, application, application.identity_keys)


def _paths(path: str | Sequence[str]) -> Sequence[str]:
    paths = [path] if isinstance(path, str) else path
    if (
        not isinstance(paths, Sequence)
        or not paths
        or not all(isinstance(each, str) for each in paths)
    ):
        raise ConfigurationError(f"path={path!r}: give a path, as '/ws', or several")
    return paths


def _add_paths(
    app: web.Application, paths: Sequence[str], handler: _RequestHandler
) -> None:
    """Add all paths, or none of them."""
    if "wamp" in app.router.named_resources():
        raise ConfigurationError(
            "the app has a route named 'wamp', which is how the WAMP route is found: "
            "give the other one another name"
        )
    # Tried out where it does no harm: each may be malformed, or there twice.
    for router in (web.UrlDispatcher(), app.router):
        for number, each in enumerate(paths):
            try:
                router.add_get(each, handler, name=None if number else "wamp")
            except (ValueError, RuntimeError) as error:
                raise ConfigurationError(
                    f"path={each!r}: {error}; give paths of their own, as '/ws'"
                ) from error


def _running(
    rawsockets: RawSocketServer,
) -> Callable[[web.Application], AsyncIterator[None]]:
    async def running(app: web.Application) -> AsyncIterator[None]:
        async def started() -> None:
            # Nobody tells, but then it is frozen. Before that what the application's
            # own start-up makes is not there; aiohttp does not listen either.
            while not app.frozen:
                await app[WAMP].support.sleep(_LOOK)

        _check_workers()
        async with app[WAMP].run(), rawsockets.run(started):
            yield

    return running


def _add_health(app: web.Application, path: str, application: Application) -> None:
    try:
        app.router.add_get(path, application.health_handler())
    except (ValueError, RuntimeError) as error:
        raise ConfigurationError(f"health_path={path!r}: {error}") from error


def _draining(timeout: float) -> Callable[[web.Application], AsyncIterator[None]]:
    async def draining(app: web.Application) -> AsyncIterator[None]:
        take_leave = partial(app[WAMP].drain, timeout, hold=True)
        async with before_stopping(take_leave, stop_handlers()):
            yield

    return draining


def _shut_down(
    rawsockets: RawSocketServer, drain_timeout: float
) -> Callable[[web.Application], Awaitable[None]]:
    async def shut_down(app: web.Application) -> None:
        # Not left to `cleanup_ctx`: aiohttp waits for open sockets between the two.
        rawsockets.stop_listening()
        if drain_timeout and app[WAMP].retry_after is None:
            await app[WAMP].drain(drain_timeout)
        rawsockets.leave()
        await app[WAMP].shutdown()

    return shut_down


async def _check_guards(app: web.Application) -> None:
    """Refuse to start when something is asked that cannot answer."""
    for guard in app[WAMP].guards():
        check = getattr(guard, "check_app", None)
        if check is not None:
            check(app)
        if getattr(guard, "csrf", False) and not app[WAMP].has_csrf_tokens:
            raise ConfigurationError(
                "a realm demands CSRF tokens (csrf=True), which live as long as the "
                "HTTP session: leave session_binding=False out of setup_wamp()"
            )


async def _check_http_session(app: web.Application) -> None:
    """Refuse to start when cookies are to be read and nothing reads them."""
    if not app[WAMP].requires_http_session():
        return
    installed = any(
        getattr(middleware, "__module__", None) == aiohttp_session.__name__
        for middleware in app.middlewares
    )
    # A sub-application, frozen before it starts, may have the middleware from its
    # parent; if not, its first client is what brings it to light.
    if not installed and not app.pre_frozen:
        raise ConfigurationError(NO_HTTP_SESSION)


def _check_workers() -> None:
    """Say so when this process is one of several, whose sessions would not meet."""
    worker = gunicorn_worker()
    workers = 1 if worker is None else int(worker.cfg.workers)
    if workers > 1:
        logger.error(
            "gunicorn runs %s workers, but events and calls reach only the clients of "
            "one process: run one worker (gunicorn --workers 1)",
            workers,
        )
