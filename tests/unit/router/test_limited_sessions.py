"""What broker, session and queue do with policies and rates, without a socket."""

from __future__ import annotations

from typing import Any

import pytest

from aiohttp_serverwamp import OPEN, Limits, Realm, SlowConsumer, SlowConsumerReport
from tests.conformance.harness import Client, Gate, World

CONFLATE = SlowConsumer.CONFLATE
DISCONNECT = SlowConsumer.DISCONNECT


def open_realm(**options: Any) -> Realm:
    return Realm("realm1", permissions=OPEN, **options)


def two(world: World) -> tuple[Client, Client]:
    return world.join(), world.join()


def test_only_events_of_topics_that_say_so_may_be_dropped() -> None:
    realm = open_realm()
    realm.permit("price.", match="prefix", slow_consumer="conflate")
    world = World(realm)
    client, publisher = two(world)
    exact = client.subscribe("price.a", request=1)
    pattern = client.subscribe("price", request=2, match="prefix")
    client.subscribe("news", request=3)

    for request, topic in enumerate(("price.a", "price.b", "news"), start=1):
        publisher.send([16, request, {}, topic, [topic]])

    assert client.wire.offered == [
        (CONFLATE, (exact, "price.a")),
        (CONFLATE, (pattern, "price.a")),
        (CONFLATE, (pattern, "price.b")),
    ]
    received = [event[4][0] for event in client.received()]
    assert received == ["price.a", "price.a", "price.b", "news"]
    assert world.reports == []


def test_what_is_dropped_is_counted_and_reported_when_it_begins() -> None:
    world = World(open_realm(slow_consumer="drop_oldest"))
    client, publisher = two(world)
    client.subscribe("a")
    for request, behind in enumerate([True, True, False, True], start=1):
        client.wire.behind = behind
        publisher.send([16, request, {}, "a"])

    policy = SlowConsumer.DROP_OLDEST
    assert world.reports == [
        (client.id, SlowConsumerReport(policy, "a", 1)),
        (client.id, SlowConsumerReport(policy, "a", 3)),
    ]
    assert len(client.received()) == 1
    assert client.session.public().dropped_events == 3
    assert world.realm.stats().events_dropped == 3


def test_an_event_for_one_session_may_be_dropped_as_well() -> None:
    world = World(open_realm(slow_consumer="conflate"))
    client = world.join()
    client.subscribe("a")
    client.wire.behind = True

    client.session.public().send_event("a", [1])

    assert client.received() == []
    assert client.session.brokering.dropped == 1


def test_a_client_that_is_cut_is_reported_and_one_that_is_lost_is_not() -> None:
    world = World(open_realm())
    client, other = two(world)
    client.wire.cut = True
    for each in (client, other):
        each.lose()

    assert world.reports == [(client.id, SlowConsumerReport(DISCONNECT, None, 0))]


def is_limited(message: list[Any], kind: int, request: int) -> bool:
    head, uri, kwargs = message[:3], message[4], message[6]
    later = bool(kwargs["retry_after"] > 0)
    return head == [8, kind, request] and uri == "wamp.error.rate_limited" and later


def test_every_request_counts_for_the_realm_and_nothing_else_does() -> None:
    world = World(open_realm(rate_limit="3/h"))
    client = world.join()
    client.send([32, 1, {}, "a"])
    client.send([64, 2, {}, "p"])
    client.send([48, 3, {}, "p"])
    subscribed, registered, invoked = client.received()
    assert [subscribed[0], registered[0], invoked[0]] == [33, 65, 68]

    client.send([70, invoked[1], {}, ["ok"]])
    client.send([49, 77, {}])
    assert client.received() == [[50, 3, {}, ["ok"]]]
    requests = [
        [48, 4, {}, "p"],
        [16, 5, {"acknowledge": True}, "a"],
        [32, 6, {}, "b"],
        [34, 7, subscribed[2]],
        [64, 8, {}, "q"],
        [66, 9, registered[2]],
    ]
    for message in requests:
        client.send(message)
        [answer] = client.received()
        assert is_limited(answer, message[0], message[1])
    client.send([16, 10, {}, "a"])
    assert client.received() == []
    assert world.realm.stats().rate_limited == 7

    world.advance(1200)
    client.send([48, 11, {}, "p"])
    assert client.received()[0][0] == 68


def test_a_chunk_that_comes_too_early_ends_a_call_that_still_waits() -> None:
    realm = open_realm(rate_limit="2/h")
    gate = Gate()

    async def authorize(*_: Any) -> bool:
        await gate
        return True

    realm.set_authorizer(authorize)
    world = World(realm)
    client = world.join()
    client.send([48, 1, {"progress": True}, "p", [1]])
    client.send([48, 1, {"progress": True}, "p", [2]])
    client.send([48, 1, {"progress": True}, "p", [3]])
    [answer] = client.received()
    assert is_limited(answer, 48, 1)

    client.send([48, 1, {}, "p", [4]])
    gate.open(True)
    assert client.received() == []


@pytest.mark.parametrize("kind", [16, 48])
def test_a_limit_of_a_uri_is_for_calls_and_publications(kind: int) -> None:
    realm = open_realm()
    realm.permit("a", rate_limit="1/h")
    world = World(realm, limits=Limits())
    client = world.join()
    options = {"acknowledge": True} if kind == 16 else {}

    answers = []
    for request in (1, 2):
        client.send([kind, request, options, "a"])
        answers += client.received()

    assert answers[0][0] == 17 if kind == 16 else answers[0][:3] == [8, 48, 1]
    assert is_limited(answers[1], kind, 2)


def test_a_session_that_has_left_is_forgotten() -> None:
    world = World(open_realm(rate_limit="1/h"))
    client = world.join()
    client.send([32, 1, {}, "a"])
    client.received()
    limits = world.realm.traffic_rules.rate_limits
    assert limits.remembered == 1

    client.lose()
    assert limits.remembered == 0
