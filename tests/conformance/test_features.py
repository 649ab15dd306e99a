"""What WELCOME announces works, and everything that has to be announced is (section 9).

Each feature has a scenario here, small but whole: from what a client asks for to what
another one gets. What the details are has its tests beside the other statements.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest

from aiohttp_serverwamp import OPEN, Identity, Realm
from tests.conformance.harness import Client, World, is_error
from tests.conformance.test_renewal import renew

#: Every stable, beta and alpha feature but sharding, and the sketches that have a text.
ANNOUNCED: Final[dict[str, set[str]]] = {
    "broker": {
        "event_history",
        "event_retention",
        "pattern_based_subscription",
        "payload_passthru_mode",
        "publication_trustlevels",
        "publisher_exclusion",
        "publisher_identification",
        "session_meta_api",
        "subscriber_blackwhite_listing",
        "subscription_meta_api",
        "subscription_revocation",
    },
    "dealer": {
        "call_canceling",
        "call_reroute",
        "call_timeout",
        "call_trustlevels",
        "caller_identification",
        "pattern_based_registration",
        "payload_passthru_mode",
        "progressive_call_invocations",
        "progressive_call_results",
        "registration_meta_api",
        "registration_revocation",
        "session_meta_api",
        "shared_registration",
        "testament_meta_api",
    },
}

#: What would be a promise that nobody could keep.
NEVER: Final = (
    "sharded_registration",
    "sharded_subscription",
    "shareded_subscriptions",
    "payload_transparency",
    "payload_encryption_cryptobox",
    "x_acknowledged_event_delivery",
    "reflection",
)

SCENARIOS: Final[dict[tuple[str, str], Callable[[], None]]] = {}


def scenario(*roles: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Take a function as the scenario of the feature that is its name."""

    def take(function: Callable[[], None]) -> Callable[[], None]:
        for role in roles:
            SCENARIOS[role, function.__name__] = function
        return function

    return take


def announced() -> dict[str, set[str]]:
    roles = World().connect().join()["roles"]
    assert {*roles} == {"broker", "dealer"}
    return {
        role: {name for name, value in said["features"].items() if value is True}
        for role, said in roles.items()
    }


def test_what_has_to_be_announced_is_and_nothing_else() -> None:
    """REQ-SES-026, 027, 028; REQ-META-012, 013; REQ-RPC-132; REQ-PUB-044."""
    features = announced()

    assert features == ANNOUNCED
    assert not (features["broker"] | features["dealer"]) & {*NEVER}


@pytest.mark.parametrize(
    ("role", "feature"),
    [
        (role, feature)
        for role, names in announced().items()
        for feature in sorted(names)
    ],
)
def test_what_is_announced_works(role: str, feature: str) -> None:
    """REQ-SES-027; REQ-PUB-045."""
    assert (role, feature) in SCENARIOS, "it needs a scenario in this module"

    SCENARIOS[role, feature]()


# --- Broker -----------------------------------------------------------------------


def published(subscriber: Client, publisher: Client, **options: Any) -> list[Any]:
    """Publish to ``com.t`` and return what the subscriber gets."""
    publisher.send([16, 1, options, "com.t", ["x"]])
    return subscriber.received()


def subscribed(*features: str, **options: Any) -> tuple[Client, Client]:
    """Return a subscriber of ``com.t`` and a publisher."""
    world = World()
    subscriber, publisher = world.join(*features), world.join(authid="joe")
    subscriber.subscribe("com.t", **options)
    return subscriber, publisher


@scenario("broker")
def publisher_identification() -> None:
    subscriber, publisher = subscribed()

    [event] = published(subscriber, publisher, disclose_me=True)

    assert event[3]["publisher"] == publisher.id
    assert event[3]["publisher_authid"] == "joe"


@scenario("broker")
def publisher_exclusion() -> None:
    subscriber, _ = subscribed()

    assert published(subscriber, subscriber) == []
    assert len(published(subscriber, subscriber, exclude_me=False)) == 1


@scenario("broker")
def subscriber_blackwhite_listing() -> None:
    subscriber, publisher = subscribed()
    role = subscriber.session.authrole

    for name, matching in [("", subscriber.id), ("_authrole", role)]:
        assert published(subscriber, publisher, **{f"exclude{name}": [matching]}) == []
        assert published(subscriber, publisher, **{f"eligible{name}": []}) == []
        assert published(subscriber, publisher, **{f"eligible{name}": [matching]})


@scenario("broker")
def pattern_based_subscription() -> None:
    world = World()
    subscriber, publisher = world.join(), world.join()
    subscriber.subscribe("com.", match="prefix")
    subscriber.subscribe("com.", match="wildcard")

    assert [event[3] for event in published(subscriber, publisher)] == [
        {"topic": "com.t"}
    ] * 2


@scenario("broker")
def subscription_revocation() -> None:
    subscriber, revoke = losing("subscriber.subscription_revocation")
    subscription = subscriber.subscribe("com.t")

    revoke()

    [[code, request, details]] = subscriber.received()
    assert (code, request, details["subscription"]) == (35, 0, subscription)


@scenario("broker")
def publication_trustlevels() -> None:
    subscriber, publisher = subscribed()
    subscriber.world.realm.set_trust_levels(lambda session, action, uri: 7)

    [event] = published(subscriber, publisher)

    assert event[3]["trustlevel"] == 7


@scenario("broker")
def event_retention() -> None:
    world = World()
    publisher, subscriber = world.join(), world.join()
    publisher.send([16, 1, {"retain": True}, "com.t", ["x"]])

    subscriber.send([32, 1, {"get_retained": True}, "com.t"])

    _, event = subscriber.received()
    assert event[3:] == [{"retained": True}, ["x"]]


@scenario("broker")
def event_history() -> None:
    realm = Realm("realm1", permissions=OPEN)
    realm.keep_history("com.t")
    world = World(realm)
    publisher, client = world.join(), world.join()
    publisher.send([16, 1, {}, "com.t", ["x"]])
    [subscription] = result_of(client, "wamp.subscription.lookup", "com.t")

    [events] = result_of(client, "wamp.subscription.get_events", subscription)

    assert [event["args"] for event in events] == [["x"]]


# --- Dealer -----------------------------------------------------------------------


def registered(*features: str, **options: Any) -> tuple[Client, Client]:
    """Return a callee that has registered ``com.p``, and a caller."""
    world = World()
    callee, caller = world.join(*features), world.join(authid="joe")
    callee.register("com.p", **options)
    return callee, caller


def losing(feature: str) -> tuple[Client, Callable[[], None]]:
    """Return a client, and what takes away its right to ``com.``."""
    realm = Realm("realm1")
    realm.permit("com.", match="prefix", register=True, subscribe=True, roles=["staff"])
    client = World(realm).join(feature, authid="ann", authrole="staff")
    return client, lambda: renew(client, Identity("ann", "guest"))


@scenario("dealer")
def caller_identification() -> None:
    callee, caller = registered()

    caller.send([48, 1, {"disclose_me": True}, "com.p"])

    [invocation] = callee.received()
    assert invocation[3]["caller"] == caller.id
    assert invocation[3]["caller_authid"] == "joe"


@scenario("dealer")
def pattern_based_registration() -> None:
    callee, caller = registered()
    prefix = callee.register("com.", match="prefix")

    caller.send([48, 1, {}, "com.q"])

    assert callee.received() == [[68, 1, prefix, {"procedure": "com.q"}]]


@scenario("dealer")
def shared_registration() -> None:
    callee, caller = registered(invoke="roundrobin")
    other = callee.world.join()
    other.register("com.p", invoke="roundrobin")

    for request in (1, 2, 3):
        caller.send([48, request, {}, "com.p"])

    assert (len(callee.received()), len(other.received())) == (2, 1)


@scenario("dealer")
def progressive_call_results() -> None:
    callee, caller = registered()
    caller.send([48, 1, {"receive_progress": True}, "com.p"])
    callee.received()

    callee.send([70, 1, {"progress": True}, [1]])
    callee.send([70, 1, {}, [2]])

    assert caller.received() == [[50, 1, {"progress": True}, [1]], [50, 1, {}, [2]]]


@scenario("dealer")
def call_canceling() -> None:
    callee, caller = registered("callee.call_canceling")
    caller.send([48, 1, {}, "com.p"])
    callee.received()

    caller.send([49, 1, {"mode": "killnowait"}])

    assert callee.received() == [[69, 1, {"mode": "killnowait"}]]
    assert is_error(caller.received()[0], 48, 1, "wamp.error.canceled")


@scenario("dealer")
def call_timeout() -> None:
    callee, caller = registered("callee.call_canceling")
    caller.send([48, 1, {"timeout": 100}, "com.p"])
    callee.received()

    caller.world.advance(0.1)

    assert [message[0] for message in callee.received()] == [69]
    assert is_error(caller.received()[0], 48, 1, "wamp.error.timeout")


@scenario("dealer")
def registration_revocation() -> None:
    callee, revoke = losing("callee.registration_revocation")
    registration = callee.register("com.p")

    revoke()

    [[code, request, details]] = callee.received()
    assert (code, request, details["registration"]) == (67, 0, registration)


@scenario("dealer")
def call_trustlevels() -> None:
    callee, caller = registered()
    callee.world.realm.set_trust_levels(lambda session, action, uri: 3)

    caller.send([48, 1, {}, "com.p"])

    assert callee.received()[0][3] == {"trustlevel": 3}


PROGRESSIVE: Final = "progressive_call_invocations"


@scenario("dealer")
def progressive_call_invocations() -> None:
    world = World()
    caller = world.join(f"caller.{PROGRESSIVE}", "caller.call_canceling")
    callee = world.join(f"callee.{PROGRESSIVE}", "callee.call_canceling")
    callee.register("com.p")

    caller.send([48, 1, {"progress": True}, "com.p", [1]])
    caller.send([48, 1, {}, "com.p", [2]])

    chunks = [[message[1], *message[3:]] for message in callee.received()]
    assert chunks == [[1, {"progress": True}, [1]], [1, {}, [2]]]
    callee.send([70, 1, {}, [3]])
    assert caller.received() == [[50, 1, {}, [3]]]


@scenario("dealer")
def call_reroute() -> None:
    world = World()
    caller = world.join()
    callees = [world.join("callee.call_reroute") for _ in range(2)]
    for callee in callees:
        callee.register("com.p", invoke="first")
    caller.send([48, 1, {}, "com.p", ["x"]])
    callees[0].received()

    callees[0].send([8, 68, 1, {}, "wamp.error.unavailable"])

    [invocation] = callees[1].received()
    assert invocation[4] == ["x"]
    callees[1].send([70, invocation[1], {}, ["y"]])
    assert caller.received() == [[50, 1, {}, ["y"]]]


# --- Both -------------------------------------------------------------------------


@scenario("broker", "dealer")
def payload_passthru_mode() -> None:
    roles = ("caller", "callee", "publisher", "subscriber")
    world = World()
    one, other = (
        world.join(*(f"{role}.payload_passthru_mode" for role in roles))
        for _ in range(2)
    )
    other.register("com.p")
    other.subscribe("com.t")
    options = {"ppt_scheme": "x_custom", "ppt_serializer": "cbor"}

    one.send([48, 1, options, "com.p", ["\0AAAA"]])
    one.send([16, 2, options, "com.t", ["\0AAAA"]])

    for message in other.received():
        assert message[3:] == [options, ["\0AAAA"]]
    other.send([70, 1, options, ["\0AAAA"]])
    assert one.received() == [[50, 1, options, ["\0AAAA"]]]


def result_of(client: Client, procedure: str, *args: Any, **kwargs: Any) -> list[Any]:
    """Call a meta procedure and return its positional results; events may come too."""
    client.send([48, 77, {}, procedure, [*args], kwargs])
    [result] = [message for message in client.received() if message[0] == 50]
    return result[3] if len(result) > 3 else []


@scenario("broker", "dealer")
def session_meta_api() -> None:
    world = World()
    client = world.join()
    client.subscribe("wamp.session.on_join", 1)

    other = world.join(authid="joe")
    assert [event[4][0]["session"] for event in client.received()] == [other.id]
    [ids] = result_of(client, "wamp.session.list")
    [details] = result_of(client, "wamp.session.get", other.id)
    result_of(client, "wamp.session.kill", other.id, reason="com.enough")

    assert {*ids} == {client.id, other.id}
    assert details["authid"] == "joe"
    assert other.received() == [[6, {}, "com.enough"]]


@scenario("dealer")
def registration_meta_api() -> None:
    callee, caller = registered()
    [registration] = result_of(caller, "wamp.registration.lookup", "com.p")

    assert result_of(caller, "wamp.registration.list_callees", registration) == [
        [callee.id]
    ]


@scenario("broker")
def subscription_meta_api() -> None:
    subscriber, publisher = subscribed()
    [subscription] = result_of(publisher, "wamp.subscription.lookup", "com.t")

    assert result_of(publisher, "wamp.subscription.list_subscribers", subscription) == [
        [subscriber.id]
    ]


@scenario("dealer")
def testament_meta_api() -> None:
    subscriber, other = subscribed()
    result_of(other, "wamp.session.add_testament", "com.t", ["bye"], {})

    other.lose()

    assert [event[4] for event in subscriber.received()] == [["bye"]]
