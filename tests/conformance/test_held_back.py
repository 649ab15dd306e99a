"""What one client may keep waiting, and what becomes of what waits."""

from __future__ import annotations

from typing import Any

import pytest

from aiohttp_serverwamp import (
    Limits,
    Realm,
    RPCRouteSet,
    SubscribeError,
    TopicRouteSet,
)
from tests.conformance.harness import Cancelled, Gate, World, is_error, is_violation

KIB = 2**10


def world_behind(gate: Gate, **limits: Any) -> World:
    """A realm whose authorizer waits for the gate."""
    realm = Realm("realm1")
    realm.permit("", match="prefix", call=True, publish=True, subscribe=True)

    async def authorizer(*_: Any) -> bool:
        await gate.wait()
        return True

    realm.set_authorizer(authorizer)
    return World(realm, limits=Limits(**limits))


def answering() -> RPCRouteSet:
    api = RPCRouteSet()
    api.route("a.p")(lambda: None)
    return api


def test_a_joining_client_sends_no_large_messages() -> None:
    """REQ-SER-014: limits hold before huge structures are made."""
    client = World().connect()

    client.hello(authextra={"x": "y" * 65 * KIB})

    assert is_violation(client.received())


def test_a_joining_client_names_no_endless_authid() -> None:
    client = World().connect()

    client.hello(authid="a" * 257)

    (abort,) = client.received()
    assert (abort[0], abort[2]) == (3, "wamp.error.authentication_denied")


def test_what_waits_behind_a_decision_is_bounded_in_bytes() -> None:
    gate = Gate()
    world = world_behind(gate, max_pending_bytes=64 * KIB)
    client = world.join()
    payload = ["x" * 3 * KIB]

    for request in range(1, 7):
        options = {"acknowledge": True}
        client.send([16, request, options, "a.topic", payload])

    # 8 KiB may wait: the first request is being decided, two find room behind it.
    refused = client.received()
    assert [message[2] for message in refused] == [4, 5, 6]
    assert all(
        is_error(message, 16, message[2], "wamp.error.unavailable")
        for message in refused
    )
    gate.open()
    assert [message[:2] for message in client.received()] == [[17, 1], [17, 2], [17, 3]]


def test_one_large_request_finds_room_behind_a_decision() -> None:
    gate = Gate()
    world = world_behind(gate, max_pending_bytes=8 * KIB)
    client = world.join()

    client.send([16, 1, {"acknowledge": True}, "a.topic"])
    client.send([16, 2, {"acknowledge": True}, "a.topic", ["x" * 9 * KIB]])
    gate.open()

    assert [message[:2] for message in client.received()] == [[17, 1], [17, 2]]


def test_room_is_given_back_when_what_waits_was_worked_off() -> None:
    gate = Gate()
    realm = Realm("realm1")
    realm.permit("", match="prefix", publish=True)

    async def authorizer(session: Any, action: Any, uri: str, options: Any) -> bool:
        return bool(await gate) if uri == "a.slow" else True

    realm.set_authorizer(authorizer)
    client = World(realm, limits=Limits(max_pending_bytes=64 * KIB)).join()
    payload = ["x" * 3 * KIB]

    # Two find room behind the one that is being decided, each time anew.
    for turn in range(3):
        for number, topic in enumerate(["a.slow", "a.b", "a.c"], 3 * turn + 1):
            client.send([16, number, {"acknowledge": True}, topic, payload])
        assert client.received() == []
        gate.open(True)

        assert [message[0] for message in client.received()] == [17, 17, 17]
        gate = Gate()


def test_room_is_given_back_when_what_waits_is_cancelled() -> None:
    """REQ-RPC-081."""
    gate = Gate()
    world = world_behind(gate, max_pending_bytes=64 * KIB)
    client = world.join()
    # One is being decided, and another one waits: it would find room in any case.
    for request in (0, 1):
        client.send([16, 10 + request, {"acknowledge": True}, "a.topic"])
    large = ["x" * 7 * KIB]

    for request in (2, 3, 4):
        client.send([48, request, {}, "a.procedure", large])
        client.send([49, request, {}])

    canceled = client.received()
    assert [message[2] for message in canceled] == [2, 3, 4]
    assert {message[4] for message in canceled} == {"wamp.error.canceled"}


@pytest.mark.parametrize("asked", ["CALL", "SUBSCRIBE"])
def test_a_decision_that_is_cancelled_elsewhere_does_not_jam_the_session(
    asked: str, allow_logged_errors: object
) -> None:
    """REQ-AUTZ-004: the authorizer has failed, and the next request has its turn."""
    gate = Gate()
    world = world_behind(gate)
    client = world.join()
    kind = 48 if asked == "CALL" else 32
    client.send([kind, 1, {}, "a.b"])
    world.settle()

    gate.fail(Cancelled())
    (error,) = client.received()

    assert is_error(error, kind, 1, "wamp.error.authorization_failed")


def test_nothing_is_kept_for_a_subscription_that_is_refused() -> None:
    gate = Gate()
    topics = TopicRouteSet()

    @topics.route("com.t")
    async def undecided(topic_uri: str) -> Any:
        await gate
        if topic_uri == "com.t":
            raise SubscribeError("com.error.full")
        yield

    realm = Realm("realm1")
    realm.add_routes(topics)
    world = World(realm)
    client = world.join()
    (session,) = realm.router.sessions.values()
    client.send([32, 1, {}, "com.t"])
    realm.publish("com.t", "while it is being decided")
    (subscription,) = session.brokering.subscriptions
    assert session.holds_events(subscription)

    gate.open()
    (refused,) = client.received()

    assert is_error(refused, 32, 1, "com.error.full")
    assert not session.holds_events(subscription)


def test_an_error_that_is_named_by_no_uri_is_a_violation() -> None:
    """REQ-URI-005: ERROR.Error is a URI without empty components."""
    world = World()
    callee, caller = world.join(), world.join()
    callee.register("com.a")
    caller.send([48, 1, {}, "com.a"])
    callee.received()

    callee.send([8, 68, 1, {}, "not a uri"])

    assert is_violation(callee.received())
    (error,) = caller.received()
    assert is_error(error, 48, 1, "wamp.error.canceled")


def test_calls_given_up_count_for_as_long_as_their_handlers_run() -> None:
    """Or CALL and CANCEL with mode skip would start handlers without end."""
    api = RPCRouteSet()
    gate = Gate()

    @api.route("slow")
    async def slow() -> None:
        await gate.wait()

    realm = Realm("realm1")
    realm.add_routes(api)
    world = World(realm, limits=Limits(max_pending_calls=2))
    client = world.join()
    for request in (1, 2):
        client.send([48, request, {}, "slow"])
        client.send([49, request, {"mode": "skip"}])
    client.received()

    client.send([48, 3, {}, "slow"])

    (refused,) = client.received()
    assert is_error(refused, 48, 3, "wamp.error.unavailable")
    gate.open()
    client.received()
    client.send([48, 4, {}, "slow"])
    assert client.received() == [[50, 4, {}]]


@pytest.mark.parametrize("behind", [False, True])
def test_a_call_that_waits_for_a_decision_ends_in_its_time(behind: bool) -> None:
    """REQ-RPC-088, 089: its time begins when it is received, and it is not routed."""
    gate = Gate()
    world = world_behind(gate)
    world.realm.add_routes(answering())
    client = world.join()
    if behind:
        client.send([16, 1, {}, "a.topic"])

    client.send([48, 2, {"timeout": 1000}, "a.p"])
    client.send([16, 3, {"acknowledge": True}, "a.topic"])
    world.advance(0.9)
    assert client.received() == []
    world.advance(0.1)

    [answer] = client.received()
    assert is_error(answer, 48, 2, "wamp.error.timeout")
    gate.open()
    assert [message[:2] for message in client.received()] == [[17, 3]]
    assert len(client.session.deadlines) == 0


@pytest.mark.parametrize("reroutes", [False, True])
def test_what_a_call_has_waited_is_part_of_its_time(reroutes: bool) -> None:
    """REQ-RPC-088, 144."""
    gate, opened = Gate(), Gate()
    opened.open()
    world = world_behind(opened)
    world.realm.permit("a.", match="prefix", register=True, call=True)
    callee = world.join(*["callee.call_reroute"] * reroutes)
    callee.register("a.p", invoke="first")
    client = world.join()

    async def authorizer(*_: Any) -> bool:
        await gate.wait()
        return True

    world.realm.set_authorizer(authorizer)
    client.send([48, 1, {"timeout": 1000}, "a.p"])
    client.received()
    world.advance(0.6)
    gate.open()
    world.settle()
    assert [message[0] for message in callee.received()] == [68]
    world.advance(0.3)
    assert client.received() == []
    world.advance(0.1)

    assert is_error(client.received()[0], 48, 1, "wamp.error.timeout")
    assert len(client.session.deadlines) == 0


@pytest.mark.parametrize("outcome", ["allowed", "denied", "cancelled", "left"])
def test_no_deadline_outlives_a_call_that_has_waited(outcome: str) -> None:
    """REQ-RPC-094; REQ-SES-045."""
    gate = Gate()
    realm = Realm("realm1")
    realm.permit("", match="prefix", call=True)

    async def authorizer(*_: Any) -> bool:
        await gate.wait()
        return outcome != "denied"

    realm.set_authorizer(authorizer)
    realm.add_routes(answering())
    client = World(realm).join()
    client.send([48, 1, {"timeout": 2**53}, "a.p"])
    client.send([48, 2, {"timeout": 2**53}, "a.p"])
    client.received()
    assert len(client.session.deadlines) == 2

    if outcome == "cancelled":
        client.send([49, 1, {}])
        client.send([49, 2, {}])
    elif outcome == "left":
        client.end("connection lost")
    gate.open()

    assert len(client.received()) == (0 if outcome == "left" else 2)
    assert len(client.session.deadlines) == 0
