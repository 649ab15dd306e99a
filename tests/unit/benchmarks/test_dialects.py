"""The dialects put the right bytes on the wire and understand the answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from pytest_aiohttp.plugin import AiohttpServer

from benchmarks.dialects import Dialect
from benchmarks.dialects.socket_io import SOCKET_IO
from benchmarks.dialects.wamp import GOODBYE, HELLO, WAMP
from benchmarks.servers import SUBSCRIBE, TOPIC
from benchmarks.wire import Client, connect


@pytest.mark.parametrize(
    ("dialect", "message"),
    [
        (WAMP, b'[48,7,{},"math.add",[2,3]]'),
        (SOCKET_IO, b'427["math.add",2,3]'),
    ],
)
def test_a_call_is_written_with_its_number(dialect: Dialect, message: bytes) -> None:
    assert dialect.call("math.add", 2, 3).numbered(7) == message


@pytest.mark.parametrize(
    ("dialect", "message", "results"),
    [
        (WAMP, b"[50,7,{},[5]]", [5]),
        # As the standard library's json writes it.
        (WAMP, b"[50, 7, {}, [5]]", [5]),
        (WAMP, b"[50,7,{}]", []),
        (SOCKET_IO, b"437[5]", [5]),
        (SOCKET_IO, b"437[]", []),
    ],
)
def test_a_result_is_read(
    dialect: Dialect, message: bytes, results: list[object]
) -> None:
    assert message.startswith(dialect.result)
    assert dialect.results(message) == results


@pytest.mark.parametrize(
    ("dialect", "message"),
    [
        (WAMP, b'[8,48,7,{},"wamp.error.no_such_procedure"]'),
        (SOCKET_IO, b'44{"message":"no"}'),
    ],
)
def test_an_error_is_no_result(dialect: Dialect, message: bytes) -> None:
    with pytest.raises(RuntimeError, match="expected"):
        dialect.results(message)


@pytest.mark.parametrize(
    ("dialect", "message"),
    [
        (WAMP, b"[36,1,2,{},[{}]]"),
        (SOCKET_IO, f'42["{TOPIC}",{{}}]'.encode()),
    ],
)
def test_an_event_is_told_from_a_result(dialect: Dialect, message: bytes) -> None:
    assert message.startswith(dialect.event)
    assert not message.startswith(dialect.result)


# --- Whole conversations --------------------------------------------------------------


@asynccontextmanager
async def answering(
    aiohttp_server: AiohttpServer, dialect: Dialect, answers: dict[str, list[str]]
) -> AsyncIterator[tuple[Client, list[str]]]:
    """Connect to a server that answers each message as it is told, and keeps it."""
    heard: list[str] = []

    async def handle(request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse(protocols=("wamp.2.json",))
        await ws.prepare(request)
        for answer in answers.get("", []):
            await ws.send_str(answer)
        async for message in ws:
            heard.append(message.data)
            for answer in answers.get(message.data, []):
                await ws.send_str(answer)
        return ws

    app = web.Application()
    app.router.add_get(dialect.opening.path.partition("?")[0], handle)
    server = await aiohttp_server(app)
    assert server.port is not None
    client = await connect(server.port, dialect.opening)
    yield client, heard
    await client.close()


async def test_socket_io_joins_subscribes_and_leaves(
    aiohttp_server: AiohttpServer,
) -> None:
    subscribe = f'421["{SUBSCRIBE}"]'
    answers = {
        "": ['0{"sid":"engine","upgrades":[],"pingInterval":25000}'],
        "40": ['40{"sid":"socket"}', "2"],
        subscribe: ["431[]"],
    }
    async with answering(aiohttp_server, SOCKET_IO, answers) as (client, heard):
        await SOCKET_IO.join(client)
        await SOCKET_IO.subscribe(client)
        await SOCKET_IO.leave(client)

    # The "3" is a ping's answer, which comes before or after the next request.
    assert [each for each in heard if each != "3"] == ["40", subscribe, "41"]
    assert "3" in heard


async def test_wamp_joins_subscribes_and_leaves(aiohttp_server: AiohttpServer) -> None:
    hello, goodbye = HELLO.decode(), GOODBYE.decode()
    subscribe = f'[32,1,{{}},"{TOPIC}"]'
    answers = {
        hello: ['[2,1,{"roles":{}}]'],
        subscribe: ["[33,1,1]"],
        goodbye: ['[6,{},"wamp.close.goodbye_and_out"]'],
    }
    async with answering(aiohttp_server, WAMP, answers) as (client, heard):
        await WAMP.join(client)
        await WAMP.subscribe(client)
        await WAMP.leave(client)

    assert heard == [hello, subscribe, goodbye]
