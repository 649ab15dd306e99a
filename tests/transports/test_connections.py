"""What a client meets, the same on every server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from aiohttp_serverwamp.testing import PATIENCE, JoinRejected, WAMPClient, connect
from tests.transports.conftest import Served, until_it_listens, visitor

Http = aiohttp.ClientSession


@asynccontextmanager
async def joined(http: Http, **options: Any) -> AsyncIterator[WAMPClient]:
    async with connect(http, **{"realm": "lab", **options}) as client:
        yield client


async def count_falls_to(client: WAMPClient, number: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while await client.call("wamp.session.count") != number:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


# Traffic.


@pytest.mark.parametrize(
    "serializer", ["json", "msgpack", "cbor", "json.batched", "msgpack.batched"]
)
async def test_calls_are_answered(http: Http, serializer: str) -> None:
    async with joined(http, serializer=serializer) as client:
        assert client.ws.protocol == f"wamp.2.{serializer}"
        assert await client.call("math.add", 2, 3) == 5
        assert await client.call("text.long", 90_000) == "x" * 90_000
        sums = [client.call("math.add", 1, n) for n in range(50)]
        assert await asyncio.gather(*sums) == [1 + n for n in range(50)]


async def test_the_clients_order_of_subprotocols_decides(http: Http) -> None:
    wanted = ["wamp.9.none", "wamp.2.msgpack", "wamp.2.json"]
    async with http.ws_connect("/ws", protocols=wanted) as ws:
        assert ws.protocol == "wamp.2.msgpack"


async def test_events_arrive_in_their_order(http: Http) -> None:
    async with joined(http) as reader, joined(http) as writer:
        news = await reader.subscribe("news")
        for number in range(100):
            await writer.publish("news", number, acknowledge=False)
        assert [(await news.next()).args for _ in range(100)] == [
            [number] for number in range(100)
        ]


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


async def test_a_ticket_signs_in_and_a_wrong_one_does_not(http: Http) -> None:
    options = {"realm": "members", "authid": "bob", "authmethods": ["ticket"]}
    async with joined(http, ticket="open sesame", **options) as client:
        assert (await client.call("who.am.i"))["authid"] == "bob"
    with pytest.raises(JoinRejected, match="authentication"):
        async with joined(http, ticket="wrong", **options):
            pass


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


# Limits and ends.


async def test_an_oversized_message_is_the_end_with_1009(http: Http) -> None:
    async with joined(http) as client:
        await client.call("math.add", 1, 2)
        await client.ws.send_str(f'[48, 9, {{}}, "x", ["{"ä" * 50_000}"]]')
        assert await client.close_code() == 1009


async def test_a_violation_is_answered_with_abort_and_1002(http: Http) -> None:
    async with joined(http) as client:
        await client.ws.send_str("[99]")
        assert (await client.receive())[::2] == [3, "wamp.error.protocol_violation"]
        assert await client.close_code() == 1002


async def test_a_silent_client_is_sent_away(http: Http) -> None:
    async with connect(http, realm=None) as client:
        assert (await client.receive())[0] == 3
        assert await client.close_code() == 1000


async def test_who_is_kicked_gets_goodbye_and_a_code(http: Http) -> None:
    async with joined(http) as client:
        await client.begin_call("session.kick")
        assert (await client.receive())[::2] == [6, "wamp.close.killed"]
        assert await client.close_code() == 4403


async def test_a_client_that_vanishes_leaves_its_realm(http: Http) -> None:
    async with joined(http) as witness:
        await count_falls_to(witness, 1)
        async with joined(http) as client:
            await count_falls_to(witness, 2)
            connection = client.ws._response.connection
            assert connection is not None
            assert connection.transport is not None
            connection.transport.abort()
            await count_falls_to(witness, 1)


async def test_a_client_that_does_not_read_is_cut_and_delays_nobody(
    http: Http, served: Served
) -> None:
    async with joined(http) as reader, joined(http) as slow, visitor(served) as other:
        await slow.subscribe("news")
        news = await reader.subscribe("news")
        connection = slow.ws._response.connection
        assert connection is not None
        assert connection.transport is not None
        connection.transport.pause_reading()
        async with joined(other) as writer:
            await count_falls_to(writer, 3)
            for number in range(300):
                await writer.publish("news", number, "x" * 90_000)
                assert (await news.next()).args[0] == number
            await count_falls_to(writer, 2)
        connection.transport.abort()


# Shutdown.


async def test_shutdown_says_goodbye(mortal: Served) -> None:
    async with visitor(mortal) as http:
        await until_it_listens(http)
        async with joined(http) as client:
            mortal.process.terminate()
            if mortal.server == "granian":
                # It has cut its connections before anybody is told.
                assert await client.close_code() == 1006
            else:
                goodbye = await client.receive()
                assert goodbye[::2] == [6, "wamp.close.system_shutdown"]
                assert await client.close_code() == 1001
    await asyncio.to_thread(mortal.process.wait, PATIENCE)
