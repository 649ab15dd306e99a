"""RawSocket beside the WebSockets of an aiohttp application."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import socket
import weakref
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp_session import SimpleCookieStorage
from aiohttp_session import setup as setup_session

import aiohttp_serverwamp as serverwamp
from aiohttp_serverwamp.adapters.rawsocket_connection import RawSocketConnection
from aiohttp_serverwamp.testing import connect, serving
from tests.certificates import Authority, client_context, server_context
from tests.rawsocket_client import (
    free_listener,
    port_of,
    rawsocket_to,
    serving_rawsocket,
)
from tests.sites import until


def application(**options: Any) -> serverwamp.Application:
    wamp = serverwamp.Application(**options)
    api = serverwamp.RPCRouteSet()
    topics = serverwamp.TopicRouteSet()

    @api.route("info")
    def info(session: serverwamp.Session) -> list[str]:
        return sorted(session.connection.transport_info)

    @api.route("path")
    def path(upgrade: web.Request) -> str:
        return upgrade.path

    @api.route("tell")
    def tell(text: str, session: serverwamp.Session) -> None:
        session.realm.publish("news", text)

    topics.declare("news")
    realm = serverwamp.Realm("lobby")
    realm.add_routes(api)
    realm.add_routes(topics)
    wamp.add_realm(realm)
    return wamp


async def test_clients_of_both_transports_are_in_one_realm() -> None:
    listener = free_listener()
    app = web.Application()
    serverwamp.setup_wamp(app, application(), rawsocket=listener)
    async with (
        serving(app) as http,
        connect(http, realm="lobby") as browser,
        rawsocket_to(port_of(listener), "msgpack") as device,
    ):
        await device.join("lobby")
        news = await browser.subscribe("news")
        subscribed = await device.ask(32, 1, {}, "news")

        device.say(48, 2, {}, "tell", ["from a device"])
        answers = [await device.hear(), await device.hear()]
        await browser.call("tell", "from a browser")
        event = await device.hear()

        assert [50, 2, {}] in answers
        assert (event[:2], event[4]) == ([36, subscribed[2]], ["from a browser"])
        assert (await news.next()).args == ["from a device"]
        assert (await news.next()).args == ["from a browser"]


async def test_a_client_has_no_headers_and_no_session_of_http() -> None:
    listener = free_listener()
    app = web.Application()
    serverwamp.setup_wamp(app, application(), rawsocket=listener)
    async with serving(app), rawsocket_to(port_of(listener)) as device:
        await device.join("lobby")

        info = await device.ask(48, 1, {}, "info")

    assert info[3][0] == [
        "peer_address",
        "peer_certificate",
        "peer_certificate_raw",
        "peer_credentials",
        "tls",
    ]


@pytest.mark.usefixtures("allow_logged_errors")
async def test_a_handler_that_wants_the_request_has_none(
    caplog: pytest.LogCaptureFixture,
) -> None:
    listener = free_listener()
    app = web.Application()
    serverwamp.setup_wamp(app, application(), rawsocket=listener)
    async with serving(app), rawsocket_to(port_of(listener)) as device:
        await device.join("lobby")

        answer = await device.ask(48, 1, {}, "path")

    assert answer[:5] == [8, 48, 1, {}, "wamp.error.runtime_error"]
    assert "connect by WebSocket" in caplog.text


async def test_a_realm_signed_in_by_cookie_lets_no_rawsocket_in() -> None:
    listener = free_listener()
    app = web.Application()
    setup_session(app, SimpleCookieStorage())
    wamp = serverwamp.setup_wamp(app, rawsocket=listener)
    members = serverwamp.Realm("members")
    members.add_transport_authenticator(serverwamp.session_authenticator("user_id"))
    wamp.add_realm(members)
    async with serving(app), rawsocket_to(port_of(listener)) as device:
        await device.shake_hands()

        answer = await device.hello("members")

    assert answer[::2] == [3, "wamp.error.authentication_required"]


async def test_shutting_down_says_goodbye_to_clients_of_both_transports() -> None:
    listener = free_listener()
    port = port_of(listener)
    app = web.Application()
    wamp = serverwamp.setup_wamp(app, application(), rawsocket=listener)
    realm = wamp.realm("lobby")
    async with (
        rawsocket_to(port) as device,
        serving(app) as http,
        connect(http, realm="lobby") as browser,
    ):
        await device.join("lobby")
        await until(lambda: len(realm.sessions()) == 2)
        await app.shutdown()

        assert browser.ended == "wamp.close.system_shutdown"
        assert await device.hear() == [6, {}, "wamp.close.system_shutdown"]
        assert await device.has_ended()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)


async def test_nobody_is_accepted_before_the_application_has_started() -> None:
    listener = free_listener()
    app = web.Application()
    serverwamp.setup_wamp(app, application(), rawsocket=listener)
    async with rawsocket_to(port_of(listener)) as early:
        early.write(b"\x7f\xf1\x00\x00")

        async def start(app: web.Application) -> AsyncIterator[None]:
            # Set up after ours, so it starts later.
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(early.reader.readexactly(4), 0.1)
            yield

        app.cleanup_ctx.append(start)
        async with serving(app):
            assert await early.read(4) == b"\x7f\xb1\x00\x00"


async def test_an_address_that_is_taken_keeps_the_application_from_starting() -> None:
    with free_listener() as taken:
        app = web.Application()
        address = f"tcp://127.0.0.1:{port_of(taken)}"
        serverwamp.setup_wamp(app, rawsocket=["tcp://127.0.0.1:0", address])

        with pytest.raises(
            serverwamp.ConfigurationError, match="another program listens there"
        ):
            async with serving(app):
                pass


async def test_tls_and_unix_sockets_are_served_besides(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    plain, secured = free_listener(), free_listener()
    path = tmp_path / "wamp.sock"
    app = web.Application()
    serverwamp.setup_wamp(
        app,
        application(),
        rawsocket=[
            plain,
            serverwamp.RawSocket(secured, ssl=server_context(authority)),
            serverwamp.RawSocket(f"unix://{path}", mode=0o660),
        ],
    )
    tls = client_context(authority, None)
    async with (
        serving(app),
        rawsocket_to(port_of(plain), "json") as one,
        rawsocket_to(port_of(secured), "msgpack", tls=tls) as other,
        rawsocket_to(str(path), "cbor") as third,
    ):
        for client in (one, other, third):
            await client.join("lobby")
            assert (await client.ask(48, 1, {}, "info"))[:2] == [50, 1]
        assert path.stat().st_mode & 0o777 == 0o660
    assert not path.exists()


async def test_who_has_gone_is_freed_at_once() -> None:
    """Without the garbage collector, or clients could make the server hoard them."""
    async with serving_rawsocket(serverwamp.Application()) as port:
        async with rawsocket_to(port) as device:
            await device.join("lobby")
            gc.collect()
            gc.disable()
            (connection,) = (
                each for each in gc.get_objects() if type(each) is RawSocketConnection
            )
            gone = weakref.ref(connection)
            del connection
        try:
            await until(lambda: gone() is None)
        finally:
            gc.enable()


# Files of Unix sockets.


async def test_a_socket_file_that_a_server_left_behind_is_replaced(
    tmp_path: Path,
) -> None:
    path = tmp_path / "wamp.sock"
    with socket.socket(socket.AF_UNIX) as died:
        died.bind(str(path))
    app = web.Application()
    serverwamp.setup_wamp(app, application(), rawsocket=f"unix://{path}")

    async with serving(app), rawsocket_to(str(path)) as client:
        await client.join("lobby")


async def test_the_socket_of_a_living_server_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "wamp.sock"
    with socket.socket(socket.AF_UNIX) as living:
        living.bind(str(path))
        living.listen()
        app = web.Application()
        serverwamp.setup_wamp(app, rawsocket=f"unix://{path}")

        with pytest.raises(
            serverwamp.ConfigurationError, match="another program listens there"
        ):
            async with serving(app):
                pass

        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))


async def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "wamp.sock"
    path.write_text("precious")
    app = web.Application()
    serverwamp.setup_wamp(app, rawsocket=f"unix://{path}")

    with pytest.raises(serverwamp.ConfigurationError, match="something else"):
        async with serving(app):
            pass

    assert path.read_text() == "precious"


async def test_a_file_that_is_another_servers_by_now_is_left_alone(
    tmp_path: Path,
) -> None:
    path = tmp_path / "wamp.sock"
    app = web.Application()
    serverwamp.setup_wamp(app, rawsocket=f"unix://{path}")
    with socket.socket(socket.AF_UNIX) as successor:
        async with serving(app):
            os.rename(path, tmp_path / "moved.sock")
            successor.bind(str(path))

        assert path.exists()


# Signing in.


async def test_tickets_without_tls_from_elsewhere_are_warned_of(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.WARNING)
    monkeypatch.setattr(
        "aiohttp_serverwamp.auth.ticket._is_here", lambda address: False
    )
    listener = free_listener()
    wamp = serverwamp.Application()
    realm = serverwamp.Realm("members")
    realm.set_ticket_authenticator(lambda session, ticket: ticket == "open sesame")
    wamp.add_realm(realm)
    app = web.Application()
    serverwamp.setup_wamp(app, wamp, rawsocket=listener)
    async with serving(app), rawsocket_to(port_of(listener)) as device:
        await device.shake_hands()
        challenge = await device.hello("members", authmethods=["ticket"], authid="joe")
        assert challenge[0] == 4
        assert (await device.ask(5, "open sesame", {}))[0] == 2

    assert "for anybody on the way to read (serve RawSocket at 'tls://" in caplog.text
