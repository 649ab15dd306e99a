"""Each row does its work with real servers, and does not count what is wrong."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import WSMsgType, web
from pytest_aiohttp.plugin import AiohttpServer

from benchmarks.compete import Entry, Plan, compete
from benchmarks.contestants import CONTESTANTS
from benchmarks.dialects.wamp import WAMP
from benchmarks.machine import Cores
from benchmarks.rows import CALL_ROWS, KEYS, Row, all_rows
from benchmarks.servers import ADD
from benchmarks.target import Target

ROOT = Path(__file__).parents[3]
OURS = [each for each in CONTESTANTS if each.distribution is None]


def row(key: str) -> Row:
    rows = all_rows(subscribers=3, sessions=20)
    assert [each.key for each in rows] == list(KEYS)
    return next(each for each in rows if each.key == key)


@pytest.mark.parametrize("key", KEYS)
async def test_a_row_measures_the_floor_and_this_library(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given servers that find the modules of the checkout
    monkeypatch.chdir(ROOT)
    entries = [Entry(each, Path(sys.executable)) for each in OURS]
    plan = Plan([row(key)], entries, rounds=1, seconds=0.05)

    # when
    results = await compete(plan, Cores(), lambda progress: None)

    # then
    assert len(results) == (3 if key in CALL_ROWS else 2)
    for (measured,) in results.values():
        assert measured.rate is None or measured.rate > 0
        # So few sessions may fit into memory that is there already.
        assert measured.cost > 0 or key == "idle"


async def test_a_server_that_does_not_start_is_reported_with_what_it_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # given an interpreter that finds no such module
    monkeypatch.chdir(ROOT / "docs")
    plan = Plan([row("one")], [Entry(OURS[0], Path(sys.executable))], 1, 0.05)

    # when
    with pytest.raises(RuntimeError, match="did not start") as raised:
        await compete(plan, Cores(), lambda progress: None)

    # then
    assert "No module named" in "".join(raised.value.__notes__)


# --- Servers that do it wrong ---------------------------------------------------------

Answer = Callable[[list[Any]], list[Any]]


async def serve(aiohttp_server: AiohttpServer, answer: Answer) -> Target:
    async def handle(request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse(protocols=("wamp.2.json",))
        await ws.prepare(request)
        async for message in ws:
            assert message.type is WSMsgType.TEXT
            await ws.send_json(answer(message.json()))
        return ws

    app = web.Application()
    app.router.add_get("/ws", handle)
    server = await aiohttp_server(app)
    assert server.port is not None
    return Target(server.port, pid=0, dialect=WAMP, procedure=ADD)


def welcome_or(otherwise: Answer) -> Answer:
    return lambda message: [2, 1, {}] if message[0] == 1 else otherwise(message)


@pytest.mark.parametrize(
    ("key", "answer", "complaint"),
    [
        ("one", lambda message: [3, {}, "wamp.error.no_such_realm"], r"expected \[2,"),
        ("one", welcome_or(lambda message: [50, 1, {}, [6]]), r"\(2, 3\) came out as"),
        ("fan-out", welcome_or(lambda message: [8, 32, 1, {}, "no"]), r"expected \[33"),
    ],
)
async def test_a_wrong_answer_ends_the_measurement(
    key: str, answer: Answer, complaint: str, aiohttp_server: AiohttpServer
) -> None:
    target = await serve(aiohttp_server, answer)

    with pytest.raises(RuntimeError, match=complaint):
        await measured(row(key).measure(target, 0.05))


async def test_an_error_among_the_results_ends_the_measurement(
    aiohttp_server: AiohttpServer,
) -> None:
    # given a server that adds once, and then no more
    results = iter([[50, 1, {}, [5]]])
    target = await serve(
        aiohttp_server, welcome_or(lambda _: next(results, [8, 48, 2, {}, "no"]))
    )

    with pytest.raises(RuntimeError, match="not a result"):
        await measured(row("one").measure(target, 5))


async def measured(measurement: Awaitable[object]) -> None:
    try:
        await measurement
    finally:
        # One loop turn for connections that were dropped.
        await asyncio.sleep(0)
