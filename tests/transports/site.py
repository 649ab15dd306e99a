"""One WAMP application for every server that the tests beside it run it on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp_serverwamp as serverwamp
from aiohttp_serverwamp.adapters.asyncio import AsyncioAsyncSupport
from aiohttp_serverwamp.adapters.trio import TrioAsyncSupport

Sleep = Callable[[float], Awaitable[None]]

#: Bytes. RawSocket knows powers of two only.
LARGEST_MESSAGE = 2**17

api = serverwamp.RPCRouteSet()


@api.route("math.add")
async def add(a: int, b: int) -> int:
    return a + b


@api.route("text.long")
async def long(size: int) -> str:
    return "x" * size


@api.route("text.size")
async def size(text: str) -> int:
    return len(text)


@api.route("always.fails")
async def fail() -> None:
    raise serverwamp.ApplicationError("site.error.no", 1, reason="because")


@api.route("count.to")
async def count_to(last: int) -> AsyncIterator[int | serverwamp.RPCResult]:
    for number in range(1, last):
        yield number
    yield serverwamp.RPCResult([last])


@api.route("hold")
async def hold(session: serverwamp.Session) -> Any:
    session["held"] = session.realm.waiter()
    return await session["held"].wait()


@api.route("let.go")
async def let_go(answer: int, *, session: serverwamp.Session) -> None:
    session["held"].set_result(answer)


@api.route("sleep")
async def sleep_until_woken(session: serverwamp.Session, *, sleep: Sleep) -> None:
    session.realm.publish("sleep.begun")
    try:
        await sleep(3_600)
    finally:
        session.realm.publish("sleep.ended")


@api.route("my.name")
async def my_name(session: serverwamp.Session) -> str | None:
    return session.authid


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
    cookies = session.connection.transport_info.get("http_cookies", {})
    name = cookies.get("user")
    return serverwamp.Identity(name, "member") if name else None


def by_ticket(session: serverwamp.Session, ticket: str) -> bool:
    return ticket == "open sesame"


def make(async_support: Any = AsyncioAsyncSupport) -> serverwamp.Application:
    limits = serverwamp.Limits(
        max_message_size=LARGEST_MESSAGE,
        max_pending_bytes=4 * LARGEST_MESSAGE,
        hello_timeout=1.0,
    )
    wamp = serverwamp.Application(async_support=async_support, limits=limits)
    members = serverwamp.Realm("members")
    members.add_transport_authenticator(by_cookie)
    members.set_ticket_authenticator(by_ticket)
    lab = serverwamp.Realm("lab", permissions=serverwamp.OPEN)
    for realm in (members, lab):
        realm.add_routes(api)
        realm.set_default_arg("sleep", wamp.support.sleep)
        wamp.add_realm(realm)
    return wamp


#: For servers that are told what to import.
on_asyncio = make().asgi_application("/ws")
on_trio = make(TrioAsyncSupport).asgi_application("/ws")
