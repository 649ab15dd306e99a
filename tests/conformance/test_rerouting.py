"""Statements of section 5.12: calls that go to another callee, and 5.9 about whom."""

from __future__ import annotations

from typing import Any

import pytest

from aiohttp_serverwamp import OPEN, Realm, RPCRouteSet
from aiohttp_serverwamp.errors import Unavailable
from tests.conformance.harness import Client, World, is_error

REROUTES = "callee.call_reroute"
UNAVAILABLE = "wamp.error.unavailable"
NOBODY = "wamp.error.no_available_callee"


class Shared:
    """A caller, and callees who share a procedure."""

    def __init__(
        self, invoke: str, count: int = 3, *features: str, world: World | None = None
    ) -> None:
        self.world = world or World()
        self.invoke = invoke
        self.caller = self.world.join(authid="joe")
        self.callees: list[Client] = []
        for _ in range(count):
            self.add(REROUTES, *features)
        self.requests = 0

    def add(self, *features: str) -> Client:
        callee = self.world.join(*features)
        callee.register("com.p", invoke=self.invoke)
        self.callees.append(callee)
        return callee

    def call(self, **options: Any) -> int:
        self.requests += 1
        self.caller.send([48, self.requests, options, "com.p", ["x"], {"k": 1}])
        return self.requests

    def asked(self) -> tuple[int, list[Any]]:
        """Return who has got the call, and what."""
        [found] = [
            (number, messages)
            for number, callee in enumerate(self.callees)
            if (messages := callee.received())
        ]
        number, [invocation] = found
        assert invocation[0] == 68
        return number, invocation

    def decline(self) -> int:
        """Let whoever has the call say that it cannot take it; return who."""
        number, invocation = self.asked()
        self.callees[number].send([8, 68, invocation[1], {}, UNAVAILABLE])
        return number


@pytest.mark.parametrize(
    ("invoke", "order"),
    [("first", [0, 1, 2]), ("last", [2, 1, 0]), ("roundrobin", [0, 1, 2])],
)
def test_a_declined_call_goes_where_the_policy_says(
    invoke: str, order: list[int]
) -> None:
    """REQ-RPC-139, 140: and to nobody twice."""
    scene = Shared(invoke)
    request = scene.call()

    assert [scene.decline() for _ in order] == order

    [answer] = scene.caller.received()
    assert is_error(answer, 48, request, NOBODY)


def test_a_declined_call_goes_to_others_at_random() -> None:
    """REQ-RPC-139, 140: not to one already tried."""
    scene = Shared("random")
    scene.call()

    assert sorted(scene.decline() for _ in range(3)) == [0, 1, 2]

    assert len(scene.caller.received()) == 1


def test_roundrobin_goes_on_behind_who_took_the_call() -> None:
    """REQ-RPC-139, 124: the next in the queue."""
    scene = Shared("roundrobin")
    scene.call()
    assert scene.decline() == 0
    assert scene.asked()[0] == 1

    scene.call()

    assert scene.asked()[0] == 2


def test_a_single_callee_that_declines_was_all_there_is() -> None:
    """REQ-RPC-139, 140."""
    scene = Shared("single", 1)
    request = scene.call()

    scene.decline()

    [answer] = scene.caller.received()
    assert is_error(answer, 48, request, NOBODY)


def test_the_next_callee_sees_the_call_as_it_was_made() -> None:
    """REQ-RPC-141, 011: under an id of its own sequence; the caller sees nothing."""
    scene = Shared("first", 2)
    other = scene.callees[1]
    other_procedure = other.register("com.own", 902)
    scene.caller.send([48, 99, {}, "com.own"])
    assert other.received() == [[68, 1, other_procedure, {}]]
    request = scene.call(receive_progress=True, disclose_me=True)
    _, first = scene.asked()

    scene.callees[0].send([8, 68, first[1], {}, UNAVAILABLE])

    number, second = scene.asked()
    assert (number, second[1]) == (1, 2)
    assert second[2:] == first[2:]
    assert first[3]["caller"] == scene.caller.id
    assert scene.caller.received() == []
    other.send([70, 2, {}, ["done"]])
    assert scene.caller.received() == [[50, request, {}, ["done"]]]


def test_who_has_declined_has_nothing_more_to_say() -> None:
    """REQ-RPC-021, 027: a second answer is a late one."""
    scene = Shared("first", 2)
    scene.call()
    scene.decline()

    scene.callees[0].send([70, 1, {}, ["after all"]])

    assert scene.caller.received() == []
    assert scene.callees[0].closed is None
    assert scene.asked()[0] == 1


@pytest.mark.parametrize("invoke", ["single", "first"])
def test_without_the_feature_unavailable_is_an_error_like_any(invoke: str) -> None:
    """REQ-RPC-142."""
    scene = Shared(invoke, 0)
    scene.add()
    if invoke == "first":
        scene.add(REROUTES)
    request = scene.call()
    _, invocation = scene.asked()

    scene.callees[0].send([8, 68, invocation[1], {}, UNAVAILABLE, ["busy"]])

    assert scene.caller.received() == [[8, 48, request, {}, UNAVAILABLE, ["busy"]]]


def test_a_callee_without_the_feature_may_be_the_next_one() -> None:
    """REQ-RPC-139, 142: what it answers is final."""
    scene = Shared("first", 1)
    scene.add()
    request = scene.call()
    scene.decline()

    scene.decline()

    assert scene.caller.received() == [[8, 48, request, {}, UNAVAILABLE]]


@pytest.mark.parametrize("error", ["wamp.error.canceled", "com.busy"])
def test_other_errors_are_final(error: str) -> None:
    """REQ-RPC-013."""
    scene = Shared("first")
    request = scene.call()
    _, invocation = scene.asked()

    scene.callees[0].send([8, 68, invocation[1], {}, error])

    assert scene.caller.received() == [[8, 48, request, {}, error]]


def test_after_progress_a_call_is_not_passed_on() -> None:
    """REQ-RPC-143."""
    scene = Shared("first")
    request = scene.call(receive_progress=True)
    scene.callees[0].send([70, 1, {"progress": True}, [1]])

    scene.decline()

    assert scene.caller.received() == [
        [50, request, {"progress": True}, [1]],
        [8, 48, request, {}, UNAVAILABLE],
    ]


def test_after_the_first_chunk_a_call_is_not_passed_on() -> None:
    """REQ-RPC-143."""
    scene = Shared("first")
    request = scene.call(progress=True)
    assert scene.asked()[0] == 0
    scene.caller.send([48, request, {"progress": True}, "com.p"])

    scene.decline()

    assert scene.caller.received() == [[8, 48, request, {}, UNAVAILABLE]]


def test_a_call_passed_on_with_its_first_chunk_gets_the_others_there() -> None:
    """REQ-RPC-143, 051."""
    scene = Shared("first")
    request = scene.call(progress=True)
    scene.decline()
    number, first = scene.asked()

    scene.caller.send([48, request, {}, "com.p", ["last"]])

    assert number == 1
    assert first[3] == {"progress": True}
    assert scene.callees[1].received() == [[68, 1, first[2], {}, ["last"]]]


def test_a_killed_call_is_not_passed_on() -> None:
    """REQ-RPC-070: its callee's answer is what the caller gets."""
    scene = Shared("first", 2, "callee.call_canceling")
    request = scene.call()
    scene.asked()
    scene.caller.send([49, request, {"mode": "kill"}])
    scene.callees[0].received()

    scene.callees[0].send([8, 68, 1, {}, UNAVAILABLE])

    assert scene.caller.received() == [[8, 48, request, {}, UNAVAILABLE]]


def test_who_has_the_call_now_is_interrupted() -> None:
    """REQ-RPC-082."""
    scene = Shared("first", 2, "callee.call_canceling")
    request = scene.call()
    scene.decline()
    scene.asked()

    scene.caller.send([49, request, {"mode": "killnowait"}])

    assert scene.callees[0].received() == []
    assert scene.callees[1].received() == [[69, 1, {"mode": "killnowait"}]]


def test_the_timeout_keeps_running() -> None:
    """REQ-RPC-144."""
    scene = Shared("first", 2)
    request = scene.call(timeout=1000)
    scene.world.advance(0.9)
    scene.decline()
    scene.asked()

    scene.world.advance(0.1)

    [answer] = scene.caller.received()
    assert is_error(answer, 48, request, "wamp.error.timeout")


def test_a_timeout_that_was_forwarded_keeps_running() -> None:
    """REQ-RPC-144, 091: the next callee would not know of it."""
    scene = Shared("first", 0)
    forwarding = scene.world.join(REROUTES, "callee.call_timeout")
    forwarding.register("com.p", invoke="first", forward_timeout=True)
    scene.callees.append(forwarding)
    scene.add(REROUTES)
    request = scene.call(timeout=1000)
    scene.world.advance(0.9)
    scene.decline()
    assert scene.asked()[1][3] == {}

    scene.world.advance(0.1)

    [answer] = scene.caller.received()
    assert is_error(answer, 48, request, "wamp.error.timeout")


def test_callees_that_have_left_are_passed_over() -> None:
    """REQ-RPC-140, 127."""
    scene = Shared("roundrobin")
    request = scene.call()
    scene.callees[1].lose()

    assert scene.decline() == 0
    assert scene.decline() == 2

    [answer] = scene.caller.received()
    assert is_error(answer, 48, request, NOBODY)


def test_a_callee_whose_serializer_cannot_carry_the_call_is_passed_over() -> None:
    """REQ-RPC-140; REQ-TYP-005; REQ-ID-005: and its sequence has no gap."""
    scene = Shared("first", 1)
    callee = scene.world.join(REROUTES, serializer="msgpack")
    callee.register("com.p", invoke="first")
    scene.add(REROUTES)
    scene.caller.send([48, 50, {}, "com.p", [2**70]])

    scene.callees[0].send([8, 68, 1, {}, UNAVAILABLE])
    scene.callees[0].received()

    assert callee.received() == []
    assert scene.asked()[0] == 1
    own = callee.register("com.own", 903)
    scene.caller.send([48, 51, {}, "com.own"])
    assert callee.received() == [[68, 1, own, {}]]


def test_in_a_strict_realm_only_callees_that_can_take_it_are_asked() -> None:
    """REQ-RPC-140, 047."""
    world = World(Realm("realm1", permissions=OPEN, strict_features=True))
    takes = ("callee.payload_passthru_mode",)
    scene = Shared("first", 1, *takes, world=world)
    scene.add(REROUTES)
    scene.add(REROUTES, *takes)
    caller = world.join("caller.payload_passthru_mode", serializer="msgpack")
    caller.send([48, 1, {"ppt_scheme": "x_mine"}, "com.p", [b"\1"]])

    assert scene.decline() == 0

    assert scene.asked()[0] == 2


def test_hosted_code_takes_part_where_it_shares_a_procedure() -> None:
    """REQ-EMB-004, 012; REQ-RPC-139, 142: alone, it means what it says."""
    api = RPCRouteSet()

    async def busy() -> None:
        raise Unavailable("not now")

    api.route("com.p", invoke="first")(busy)
    api.route("com.alone")(busy)
    realm = Realm("realm1", permissions=OPEN)
    realm.add_routes(api)
    world = World(realm)
    caller, callee = world.join(), world.join()
    registration = callee.register("com.p", invoke="first")

    caller.send([48, 1, {}, "com.p"])
    assert callee.received() == [[68, 1, registration, {}]]
    callee.send([70, 1, {}, ["theirs"]])
    caller.send([48, 2, {}, "com.alone"])

    assert caller.received() == [
        [50, 1, {}, ["theirs"]],
        [8, 48, 2, {}, UNAVAILABLE, ["not now"]],
    ]
    assert caller.session.dealing.running == 0


# --- Round robin ----------------------------------------------------------------


@pytest.mark.parametrize("calls", range(7))
@pytest.mark.parametrize("leaver", range(3))
@pytest.mark.parametrize("how", ["UNREGISTER", "leaves"])
def test_who_remains_keeps_its_turn(calls: int, leaver: int, how: str) -> None:
    """REQ-RPC-123, 124, 127."""
    scene = Shared("roundrobin")
    turns = []
    for _ in range(calls):
        scene.call()
        turns.append(scene.asked()[0])
    gone = scene.callees[leaver]
    if how == "leaves":
        gone.lose()
    else:
        [registration] = gone.session.dealing.registrations
        gone.request([66, 5, registration])
    expected = [number % 3 for number in range(calls)]
    after = [number % 3 for number in range(calls, calls + 9)]
    expected += [number for number in after if number != leaver][:4]

    for _ in range(4):
        scene.call()
        turns.append(scene.asked()[0])

    assert turns == expected
