"""What a hostile, broken or vanishing client meets, over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import aiohttp_session
import pytest
from aiohttp import web

import aiohttp_serverwamp as serverwamp
from aiohttp_serverwamp.testing import PATIENCE, WAMPClient, connect, serving
from tests.leaks import open_descriptors
from tests.sites import Site, site, until

HELLO = [1, "r", {"roles": {"caller": {}}}]
GOODBYE = [6, {}, "wamp.close.close_realm"]


async def refused(served: Site, **headers: Any) -> int:
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        async with served.client(headers=headers):
            pass
    return caught.value.status


def own_origin(served: Site) -> str:
    return str(served.http._base_url).rstrip("/")


# --- Origin ---------------------------------------------------------------------------


async def test_the_own_origin_may_connect() -> None:
    async with site() as served:
        for origin in (own_origin(served), own_origin(served).upper().lower()):
            async with served.client(headers={"Origin": origin}) as client:
                assert client.id


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "", "http://127.0.0.1:1", "http://"]
)
async def test_a_foreign_origin_gets_403_and_a_line_in_the_log(
    origin: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with site() as served:
        assert await refused(served, Origin=origin) == 403
        assert not served.wamp._open
        (line,) = [r.getMessage() for r in caplog.records if "Origin" in r.getMessage()]
        assert repr(origin) in line
        assert own_origin(served) in line
        assert "allowed_origins" in line
        assert "trusted_proxies" in line


async def raw_upgrade(served: Site, *headers: str) -> str:
    """Send an upgrade request by hand and return the status line."""
    url = served.http._base_url
    assert url is not None
    reader, writer = await asyncio.open_connection(url.host, url.port)
    lines = [
        "GET /ws HTTP/1.1",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
        "Sec-WebSocket-Protocol: wamp.2.json",
        *headers,
    ]
    writer.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
    status = await asyncio.wait_for(reader.readline(), PATIENCE)
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
    return status.decode()


async def test_a_doubled_origin_is_foreign() -> None:
    async with site() as served:
        own = own_origin(served)
        host = own.removeprefix("http://")
        once = await raw_upgrade(served, f"Host: {host}", f"Origin: {own}")
        assert " 101 " in once
        origins = (f"Origin: {own}", f"Origin: {own}")
        assert " 403 " in await raw_upgrade(served, f"Host: {host}", *origins)


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("shop.example", "http://shop.example", 101),
        ("shop.example", "http://shop.example:80", 101),
        ("shop.example:80", "http://shop.example", 101),
        ("SHOP.example", "http://shop.EXAMPLE", 101),
        ("shop.example", "https://shop.example", 403),
        ("shop.example:8080", "http://shop.example", 403),
        ("shop.example", "http://shop.example:8080", 403),
        ("evil.example, shop.example", "http://shop.example", 403),
        ("shop.example", "http://shop.example.evil.example", 403),
        ("a@shop.example", "http://shop.example", 403),
    ],
)
async def test_the_host_header_says_which_site_this_is(
    host: str, origin: str, status: int
) -> None:
    async with site() as served:
        answer = await raw_upgrade(served, f"Host: {host}", f"Origin: {origin}")
        # What is no host at all may be refused by the HTTP parser before.
        assert f" {status} " in answer or (status == 403 and " 400 " in answer)


PROXIED = {
    "Origin": "https://shop.example",
    "X-Forwarded-Host": "shop.example",
    "X-Forwarded-Proto": "https",
}


async def test_a_proxys_headers_count_only_from_a_trusted_one() -> None:
    async with site() as served:
        assert await refused(served, **PROXIED) == 403
    async with site(setup={"trusted_proxies": ["10.0.0.0/8"]}) as served:
        assert await refused(served, **PROXIED) == 403
    async with site(setup={"trusted_proxies": ["127.0.0.0/8"]}) as served:
        async with served.client(headers=PROXIED) as client:
            assert client.id
        forged = {**PROXIED, "X-Forwarded-Host": "shop.example, evil.example"}
        async with served.client(headers=forged) as client:
            assert client.id
        for wrong in (
            {"Origin": "https://evil.example"},
            {"X-Forwarded-Proto": "http"},
            {"X-Forwarded-Host": "evil.example, shop.example"},
            {"X-Forwarded-Host": "shop.example:8443"},
        ):
            assert await refused(served, **{**PROXIED, **wrong}) == 403


async def test_listed_origins_may_connect() -> None:
    async with site(setup={"allowed_origins": ["https://app.example"]}) as served:
        headers = {"Origin": "https://app.example"}
        async with served.client(headers=headers) as client:
            assert client.id
        assert await refused(served, Origin="https://evil.example") == 403


# --- Before the upgrade ---------------------------------------------------------------


async def test_a_browser_that_visits_is_told_what_lives_here() -> None:
    async with site() as served, served.http.get("/ws") as response:
        assert response.status == 426
        assert response.headers["Upgrade"] == "websocket"


async def test_an_unknown_subprotocol_is_refused_with_the_known_ones() -> None:
    headers = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        "Sec-WebSocket-Protocol": "wamp.2.flatbuffers",
    }
    async with site() as served, served.http.get("/ws", headers=headers) as response:
        assert response.status == 400
        text = await response.text()
        assert "wamp.2.json" in text
        assert "wamp.2.msgpack" in text


async def test_a_full_server_answers_503_until_somebody_leaves() -> None:
    limits = serverwamp.Limits(max_sessions=2)
    async with site(limits=limits) as served, served.client():
        async with served.client():
            assert await refused(served) == 503
        await until(lambda: len(served.wamp._open) == 1)
        async with served.client() as client:
            assert client.id


class SlowStorage(aiohttp_session.SimpleCookieStorage):
    """Sessions from a store that answers when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0
        self.answer = asyncio.Event()

    async def load_session(self, request: web.Request) -> aiohttp_session.Session:
        self.asked += 1
        await self.answer.wait()
        return await super().load_session(request)


@pytest.mark.parametrize("limit", ["max_sessions", "max_unauthenticated"])
async def test_clients_that_come_at_the_same_time_do_not_overfill_the_server(
    limit: str,
) -> None:
    """Their places are kept while their HTTP sessions are loaded."""
    storage = SlowStorage()
    app = web.Application()
    aiohttp_session.setup(app, storage)
    limits = serverwamp.Limits(**{limit: 2})
    wamp = serverwamp.setup_wamp(app, limits=limits)

    async def come(http: aiohttp.ClientSession) -> int:
        try:
            ws = await http.ws_connect("/ws", protocols=["wamp.2.json"])
        except aiohttp.WSServerHandshakeError as refusal:
            return refusal.status
        opened.append(ws)
        return 101

    opened: list[Any] = []
    async with serving(app) as http:
        coming = [asyncio.create_task(come(http)) for _ in range(6)]
        await until(lambda: sum(each.done() for each in coming) == 4)
        storage.answer.set()

        assert sorted(await asyncio.gather(*coming)) == [101, 101, 503, 503, 503, 503]
        assert storage.asked == 2

        for ws in opened:
            await ws.close()
        await until(lambda: not wamp._open)
        assert [await come(http), await come(http), await come(http)] == [101, 101, 503]
        for ws in opened:
            await ws.close()


async def test_a_refused_upgrade_gives_its_place_back() -> None:
    limits = serverwamp.Limits(max_sessions=1)
    async with site(limits=limits) as served:
        for _ in range(3):
            assert await refused(served, Origin="https://evil.example") == 403
            async with served.http.get("/ws") as response:
                assert response.status == 426
        async with served.client() as client:
            assert client.id
            assert await refused(served) == 503


async def test_too_many_that_have_not_joined_are_503_but_members_do_not_count() -> None:
    limits = serverwamp.Limits(max_unauthenticated=1)
    async with (
        site(limits=limits) as served,
        served.client(),
        served.client(),
        connect(served.http, realm=None) as idle,
    ):
        await until(lambda: len(served.wamp._open) == 3)
        assert await refused(served) == 503
        await idle.join("r")
        async with served.client() as another:
            assert another.id


# --- Deadlines ------------------------------------------------------------------------


async def test_hello_has_a_deadline_that_pings_do_not_extend() -> None:
    limits = serverwamp.Limits(hello_timeout=0.2)
    async with site(limits=limits) as served:
        async with connect(served.http, realm=None) as silent:

            async def ping() -> None:
                while not silent.ws.closed:
                    await silent.ws.ping()
                    await asyncio.sleep(0.02)

            pinging = asyncio.create_task(ping())
            assert (await silent.receive())[::2] == [3, "wamp.error.protocol_violation"]
            assert await silent.close_code() == 1000
            with contextlib.suppress(ConnectionError):
                await pinging
        await until(lambda: not served.wamp._open)


async def test_a_challenge_has_a_deadline() -> None:
    limits = serverwamp.Limits(auth_timeout=0.1)
    realm = serverwamp.Realm("r")
    realm.set_ticket_authenticator(lambda session, ticket: True)
    async with (
        site(realm=realm, limits=limits) as served,
        connect(served.http, realm=None) as client,
    ):
        details = {
            "roles": {"caller": {}},
            "authid": "a",
            "authmethods": ["ticket"],
        }
        await client.send([1, "r", details])
        assert (await client.receive())[0] == 4
        assert (await client.receive())[::2] == [
            3,
            "wamp.error.authentication_failed",
        ]
        assert await client.close_code() == 1000


async def test_a_verifier_that_hangs_has_a_deadline_and_is_cancelled() -> None:
    limits, cancelled = serverwamp.Limits(auth_timeout=0.1), []

    async def verify(session: Any, ticket: str) -> bool:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.append(True)
            raise
        return True

    realm = serverwamp.Realm("r")
    realm.set_ticket_authenticator(verify)
    # The connection's tasks have `close_timeout` to end by themselves.
    limits = serverwamp.Limits(auth_timeout=0.1, close_timeout=0.2)
    async with site(realm=realm, limits=limits) as served:
        with pytest.raises(serverwamp.testing.JoinRejected, match="too long"):
            async with served.client(authid="a", ticket="t"):
                pass
        await until(lambda: cancelled)


# --- Messages -------------------------------------------------------------------------


async def test_an_oversize_message_ends_the_connection_with_1009() -> None:
    limits = serverwamp.Limits(max_message_size=10_000)
    api = serverwamp.RPCRouteSet()

    @api.route("length")
    async def length(text: str) -> int:
        return len(text)

    async with site(api, limits=limits) as served, served.client() as client:
        assert await client.call("length", "x" * 9_900) == 9_900
        await client.begin_call("length", ["x" * 10_000])
        assert await client.close_code() == 1009
        await until(lambda: not served.wamp.sessions())


@pytest.mark.parametrize(
    "serializer", ["json", "msgpack", "cbor", "json.batched", "msgpack.batched"]
)
async def test_a_frame_of_the_wrong_kind_is_a_violation(serializer: str) -> None:
    async with site() as served, served.client(serializer=serializer) as client:
        if serializer.startswith("json"):
            await client.ws.send_bytes(b'[48,1,{},"ping"]')
        else:
            await client.ws.send_str('[48,1,{},"ping"]')
        assert (await client.receive())[::2] == [3, "wamp.error.protocol_violation"]
        assert await client.close_code() == 1002


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[48,",
        "null",
        "[]",
        "{}",
        '["48"]',
        "[48]",
        "[true]",
        "[999,1]",
        "[2,1,{}]",
    ],
)
@pytest.mark.parametrize("joined", [True, False])
async def test_what_is_no_message_is_a_violation(text: str, joined: bool) -> None:
    async with (
        site() as served,
        connect(served.http, realm="r" if joined else None) as client,
    ):
        await client.ws.send_str(text)
        assert (await client.receive())[::2] == [3, "wamp.error.protocol_violation"]
        assert await client.close_code() == 1002
        await until(lambda: not served.wamp._open)


@pytest.mark.parametrize(
    "data", [b"", b"\xc1", b"\x91", b"\x80", b"\xdd\xff\xff\xff\xff", b"\x91\x30\x00"]
)
async def test_bytes_that_are_no_message_are_a_violation(data: bytes) -> None:
    async with site() as served, served.client(serializer="msgpack") as client:
        await client.ws.send_bytes(data)
        assert (await client.receive())[::2] == [3, "wamp.error.protocol_violation"]
        assert await client.close_code() == 1002


async def test_unexpected_messages_are_violations_in_every_state() -> None:
    async with site() as served:
        for realm, message in [
            (None, [48, 1, {}, "p"]),
            (None, [6, {}, "wamp.close.close_realm"]),
            ("r", HELLO),
            ("r", [5, "signature", {}]),
            ("r", [70, 1, {}]),
        ]:
            async with connect(served.http, realm=realm) as client:
                await client.send(message)
                answer = await client.receive()
                assert answer[::2] == [3, "wamp.error.protocol_violation"], message
                assert await client.close_code() == 1002


async def test_a_flood_of_calls_is_refused_call_by_call() -> None:
    limits = serverwamp.Limits(max_pending_calls=5)
    api = serverwamp.RPCRouteSet()

    @api.route("hang")
    async def hang() -> None:
        await asyncio.sleep(60)

    async with site(api, limits=limits) as served, served.client() as client:
        calls = [await client.begin_call("hang") for _ in range(6)]
        with pytest.raises(serverwamp.ApplicationError, match="unavailable"):
            await calls[5].result()
        # There is room again for those that are cancelled.
        await calls[0].cancel()
        with pytest.raises(serverwamp.ApplicationError, match="canceled"):
            await calls[0].result()
        assert len(served.realm.sessions()) == 1


# --- Slow clients ---------------------------------------------------------------------


@pytest.mark.parametrize("setup", [{}, {"compress": True}], ids=["plain", "compress"])
async def test_a_subscriber_that_stops_reading_is_cut_and_the_others_are_not(
    setup: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    limits = serverwamp.Limits(max_pending_bytes=200_000)
    async with (
        site(open_=True, limits=limits, setup=setup) as served,
        served.client() as healthy,
        served.client() as stalled,
    ):
        heard = await healthy.subscribe("t")
        await stalled.subscribe("t")
        stop_reading(stalled)
        sent = 0
        while len(served.wamp.sessions()) == 2:
            assert sent < 2_000, "the stalled client was never cut"
            served.realm.publish("t", sent, "x" * 20_000)
            sent += 1
            await asyncio.sleep(0)
            # A healthy client is one that keeps up.
            assert (await heard.next()).args[0] == sent - 1
        assert [session.id for session in served.wamp.sessions()] == [healthy.id]
        assert "connection cut" in caplog.text
        served.realm.publish("t", "still here")
        assert (await heard.next()).args == ["still here"]
        # Its own clean-up must not wait for what will never be read.
        abort(stalled)


def transport_of(client: WAMPClient) -> asyncio.Transport:
    connection = client.ws._conn
    assert connection is not None
    transport = connection.transport
    assert isinstance(transport, asyncio.Transport)
    return transport


def stop_reading(client: WAMPClient) -> None:
    transport_of(client).pause_reading()


def abort(client: WAMPClient) -> None:
    transport_of(client).abort()


# --- Vanishing ------------------------------------------------------------------------


async def vanish_before_hello(client: WAMPClient) -> None:
    abort(client)


async def vanish_after_hello(client: WAMPClient) -> None:
    await client.send(HELLO)
    abort(client)


async def vanish_politely(client: WAMPClient) -> None:
    await client.join("r")
    await client.leave()


async def vanish_after_leaving(client: WAMPClient) -> None:
    await client.join("r")
    client.answers_goodbye = False
    await client.send(GOODBYE)
    await client.receive()
    abort(client)


async def vanish_after_joining_again(client: WAMPClient) -> None:
    await client.join("r")
    await client.subscribe("t")
    await client.begin_call("hang")
    client.answers_goodbye = False
    await client.send(GOODBYE)
    await client.receive()
    await client.join("r")
    await client.begin_call("hang")
    abort(client)


async def vanish_by_closing(client: WAMPClient) -> None:
    await client.join("r")
    await client.ws.close()


async def vanish_by_abort(client: WAMPClient) -> None:
    await client.join("r")
    await client.send([3, {}, "wamp.error.system_shutdown"])
    await client.close_code()


async def vanish_while_subscribed(client: WAMPClient) -> None:
    await client.join("r")
    await client.subscribe("t")
    await client.subscribe("t.", match="prefix")
    abort(client)


async def vanish_while_subscribing(client: WAMPClient) -> None:
    await client.join("r")
    await client.send([32, 1, {}, "slow"])
    await asyncio.sleep(0.01)
    abort(client)


async def vanish_while_calling(client: WAMPClient) -> None:
    await client.join("r")
    await client.begin_call("hang")
    await asyncio.sleep(0.01)
    abort(client)


async def vanish_while_called(client: WAMPClient) -> None:
    await client.join("r")
    started = asyncio.Event()

    async def hang() -> None:
        started.set()
        await asyncio.sleep(60)

    await client.register("theirs", hang)
    # A client that calls itself.
    await client.begin_call("theirs")
    await started.wait()
    abort(client)


async def vanish_in_the_middle_of_a_frame(client: WAMPClient) -> None:
    await client.join("r")
    transport_of(client).write(b"\x81\xfe\x10\x00abcd")
    await asyncio.sleep(0.01)
    abort(client)


async def vanish_with_a_violation(client: WAMPClient) -> None:
    await client.join("r")
    await client.ws.send_str("nonsense")
    abort(client)


async def vanish_unread(client: WAMPClient) -> None:
    await client.join("r")
    stop_reading(client)
    for _ in range(20):
        await client.begin_call("large")
    abort(client)


WAYS: list[Callable[[WAMPClient], Awaitable[None]]] = [
    vanish_before_hello,
    vanish_after_hello,
    vanish_politely,
    vanish_after_leaving,
    vanish_after_joining_again,
    vanish_by_closing,
    vanish_by_abort,
    vanish_while_subscribed,
    vanish_while_subscribing,
    vanish_while_calling,
    vanish_while_called,
    vanish_in_the_middle_of_a_frame,
    vanish_with_a_violation,
    vanish_unread,
]


@pytest.mark.parametrize("serializer", ["json", "msgpack"])
@pytest.mark.parametrize("vanish", WAYS, ids=lambda way: way.__name__[7:])
async def test_a_client_that_vanishes_leaves_nothing_behind(
    vanish: Callable[[WAMPClient], Awaitable[None]], serializer: str
) -> None:
    api, topics = serverwamp.RPCRouteSet(), serverwamp.TopicRouteSet()

    @api.route("hang")
    async def hang() -> None:
        await asyncio.sleep(60)

    @api.route("large")
    async def large() -> str:
        return "x" * 100_000

    @topics.route("slow")
    async def slow() -> AsyncIterator[None]:
        await asyncio.sleep(60)
        yield

    async with site(api, topics, open_=True) as served:
        tasks = len(asyncio.all_tasks())
        descriptors = len(open_descriptors())
        for _ in range(3):
            async with connect(served.http, realm=None, serializer=serializer) as one:
                await vanish(one)
        router, local = served.realm.router, served.realm.local
        await until(lambda: not served.wamp._open)
        assert not served.wamp._joining
        assert not served.wamp.sessions()
        assert not router.sessions
        assert not router.broker.subscriptions
        assert not local.dealing.invocations
        assert not local.procedures.running
        assert not local.dealing.calls
        with pytest.raises(serverwamp.ApplicationError, match="no_such_procedure"):
            await served.realm.call("theirs")
        await until(lambda: len(asyncio.all_tasks()) <= tasks)
        await until(lambda: len(open_descriptors()) <= descriptors)
