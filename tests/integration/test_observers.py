"""What is counted, what observers hear, and what the access log says."""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import AbstractContextManager
from typing import Any

import pytest

import aiohttp_serverwamp as serverwamp
from aiohttp_serverwamp import (
    ApplicationError,
    CallReport,
    ConfigurationError,
    Observer,
    Realm,
    SessionRejected,
    SessionReport,
    Stats,
)
from aiohttp_serverwamp.testing import JoinRejected, connect
from tests.sites import site, until

LOGGER = "aiohttp_serverwamp.access"


class Diary(Observer):
    """Writes everything down."""

    def __init__(self) -> None:
        self.entries: list[tuple[Any, ...]] = []
        self.calls: list[CallReport] = []
        self.left: list[SessionReport] = []

    def session_joined(self, session: SessionReport) -> None:
        self.entries.append(("joined", session.realm))

    def session_left(self, session: SessionReport) -> None:
        self.entries.append(("left", session.cause))
        self.left.append(session)

    def session_refused(self, session: SessionReport) -> None:
        self.entries.append(("refused", session.cause))

    def sign_in_failed(self, session: SessionReport) -> None:
        self.entries.append(("failed", session.authid))

    def message_refused(self, realm: str, message: str, error: str) -> None:
        self.entries.append((message, error))

    def client_cut(self, session: SessionReport) -> None:
        self.entries.append(("cut", session.realm))

    def call_finished(self, call: CallReport) -> None:
        self.entries.append(("call", call.uri, call.outcome, call.error))
        self.calls.append(call)

    def event_published(
        self, realm: str, topic: str, rule: str, receivers: int
    ) -> None:
        self.entries.append(("event", rule, receivers))

    def event_dropped(self, realm: str, subscription: str) -> None:
        self.entries.append(("dropped", subscription))


def routes(started: asyncio.Event | None = None) -> serverwamp.RPCRouteSet:
    api = serverwamp.RPCRouteSet()

    @api.route("add")
    def add(a: int, b: int) -> int:
        return a + b

    @api.route("pair")
    def pair() -> list[int]:
        return [1, 2]

    @api.route("later")
    async def later() -> int:
        return 1

    @api.route("slow")
    async def slow() -> None:
        if started is not None:
            started.set()
        await asyncio.sleep(60)

    @api.route("sold_out")
    async def sold_out(secret: str = "") -> None:
        raise ApplicationError("shop.error.sold_out")

    @api.prefix_route("user.")
    def user() -> str:
        return "somebody"

    return api


async def test_a_session_its_calls_and_events_are_counted_for_all_time() -> None:
    started = asyncio.Event()
    async with site(routes(started), open_=True) as server:
        # when one client has come, worked and gone
        async with server.client() as client:
            assert await client.call("add", 1, 2) == 3
            assert await client.call("pair") == [1, 2]
            assert await client.call("later") == 1
            with pytest.raises(ApplicationError):
                await client.call("sold_out")
            with pytest.raises(ApplicationError):
                await client.call("nowhere")
            with pytest.raises(ApplicationError):
                await client.call("slow", timeout=0.001)
            canceled = await client.begin_call("slow")
            await canceled.cancel()
            with pytest.raises(ApplicationError):
                await canceled.result()
            await client.publish("news", acknowledge=True)
        await until(lambda: not server.wamp.stats().connections)

        # then
        stats = server.wamp.stats()
        assert stats.calls == {
            "ok": 3,
            "error": 1,
            "canceled": 1,
            "timeout": 1,
            "abandoned": 0,
            "refused": 1,
        }
        assert (stats.sessions_joined, stats.events_published) == (1, 1)
        assert stats.sessions_left == {"goodbye": 1}
        # HELLO, seven calls, CANCEL, PUBLISH, GOODBYE; each but CANCEL has an answer
        assert (stats.messages_received, stats.messages_sent) == (11, 10)
        of_realm = server.realm.stats()
        assert of_realm.calls == stats.calls
        assert of_realm.messages_received == 11
        assert json.loads(json.dumps(stats.as_dict())) == stats.as_dict()


async def test_gauges_are_what_there_is_now() -> None:
    started = asyncio.Event()
    async with (
        site(routes(started), open_=True) as server,
        server.client() as one,
        server.client() as other,
    ):
        await one.subscribe("news")
        await other.register("mine", lambda: None)
        hosted = server.wamp.stats().registrations - 1
        waiting = await one.begin_call("slow")
        await started.wait()

        stats = server.wamp.stats()

        assert stats.sessions == {"r": 2, "default": 0}
        assert (stats.connections, stats.joining) == (2, 0)
        assert (stats.subscriptions, hosted) == (1, 6)
        assert (stats.calls_in_flight, stats.invocations_owed, stats.tasks) == (1, 0, 1)
        await waiting.cancel()


async def test_a_call_that_a_client_owes_is_counted_as_owed() -> None:
    called = asyncio.Event()

    async def forever() -> None:
        called.set()
        await asyncio.sleep(60)

    async with (
        site(open_=True) as server,
        server.client() as callee,
        server.client() as caller,
    ):
        await callee.register("forever", forever)
        call = await caller.begin_call("forever")
        await called.wait()

        stats = server.wamp.stats()

        assert (stats.calls_in_flight, stats.invocations_owed) == (1, 1)
        await call.cancel(mode="skip")


async def test_events_are_counted_for_each_receiver() -> None:
    async with (
        site(open_=True) as server,
        server.client() as one,
        server.client() as other,
    ):
        await one.subscribe("news")
        await other.subscribe("news")
        before = server.wamp.stats()

        # when one event goes to two, and one to all but its publisher
        server.realm.publish("news")
        await one.publish("news", acknowledge=True)

        after = server.wamp.stats()
        assert after.events_published - before.events_published == 2
        assert after.events_delivered - before.events_delivered == 3
        # two events, one event, PUBLISHED
        assert after.messages_sent - before.messages_sent == 4


async def test_a_stopped_application_has_statistics_of_nothing() -> None:
    wamp = serverwamp.Application()
    wamp.add_realm(realm := Realm("r"))

    assert wamp.stats().connections == 0
    with pytest.raises(ConfigurationError, match="not running"):
        realm.stats()


async def test_observers_hear_of_sessions_calls_and_events() -> None:
    diary = Diary()
    topics = serverwamp.TopicRouteSet()
    topics.declare("room.", match="prefix", publish=True)
    async with site(routes(), topics, observers=[diary]) as server:
        async with server.client() as client:
            await client.call("add", 1, 2)
            await client.call("user.17.name")
            await client.publish("room.5", acknowledge=True)
            with pytest.raises(ApplicationError):
                await client.call("elsewhere")
        await until(lambda: diary.left)

    assert diary.entries == [
        ("joined", "r"),
        ("call", "add", "ok", ""),
        # the label is the route's URI, whatever the client makes up
        ("call", "user.", "ok", ""),
        ("event", "room.", 0),
        ("CALL", "wamp.error.no_such_procedure"),
        ("left", "goodbye"),
    ]
    [left] = diary.left
    assert (left.calls, left.events, left.received) == (3, 1, 6)
    assert left.bytes > left.sent > 0
    assert left.seconds >= diary.calls[0].seconds >= 0


async def test_a_caller_that_leaves_abandons_its_call() -> None:
    diary, started = Diary(), asyncio.Event()
    async with site(routes(started), observers=[diary]) as server:
        async with server.client() as client:
            await client.begin_call("slow")
            await started.wait()
            await client.drop()
        await until(lambda: diary.left)

        assert server.wamp.stats().calls["abandoned"] == 1
    assert ("call", "slow", "abandoned", "") in diary.entries
    assert ("left", "lost") in diary.entries


async def test_failed_sign_ins_and_refusals_are_told_and_counted() -> None:
    diary, realm = Diary(), Realm("r")
    realm.set_ticket_authenticator(lambda session, ticket: ticket == "right")
    async with site(realm=realm, observers=[diary]) as server:
        with pytest.raises(JoinRejected):
            async with server.client(ticket="wrong", authid="joe"):
                pass
        async with connect(server.http, realm=None) as client:
            await client.send([48, 1, {}, "too.early"])
            await client.close_code()

        stats = server.wamp.stats()

    denied, violated = (
        "wamp.error.authentication_denied",
        "wamp.error.protocol_violation",
    )
    assert diary.entries == [
        ("failed", "joe"),
        ("refused", denied),
        ("", violated),
        ("refused", violated),
    ]
    assert stats.sessions_refused == {denied: 1, violated: 1}
    assert (stats.failed_sign_ins, stats.protocol_violations) == (1, 1)


async def test_requests_of_which_there_are_too_many_are_counted() -> None:
    realm = Realm("r", rate_limit="2/h")
    async with site(routes(), realm=realm) as server, server.client() as client:
        for _ in range(2):
            await client.call("add", 1, 2)
        with pytest.raises(ApplicationError, match="rate_limited"):
            await client.call("add", 1, 2)

        stats = server.wamp.stats()

    assert stats.rate_limited == 1
    assert (stats.calls["ok"], stats.calls["refused"]) == (2, 1)


async def test_a_made_up_reason_is_counted_as_other() -> None:
    realm = Realm("r")

    def refuse(session: serverwamp.Session) -> None:
        raise SessionRejected(f"shop.error.number_{session.id}")

    realm.add_transport_authenticator(refuse)
    async with site(realm=realm) as server:
        with pytest.raises(JoinRejected):
            async with server.client():
                pass

        assert server.wamp.stats().sessions_refused == {"other": 1}


async def test_a_client_that_does_not_read_is_told_of_as_cut() -> None:
    diary = Diary()
    limits = serverwamp.Limits(max_pending_bytes=1000)
    async with (
        site(open_=True, observers=[diary], limits=limits) as server,
        connect(server.http, realm="r") as client,
    ):
        await client.subscribe("news")

        server.realm.publish("news", "x" * 2**24)
        await until(lambda: diary.left)
        await client.drop()

        assert server.wamp.stats().clients_cut == 1
    assert diary.entries[-2:] == [("cut", "r"), ("left", "cut")]


async def test_what_an_observer_raises_is_logged_once_and_harms_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Broken(Observer):
        def call_finished(self, call: CallReport) -> None:
            raise RuntimeError("broken")

    diary = Diary()
    async with (
        site(routes(), observers=[Broken(), diary]) as server,
        server.client() as client,
    ):
        assert [await client.call("add", 1, 2) for _ in range(3)] == [3, 3, 3]

    assert len(diary.calls) == 3
    failures = [r for r in caplog.records if "Broken" in r.getMessage()]
    assert len(failures) == 1


@pytest.mark.parametrize("fails_at", ["making", "entering", "leaving"])
async def test_what_an_observer_puts_around_a_call_may_fail(
    fails_at: str, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(AbstractContextManager[None]):
        def __init__(self) -> None:
            self.fail("making")

        def __enter__(self) -> None:
            self.fail("entering")

        def __exit__(self, *raised: object) -> None:
            self.fail("leaving")

        def fail(self, here: str) -> None:
            if here == fails_at:
                raise RuntimeError("broken")

    class Surrounding(Observer):
        def call_started(self, call: CallReport) -> None:
            call.around = Broken

    async with (
        site(routes(), observers=[Surrounding()]) as server,
        server.client() as client,
    ):
        assert await client.call("add", 1, 2) == 3
        assert await client.call("later") == 1
    assert "what an observer puts around a call failed" in caplog.text


async def test_an_observer_may_come_later_and_once() -> None:
    diary = Diary()
    async with site(routes()) as server, server.client() as client:
        server.wamp.add_observer(diary)
        await client.call("add", 1, 2)

        assert diary.entries == [("call", "add", "ok", "")]
        with pytest.raises(ConfigurationError, match="already"):
            server.wamp.add_observer(diary)


@pytest.mark.parametrize("given", [Diary, object(), None, print])
def test_what_is_no_observer_is_refused(given: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"derives from .*Observer"):
        serverwamp.Application(observers=[given])


def test_one_observer_that_is_not_in_a_list_is_refused() -> None:
    one: Any = Diary()
    with pytest.raises(ConfigurationError, match=r"observers=\["):
        serverwamp.Application(observers=one)


# --- The access log -------------------------------------------------------------------


async def test_a_session_has_one_line_in_the_access_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    async with site(routes()) as server:
        async with server.client() as client:
            await client.call("add", 1, 2)
        await until(lambda: caplog.records)

    [line] = [r.getMessage() for r in caplog.records if r.name == LOGGER]
    assert line.startswith(f"session {client.id}: realm='r' authid='")
    assert "role='anonymous' method='anonymous' peer='127.0.0.1' seconds=" in line
    assert " calls=1 events=0 received=3 sent=3 bytes=" in line
    assert line.endswith("end=goodbye reason='wamp.close.close_realm'")


async def test_what_a_client_says_is_escaped_and_cut(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    async with site(routes(), access_log="calls") as server:
        async with server.client() as client:
            await client.call("user." + "\x1b" * 300)
            await client.send([6, {}, "é" + "c" * 300])
            await client.receive()
        await until(lambda: len(caplog.records) == 2)

    call, session = (r.getMessage() for r in caplog.records)
    assert "procedure='user.\\x1b\\x1b" in call
    assert "reason='\\xe9ccc" in session
    assert "\x1b" not in call
    assert "c" * 200 not in session


async def test_a_call_has_one_line_where_that_is_wanted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    async with (
        site(routes(), access_log="calls") as server,
        server.client() as client,
    ):
        with pytest.raises(ApplicationError):
            await client.call("sold_out", secret="s3cret")

    line = caplog.records[0].getMessage()
    assert line.startswith(
        f"session {client.id}: realm='r' procedure='sold_out' outcome=error "
        "error='shop.error.sold_out' ms="
    )
    assert "s3cret" not in caplog.text


async def test_the_access_log_can_be_left_out(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    async with site(routes(), access_log=None) as server:
        async with server.client():
            pass
        await until(lambda: not server.wamp.stats().connections)

    assert [r for r in caplog.records if r.name == LOGGER] == []


@pytest.mark.parametrize("given", ["session", True, 1])
def test_an_access_log_is_of_sessions_or_calls(given: Any) -> None:
    with pytest.raises(ConfigurationError, match="access_log="):
        serverwamp.Application(access_log=given)


def test_statistics_are_not_to_be_changed() -> None:
    stats = serverwamp.Application().stats()

    assert isinstance(stats, Stats)
    with pytest.raises(AttributeError):
        stats.connections = 7  # type: ignore[misc]  # the point of the test
