"""Topics with a type: what clients publish to them, and what they are answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from aiohttp_serverwamp import PublishOptions, Realm, TopicRouteSet
from aiohttp_serverwamp.errors import ConfigurationError, InvalidArgument
from tests.conformance.harness import World, is_error

INVALID = "wamp.error.invalid_argument"


@dataclass
class Card:
    title: str
    size: int = 0

    def __post_init__(self) -> None:
        if self.title == "broken":
            raise RuntimeError("a fault of its own")


def moved(card: Card, /, column: str, *, by: int = 0) -> None:
    """Never called: its parameters are those of the events."""


def typed_realm() -> Realm:
    topics = TopicRouteSet()
    topics.declare("card.", match="prefix", publish=True, retain=True, payload=Card)
    topics.declare("card.moved", publish=True, payload=moved)
    topics.declare("card.any", publish=True, payload=Any)
    topics.declare("open", publish=True)
    realm = Realm("realm1")
    realm.add_routes(topics)
    realm.permit("wamp.session.", match="prefix", call=True)
    return realm


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        ("card.new", [[{"title": "a"}]]),
        ("card.new", [[{"title": "a", "size": 2.0}], {}]),
        ("card.moved", [[{"title": "a"}, "done"]]),
        ("card.moved", [[{"title": "a"}], {"column": "done", "by": 7}]),
        ("card.any", [[17]]),
        ("open", [[1, 2], {"k": 3}]),
    ],
)
def test_what_fits_is_published_unchanged(topic: str, payload: list[Any]) -> None:
    """REQ-PUB-011."""
    world = World(typed_realm())
    publisher, subscriber = world.join(), world.join()
    subscriber.subscribe(topic)

    answer = publisher.request([16, 1, {"acknowledge": True}, topic, *payload])

    assert answer[:2] == [17, 1]
    [event] = subscriber.received()
    assert event[4:] == [part for part in payload if part]


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        ("card.new", []),
        ("card.new", [["a"]]),
        ("card.new", [[{"size": 1}]]),
        ("card.new", [[{"title": "a"}, 2]]),
        ("card.new", [[{"title": "a"}], {"by": 1}]),
        ("card.new", [[{"title": "a", "size": "2"}]]),
        ("card.moved", [[{"title": "a"}]]),
        ("card.moved", [[{"title": "a"}, 7]]),
        ("card.moved", [[{"title": "a"}, "done"], {"unknown": 1}]),
        ("card.any", [[1, 2]]),
    ],
)
def test_what_does_not_fit_is_refused_and_reaches_nobody(
    topic: str, payload: list[Any]
) -> None:
    """REQ-PUB-017, 018, 057: neither published nor retained."""
    world = World(typed_realm())
    publisher, subscriber = world.join(), world.join()
    subscriber.subscribe(topic)

    publisher.send([16, 1, {"retain": True}, topic, *payload])
    assert publisher.received() == []
    answer = publisher.request([16, 2, {"acknowledge": True}, topic, *payload])

    assert is_error(answer, 16, 2, INVALID)
    assert subscriber.received() == []
    assert world.realm.retained(topic) is None


def test_who_may_not_publish_learns_nothing_of_types() -> None:
    """REQ-ERR-005: permission comes first."""
    topics = TopicRouteSet()
    topics.declare("card.new", payload=Card)
    realm = Realm("realm1")
    realm.add_routes(topics)
    client = World(realm).join()

    answer = client.request([16, 1, {"acknowledge": True}, "card.new", [7]])

    assert is_error(answer, 16, 1, "wamp.error.not_authorized")


@pytest.mark.usefixtures("allow_logged_errors")
def test_a_type_that_fails_is_not_the_publishers_fault() -> None:
    """REQ-EMB-008: and the next publication is as good as ever."""
    client = World(typed_realm()).join()

    broken = {"title": "broken"}
    answer = client.request([16, 1, {"acknowledge": True}, "card.new", [broken]])
    next_one = client.request(
        [16, 2, {"acknowledge": True}, "card.new", [{"title": "a"}]]
    )

    assert is_error(answer, 16, 1, "wamp.error.runtime_error")
    assert next_one[0] == 17


def test_a_testament_is_checked_when_it_is_made() -> None:
    """REQ-META-006."""
    client = World(typed_realm()).join()

    answer = client.request(
        [48, 1, {}, "wamp.session.add_testament", ["card.new", ["x"], {}]]
    )

    assert is_error(answer, 48, 1, INVALID)


def test_a_testament_is_retained_only_where_its_session_may_retain() -> None:
    """REQ-META-005; REQ-PUB-066."""
    realm = typed_realm()
    topics = TopicRouteSet()
    topics.declare("plain", publish=True)
    topics.declare("kept", publish=True, retain=True)
    realm.add_routes(topics)
    world = World(realm)
    client = world.join()
    for number, topic in enumerate(["plain", "kept"], 1):
        answer = client.request(
            [
                *(48, number, {}, "wamp.session.add_testament", [topic, ["bye"], {}]),
                {"publish_options": {"retain": True}},
            ]
        )
        assert answer[0] == 50

    client.lose()
    world.settle()

    assert realm.retained("plain") is None
    kept = realm.retained("kept")
    assert kept is not None
    assert kept.args == ["bye"]


def test_what_the_application_publishes_is_checked_too() -> None:
    realm = typed_realm()
    world = World(realm)
    subscriber = world.join()
    subscriber.subscribe("card.", match="prefix")

    realm.publish("card.new", Card("a"))
    with pytest.raises(InvalidArgument, match="payload.*title"):
        realm.publish("card.new", {"size": 1})
    with pytest.raises(InvalidArgument, match="one positional"):
        realm.publish("card.new")
    with pytest.raises(InvalidArgument, match="payload"):
        world.clients[0].session.public().send_event("card.new", [7])

    assert [event[4] for event in subscriber.received()] == [
        [{"title": "a", "size": 0}]
    ]


def test_the_applications_handlers_get_converted_values() -> None:
    realm = typed_realm()
    seen: list[Any] = []
    realm.subscribe("card.", lambda card: seen.append(card), match="prefix")
    realm.subscribe("card.new", _annotated(seen))
    realm.subscribe("card.moved", lambda *args, **kwargs: seen.append((args, kwargs)))
    realm.subscribe("open", seen.append)
    client = World(realm).join()

    client.send([16, 1, {}, "card.new", [{"title": "a"}]])
    client.send([16, 2, {}, "open", [{"title": "a"}]])
    client.send([16, 3, {}, "card.moved", [{"title": "b"}, "done"], {"by": 2}])

    assert Card("a") in seen
    assert ("annotated", Card("a")) in seen
    assert {"title": "a"} in seen
    assert ((Card("b"), "done"), {"by": 2}) in seen


def _annotated(seen: list[Any]) -> Any:
    def note(card: Card) -> None:
        seen.append(("annotated", card))

    return note


@pytest.mark.parametrize("payload", [lambda x: object, object(), "Card"])
def test_what_is_no_type_is_a_configuration_error(payload: Any) -> None:
    topics = TopicRouteSet()

    def wrong(it: "Unknown") -> None:  # type: ignore[name-defined]  # noqa: F821, UP037
        pass

    topics.declare("card", payload=wrong if callable(payload) else payload)
    realm = Realm("realm1")
    realm.add_routes(topics)

    with pytest.raises(ConfigurationError, match="'card'"):
        World(realm)


def test_options_of_the_application_do_not_get_around_the_type() -> None:
    realm = typed_realm()
    World(realm)

    with pytest.raises(InvalidArgument):
        realm.publish("card.new", 7, options=PublishOptions(retain=True))

    assert realm.retained("card.new") is None


def test_what_is_passed_through_is_not_looked_into() -> None:
    """REQ-PPT-002, 012: neither when it is published nor when it arrives."""
    world, seen = World(typed_realm()), []

    def on_event(*payload: Any) -> None:
        seen.append(payload)

    world.realm.subscribe("card.new", on_event)
    publisher = world.join(serializer="msgpack")
    options = {"acknowledge": True, "ppt_scheme": "x_mine"}

    answer = publisher.request([16, 1, options, "card.new", [b"sealed"]])

    assert answer[:2] == [17, 1]
    assert seen == [(b"sealed",)]
