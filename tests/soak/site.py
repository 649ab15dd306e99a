"""The site that is soaked: realms that anybody may join, must prove or sign in for."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import aiohttp_session
from aiohttp import web
from aiohttp_session.cookie_storage import EncryptedCookieStorage

import aiohttp_serverwamp as serverwamp

__all__ = ["BRIEFLY", "TICKET", "banned", "make"]

TICKET: Final = "open sesame"

#: A few seconds, for who says so when asking for a ticket's worth of time.
BRIEFLY: Final = 3.0

#: Users who are to be sent away the next time that somebody asks about them.
banned: set[str] = set()

api = serverwamp.RPCRouteSet()
topics = serverwamp.TopicRouteSet()


@api.route("echo")
def echo(value: Any = None) -> Any:
    """Return what was given, as one result."""
    return value


@api.route("hang")
async def hang() -> None:
    """Take for ever, unless cancelled."""
    await asyncio.sleep(3600)


@api.route("large")
def large(size: int) -> str:
    """Return at once so many characters."""
    return "x" * size


@api.route("large.later")
async def large_later(size: int) -> str:
    """Return so many characters, after others had a turn."""
    await asyncio.sleep(0.01)
    return "x" * size


@api.route("kick.me")
async def kick_me(session: serverwamp.Session) -> None:
    """Send the caller away."""
    await session.close()


@topics.route("slow")
async def slow() -> AsyncIterator[None]:
    """Take for ever to subscribe somebody."""
    await asyncio.sleep(3600)
    yield


def _open() -> serverwamp.Realm:
    realm = serverwamp.Realm("open", permissions=serverwamp.OPEN)
    realm.add_routes(api)
    realm.add_routes(topics)
    return realm


def _ticket() -> serverwamp.Realm:
    def check(session: serverwamp.Session, ticket: str) -> serverwamp.Identity | None:
        if ticket != TICKET:
            return None
        authid = session.authid
        ends = time.time() + BRIEFLY if authid.startswith("brief") else None
        return serverwamp.Identity(authid, expires_at=ends)

    realm = serverwamp.Realm("ticket", permissions=serverwamp.OPEN)
    realm.set_ticket_authenticator(check)
    realm.add_routes(api)
    return realm


def _pending() -> serverwamp.Realm:
    async def undecided(session: serverwamp.Session) -> None:
        await asyncio.sleep(3600)

    realm = serverwamp.Realm("pending")
    realm.add_transport_authenticator(undecided)
    return realm


def _members() -> serverwamp.Realm:
    realm = serverwamp.Realm("members")
    realm.add_transport_authenticator(
        serverwamp.session_authenticator("user_id", role_key="role")
    )
    realm.add_routes(api)
    realm.permit("news", subscribe=True)
    realm.permit("staff.", match="prefix", subscribe=True, roles=["editor"])
    return realm


async def _login(request: web.Request) -> web.Response:
    http_session = await aiohttp_session.new_session(request)
    http_session["user_id"] = request.query["user"]
    http_session["role"] = request.query.get("role", "editor")
    return web.Response()


async def _logout(request: web.Request) -> web.Response:
    (await aiohttp_session.get_session(request)).invalidate()
    return web.Response()


def make(options: Mapping[str, Any], rawsocket: socket.socket) -> web.Application:
    """Make the site; RawSocket listens at `rawsocket`.

    `options` has ``limits``, and ``setup`` for `setup_wamp`; also ``max_age``, seconds
    that a sign-in lasts, and ``revalidate``, seconds between two looks at who has been
    banned.
    """
    app = web.Application()
    storage = EncryptedCookieStorage(b"s" * 32, max_age=options.get("max_age"))
    aiohttp_session.setup(app, storage)
    app.router.add_post("/login", _login)
    app.router.add_post("/logout", _logout)
    wamp = serverwamp.Application(
        allow_default_realm=False,
        limits=serverwamp.Limits(**options.get("limits", {})),
    )
    for realm in (_open(), _ticket(), _pending(), _members()):
        wamp.add_realm(realm)
    serverwamp.setup_wamp(
        app,
        wamp,
        session_binding=_binding(options),
        rawsocket=serverwamp.RawSocket(rawsocket, pings=True),
        **options.get("setup", {}),
    )
    return app


def _binding(options: Mapping[str, Any]) -> serverwamp.SessionBinding:
    if "revalidate" not in options:
        return serverwamp.SessionBinding()
    return serverwamp.SessionBinding(
        revalidate=lambda session: session.authid not in banned,
        revalidate_interval=options["revalidate"],
    )
