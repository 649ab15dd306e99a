"""What a client meets of HTTP, the same on every server; WAMP is in test_scenarios."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from aiohttp_serverwamp.testing import JoinRejected, WAMPClient, connect
from tests.transports.conftest import Served

Http = aiohttp.ClientSession


@asynccontextmanager
async def joined(http: Http, **options: Any) -> AsyncIterator[WAMPClient]:
    async with connect(http, **{"realm": "lab", **options}) as client:
        yield client


# The request.


async def test_the_clients_order_of_subprotocols_decides(http: Http) -> None:
    wanted = ["wamp.9.none", "wamp.2.msgpack", "wamp.2.json"]
    async with http.ws_connect("/ws", protocols=wanted) as ws:
        assert ws.protocol == "wamp.2.msgpack"


async def test_what_is_known_of_the_request(http: Http) -> None:
    headers = {"Cookie": 'color=blue; say="a;b"', "X-Header": "value"}
    url = "/ws?a=%C3%A4+1&b=%26"
    async with joined(http, url=url, headers=headers) as client:
        assert await client.call("who.am.i") | {"authid": ""} == {
            "authid": "",
            "cookies": {"color": "blue", "say": "a;b"},
            "header": ["value"],
            "path": "/ws",
            "path_raw": url,
            "query": "a=ä 1&b=%26",
            "peer": "127.0.0.1",
            "scheme": "http",
            "certificates": [None, None],
        }


# Signing in.


async def test_a_cookie_signs_in(http: Http) -> None:
    options = {"realm": "members", "headers": {"Cookie": "user=ann"}}
    async with joined(http, **options) as client:
        assert (await client.call("who.am.i"))["authid"] == "ann"


async def test_nobody_joins_without_either(http: Http) -> None:
    with pytest.raises(JoinRejected):
        async with joined(http, realm="members"):
            pass


# Before the upgrade.


@pytest.mark.parametrize(
    ("path", "options", "status"),
    [
        ("/ws", {"headers": {"Origin": "https://evil.example"}}, 403),
        ("/ws", {"protocols": ["wamp.9.none"]}, 400),
        ("/elsewhere", {}, 404),
    ],
)
async def test_who_is_refused(
    http: Http, path: str, options: dict[str, Any], status: int
) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        async with http.ws_connect(path, **{"protocols": ["wamp.2.json"], **options}):
            pass
    assert refused.value.status == status


async def test_the_own_origin_is_not_refused(http: Http, served: Served) -> None:
    async with joined(http, headers={"Origin": served.url}) as client:
        assert client.id


async def test_a_browser_that_visits_is_told_what_lives_here(http: Http) -> None:
    async with http.get("/ws") as response:
        assert response.status == 426
        assert response.headers["Upgrade"] == "websocket"
        assert "WAMP" in await response.text()
    async with http.get("/elsewhere") as response:
        assert response.status == 404


# Limits.


async def test_a_silent_client_is_sent_away(http: Http) -> None:
    async with connect(http, realm=None) as client:
        assert (await client.receive())[0] == 3
        assert await client.close_code() == 1000
