"""The load generator's client opens, waits, answers heartbeats and closes properly."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from pytest_aiohttp.plugin import AiohttpServer

from benchmarks.wire import Client, Opening, connect, frame

Talk = Callable[[web.WebSocketResponse], Awaitable[object]]
OPENING = Opening("/chat?x=1", "talk.1", heartbeat=(b"ping", b"pong"))


@asynccontextmanager
async def talking(
    aiohttp_server: AiohttpServer, talk: Talk
) -> AsyncIterator[tuple[Client, list[web.Request]]]:
    requests = []

    async def handle(request: web.Request) -> web.WebSocketResponse:
        requests.append(request)
        ws = web.WebSocketResponse(protocols=("talk.1",))
        await ws.prepare(request)
        await talk(ws)
        return ws

    app = web.Application()
    app.router.add_get("/chat", handle)
    server = await aiohttp_server(app)
    assert server.port is not None
    client = await connect(server.port, OPENING)
    try:
        yield client, requests
    finally:
        client.drop()
        # One loop turn for the connection that was dropped.
        await asyncio.sleep(0)


async def test_it_asks_for_path_and_subprotocol(aiohttp_server: AiohttpServer) -> None:
    async with talking(aiohttp_server, lambda ws: ws.receive()) as (_, requests):
        (request,) = requests

    assert request.path_qs == "/chat?x=1"
    assert request.headers["Sec-WebSocket-Protocol"] == "talk.1"


async def test_a_refused_upgrade_is_an_error(aiohttp_server: AiohttpServer) -> None:
    server = await aiohttp_server(web.Application())
    assert server.port is not None

    with pytest.raises(ConnectionError, match="no upgrade"):
        await connect(server.port, OPENING)
    await asyncio.sleep(0)


async def test_messages_wait_until_they_are_asked_for(
    aiohttp_server: AiohttpServer,
) -> None:
    async def talk(ws: web.WebSocketResponse) -> None:
        for text in ("one", "two"):
            await ws.send_str(text)
        await ws.send_str(await ws.receive_str())

    async with talking(aiohttp_server, talk) as (client, _):
        said = [await client.next(), await client.next(), await client.ask(b"three")]

    assert said == [b"one", b"two", b"three"]


async def test_a_heartbeat_is_answered_and_not_a_message(
    aiohttp_server: AiohttpServer,
) -> None:
    async def talk(ws: web.WebSocketResponse) -> None:
        await ws.send_str("ping")
        await ws.send_str(f"heard {await ws.receive_str()}")

    async with talking(aiohttp_server, talk) as (client, _):
        assert await client.next() == b"heard pong"


async def test_a_receiver_takes_what_comes_and_answers(
    aiohttp_server: AiohttpServer,
) -> None:
    heard: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def talk(ws: web.WebSocketResponse) -> None:
        await ws.send_str(await ws.receive_str())
        heard.set_result(await ws.receive_str())

    async with talking(aiohttp_server, talk) as (client, _):
        client.receiver = lambda messages: frame(b"+".join(messages) + b"!")
        client.write(frame(b"hello"))

        assert await heard == "hello!"


async def test_closing_is_said_and_the_server_hangs_up_first(
    aiohttp_server: AiohttpServer,
) -> None:
    codes = []

    async def talk(ws: web.WebSocketResponse) -> None:
        await ws.receive()
        codes.append(ws.close_code)

    async with talking(aiohttp_server, talk) as (client, _):
        failures: list[Exception] = []
        client.on_failure(failures.append)

        await client.close()

    assert codes == [1000]
    assert failures == []


async def test_a_close_that_crosses_ours_is_no_failure(
    aiohttp_server: AiohttpServer,
) -> None:
    async with talking(aiohttp_server, lambda ws: ws.close()) as (client, _):
        await client.close()


async def test_whoever_waits_is_told_that_the_server_closed(
    aiohttp_server: AiohttpServer,
) -> None:
    async def talk(ws: web.WebSocketResponse) -> None:
        await ws.receive()
        await ws.close()

    async with talking(aiohttp_server, talk) as (client, _):
        failures: list[Exception] = []
        client.on_failure(failures.append)

        with pytest.raises(ConnectionError, match="the server closed"):
            await client.ask(b"anything")

    assert "the server closed" in str(failures[0])
