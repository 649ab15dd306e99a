"""setup_wamp: three lines to attach, and a server that stops when it is told to."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import aiohttp_session
import pytest
from aiohttp import web
from pytest_aiohttp.plugin import AiohttpClient

import aiohttp_serverwamp as serverwamp
from aiohttp_serverwamp.testing import PATIENCE, connect, serving
from tests.server_processes import (
    free_port,
    process,
    text_of,
    wait_for_exit,
    wait_for_port,
)
from tests.sites import site, until


def ping_routes(answer: str = "pong") -> serverwamp.RPCRouteSet:
    api = serverwamp.RPCRouteSet()

    @api.route("ping")
    async def ping() -> str:
        return answer

    return api


# --- Attaching ------------------------------------------------------------------------


async def test_three_lines_serve_an_application() -> None:
    app = web.Application()
    wamp = serverwamp.setup_wamp(app)
    wamp.add_routes(ping_routes())

    async with serving(app) as http, connect(http, realm="any.name") as client:
        assert await client.call("ping") == "pong"


def test_the_string_and_the_typed_key_are_one_entry() -> None:
    app = web.Application()

    wamp = serverwamp.setup_wamp(app)

    assert app["wamp"] is app[serverwamp.WAMP] is wamp
    assert len(app) == 1
    assert app.get("wamp") is wamp


def test_a_string_that_is_not_the_key_stays_another_entry() -> None:
    app = web.Application()
    serverwamp.setup_wamp(app)

    assert "wamp2" not in app
    assert "wamp" in app


def test_the_route_has_a_name() -> None:
    app = web.Application()
    serverwamp.setup_wamp(app, path=("/live", "/ws"))

    assert str(app.router["wamp"].url_for()) == "/live"


async def test_every_path_of_a_sequence_is_served() -> None:
    app = web.Application()
    wamp = serverwamp.setup_wamp(app, path=["/live", "/ws"])
    wamp.add_routes(ping_routes())

    async with serving(app) as http:
        for path in ("/live", "/ws"):
            async with connect(http, path, realm="r") as client:
                assert await client.call("ping") == "pong"


@pytest.mark.parametrize("path", [[], [7], 7, None])
def test_what_is_no_path_is_refused(path: Any) -> None:
    with pytest.raises(serverwamp.ConfigurationError, match="path="):
        serverwamp.setup_wamp(web.Application(), path=path)


def test_an_app_is_attached_once() -> None:
    app = web.Application()
    serverwamp.setup_wamp(app)

    with pytest.raises(serverwamp.ConfigurationError, match="already"):
        serverwamp.setup_wamp(app, path="/other")


async def test_one_application_cannot_run_twice() -> None:
    # One Application given to two apps: the second start is refused.
    wamp = serverwamp.Application()
    first, second = web.Application(), web.Application()
    serverwamp.setup_wamp(first, wamp)
    serverwamp.setup_wamp(second, wamp)

    async with serving(first):
        with pytest.raises(serverwamp.ConfigurationError, match="runs already"):
            async with serving(second):
                pass


@pytest.mark.parametrize("app", [None, "app", object()])
def test_what_is_no_app_is_refused(app: Any) -> None:
    with pytest.raises(
        serverwamp.ConfigurationError, match=r"web\.Application .*asgi_application\(\)"
    ):
        serverwamp.setup_wamp(app)


def test_what_is_no_application_is_refused() -> None:
    app = web.Application()

    with pytest.raises(serverwamp.ConfigurationError, match="or nothing"):
        serverwamp.setup_wamp(app, web.Application())  # type: ignore[arg-type]  # the mistake


def test_limits_are_for_the_application_that_is_made() -> None:
    limits = serverwamp.Limits(max_sessions=3)

    made = serverwamp.setup_wamp(web.Application(), limits=limits)

    assert made.limits is limits
    with pytest.raises(serverwamp.ConfigurationError, match="limits="):
        serverwamp.setup_wamp(
            web.Application(), serverwamp.Application(), limits=limits
        )


async def test_an_app_that_was_started_is_too_late() -> None:
    app = web.Application()
    async with serving(app):
        with pytest.raises(serverwamp.ConfigurationError, match="too late"):
            serverwamp.setup_wamp(app)


# --- Sub-applications -----------------------------------------------------------------


async def test_parent_and_sub_application_each_have_their_own() -> None:
    parent, sub = web.Application(), web.Application()
    serverwamp.setup_wamp(parent).add_routes(ping_routes("parent"))
    serverwamp.setup_wamp(sub).add_routes(ping_routes("sub"))
    parent.add_subapp("/sub", sub)

    async with serving(parent) as http:
        async with connect(http, "/ws", realm="r") as client:
            assert await client.call("ping") == "parent"
        async with connect(http, "/sub/ws", realm="r") as client:
            assert await client.call("ping") == "sub"


def test_a_sub_application_is_attached_before_add_subapp() -> None:
    parent, sub = web.Application(), web.Application()
    parent.add_subapp("/sub", sub)

    with pytest.raises(serverwamp.ConfigurationError, match="before add_subapp"):
        serverwamp.setup_wamp(sub)


async def test_a_handler_of_a_sub_application_finds_its_parents_application() -> None:
    parent, sub = web.Application(), web.Application()
    wamp = serverwamp.setup_wamp(parent)
    realm = serverwamp.Realm("r", permissions=serverwamp.OPEN)
    wamp.add_realm(realm)

    async def post(request: web.Request) -> web.Response:
        request.config_dict["wamp"].realm("r").publish("news", request.query["text"])
        assert request.config_dict[serverwamp.WAMP] is wamp
        return web.Response()

    sub.router.add_post("/news", post)
    parent.add_subapp("/sub", sub)

    async with serving(parent) as http, connect(http, realm="r") as client:
        news = await client.subscribe("news")
        async with http.post("/sub/news", params={"text": "hi"}) as response:
            assert response.status == 200
        assert (await news.next()).args == ["hi"]


# --- The cookie session's middleware --------------------------------------------------


def members(app: web.Application) -> serverwamp.Application:
    wamp = serverwamp.setup_wamp(app)
    realm = serverwamp.Realm("members")
    realm.add_transport_authenticator(serverwamp.session_authenticator("user_id"))
    wamp.add_realm(realm)
    return wamp


def cookie_session(app: web.Application) -> None:
    aiohttp_session.setup(app, aiohttp_session.SimpleCookieStorage())


@pytest.mark.filterwarnings("ignore:The SimpleCookieStorage")
@pytest.mark.parametrize(
    "steps", [(members, cookie_session), (cookie_session, members)]
)
async def test_the_order_of_set_up_does_not_matter(steps: Any) -> None:
    app = web.Application()
    for step in steps:
        step(app)

    async def login(request: web.Request) -> web.Response:
        (await aiohttp_session.new_session(request))["user_id"] = 7
        return web.Response()

    app.router.add_post("/login", login)

    async with serving(app) as http:
        await http.post("/login")
        async with connect(http, realm="members") as client:
            assert client.welcome["authid"] == "7"


async def test_a_missing_http_session_is_found_at_the_start() -> None:
    app = web.Application()
    members(app)

    with pytest.raises(serverwamp.ConfigurationError, match="aiohttp_session.setup"):
        async with serving(app):
            pass


@pytest.mark.filterwarnings("ignore:The SimpleCookieStorage")
async def test_a_sub_application_may_have_the_http_session_from_its_parent() -> None:
    parent, sub = web.Application(), web.Application()
    cookie_session(parent)
    members(sub)
    parent.add_subapp("/sub", sub)

    async with serving(parent) as http, connect(http, "/sub/ws", realm=None) as client:
        await client.send([1, "members", {"roles": {"caller": {}}}])
        assert (await client.receive())[2] == "wamp.error.authentication_required"


async def test_a_sub_application_without_http_sessions_says_so_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It starts, as its parent may have them; then nobody could ever sign in."""
    parent, sub = web.Application(), web.Application()
    members(sub)
    parent.add_subapp("/sub", sub)

    async with serving(parent) as http:
        for _ in range(2):
            async with connect(http, "/sub/ws", realm=None):
                pass

    (line,) = [r for r in caplog.records if r.levelno == logging.ERROR]
    assert "aiohttp_session.setup" in line.getMessage()


# --- Behind a proxy -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("proxies", "address", "scheme"),
    [(["127.0.0.0/8"], "203.0.113.9", "https"), ([], "127.0.0.1", "http")],
)
async def test_a_trusted_proxy_says_whose_address_it_is_and_how_they_came(
    proxies: list[str], address: str, scheme: str
) -> None:
    async with site(setup={"trusted_proxies": proxies}) as served:
        headers = {
            "X-Forwarded-For": "198.51.100.1, 203.0.113.9",
            "X-Forwarded-Proto": "https",
        }
        async with served.client(headers=headers):
            (session,) = served.wamp.sessions()
            info = session.connection.transport_info
            assert (info["peer_address"], info["http_scheme"]) == (address, scheme)


# --- Stopping -------------------------------------------------------------------------


async def test_clean_up_sends_every_session_away() -> None:
    async with AsyncExitStack() as stack:
        async with site() as served:
            clients = [
                await stack.enter_async_context(served.client()) for _ in range(50)
            ]
            waiting = await clients[0].begin_call("nobody.home")
            with pytest.raises(serverwamp.ApplicationError):
                await waiting.result()
            # The clients are alive while the site is being left.
        codes = {await client.close_code() for client in clients}

        assert {client.ended for client in clients} == {"wamp.close.system_shutdown"}
        assert codes == {1001}


async def test_callers_get_an_answer_before_the_server_stops() -> None:
    api = serverwamp.RPCRouteSet()

    @api.route("wait")
    async def wait() -> None:
        await asyncio.sleep(60)

    async with AsyncExitStack() as stack:
        async with site(api) as served:
            client = await stack.enter_async_context(served.client())
            call = await client.begin_call("wait")
            await until(lambda: served.realm.local.procedures.running)

        with pytest.raises(serverwamp.ApplicationError, match="canceled"):
            await call.result()


async def test_deaf_clients_do_not_hold_up_the_clean_up() -> None:
    limits = serverwamp.Limits(close_timeout=0.2)
    deaf = []
    async with site(limits=limits) as served:
        for _ in range(5):
            # A WebSocket that never answers a close frame.
            ws = await served.http.ws_connect(
                "/ws", protocols=["wamp.2.json"], autoclose=False
            )
            await ws.send_json([1, "r", {"roles": {"caller": {}}}])
            assert (await ws.receive_json(timeout=PATIENCE))[0] == 2
            deaf.append(ws)
        await until(lambda: len(served.wamp.sessions()) == 5)

        started = asyncio.get_running_loop().time()
        await served.app.shutdown()
        took = asyncio.get_running_loop().time() - started

        # Three times and more what it has to take; a hang takes the 5 s of shutdown.
        assert took < 2
        assert not served.wamp.sessions()
        for ws in deaf:
            await ws.close()


async def test_parent_and_sub_application_both_say_goodbye() -> None:
    parent, sub = web.Application(), web.Application()
    serverwamp.setup_wamp(parent)
    serverwamp.setup_wamp(sub)
    parent.add_subapp("/sub", sub)
    async with AsyncExitStack() as stack:
        async with serving(parent) as http:
            clients = [
                await stack.enter_async_context(connect(http, path, realm="r"))
                for path in ("/ws", "/sub/ws")
            ]
        for client in clients:
            assert client.ended == "wamp.close.system_shutdown"


async def test_what_the_application_needs_outlives_its_handlers() -> None:
    app, log = web.Application(), []
    api = serverwamp.RPCRouteSet()

    async def database(app: web.Application) -> AsyncIterator[None]:
        yield
        log.append("database closed")

    @api.route("wait")
    async def wait() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            log.append("handler ended")

    # Whichever comes first.
    serverwamp.setup_wamp(app).add_routes(api)
    app.cleanup_ctx.append(database)
    async with AsyncExitStack() as stack, serving(app) as http:
        client = await stack.enter_async_context(connect(http, realm="r"))
        await client.begin_call("wait")
        await until(lambda: app["wamp"].default_realm.local.procedures.running)
    assert log == ["handler ended", "database closed"]


async def test_aiohttps_test_client_works_though_it_cancels_handlers(
    aiohttp_client: AiohttpClient,
) -> None:
    # Its server cancels a request's task when the client has gone.
    app, log = web.Application(), []
    topics = serverwamp.TopicRouteSet()

    @topics.route("news")
    async def news() -> AsyncIterator[None]:
        yield
        await asyncio.sleep(0.01)
        log.append("ended")

    wamp = serverwamp.setup_wamp(app)
    wamp.add_routes(topics)
    test_client = await aiohttp_client(app)
    async with connect(test_client, realm="r") as client:
        await client.subscribe("news")
        transport = client.ws._conn and client.ws._conn.transport
        assert transport is not None
        transport.abort()
        await until(lambda: log == ["ended"])
    await until(lambda: not wamp._open)


async def test_new_connections_are_refused_while_the_server_stops() -> None:
    async with site() as served:
        await served.wamp.shutdown()

        with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
            async with served.client():
                pass
        assert refusal.value.status == 503


@pytest.mark.filterwarnings("ignore:The SimpleCookieStorage")
async def test_a_client_that_is_being_upgraded_at_shutdown_is_sent_away() -> None:
    app, loading, go_on = web.Application(), asyncio.Event(), asyncio.Event()

    class SlowStorage(aiohttp_session.SimpleCookieStorage):
        async def load_session(self, request: web.Request) -> aiohttp_session.Session:
            loading.set()
            await go_on.wait()
            return await super().load_session(request)

    aiohttp_session.setup(app, SlowStorage())
    wamp = serverwamp.setup_wamp(app)
    async with serving(app) as http:
        upgrade = asyncio.create_task(http.ws_connect("/ws", protocols=["wamp.2.json"]))
        await loading.wait()
        await wamp.shutdown()
        go_on.set()
        ws = await upgrade
        answer = await ws.receive_json(timeout=PATIENCE)
        assert answer[::2] == [3, "wamp.close.system_shutdown"]
        assert (await ws.receive(timeout=PATIENCE)).data == 1001
        await until(lambda: not wamp._open)


async def test_a_client_that_has_not_joined_gets_abort_at_shutdown() -> None:
    async with AsyncExitStack() as stack:
        async with site() as served:
            client = await stack.enter_async_context(connect(served.http, realm=None))
            await until(lambda: served.wamp._open)

        assert (await client.receive())[::2] == [3, "wamp.close.system_shutdown"]


async def test_an_application_can_be_served_again() -> None:
    wamp = serverwamp.Application()
    wamp.add_routes(ping_routes())
    for _ in range(2):
        app = web.Application()
        serverwamp.setup_wamp(app, wamp)
        async with serving(app) as http, connect(http, realm="r") as client:
            assert await client.call("ping") == "pong"


# --- As a process ---------------------------------------------------------------------

SERVER = """
import asyncio, sys
from aiohttp import web
import aiohttp_serverwamp as serverwamp

api = serverwamp.RPCRouteSet()

@api.route("ping")
async def ping():
    return "pong"

@api.route("wait")
async def wait():
    await asyncio.sleep(600)

def make_app():
    app = web.Application()
    serverwamp.setup_wamp(app).add_routes(api)
    return app

async def async_app():
    return make_app()

if __name__ == "__main__":
    web.run_app(make_app(), host="127.0.0.1", port=int(sys.argv[1]), print=None)
"""


async def test_sigterm_says_goodbye_to_every_session_and_ends_the_process(
    tmp_path: Path,
) -> None:
    (tmp_path / "served.py").write_text(SERVER)
    port, log = free_port(), tmp_path / "log"
    url = f"http://127.0.0.1:{port}"
    with process("served.py", str(port), cwd=tmp_path, log=log) as server:
        await wait_for_port(port, server, log)
        async with aiohttp.ClientSession(url) as http, AsyncExitStack() as stack:
            clients = [
                await stack.enter_async_context(connect(http, realm="r"))
                for _ in range(20)
            ]
            calls = [await client.begin_call("wait") for client in clients]
            assert [await client.call("ping") for client in clients] == ["pong"] * 20

            server.send_signal(signal.SIGTERM)

            code = await wait_for_exit(server, 5)
            assert code == 0, text_of(log)
            assert {await client.close_code() for client in clients} == {1001}
            assert {client.ended for client in clients} == {
                "wamp.close.system_shutdown"
            }
            for call in calls:
                with pytest.raises(serverwamp.ApplicationError, match="canceled"):
                    await call.result()
        assert text_of(log) == ""


@pytest.mark.parametrize("workers", [1, 2])
async def test_gunicorn_serves_and_several_workers_are_an_error(
    tmp_path: Path, workers: int
) -> None:
    pytest.importorskip("gunicorn")
    (tmp_path / "served.py").write_text(SERVER)
    port, log = free_port(), tmp_path / "log"
    command = [
        *("-m", "gunicorn", "served:async_app"),
        *("--worker-class", "aiohttp.GunicornWebWorker", "--log-level", "warning"),
        *("--bind", f"127.0.0.1:{port}", "--workers", str(workers)),
    ]
    with process(*command, cwd=tmp_path, log=log) as server:
        await wait_for_port(port, server, log)
        async with (
            aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http,
            connect(http, realm="r") as client,
        ):
            assert await client.call("ping") == "pong"
        server.send_signal(signal.SIGTERM)
        await wait_for_exit(server, PATIENCE)
    assert ("gunicorn runs 2 workers" in text_of(log)) is (workers == 2)
