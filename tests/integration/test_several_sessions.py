"""One connection, several sessions one after another (specification, 2.1)."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp_session import new_session, setup
from aiohttp_session.cookie_storage import EncryptedCookieStorage
from cryptography.fernet import Fernet

import aiohttp_serverwamp as serverwamp
from aiohttp_serverwamp.testing import JoinRejected, WAMPClient, connect, serving
from tests.sites import site, until

GOODBYE = [6, {}, "wamp.close.close_realm"]
GOODBYE_AND_OUT = [6, {}, "wamp.close.goodbye_and_out"]


async def leave(client: WAMPClient) -> None:
    """Say goodbye, and stay connected."""
    client.answers_goodbye = False
    await client.send(GOODBYE)
    assert await client.receive() == GOODBYE_AND_OUT


@pytest.mark.parametrize("serializer", ["json", "msgpack", "cbor", "json.batched"])
async def test_a_client_goes_from_one_realm_to_another(serializer: str) -> None:
    guests, members = serverwamp.Realm("guests"), serverwamp.Realm("members")
    for realm in (guests, members):
        api, topics = serverwamp.RPCRouteSet(), serverwamp.TopicRouteSet()

        @api.route("where")
        async def where(session: serverwamp.Session) -> list[object]:
            return [session.realm.uri, session.id]

        topics.declare("news")
        realm.add_routes([*api, *topics])

    async with site(realm=guests) as served:
        served.wamp.add_realm(members)
        async with connect(served.http, realm=None, serializer=serializer) as client:
            await client.join("guests")
            assert await client.call("where") == ["guests", client.id]
            first, old_news = client.id, await client.subscribe("news")
            await leave(client)
            assert served.wamp.sessions() == []
            await client.join("members")
            assert client.id != first
            assert await client.call("where") == ["members", client.id]
            guests.publish("news", "for guests")
            assert await client.call("where") == ["members", client.id]
            assert old_news.empty()


async def test_what_a_left_session_had_running_ends_without_the_connection() -> None:
    running, log = asyncio.Event(), list[str]()
    api, topics = serverwamp.RPCRouteSet(), serverwamp.TopicRouteSet()

    @api.route("work")
    async def work() -> None:
        running.set()
        try:
            await asyncio.sleep(60)
        finally:
            log.append("work cancelled")

    @api.route("ping")
    async def ping() -> str:
        return "pong"

    @topics.route("news")
    async def watch(session: serverwamp.Session) -> AsyncIterator[None]:
        yield
        await asyncio.sleep(0)
        log.append(f"{session.authid} unsubscribed, open: {session.is_open}")

    async def accompany(session: serverwamp.Session) -> AsyncIterator[None]:
        log.append("joined")
        yield
        log.append("left")

    realm = serverwamp.Realm("r")
    realm.add_session_lifespan_handler(accompany)
    async with site(api, topics, realm=realm) as served, served.client() as client:
        first = client.welcome["authid"]
        await client.subscribe("news")
        await client.begin_call("work")
        await running.wait()

        await leave(client)
        await client.join("r")

        assert await client.call("ping") == "pong"
        await until(lambda: len(log) == 5)
        assert sorted(log) == sorted(
            [
                *("joined", "joined", "left", "work cancelled"),
                f"{first} unsubscribed, open: False",
            ]
        )


async def test_a_left_session_is_freed_while_its_connection_goes_on() -> None:
    """Without the garbage collector, or a client could make the server hoard them."""
    async with site(open_=True) as served, served.client() as client:
        (session,) = served.realm.router.sessions.values()
        left = weakref.ref(session)
        del session
        gc.collect()
        gc.disable()
        try:
            await leave(client)
            await client.join("r")
            await until(lambda: left() is None)
        finally:
            gc.enable()
        assert len(served.wamp._open) == 1
        assert not served.wamp._joining


async def test_a_connection_between_two_sessions_counts_as_joining() -> None:
    limits = serverwamp.Limits(max_unauthenticated=1)
    async with site(open_=True, limits=limits) as served, served.client() as client:
        assert served.wamp.admits_connection()
        await leave(client)
        assert not served.wamp.admits_connection()
        await client.join("r")
        assert served.wamp.admits_connection()


async def test_who_does_not_come_back_in_time_is_closed() -> None:
    limits = serverwamp.Limits(hello_timeout=0.05)
    async with site(open_=True, limits=limits) as served, served.client() as client:
        await leave(client)
        assert await client.close_code() == 1000
        with pytest.raises(serverwamp.ConnectionClosed):
            await client.receive()


async def test_the_server_stops_while_a_client_is_between_two_sessions() -> None:
    async with site(open_=True) as served, served.client() as client:
        await leave(client)
        await served.wamp.shutdown()
        assert await client.close_code() == 1001


async def test_the_http_session_stays_that_of_the_upgrade() -> None:
    """Signing in comes with a new cookie, and a new cookie with a new connection."""

    async def login(request: web.Request) -> web.Response:
        (await new_session(request))["user"] = "ann"
        return web.Response()

    app = web.Application()
    setup(app, EncryptedCookieStorage(Fernet(Fernet.generate_key())))
    app.router.add_post("/login", login)
    wamp = serverwamp.setup_wamp(app)
    members = serverwamp.Realm("members")
    members.add_transport_authenticator(serverwamp.session_authenticator("user"))
    wamp.add_realm(members)
    async with serving(app) as http, connect(http, realm="lobby") as client:
        await http.post("/login")
        await leave(client)
        with pytest.raises(JoinRejected, match="authentication_required"):
            await client.join("members")
        async with connect(http, realm="members") as member:
            assert member.welcome["authid"] == "ann"
