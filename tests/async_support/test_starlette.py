"""The ASGI application inside Starlette and FastAPI."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route, WebSocketRoute

import aiohttp_serverwamp as serverwamp
from aiohttp_serverwamp.interfaces import AsyncSupport
from tests.async_support.asgi_server import begin, joined, scope_of

Run = Callable[[Callable[[AsyncSupport], Awaitable[None]]], None]


async def login(request: Request) -> PlainTextResponse:
    request.session["user_id"] = "ann"
    return PlainTextResponse("Welcome")


def make(
    framework: type[Starlette], support: AsyncSupport
) -> tuple[serverwamp.Application, Starlette]:
    wamp = serverwamp.Application(async_support=support)
    realm = serverwamp.Realm("r")
    realm.add_transport_authenticator(serverwamp.session_authenticator("user_id"))
    api = serverwamp.RPCRouteSet()

    @api.route("path")
    async def path(session: serverwamp.Session) -> str:
        text: str = session.connection.transport_info["http_path"]
        return text

    realm.add_routes(api)
    wamp.add_realm(realm)
    asgi = wamp.asgi_application()
    site = framework(
        routes=[
            Route("/login", login),
            WebSocketRoute("/ws", asgi),
            Mount("/mounted", wamp.asgi_application("/ws")),
        ],
        middleware=[Middleware(SessionMiddleware, secret_key="not much of one")],
        lifespan=asgi.lifespan,
    )
    return wamp, site


@pytest.mark.parametrize("framework", [Starlette, FastAPI])
def test_a_site_serves_sockets_beside_its_pages(
    run: Run, framework: type[Starlette]
) -> None:
    async def body(support: AsyncSupport) -> None:
        wamp, site = make(framework, support)
        async with support.task_group() as tasks:
            life = begin(support, tasks, site, {"type": "lifespan", "state": {}})
            await life.until("lifespan.startup.complete")
            assert wamp.running

            browser = begin(
                support, tasks, site, scope_of("http", path="/login", method="GET")
            )
            signed_in = await browser.until("http.response.start")
            headers = dict(signed_in["headers"])
            cookie = headers[b"set-cookie"].partition(b";")[0]
            for place in ("/ws", "/mounted/ws"):
                fields = {"path": place, "headers": [(b"cookie", cookie)]}
                async with joined(support, tasks, site, **fields) as client:
                    assert [each.authid for each in wamp.sessions()] == ["ann"]
                    client.say(48, 1, {}, "path")
                    assert await client.heard() == [50, 1, {}, [place]]

            lost = begin(support, tasks, site, scope_of(path="/mounted/other"))
            refused = await lost.until("websocket.http.response.start")
            assert refused["status"] == 404

            life.bring(type="lifespan.shutdown")
            await life.until("lifespan.shutdown.complete")
            assert not wamp.running

    run(body)
