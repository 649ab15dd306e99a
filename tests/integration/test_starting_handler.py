"""An application that nothing attaches is started by its request handler."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import WSServerHandshakeError, web

import aiohttp_serverwamp as serverwamp
from aiohttp_serverwamp.testing import connect, serving


def handled(wamp: serverwamp.Application, *paths: str) -> web.Application:
    app = web.Application()
    for path in paths or ("/ws",):
        app.router.add_get(path, wamp.aiohttp_websocket_handler())
    return app


def with_procedure() -> serverwamp.Application:
    api = serverwamp.RPCRouteSet()

    @api.route("where")
    async def where(upgrade: web.Request) -> str:
        return upgrade.path

    wamp = serverwamp.Application()
    wamp.add_routes(api)
    return wamp


async def test_the_first_client_starts_it_and_others_find_it_started() -> None:
    wamp = with_procedure()
    async with serving(handled(wamp, "/a", "/b")) as http:
        with pytest.raises(serverwamp.ConfigurationError):
            wamp.publish("too.early")
        async with (
            connect(http, "/a", realm="any") as one,
            connect(http, "/b", realm="any") as other,
        ):
            assert await other.call("where") == "/b"
            assert await one.call("where") == "/a"
        wamp.publish("nobody.listens")


def test_it_starts_anew_in_the_next_event_loop() -> None:
    wamp = with_procedure()

    async def visit() -> str:
        async with (
            serving(handled(wamp)) as http,
            connect(http, realm="any") as client,
        ):
            where: str = await client.call("where")
            return where

    assert [asyncio.run(visit()) for _ in range(2)] == ["/ws", "/ws"]


async def test_what_runs_already_is_left_alone() -> None:
    wamp = with_procedure()
    app = handled(wamp)
    async with wamp.run(), serving(app) as http:
        async with connect(http, realm="any") as client:
            assert await client.call("where") == "/ws"
        wamp.publish("nobody.listens")
    with pytest.raises(serverwamp.ConfigurationError):
        wamp.publish("too.late")


async def test_mistakes_show_with_the_first_client(
    allow_logged_errors: None, caplog: pytest.LogCaptureFixture
) -> None:
    topics = serverwamp.TopicRouteSet()

    @topics.route("t")
    async def accompany(unknown: int):  # type: ignore[no-untyped-def]  # as users write
        yield

    wamp = serverwamp.Application()
    wamp.add_routes(topics)
    async with serving(handled(wamp)) as http:
        for _ in range(2):
            with pytest.raises(WSServerHandshakeError) as refused:
                async with connect(http, realm="any"):
                    pass
            assert refused.value.status == 500
    assert "parameter 'unknown' is supplied by nothing" in caplog.text
