"""``wamp.registration.*`` and ``wamp.subscription.*``: what is offered and heard."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from aiohttp_serverwamp import (
    OPEN,
    Identity,
    Realm,
    RPCRouteSet,
    SubscribeError,
    TopicRouteSet,
)
from tests.conformance.harness import ENDINGS, Client, Gate, World, is_error
from tests.conformance.meta_calls import (
    call,
    events,
    named_events,
    result,
)

REGISTRATION, SUBSCRIPTION = "wamp.registration.", "wamp.subscription."


def witness(world: World, family: str) -> Client:
    """Join and listen to every event of one family."""
    client = world.join(authid="witness", authrole="witness")
    client.subscribe(family, match="prefix")
    return client


def check_created(text: str) -> None:
    """See that it is a time by ISO 8601, of today and by Greenwich (REQ-META-040)."""
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", text), text
    age = datetime.now(UTC) - datetime.fromisoformat(text)
    assert abs(age.total_seconds()) < 3600


# --- Registrations: events --------------------------------------------------------


def test_callees_come_and_go() -> None:
    """REQ-META-013, 033, 034, 039, 040."""
    world = World()
    client = witness(world, REGISTRATION)
    one, other = world.join(), world.join()

    registration = one.register("com.p", invoke="roundrobin")
    other.register("com.p", invoke="roundrobin")

    (created, (session, details)), *rest = named_events(client)
    assert (created, session) == ("on_create", one.id)
    check_created(details.pop("created"))
    assert details == {
        "id": registration,
        "uri": "com.p",
        "match": "exact",
        "invoke": "roundrobin",
    }
    assert rest == [
        ("on_register", [one.id, registration]),
        ("on_register", [other.id, registration]),
    ]

    one.request([66, 2, registration])
    assert named_events(client) == [("on_unregister", [one.id, registration])]
    other.request([66, 2, registration])
    assert named_events(client) == [
        ("on_unregister", [other.id, registration]),
        ("on_delete", [other.id, registration]),
    ]


def test_what_is_left_out_is_filled_in() -> None:
    """REQ-META-039: in the event and in the answer, which agree."""
    world = World()
    client = witness(world, REGISTRATION)

    registration = world.join().register("com.p")

    details = named_events(client)[0][1][1]
    assert (details["match"], details["invoke"]) == ("exact", "single")
    assert result(client, "wamp.registration.get", registration) == details


@pytest.mark.parametrize("how", ENDINGS)
def test_what_a_callee_held_goes_with_it(how: str) -> None:
    """REQ-META-019, 035; REQ-SES-042, 047: all of it, and only then on_leave."""
    world = World()
    client = witness(world, "wamp.")
    staying, leaving = world.join(), world.join()
    shared = staying.register("com.shared", invoke="first")
    leaving.register("com.shared", invoke="first")
    single = leaving.register("com.single", request=902)
    subscription = leaving.subscribe("com.t")
    client.received()
    leaving_id, authid = leaving.id, leaving.session.authid

    leaving.end(how)

    assert named_events(client) == [
        ("on_unsubscribe", [leaving_id, subscription]),
        ("on_delete", [leaving_id, subscription]),
        ("on_unregister", [leaving_id, shared]),
        ("on_unregister", [leaving_id, single]),
        ("on_delete", [leaving_id, single]),
        ("on_leave", [leaving_id, authid, "anonymous"]),
    ]


@pytest.mark.parametrize("announced", [True, False])
def test_revocation_is_like_leaving(announced: bool) -> None:
    """REQ-META-035, 044; REQ-RPC-137; REQ-PUB-070."""
    realm = Realm("realm1")
    realm.permit("com.", match="prefix", subscribe=True, register=True, roles=["a"])
    realm.permit("wamp.", match="prefix", subscribe=True, call=True)
    world = World(realm)
    client = witness(world, "wamp.")
    features = ["callee.registration_revocation", "subscriber.subscription_revocation"]
    losing = world.join(*(features if announced else []), authid="ann", authrole="a")
    registration, subscription = losing.register("com.p"), losing.subscribe("com.t")
    client.received()

    world.runtime.tasks.start(losing.session.public().renew, Identity("ann", "b"))
    world.settle()

    assert sorted(named_events(client)) == sorted(
        [
            ("on_unsubscribe", [losing.id, subscription]),
            ("on_delete", [losing.id, subscription]),
            ("on_unregister", [losing.id, registration]),
            ("on_delete", [losing.id, registration]),
        ]
    )
    assert len(losing.received()) == (2 if announced else 0)
    assert result(client, "wamp.session.get", losing.id)["authrole"] == "b"


def test_a_refused_register_is_not_told() -> None:
    """REQ-META-033."""
    world = World()
    client = witness(world, REGISTRATION)
    world.join().register("com.p")
    client.received()

    world.join().request([64, 1, {}, "com.p"])
    world.join().request([64, 1, {}, "com..p"])

    assert named_events(client) == []


# --- Registrations: procedures ----------------------------------------------------


def test_registrations_are_listed_by_match_policy() -> None:
    """REQ-META-010, 041: without those of the router."""
    world = World()
    client = world.join()
    assert result(client, "wamp.registration.list") == {
        "exact": [],
        "prefix": [],
        "wildcard": [],
    }

    ids = {
        match: [client.register(uri, match=match)]
        for match, uri in [("exact", "a.b"), ("prefix", "a."), ("wildcard", "a..c")]
    }

    assert result(client, "wamp.registration.list") == ids


def test_lookup_is_by_the_key_itself() -> None:
    """REQ-META-036, 038; PIT-46."""
    client = World().join()
    exact = client.register("a.b")
    prefix = client.register("a.b", match="prefix")

    lookup = "wamp.registration.lookup"
    assert result(client, lookup, "a.b") == exact
    assert result(client, lookup, "a.b", None) == exact
    assert result(client, lookup, "a.b", {}) == exact
    assert result(client, lookup, "a.b", {"match": "exact"}) == exact
    assert result(client, lookup, "a.b", {"match": "prefix"}) == prefix
    for missing in (["a.b", {"match": "wildcard"}], ["a.b.c"], ["", {}], ["a..b"]):
        assert call(client, lookup, *missing) == [50, 1, {}, [None]]


def test_match_is_what_a_call_is_routed_to() -> None:
    """REQ-META-037, 038."""
    world = World()
    client = world.join()
    patterns = {
        "a.b": client.register("a.b"),
        "a.": client.register("a.", match="prefix"),
        "a.b.": client.register("a.b.", match="prefix"),
        ".x": client.register(".x", match="wildcard"),
    }

    match = "wamp.registration.match"
    for uri, pattern in [
        ("a.b", "a.b"),
        ("a.b.c", "a.b."),
        ("a.x", "a."),
        ("b.x", ".x"),
    ]:
        assert result(client, match, uri) == patterns[pattern]
        client.send([48, 5, {}, uri])
        invocation = next(m for m in client.received() if m[0] == 68)
        assert invocation[2] == patterns[pattern]
        client.send([70, invocation[1], {}])
        client.received()
    for missing in ("b.y", "x..y", "", "wamp.session.count", "a" * 2000):
        assert call(client, match, missing) == [50, 1, {}, [None]]


def test_callees_are_listed_and_counted() -> None:
    """REQ-META-010."""
    world = World()
    client, others = world.join(), [world.join() for _ in range(3)]
    ids = {other.register("com.p", invoke="last") for other in others}
    [registration] = ids

    listed = result(client, "wamp.registration.list_callees", registration)
    assert listed == [other.id for other in others]
    assert result(client, "wamp.registration.count_callees", registration) == 3


def router_id(client: Client) -> int:
    """Return the id of one of the router's own registrations."""
    own = client.world.realm.router.dealer.registrations
    registration = own.best("wamp.session.count")
    assert registration is not None
    return registration.id


NO_SUCH = [
    *(
        (f"wamp.registration.{name}", "wamp.error.no_such_registration")
        for name in ("get", "list_callees", "count_callees")
    ),
    *(
        (f"wamp.subscription.{name}", "wamp.error.no_such_subscription")
        for name in ("get", "list_subscribers", "count_subscribers")
    ),
]


@pytest.mark.parametrize(("procedure", "error"), NO_SUCH)
@pytest.mark.parametrize("id_of", [lambda _: 77, lambda _: -1, router_id])
def test_unknown_ids_are_answered_so(
    procedure: str, error: str, id_of: Callable[[Client], int]
) -> None:
    """REQ-META-041, and the tables of 6.16 and 6.17."""
    client = World().join()

    answer = call(client, procedure, id_of(client))

    assert is_error(answer, 48, 1, error)


def test_what_hosted_code_offers_is_seen_but_not_its_fallbacks() -> None:
    """REQ-EMB-001; REQ-META-041."""
    api = RPCRouteSet()

    @api.route("com.hosted")
    def hosted() -> None: ...

    @api.regex_route(r"com\.any\..*")
    def fallback() -> None: ...

    realm = Realm("realm1", permissions=OPEN)
    realm.add_routes(api)
    client = World(realm).join()
    [registration] = result(client, "wamp.registration.list")["exact"]

    details = result(client, "wamp.registration.get", registration)
    assert details["uri"] == "com.hosted"
    check_created(details["created"])
    assert call(client, "com.any.thing") == [50, 1, {}]
    assert result(client, "wamp.registration.match", "com.any.thing") is None


def test_private_registrations_are_nobodys_to_see() -> None:
    """REQ-META-041: they are for the application alone."""
    realm = Realm("realm1")
    realm.permit("com.own", register="own")
    realm.permit("wamp.", match="prefix", subscribe=True, call=True)
    world = World(realm)
    client = witness(world, REGISTRATION)
    callee = world.join()

    registration = callee.register("com.own")
    assert result(client, "wamp.registration.lookup", "com.own") is None
    assert result(client, "wamp.registration.list")["exact"] == []
    answer = call(client, "wamp.registration.get", registration)
    assert is_error(answer, 48, 1, "wamp.error.no_such_registration")
    callee.request([66, 2, registration])

    assert named_events(client) == []


# --- Subscriptions: events --------------------------------------------------------


def test_subscribers_come_and_go() -> None:
    """REQ-META-013, 042, 043; TRC-32."""
    world = World()
    client = witness(world, SUBSCRIPTION)
    one, other = world.join(), world.join()

    subscription = one.subscribe("com..m", match="wildcard")
    other.subscribe("com..m", match="wildcard")
    other.subscribe("com..m", match="wildcard", request=2)

    (created, (session, details)), *rest = named_events(client)
    assert (created, session) == ("on_create", one.id)
    assert result(client, "wamp.subscription.get", subscription) == details
    check_created(details.pop("created"))
    assert details == {"id": subscription, "uri": "com..m", "match": "wildcard"}
    assert rest == [
        ("on_subscribe", [one.id, subscription]),
        ("on_subscribe", [other.id, subscription]),
    ]

    one.request([34, 3, subscription])
    assert named_events(client) == [("on_unsubscribe", [one.id, subscription])]
    other.request([34, 3, subscription])
    assert named_events(client) == [
        ("on_unsubscribe", [other.id, subscription]),
        ("on_delete", [other.id, subscription]),
    ]


@pytest.mark.parametrize("how", ENDINGS)
def test_what_a_subscriber_held_goes_with_it(how: str) -> None:
    """REQ-META-044; REQ-SES-041; PIT-15."""
    world = World()
    client = witness(world, SUBSCRIPTION)
    staying, leaving = world.join(), world.join()
    shared = staying.subscribe("com.shared")
    leaving.subscribe("com.shared")
    single = leaving.subscribe("com.single")
    client.received()
    leaving_id = leaving.id

    leaving.end(how)

    assert named_events(client) == [
        ("on_unsubscribe", [leaving_id, shared]),
        ("on_unsubscribe", [leaving_id, single]),
        ("on_delete", [leaving_id, single]),
    ]


def test_the_answer_comes_before_the_event() -> None:
    """REQ-META-048; PIT-15: also for who listens to what it does itself."""
    client = World().join()
    client.subscribe("wamp.subscription.", match="prefix")
    client.subscribe("wamp.registration.", match="prefix")

    client.send([32, 1, {}, "com.t"])
    client.send([64, 2, {}, "com.p"])
    client.send([34, 3, 3])
    client.send([66, 4, 1])

    codes = [message[0] for message in client.received()]
    assert codes == [33, 36, 36, 65, 36, 36, 35, 36, 36, 67, 36, 36]


@pytest.mark.parametrize("topic", ["wamp.session.on_join", "wamp.x.y"])
def test_subscribing_to_the_routers_topics_is_not_told(topic: str) -> None:
    """REQ-META-014; PIT-15."""
    world = World()
    client = witness(world, SUBSCRIPTION)
    other = world.join()

    subscription = other.subscribe(topic)
    assert result(client, "wamp.subscription.list") == {
        "exact": [],
        "prefix": [],
        "wildcard": [],
    }
    other.request([34, 1, subscription])
    other.lose()

    assert named_events(client) == []


def accompanied(gate: Gate) -> World:
    topics = TopicRouteSet()

    @topics.route("com.t")
    async def topic(session: Any) -> Any:
        if session.authid == "slow":
            await gate
        yield

    realm = Realm("realm1", permissions=OPEN)
    realm.add_routes(topics)
    return World(realm)


def test_who_is_not_told_yet_is_not_there_yet() -> None:
    """REQ-META-042, 043, 048: on_create is about the first who is."""
    gate = Gate()
    world = accompanied(gate)
    client = witness(world, SUBSCRIPTION)
    slow, quick = world.join(authid="slow"), world.join(authid="quick")
    slow.send([32, 1, {}, "com.t"])
    assert slow.received() == []
    lookup = "wamp.subscription.lookup"
    assert result(client, lookup, "com.t") is None

    subscription = quick.subscribe("com.t")

    listed = "wamp.subscription.list_subscribers"
    assert [name for name, _ in named_events(client)] == ["on_create", "on_subscribe"]
    assert result(client, listed, subscription) == [quick.id]
    quick.request([34, 2, subscription])
    assert [name for name, _ in named_events(client)] == ["on_unsubscribe", "on_delete"]
    assert result(client, lookup, "com.t") is None

    gate.open()
    assert slow.received() == [[33, 1, subscription]]
    (_, (session, _)), (_, subscribed) = named_events(client)
    assert session == slow.id
    assert subscribed == [slow.id, subscription]
    assert result(client, listed, subscription) == [slow.id]


@pytest.mark.parametrize("end", ["refused", "connection lost"])
def test_who_was_never_told_leaves_no_trace(end: str) -> None:
    """REQ-META-042, 044."""
    gate = Gate()
    world = accompanied(gate)
    client = witness(world, SUBSCRIPTION)
    slow = world.join(authid="slow")
    slow.send([32, 1, {}, "com.t"])
    slow.received()

    if end == "refused":
        gate.fail(SubscribeError("com.no"))
        assert slow.received()[0][:3] == [8, 32, 1]
    else:
        slow.lose()
    world.settle()

    assert named_events(client) == []
    assert len(world.realm.router.broker.by_id) == 1


def test_hosted_subscribers_are_told_of_like_others() -> None:
    """REQ-EMB-001, 002."""
    world = World()
    client = witness(world, SUBSCRIPTION)

    subscription = world.realm.subscribe("com.t", lambda: None)

    created, subscribed = named_events(client)
    assert created[1][0] == world.realm.local.id
    [listed] = result(client, "wamp.subscription.list")["exact"]
    assert subscribed == ("on_subscribe", [world.realm.local.id, listed])
    subscription.unsubscribe()
    assert [name for name, _ in named_events(client)] == ["on_unsubscribe", "on_delete"]


def test_what_is_kept_for_later_is_no_subscriber() -> None:
    """REQ-META-045: a retained event changes nothing about first and last."""
    world = World()
    client = witness(world, SUBSCRIPTION)
    one = world.join()
    one.request([16, 1, {"retain": True, "acknowledge": True}, "com.t", [1]])
    assert named_events(client) == []

    for _ in range(2):
        subscription = one.subscribe("com.t")
        one.request([34, 2, subscription])

    names = [name for name, _ in named_events(client)]
    assert names == 2 * ["on_create", "on_subscribe", "on_unsubscribe", "on_delete"]


# --- Subscriptions: procedures ----------------------------------------------------


def test_subscriptions_are_listed_by_match_policy() -> None:
    """REQ-META-010, 014; PIT-46: wildcards as well."""
    client = World().join()
    ids = {
        match: [client.subscribe(uri, match=match)]
        for match, uri in [("exact", "a.b"), ("prefix", "a."), ("wildcard", "a..c")]
    }
    client.subscribe("wamp.session.on_join")

    assert result(client, "wamp.subscription.list") == ids


def test_lookup_of_a_topic_is_by_the_key_itself() -> None:
    """REQ-META-047; PIT-46."""
    client = World().join()
    exact = client.subscribe("a.b")
    prefix = client.subscribe("a.b", match="prefix")

    lookup = "wamp.subscription.lookup"
    assert result(client, lookup, "a.b") == exact
    assert result(client, lookup, "a.b", {"match": "prefix"}) == prefix
    for missing in (["a.b", {"match": "wildcard"}], ["a.b.c"], ["a..b"]):
        assert call(client, lookup, *missing) == [50, 1, {}, [None]]


def test_match_of_a_topic_is_all_that_get_its_events() -> None:
    """REQ-META-046."""
    client = World().join()
    ids = [
        client.subscribe("a.b"),
        client.subscribe("a.", match="prefix"),
        client.subscribe(".b", match="wildcard"),
    ]
    client.subscribe("c")

    match = "wamp.subscription.match"
    assert sorted(result(client, match, "a.b")) == sorted(ids)
    assert result(client, match, "a.x") == [ids[1]]
    for missing in ("b", "a..b", "", "a" * 2000):
        assert call(client, match, missing) == [50, 1, {}, [None]]


def test_subscribers_are_listed_and_counted() -> None:
    """REQ-META-010."""
    world = World()
    client, others = world.join(), [world.join() for _ in range(3)]
    [subscription] = {other.subscribe("com.t") for other in others}

    listed = result(client, "wamp.subscription.list_subscribers", subscription)
    assert listed == [other.id for other in others]
    assert result(client, "wamp.subscription.count_subscribers", subscription) == 3


def test_events_stay_in_their_realm() -> None:
    """REQ-META-009."""
    here, there = World(), World()
    client = witness(here, "wamp.")
    there.join().subscribe("com.t")
    there.join().register("com.p")

    assert events(client) == []
