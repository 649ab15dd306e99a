"""Messages that are handled where aiohttp parses them."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any

import aiohttp
import pytest
from aiohttp import web

import aiohttp_serverwamp as serverwamp
from aiohttp_serverwamp.adapters.aiohttp import FRAMES_A_TURN, AiohttpConnection
from aiohttp_serverwamp.adapters.aiohttp_readers import Reader, socket_class
from aiohttp_serverwamp.adapters.aiohttp_socket import UpgradedSocket
from aiohttp_serverwamp.limits import MESSAGES_A_TURN

READERS: tuple[Reader, ...] = ("public", "fast")
visitor: ContextVar[str] = ContextVar("visitor", default="nobody")
PATIENCE = 10.0


def masked(opcode: int, payload: bytes) -> bytes:
    """Return a short client's frame, masked with zeros."""
    assert len(payload) < 126
    return bytes([0x80 | opcode, 0x80 | len(payload), 0, 0, 0, 0]) + payload


def write(ws: aiohttp.ClientWebSocketResponse, data: bytes) -> None:
    """Write frames in one piece, past the client."""
    assert ws._response.connection is not None
    transport = ws._response.connection.transport
    assert transport is not None
    transport.write(data)


@asynccontextmanager
async def joined(
    api: serverwamp.RPCRouteSet, reader: Reader, **options: Any
) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """Serve `api` and join its realm; a middleware says who is there."""

    @web.middleware
    async def greet(request: web.Request, handler: Any) -> web.StreamResponse:
        visitor.set("somebody")
        response: web.StreamResponse = await handler(request)
        return response

    app = web.Application(middlewares=[greet])
    wamp = serverwamp.setup_wamp(app, reader=reader, **options)
    wamp.add_routes(api)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/ws"
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(url, protocols=["wamp.2.json"]) as ws,
        ):
            await ws.send_json([1, "default", {"roles": {"caller": {}}}])
            assert (await answer(ws))[0] == 2
            yield ws
    finally:
        await runner.cleanup()


async def answer(ws: aiohttp.ClientWebSocketResponse) -> list[Any]:
    message: list[Any] = await ws.receive_json(timeout=PATIENCE)
    return message


@pytest.mark.parametrize("reader", READERS)
async def test_a_plain_handler_runs_in_the_task_and_context_of_its_connection(
    reader: Reader,
) -> None:
    tasks: list[object] = []
    api = serverwamp.RPCRouteSet()

    @api.route("who")
    def who() -> str:
        tasks.append(asyncio.current_task())
        return visitor.get()

    @api.route("become")
    def become(name: str) -> None:
        visitor.set(name)

    async with joined(api, reader) as ws:
        await ws.send_json([48, 1, {}, "who"])
        before = await answer(ws)
        await ws.send_json([48, 2, {}, "become", ["another"]])
        await answer(ws)
        await ws.send_json([48, 3, {}, "who"])
        after = await answer(ws)

    assert before == [50, 1, {}, ["somebody"]]
    assert after == [50, 3, {}, ["another"]]
    assert tasks[0] is tasks[1] is not None


@pytest.mark.parametrize("reader", READERS)
async def test_messages_of_one_read_are_handled_in_order_across_a_ping(
    reader: Reader,
) -> None:
    """A ping takes the way through the queue, and so does what follows it."""
    api = serverwamp.RPCRouteSet()
    api.route("echo")(lambda number: number)

    async with joined(api, reader) as ws:
        frames = []
        for number in range(1, 41):
            call = f'[48,{number},{{}},"echo",[{number}]]'
            frames.append(masked(0x1, call.encode()))
            if number % 10 == 0:
                frames.append(masked(0x9, b"there?"))
        write(ws, b"".join(frames))
        answers = [await answer(ws) for _ in range(40)]

    assert answers == [[50, number, {}, [number]] for number in range(1, 41)]


@pytest.mark.parametrize("reader", READERS)
async def test_a_client_that_leaves_and_joins_in_one_read_gets_both_sessions(
    reader: Reader,
) -> None:
    """REQ-SES-013."""
    api = serverwamp.RPCRouteSet()
    api.route("echo")(lambda number: number)

    async with joined(api, reader) as ws:
        write(
            ws,
            masked(0x1, b'[6,{},"wamp.close.close_realm"]')
            + masked(0x1, b'[1,"default",{"roles":{"caller":{}}}]')
            + masked(0x1, b'[48,1,{},"echo",[7]]'),
        )
        goodbye, welcome, result = [await answer(ws) for _ in range(3)]

    assert (goodbye[0], welcome[0], result) == (6, 2, [50, 1, {}, [7]])


@pytest.mark.parametrize("reader", READERS)
async def test_what_ends_the_process_is_not_swallowed(reader: Reader) -> None:
    ended: list[str] = []

    class Stop(BaseException):
        pass

    api = serverwamp.RPCRouteSet()

    @api.route("stop")
    def stop() -> None:
        raise Stop

    @web.middleware
    async def watch(request: web.Request, handler: Any) -> web.StreamResponse:
        try:
            response: web.StreamResponse = await handler(request)
        except Stop as error:
            ended.append(type(error).__name__)
            raise asyncio.CancelledError from None
        return response

    app = web.Application(middlewares=[watch])
    serverwamp.setup_wamp(app, reader=reader).add_routes(api)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/ws"
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(url, protocols=["wamp.2.json"]) as ws,
    ):
        await ws.send_json([1, "default", {"roles": {"caller": {}}}])
        await answer(ws)
        await ws.send_json([48, 1, {}, "stop"])
        await ws.receive(timeout=PATIENCE)
    await runner.cleanup()

    assert ended == ["Stop"]


# Which reader it is.


def test_the_fast_reader_is_used_with_versions_it_was_tested_with() -> None:
    assert socket_class("auto") is socket_class("fast") is not UpgradedSocket
    assert socket_class("public") is UpgradedSocket


def test_another_version_is_read_by_the_public_api_with_a_line_in_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(aiohttp, "__version__", "3.99.0")
    caplog.set_level(logging.INFO, "aiohttp_serverwamp.adapters")

    assert socket_class("auto") is UpgradedSocket
    assert "not tested with aiohttp 3.99.0" in caplog.text
    with pytest.raises(serverwamp.ConfigurationError, match="install aiohttp 3.14"):
        socket_class("fast")


def test_an_aiohttp_that_opens_websockets_otherwise_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def otherwise(self: object, request: object) -> None:
        raise AssertionError("only looked at")

    monkeypatch.setattr(web.WebSocketResponse, "_post_start", otherwise)

    assert socket_class("auto") is UpgradedSocket


def test_a_reader_that_does_not_exist_is_a_configuration_error() -> None:
    with pytest.raises(serverwamp.ConfigurationError, match="'auto', 'public'"):
        serverwamp.setup_wamp(web.Application(), reader="quick")  # type: ignore[arg-type]  # the mistake


@pytest.mark.parametrize("reader", READERS)
async def test_who_sends_a_thousand_calls_at_once_leaves_others_their_turns(
    reader: Reader,
) -> None:
    count = 1000
    handled: list[int] = []
    bursts: list[int] = []
    api = serverwamp.RPCRouteSet()

    @api.route("take")
    def take(number: int) -> int:
        handled.append(number)
        return number

    loop = asyncio.get_running_loop()
    done = asyncio.Event()

    def look() -> None:
        bursts.append(len(handled) - sum(bursts))
        if not done.is_set():
            loop.call_soon(look)

    async with joined(api, reader) as ws:
        calls = [
            json.dumps([48, n, {}, "take", [n]]).encode() for n in range(1, count + 1)
        ]
        look()
        write(ws, b"".join(masked(1, call) for call in calls))
        answers = [await answer(ws) for _ in range(count)]
        done.set()

    assert handled == [*range(1, count + 1)]
    assert answers == [[50, n, {}, [n]] for n in handled]
    # In one turn of the loop there may be a read, and a turn of the task behind it.
    assert max(bursts) <= 2 * MESSAGES_A_TURN


@pytest.mark.parametrize("reader", READERS)
async def test_who_sends_a_thousand_pings_at_once_leaves_others_their_turns(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    pongs = 0
    bursts: list[int] = []
    write_control = AiohttpConnection._write_control
    loop = asyncio.get_running_loop()
    done = asyncio.Event()

    def note(connection: AiohttpConnection, opcode: int, payload: bytes) -> None:
        nonlocal pongs
        pongs += 1
        write_control(connection, opcode, payload)

    def look() -> None:
        bursts.append(pongs - sum(bursts))
        if not done.is_set():
            loop.call_soon(look)

    monkeypatch.setattr(AiohttpConnection, "_write_control", note)
    async with joined(serverwamp.RPCRouteSet(), reader) as ws:
        look()
        write(ws, masked(9, b"") * 1000 + masked(1, b'[48,1,{},"nothing"]'))
        answered = await answer(ws)
        done.set()

    assert answered[:3] == [8, 48, 1]
    assert sum(bursts) == 1000
    assert max(bursts) <= 2 * FRAMES_A_TURN
