"""The application receives events, by `topics.on` and by `realm.subscribe`."""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

import aiohttp_serverwamp as serverwamp
from aiohttp_serverwamp import ConfigurationError, Event, PublishOptions, Realm
from aiohttp_serverwamp.errors import InvalidArgument, NotAuthorized
from tests.sites import running, site, until

#: The application hears what it publishes itself only when it asks for that.
ALOUD = PublishOptions(exclude_me=False)


@dataclass
class Sale:
    sku: str
    count: int = 1


def open_topic(*uris: str) -> serverwamp.TopicRouteSet:
    topics = serverwamp.TopicRouteSet()
    for uri in uris:
        topics.declare(uri, publish=True)
    return topics


# --- What arrives ---------------------------------------------------------------------


async def test_a_handler_gets_converted_arguments_and_the_event() -> None:
    topics = open_topic("sold")
    seen: list[Any] = []

    @topics.on("sold")
    async def sold(sale: Sale, what: Event, *, note: str = "") -> None:
        seen.append((sale, what, note))

    async with site(topics) as server, server.client() as client:
        publication = await client.publish("sold", {"sku": "tea"}, note="gift")
        await until(lambda: seen)

    [(sale, event, note)] = seen
    assert (sale, note) == (Sale("tea"), "gift")
    assert (event.topic, event.publication) == ("sold", publication)
    assert (event.args, event.kwargs) == ([{"sku": "tea"}], {"note": "gift"})


@pytest.mark.parametrize(
    ("match", "uri"), [("exact", "a.b.c"), ("prefix", "a."), ("wildcard", "a..c")]
)
async def test_each_match_policy_delivers_with_the_topic_published_to(
    match: str, uri: str
) -> None:
    """REQ-PUB: the event of a pattern names its topic."""
    topics = serverwamp.TopicRouteSet()
    seen: list[tuple[str, int]] = []

    @topics.on(uri, match=match)
    def note(number: int, event: Any) -> None:
        seen.append((event.topic, number))

    async with running(topics) as realm:
        realm.publish("a.b.c", 1, options=ALOUD)
        realm.publish("b.b.c", 2, options=ALOUD)

    assert seen == [("a.b.c", 1)]


@pytest.mark.parametrize("name", ["event", "house"])
async def test_a_publisher_cannot_supply_what_is_injected(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[Any] = []

    def note(event: Any, house: str) -> None:
        seen.append((event, house))

    realm = Realm("r")
    realm.set_default_arg("house", "ours")
    realm.subscribe("t", note)
    async with running(realm=realm):
        realm.publish("t", options=PublishOptions(exclude_me=False), **{name: "mine"})

    assert seen == []
    assert f"{name!r}: unknown" in caplog.text


async def test_default_args_are_supplied_and_closed_after_the_handler() -> None:
    trace: list[str] = []

    @asynccontextmanager
    async def transaction() -> AsyncIterator[str]:
        trace.append("begin")
        yield "transaction"
        trace.append("commit")

    topics = serverwamp.TopicRouteSet()

    @topics.on("t")
    def plain(number: int, db: str, house: str) -> None:
        trace.append(f"{number} in {db} at {house}")

    realm = Realm("r")
    realm.set_default_arg("db", factory=transaction)
    realm.set_default_arg("house", "home")
    realm.add_routes(topics)
    async with running(realm=realm):
        realm.publish("t", 1, options=ALOUD)
        await until(lambda: len(trace) == 3)

    assert trace == ["begin", "1 in transaction at home", "commit"]


async def test_handlers_run_in_the_order_added_each_with_its_own_copy() -> None:
    """REQ-EMB-014: what one receiver does to its event no other one sees."""
    topics = open_topic("t")
    seen: list[Any] = []

    for name in ("first", "second"):

        def note(items: list[int], event: Event, name: str = name) -> None:
            seen.append((name, [*items], dict(event.details)))
            items.append(99)
            event.details["spoiled"] = True  # type: ignore[index] # what if it did

        topics.on("t")(note)

    published = [1]
    async with site(topics) as server, server.client() as client:
        subscription = await client.subscribe("t")
        server.realm.publish("t", published, options=ALOUD)
        received = await subscription.next()

    assert seen == [("first", [1], {}), ("second", [1], {})]
    assert (received.args, dict(received.details), published) == ([[1]], {}, [1])


async def test_plain_handlers_receive_events_in_the_order_published() -> None:
    seen: list[int] = []
    async with running() as realm:
        realm.subscribe("t", lambda number: seen.append(number))
        for number in range(20):
            realm.publish("t", number, options=ALOUD)

    assert seen == [*range(20)]


async def test_a_handler_in_a_thread_runs_beside_the_loop() -> None:
    threads: list[threading.Thread] = []

    def note() -> None:
        threads.append(threading.current_thread())

    async with running() as realm:
        realm.subscribe("t", note, thread=True)
        realm.publish("t", options=ALOUD)
        await until(lambda: threads)

    assert threads[0] is not threading.main_thread()


async def test_what_a_plain_function_returns_to_be_awaited_is_awaited() -> None:
    seen: list[str] = []

    async def work(name: str) -> None:
        seen.append(name)

    def by_factory(db: str) -> Any:
        return work(db)

    realm = Realm("r")
    realm.set_default_arg("db", factory=lambda: "made")
    async with running(realm=realm):
        realm.subscribe("t", lambda: work("direct"))
        realm.subscribe("t", by_factory)
        realm.publish("t", options=ALOUD)
        await until(lambda: len(seen) == 2)

    assert sorted(seen) == ["direct", "made"]


async def test_the_publisher_is_known_where_it_is_disclosed() -> None:
    seen: list[Event] = []
    realm = Realm("r", disclosure="force")
    topics = open_topic("t")
    topics.on("t")(lambda event: seen.append(event))
    async with site(topics, realm=realm) as server, server.client() as client:
        await client.publish("t")
        mine = client.id, client.welcome["authid"], client.welcome["authrole"]

    [event] = seen
    assert mine == (event.publisher, event.publisher_authid, event.publisher_authrole)


# --- What does not --------------------------------------------------------------------


async def test_the_application_does_not_hear_itself_unless_it_asks_for_that() -> None:
    seen: list[int] = []
    async with running() as realm:
        realm.subscribe("t", lambda number: seen.append(number))

        realm.publish("t", 1)
        realm.publish("t", 2, options=ALOUD)

    assert seen == [2]


async def test_receiving_declares_nothing_for_clients() -> None:
    topics = serverwamp.TopicRouteSet()
    topics.on("t")(lambda: None)
    async with site(topics) as server, server.client() as client:
        with pytest.raises(NotAuthorized):
            await client.subscribe("t")
        with pytest.raises(NotAuthorized):
            await client.publish("t")


async def test_unsubscribing_ends_it_and_twice_is_as_good_as_once() -> None:
    seen: list[tuple[str, int]] = []
    async with running() as realm:
        gone = realm.subscribe("t", lambda number: seen.append(("gone", number)))
        realm.subscribe("t", lambda number: seen.append(("stays", number)))
        realm.publish("t", 1, options=ALOUD)

        gone.unsubscribe()
        gone.unsubscribe()
        realm.publish("t", 2, options=ALOUD)

    assert seen == [("gone", 1), ("stays", 1), ("stays", 2)]


async def test_a_handler_that_another_one_unsubscribes_misses_the_event() -> None:
    seen: list[str] = []
    async with running() as realm:
        realm.subscribe("t", lambda: second.unsubscribe())
        second = realm.subscribe("t", lambda: seen.append("second"))
        realm.subscribe("t", lambda: seen.append("third"))

        realm.publish("t", options=ALOUD)

    assert seen == ["third"]


async def test_the_same_function_may_subscribe_twice_and_leave_once() -> None:
    seen: list[int] = []

    def note(number: int) -> None:
        seen.append(number)

    async with running() as realm:
        first = realm.subscribe("t", note)
        realm.subscribe("t", note)
        realm.publish("t", 1, options=ALOUD)
        first.unsubscribe()
        realm.publish("t", 2, options=ALOUD)

    assert seen == [1, 1, 2]


async def test_subscribed_before_the_start_it_holds_for_every_start() -> None:
    seen: list[int] = []
    realm = Realm("r")
    kept = realm.subscribe("t", lambda number: seen.append(number))
    never = realm.subscribe("t", lambda number: seen.append(-number))
    never.unsubscribe()
    wamp = serverwamp.Application()
    wamp.add_realm(realm)
    for number in (1, 2):
        async with wamp.run():
            realm.publish("t", number, options=ALOUD)
    kept.unsubscribe()
    async with wamp.run():
        realm.publish("t", 3, options=ALOUD)

    assert seen == [1, 2]


# --- What goes wrong ------------------------------------------------------------------


def failing() -> None:
    raise RuntimeError("broken handler")


async def failing_later() -> None:
    raise RuntimeError("broken handler")


def failing_cancelled() -> None:
    raise asyncio.CancelledError


def failing_like_a_publisher() -> None:
    raise InvalidArgument("broken handler")


@pytest.mark.parametrize(
    ("handler", "thread"),
    [
        (failing, False),
        (failing, True),
        (failing_later, False),
        (failing_cancelled, False),
        (failing_like_a_publisher, False),
        (failing_like_a_publisher, True),
    ],
)
async def test_a_failing_handler_is_logged_once_and_harms_nobody(
    handler: Callable[..., Any], thread: bool, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[int] = []
    async with running() as realm:
        realm.subscribe("t", handler, thread=thread)
        realm.subscribe("t", lambda: seen.append(1))
        realm.publish("t", options=ALOUD)
        await until(lambda: caplog.records)
        realm.publish("t", options=ALOUD)
        await until(lambda: len(caplog.records) == 2)

    assert seen == [1, 1]
    assert [record.levelno for record in caplog.records] == [logging.ERROR] * 2
    assert all(record.exc_info for record in caplog.records)
    assert handler.__name__ in caplog.records[0].getMessage()


async def wants_a_number_later(number: int) -> None:
    raise AssertionError("called without a number")


def wants_a_number(number: int) -> None:
    raise AssertionError("called without a number")


@pytest.mark.parametrize("handler", [wants_a_number, wants_a_number_later])
async def test_arguments_that_do_not_fit_are_a_warning_of_the_publisher(
    handler: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    async with running() as realm:
        realm.subscribe("t", handler)
        realm.publish("t", "many", options=ALOUD)
        await until(lambda: caplog.records)

    [record] = caplog.records
    assert (record.levelno, record.exc_info) == (logging.WARNING, None)
    assert "number" in record.getMessage()
    assert "many" not in record.getMessage()


async def reports() -> AsyncIterator[int]:
    yield 1


def wants_a_call(invocation: serverwamp.Invocation) -> None: ...


@pytest.mark.parametrize("handler", [reports, wants_a_call])
async def test_a_handler_that_cannot_receive_events_is_refused(
    handler: Callable[..., Any],
) -> None:
    async with running() as realm:
        with pytest.raises(ConfigurationError, match=handler.__name__):
            realm.subscribe("t", handler)


def test_what_is_no_function_and_no_uri_is_refused() -> None:
    realm = Realm("r")
    handler: Any = "no function"
    with pytest.raises(ConfigurationError, match="cannot be called"):
        realm.subscribe("t", handler)
    with pytest.raises(ConfigurationError, match="URI"):
        realm.subscribe("a b", lambda: None)


# --- The end --------------------------------------------------------------------------


async def test_stopping_cancels_the_handlers_that_still_run() -> None:
    trace: list[str] = []

    async def endless() -> None:
        trace.append("begins")
        try:
            await asyncio.Event().wait()
        finally:
            trace.append("cancelled")

    async with running() as realm:
        realm.subscribe("t", endless)
        realm.publish("t", options=ALOUD)
        await until(lambda: trace)

    assert trace == ["begins", "cancelled"]


async def test_a_handler_outlives_the_publisher() -> None:
    go_on = asyncio.Event()
    finished = asyncio.Event()
    topics = open_topic("t")

    @topics.on("t")
    async def slow() -> None:
        await go_on.wait()
        finished.set()

    async with site(topics) as server:
        async with server.client() as client:
            await client.publish("t")
        await until(lambda: not server.realm.sessions())
        go_on.set()
        await asyncio.wait_for(finished.wait(), 5)


async def test_what_was_to_be_awaited_when_all_stops_is_closed_silently() -> None:
    """Warnings are errors here, also those of coroutines that nobody awaited."""
    returned: list[Coroutine[Any, Any, None]] = []

    async def work() -> None: ...

    def hand_over() -> Any:
        returned.append(work())
        return returned[0]

    async with running() as realm:
        realm.subscribe("t", hand_over)
        realm.publish("t", options=ALOUD)

    assert inspect.getcoroutinestate(returned[0]) == inspect.CORO_CLOSED
