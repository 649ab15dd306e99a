"""Retained events (section 6.10), put to the router as messages in and messages out."""

from __future__ import annotations

from typing import Any

import pytest

from aiohttp_serverwamp import OPEN, Limits, PublishOptions, Realm, TopicRouteSet
from tests.conformance.harness import Client, Gate, World, is_violation

GET: dict[str, Any] = {"get_retained": True}


def retain(client: Client, topic: str, value: Any, **options: Any) -> int:
    """Publish a retained event and return the id of the publication."""
    options |= {"retain": True, "acknowledge": True}
    answer = client.request([16, 800, options, topic, [value]])
    assert answer[:2] == [17, 800], answer
    publication: int = answer[2]
    return publication


def subscribe(client: Client, topic: str, **options: Any) -> list[Any]:
    """Subscribe with get_retained and return what followed SUBSCRIBED."""
    client.send([32, 801, {**GET, **options}, topic])
    subscribed, *events = client.received()
    assert subscribed[:2] == [33, 801], subscribed
    assert all(event[:2] == [36, subscribed[2]] for event in events)
    return events


def values(events: list[Any]) -> list[Any]:
    return [event[4][0] for event in events]


def test_the_last_retained_event_follows_subscribed() -> None:
    """REQ-PUB-057, 059, 063; REQ-PUB-007; client-notes 3: without any subscriber."""
    world = World()
    publisher, subscriber = world.join(), world.join()
    retain(publisher, "com.r", "first")
    publication = retain(publisher, "com.r", "last")

    [event] = subscribe(subscriber, "com.r")

    assert event[2:] == [publication, {"retained": True}, ["last"]]


def test_who_does_not_ask_for_it_gets_nothing_retained() -> None:
    """REQ-PUB-059."""
    world = World()
    publisher, subscriber = world.join(), world.join()
    retain(publisher, "com.r", "last")

    subscriber.subscribe("com.r")
    subscriber.subscribe("com.", get_retained=False, match="prefix")

    assert subscriber.received() == []


@pytest.mark.parametrize("options", [{}, {"retain": False}, {"retain": None}])
def test_what_is_not_retained_leaves_the_retained_event(options: Any) -> None:
    """REQ-PUB-058."""
    world = World()
    publisher, subscriber = world.join(), world.join()
    retain(publisher, "com.r", "kept")

    publisher.send([16, 1, options, "com.r", ["passing"]])

    assert values(subscribe(subscriber, "com.r")) == ["kept"]


def test_payload_and_disclosed_publisher_are_those_of_the_publication() -> None:
    """REQ-PUB-063; REQ-PUB-032."""
    world = World()
    publisher, subscriber = world.join(authid="pub"), world.join(serializer="msgpack")

    publisher.send(
        [16, 1, {"retain": True, "disclose_me": True}, "com.r", [[1], None], {"k": {}}]
    )
    number = publisher.id
    publisher.end("GOODBYE")
    [event] = subscribe(subscriber, "com.r")

    assert event[3:] == [
        {
            "retained": True,
            "publisher": number,
            "publisher_authid": "pub",
            "publisher_authrole": "user",
        },
        [[1], None],
        {"k": {}},
    ]


def test_a_retained_event_is_trusted_as_far_as_it_was() -> None:
    """REQ-PUB-036, 063."""
    realm = Realm("realm1", permissions=OPEN)
    realm.set_trust_levels(lambda session, action, uri: 7)
    world = World(realm)
    retain(world.join(), "com.r", 1)
    realm.set_trust_levels(lambda session, action, uri: 0)

    [event] = subscribe(world.join(), "com.r")

    assert event[3] == {"retained": True, "trustlevel": 7}


def test_a_live_delivery_is_not_marked_as_retained() -> None:
    """REQ-PUB-062."""
    world = World()
    publisher, subscriber = world.join(), world.join()
    subscriber.subscribe("com.r")
    subscriber.subscribe("com.", match="prefix")

    retain(publisher, "com.r", 1)

    assert [event[3] for event in subscriber.received()] == [{}, {"topic": "com.r"}]


RESTRICTIONS: list[tuple[dict[str, Any], set[str]]] = [
    ({"eligible_authid": ["ann"]}, {"ann"}),
    ({"eligible_authrole": ["user"]}, {"ann", "bob"}),
    ({"exclude_authid": ["ann"]}, {"bob", "eve"}),
    ({"exclude_authrole": ["user"]}, {"eve"}),
    ({"eligible_authrole": ["user"], "exclude_authid": ["bob"]}, {"ann"}),
    ({"eligible": []}, set()),
    ({"exclude": []}, {"ann", "bob", "eve"}),
]


@pytest.mark.parametrize(("options", "receivers"), RESTRICTIONS)
def test_nobody_gets_a_retained_event_that_was_not_for_them(
    options: dict[str, Any], receivers: set[str]
) -> None:
    """REQ-PUB-060, 061: others get the older one that is for everybody."""
    world = World()
    publisher = world.join()
    retain(publisher, "com.r", "for all")
    retain(publisher, "com.r", "for some", **options)

    for authid, authrole in [("ann", "user"), ("bob", "user"), ("eve", "guest")]:
        client = world.join(authid=authid, authrole=authrole)
        expected = "for some" if authid in receivers else "for all"
        assert values(subscribe(client, "com.r")) == [expected]
        assert values(subscribe(client, "com.", match="prefix")) == [expected]


def test_session_ids_on_lists_hold_for_later_subscribers_too() -> None:
    """REQ-PUB-060."""
    world = World()
    publisher, one, other = world.join(), world.join(), world.join()

    retain(publisher, "com.r", "for one", eligible=[one.id])
    retain(publisher, "com.x", "not for one", exclude=[one.id])

    assert values(subscribe(one, "com.", match="prefix")) == ["for one"]
    assert values(subscribe(other, "com.", match="prefix")) == ["not for one"]


def test_each_gets_the_last_event_that_was_for_them() -> None:
    """REQ-PUB-059: of several with lists, too."""
    world = World()
    publisher = world.join()
    for who, value in [("ann", 1), ("bob", 2), ("ann", 3), ("eve", 4)]:
        retain(publisher, "com.r", value, eligible_authid=[who])

    found = {
        who: values(subscribe(world.join(authid=who), "com.r"))
        for who in ("ann", "bob", "eve", "joe")
    }

    assert found == {"ann": [3], "bob": [2], "eve": [4], "joe": []}


def test_an_event_for_everybody_takes_the_place_of_all_before_it() -> None:
    """REQ-PUB-057, 061."""
    world = World()
    publisher, ann = world.join(), world.join(authid="ann")
    retain(publisher, "com.r", "old", eligible_authid=["ann"])

    retain(publisher, "com.r", "new")

    assert values(subscribe(ann, "com.r")) == ["new"]


def test_publishers_get_their_own_retained_event_as_they_would_have_live() -> None:
    """REQ-PUB-059, 029, 030; PIT-36: only if they do not exclude themselves."""
    publisher = World().join()

    retain(publisher, "com.r", "own")
    assert subscribe(publisher, "com.r") == []
    publisher.request([34, 1, publisher.subscribe("com.r")])
    retain(publisher, "com.r", "own", exclude_me=False)

    assert values(subscribe(publisher, "com.r")) == ["own"]


def test_a_pattern_gets_the_retained_event_of_each_of_its_topics() -> None:
    """REQ-PUB-064; REQ-PUB-013: in the order published."""
    world = World()
    publisher, subscriber = world.join(), world.join()
    for topic in ("com.b.x", "com.a.x", "com.a.y", "org.a.x", "com.b.x"):
        retain(publisher, topic, topic)

    by_prefix = subscribe(subscriber, "com.", match="prefix")
    by_wildcard = subscribe(subscriber, "..x", match="wildcard")

    assert [event[3] for event in by_prefix] == [
        {"retained": True, "topic": topic}
        for topic in ("com.a.x", "com.a.y", "com.b.x")
    ]
    assert values(by_wildcard) == ["com.a.x", "org.a.x", "com.b.x"]


def test_subscribing_again_delivers_the_retained_event_again() -> None:
    """REQ-PUB-065; REQ-PUB-003."""
    world = World()
    publisher, subscriber = world.join(), world.join()
    subscriber.subscribe("com.r")
    retain(publisher, "com.r", 1)
    assert len(subscriber.received()) == 1

    assert values(subscribe(subscriber, "com.r")) == [1]
    assert values(subscribe(subscriber, "com.r")) == [1]


def test_retained_comes_before_what_is_published_while_a_handler_decides() -> None:
    """REQ-PUB-007, 013: SUBSCRIBED, the retained event, then the live ones."""
    gate = Gate()
    topics = TopicRouteSet()

    @topics.route("com.r", publish=True, retain=True)
    async def slow(topic_uri: str) -> Any:
        await gate
        yield

    realm = Realm("realm1")
    realm.add_routes(topics)
    world = World(realm)
    publisher, subscriber = world.join(), world.join()
    retain(publisher, "com.r", "retained")

    subscriber.send([32, 1, GET, "com.r"])
    assert subscriber.received() == []
    retain(publisher, "com.r", "live")
    gate.open()

    subscribed, *events = subscriber.received()
    assert subscribed[0] == 33
    assert values(events) == ["retained", "live"]
    assert [event[3] for event in events] == [{"retained": True}, {}]


@pytest.mark.parametrize("retaining", [None, False])
def test_a_realm_ignores_retain_on_topics_where_it_is_not_permitted(
    retaining: bool | None,
) -> None:
    """REQ-PUB-066: the event is published all the same."""
    realm = Realm("realm1")
    topics = TopicRouteSet()
    topics.declare("com.", match="prefix", publish=True, retain=retaining)
    topics.declare("com.kept", publish=True, retain=True)
    realm.add_routes(topics)
    world = World(realm)
    publisher, live, later = world.join(), world.join(), world.join()
    live.subscribe("com.", match="prefix")

    retain(publisher, "com.r", 1)
    retain(publisher, "com.kept", 2)

    assert values(live.received()) == [1, 2]
    assert values(subscribe(later, "com.", match="prefix")) == [2]


def test_only_roles_that_may_retain_do() -> None:
    """REQ-PUB-066."""
    realm = Realm("realm1")
    realm.permit("com.r", subscribe=True, publish=True)
    realm.permit("com.r", retain=True, roles=["admin"])
    world = World(realm)
    user = world.join(authid="ann")
    admin = world.join(authid="root", authrole="admin")

    retain(admin, "com.r", "admin's")
    retain(user, "com.r", "user's")

    assert values(subscribe(world.join(authid="joe"), "com.r")) == ["admin's"]


def test_what_is_retained_is_bounded_and_the_oldest_goes_first() -> None:
    """REQ-PUB-066: topics in number, and all of it in bytes."""
    world = World(limits=Limits(max_retained_topics=2, max_retained_bytes=20_000))
    publisher = world.join()

    def kept() -> list[str]:
        events = subscribe(world.join(), "com.", match="prefix")
        return [value[:5] for value in values(events)]

    for topic in ("com.a", "com.b", "com.a", "com.c"):
        retain(publisher, topic, topic)
    assert kept() == ["com.a", "com.c"]

    retain(publisher, "com.a", "x" * 12_000)
    assert kept() == ["com.c", "xxxxx"]
    retain(publisher, "com.c", "y" * 12_000)
    assert kept() == ["yyyyy"]
    retain(publisher, "com.c", "z" * 30_000)
    assert kept() == []


def test_the_application_clears_what_is_retained_and_clients_get_it_no_more() -> None:
    """PIT-36: clearing is the application's."""
    world = World()
    publisher, subscriber = world.join(), world.join()
    for topic in ("com.a", "com.b.x", "com.b.y"):
        retain(publisher, topic, topic)

    assert world.realm.clear_retained("com.b.", match="prefix") == 2
    assert world.realm.clear_retained("com.b.x") == 0

    assert values(subscribe(subscriber, "com.", match="prefix")) == ["com.a"]


def test_the_application_retains_without_permission_and_for_whom_it_likes() -> None:
    """REQ-PUB-057, 060; REQ-EMB-014: and what it keeps of the payload is its own."""
    realm = Realm("realm1")
    realm.permit("com.r", subscribe=True)
    world = World(realm)
    payload = ["as published"]
    for options in (
        PublishOptions(retain=True),
        PublishOptions(retain=True, eligible_authid=["ann"]),
    ):
        realm.publish("com.r", payload, options=options)
        payload.append("later")

    ann = subscribe(world.join(authid="ann"), "com.r")
    joe = subscribe(world.join(authid="joe"), "com.r")

    assert values(ann) == [["as published", "later"]]
    assert values(joe) == [["as published"]]


@pytest.mark.parametrize("value", [1, 0, "true", [], {}, 1.0])
@pytest.mark.parametrize(("code", "key"), [(16, "retain"), (32, "get_retained")])
def test_flags_of_the_wrong_type_end_the_session(
    code: int, key: str, value: Any
) -> None:
    """REQ-MSG-007: without effect."""
    world = World()
    client, other = world.join(), world.join()

    client.send([code, 1, {key: value}, "com.r"])

    assert is_violation(client.received())
    assert subscribe(other, "com.r") == []


def test_no_pattern_for_everything_gets_what_the_router_itself_has_retained() -> None:
    """REQ-URI-012: as with events of these topics when they are published."""
    world = World()
    options = PublishOptions(retain=True)
    world.realm.publish("wamp.x.state", 1, options=options)
    world.realm.publish("com.r", 2, options=options)
    client = world.join()

    assert values(subscribe(client, "", match="prefix")) == [2]
    assert values(subscribe(client, "..", match="wildcard")) == []
    assert values(subscribe(client, "wamp.", match="prefix")) == [1]


def test_nobody_gets_more_at_once_than_may_wait_for_a_client() -> None:
    """REQ-PUB-066: SUBSCRIBE costs nobody its session; the newest events come."""
    world = World(limits=Limits(max_pending_bytes=20_000))
    publisher = world.join()
    for number in range(5):
        retain(publisher, f"com.{number}", f"{number}" * 4_000)

    found = values(subscribe(world.join(), "com.", match="prefix"))
    retain(publisher, "com.large", "x" * 15_000)

    assert found == ["3" * 4_000, "4" * 4_000]
    assert values(subscribe(world.join(), "com.", match="prefix")) == ["x" * 15_000]
    assert values(subscribe(world.join(), "com.0")) == ["0" * 4_000]
