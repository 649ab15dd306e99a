"""Event history (section 6.9), put to the router as messages in and messages out."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest

from aiohttp_serverwamp import (
    OPEN,
    Decision,
    History,
    Identity,
    Limits,
    Realm,
    TopicRouteSet,
)
from aiohttp_serverwamp.history import MemoryHistory, SQLiteHistory
from tests.conformance.harness import Client, Gate, World, is_error
from tests.conformance.test_renewal import renew

GET_EVENTS = "wamp.subscription.get_events"


def history_world(
    realm: Realm | None = None, limits: Limits | None = None, **keep: Any
) -> World:
    """Make a world in which ``com.t`` has history, and every topic below ``com.``."""
    realm = realm or Realm("realm1", permissions=OPEN)
    realm.keep_history("com.t", **keep)
    realm.keep_history("com.", match="prefix", **keep)
    return World(realm, limits=limits)


def lookup(client: Client, topic: str, match: str = "exact") -> int:
    answer = client.request(
        [48, 700, {}, "wamp.subscription.lookup", [topic, {"match": match}]]
    )
    found: int = answer[3][0]
    return found


def publish(client: Client, value: Any, topic: str = "com.t", **options: Any) -> int:
    answer = client.request([16, 701, {**options, "acknowledge": True}, topic, [value]])
    assert answer[:2] == [17, 701], answer
    publication: int = answer[2]
    return publication


def ask(client: Client, subscription: Any, **filters: Any) -> list[Any]:
    return client.request([48, 702, {}, GET_EVENTS, [subscription], filters])


def events(client: Client, subscription: int, **filters: Any) -> list[Any]:
    answer = ask(client, subscription, **filters)
    assert answer[:3] == [50, 702, {}], answer
    [found] = answer[3]
    assert isinstance(found, list)
    return found


def values(client: Client, subscription: int, **filters: Any) -> list[Any]:
    return [event["args"][0] for event in events(client, subscription, **filters)]


# --- What is kept -----------------------------------------------------------------


def test_events_are_kept_before_there_is_a_subscriber() -> None:
    """REQ-PUB-046, 047, 054: in the order published, as one argument."""
    world = history_world()
    publisher, reader = world.join(), world.join()
    ids = [publish(publisher, number) for number in range(3)]

    found = events(reader, reader.subscribe("com.t"))

    assert [event["publication"] for event in found] == ids
    assert [event["args"] for event in found] == [[0], [1], [2]]


def test_history_lasts_longer_than_subscriptions_and_keeps_its_id() -> None:
    """REQ-PUB-046, 047; REQ-SES-041."""
    world = history_world()
    publisher, reader = world.join(), world.join()
    subscription = reader.subscribe("com.t")
    publish(publisher, 1)
    reader.end("connection lost")
    publish(publisher, 2)

    again = world.join()

    assert again.subscribe("com.t") == subscription
    assert values(again, subscription) == [1, 2]


def test_one_publication_is_in_the_history_of_each_matching_subscription() -> None:
    """REQ-PUB-046, 056: with the topic where the subscription is a pattern."""
    world = history_world()
    client = world.join()
    publication = publish(client, "x", disclose_me=True)
    disclosed = {
        "publisher": client.id,
        "publisher_authid": client.session.authid,
        "publisher_authrole": "anonymous",
    }

    [exact] = events(client, lookup(client, "com.t"))
    [prefix] = events(client, lookup(client, "com.", "prefix"))

    assert exact["publication"] == prefix["publication"] == publication
    assert exact["details"] == disclosed
    assert prefix["details"] == {**disclosed, "topic": "com.t"}
    assert exact["subscription"] == lookup(client, "com.t")
    assert prefix["subscription"] == lookup(client, "com.", "prefix")


@pytest.mark.parametrize(
    ("payload", "shown"),
    [
        ([], {}),
        ([[]], {}),
        ([[1, None]], {"args": [1, None]}),
        ([[], {"k": []}], {"kwargs": {"k": []}}),
        ([[2], {"k": 1}], {"args": [2], "kwargs": {"k": 1}}),
    ],
)
def test_an_entry_has_the_keys_of_the_specification(
    payload: list[Any], shown: dict[str, Any]
) -> None:
    """REQ-PUB-054, 055, 056."""
    client = history_world().join()
    client.send([16, 1, {}, "com.t", *payload])

    [event] = events(client, lookup(client, "com.t"))

    moment = event.pop("timestamp")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3,}Z", moment)
    assert event.keys() - shown.keys() == {"subscription", "publication", "details"}
    assert event.items() >= shown.items()


def test_an_empty_history_is_an_empty_list() -> None:
    """REQ-PUB-048, 054: with history, and without."""
    client = history_world().join()

    assert ask(client, lookup(client, "com.t"))[3] == [[]]
    assert ask(client, client.subscribe("org.t"))[3] == [[]]


def test_only_so_many_events_are_kept() -> None:
    """REQ-PUB-047: of each topic or pattern."""
    client = history_world(limit=3).join()
    for number in range(5):
        publish(client, number)
        publish(client, number, "com.other")

    assert values(client, lookup(client, "com.t")) == [2, 3, 4]
    assert values(client, lookup(client, "com.", "prefix")) == [3, 4, 4]


def test_events_are_kept_for_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """REQ-PUB-047."""
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now)
    client = history_world(max_age=60).join()
    subscription = lookup(client, "com.t")
    publish(client, "early")
    now += 40
    publish(client, "late")
    assert values(client, subscription) == ["early", "late"]

    now += 21
    assert values(client, subscription) == ["late"]
    now += 40

    assert values(client, subscription) == []


@pytest.mark.parametrize("options", [{"exclude": [7]}, {"eligible": [7]}])
def test_what_was_for_certain_sessions_is_never_kept(options: dict[str, Any]) -> None:
    """REQ-PUB-053."""
    client = history_world().join()
    publish(client, "hidden", **options)
    publish(client, "shown")

    assert values(client, lookup(client, "com.t")) == ["shown"]
    assert values(client, lookup(client, "com.", "prefix")) == ["shown"]


def test_an_event_that_is_refused_is_not_kept() -> None:
    """REQ-PUB-034, 046."""
    client = history_world(Realm("realm1", permissions=OPEN, disclosure="deny")).join()

    client.send([16, 1, {"disclose_me": True}, "com.t", ["refused"]])

    assert events(client, lookup(client, "com.t")) == []


def test_it_is_announced_and_there_in_every_realm() -> None:
    """REQ-PUB-045."""
    for realm in (Realm("realm1"), Realm("realm1", permissions=OPEN)):
        client = World(realm).connect()
        welcome = client.join()

        answer = ask(client, "no id")

        assert welcome["roles"]["broker"]["features"]["event_history"] is True
        assert is_error(answer, 48, 702, "wamp.error.invalid_argument")


# --- Who may read it --------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "readers"),
    [
        ({"eligible_authid": ["ann"]}, {"ann"}),
        ({"eligible_authrole": ["user"]}, {"ann", "bob"}),
        ({"exclude_authid": ["ann"]}, {"bob", "eve"}),
        ({"exclude_authrole": ["user"]}, {"eve"}),
        ({"eligible_authrole": ["user"], "exclude_authid": ["ann"]}, {"bob"}),
        ({"eligible_authid": []}, set()),
        ({"exclude_authid": []}, {"ann", "bob", "eve"}),
    ],
)
def test_the_lists_of_a_publication_apply_to_who_asks(
    options: dict[str, Any], readers: set[str]
) -> None:
    """REQ-PUB-052."""
    world = history_world()
    publish(world.join(authid="pub", authrole="publisher"), "some", **options)

    for authid, role in [("ann", "user"), ("bob", "user"), ("eve", "guest")]:
        client = world.join(authid=authid, authrole=role)
        expected = ["some"] if authid in readers else []
        assert values(client, lookup(client, "com.t"), limit=1) == expected


def closed() -> Realm:
    realm = Realm("realm1")
    realm.permit("com.", match="prefix", publish=True)
    realm.permit("com.", match="prefix", subscribe=True, roles=["user"])
    realm.permit("wamp.subscription.lookup", call=True)
    return realm


def test_who_may_subscribe_may_read_and_others_may_not() -> None:
    """REQ-PUB-051: no other permission is needed."""
    world = history_world(closed())
    reader = world.join(authid="ann")
    stranger = world.join(authid="eve", authrole="guest")
    publish(reader, 1)

    subscription = lookup(reader, "com.t")

    assert values(reader, subscription) == [1]
    answer = ask(stranger, subscription)
    assert is_error(answer, 48, 702, "wamp.error.not_authorized")


def test_a_rule_for_the_procedure_itself_lets_a_role_read_every_history() -> None:
    """REQ-PUB-051: "or explicitly to call the procedure"; a wider rule does not."""
    realm = closed()
    realm.permit("wamp.subscription.", match="prefix", call=True)
    realm.permit(GET_EVENTS, call=True, roles=["auditor", "user"])
    world = history_world(realm)
    publish(world.join(authid="ann"), 1)
    auditor = world.join(authid="aud", authrole="auditor")
    guest = world.join(authid="eve", authrole="guest")

    subscription = lookup(auditor, "com.t")

    assert values(auditor, subscription) == [1]
    answer = ask(guest, subscription)
    assert is_error(answer, 48, 702, "wamp.error.not_authorized")


def test_a_wider_rule_for_meta_procedures_opens_no_history() -> None:
    """REQ-PUB-051."""
    realm = closed()
    realm.permit("wamp.", match="prefix", call=True)
    world = history_world(realm)
    guest = world.join(authid="eve", authrole="guest")

    answer = ask(guest, lookup(guest, "com.t"))

    assert is_error(answer, 48, 702, "wamp.error.not_authorized")


def test_a_rule_may_deny_the_procedure_to_everybody() -> None:
    """REQ-META-011."""
    realm = closed()
    realm.permit(GET_EVENTS, call=False)
    world = history_world(realm)
    reader = world.join(authid="ann")

    answer = ask(reader, lookup(reader, "com.t"))

    assert is_error(answer, 48, 702, "wamp.error.not_authorized")


@pytest.mark.parametrize("slow", [False, True])
@pytest.mark.parametrize("allow", [False, True])
def test_the_authorizer_is_asked_about_who_is_not_subscribed(
    slow: bool, allow: bool
) -> None:
    """REQ-PUB-051."""
    asked: list[tuple[str, str]] = []

    async def slow_decision() -> Any:
        return Decision(allow=allow)

    def authorizer(session: Any, action: str, uri: str, options: Any) -> Any:
        if action != "subscribe":
            return True
        asked.append((uri, options["match"]))
        return slow_decision() if slow else allow

    world = history_world()
    world.realm.set_authorizer(authorizer)
    client = world.join()
    subscription = lookup(client, "com.t")

    answer = ask(client, subscription)

    assert answer[0] == (50 if allow else 8)
    assert asked == [("com.t", "exact")]


@pytest.mark.usefixtures("allow_logged_errors")
@pytest.mark.parametrize("answer", [1, RuntimeError("no")])
def test_an_authorizer_that_fails_denies(answer: Any) -> None:
    """REQ-PUB-051; REQ-AUTZ-009."""

    def authorizer(session: Any, action: str, uri: str, options: Any) -> Any:
        if action != "subscribe":
            return True
        if isinstance(answer, Exception):
            raise answer
        return answer

    world = history_world()
    world.realm.set_authorizer(authorizer)
    client = world.join()

    refused = ask(client, lookup(client, "com.t"))

    assert is_error(refused, 48, 702, "wamp.error.authorization_failed")


def test_where_a_handler_decides_who_subscribes_only_subscribers_may_read() -> None:
    """REQ-PUB-051: and not before it has decided."""
    gate = Gate()
    topics = TopicRouteSet()

    @topics.route("com.t", publish=True)
    async def guarded() -> Any:
        await gate
        yield

    realm = Realm("realm1")
    realm.add_routes(topics)
    realm.permit("wamp.subscription.lookup", call=True)
    world = history_world(realm)
    reader, other = world.join(), world.join()
    publish(reader, 1)
    subscription = lookup(reader, "com.t")
    reader.send([32, 1, {}, "com.t"])

    assert is_error(ask(other, subscription), 48, 702, "wamp.error.not_authorized")
    gate.open()
    [subscribed] = reader.received()

    assert subscribed == [33, 1, subscription]
    assert values(reader, subscription) == [1]


def test_only_to_publish_or_not_at_all_is_not_enough() -> None:
    """REQ-PUB-051; REQ-AUTZ-012: a pattern has to be covered wholly."""
    realm = closed()
    realm.permit("com.secret.", match="prefix", subscribe=False)
    world = history_world(realm)
    reader = world.join(authid="ann")
    publish(reader, 1, "com.secret.x")

    answer = ask(reader, lookup(reader, "com.", "prefix"))

    assert is_error(answer, 48, 702, "wamp.error.not_authorized")


# --- Filters ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, [0, 1, 2, 3, 4]),
        ({"reverse": True}, [4, 3, 2, 1, 0]),
        ({"reverse": False, "limit": 2}, [0, 1]),
        ({"reverse": True, "limit": 2}, [4, 3]),
        ({"limit": 99}, [0, 1, 2, 3, 4]),
        ({"limit": 1.0}, [0]),
        ({"from_publication": 1}, [1, 2, 3, 4]),
        ({"after_publication": 1}, [2, 3, 4]),
        ({"before_publication": 3}, [0, 1, 2]),
        ({"until_publication": 3}, [0, 1, 2, 3]),
        ({"from_time": 1}, [1, 2, 3, 4]),
        ({"after_time": 1}, [2, 3, 4]),
        ({"before_time": 3}, [0, 1, 2]),
        ({"until_time": 3}, [0, 1, 2, 3]),
        ({"after_publication": 0, "until_time": 3, "limit": 2}, [1, 2]),
        ({"after_time": 0, "before_publication": 4, "reverse": True}, [3, 2, 1]),
        ({"from_publication": 3, "before_publication": 2}, []),
        ({"topic": "com.t"}, [0, 1, 2, 3, 4]),
        ({"topic": "com.other"}, []),
        ({"limit": None, "reverse": None, "topic": None, "from_time": None}, range(5)),
        ({"unknown": 1}, [0, 1, 2, 3, 4]),
    ],
)
def test_every_filter_narrows_the_list(filters: dict[str, Any], expected: Any) -> None:
    """REQ-PUB-050; REQ-META-017; PIT-06: those by place name the event they mean."""
    client = history_world().join()
    ids = [publish(client, number) for number in range(5)]
    subscription = lookup(client, "com.t")
    times = [event["timestamp"] for event in events(client, subscription)]
    for name, value in filters.items():
        if name.endswith("_publication"):
            filters = {**filters, name: ids[value]}
        elif name.endswith("_time") and value is not None:
            filters = {**filters, name: times[value]}

    assert values(client, subscription, **filters) == [*expected]


def test_a_topic_is_chosen_from_the_history_of_a_pattern() -> None:
    """REQ-PUB-050."""
    client = history_world().join()
    for number, topic in enumerate(["com.t", "com.x", "com.t", "com.x"]):
        publish(client, number, topic)
    subscription = lookup(client, "com.", "prefix")

    assert values(client, subscription, topic="com.x") == [1, 3]
    assert values(client, subscription, topic="com.x", limit=1, reverse=True) == [3]


def test_the_limit_counts_what_the_reader_may_see() -> None:
    """REQ-PUB-050, 052."""
    world = history_world()
    publisher, reader = world.join(), world.join(authid="ann")
    publish(publisher, 1)
    for number in (2, 3, 4):
        publish(publisher, number, exclude_authid=["ann"])
    publish(publisher, 5)

    assert values(reader, lookup(reader, "com.t"), limit=2) == [1, 5]


def test_a_publication_that_is_not_kept_is_older_than_all_that_are() -> None:
    """REQ-PUB-050: who has been away for long gets everything since."""
    client = history_world(limit=2).join()
    gone, *_ = [publish(client, number) for number in range(3)]
    subscription = lookup(client, "com.t")

    for name, expected in [
        ("from_publication", [1, 2]),
        ("after_publication", [1, 2]),
        ("before_publication", []),
        ("until_publication", []),
    ]:
        assert values(client, subscription, **{name: gone}) == expected


@pytest.mark.parametrize(
    ("time_of", "expected"),
    [
        (lambda text: text.replace("Z", "+00:00"), True),
        (lambda text: text.replace("Z", "-00:00"), True),
        (lambda text: text.replace("T", "t").replace("Z", "z"), True),
        (lambda text: text.replace("T", " "), True),
        (lambda text: text.replace("Z", "000000000999Z"), True),
        (lambda text: text.replace("Z", "001Z"), False),
        (lambda text: text.replace("Z", "-00:01"), False),
        (lambda text: text.replace("Z", "+00:01"), True),
        (lambda text: "9999-12-31T23:59:60-23:59", False),
        (lambda text: "0001-01-01T00:00:00+23:59", True),
        (lambda text: "2016-12-31T23:59:60Z", True),
    ],
)
def test_times_are_read_in_every_form_of_rfc_3339(time_of: Any, expected: bool) -> None:
    """REQ-PUB-049, 050, 055."""
    client = history_world().join()
    publish(client, 1)
    subscription = lookup(client, "com.t")
    [event] = events(client, subscription)

    found = events(client, subscription, from_time=time_of(event["timestamp"]))

    assert bool(found) is expected


WRONG = {
    "reverse": [1, 0, "true", [], {}],
    "limit": [0, -1, 1.5, -1.0, "1", True, [], {}],
    "topic": [1, "", "a..b", "a b", [], {}, True],
    **dict.fromkeys(
        ["from_time", "after_time", "before_time", "until_time"],
        [
            *("", "today", "2026-01-01", "2026-01-01T00:00:00", 0, 1.5, True, [], {}),
            *("2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-01-01T24:00:00Z"),
            *("2026-01-01T00:00:61Z", "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00+2"),
            *("2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00Z\n", "٢026-01-01T00Z"),
        ],
    ),
    **dict.fromkeys(
        [f"{name}_publication" for name in ("from", "after", "before", "until")],
        [0, -1, 1.5, 2**53 + 1, "1", True, [], {}],
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_malformed_filters_are_invalid_arguments(name: str) -> None:
    """REQ-PUB-049; REQ-META-016: and the session goes on."""
    client = history_world().join()
    subscription = lookup(client, "com.t")

    for value in WRONG[name]:
        answer = ask(client, subscription, **{name: value})
        assert is_error(answer, 48, 702, "wamp.error.invalid_argument"), value


@pytest.mark.parametrize("value", [None, "1", 1.5, True, [], {}])
def test_the_subscription_is_an_id(value: Any) -> None:
    """REQ-META-016."""
    client = history_world().join()

    answer = ask(client, value)
    none_at_all = client.request([48, 1, {}, GET_EVENTS])

    assert is_error(answer, 48, 702, "wamp.error.invalid_argument")
    assert is_error(none_at_all, 48, 1, "wamp.error.invalid_argument")


@pytest.mark.parametrize("subscription", [0, -1, 99, 99.0, 2**53, 2**70])
def test_an_unknown_subscription_is_no_such_subscription(subscription: Any) -> None:
    """REQ-PUB-048."""
    answer = ask(history_world().join(), subscription)

    assert is_error(answer, 48, 702, "wamp.error.no_such_subscription")


def test_arguments_that_are_too_many_are_ignored() -> None:
    """REQ-META-017."""
    client = history_world().join()
    publish(client, 1)

    answer = client.request([48, 1, {}, GET_EVENTS, [lookup(client, "com.t"), 5, "x"]])

    assert answer[0] == 50


def test_what_a_readers_serializer_cannot_carry_is_left_out_for_that_reader() -> None:
    """REQ-TYP-005."""
    world = history_world()
    publisher, reader = world.join(serializer="msgpack"), world.join()
    publish(publisher, float("nan"))
    publish(publisher, 1)

    assert values(reader, lookup(reader, "com.t")) == [1]
    assert len(events(publisher, lookup(publisher, "com.t"))) == 2


def test_who_leaves_before_the_answer_leaves_nothing_behind() -> None:
    """REQ-SES-044."""
    world = history_world()
    client = world.join()
    client.send([48, 1, {}, GET_EVENTS, [lookup(client, "com.t")]])

    client.lose()
    client.tasks.cancel()
    world.settle()

    assert world.realm.router.meta.dealing.invocations == {}


# --- Over a restart ---------------------------------------------------------------


def test_a_store_in_a_file_outlasts_the_application(tmp_path: Path) -> None:
    """REQ-PUB-046, 047, 055: its subscriptions have their old ids."""

    def restarted() -> Client:
        realm = Realm("realm1", permissions=OPEN)
        realm.set_history_store(SQLiteHistory(tmp_path / "history.sqlite"))
        return history_world(realm, limit=3).join(authid="ann")

    first = restarted()
    publish(first, 1, disclose_me=True)
    publish(first, 2, exclude_authid=["ann"])
    before = events(first, lookup(first, "com.t"))
    first.world.realm.stop()

    second = restarted()
    third = publish(second, 3)
    after = events(second, lookup(second, "com.t"))

    assert after[:1] == before
    assert [event["publication"] for event in after[1:]] == [third]
    assert after[0]["timestamp"] <= after[1]["timestamp"]
    assert values(second.world.join(authid="joe"), lookup(second, "com.t")) == [1, 2, 3]
    publish(second, 4)
    assert values(second.world.join(authid="joe"), lookup(second, "com.t")) == [2, 3, 4]


def test_history_is_declared_with_the_topic() -> None:
    """REQ-PUB-047."""
    topics = TopicRouteSet()
    topics.declare("com.d", publish=True, history=History(limit=1))
    realm = Realm("realm1")
    realm.add_routes(topics)
    client = World(realm).join()
    for number in (1, 2):
        publish(client, number, "com.d")

    assert values(client, client.subscribe("com.d")) == [2]


def test_who_may_not_read_does_not_learn_what_others_are_subscribed_to() -> None:
    """REQ-PUB-051: ids are small numbers, and everybody may ask."""
    world = World(closed())
    world.realm.permit("secret.", match="prefix", subscribe=True, roles=["owner"])
    subscription = world.join(authid="o", authrole="owner").subscribe("secret.plan")

    answer = ask(world.join(authid="eve", authrole="guest"), subscription)

    assert is_error(answer, 48, 702, "wamp.error.not_authorized")
    assert "secret" not in str(answer)


@pytest.mark.parametrize("eager", [False, True])
def test_a_store_runs_when_the_publication_has_reached_everybody(eager: bool) -> None:
    """REQ-EMB-006: what it publishes itself comes behind, for all alike."""

    class Store:
        def append(self, log: str, events: Any, *, limit: int, oldest: Any) -> None:
            realm.publish("com.kept", len(events))

        def select(self, log: str, query: Any) -> list[Any]:
            return []

    realm = Realm("realm1", permissions=OPEN)
    realm.set_history_store(Store())
    realm.keep_history("com.t")
    world = World(realm, eager=eager)
    publisher, subscriber = world.join(), world.join()
    topics = {subscriber.subscribe(topic): topic for topic in ("com.t", "com.kept")}

    publisher.send([16, 1, {}, "com.t", [1]])

    assert [topics[event[1]] for event in subscriber.received()] == list(
        topics.values()
    )


class SlowStore(MemoryHistory):
    """A store in memory whose readers wait for the gate."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = Gate()

    async def select(self, log: str, query: Any) -> Any:  # type: ignore[override]  # a store may be either
        await self.gate
        return super().select(log, query)


def test_who_loses_a_role_while_the_store_is_asked_gets_what_is_left() -> None:
    """REQ-PUB-051, 052: by who the session is when it is answered."""
    store, realm = SlowStore(), Realm("realm1", permissions=OPEN)
    realm.set_history_store(store)
    realm.permit("com.inner.", match="prefix", subscribe=True, roles=["staff"])
    realm.keep_history("com.inner.t")
    world = history_world(realm)
    publisher, reader = world.join(), world.join(authid="ann", authrole="staff")
    publish(publisher, "for staff", eligible_authrole=["staff"])
    publish(publisher, "for all")
    open_topic, inner = lookup(reader, "com.t"), lookup(reader, "com.inner.t")

    reader.send([48, 1, {}, GET_EVENTS, [open_topic]])
    reader.send([48, 2, {}, GET_EVENTS, [inner]])
    assert reader.received() == []
    renew(reader, Identity("ann", "guest"))
    store.gate.open()

    result, refusal = sorted(reader.received(), reverse=True)
    assert [event["args"] for event in result[3][0]] == [["for all"]]
    assert is_error(refusal, 48, 2, "wamp.error.not_authorized")


def test_histories_that_are_waited_for_count_as_calls_also_when_given_up() -> None:
    """REQ-RPC-084: CANCEL takes the answer back, and not what the store has to do."""
    store, realm = SlowStore(), Realm("realm1", permissions=OPEN)
    realm.set_history_store(store)
    world = history_world(realm, Limits(max_pending_calls=3))
    reader = world.join()
    subscription = lookup(reader, "com.t")

    for request in range(1, 6):
        reader.send([48, request, {}, GET_EVENTS, [subscription]])
        reader.send([49, request, {}])
    answers = {message[2]: message[4] for message in reader.received()}

    assert [answers[request] for request in range(1, 6)] == [
        *["wamp.error.canceled"] * 3,
        *["wamp.error.unavailable"] * 2,
    ]
    store.gate.open()
    world.settle()
    assert values(reader, subscription) == []


def test_who_asks_for_more_than_may_wait_is_told_so_rather_than_cut() -> None:
    world = history_world(limits=Limits(max_pending_bytes=20_000))
    publisher, reader = world.join(), world.join()
    for _ in range(5):
        publish(publisher, "x" * 5_000)
    subscription = lookup(reader, "com.t")

    answer = ask(reader, subscription)

    assert is_error(answer, 48, 702, "wamp.error.payload_size_exceeded")
    assert len(values(reader, subscription, limit=3)) == 3
