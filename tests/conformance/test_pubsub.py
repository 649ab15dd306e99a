"""Statements of section 6, put to the router as messages in and messages out."""

from __future__ import annotations

from typing import Any

import pytest

from aiohttp_serverwamp import OPEN, Realm, TopicRouteSet
from aiohttp_serverwamp.ids import MAX_ID
from tests.conformance.harness import Client, Gate, World, is_error


def pair(**people: Any) -> tuple[Client, Client]:
    """Return a publisher and a subscriber."""
    world = World(**people)
    return world.join(authid="pub"), world.join(authid="sub")


# --- Subscribing ------------------------------------------------------------------


def test_a_topic_and_its_match_policy_are_one_subscription_for_all() -> None:
    """REQ-PUB-001, 002, 043; REQ-ID-010."""
    world = World()
    one, other = world.join(), world.join()

    ids = [one.subscribe("a.b", match=each) for each in ("exact", "prefix", "wildcard")]

    assert len(set(ids)) == 3
    assert other.subscribe("a.b") == ids[0]
    assert all(each < 2**32 for each in ids)


def test_subscribing_twice_is_subscribing_once() -> None:
    """REQ-PUB-003, 004, 006."""
    publisher, subscriber = pair()
    subscription = subscriber.subscribe("com.t", 1)

    assert subscriber.subscribe("com.t", 2) == subscription
    publisher.send([16, 1, {}, "com.t"])
    assert len(subscriber.received()) == 1
    assert subscriber.request([34, 3, subscription]) == [35, 3]
    publisher.send([16, 2, {}, "com.t"])

    assert subscriber.received() == []


def test_a_subscription_of_somebody_else_cannot_be_ended() -> None:
    """REQ-PUB-005: and it goes on."""
    publisher, subscriber = pair()
    subscription = subscriber.subscribe("com.t")

    answer = publisher.request([34, 1, subscription])

    assert is_error(answer, 34, 1, "wamp.error.no_such_subscription")
    publisher.send([16, 2, {}, "com.t"])
    assert len(subscriber.received()) == 1


def test_subscribed_comes_before_the_first_event() -> None:
    """REQ-PUB-007; client-notes 3: in one burst."""
    client = World().join()

    client.send([32, 1, {}, "com.t"])
    client.send([16, 2, {"exclude_me": False}, "com.t"])

    assert [message[0] for message in client.received()] == [33, 36]


def test_several_subscribes_at_once_get_an_answer_each() -> None:
    """REQ-PUB-015: by request, in whichever order."""
    client = World().join()
    topics = {number: f"com.{number}" for number in range(1, 6)}

    for number, topic in topics.items():
        client.send([32, number, {}, topic])

    answers = client.received()
    assert {answer[1] for answer in answers} == topics.keys()
    assert {answer[0] for answer in answers} == {33}
    assert len({answer[2] for answer in answers}) == len(topics)


@pytest.mark.parametrize(
    ("topic", "match"),
    [
        ("a..b", "exact"),
        ("a.", "exact"),
        ("", "exact"),
        ("a..b", "prefix"),
        ("a ", "x"),
    ],
)
def test_a_malformed_topic_cannot_be_subscribed_to(topic: str, match: str) -> None:
    """REQ-URI-006, 007."""
    client = World().join()
    options = {} if match == "x" else {"match": match}

    answer = client.request([32, 1, options, topic])

    assert is_error(answer, 32, 1, "wamp.error.invalid_uri")


def test_the_routers_own_topics_may_be_subscribed_to_but_not_published() -> None:
    """REQ-URI-010, 011."""
    client = World().join()

    client.subscribe("wamp.session.on_join")
    for number, topic in enumerate(["wamp.session.on_join", "wamp"], 1):
        answer = client.request([16, number, {"acknowledge": True}, topic])
        assert is_error(answer, 16, number, "wamp.error.invalid_uri")
    client.send([16, 3, {}, "wamp.x"])

    assert client.received() == []


# --- Publishing -------------------------------------------------------------------


def test_a_publication_without_subscribers_succeeds() -> None:
    """REQ-PUB-009, 019; REQ-ID-001."""
    publisher, _ = pair()

    code, request, publication = publisher.request(
        [16, 1, {"acknowledge": True}, "com.t"]
    )

    assert (code, request) == (17, 1)
    assert 1 <= publication <= MAX_ID


@pytest.mark.parametrize("topic", ["a..b", "a.", "", "a b", "a\n", "."])
def test_what_is_published_to_is_a_full_uri(topic: str) -> None:
    """REQ-PUB-010, 018; REQ-URI-007, 008."""
    publisher, subscriber = pair()
    subscriber.subscribe("", match="prefix")

    publisher.send([16, 1, {}, topic])
    assert publisher.received() == []
    answer = publisher.request([16, 2, {"acknowledge": True}, topic])

    assert is_error(answer, 16, 2, "wamp.error.invalid_uri")
    assert subscriber.received() == []


@pytest.mark.parametrize(
    "payload", [[], [[1, "é", None]], [[], {"k": [1.5]}], [[2**60], {"k": {}}]]
)
@pytest.mark.parametrize(
    "serializer", ["json", "msgpack", "cbor", "json.batched", "cbor.batched"]
)
def test_payloads_pass_unchanged(payload: list[Any], serializer: str) -> None:
    """REQ-PUB-008, 011, 033, 041; REQ-SER-001, 004; REQ-MSG-017 to 020."""
    world = World()
    publisher, other = world.join(), world.join(serializer=serializer)
    subscription = other.subscribe("com.t")

    publisher.send([16, 1, {}, "com.t", *payload])

    [event] = other.received()
    assert event == [36, subscription, event[2], {}, *payload]


def test_one_publication_has_one_id() -> None:
    """REQ-PUB-012, 020, 039; REQ-ID-002."""
    world = World()
    publisher, other = world.join(), world.join()
    for client in (publisher, other):
        client.subscribe("com.t")
        client.subscribe("com.", match="prefix")

    publisher.send([16, 1, {"acknowledge": True, "exclude_me": False}, "com.t"])

    acknowledged, *events = publisher.received()
    assert acknowledged[0] == 17
    ids = {event[2] for event in [*events, *other.received()]}
    assert ids == {acknowledged[2]}
    assert len(events) == 2


def test_events_arrive_in_the_order_published_across_topics() -> None:
    """REQ-PUB-013, 014."""
    publisher, subscriber = pair()
    subscriber.subscribe("com.a")
    subscriber.subscribe("com.", match="prefix")

    for number in range(20):
        options = {"acknowledge": number % 3 == 0}
        publisher.send([16, number + 1, options, f"com.{'abc'[number % 3]}", [number]])

    numbers = [event[4][0] for event in subscriber.received()]
    assert numbers == sorted(numbers)
    assert set(numbers) == set(range(20))


def test_publications_keep_their_order_while_one_waits_for_permission() -> None:
    """REQ-PUB-014; REQ-AUTZ-014; REQ-MSG-024."""
    gate = Gate()

    async def authorizer(session: Any, action: str, uri: str, options: Any) -> Any:
        return await gate if uri == "com.slow" else True

    realm = Realm("realm1", permissions=OPEN)
    realm.set_authorizer(authorizer)
    world = World(realm)
    publisher, subscriber = world.join(), world.join()
    subscriber.subscribe("com.", match="prefix")

    publisher.send([16, 1, {}, "com.slow", [1]])
    publisher.send([16, 2, {"acknowledge": True}, "com.a", [2]])
    publisher.send([16, 3, {}, "com.b", [3]])
    assert subscriber.received() == []
    gate.open(True)

    assert [event[4] for event in subscriber.received()] == [[1], [2], [3]]
    assert [message[:2] for message in publisher.received()] == [[17, 2]]


@pytest.mark.usefixtures("allow_logged_errors")
def test_an_event_that_one_subscriber_cannot_read_is_lost_for_that_one() -> None:
    """REQ-TYP-005; REQ-PUB-016."""
    world = World()
    publisher, packed, plain = (
        world.join(),
        world.join(serializer="msgpack"),
        world.join(),
    )
    for client in (packed, plain):
        client.subscribe("com.t")

    publisher.send([16, 1, {}, "com.t", [2**70]])
    publisher.send([16, 2, {}, "com.t", ["next"]])

    assert [event[4] for event in plain.received()] == [[2**70], ["next"]]
    assert [event[4] for event in packed.received()] == [["next"]]


# --- Who receives -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "receivers"),
    [
        ({}, "ann eve bob"),
        ({"exclude": ["eve"]}, "ann bob"),
        ({"exclude": []}, "ann eve bob"),
        ({"exclude": [1]}, "ann eve bob"),
        ({"exclude_authid": ["ann", "nobody"]}, "eve bob"),
        ({"exclude_authrole": ["admin"]}, "bob"),
        ({"eligible": ["eve", "bob"]}, "eve bob"),
        ({"eligible": []}, ""),
        ({"eligible_authid": []}, ""),
        ({"eligible_authrole": []}, ""),
        ({"eligible": [1]}, ""),
        ({"eligible_authid": ["bob"]}, "bob"),
        ({"eligible_authrole": ["admin"]}, "ann eve"),
        ({"eligible_authid": ["ann", "bob"], "eligible_authrole": ["admin"]}, "ann"),
        ({"eligible_authid": ["ann"], "exclude_authid": ["ann"]}, ""),
        ({"eligible": ["ann", "eve"], "exclude_authrole": ["admin"]}, ""),
        ({"eligible_authid": ["pub"]}, ""),
        ({"eligible_authid": ["pub"], "exclude_me": False}, "pub"),
        ({"exclude_me": False}, "pub ann eve bob"),
        ({"exclude_me": True}, "ann eve bob"),
        ({"exclude_me": False, "exclude_authid": ["pub"]}, "ann eve bob"),
    ],
    ids=repr,
)
def test_all_conditions_on_receivers_hold_on_every_subscription(
    options: dict[str, Any], receivers: str
) -> None:
    """REQ-PUB-021 to 024, 026 to 030; PIT-07, PIT-56."""
    world = World()
    roles = {"pub": "user", "ann": "admin", "eve": "admin", "bob": "user"}
    people = {name: world.join(authid=name, authrole=roles[name]) for name in roles}
    for person in people.values():
        person.subscribe("com.t")
        person.subscribe("com.", match="prefix")
    for name in ("exclude", "eligible"):
        if name in options:
            ids = [people[each].id if each != 1 else 1 for each in options[name]]
            options = {**options, name: ids}

    people["pub"].send([16, 1, options, "com.t"])

    events = {name: person.received() for name, person in people.items()}
    assert [name for name in events if events[name]] == receivers.split()
    for received in events.values():
        assert len(received) in (0, 2)
        assert all(event[3] in ({}, {"topic": "com.t"}) for event in received)


def test_the_publisher_is_excluded_as_a_session_not_as_a_user() -> None:
    """REQ-PUB-031."""
    world = World()
    one, other = world.join(authid="joe"), world.join(authid="joe")
    for client in (one, other):
        client.subscribe("com.t")

    one.send([16, 1, {}, "com.t"])

    assert one.received() == []
    assert len(other.received()) == 1


# --- Publisher identification -----------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "options", "disclosed"),
    [
        ("allow", {"disclose_me": True}, True),
        ("allow", {"disclose_me": False}, False),
        ("allow", {}, False),
        ("deny", {"disclose_me": False}, False),
        ("deny", {}, False),
        ("force", {}, True),
        ("force", {"disclose_me": False}, True),
    ],
)
def test_who_publishes_is_disclosed_as_asked_and_as_the_realm_says(
    policy: str, options: dict[str, Any], disclosed: bool
) -> None:
    """REQ-PUB-032, 033, 035; PIT-14."""
    realm = Realm("realm1", permissions=OPEN, disclosure=policy)
    publisher, subscriber = pair(realm=realm)
    subscriber.subscribe("com.t")

    publisher.send([16, 1, options, "com.t"])

    [event] = subscriber.received()
    assert event[3] == (
        {
            "publisher": publisher.id,
            "publisher_authid": "pub",
            "publisher_authrole": "user",
        }
        if disclosed
        else {}
    )


def test_asking_for_disclosure_where_it_is_denied_publishes_nothing() -> None:
    """REQ-PUB-034, 018."""
    realm = Realm("realm1", permissions=OPEN, disclosure="deny")
    publisher, subscriber = pair(realm=realm)
    subscriber.subscribe("com.t")

    publisher.send([16, 1, {"disclose_me": True}, "com.t"])
    assert publisher.received() == []
    answer = publisher.request(
        [16, 2, {"disclose_me": True, "acknowledge": True}, "com.t"]
    )

    assert is_error(answer, 16, 2, "wamp.error.option_disallowed.disclose_me")
    assert subscriber.received() == []


def test_publishers_cannot_forge_details() -> None:
    """REQ-MSG-009; REQ-PUB-028, 036, 072."""
    publisher, subscriber = pair()
    subscriber.subscribe("com.t")
    forged = {"publisher": 1, "publisher_authid": "root", "trustlevel": 9, "topic": "x"}

    publisher.send([16, 1, {**forged, "retained": True, "_custom": 1}, "com.t"])

    [event] = subscriber.received()
    assert event[3] == {}


# --- Patterns ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("match", "pattern", "topic", "matches"),
    [
        ("prefix", "com.myapp.topic.emergency", "com.myapp.topic.emergency", True),
        ("prefix", "com.myapp.topic.emergency", "com.myapp.topic.emergency.11", True),
        ("prefix", "com.myapp.topic.emergency", "com.myapp.topic.emergency-low", True),
        ("prefix", "com.myapp.topic.emergency", "com.myapp.topic.emergency.c.s", True),
        ("prefix", "com.myapp.topic.emergency", "com.myapp.topic.emerge", False),
        ("wildcard", "com.myapp..userevent", "com.myapp.foo.userevent", True),
        ("wildcard", "com.myapp..userevent", "com.myapp.foo.userevent.bar", False),
        ("wildcard", "com.myapp..userevent", "com.myapp.foo.user", False),
        ("wildcard", "com.myapp..userevent", "com.myapp2.foo.userevent", False),
    ],
)
def test_patterns_match_as_the_specification_says(
    match: str, pattern: str, topic: str, matches: bool
) -> None:
    """REQ-PUB-037, 040; client-notes 14."""
    publisher, subscriber = pair()
    subscription = subscriber.subscribe(pattern, match=match)

    publisher.send([16, 1, {}, topic])

    events = [[event[1], event[3]] for event in subscriber.received()]
    assert events == ([[subscription, {"topic": topic}]] if matches else [])


def test_an_event_comes_once_on_each_subscription_that_matches() -> None:
    """REQ-PUB-038, 039, 040, 041, 042."""
    publisher, subscriber = pair()
    subscriptions = {
        subscriber.subscribe("a.b"): {},
        subscriber.subscribe("a.b", match="prefix"): {"topic": "a.b"},
        subscriber.subscribe("a.b", match="wildcard"): {"topic": "a.b"},
        subscriber.subscribe("", match="prefix"): {"topic": "a.b"},
        subscriber.subscribe(".", match="wildcard"): {"topic": "a.b"},
    }
    subscriber.subscribe("a.", match="wildcard", request=7)
    subscriber.subscribe("b.", match="prefix", request=8)

    publisher.send([16, 1, {}, "a.b"])

    events = subscriber.received()
    # "a." as a wildcard has two components as well, and matches.
    assert len(events) == len(subscriptions) + 1
    assert len({event[2] for event in events}) == 1
    for subscription, details in subscriptions.items():
        assert [e[3] for e in events if e[1] == subscription] == [details]


# --- Subscriptions that hosted code accompanies -----------------------------------


def accompanied(gate: Gate, log: list[str]) -> World:
    topics = TopicRouteSet()

    @topics.route("com.t")
    async def topic(session: Any) -> Any:
        log.append("started")
        session.send_event("com.t", ("welcome",))
        await gate
        yield
        log.append("ended")

    realm = Realm("realm1", permissions=OPEN)
    realm.add_routes(topics)
    return World(realm)


def test_events_are_held_back_until_the_handler_agrees() -> None:
    """REQ-PUB-007, 013: whoever publishes meanwhile."""
    gate, log = Gate(), list[str]()
    world = accompanied(gate, log)
    client, publisher = world.join(), world.join()
    client.send([32, 1, {}, "com.t"])
    client.send([32, 2, {}, "com.t"])
    assert client.received() == []
    assert log == ["started"]
    publisher.send([16, 1, {}, "com.t", ["news"]])
    assert client.received() == []

    gate.open()

    first, *events, again = client.received()
    assert first[:2] == [33, 1]
    assert [event[4] for event in events] == [["welcome"], ["news"]]
    assert again == [33, 2, first[2]]
    assert client.request([34, 3, first[2]]) == [35, 3]
    world.settle()
    assert log == ["started", "ended"]


def test_a_client_that_leaves_while_its_handler_starts_is_forgotten() -> None:
    """REQ-SES-041, 046, 049."""
    gate, log = Gate(), list[str]()
    world = accompanied(gate, log)
    client = world.join()
    client.send([32, 1, {}, "com.t"])
    client.received()

    client.lose()
    gate.open()

    assert client.received() == []
    assert len(world.realm.router.broker.subscriptions) == 0


def test_a_handler_that_refuses_leaves_no_subscription() -> None:
    """REQ-MSG-025: the application's error is the answer."""
    gate, log = Gate(), list[str]()
    world = accompanied(gate, log)
    client, publisher = world.join(), world.join()
    client.send([32, 1, {}, "com.t"])
    client.received()
    from aiohttp_serverwamp import SubscribeError

    gate.fail(SubscribeError("com.members.only", "no"))

    assert client.received() == [[8, 32, 1, {}, "com.members.only", ["no"]]]
    publisher.send([16, 1, {}, "com.t"])
    assert client.received() == []
    assert log == ["started"]
