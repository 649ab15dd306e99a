"""Clients that do not keep up with events that may be dropped, over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web

import aiohttp_serverwamp as serverwamp
from aiohttp_serverwamp import SlowConsumer, SlowConsumerReport
from aiohttp_serverwamp.serializers import serializer_for
from aiohttp_serverwamp.testing import (
    PATIENCE,
    PendingCall,
    Subscription,
    WAMPClient,
)
from tests.certificates import Authority, client_context
from tests.sites import until

#: So many that compression has forgotten one when it comes again.
EVENTS = [random.Random(seed).randbytes(10_000).hex() for seed in range(10)]
#: No kernel takes so many for a client that does not read, compressed or not.
MOST = 4_200
#: Events of one turn of the loop: fewer bytes than make a client behind.
A_TURN = 3

KINDS = ("plain", "compressed", "tls")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


class Site:
    """A server, and what its hook was told."""

    def __init__(self, **limits: Any) -> None:
        #: How often ``long`` was.
        self.called = 0
        self.reports: list[tuple[int, SlowConsumerReport]] = []
        self.wamp = serverwamp.Application(limits=serverwamp.Limits(**limits))
        self.realm = serverwamp.Realm(
            "r", permissions=serverwamp.OPEN, on_slow_consumer=self.note
        )
        topics = serverwamp.TopicRouteSet()
        topics.declare("state.", match="prefix", slow_consumer="conflate")
        topics.declare("log", slow_consumer=SlowConsumer.DROP_OLDEST)
        topics.declare("alarm", slow_consumer=SlowConsumer.DROP_NEWEST)
        api = serverwamp.RPCRouteSet()
        api.route("double")(lambda number: 2 * number)
        api.route("long")(self.long)
        self.realm.add_routes([*topics, *api])
        self.wamp.add_realm(self.realm)
        self.http: aiohttp.ClientSession
        self.port = 0
        self.compress = 0

    def long(self, number: int) -> tuple[int, str]:
        self.called += 1
        return number, EVENTS[number % 10] * 5

    def note(self, session: serverwamp.Session, report: SlowConsumerReport) -> None:
        self.reports.append((session.id, report))

    @asynccontextmanager
    async def client(self) -> AsyncIterator[WAMPClient]:
        ws = await self.http.ws_connect(
            "/ws", protocols=["wamp.2.json"], compress=self.compress, max_msg_size=0
        )
        client = WAMPClient(ws, serializer_for("wamp.2.json"))
        try:
            await client.join("r")
            yield client
            await client.leave()
        finally:
            await client.drop()


@asynccontextmanager
async def site(kind: str, authority: Authority, **limits: Any) -> AsyncIterator[Site]:
    made = Site(**limits)
    app = web.Application()
    serverwamp.setup_wamp(app, made.wamp, compress=kind == "compressed")
    made.compress = 15 if kind == "compressed" else 0
    tls = trust = None
    if kind == "tls":
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(authority.issue("127.0.0.1"))
        trust = client_context(authority, None)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
        port = made.port = runner.addresses[0][1]
        url = f"http{'s' if tls else ''}://127.0.0.1:{port}"
        connector = aiohttp.TCPConnector(ssl=trust or True)
        async with aiohttp.ClientSession(url, connector=connector) as made.http:
            yield made
    finally:
        await runner.cleanup()


def transport_of(client: WAMPClient) -> Any:
    connection = client.ws._conn
    assert connection is not None
    return connection.transport


def abort(client: WAMPClient) -> None:
    """Have its own clean-up not wait for what will never be read."""
    connection = client.ws._conn
    if connection is not None and connection.transport is not None:
        connection.transport.abort()


async def publish_a_turn(site: Site, count: int, *topics: str) -> int:
    for number in range(count, count + A_TURN):
        site.realm.publish(topics[number % len(topics)], number, EVENTS[number % 10])
    await asyncio.sleep(0.001)
    return count + A_TURN


async def publish_too_much(
    site: Site, *topics: str, heard: Subscription | None = None
) -> int:
    """Publish until there is a report, and more; return how many events."""
    count, end = 0, MOST
    while count < end:
        count = await publish_a_turn(site, count, *topics)
        if heard is not None:
            await numbers_of(heard, lasts(count)[2])
        if site.reports and end == MOST:
            end = count + 120
    assert end < MOST, "nobody was too slow"
    return count


async def numbers_of(subscription: Subscription, last: int) -> list[int]:
    """Take the numbers of the events until the one with the number `last`."""
    numbers: list[int] = []
    while last not in numbers:
        numbers.append((await subscription.next()).args[0])
    return numbers


@pytest.mark.parametrize("kind", KINDS)
async def test_a_stalled_client_misses_events_and_nothing_else(
    kind: str, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "aiohttp_serverwamp")
    async with (
        site(kind, authority) as served,
        served.client() as slow,
        served.client() as healthy,
    ):
        first = await slow.subscribe("state.a")
        second = await slow.subscribe("state.b")
        log = await slow.subscribe("log")
        heard = await healthy.subscribe("log")
        transport_of(slow).pause_reading()
        early = await slow.begin_call("double", [4])
        count = await publish_too_much(served, "state.a", "state.b", "log", heard=heard)
        late = await slow.begin_call("double", [5])

        [(session, report)] = served.reports
        assert session == slow.id
        assert report.policy is not SlowConsumer.DISCONNECT
        assert report.topic in ("state.a", "state.b", "log")
        assert len([r for r in caplog.records if "does not keep up" in r.message]) == 1

        transport_of(slow).resume_reading()
        assert [await early.result(), await late.result()] == [8, 10]
        got = [
            await numbers_of(subscription, last)
            for subscription, last in zip(
                (first, second, log), lasts(count), strict=True
            )
        ]
        assert all(numbers == sorted(numbers) for numbers in got)
        received = sum(map(len, got))
        dropped = session_of(served, slow).dropped_events
        assert received + dropped == count
        assert served.wamp.stats().events_dropped == dropped
        assert served.realm.stats().events_dropped == dropped
        # What waited was a megabyte of the log, and the newest of each state.
        assert len(got[2]) > len(got[0])
        assert session_of(served, healthy).dropped_events == 0

        # And it is a client like any other again.
        await until(lambda: not is_behind(served, slow))
        served.realm.publish("log", "again")
        assert (await log.next()).args == ["again"]


def lasts(count: int) -> list[int]:
    """Return the number of the last event of each of three topics."""
    return [max(range(topic, count, 3)) for topic in range(3)]


def session_of(served: Site, client: WAMPClient) -> serverwamp.Session:
    return next(each for each in served.realm.sessions() if each.id == client.id)


def is_behind(served: Site, client: WAMPClient) -> bool:
    connection: Any = session_of(served, client).connection
    return connection._outbox._backlog is not None


@pytest.mark.parametrize("kind", KINDS)
async def test_a_stalled_client_whose_events_are_dropped_is_cut_at_the_deadline(
    kind: str, authority: Authority
) -> None:
    async with (
        site(
            kind, authority, write_deadline=1.0, max_droppable_bytes=100_000
        ) as served,
        served.client() as slow,
    ):
        await slow.subscribe("log")
        transport_of(slow).pause_reading()
        async with asyncio.timeout(PATIENCE):
            while served.realm.sessions():
                await publish_a_turn(served, 0, "log")

        *before, (session, last) = served.reports
        assert {each.policy for _, each in before} == {SlowConsumer.DROP_OLDEST}
        assert session == slow.id
        assert last.policy is SlowConsumer.DISCONNECT
        assert last.topic is None
        assert last.dropped == served.realm.stats().events_dropped > 0
        abort(slow)


async def test_a_client_that_reads_slowly_is_kept(authority: Authority) -> None:
    """What it takes is seen before a third of the kernel's megabytes has gone."""
    loop = asyncio.get_running_loop()
    async with site("plain", authority, write_deadline=1.0) as served:
        reading = socket.socket()
        with contextlib.closing(reading):
            reading.setblocking(False)
            reading.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
            await loop.sock_connect(reading, ("127.0.0.1", served.port))
            for said in (UPGRADE, *map(masked, SUBSCRIBING)):
                await loop.sock_sendall(reading, said)
                await loop.sock_recv(reading, 1000)
            await publish_too_much(served, "state.a", "state.b")
            published = 0
            # Several deadlines long.
            for _ in range(30):
                published = await publish_a_turn(served, published, "state.a")
                await loop.sock_recv(reading, 20_000)
                await asyncio.sleep(0.1)
            [session] = served.realm.sessions()
            assert session.dropped_events > 0


UPGRADE = (
    b"GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
    b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    b"Sec-WebSocket-Protocol: wamp.2.json\r\n\r\n"
)
SUBSCRIBING = (
    b'[1,"r",{"roles":{"subscriber":{}}}]',
    b'[32,1,{"match":"prefix"},"state."]',
)


def masked(payload: bytes) -> bytes:
    """Return a client's frame, masked with zeros."""
    return bytes([0x81, 0x80 | len(payload), 0, 0, 0, 0]) + payload


async def test_the_reader_of_other_topics_is_cut_as_ever_and_reported(
    authority: Authority,
) -> None:
    async with (
        site("plain", authority, max_pending_bytes=500_000) as served,
        served.client() as slow,
    ):
        await slow.subscribe("news")
        transport_of(slow).pause_reading()
        count = await publish_too_much(served, "news")
        await until(lambda: not served.realm.sessions())

        assert count
        assert [report for _, report in served.reports] == [
            SlowConsumerReport(SlowConsumer.DISCONNECT, None, 0)
        ]
        abort(slow)


async def test_the_oldest_events_are_kept_where_new_ones_are_dropped(
    authority: Authority,
) -> None:
    async with (
        site("plain", authority, max_droppable_bytes=100_000) as served,
        served.client() as slow,
    ):
        alarm = await slow.subscribe("alarm")
        transport_of(slow).pause_reading()
        count = await publish_too_much(served, "alarm")
        transport_of(slow).resume_reading()
        await until(lambda: not is_behind(served, slow))
        served.realm.publish("alarm", count)
        numbers = await numbers_of(alarm, count)

        assert numbers == [*range(len(numbers) - 1), count]
        assert len(numbers) - 1 + served.realm.stats().events_dropped == count


async def test_a_slow_client_that_leaves_is_answered_after_what_waits(
    authority: Authority,
) -> None:
    async with site("plain", authority) as served, served.client() as slow:
        log = await slow.subscribe("log")
        transport_of(slow).pause_reading()
        count = await publish_too_much(served, "log")
        transport_of(slow).resume_reading()
        await session_of(served, slow).close()
        await numbers_of(log, count - 1)
        assert await slow.close_code() == 4403
        assert slow.ended == "wamp.close.killed"


async def test_what_the_hook_raises_is_logged_and_goes_no_further(
    authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    async with site("plain", authority) as served, served.client() as slow:

        def fail(session: serverwamp.Session, report: SlowConsumerReport) -> None:
            served.note(session, report)
            raise RuntimeError("the hook is broken")

        served.realm.on_slow_consumer = fail
        await slow.subscribe("log")
        transport_of(slow).pause_reading()
        await publish_too_much(served, "log")
        assert "the hook is broken" in caplog.text
        assert session_of(served, slow).is_open
        abort(slow)


# Clients that ask without reading the answers.


@pytest.mark.parametrize("kind", KINDS)
async def test_a_client_that_asks_without_reading_is_not_read_from(
    kind: str, authority: Authority
) -> None:
    async with (
        site(kind, authority, max_pending_bytes=2_000_000) as served,
        served.client() as slow,
    ):
        transport_of(slow).pause_reading()
        calls: list[PendingCall] = []
        before = -1
        # Until nothing more is answered.
        while len(calls) < 50 or before < served.called:
            assert len(calls) < MOST, "it was read from all the time"
            before = served.called
            calls += [await slow.begin_call("long", [n]) for n in range(20)]
            await asyncio.sleep(0.2)

        assert served.called < len(calls)
        # Nor is it cut: it was stopped before it could be owed too much.
        assert served.wamp.stats().pending_bytes < 2_000_000
        transport_of(slow).resume_reading()
        for number, call in enumerate(calls):
            assert (await call.result()).args[0] == number % 20
        assert served.reports == []


@pytest.mark.parametrize("kind", KINDS)
async def test_the_pongs_of_a_client_that_is_not_read_from_do_not_save_it(
    kind: str, authority: Authority
) -> None:
    async with (
        site(kind, authority, max_pending_bytes=400_000, heartbeat=0.5) as served,
        served.client() as slow,
    ):
        transport_of(slow).pause_reading()
        async with asyncio.timeout(PATIENCE):
            while served.realm.sessions():
                with contextlib.suppress(serverwamp.ConnectionClosed):
                    await slow.begin_call("long", [1])
                    await slow.ws.pong()
                await asyncio.sleep(0.01)
        assert [report.policy for _, report in served.reports] == ["disconnect"]
        abort(slow)


async def test_events_that_are_dropped_do_not_keep_a_client_from_being_read(
    authority: Authority,
) -> None:
    limits = {"max_pending_bytes": 400_000, "max_droppable_bytes": 4_000_000}
    async with site("plain", authority, **limits) as served, served.client() as slow:
        await slow.subscribe("log")
        transport_of(slow).pause_reading()
        await publish_too_much(served, "log")
        assert served.wamp.stats().pending_bytes > 4_000_000
        await slow.begin_call("long", [1])
        await until(lambda: served.called == 1)
        abort(slow)


@pytest.mark.parametrize("kind", KINDS)
async def test_cancel_gets_through_where_calls_do_not(
    kind: str, authority: Authority
) -> None:
    async with (
        site(kind, authority, max_pending_calls=2) as served,
        served.client() as client,
    ):
        started = asyncio.Event()

        async def hang() -> None:
            started.set()
            await asyncio.Event().wait()

        api = serverwamp.RPCRouteSet()
        api.route("hang")(hang)
        served.realm.add_routes(api)
        hanging = [await client.begin_call("hang") for _ in range(2)]
        refused = [await client.begin_call("hang") for _ in range(3)]
        for call in refused:
            with pytest.raises(serverwamp.errors.Unavailable):
                await call.result()
        await hanging[1].cancel()
        with pytest.raises(serverwamp.errors.Canceled):
            await hanging[1].result()
        assert await client.call("double", 2) == 4
        await hanging[0].cancel()


async def test_events_before_subscribed_are_conflated_as_well(
    authority: Authority,
) -> None:
    gate = asyncio.Event()
    topics = serverwamp.TopicRouteSet()

    @topics.route("late", slow_consumer="conflate")
    async def late() -> AsyncIterator[None]:
        await gate.wait()
        yield

    async with site("plain", authority) as served, served.client() as client:
        served.realm.add_routes(topics)
        subscribing = asyncio.create_task(client.subscribe("late"))
        broker = served.realm.router.broker
        await until(lambda: broker.subscriptions.matches("late"))
        for number in range(5):
            served.realm.publish("late", number)
        gate.set()
        subscription = await subscribing
        served.realm.publish("late", 5)

        assert await numbers_of(subscription, 5) == [4, 5]
        assert session_of(served, client).dropped_events == 4
