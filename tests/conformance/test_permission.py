"""Statements of section 7.8: who may do what, and the order while that is asked."""

from __future__ import annotations

from typing import Any

import pytest

from aiohttp_serverwamp import (
    OPEN,
    Decision,
    Limits,
    Realm,
    RPCRouteSet,
    TopicRouteSet,
)
from tests.conformance.harness import ENDINGS, Gate, World, is_error

CANCELED = "wamp.error.canceled"


# --- Waiting for permission -----------------------------------------------------


class Slow:
    """An authorizer whose decisions the test makes, by URI."""

    def __init__(self, **world: Any) -> None:
        self.asked: list[tuple[str, str]] = []
        self.gates: dict[str, Gate] = {}
        realm = Realm("realm1", permissions=OPEN)
        realm.set_authorizer(self)
        self.world = World(realm, **world)

    async def __call__(self, session: Any, action: str, uri: str, options: Any) -> Any:
        self.asked.append((str(action), uri))
        if "slow" in uri:
            return await self.gates.setdefault(uri, Gate())
        return True


@pytest.mark.parametrize("eager", [False, True], ids=["lazy", "eager"])
def test_calls_keep_their_order_while_one_waits_for_permission(eager: bool) -> None:
    """REQ-RPC-017; REQ-AUTZ-014; PIT-41."""
    slow = Slow(eager=eager)
    caller, callee = slow.world.join(), slow.world.join()
    ids = [callee.register("com.p"), callee.register("", match="prefix")]

    caller.send([48, 1, {}, "com.slow"])
    caller.send([48, 2, {}, "com.p"])
    assert callee.received() == []
    slow.gates["com.slow"].open(True)

    assert callee.received() == [
        [68, 1, ids[1], {"procedure": "com.slow"}],
        [68, 2, ids[0], {}],
    ]


def test_each_of_several_subscriptions_has_its_own_answer() -> None:
    """REQ-PUB-015; REQ-MSG-024, 025: whoever is asked about takes its time."""
    slow = Slow()
    client = slow.world.join()
    for request, topic in enumerate(["com.a", "com.slow", "com.b"], 1):
        client.send([32, request, {}, topic])
    client.received()
    slow.gates["com.slow"].open(True)
    client.send([32, 4, {}, "com.a"])

    said = client.received()
    answers = [[33, 1], *([code, request] for code, request, _ in said)]

    assert sorted(answers) == [[33, 1], [33, 2], [33, 3], [33, 4]]
    assert len({subscription for _, _, subscription in said}) == 3


def test_only_the_session_that_waits_is_held_up() -> None:
    """PIT-41; REQ-AUTZ-014."""
    slow = Slow()
    one, other = slow.world.join(), slow.world.join()
    one.send([48, 1, {}, "com.slow"])
    assert one.received() == []

    answer = other.request([48, 1, {}, "com.p"])

    assert is_error(answer, 48, 1, "wamp.error.no_such_procedure")


@pytest.mark.parametrize("eager", [False, True], ids=["lazy", "eager"])
def test_a_long_queue_behind_a_decision_is_worked_off(eager: bool) -> None:
    """REQ-RPC-017: tasks that start at once do not nest."""
    slow = Slow(eager=eager)
    caller, callee = slow.world.join(), slow.world.join()
    callee.register("", match="prefix")
    caller.send([48, 1, {}, "com.slow"])
    for request in range(2, 900):
        caller.send([48, request, {}, "com.p"])
    assert caller.received() == []

    slow.gates["com.slow"].open(True)
    invoked = callee.received()
    slow.world.advance(0)  # after a hundred it is others' turn
    invoked += callee.received()

    assert [message[1] for message in invoked] == [*range(1, 900)]


@pytest.mark.parametrize("waiting", ["decision", "queue"])
def test_a_call_that_waits_can_be_cancelled(waiting: str) -> None:
    """REQ-RPC-081: and is never sent to the callee; what is behind it goes on."""
    slow = Slow()
    caller, callee = slow.world.join(), slow.world.join()
    registration = callee.register("", match="prefix")
    caller.send([48, 1, {}, "com.slow"])
    caller.send([48, 2, {}, "com.p"])
    caller.send([48, 3, {}, "com.q"])
    assert caller.received() == []
    cancelled, other = (1, "com.p") if waiting == "decision" else (2, "com.slow")

    caller.send([49, cancelled, {"mode": "kill"}])
    [answer] = caller.received()
    assert is_error(answer, 48, cancelled, CANCELED)
    slow.gates["com.slow"].open(True)

    assert callee.received() == [
        [68, 1, registration, {"procedure": other}],
        [68, 2, registration, {"procedure": "com.q"}],
    ]
    assert caller.received() == []


@pytest.mark.parametrize("how", ENDINGS)
@pytest.mark.parametrize(
    "message",
    [
        [48, 1, {}, "com.slow"],
        [64, 1, {}, "com.slow"],
        [32, 1, {}, "com.slow"],
        [16, 1, {"acknowledge": True}, "com.slow"],
    ],
    ids=["CALL", "REGISTER", "SUBSCRIBE", "PUBLISH"],
)
def test_a_decision_after_the_session_ended_has_no_effect(
    message: list[Any], how: str
) -> None:
    """REQ-SES-046, 049."""
    slow = Slow()
    client, witness = slow.world.join(), slow.world.join()
    witness.register("com.", match="prefix")
    witness.subscribe("com.", match="prefix")
    client.send(message)
    client.received()

    client.end(how)
    slow.gates["com.slow"].open(True)

    assert client.received() == []
    assert witness.received() == []
    router = slow.world.realm.router
    assert len(router.broker.subscriptions) == 1
    assert "com.slow" not in {each.uri for each in router.dealer.registrations}


def test_answers_do_not_wait_for_permissions() -> None:
    """REQ-AUTZ-002: YIELD and CANCEL pass a request that waits."""
    slow = Slow()
    caller, callee = slow.world.join(), slow.world.join()
    callee.register("com.p")
    caller.send([48, 1, {}, "com.p"])
    callee.received()
    callee.send([16, 7, {}, "com.slow"])

    callee.send([70, 1, {}, ["quick"]])

    assert caller.received() == [[50, 1, {}, ["quick"]]]


@pytest.mark.parametrize("eager", [False, True], ids=["lazy", "eager"])
def test_synchronized_requests_wait_for_the_answer(eager: bool) -> None:
    """Also where an authorizer takes its time before the call is routed."""
    slow = Slow(synchronize_requests=True, eager=eager)
    caller, callee = slow.world.join(), slow.world.join()
    callee.register("", match="prefix")
    for request, procedure in enumerate(["com.slow", "com.b", "com.c"], 1):
        caller.send([48, request, {}, procedure])
    caller.received()
    slow.gates["com.slow"].open(True)

    for number in (1, 2, 3):
        assert [message[1] for message in callee.received()] == [number]
        callee.send([70, number, {}])
        assert caller.received() == [[50, number, {}]]


def test_too_many_waiting_requests_are_refused() -> None:
    """A client cannot pile up requests behind a decision."""
    slow = Slow(limits=Limits(max_pending_calls=2))
    client = slow.world.join()
    client.send([48, 1, {}, "com.slow"])
    for request in (2, 3, 4):
        client.send([48, request, {}, "com.p"])

    [answer] = client.received()

    assert is_error(answer, 48, 4, "wamp.error.unavailable")


# --- Permission -----------------------------------------------------------------


def refusing(verdict: Any) -> World:
    def authorizer(session: Any, action: str, uri: str, options: Any) -> Any:
        if isinstance(verdict, Exception):
            raise verdict
        return verdict

    realm = Realm("realm1", permissions=OPEN)
    realm.set_authorizer(authorizer)
    return World(realm)


REQUESTS = [
    [48, 1, {}, "com.x"],
    [64, 1, {}, "com.x"],
    [32, 1, {}, "com.x"],
    [16, 1, {"acknowledge": True}, "com.x"],
]


@pytest.mark.parametrize("message", REQUESTS, ids=lambda message: str(message[0]))
@pytest.mark.parametrize("answer", [False, Decision(allow=False), {"allow": False}])
def test_what_the_authorizer_denies_is_not_authorized(
    message: list[Any], answer: Any
) -> None:
    """REQ-AUTZ-001, 003, 008."""
    client = refusing(answer).join()

    reply = client.request(message)

    assert is_error(reply, message[0], 1, "wamp.error.not_authorized")


@pytest.mark.parametrize("message", REQUESTS, ids=lambda message: str(message[0]))
@pytest.mark.parametrize(
    "answer", [ValueError("broken"), None, 1, {}, {"allow": 1}], ids=repr
)
@pytest.mark.usefixtures("allow_logged_errors")
def test_a_failing_authorizer_grants_nothing(message: list[Any], answer: Any) -> None:
    """REQ-AUTZ-004, 009; REQ-ERR-006."""
    client = refusing(answer).join()

    reply = client.request(message)

    assert is_error(reply, message[0], 1, "wamp.error.authorization_failed")


def test_a_refused_publish_is_answered_only_if_it_asked_for_it() -> None:
    """REQ-AUTZ-003; REQ-PUB-018; REQ-MSG-026."""
    client = refusing(False).join()

    client.send([16, 1, {}, "com.x"])

    assert client.received() == []


def test_ownership_is_all_that_unregister_and_unsubscribe_need() -> None:
    """REQ-AUTZ-002."""
    slow = Slow()
    client = slow.world.join()
    registration, subscription = client.register("com.p"), client.subscribe("com.t")
    slow.asked.clear()

    assert client.request([66, 1, registration]) == [67, 1]
    assert client.request([34, 2, subscription]) == [35, 2]

    assert slow.asked == []


def test_what_no_rule_speaks_about_does_not_exist() -> None:
    """REQ-ERR-005: whether or not somebody has registered it."""
    realm = Realm("realm1")
    realm.permit("com.", match="prefix", register=True)
    realm.permit("com.said", call=False)
    world = World(realm)
    caller, callee = world.join(), world.join()
    callee.register("com.there")
    callee.register("com.said")

    answers = [
        caller.request([48, number, {}, name])
        for number, name in enumerate(["com.there", "com.not.there", "com.said"], 1)
    ]

    assert [answer[4] for answer in answers] == [
        "wamp.error.no_such_procedure",
        "wamp.error.no_such_procedure",
        "wamp.error.not_authorized",
    ]
    texts = [
        answer[5][0].replace(name, "")
        for answer, name in zip(answers, ["com.there", "com.not.there"], strict=False)
    ]
    assert texts[0] == texts[1]


# --- Fallbacks, which no rule can name --------------------------------------------


def with_fallbacks() -> Realm:
    api, topics = RPCRouteSet(), TopicRouteSet()

    @api.regex_route(r"com\.[a-z]+", roles=["user"])
    def fallback() -> str:
        return "fallback"

    @topics.regex_route(r"com\.[a-z]+", roles=["user"])
    async def topic(session: Any) -> Any:
        yield

    realm = Realm("realm1")
    realm.add_routes([*api, *topics])
    realm.permit("com.closed", call=False, subscribe=False)
    return realm


@pytest.mark.parametrize(
    ("uri", "authrole", "call", "subscribe"),
    [
        ("com.x", "user", None, None),
        ("com.x", "guest", "not_authorized", "not_authorized"),
        ("com.closed", "user", "not_authorized", "not_authorized"),
        ("com.UPPER", "user", "no_such_procedure", "not_authorized"),
        ("net.x", "user", "no_such_procedure", "not_authorized"),
    ],
)
def test_a_fallback_permits_its_roles_what_no_rule_speaks_about(
    uri: str, authrole: str, call: str | None, subscribe: str | None
) -> None:
    """REQ-AUTZ-001, 003: and a rule that says no stays in force."""
    client = World(with_fallbacks()).join(authid="joe", authrole=authrole)

    answers = [
        (call, client.request([48, 1, {}, uri])),
        (subscribe, client.request([32, 1, {}, uri])),
    ]

    for expected, answer in answers:
        if expected is None:
            assert answer[0] in (50, 33)
        else:
            assert answer[4] == f"wamp.error.{expected}"


def test_what_a_client_registered_is_no_fallback() -> None:
    """REQ-ERR-005."""
    realm = with_fallbacks()
    realm.permit("net.", match="prefix", register=True)
    world = World(realm)
    caller, callee = world.join(authid="joe"), world.join(authid="ann")
    callee.register("net.x")

    answer = caller.request([48, 1, {}, "net.x"])

    assert is_error(answer, 48, 1, "wamp.error.no_such_procedure")


def test_what_the_authorizer_discloses_is_disclosed() -> None:
    """REQ-AUTZ-011; REQ-RPC-098; REQ-PUB-035: and a remembered decision does so too."""
    asked: list[str] = []

    def authorizer(session: Any, action: str, uri: str, options: Any) -> Decision:
        asked.append(str(action))
        return Decision(allow=True, disclose=True, cache=True)

    realm = Realm("realm1", permissions=OPEN, disclosure="deny")
    realm.set_authorizer(authorizer)
    world = World(realm)
    one, other = world.join(authid="one"), world.join(authid="other")
    other.register("com.p")
    other.subscribe("com.t")
    asked.clear()

    for request in (1, 3):
        one.send([48, request, {}, "com.p"])
        one.send([16, request + 1, {}, "com.t"])

    details = [message[3] for message in other.received()]
    assert [each.get("caller", each.get("publisher")) for each in details] == [
        one.id
    ] * 4
    assert asked == ["call", "publish"]


def test_a_malformed_uri_is_called_malformed_even_where_it_is_denied() -> None:
    """REQ-URI-007; REQ-RPC-010."""
    realm = Realm("realm1")
    realm.permit("", match="prefix", call=False)
    client = World(realm).join()

    for request, uri in enumerate(["a..b", "a b", ""], 1):
        answer = client.request([48, request, {}, uri])
        assert is_error(answer, 48, request, "wamp.error.invalid_uri")
