"""The same board without aiohttp's server: by ASGI, on trio, signed in by ticket.

``make demo-asgi``, or any ASGI server that runs trio::

    python -m hypercorn --worker-class trio example_app.asgi:app

Pages, procedures, realms and store are those of `app`. There are no cookies and no HTTP
API: the page asks for name and password and hands them to the realm as a ticket, so a
sign-in belongs to one tab and ends with it.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import trio
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aiohttp_serverwamp import Application, Identity, Session
from aiohttp_serverwamp.adapters.trio import TrioAsyncSupport
from example_app.demo import open_demo_store
from example_app.guests import guests_realm
from example_app.identity import check_password, end_of_sign_in, identity_of
from example_app.members import members_realm
from example_app.rendering import board_page, guest_page
from example_app.security import security_headers
from example_app.store import Store

__all__ = ["app", "make_app"]

HERE = Path(__file__).parent
DATABASE = Path(os.environ.get("BOARD_DATABASE", HERE / "board.sqlite3"))
# Hashing is slow by design, and may not keep the board from its threads.
HASHING_THREADS = 2


def make_app(*, database: Path = DATABASE) -> Starlette:
    """Make the application; the database is created where it is missing."""
    store = Store(database)
    wamp = Application(allow_default_realm=False, async_support=TrioAsyncSupport)
    members, _ = members_realm(store, sleep=trio.sleep)
    limiter = trio.CapacityLimiter(HASHING_THREADS)
    members.set_ticket_authenticator(partial(by_password, store, limiter))
    wamp.add_realm(members)
    wamp.add_realm(guests_realm(store, members))
    sockets = wamp.asgi_application()

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        await trio.to_thread.run_sync(open_demo_store, store)
        async with sockets.lifespan():
            yield
        await trio.to_thread.run_sync(store.close)

    return Starlette(
        routes=[
            Route("/", show_board),
            # Where the page links to when the sign-in has ended.
            Route("/sign-in", show_board),
            Route("/sign-out", leave, methods=["POST"]),
            Route("/guests", show_guests),
            Mount("/static", StaticFiles(directory=HERE / "static")),
            WebSocketRoute("/ws", sockets),
        ],
        middleware=[Middleware(SecurityHeaders)],
        lifespan=lifespan,
    )


async def by_password(
    store: Store, limiter: trio.CapacityLimiter, session: Session, ticket: str
) -> Identity | None:
    """Tell who a client is whose authid is a name and whose ticket is the password."""
    user = await trio.to_thread.run_sync(
        check_password, store, session.authid or "", ticket, limiter=limiter
    )
    if user is None:
        return None
    return identity_of(user, expires_at=end_of_sign_in().timestamp())


async def show_board(request: Request) -> HTMLResponse:
    """Show the board to everybody: it asks who is there."""
    return HTMLResponse(board_page(asks_who=True))


async def show_guests(request: Request) -> HTMLResponse:
    """Show everybody what the team is doing."""
    return HTMLResponse(guest_page())


async def leave(request: Request) -> RedirectResponse:
    """Show the board anew: the socket, and the sign-in, have ended with the page."""
    return RedirectResponse("/", status_code=303)


class SecurityHeaders:
    """Adds the headers that the board has on aiohttp, too."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(security_headers(scope["path"]))
            await send(message)

        await self._app(scope, receive, send_with_headers)


app = make_app()
