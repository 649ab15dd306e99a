"""One WAMP application for every server that the tests beside it run it on."""

from __future__ import annotations

from typing import Any

import aiohttp_serverwamp as serverwamp
from aiohttp_serverwamp.adapters.asyncio import AsyncioAsyncSupport
from aiohttp_serverwamp.adapters.trio import TrioAsyncSupport

api = serverwamp.RPCRouteSet()


@api.route("math.add")
async def add(a: int, b: int) -> int:
    return a + b


@api.route("text.long")
async def long(size: int) -> str:
    return "x" * size


@api.route("who.am.i")
async def who_am_i(session: serverwamp.Session) -> dict[str, Any]:
    info = session.connection.transport_info
    headers = [(name.lower(), value) for name, value in info["http_headers_raw"]]
    return {
        "authid": session.authid,
        "cookies": info["http_cookies"],
        "header": [v.decode() for name, v in headers if name == b"x-header"],
        "path": info["http_path"],
        "path_raw": info["http_path_raw"],
        "query": info["http_query_string"],
        "peer": info["peer_address"],
        "scheme": info["http_scheme"],
        "certificates": [info["peer_certificate"], info["peer_certificate_raw"]],
    }


@api.route("session.kick")
async def kick(session: serverwamp.Session) -> None:
    await session.realm.close_sessions(authid=session.authid or "")


def by_cookie(session: serverwamp.Session) -> serverwamp.Identity | None:
    name = session.connection.transport_info["http_cookies"].get("user")
    return serverwamp.Identity(name, "member") if name else None


def by_ticket(session: serverwamp.Session, ticket: str) -> bool:
    return ticket == "open sesame"


def make(async_support: Any = AsyncioAsyncSupport) -> serverwamp.Application:
    limits = serverwamp.Limits(
        max_message_size=100_000,
        max_pending_bytes=500_000,
        hello_timeout=1.0,
    )
    wamp = serverwamp.Application(async_support=async_support, limits=limits)
    members = serverwamp.Realm("members")
    members.add_transport_authenticator(by_cookie)
    members.set_ticket_authenticator(by_ticket)
    lab = serverwamp.Realm("lab", permissions=serverwamp.OPEN)
    for realm in (members, lab):
        realm.add_routes(api)
        wamp.add_realm(realm)
    return wamp


#: For servers that are told what to import.
on_asyncio = make().asgi_application("/ws")
on_trio = make(TrioAsyncSupport).asgi_application("/ws")
