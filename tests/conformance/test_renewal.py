"""A session with a new role keeps what it may still have, and loses the rest."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from aiohttp_serverwamp import (
    ConfigurationError,
    ConnectionClosed,
    Decision,
    Identity,
    Realm,
    TopicRouteSet,
)
from tests.conformance.harness import Cancelled, Client, Gate, World, is_error

LOSES = ("subscriber.subscription_revocation", "callee.registration_revocation")


def club() -> Realm:
    realm = Realm("realm1")
    realm.permit("club.", match="prefix", subscribe=True, publish=True, call=True)
    realm.permit("club.", match="prefix", register=True)
    realm.permit(
        "club.staff.",
        match="prefix",
        subscribe=True,
        publish=True,
        call=True,
        register=True,
        roles=["staff"],
    )
    realm.permit("club.private", register="own", roles=["staff"])
    return realm


def renew(client: Client, identity: Identity) -> None:
    """Run what a handler would await."""
    steps = client.session.public().renew(identity)
    try:
        while True:
            gate: Gate = steps.send(None)
            assert gate.opened, "it waits for something that does not come"
    except StopIteration:
        pass


def test_a_lost_role_takes_its_subscriptions_and_registrations_along() -> None:
    """REQ-PUB-067, 068, 071; REQ-RPC-134, 135."""
    world = World(club())
    other = world.join(authid="bob", authrole="staff")
    client = world.join(*LOSES, authid="ann", authrole="staff")
    open_topic = client.subscribe("club.news")
    staff_topic = client.subscribe("club.staff.news", request=902)
    client.register("club.sum", request=903)
    staff_procedure = client.register("club.staff.sum", request=904)
    private = client.register("club.private", request=905)

    renew(client, Identity("ann", "member"))
    other.send([16, 1, {}, "club.staff.news"])
    other.send([16, 2, {}, "club.news"])

    *revoked, event = client.received()
    reason = "wamp.error.not_authorized"
    assert revoked == [
        [35, 0, {"subscription": staff_topic, "reason": reason}],
        [67, 0, {"registration": staff_procedure, "reason": reason}],
        [67, 0, {"registration": private, "reason": reason}],
    ]
    assert event[:2] == [36, open_topic]
    answer = other.request([48, 3, {}, "club.staff.sum"])
    assert is_error(answer, 48, 3, "wamp.error.no_such_procedure")


def test_a_private_registration_is_kept_by_who_may_register_privately() -> None:
    """And by nobody else: who may register publicly has asked for something else."""
    realm = club()
    realm.permit("club.private", register=True, roles=["chair"])
    client = World(realm).join(*LOSES, authid="ann", authrole="staff")
    private = client.register("club.private")

    renew(client, Identity("ann", "staff"))
    kept = client.received()
    renew(client, Identity("ann", "chair"))

    assert kept == []
    [revoked] = client.received()
    assert revoked[:2] == [67, 0]
    assert revoked[2]["registration"] == private


def test_what_the_authorizer_said_of_the_former_role_is_forgotten() -> None:
    realm, asked = club(), list[str]()

    def authorizer(session: Any, *question: Any) -> Decision:
        asked.append(session.authrole)
        return Decision(allow=True, cache=True)

    realm.set_authorizer(authorizer)
    client = World(realm).join(authid="ann", authrole="staff")
    for request in (1, 2):
        client.request([16, request, {"acknowledge": True}, "club.news"])

    renew(client, Identity("ann", "member"))
    client.request([16, 3, {"acknowledge": True}, "club.news"])

    assert asked == ["staff", "member"]


@pytest.mark.parametrize("handler", ["begun", "not begun", "stubborn"])
@pytest.mark.parametrize("eager", [False, True])
def test_a_subscription_whose_handler_has_not_agreed_yet_is_refused(
    handler: str, *, eager: bool
) -> None:
    """Its SUBSCRIBE is answered once, and what waits behind it goes on."""

    # given a SUBSCRIBE whose handler takes its time, and another request behind it
    realm, topics, gate = club(), TopicRouteSet(), Gate()

    @topics.route("club.staff.news", roles=["staff"])
    async def news(session: Any) -> Any:
        try:
            await gate
        except Cancelled:
            if handler != "stubborn":
                raise
        yield

    realm.add_routes(topics)
    world = World(realm, eager=eager)
    client = world.join(*LOSES, authid="ann", authrole="staff")
    client.send([32, 1, {}, "club.staff.news"])
    client.send([32, 2, {}, "club.news"])
    if handler != "not begun":
        world.settle()

    # when the role is lost
    renew(client, Identity("ann", "member"))
    refused, subscribed = client.received()

    # then no revocation tells of a subscription that the client never had
    assert is_error(refused, 32, 1, "wamp.error.not_authorized")
    assert subscribed[:2] == [33, 2]
    gate.open()
    assert client.received() == []
    assert [*client.session.brokering.subscriptions] == [subscribed[2]]


@pytest.mark.parametrize("eager", [False, True])
def test_a_handler_may_take_the_right_away_while_it_decides(*, eager: bool) -> None:
    realm, topics, log = club(), TopicRouteSet(), list[str]()

    @topics.route("club.staff.news", roles=["staff"])
    async def news(session: Any) -> Any:
        try:
            await session.renew(Identity("ann", "member"))
            yield
        finally:
            log.append("ended")

    realm.add_routes(topics)
    world = World(realm, eager=eager)
    client = world.join(*LOSES, authid="ann", authrole="staff")

    answer = client.request([32, 1, {}, "club.staff.news"])

    assert is_error(answer, 32, 1, "wamp.error.not_authorized")
    assert log == ["ended"]
    assert client.subscribe("club.news")


def test_who_did_not_announce_revocation_loses_them_without_a_word() -> None:
    """REQ-PUB-069; REQ-RPC-136."""
    world = World(club())
    client = world.join(authid="ann", authrole="staff")
    client.subscribe("club.staff.news")
    client.register("club.staff.sum")

    renew(client, Identity("ann", "member"))

    assert client.received() == []
    assert not client.session.brokering.subscriptions
    assert not client.session.dealing.registrations


def test_autobahn_for_python_is_not_told_of_lost_subscriptions() -> None:
    """PIT-22: it announces that it hears of them, and fails its connection."""
    world = World(club())
    autobahn = "subscriber.payload_transparency"
    client = world.join(*LOSES, autobahn, authid="ann", authrole="staff")
    client.subscribe("club.staff.news")
    registration = client.register("club.staff.sum")

    renew(client, Identity("ann", "member"))

    reason = "wamp.error.not_authorized"
    details = {"registration": registration, "reason": reason}
    assert client.received() == [[67, 0, details]]


def test_an_invocation_under_way_is_still_answered() -> None:
    """REQ-RPC-138."""
    world = World(club())
    caller = world.join(authid="bob", authrole="staff")
    client = world.join(*LOSES, authid="ann", authrole="staff")
    registration = client.register("club.staff.sum")
    caller.send([48, 1, {}, "club.staff.sum"])
    assert client.received() == [[68, 1, registration, {}]]

    renew(client, Identity("ann", "member"))
    client.send([70, 1, {}, ["done"]])

    assert caller.received() == [[50, 1, {}, ["done"]]]


def test_a_new_role_counts_from_the_next_request_on() -> None:
    world = World(club())
    client = world.join(authid="ann", authrole="member")
    answer = client.request([32, 1, {}, "club.staff.news"])
    assert is_error(answer, 32, 1, "wamp.error.not_authorized")

    renew(client, Identity("ann", "staff", authextra={"level": 2}, user="record"))

    assert client.request([32, 2, {}, "club.staff.news"])[0] == 33
    session = client.session.public()
    assert (session.authrole, session.authextra) == ("staff", {"level": 2})
    assert session.identity.user == "record"


def test_the_authorizer_is_asked_anew_about_what_the_rules_still_allow() -> None:
    realm, asked, gate = club(), list[Any](), Gate()

    def authorizer(session: Any, action: Any, uri: str, options: Any) -> Any:
        asked.append((str(action), uri, session.authrole))
        if session.authrole == "staff":
            return Decision(allow=True, cache=True)
        return _later(gate) if uri == "club.b" else uri != "club.a"

    async def _later(gate: Gate) -> bool:
        allowed: bool = await gate
        return allowed

    realm.set_authorizer(authorizer)
    client = World(realm).join(*LOSES, authid="ann", authrole="staff")
    held = {name: client.subscribe(f"club.{name}") for name in "abc"}
    asked.clear()
    gate.open(False)

    renew(client, Identity("ann", "member"))

    assert asked == [("subscribe", f"club.{name}", "member") for name in "abc"]
    lost = [message[2]["subscription"] for message in client.received()]
    assert lost == [held["a"], held["b"]]


@pytest.mark.parametrize(
    ("kind", "request_"),
    [
        (32, [32, 1, {}, "club.staff.news"]),
        (64, [64, 1, {}, "club.staff.sum"]),
        (16, [16, 1, {"acknowledge": True}, "club.staff.news"]),
        (48, [48, 1, {}, "club.staff.count"]),
    ],
    ids=["SUBSCRIBE", "REGISTER", "PUBLISH", "CALL"],
)
def test_what_waited_for_the_authorizer_needs_the_rights_of_the_new_role(
    kind: int, request_: list[Any]
) -> None:
    """REQ-AUTZ-009: a yes to who the session was is none to who it is."""

    # given a staff member whose request waits, and who is a member by then
    realm, gate = club(), Gate()

    async def authorizer(session: Any, *question: Any) -> bool:
        return session.authid == "bob" or bool(await gate)

    realm.set_authorizer(authorizer)
    world = World(realm)
    other = world.join(authid="bob", authrole="staff")
    other.register("club.staff.count")
    other.subscribe("club.staff.news")
    client = world.join(authid="ann", authrole="staff")
    client.send(request_)
    assert client.received() == []
    renew(client, Identity("ann", "member"))

    # when the authorizer says yes
    gate.open(True)
    [answer] = client.received()

    # then nothing is done
    assert is_error(answer, kind, 1, "wamp.error.not_authorized")
    assert other.received() == []
    assert not client.session.brokering.subscriptions
    assert not client.session.dealing.registrations


@pytest.mark.parametrize("how", ["renew", "drop_decisions"])
def test_what_was_decided_before_is_asked_again(how: str) -> None:
    realm, asked, gates = club(), list[str](), [Gate(), Gate()]

    async def authorizer(session: Any, *question: Any) -> bool:
        asked.append(session.authrole)
        allowed: bool = await gates[len(asked) - 1]
        return allowed

    realm.set_authorizer(authorizer)
    client = World(realm).join(authid="ann", authrole="member")
    client.send([32, 1, {}, "club.news"])
    client.received()

    if how == "renew":
        renew(client, Identity("ann", "staff"))
    else:
        realm.drop_decisions()
    gates[0].open(True)
    waits = client.received()
    gates[1].open(False)
    [answer] = client.received()

    assert waits == []
    assert is_error(answer, 32, 1, "wamp.error.not_authorized")
    assert asked == ["member", "staff" if how == "renew" else "member"]


def test_renewals_are_counted() -> None:
    client = World(club()).join(authid="ann")
    counts = [client.session.renewals]
    for _ in range(2):
        renew(client, Identity("ann"))
        counts.append(client.session.renewals)

    assert counts == [0, 1, 2]


@pytest.mark.usefixtures("allow_logged_errors")
def test_an_authorizer_that_fails_takes_away() -> None:
    realm = club()
    allow = True

    def authorizer(*question: Any) -> bool:
        if not allow:
            raise OSError("no connection")
        return True

    realm.set_authorizer(authorizer)
    client = World(realm).join(authid="ann", authrole="staff")
    client.subscribe("club.a")
    allow = False

    renew(client, Identity("ann", "staff"))

    assert not client.session.brokering.subscriptions


@pytest.mark.parametrize(
    "wrong", [Identity("bob", user="secret"), {"hash": "secret"}, "ann", None]
)
def test_a_session_does_not_become_somebody_elses(wrong: Any) -> None:
    """Nor is what it was to become shown to whoever reads the log."""
    client = World(club()).join(authid="ann")

    with pytest.raises(
        ConfigurationError, match="the authid of this session"
    ) as raised:
        asyncio.run(client.session.public().renew(wrong))

    assert "secret" not in str(raised.value)


def test_a_session_that_has_left_is_not_renewed() -> None:
    client = World(club()).join(authid="ann")
    session = client.session.public()
    client.lose()

    with pytest.raises(ConnectionClosed):
        asyncio.run(session.renew(Identity("ann")))
