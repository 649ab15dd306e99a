"""The application as a peer, without a socket: runs of handlers and its own calls."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

import aiohttp_serverwamp as serverwamp
from aiohttp_serverwamp import (
    ApplicationError,
    CallOptions,
    Invocation,
    PublishOptions,
    RPCResult,
)
from aiohttp_serverwamp.errors import (
    Canceled,
    ConfigurationError,
    EncodingError,
    InvalidURI,
    NoSuchProcedure,
    RuntimeFailure,
    TimedOut,
)
from aiohttp_serverwamp.messages import Event, Message
from aiohttp_serverwamp.router import cancelling
from aiohttp_serverwamp.router.peer import Peer
from aiohttp_serverwamp.serializers.frame import Frame
from tests.sites import running, until


class Recorder(Peer):
    """A peer that keeps what it is sent."""

    def __init__(self) -> None:
        super().__init__()
        self.received: list[Message] = []

    def send(self, message: Message) -> None:
        self.received.append(message)

    def write(self, frame: Frame) -> None:
        self.received.append(frame.message)

    def events(self) -> list[Any]:
        return [each.args for each in self.received if isinstance(each, Event)]


def subscribed(realm: serverwamp.Realm, topic: str) -> Recorder:
    peer = Recorder()
    realm.router.broker.subscribe(peer, topic, serverwamp.uris.Match.EXACT)
    return peer


api = serverwamp.RPCRouteSet()


@api.route("plain")
def plain(value: Any = None) -> Any:
    return value


@api.route("later")
async def later(value: Any = None) -> Any:
    await asyncio.sleep(0)
    return value


@api.route("awaitable")
def awaitable(value: Any = None) -> Any:
    return later(value)


@api.route("thread", thread=True)
def thread(value: Any = None) -> Any:
    return value


@api.route("fail")
def fail() -> None:
    raise ValueError("secret")


EVERY_KIND = ["plain", "later", "awaitable", "thread"]


@pytest.mark.parametrize("uri", EVERY_KIND)
@pytest.mark.parametrize(
    ("value", "result"),
    [(None, None), (7, 7), ([1, 2], [1, 2]), ({"a": 1}, {"a": 1})],
)
async def test_a_call_returns_the_handlers_value(
    uri: str, value: Any, result: Any
) -> None:
    async with running(api) as realm:
        assert await realm.call(uri, value) == result
        assert not realm.local.dealing.invocations
        assert not realm.local.dealing.calls


async def test_several_results_and_keywords_come_as_a_result_object() -> None:
    routes = serverwamp.RPCRouteSet()
    routes.route("two")(lambda: (1, 2))
    routes.route("named")(lambda: RPCResult([1], {"b": 2}))
    routes.route("null")(lambda: RPCResult([None]))

    async with running(routes) as realm:
        assert await realm.call("two") == RPCResult([1, 2])
        assert await realm.call("named") == RPCResult([1], {"b": 2})
        assert await realm.call("null") is None


async def test_what_was_given_is_not_shared_with_the_handler() -> None:
    # Normalised to plain data before anything is routed.
    async with running(api) as realm:
        given = {"list": [1, (2, 3)]}
        result = await realm.call("plain", given)
        assert result == {"list": [1, [2, 3]]}
        assert result is not given


async def test_an_error_of_the_handler_is_raised_and_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with running(api) as realm:
        with pytest.raises(RuntimeFailure) as caught:
            await realm.call("fail")
        assert caught.value.args == ()
        with pytest.raises(NoSuchProcedure):
            await realm.call("nothing.here")
        with pytest.raises(InvalidURI):
            await realm.call("not a uri")
        with pytest.raises(EncodingError):
            await realm.call("plain", object())
        assert not realm.local.dealing.calls
        assert not realm.local.calls
    assert len(caplog.records) == 1


@pytest.mark.parametrize("uri", ["", "a b"])
async def test_an_error_uri_that_is_none_is_a_runtime_error(
    uri: Any, caplog: pytest.LogCaptureFixture
) -> None:
    routes = serverwamp.RPCRouteSet()

    @routes.route("fail")
    async def handler() -> None:
        raise ApplicationError(uri, "detail", token="secret")

    async with running(routes) as realm:
        with pytest.raises(RuntimeFailure) as caught:
            await realm.call("fail")
        assert (caught.value.args, caught.value.kwargs) == ((), {})
        (line,) = [each.getMessage() for each in caplog.records]
        assert "no error URI" in line
        assert str(realm.local.id) in line
        assert "procedure 'fail'" in line


@pytest.mark.parametrize("uri", [7, None, b"a.b"])
async def test_an_error_without_a_uri_is_the_handlers_failure(
    uri: Any, caplog: pytest.LogCaptureFixture
) -> None:
    routes = serverwamp.RPCRouteSet()

    @routes.route("fail")
    async def handler() -> None:
        raise ApplicationError(uri, "detail")

    async with running(routes) as realm:
        with pytest.raises(RuntimeFailure):
            await realm.call("fail")
    assert "'shop.error.sold_out', not" in caplog.text


async def test_error_arguments_that_are_no_plain_data_are_left_out(
    caplog: pytest.LogCaptureFixture,
) -> None:
    routes = serverwamp.RPCRouteSet()

    @routes.route("fail")
    async def handler() -> None:
        raise ApplicationError("shop.error.odd", object())

    async with running(routes) as realm:
        with pytest.raises(ApplicationError) as caught:
            await realm.call("fail")
        assert (caught.value.uri, caught.value.args) == ("shop.error.odd", ())
    assert "cannot be sent whole" in caplog.text


async def test_a_timeout_cancels_the_handler_before_the_call_returns() -> None:
    routes, log = serverwamp.RPCRouteSet(), []

    @routes.route("hang")
    async def hang(invocation: Invocation) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            log.append("ended")

    async with running(routes) as realm:
        with pytest.raises(TimedOut):
            await realm.call("hang", options=CallOptions(timeout=20))
        assert log == ["ended"]
        assert not realm.local.procedures.running


async def test_the_caller_of_the_applications_call_is_trusted() -> None:
    routes = serverwamp.RPCRouteSet()

    @routes.route("who")
    def who(session: serverwamp.Session) -> list[Any]:
        assert session.is_open
        assert session.http_session is None
        assert session.identity is None
        with pytest.raises(ConfigurationError, match="own session"):
            assert session.connection
        # A handler need not know who calls it: there is data as for any client.
        session["calls"] = session.get("calls", 0) + 1
        return [session.id, session.authrole, session["calls"]]

    async with running(routes) as realm:
        assert await realm.call("who") == [realm.local.id, "trusted", 1]
        assert await realm.call("who") == [realm.local.id, "trusted", 2]


@pytest.mark.parametrize("uri", [5, None, b"a.b", ["a"]])
async def test_the_uri_comes_first(uri: Any) -> None:
    async with running() as realm:
        session = realm.local.public()
        for use in (realm.publish, session.send_event):
            with pytest.raises(ConfigurationError, match="topic: its URI comes first"):
                use(uri)
        for call in (realm.call, session.call):
            with pytest.raises(ConfigurationError, match="procedure: its URI"):
                await call(uri)


async def test_options_are_those_of_the_message() -> None:
    async with running() as realm:
        for wrong in ({"exclude_me": False}, CallOptions(timeout=1), 7):
            with pytest.raises(ConfigurationError, match=r"PublishOptions\("):
                realm.publish("t", options=wrong)  # type: ignore[arg-type]  # the mistake
        for mistake in ({"timeout": 1}, PublishOptions(), 7):
            with pytest.raises(ConfigurationError, match=r"CallOptions\("):
                await realm.call("p", options=mistake)  # type: ignore[arg-type]  # the mistake


async def test_the_arguments_of_an_event_are_a_list() -> None:
    async with running() as realm:
        with pytest.raises(ConfigurationError, match=r"send_event\(\).*args="):
            realm.local.public().send_event("t", "abc")


async def test_a_keyword_may_have_any_name() -> None:
    routes = serverwamp.RPCRouteSet()

    @routes.route("keys")
    def keys(**given: Any) -> list[str]:
        return sorted(given)

    async with running(routes) as realm:
        session = realm.local.public()
        given: dict[str, Any] = {"uri": 1, "procedure": 2, "self": 3}
        assert await session.call("keys", **given) == sorted(given)
        assert await realm.call("keys", **given) == sorted(given)


async def test_progress_of_the_applications_own_call_is_dropped() -> None:
    routes = serverwamp.RPCRouteSet()

    @routes.route("count")
    async def count() -> AsyncIterator[Any]:
        yield 1
        yield RPCResult(["done"])

    async with running(routes) as realm:
        assert await realm.call("count") == "done"


async def test_factories_may_wait_even_for_plain_functions() -> None:
    routes, log = serverwamp.RPCRouteSet(), []

    @asynccontextmanager
    async def database() -> AsyncIterator[str]:
        log.append("open")
        yield "db"
        log.append("closed")

    @routes.route("plain")
    def handler(db: Any) -> Any:
        log.append("used")
        return db

    realm = serverwamp.Realm("r")
    realm.set_default_arg("db", factory=database)
    async with running(routes, realm=realm):
        assert await realm.call("plain") == "db"
    assert log == ["open", "used", "closed"]


# --- Order and re-entrance ------------------------------------------------------------


class Caller(Recorder):
    """A remote peer that calls."""

    def __init__(self, realm: serverwamp.Realm) -> None:
        super().__init__()
        self.realm = realm
        self.tasks = realm.local.tasks

    def public(self) -> Any:
        return self.realm.view(self)

    def call(self, procedure: str, *args: Any) -> None:
        dealer = self.realm.router.dealer
        message = serverwamp.messages.Call(1, {}, procedure, [*args], {})
        self.realm.router.run(dealer.call, self, message)


async def test_hosted_code_never_runs_inside_other_hosted_code() -> None:
    # What a plain handler causes comes after it, in the order caused.
    routes, seen = serverwamp.RPCRouteSet(), []

    @routes.route("outer")
    def outer(session: serverwamp.Session) -> None:
        seen.append("outer begins")
        for _ in range(2):
            Caller(realm).call("inner")
        seen.append("outer ends")

    @routes.route("inner")
    def inner() -> None:
        seen.append("inner")

    async with running(routes) as realm:
        Caller(realm).call("outer")
        assert seen == ["outer begins", "outer ends", "inner", "inner"]


@pytest.mark.parametrize("wait", [True, False])
async def test_a_plain_handler_may_send_its_own_caller_away(wait: bool) -> None:
    routes, rest = serverwamp.RPCRouteSet(), []

    async def go_on() -> None:
        rest.append("ran")

    @routes.route("out")
    def out(session: serverwamp.Session) -> Any:
        realm.router.dealer.leave(session.peer)
        return go_on() if wait else 1

    async with running(routes) as realm:
        caller = Caller(realm)
        caller.call("out")
        await asyncio.sleep(0.01)

        # Neither an answer nor a traceback nor a coroutine that was never awaited.
        assert caller.received == []
        assert rest == []
        assert not realm.local.dealing.invocations
        assert not realm.local.procedures.running


@pytest.mark.parametrize("uri", ["later", "awaitable"])
async def test_a_call_cancelled_before_its_task_began_is_answered(uri: str) -> None:
    async with running(api) as realm:
        caller = Caller(realm)
        caller.call(uri)
        cancel = serverwamp.messages.Cancel(1, {"mode": "kill"})
        realm.router.run(cancelling.cancel, caller, cancel)

        await asyncio.sleep(0.01)
        (answer,) = caller.received
        assert isinstance(answer, serverwamp.messages.Error)
        assert answer.error == "wamp.error.canceled"
        assert not realm.local.procedures.running


async def test_a_plain_function_that_raises_cancelled_is_a_cancelled_call() -> None:
    # As a plain function does that asks a cancelled future for its result.
    routes = serverwamp.RPCRouteSet()

    @routes.route("ask")
    def ask() -> None:
        future = asyncio.get_running_loop().create_future()
        future.cancel()
        future.result()

    async with running(routes) as realm:
        with pytest.raises(Canceled):
            await realm.call("ask")


# --- Publishing -----------------------------------------------------------------------


async def test_publishing_acts_at_once() -> None:
    async with running(open_=True) as realm:
        listener = subscribed(realm, "t")

        publication = realm.publish("t", 1, key="value")

        (event,) = listener.received
        assert isinstance(event, Event)
        assert (event.args, event.kwargs) == ([1], {"key": "value"})
        assert event.publication == publication.id


@pytest.mark.parametrize("topic", ["", "a b", "a..b", "a#"])
async def test_publishing_to_what_is_no_topic_is_an_error(topic: str) -> None:
    async with running() as realm:
        with pytest.raises(InvalidURI):
            realm.publish(topic)


async def test_publishing_from_a_thread_returns_the_id_and_reaches_the_loop() -> None:
    async with running(open_=True) as realm:
        listener = subscribed(realm, "t")
        seen: list[Any] = []

        def publish() -> None:
            for n in range(3):
                seen.append(realm.publish("t", n))  # noqa: PERF401 - one by one

        worker = threading.Thread(target=publish)
        worker.start()
        # The loop cannot run meanwhile: nothing is delivered in the thread.
        worker.join()
        assert len(seen) == 3
        assert listener.events() == []
        await until(lambda: len(listener.received) == 3)
        assert listener.events() == [[0], [1], [2]]
        ids = [e.publication for e in listener.received if isinstance(e, Event)]
        assert ids == [publication.id for publication in seen]


async def test_what_cannot_be_sent_is_the_thread_that_publishes_to_know() -> None:
    async with running() as realm:
        errors: list[Exception] = []

        def publish() -> None:
            try:
                realm.publish("t", object())
            except EncodingError as error:
                errors.append(error)

        await asyncio.to_thread(publish)
        assert len(errors) == 1


async def test_the_applications_options_are_obeyed() -> None:
    async with running(open_=True) as realm:
        listener = subscribed(realm, "t")
        listener.id = 7

        realm.publish("t", 1, options=serverwamp.PublishOptions(exclude=[7]))
        realm.publish("t", 2, options=serverwamp.PublishOptions(disclose_me=True))

        (event,) = listener.received
        assert isinstance(event, Event)
        assert event.args == [2]
        assert event.details["publisher"] == realm.local.id


async def test_a_failing_handler_does_not_lose_what_was_queued_behind_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with running(api) as realm:
        outcomes = await asyncio.gather(
            *(realm.call(uri) for uri in ("fail", "plain", "fail", "later")),
            return_exceptions=True,
        )
        assert [type(each) for each in outcomes] == [
            RuntimeFailure,
            type(None),
            RuntimeFailure,
            type(None),
        ]
    assert [r.levelno for r in caplog.records].count(logging.ERROR) == 2


async def test_a_handler_that_is_added_late_begins_with_what_is_retained() -> None:
    seen: list[tuple[str, str, bool, int]] = []

    def note(who: str) -> Any:
        def noted(number: int, event: serverwamp.Event) -> None:
            seen.append((who, event.topic, event.retained, number))

        return noted

    async with running() as realm:
        retained = PublishOptions(retain=True, exclude_me=False)
        realm.publish("a.b", 1, options=retained)
        realm.publish("a.c", 2, options=retained)
        realm.subscribe("a.", note("without"), match="prefix")
        realm.subscribe("a.", note("with"), match="prefix", get_retained=True)
        assert seen == [("with", "a.b", True, 1), ("with", "a.c", True, 2)]
        seen.clear()

        realm.publish("a.b", 3, options=retained)

        assert seen == [("without", "a.b", False, 3), ("with", "a.b", False, 3)]


async def test_the_application_sees_what_is_retained_as_a_copy() -> None:
    async with running() as realm:
        assert realm.retained("a.b") is None
        options = PublishOptions(retain=True, eligible_authid=["ann"])
        publication = realm.publish("a.b", ["x"], key=1, options=options)

        event = realm.retained("a.b")
        assert event is not None
        event.args[0].append("changed")

        again = realm.retained("a.b")
        assert again is not None
        assert (again.topic, again.publication) == ("a.b", publication.id)
        assert (again.args, again.kwargs, again.retained) == ([["x"]], {"key": 1}, True)
        assert realm.clear_retained("a.b") == 1
        assert realm.retained("a.b") is None


async def test_what_is_retained_is_looked_up_in_the_thread_of_the_loop() -> None:
    async with running() as realm:
        for look in (realm.retained, realm.clear_retained):
            with pytest.raises(ConfigurationError, match="loop"):
                await asyncio.to_thread(look, "a.b")
        with pytest.raises(ConfigurationError, match="no exact URI"):
            realm.clear_retained("a.")
    with pytest.raises(ConfigurationError, match="not running"):
        realm.retained("a.b")
