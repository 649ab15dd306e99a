"""A server that is to stop lets its clients leave first, little by little."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

import aiohttp_serverwamp as serverwamp
from aiohttp_serverwamp import ConfigurationError
from aiohttp_serverwamp.testing import PATIENCE, WAMPClient, connect, serving
from tests.rawsocket_client import free_listener, port_of, rawsocket_to
from tests.server_processes import (
    free_port,
    process,
    text_of,
    wait_for_exit,
    wait_for_port,
)
from tests.sites import Site, site, until

SHUTDOWN = "wamp.close.system_shutdown"

SERVER = """
import asyncio, sys
from aiohttp import web
import aiohttp_serverwamp as serverwamp

DRAIN = 2
api = serverwamp.RPCRouteSet()

@api.route("ping")
def ping():
    return "pong"

@api.route("wait")
async def wait(seconds: float):
    await asyncio.sleep(seconds)
    return "done"

def make_application():
    wamp = serverwamp.Application()
    wamp.add_routes(api)
    return wamp

def make_app():
    app = web.Application()
    wamp = make_application()
    serverwamp.setup_wamp(app, wamp, drain_timeout=DRAIN, health_path="/healthz")
    return app

async def async_app():
    return make_app()

asgi_app = make_application().asgi_application(
    "/ws", drain_timeout=DRAIN, health_path="/healthz"
)

def run(loop=None):
    port = int(sys.argv[1])
    web.run_app(make_app(), host="127.0.0.1", port=port, print=None, loop=loop)

if __name__ == "__main__":
    run()
"""
UVLOOP = """
import uvloop
from served import run
run(uvloop.new_event_loop())
"""
#: Seconds that SERVER takes to drain.
DRAIN = 2

COMMANDS = {
    "run_app": ("served.py", "{port}"),
    "run_app on uvloop": ("on_uvloop.py", "{port}"),
    "gunicorn": (
        *("-m", "gunicorn", "served:async_app", "--bind", "127.0.0.1:{port}"),
        *("--worker-class", "aiohttp.GunicornWebWorker", "--log-level", "error"),
    ),
    "uvicorn": (
        *("-m", "uvicorn", "served:asgi_app", "--port", "{port}"),
        *("--log-level", "error"),
    ),
}


@dataclass
class Running:
    """A server as a process."""

    process: subprocess.Popen[bytes]
    http: aiohttp.ClientSession
    log: Path

    async def health(self) -> tuple[int, dict[str, Any]]:
        async with self.http.get("/healthz") as answer:
            return answer.status, await answer.json()


@asynccontextmanager
async def started(command: str, folder: Path) -> AsyncIterator[Running]:
    (folder / "served.py").write_text(SERVER)
    (folder / "on_uvloop.py").write_text(UVLOOP)
    port, log = free_port(), folder / "log"
    words = [word.format(port=port) for word in COMMANDS[command]]
    with process(*words, cwd=folder, log=log) as server:
        await wait_for_port(port, server, log)
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http:
            yield Running(server, http, log)


async def goodbye(client: WAMPClient) -> dict[str, Any]:
    """Wait for GOODBYE and return its details."""
    message = await client.receive()
    assert [message[0], message[2]] == [6, SHUTDOWN]
    details: dict[str, Any] = message[1]
    return details


@pytest.mark.parametrize("command", COMMANDS)
async def test_a_server_that_is_told_to_stop_goes_on_while_its_clients_leave(
    command: str, tmp_path: Path
) -> None:
    async with started(command, tmp_path) as server, AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(connect(server.http, realm="r"))
            for _ in range(6)
        ]
        working = clients[0]
        assert (await server.health())[1]["connections"] == 6
        call = await working.begin_call("wait", [DRAIN / 2])

        # when
        server.process.send_signal(signal.SIGTERM)

        # then it says that it is about to stop, while it listens
        async with asyncio.timeout(PATIENCE):
            while (await server.health())[0] == 200:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        status, health = await server.health()
        assert (status, health["status"]) == (503, "draining")
        # new clients are sent elsewhere
        with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
            async with connect(server.http, realm="r"):
                pass
        assert refusal.value.status == 503
        assert refusal.value.headers is not None
        assert refusal.value.headers["Retry-After"] == "2"
        # those who are here work on, and get their answers
        assert await working.call("ping") == "pong"
        assert await call.result() == "done"
        # and leave one after the other
        details = [await goodbye(client) for client in clients]
        assert all(1 <= each["retry_after"] <= 3 for each in details)
        # uvicorn ends by the signal itself
        code = -signal.SIGTERM if command == "uvicorn" else 0
        assert await wait_for_exit(server.process, DRAIN + 5) == code
    assert text_of(server.log) == ""


async def test_a_second_signal_stops_at_once(tmp_path: Path) -> None:
    async with (
        started("run_app", tmp_path) as server,
        connect(server.http, realm="r") as client,
    ):
        await client.begin_call("wait", [600])
        server.process.send_signal(signal.SIGINT)
        while (await server.health())[0] == 200:
            pass

        server.process.send_signal(signal.SIGINT)

        assert await wait_for_exit(server.process, PATIENCE) == 0, text_of(server.log)
        assert "retry_after" in await goodbye(client)
    assert text_of(server.log) == ""


# --- Without a process ----------------------------------------------------------------


def routes(gate: asyncio.Event) -> serverwamp.RPCRouteSet:
    api = serverwamp.RPCRouteSet()

    @api.route("wait")
    async def wait() -> str:
        await gate.wait()
        return "done"

    return api


@asynccontextmanager
async def crowd(server: Site, number: int) -> AsyncIterator[list[WAMPClient]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(server.client()) for _ in range(number)]


async def test_clients_leave_one_after_the_other() -> None:
    async with site() as server, crowd(server, 8) as clients:
        counts = []

        async def count() -> None:
            while len(server.realm.sessions()):
                counts.append(len(server.realm.sessions()))
                await asyncio.sleep(0.01)

        counting = asyncio.create_task(count())

        await server.wamp.drain(0.8)
        await counting

        # never all of them at once
        assert len(set(counts)) > 3
        for client in clients:
            await goodbye(client)
        assert server.wamp.stats().sessions_left == {SHUTDOWN: 8}


async def test_a_client_whose_call_is_in_flight_stays_for_the_answer() -> None:
    gate = asyncio.Event()
    async with (
        site(routes(gate)) as server,
        server.client() as busy,
        server.client() as idle,
    ):
        call = await busy.begin_call("wait")
        draining = asyncio.create_task(server.wamp.drain(PATIENCE))
        await goodbye(idle)
        assert [session.id for session in server.realm.sessions()] == [busy.id]

        gate.set()

        assert await call.result() == "done"
        await goodbye(busy)
        await draining


async def test_a_drained_application_admits_nobody_and_says_so() -> None:
    async with site(setup={"health_path": "/healthz"}) as server:
        async with server.http.get("/healthz") as answer:
            assert answer.status == 200
            assert await answer.json() == {
                "status": "ok",
                "connections": 0,
                "calls_in_flight": 0,
            }
            assert answer.headers["Cache-Control"] == "no-store"

        await server.wamp.drain(PATIENCE, retry_after=7.2)

        async with server.http.get("/healthz") as answer:
            assert answer.status == 503
        with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
            async with server.client():
                pass
        assert refusal.value.headers is not None
        assert refusal.value.headers["Retry-After"] == "8"


async def test_the_log_says_when_draining_begins_and_ends_and_who_is_there(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", logger="aiohttp_serverwamp.application")
    async with site(routes(asyncio.Event())) as server, crowd(server, 3) as clients:
        call = await clients[0].begin_call("wait")

        await server.wamp.drain(0.2)

        assert [record.getMessage() for record in caplog.records] == [
            "draining for 0.2 s: connections=3",
            "drained: connections=1",
        ]
        await server.wamp.shutdown()
        with pytest.raises(serverwamp.ApplicationError, match="canceled"):
            await call.result()


async def test_who_is_left_after_draining_gets_goodbye_at_shutdown() -> None:
    async with site(routes(asyncio.Event())) as server, server.client() as client:
        call = await client.begin_call("wait")
        await server.wamp.drain(0.1)
        assert server.wamp.stats().connections == 1

        await server.wamp.shutdown()

        with pytest.raises(serverwamp.ApplicationError, match="canceled"):
            await call.result()
        assert "retry_after" in await goodbye(client)


async def test_a_server_that_says_nothing_of_signals_drains_at_its_shutdown() -> None:
    app = web.Application()
    wamp = serverwamp.setup_wamp(app, drain_timeout=0.2)
    async with aiohttp.ClientSession() as http:
        runner = web.AppRunner(app)
        await runner.setup()
        port = free_port()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        async with connect(http, f"http://127.0.0.1:{port}/ws", realm="r") as client:
            await runner.cleanup()

            assert "retry_after" in await goodbye(client)
    assert wamp.health()["status"] == "stopped"


async def test_clients_by_rawsocket_leave_little_by_little_as_well() -> None:
    listener = free_listener()
    port = port_of(listener)
    app = web.Application()
    serverwamp.setup_wamp(app, drain_timeout=0.2, rawsocket=listener)
    runner = web.AppRunner(app)
    await runner.setup()
    async with rawsocket_to(port) as device:
        await device.join("r")
        stopping = asyncio.create_task(runner.cleanup())

        kind, details, reason = await device.hear()
        assert (kind, reason) == (6, SHUTDOWN)
        assert "retry_after" in details
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)
    await stopping


async def test_without_draining_goodbye_says_nothing_of_coming_back() -> None:
    app = web.Application()
    serverwamp.setup_wamp(app)
    async with serving(app) as http, connect(http, realm="r") as client:
        await app[serverwamp.WAMP].shutdown()

        assert await goodbye(client) == {}


async def test_an_application_that_was_drained_starts_anew() -> None:
    wamp = serverwamp.Application()
    async with wamp.run():
        await wamp.drain(0)
        assert wamp.health()["status"] == "draining"
    async with wamp.run():
        assert wamp.health()["status"] == "ok"
        assert wamp.admits_connection()


async def test_those_who_join_meanwhile_leave_too() -> None:
    async with site() as server, connect(server.http, realm=None) as late:
        draining = asyncio.create_task(server.wamp.drain(PATIENCE / 10))
        await until(lambda: server.wamp.retry_after is not None)
        await late.join("r")

        await goodbye(late)
        await draining


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf"), "5", None, True])
async def test_seconds_are_a_number(seconds: Any) -> None:
    wamp = serverwamp.Application()
    with pytest.raises(ConfigurationError, match="seconds"):
        await wamp.drain(seconds)
    with pytest.raises(ConfigurationError, match="seconds"):
        await wamp.drain(1, retry_after=seconds)
    with pytest.raises(ConfigurationError, match="drain_timeout"):
        serverwamp.setup_wamp(web.Application(), drain_timeout=seconds)
    with pytest.raises(ConfigurationError, match="drain_timeout"):
        wamp.asgi_application(drain_timeout=seconds)


@pytest.mark.parametrize("path", ["healthz", 7, ""])
def test_a_health_path_is_a_path(path: Any) -> None:
    with pytest.raises(ConfigurationError, match="health_path"):
        serverwamp.setup_wamp(web.Application(), health_path=path)
    with pytest.raises(ConfigurationError, match="health_path"):
        serverwamp.Application().asgi_application(health_path=path)


@pytest.mark.parametrize("path", ["/ws", ["/other", "/ws"]])
def test_a_health_path_is_not_that_of_the_web_sockets(path: Any) -> None:
    with pytest.raises(ConfigurationError, match="give another one"):
        serverwamp.setup_wamp(web.Application(), path=path, health_path="/ws")
