"""Events over real sockets: lives of subscriptions, publishing, calling clients."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest

import aiohttp_serverwamp as serverwamp
from aiohttp_serverwamp import (
    ApplicationError,
    CallOptions,
    PublishOptions,
    RPCResult,
    Session,
    SubscribeError,
)
from aiohttp_serverwamp.errors import (
    Canceled,
    EncodingError,
    NoSuchProcedure,
    NotAuthorized,
    RuntimeFailure,
    TimedOut,
)
from tests.sites import site, until

# --- The life of a subscription -------------------------------------------------------


class Watched:
    """A topic whose handler takes note of its life and waits to be let on."""

    def __init__(self) -> None:
        self.topics = serverwamp.TopicRouteSet()
        self.topics.route("news")(self.handler)
        self.log: list[str] = []
        self.may_start = asyncio.Event()
        self.may_start.set()
        self.may_end = asyncio.Event()
        self.may_end.set()

    async def handler(self, session: Session, topic_uri: str) -> AsyncIterator[None]:
        self.log.append(f"begins {topic_uri}")
        try:
            await self.may_start.wait()
            self.log.append("starts")
            yield
            self.log.append("ends")
            await self.may_end.wait()
            self.log.append("ended")
        except asyncio.CancelledError:
            self.log.append("cancelled")
            raise


async def test_subscribed_comes_at_the_yield_and_the_rest_at_unsubscribe() -> None:
    watched = Watched()
    watched.may_start.clear()
    async with site(watched.topics) as served, served.client() as client:
        await client.send([32, 1001, {}, "news"])
        await until(lambda: watched.log == ["begins news"])
        # Later requests wait for it, in order.
        await client.send([48, 1002, {}, "nothing"])
        watched.may_start.set()
        code, request, subscription = await client.receive()
        assert (code, request) == (33, 1001)
        assert (await client.receive())[:3] == [8, 48, 1002]

        await client.send([34, 1003, subscription])
        assert await client.receive() == [35, 1003]
        await until(lambda: watched.log[1:] == ["starts", "ends", "ended"])


@pytest.mark.parametrize("way", ["leave", "drop"])
async def test_the_rest_runs_when_the_client_leaves(way: str) -> None:
    watched = Watched()
    async with site(watched.topics) as served, served.client() as client:
        await client.subscribe("news")
        await getattr(client, way)()
        await until(lambda: watched.log[1:] == ["starts", "ends", "ended"])


async def test_leaving_before_the_yield_cancels_the_handler() -> None:
    watched = Watched()
    watched.may_start.clear()
    async with site(watched.topics) as served, served.client() as client:
        await client.send([32, 1, {}, "news"])
        await until(lambda: watched.log == ["begins news"])
        await client.drop()
        await until(lambda: watched.log == ["begins news", "cancelled"])


async def test_the_close_timeout_bounds_the_rest() -> None:
    watched = Watched()
    watched.may_end.clear()
    limits = serverwamp.Limits(close_timeout=0.1)
    async with site(watched.topics, limits=limits) as served:
        async with served.client() as client:
            await client.subscribe("news")
        await until(lambda: watched.log[1:] == ["starts", "ends", "cancelled"])
        await until(lambda: not served.wamp._open)


async def test_shutdown_lets_the_rest_run() -> None:
    watched = Watched()
    async with site(watched.topics) as served, served.client() as client:
        await client.subscribe("news")
        await served.wamp.shutdown()
        assert watched.log[1:] == ["starts", "ends", "ended"]


async def test_events_before_the_yield_follow_subscribed_in_order() -> None:
    topics = serverwamp.TopicRouteSet()
    begun, go_on = asyncio.Event(), asyncio.Event()

    @topics.route("news")
    async def news(session: Session) -> AsyncIterator[None]:
        session.send_event("news", ["snapshot"])
        begun.set()
        await go_on.wait()
        session.send_event("news", kwargs={"last": True})
        yield
        session.send_event("news", ["too late"])

    async with site(topics) as served, served.client() as client:
        await client.send([32, 1, {}, "news"])
        await begun.wait()
        served.realm.publish("news", "published")
        go_on.set()

        code, _, subscription = await client.receive()
        assert code == 33
        events = [await client.receive() for _ in range(3)]
        assert all(event[:2] == [36, subscription] for event in events)
        assert [event[4:] for event in events] == [
            [["snapshot"]],
            [["published"]],
            [[], {"last": True}],
        ]


@pytest.mark.parametrize(
    ("error", "uri", "args"),
    [
        (
            SubscribeError("shop.error.members_only", "pay"),
            "shop.error.members_only",
            1,
        ),
        (ApplicationError("shop.error.other"), "shop.error.other", 0),
        (ValueError("secret"), RuntimeFailure.URI, 0),
        (SubscribeError("no uri", "secret"), RuntimeFailure.URI, 0),
    ],
)
async def test_raising_before_the_yield_refuses(
    error: Exception, uri: str, args: int, caplog: pytest.LogCaptureFixture
) -> None:
    topics = serverwamp.TopicRouteSet()

    @topics.route("news")
    async def news(session: Session) -> AsyncIterator[None]:
        session.send_event("news", ["never seen"])
        if session.is_open:
            raise error
        yield

    async with site(topics) as served, served.client() as client:
        for _ in range(2):
            with pytest.raises(ApplicationError) as caught:
                await client.subscribe("news")
            assert caught.value.uri == uri
            assert len(caught.value.args) == args
        served.realm.publish("news", "nobody is subscribed")
        with pytest.raises(NoSuchProcedure):
            await client.call("nothing")
        assert not served.realm.router.broker.subscriptions
    logged = [r for r in caplog.records if r.levelno >= logging.ERROR]
    assert len(logged) == (2 if uri == RuntimeFailure.URI else 0)
    error.__traceback__ = None
    caplog.clear()


async def test_an_exception_after_the_yield_is_logged_only(
    caplog: pytest.LogCaptureFixture,
) -> None:
    topics = serverwamp.TopicRouteSet()

    @topics.route("news")
    async def news() -> AsyncIterator[None]:
        yield
        raise ValueError("in the clean-up")

    async with site(topics) as served, served.client() as client:
        subscription = await client.subscribe("news")
        await subscription.unsubscribe()
        await until(lambda: "in the clean-up" in caplog.text)
        assert await client.subscribe("news")


async def test_a_second_subscribe_waits_for_the_first_and_gets_the_same_id() -> None:
    watched = Watched()
    watched.may_start.clear()
    async with site(watched.topics) as served, served.client() as client:
        for request in (1, 2):
            await client.send([32, request, {}, "news"])
        await until(lambda: watched.log == ["begins news"])
        watched.may_start.set()
        first, second = await client.receive(), await client.receive()
        assert (first[:2], second[:2]) == ([33, 1], [33, 2])
        assert first[2] == second[2]
        assert watched.log == ["begins news", "starts"]


async def test_subscribing_again_begins_a_new_life() -> None:
    watched = Watched()
    async with site(watched.topics) as served, served.client() as client:
        for _ in range(2):
            await (await client.subscribe("news")).unsubscribe()
        await until(lambda: watched.log.count("ended") == 2)


async def test_pattern_routes_accompany_exact_topics_beneath_them() -> None:
    topics, seen = serverwamp.TopicRouteSet(), []

    @topics.prefix_route("room.")
    async def room(topic_uri: str) -> AsyncIterator[None]:
        seen.append(topic_uri)
        yield

    @topics.regex_route(r"user\.\d+")
    async def user(topic_uri: str) -> AsyncIterator[None]:
        seen.append(f"user {topic_uri}")
        yield

    async with site(topics) as served, served.client() as client:
        room_7 = await client.subscribe("room.7")
        every = await client.subscribe("room.", match="prefix")
        await client.subscribe("user.12")
        assert seen == ["room.7", "room.", "user user.12"]
        with pytest.raises(NotAuthorized):
            await client.subscribe("roo", match="prefix")
        with pytest.raises(NotAuthorized):
            await client.subscribe("user.x")
        served.realm.publish("room.7", "hi")
        assert (await room_7.next()).args == ["hi"]
        event = await every.next()
        assert (event.args, event.details["topic"]) == (["hi"], "room.7")


# --- The life of a session ------------------------------------------------------------


async def test_lifespan_handlers_come_before_the_first_request() -> None:
    api, log = serverwamp.RPCRouteSet(), []

    @api.route("cart")
    async def cart(session: Session) -> Any:
        log.append("call")
        return session["cart"]

    async def first(session: Session) -> AsyncIterator[None]:
        await asyncio.sleep(0.02)
        log.append("first begins")
        session["cart"] = [1]
        yield
        log.append("first ends")

    async def second() -> AsyncIterator[None]:
        log.append("second begins")
        yield
        log.append("second ends")

    realm = serverwamp.Realm("r")
    realm.add_session_lifespan_handler(first)
    realm.add_session_lifespan_handler(second)
    async with site(api, realm=realm) as served:
        async with served.client() as client:
            assert await client.call("cart") == [1]
            assert log == ["first begins", "second begins", "call"]
        await until(lambda: log[3:] == ["second ends", "first ends"])


async def test_a_lifespan_handler_that_raises_ends_the_session(
    caplog: pytest.LogCaptureFixture,
) -> None:
    realm, ended = serverwamp.Realm("r"), []

    async def fine() -> AsyncIterator[None]:
        try:
            yield
        finally:
            ended.append("fine")

    async def broken(session: Session) -> AsyncIterator[None]:
        if session.is_open:
            raise ValueError("no database")
        yield

    realm.add_session_lifespan_handler(fine)
    realm.add_session_lifespan_handler(broken)
    async with site(realm=realm) as served, served.client() as client:
        assert (await client.receive())[::2] == [6, RuntimeFailure.URI]
        assert await client.close_code() == 1000
        assert not served.wamp.sessions()
        await until(lambda: ended == ["fine"])
    assert "no database" in caplog.text


# --- Publishing -----------------------------------------------------------------------


async def test_publish_reaches_those_that_its_options_name() -> None:
    realm = serverwamp.Realm("r", permissions=serverwamp.OPEN)
    realm.set_ticket_authenticator(lambda s, t: serverwamp.Identity(s.authid, t))
    async with (
        site(realm=realm) as served,
        served.client(authid="ann", ticket="user") as ann,
        served.client(authid="bob", ticket="admin") as bob,
    ):
        heard = {"ann": await ann.subscribe("t"), "bob": await bob.subscribe("t")}
        for names, options in [
            (["ann"], PublishOptions(eligible_authid=["ann"])),
            (["bob"], PublishOptions(exclude_authid=["ann"])),
            (["bob"], PublishOptions(eligible_authrole=("admin",))),
            (["ann"], PublishOptions(exclude=[bob.id])),
            (["ann"], PublishOptions(eligible=[ann.id, bob.id], exclude=[bob.id])),
            ([], PublishOptions(eligible=[])),
            (["ann", "bob"], None),
        ]:
            publication = realm.publish("t", *names, options=options, n=len(names))
            for name in names:
                event = await heard[name].next()
                assert event.args == names
                assert event.kwargs == {"n": len(names)}
                assert event.publication == publication.id == int(publication)
        assert await realm.publish("t")
        for each in heard.values():
            assert (await each.next()).args == []
            assert each.empty()


@pytest.mark.parametrize("listened_to", [True, False])
async def test_what_is_no_plain_data_is_the_publishers_error(listened_to: bool) -> None:
    async with site(open_=True) as served, served.client() as client:
        heard = await client.subscribe("t" if listened_to else "other")
        with pytest.raises(EncodingError):
            served.realm.publish("t", object())
        served.realm.publish("other" if not listened_to else "t", 1)
        assert (await heard.next()).args == [1]


async def test_publishing_without_a_running_application_is_a_mistake() -> None:
    realm = serverwamp.Realm("r")
    with pytest.raises(serverwamp.ConfigurationError, match="not running"):
        realm.publish("t")
    with pytest.raises(serverwamp.ConfigurationError, match="not running"):
        await realm.call("p")
    async with site(realm=realm):
        realm.publish("t")
    with pytest.raises(serverwamp.ConfigurationError, match="not running"):
        realm.publish("t")


async def test_two_receivers_see_one_order_when_a_handler_publishes() -> None:
    # A plain handler runs inline: without the run queue its event would overtake.
    api = serverwamp.RPCRouteSet()

    @api.route("echo")
    def echo(n: int, *, session: Session) -> None:
        session.realm.publish("t", n, "handler")

    async with (
        site(api, open_=True) as served,
        served.client() as one,
        served.client() as other,
        served.client() as publisher,
    ):
        heard = [await one.subscribe("t"), await other.subscribe("t")]
        for n in range(20):
            await publisher.begin_call("echo", [n])
            await publisher.publish("t", n, "client", acknowledge=False)
            served.realm.publish("t", n, "application")
        orders = [[(await each.next()).args for _ in range(60)] for each in heard]
        assert orders[0] == orders[1]
        own = [args for args in orders[0] if args[1] != "application"]
        assert own == [[n, who] for n in range(20) for who in ("handler", "client")]


async def test_a_client_publishes_to_the_others_and_is_acknowledged() -> None:
    async with (
        site(open_=True) as served,
        served.client() as one,
        served.client(serializer="msgpack") as other,
    ):
        mine, theirs = await one.subscribe("t"), await other.subscribe("t")
        publication = await one.publish("t", b"\x00\x01", text="é")
        event = await theirs.next()
        assert (event.args, event.kwargs) == ([b"\x00\x01"], {"text": "é"})
        assert event.publication == publication
        await one.publish("t", options={"exclude_me": False})
        assert (await mine.next()).args == []
        assert mine.empty()


async def test_an_event_goes_to_one_session_only() -> None:
    async with (
        site(open_=True) as served,
        served.client() as one,
        served.client() as other,
    ):
        heard, not_heard = await one.subscribe("t"), await other.subscribe("t")
        session = next(s for s in served.realm.sessions() if s.id == one.id)
        publication = session.send_event("t", ["you"], {"n": 1}, trust_level=3)
        event = await heard.next()
        assert (event.args, event.kwargs) == (["you"], {"n": 1})
        assert event.details == {"trustlevel": 3}
        assert event.publication == publication.id
        session.send_event("not.subscribed", [1])
        with pytest.raises(EncodingError):
            session.send_event("t", [object()])
        served.realm.publish("t", "all")
        assert (await heard.next()).args == ["all"]
        assert (await not_heard.next()).args == ["all"]


# --- Calling --------------------------------------------------------------------------


async def test_the_application_calls_hosted_procedures_and_clients_alike() -> None:
    api = serverwamp.RPCRouteSet()

    @api.route("hosted")
    async def hosted(n: int, session: Session) -> Any:
        return {0: None, 1: n, 2: (n, n)}.get(n, [session.authid])

    async def theirs(n: int, *, sign: int = 1) -> RPCResult:
        return RPCResult([n * sign], {"from": "client"})

    async with site(api, open_=True) as served, served.client() as client:
        await client.register("theirs", theirs)
        call = served.realm.call
        assert await call("hosted", 0) is None
        assert await call("hosted", 1) == 1
        assert await call("hosted", 2) == RPCResult([2, 2])
        assert await call("hosted", 3) == ["trusted"]
        assert await call("theirs", 4, sign=-1) == RPCResult([-4], {"from": "client"})
        with pytest.raises(NoSuchProcedure):
            await call("nobodys")
        with pytest.raises(ApplicationError, match="invalid_argument"):
            await call("hosted", "x")


async def test_what_a_client_raises_reaches_the_application() -> None:
    def refuse() -> None:
        raise ApplicationError("their.error", 1, reason="no")

    async with site(open_=True) as served, served.client() as client:
        await client.register("refuse", refuse)
        with pytest.raises(ApplicationError) as caught:
            await served.realm.call("refuse")
        assert caught.value.uri == "their.error"
        assert (caught.value.args, caught.value.kwargs) == ((1,), {"reason": "no"})


async def test_a_call_of_the_application_times_out_and_can_be_cancelled() -> None:
    interrupted = []

    async def hang() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            interrupted.append(1)
            raise

    async with site(open_=True) as served, served.client() as client:
        await client.register("hang", hang)
        with pytest.raises(TimedOut):
            await served.realm.call("hang", options=CallOptions(timeout=50))
        await until(lambda: len(interrupted) == 1)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await served.realm.call("hang")
        await until(lambda: len(interrupted) == 2)
        assert not served.realm.local.dealing.calls


async def test_a_callee_that_leaves_cancels_the_call() -> None:
    async with site(open_=True) as served, served.client() as client:
        started = asyncio.Event()

        async def hang() -> None:
            started.set()
            await asyncio.sleep(60)

        await client.register("hang", hang)
        call = asyncio.create_task(served.realm.call("hang"))
        await started.wait()
        await client.drop()
        with pytest.raises(Canceled):
            await call


async def test_cancelling_the_applications_call_cancels_the_hosted_handler() -> None:
    api, events = serverwamp.RPCRouteSet(), []

    @api.route("hang")
    async def hang() -> None:
        try:
            events.append("started")
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            events.append("cancelled")
            raise

    async with site(api) as served:
        call = asyncio.create_task(served.realm.call("hang"))
        await until(lambda: events == ["started"])
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert events == ["started", "cancelled"]


async def test_each_session_may_register_its_own() -> None:
    realm = serverwamp.Realm("r")
    realm.permit("client.", match="prefix", register="own", call=True)
    async with (
        site(realm=realm) as served,
        served.client() as one,
        served.client() as other,
    ):
        await one.register("client.name", lambda: "one")
        await other.register("client.name", lambda: "other")
        for client, name in ((one, "one"), (other, "other")):
            session = next(s for s in realm.sessions() if s.id == client.id)
            assert await session.call("client.name") == name
            with pytest.raises(NoSuchProcedure):
                await session.call("client.age")
        with pytest.raises(NoSuchProcedure):
            await one.call("client.name")
        with pytest.raises(NoSuchProcedure):
            await realm.call("client.name")
        await other.leave()
        await until(lambda: not session.is_open)
        with pytest.raises(serverwamp.ConnectionClosed):
            await session.call("client.name")


async def test_a_handler_may_call_its_caller_back() -> None:
    api = serverwamp.RPCRouteSet()

    @api.route("greet")
    async def greet(session: Session) -> str:
        return f"hello {await session.call('client.name')}"

    realm = serverwamp.Realm("r")
    realm.permit("client.", match="prefix", register="own")
    async with site(api, realm=realm) as served, served.client() as client:
        await client.register("client.name", lambda: "ann")
        assert await client.call("greet") == "hello ann"


async def test_a_handler_that_calls_a_client_that_leaves_is_told() -> None:
    api, errors = serverwamp.RPCRouteSet(), []

    @api.route("greet")
    async def greet(session: Session) -> None:
        try:
            await session.call("client.hang")
        except (Canceled, asyncio.CancelledError) as error:
            errors.append(type(error).__name__)
            raise

    async with site(api, open_=True) as served, served.client() as client:
        hung = asyncio.Event()

        async def hang() -> None:
            hung.set()
            await asyncio.sleep(60)

        await client.register("client.hang", hang)
        await client.begin_call("greet")
        await hung.wait()
        await client.drop()
        await until(lambda: errors)
        await until(lambda: not served.wamp._open)
