"""The clients that people use, over RawSocket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

import aiohttp_serverwamp as serverwamp
from aiohttp_serverwamp.testing import connect, serving
from tests.interop.clients import serializer_of
from tests.interop.drivers import Cast
from tests.interop.remote_client import Answer, error_of
from tests.interop.server import CRA_USERS, check_ticket
from tests.rawsocket_client import free_listener, port_of

#: wampy.js has WebSocket only, and Autobahn|JS has JSON only by RawSocket.
CLIENTS = [
    *(f"autobahn_python-{each}" for each in ("json", "msgpack", "cbor")),
    *(f"xconn-{each}" for each in ("json", "msgpack", "cbor")),
    "autobahn_js-json",
]
each_client = pytest.mark.parametrize("client", CLIENTS)
BINARY = bytes([0, 255, 128, 13, 10, 0x7F])


@dataclass(frozen=True, slots=True)
class Place:
    """Where the realms are served."""

    url: str
    http: Any
    wamp: serverwamp.Application


def make_application() -> serverwamp.Application:
    # So that a server which pinged them would lose those who do not know it.
    limits = serverwamp.Limits(heartbeat=0.1)
    wamp = serverwamp.Application(limits=limits)
    api = serverwamp.RPCRouteSet()

    @api.route("echo")
    async def echo(*args: Any) -> Any:
        return args[0]

    @api.route("fail")
    async def fail() -> None:
        raise serverwamp.ApplicationError("demo.error.sold_out", "sku-1")

    lab = serverwamp.Realm("lab", permissions=serverwamp.OPEN)
    lab.add_routes(api)
    wamp.add_realm(lab)
    members = serverwamp.Realm("members", permissions=serverwamp.OPEN)
    members.set_ticket_authenticator(check_ticket)
    members.set_cra_handlers(
        lambda session: CRA_USERS.get(session.authid or ""),
        lambda session: serverwamp.Identity(session.authid, "member"),
    )
    wamp.add_realm(members)
    return wamp


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    listener = free_listener()
    url = f"rs://127.0.0.1:{port_of(listener)}"
    app = web.Application()
    wamp = serverwamp.setup_wamp(app, make_application(), rawsocket=listener)
    async with serving(app) as http:
        yield Place(url, http, wamp)


@each_client
async def test_a_client_joins_calls_and_leaves(
    cast: Cast, place: Place, client: str
) -> None:
    guest = await cast.client(client)
    await guest.join(place.url, "lab", serializer=serializer_of(client))

    for value in (7, "é\n", [1, {"a": None}], "x" * 50_000):
        assert await guest.call("echo", value) == Answer([value], {})
    assert (await error_of(guest.call("fail"))).uri == "demo.error.sold_out"
    await guest.leave()

    assert place.wamp.sessions() == []


@each_client
async def test_a_client_calls_and_tells_one_that_came_by_websocket(
    cast: Cast, place: Place, client: str
) -> None:
    device = await cast.client(client)
    await device.join(place.url, "lab", serializer=serializer_of(client))
    async with connect(place.http, realm="lab") as browser:
        await device.register("device.echo")
        await device.subscribe("news")

        call = await browser.begin_call("device.echo", [1, "two"])
        invocation = await device.invocation()
        await invocation.answer(*invocation.args)
        answer = await call.result()
        await browser.publish("news", "fresh bread")
        event = await device.event()

    assert answer.args == [1, "two"]
    assert event.args == ["fresh bread"]


@pytest.mark.parametrize(
    ("authid", "authmethod", "secret"),
    [
        pytest.param("joe", "ticket", "open sesame", id="ticket"),
        pytest.param("zoë", "wampcra", "open sesame 🎉", id="wampcra"),
    ],
)
@each_client
async def test_a_client_signs_in(
    cast: Cast, place: Place, client: str, authid: str, authmethod: str, secret: str
) -> None:
    member = await cast.client(client)

    welcome = await member.join(
        place.url,
        "members",
        serializer=serializer_of(client),
        authid=authid,
        authmethod=authmethod,
        secret=secret,
    )

    assert (welcome["authid"], welcome["authrole"]) == (authid, "member")


@each_client
async def test_a_client_that_says_nothing_for_long_is_not_lost(
    cast: Cast, place: Place, client: str
) -> None:
    """A heartbeat is long over when the client is called."""
    silent = await cast.client(client)
    await silent.join(place.url, "lab", serializer=serializer_of(client))
    await silent.subscribe("news")

    await place.wamp.support.sleep(0.5)
    place.wamp.realm("lab").publish("news", "at last")

    assert (await silent.event()).args == ["at last"]


@each_client
async def test_a_client_is_sent_away_with_a_reason(
    cast: Cast, place: Place, client: str
) -> None:
    guest = await cast.client(client)
    await guest.join(place.url, "lab", serializer=serializer_of(client))

    assert await place.wamp.close_sessions(reason="shop.close.closed") == 1

    assert await guest.sent_away() == "shop.close.closed"


async def test_a_client_comes_by_unix_socket(cast: Cast, tmp_path: Path) -> None:
    path = tmp_path / "wamp.sock"
    app = web.Application()
    serverwamp.setup_wamp(app, make_application(), rawsocket=f"unix://{path}")
    async with serving(app):
        guest = await cast.client("xconn-msgpack")
        await guest.join(f"unix://{path}", "lab", serializer="msgpack")

        assert await guest.call("echo", BINARY) == Answer([BINARY], {})
        await guest.leave()


async def test_a_client_that_knows_pings_answers_them(cast: Cast) -> None:
    listener = free_listener()
    url = f"rs://127.0.0.1:{port_of(listener)}"
    app = web.Application()
    wamp = make_application()
    pinging = serverwamp.RawSocket(listener, pings=True)
    serverwamp.setup_wamp(app, wamp, rawsocket=pinging)
    async with serving(app):
        guest = await cast.client("xconn-cbor")
        await guest.join(url, "lab", serializer="cbor")

        await wamp.support.sleep(0.5)

        assert await guest.call("echo", 1) == Answer([1], {})
        await guest.leave()
