"""Statements of section 5.3: calls whose arguments come in chunks."""

from __future__ import annotations

from typing import Any

import pytest

from aiohttp_serverwamp import OPEN, Limits, Realm
from tests.conformance.harness import (
    ENDINGS,
    Client,
    Gate,
    World,
    is_error,
    is_violation,
    pair,
)

STOPS = "callee.call_canceling"
TAKES = "callee.progressive_call_invocations"
RESULTS = "callee.progressive_call_results"
SENDS = "caller.progressive_call_invocations"
CANCELED = "wamp.error.canceled"
NOT_SUPPORTED = "wamp.error.feature_not_supported"

MORE = {"progress": True}


def begun(*features: str) -> tuple[Client, Client, int]:
    """Return caller and callee, and a registration of which a first chunk has come."""
    caller, callee = pair(*(features or (STOPS, TAKES)))
    registration = callee.register("com.p")
    caller.send([48, 1, MORE, "com.p", [1]])
    assert callee.received() == [[68, 1, registration, MORE, [1]]]
    return caller, callee, registration


def strict_world() -> World:
    return World(Realm("realm1", permissions=OPEN, strict_features=True))


# --- Who may use it -------------------------------------------------------------


def test_dealer_announces_canceling_along_with_chunks() -> None:
    """REQ-RPC-046, 048."""
    features = World().connect().join()["roles"]["dealer"]["features"]

    assert features["progressive_call_invocations"] is True
    assert features["call_canceling"] is True


def test_by_default_nobody_is_held_to_announcements() -> None:
    """PIT-33; client-notes 5: wampy announces nothing, and uses it all."""
    caller, callee, registration = begun("callee.shared_registration")

    caller.send([48, 1, {}, "com.p", [2]])
    callee.send([70, 1, {}])

    assert callee.received() == [[68, 1, registration, {}, [2]]]
    assert caller.received() == [[50, 1, {}]]


def test_who_announces_only_progressive_results_is_not_sent_chunks() -> None:
    """REQ-RPC-047: Autobahn|Python would fail its connection on the second one."""
    caller, callee = pair(STOPS, RESULTS)
    registration = callee.register("com.p")

    caller.send([48, 1, MORE, "com.p"])

    [answer] = caller.received()
    assert is_error(answer, 48, 1, NOT_SUPPORTED)
    caller.send([48, 1, {}, "com.p"])  # its last chunk, which was under way
    caller.send([48, 2, {}, "com.p"])
    assert callee.received() == [[68, 1, registration, {}]]


def test_a_strict_realm_ends_a_caller_that_did_not_announce_it() -> None:
    """REQ-RPC-045; PIT-33."""
    world = strict_world()
    caller, callee = world.join(), world.join(STOPS, TAKES)
    callee.register("com.p")

    caller.send([48, 1, MORE, "com.p"])

    assert is_violation(caller.received())
    assert callee.received() == []


@pytest.mark.parametrize(
    ("features", "supported"),
    [((), False), ((STOPS,), False), ((TAKES,), False), ((STOPS, TAKES), True)],
)
def test_in_a_strict_realm_the_callee_must_have_announced_it(
    features: tuple[str, ...], supported: bool
) -> None:
    """REQ-RPC-047: along with call_canceling."""
    world = strict_world()
    caller, callee = world.join(SENDS), world.join(*features)
    callee.register("com.p")

    caller.send([48, 1, MORE, "com.p"])

    if supported:
        assert len(callee.received()) == 1
        assert caller.received() == []
    else:
        [answer] = caller.received()
        assert is_error(answer, 48, 1, NOT_SUPPORTED)
        caller.send([48, 1, {}, "com.p"])  # its last chunk, which was under way
        assert callee.received() == []
        assert caller.received() == []


@pytest.mark.parametrize(
    ("features", "told"),
    [((), False), ((RESULTS,), False), ((STOPS,), False), ((RESULTS, STOPS), True)],
)
def test_in_a_strict_realm_progress_is_asked_of_those_who_announced_it(
    features: tuple[str, ...], told: bool
) -> None:
    """REQ-RPC-029, 030, 039: what comes without is passed on all the same."""
    world = strict_world()
    caller, callee = world.join(), world.join(*features)
    registration = callee.register("com.p")

    caller.send([48, 1, {"receive_progress": True}, "com.p"])
    callee.send([70, 1, MORE, [1]])

    details = {"receive_progress": True} if told else {}
    assert callee.received() == [[68, 1, registration, details]]
    assert caller.received() == [[50, 1, MORE, [1]]]


# --- Chunks ---------------------------------------------------------------------


def test_chunks_go_out_under_one_invocation_id_in_their_order() -> None:
    """REQ-RPC-049, 050, 016: the last one without the flag."""
    caller, callee, registration = begun()

    caller.send([48, 1, MORE, "com.p", [2], {"k": 2}])
    caller.send([48, 1, {"progress": True}, "com.p"])
    caller.send([48, 1, {"progress": False}, "com.p", [4]])

    assert callee.received() == [
        [68, 1, registration, MORE, [2], {"k": 2}],
        [68, 1, registration, MORE],
        [68, 1, registration, {}, [4]],
    ]
    assert caller.received() == []
    callee.send([70, 1, {}, ["done"]])
    assert caller.received() == [[50, 1, {}, ["done"]]]


@pytest.mark.parametrize("invoke", ["roundrobin", "random", "last"])
def test_all_chunks_go_to_the_callee_of_the_first(invoke: str) -> None:
    """REQ-RPC-051: even when a later callee would be the next one."""
    world = World()
    caller = world.join()
    callees = [world.join(), world.join()]
    for callee in callees:
        callee.register("com.p", invoke=invoke)
    caller.send([48, 1, MORE, "com.p"])
    [first] = [callee for callee in callees if callee.received()]
    world.join().register("com.p", invoke=invoke)

    for _ in range(5):
        caller.send([48, 1, MORE, "com.p"])

    assert len(first.received()) == 5


def test_chunks_reach_a_callee_that_has_unregistered() -> None:
    """REQ-RPC-008, 051: the invocation is an outstanding one."""
    caller, callee, registration = begun()
    callee.request([66, 5, registration])

    caller.send([48, 1, {}, "com.p", [2]])
    callee.send([70, 1, {}])

    assert callee.received() == [[68, 1, registration, {}, [2]]]
    assert caller.received() == [[50, 1, {}]]


def test_options_are_those_of_the_first_chunk() -> None:
    """REQ-RPC-052, 053: whatever the later ones say."""
    world = World()
    caller = world.join(authid="joe")
    callee = world.join(STOPS, "callee.call_timeout")
    registration = callee.register("com.", match="prefix", forward_timeout=True)
    details = {
        "procedure": "com.p",
        "receive_progress": True,
        "timeout": 5000,
        "ppt_scheme": "x_mine",
        "ppt_keyid": "one",
    }
    first = {key: details[key] for key in details if key != "procedure"}

    caller.send([48, 1, {**first, "progress": True, "_mine": 1}, "com.p", [1]])
    later = {"timeout": 7, "disclose_me": True, "receive_progress": False}
    more = {"ppt_scheme": "x_other", "ppt_cipher": "new", "rkey": "r", "runmode": "x"}
    caller.send([48, 1, {**later, **more, "progress": True}, "com.p", [2]])
    caller.send([48, 1, {"_mine": 2}, "com.p", [3]])

    assert callee.received() == [
        [68, 1, registration, {**details, "progress": True}, [1]],
        [68, 1, registration, {**details, "progress": True}, [2]],
        [68, 1, registration, details, [3]],
    ]


def test_results_and_chunks_need_not_alternate() -> None:
    """REQ-RPC-054, 055: and the callee may end the call in the middle."""
    caller, callee = pair(STOPS, TAKES)
    callee.register("com.p")
    caller.send([48, 1, {"progress": True, "receive_progress": True}, "com.p"])
    callee.send([70, 1, MORE, ["a"]])
    callee.send([70, 1, MORE, ["b"]])
    caller.send([48, 1, MORE, "com.p"])
    caller.send([48, 1, MORE, "com.p"])
    callee.send([70, 1, MORE, ["c"]])
    callee.send([70, 1, {}, ["enough"]])

    assert [message[3] for message in caller.received()] == [
        ["a"],
        ["b"],
        ["c"],
        ["enough"],
    ]


@pytest.mark.parametrize(
    "ended", ["YIELD", "ERROR", "CANCEL", "timeout", "callee left", "refused"]
)
def test_a_chunk_of_a_call_that_has_ended_is_discarded(ended: str) -> None:
    """REQ-RPC-056, 061, 066, 077, 027: without a reply, up to the last one."""
    world = World()
    caller, callee = world.join(), world.join(STOPS, TAKES)
    if ended != "refused":
        callee.register("com.p")
    caller.send([48, 1, {"progress": True, "timeout": 100}, "com.p"])
    if ended == "YIELD":
        callee.send([70, 1, {}])
    elif ended == "ERROR":
        callee.send([8, 68, 1, {}, "com.err"])
    elif ended == "CANCEL":
        caller.send([49, 1, {"mode": "skip"}])
    elif ended == "timeout":
        world.advance(1)
    elif ended == "callee left":
        callee.lose()
        callee = world.join()
        callee.register("com.p")
    assert len(caller.received()) == 1, "one final answer"
    callee.received()

    for options in (MORE, MORE, {}):
        caller.send([48, 1, options, "com.p"])

    assert caller.received() == []
    assert callee.received() == []
    assert caller.closed is None
    if ended != "refused":
        # All of it has come now: the id may be used for another call (PIT-01).
        caller.send([48, 1, {}, "com.p"])
        assert [message[0] for message in callee.received()] == [68]


def test_a_kill_stops_the_chunks_and_not_the_answer() -> None:
    """REQ-RPC-066, 069, 071."""
    caller, callee, _ = begun()

    caller.send([49, 1, {"mode": "kill"}])
    caller.send([48, 1, MORE, "com.p", [2]])
    caller.send([48, 1, {}, "com.p", [3]])
    callee.send([70, 1, {}, ["so far"]])

    assert callee.received() == [[69, 1, {"mode": "kill"}]]
    assert caller.received() == [[50, 1, {}, ["so far"]]]


@pytest.mark.parametrize("how", ENDINGS)
def test_a_caller_that_leaves_between_chunks_interrupts(how: str) -> None:
    """REQ-RPC-065."""
    caller, callee, _ = begun()

    caller.end(how)

    assert callee.received() == [[69, 1, {"mode": "killnowait"}]]
    callee.send([70, 1, {}])
    assert callee.closed is None


@pytest.mark.parametrize("how", ENDINGS)
def test_a_callee_that_leaves_between_chunks_is_told(how: str) -> None:
    """REQ-RPC-065."""
    caller, callee, _ = begun()

    callee.end(how)

    [answer] = caller.received()
    assert is_error(answer, 48, 1, CANCELED)


def test_the_timeout_runs_from_the_first_chunk_on() -> None:
    """REQ-RPC-088, 089, 052."""
    caller, callee = pair(STOPS, TAKES)
    callee.register("com.p")
    caller.send([48, 1, {"progress": True, "timeout": 1000}, "com.p"])
    caller.world.advance(0.9)
    caller.send([48, 1, {"progress": True, "timeout": 1000}, "com.p"])
    assert caller.received() == []

    caller.world.advance(0.1)

    [answer] = caller.received()
    assert is_error(answer, 48, 1, "wamp.error.timeout")
    assert callee.received()[-1] == [69, 1, {"mode": "killnowait"}]


@pytest.mark.usefixtures("allow_logged_errors")
def test_a_chunk_that_cannot_be_encoded_ends_the_call() -> None:
    """REQ-TYP-005; REQ-RPC-034: a gap in the chunks would be worse."""
    world = World()
    caller, callee = world.join(), world.join(STOPS, serializer="msgpack")
    callee.register("com.p")
    caller.send([48, 1, MORE, "com.p"])
    callee.received()

    caller.send([48, 1, MORE, "com.p", [2**70]])
    caller.send([48, 1, {}, "com.p", [3]])

    [answer] = caller.received()
    assert is_error(answer, 48, 1, "wamp.error.invalid_payload")
    assert callee.received() == [[69, 1, {"mode": "killnowait"}]]


def test_a_first_chunk_that_cannot_be_encoded_uses_up_no_invocation_id() -> None:
    """REQ-ID-005; REQ-RPC-056."""
    caller, callee = pair(serializer="msgpack")
    registration = callee.register("com.p")

    answer = caller.request([48, 1, MORE, "com.p", [2**70]])
    caller.send([48, 1, {}, "com.p"])
    caller.send([48, 2, {}, "com.p"])

    assert is_error(answer, 48, 1, "wamp.error.invalid_payload")
    assert caller.received() == []
    assert callee.received() == [[68, 1, registration, {}]]


def test_a_session_may_send_chunks_to_itself() -> None:
    """REQ-RPC-015, 049."""
    client = World().join(STOPS)
    registration = client.register("com.p")

    for options in (MORE, MORE, {}):
        client.send([48, 1, options, "com.p"])
    client.send([70, 1, {}])

    assert client.received() == [
        [68, 1, registration, MORE],
        [68, 1, registration, MORE],
        [68, 1, registration, {}],
        [50, 1, {}],
    ]


# --- Whose chunk it is ----------------------------------------------------------


@pytest.mark.parametrize("options", [MORE, {}])
def test_a_call_that_is_not_progressive_has_no_chunks(options: dict[str, Any]) -> None:
    """REQ-RPC-060; REQ-ID-008."""
    caller, callee = pair()
    callee.register("com.p")
    caller.send([48, 1, {}, "com.p"])

    caller.send([48, 1, options, "com.p"])

    assert is_violation(caller.received())


@pytest.mark.parametrize("options", [MORE, {}])
def test_a_chunk_for_another_procedure_is_discarded(options: dict[str, Any]) -> None:
    """REQ-RPC-059, 062."""
    caller, callee, registration = begun()
    callee.register("com.q", 902)

    caller.send([48, 1, options, "com.q"])
    assert callee.received() == []
    caller.send([48, 1, {}, "com.p"])

    assert callee.received() == [[68, 1, registration, {}]]
    assert caller.received() == []


@pytest.mark.parametrize("options", [MORE, {}])
def test_a_chunk_after_the_last_one_is_discarded(options: dict[str, Any]) -> None:
    """REQ-RPC-063."""
    caller, callee, _ = begun()
    caller.send([48, 1, {}, "com.p"])
    callee.received()

    caller.send([48, 1, options, "com.p"])

    assert callee.received() == []
    assert caller.received() == []
    callee.send([70, 1, {}])
    assert caller.received() == [[50, 1, {}]]


def strictly_begun() -> tuple[Client, Client]:
    world = World(strict_request_ids=True)
    caller, callee = world.join(), world.join()
    callee.register("com.p", 1)
    callee.register("com.q", 2)
    caller.send([48, 1, MORE, "com.p"])
    callee.received()
    return caller, callee


def test_with_strict_ids_chunks_stand_beside_the_count() -> None:
    """REQ-RPC-057, 058, 059; PIT-03: requests of all kinds are counted."""
    caller, callee = strictly_begun()

    caller.send([16, 2, {}, "com.t"])
    caller.send([48, 1, MORE, "com.p"])
    caller.send([48, 3, {}, "com.p"])
    caller.send([48, 1, {}, "com.p"])
    caller.subscribe("com.t", 4)

    assert [message[1] for message in callee.received()] == [1, 2, 1]
    assert caller.closed is None


@pytest.mark.parametrize(
    "messages",
    [
        pytest.param([[48, 3, {}, "com.p"]], id="a gap"),
        pytest.param([[48, 2, {}, "com.p"], [48, 2, {}, "com.p"]], id="no chunks"),
        pytest.param([[48, 1, {}, "com.q"]], id="another procedure"),
        pytest.param([[48, 1, {}, "com.p"], [48, 1, {}, "com.p"]], id="after the last"),
        pytest.param([[48, 1, {}, "com.p"], [48, 1, MORE, "com.p"]], id="and more"),
        pytest.param([[16, 2, {}, "com.t"], [48, 2, MORE, "com.p"]], id="a PUBLISH"),
        pytest.param([[16, 1, {}, "com.t"]], id="no CALL"),
    ],
)
def test_with_strict_ids_what_goes_on_with_nothing_is_a_violation(
    messages: list[Any],
) -> None:
    """REQ-RPC-057, 060, 061, 062, 063; REQ-ID-008, 009."""
    caller, _ = strictly_begun()

    for message in messages[:-1]:
        caller.send(message)
    assert caller.received() == []
    caller.send(messages[-1])

    assert is_violation(caller.received())


def test_with_strict_ids_a_chunk_may_cross_the_answer() -> None:
    """REQ-RPC-056, 061: those are the recently completed calls."""
    caller, callee = strictly_begun()
    callee.send([70, 1, {}])
    assert caller.received() == [[50, 1, {}]]

    caller.send([48, 1, MORE, "com.p"])
    caller.send([48, 1, {}, "com.p"])
    assert caller.received() == []
    assert callee.received() == []
    caller.send([48, 1, {}, "com.p"])

    assert is_violation(caller.received())


def test_only_so_many_unfinished_calls_are_remembered() -> None:
    """REQ-RPC-061: the oldest are forgotten first."""
    caller = World().join()
    for request in range(1, 1_102):
        caller.send([48, request, MORE, "com.none"])
    assert len(caller.received()) == 1_101

    caller.send([48, 1_101, MORE, "com.none"])
    assert caller.received() == []
    caller.send([48, 1, MORE, "com.none"])

    [answer] = caller.received()
    assert is_error(answer, 48, 1, "wamp.error.no_such_procedure")
    assert len(caller.session.dealing.unfinished) <= 1_000


# --- Waiting for a decision -----------------------------------------------------


class Deciding:
    """A caller whose first chunk waits for the authorizer, and more behind it."""

    def __init__(self, **options: Any) -> None:
        realm = Realm("realm1", permissions=OPEN)
        self.asked: list[str] = []
        self.gate = Gate()
        self.world = World(realm, **options)
        self.callee = self.world.join(STOPS)
        self.registration = self.callee.register("com.p")
        realm.set_authorizer(self.decide)
        self.caller = self.world.join()

    async def decide(self, session: Any, action: str, uri: str, options: Any) -> Any:
        self.asked.append(uri)
        return await self.gate

    def send(self, *chunks: tuple[dict[str, Any], int]) -> None:
        for options, number in chunks:
            self.caller.send([48, 1, options, "com.p", [number]])
        self.world.settle()


def test_chunks_wait_for_the_decision_about_the_first_in_their_order() -> None:
    """REQ-RPC-064, 017: nobody is asked about the others."""
    scene = Deciding()
    scene.send((MORE, 1), (MORE, 2), ({}, 3))
    assert scene.callee.received() == []

    scene.gate.open(True)

    assert [message[4] for message in scene.callee.received()] == [[1], [2], [3]]
    assert scene.asked == ["com.p"]


def test_chunks_of_a_call_that_is_denied_are_discarded() -> None:
    """REQ-RPC-064, 056; REQ-MSG-025: one ERROR for all of them."""
    scene = Deciding()
    scene.send((MORE, 1), (MORE, 2))

    scene.gate.open(False)

    [answer] = scene.caller.received()
    assert is_error(answer, 48, 1, "wamp.error.not_authorized")
    scene.send(({}, 3))
    assert scene.caller.received() == []
    assert scene.callee.received() == []
    assert scene.asked == ["com.p"]


@pytest.mark.parametrize("mode", ["skip", "kill", "killnowait"])
def test_a_call_that_waits_is_cancelled_with_its_chunks(mode: str) -> None:
    """REQ-RPC-081, 066: at once, and no INVOCATION is ever sent."""
    scene = Deciding()
    scene.send((MORE, 1), (MORE, 2))

    scene.caller.send([49, 1, {"mode": mode}])

    [answer] = scene.caller.received()
    assert is_error(answer, 48, 1, CANCELED)
    scene.gate.open(True)
    scene.send((MORE, 3), ({}, 4))
    assert scene.caller.received() == []
    assert scene.callee.received() == []


def test_a_call_in_a_queue_is_cancelled_with_its_chunks() -> None:
    """REQ-RPC-081: it waits behind another one."""
    scene = Deciding()
    scene.caller.send([48, 7, {}, "com.p"])
    scene.send((MORE, 1), (MORE, 2), ({}, 3))

    scene.caller.send([49, 1, {}])

    [answer] = scene.caller.received()
    assert is_error(answer, 48, 1, CANCELED)
    scene.gate.open(True)
    assert scene.callee.received() == [[68, 1, scene.registration, {}]]


def test_cancelling_a_call_whose_chunk_waits_is_cancelling_the_call() -> None:
    """REQ-RPC-066, 069: the chunk is discarded when its turn comes."""
    scene = Deciding()
    scene.send((MORE, 1))
    scene.gate.open(True)
    assert len(scene.callee.received()) == 1
    scene.gate = Gate()
    scene.caller.send([16, 8, {}, "com.t"])
    scene.send((MORE, 2))

    scene.caller.send([49, 1, {"mode": "kill"}])

    assert scene.callee.received() == [[69, 1, {"mode": "kill"}]]
    scene.gate.open(True)
    assert scene.callee.received() == []
    scene.callee.send([8, 68, 1, {}, CANCELED])
    assert scene.caller.received() == [[8, 48, 1, {}, CANCELED]]


def test_a_chunk_that_finds_no_room_takes_its_call_along() -> None:
    """REQ-RPC-034, REQ-MSG-025: one answer, whether the call was routed or not."""
    limits = Limits(max_pending_calls=1)
    waiting, routed = Deciding(limits=limits), Deciding(limits=limits)
    waiting.send((MORE, 1), (MORE, 2), (MORE, 3))
    [answer] = waiting.caller.received()
    assert is_error(answer, 48, 1, "wamp.error.unavailable")
    waiting.gate.open(True)
    assert waiting.callee.received() == []
    waiting.send(({}, 4))
    assert waiting.caller.received() == []

    routed.send((MORE, 1))
    routed.gate.open(True)
    routed.callee.received()
    routed.gate = Gate()
    routed.caller.send([16, 8, {}, "com.t"])
    routed.send((MORE, 2), (MORE, 3))

    [answer] = routed.caller.received()
    assert is_error(answer, 48, 1, "wamp.error.unavailable")
    assert routed.callee.received() == [[69, 1, {"mode": "killnowait"}]]
    routed.gate.open(True)
    assert routed.callee.received() == []


def test_one_request_after_another_does_not_hold_up_chunks() -> None:
    """REQ-RPC-049: with `synchronize_requests` the call is made when all have come."""
    world = World(synchronize_requests=True)
    caller, callee = world.join(), world.join()
    callee.register("com.p")
    for options in (MORE, MORE, {}):
        caller.send([48, 1, options, "com.p"])
    caller.send([48, 2, {}, "com.p"])
    assert [message[1] for message in callee.received()] == [1, 1, 1]

    callee.send([70, 1, {}])

    assert [message[1] for message in callee.received()] == [2]


def test_an_answered_call_is_not_answered_again_for_a_chunk_that_waits() -> None:
    """REQ-RPC-027, 056, 077: neither by CANCEL nor because there is no more room."""
    realm = Realm("realm1", permissions=OPEN)
    gate = Gate()

    async def authorizer(session: Any, action: str, uri: str, options: Any) -> bool:
        if uri == "com.slow":
            await gate
        return True

    realm.set_authorizer(authorizer)
    world = World(realm, limits=Limits(max_pending_calls=2))
    callee, caller = world.join(), world.join()
    callee.register("com.p")
    caller.send([48, 1, MORE, "com.p", [1]])
    caller.received()
    caller.send([16, 2, {}, "com.slow"])
    caller.send([48, 1, MORE, "com.p", [2]])
    caller.send([16, 3, {}, "com.t"])

    callee.send([70, 1, {}, ["done"]])
    assert caller.received() == [[50, 1, {}, ["done"]]]
    caller.send([48, 1, MORE, "com.p", [3]])
    caller.send([49, 1, {}])
    assert caller.received() == []
    gate.open()

    assert caller.received() == []
    assert len(callee.received()) == 1
