"""Statements of sections 5.2, 5.4 and 5.5: progress, cancelling, timeouts."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.harness import World, is_error, is_violation, pair

STOPS = "callee.call_canceling"
CANCELED = "wamp.error.canceled"


# --- Progressive results --------------------------------------------------------


def test_progress_is_passed_on_whatever_the_callee_announced() -> None:
    """REQ-RPC-036, 037, 039; PIT-26; client-notes 5."""
    caller, callee = pair()
    registration = callee.register("com.p")

    caller.send([48, 1, {"receive_progress": True}, "com.p"])
    assert callee.received() == [[68, 1, registration, {"receive_progress": True}]]
    for item in (1, 2):
        callee.send([70, 1, {"progress": True}, [item]])
    callee.send([70, 1, {"progress": False}])

    assert caller.received() == [
        [50, 1, {"progress": True}, [1]],
        [50, 1, {"progress": True}, [2]],
        [50, 1, {}],
    ]


def test_progress_that_was_not_asked_for_is_dropped() -> None:
    """REQ-RPC-038: and the call stays open."""
    caller, callee = pair()
    callee.register("com.p")
    caller.send([48, 1, {}, "com.p"])
    callee.received()

    callee.send([70, 1, {"progress": True}, [1]])
    assert caller.received() == []
    callee.send([70, 1, {}, [2]])

    assert caller.received() == [[50, 1, {}, [2]]]


def test_a_call_with_progress_may_end_in_an_error() -> None:
    """REQ-RPC-033, 034, 035."""
    caller, callee = pair()
    callee.register("com.p")
    caller.send([48, 1, {"receive_progress": True}, "com.p"])
    callee.received()

    callee.send([70, 1, {"progress": True}])
    callee.send([8, 68, 1, {}, "com.err"])

    assert caller.received() == [[50, 1, {"progress": True}], [8, 48, 1, {}, "com.err"]]


def test_dealer_announces_canceling_along_with_progress() -> None:
    """REQ-RPC-031."""
    client = World().connect()

    features = client.join()["roles"]["dealer"]["features"]

    assert features["progressive_call_results"] is True
    assert features["call_canceling"] is True


@pytest.mark.usefixtures("allow_logged_errors")
def test_progress_that_cannot_be_encoded_ends_the_call() -> None:
    """REQ-TYP-005; REQ-RPC-034."""
    world = World()
    caller, callee = world.join(serializer="msgpack"), world.join(STOPS)
    callee.register("com.p")
    caller.send([48, 1, {"receive_progress": True}, "com.p"])
    callee.received()

    callee.send([70, 1, {"progress": True}, [2**70]])

    [answer] = caller.received()
    assert is_error(answer, 48, 1, "wamp.error.invalid_payload")
    assert callee.received() == [[69, 1, {"mode": "killnowait"}]]


# --- Cancelling -----------------------------------------------------------------


@pytest.mark.parametrize("mode", ["skip", "kill", "killnowait", None])
def test_a_callee_that_cannot_be_stopped_is_left_alone(mode: str | None) -> None:
    """REQ-RPC-026, 075; PIT-13; client-notes 4."""
    caller, callee = pair()
    callee.register("com.p")
    caller.send([48, 1, {}, "com.p"])
    callee.received()

    caller.send([49, 1, {"mode": mode}])

    [answer] = caller.received()
    assert is_error(answer, 48, 1, CANCELED)
    assert callee.received() == []


def test_cancel_without_a_mode_is_killnowait() -> None:
    """REQ-RPC-076; PIT-04."""
    caller, callee = pair(STOPS)
    callee.register("com.p")
    caller.send([48, 1, {}, "com.p"])
    callee.received()

    caller.send([49, 1, {}])

    assert callee.received() == [[69, 1, {"mode": "killnowait"}]]
    [answer] = caller.received()
    assert is_error(answer, 48, 1, CANCELED)


@pytest.mark.parametrize("request_id", [1, 2])
def test_cancelling_what_is_not_in_flight_is_ignored(request_id: int) -> None:
    """REQ-RPC-077, 079; REQ-MSG-027."""
    caller, callee = pair(STOPS)
    callee.register("com.p")
    caller.send([48, 1, {}, "com.p"])
    callee.received()
    callee.send([70, 1, {}])
    caller.received()

    caller.send([49, request_id, {"mode": "kill"}])

    assert caller.received() == []
    assert callee.received() == []
    assert caller.closed is None


@pytest.mark.parametrize("mode", ["skip", "killnowait"])
def test_a_second_cancel_completes_a_call_that_was_killed(mode: str) -> None:
    """REQ-RPC-078: without a second INTERRUPT."""
    caller, callee = pair(STOPS)
    callee.register("com.p")
    caller.send([48, 1, {}, "com.p"])
    callee.received()
    caller.send([49, 1, {"mode": "kill"}])
    caller.send([49, 1, {"mode": "kill"}])
    assert callee.received() == [[69, 1, {"mode": "kill"}]]
    assert caller.received() == []

    caller.send([49, 1, {"mode": mode}])

    [answer] = caller.received()
    assert is_error(answer, 48, 1, CANCELED)
    callee.send([70, 1, {}])
    assert callee.received() == []
    assert caller.received() == []


def test_what_a_killed_callee_yields_is_still_passed_on() -> None:
    """REQ-RPC-072, 070: any error URI."""
    caller, callee = pair(STOPS)
    callee.register("com.p")
    caller.send([48, 1, {"receive_progress": True}, "com.p"])
    caller.send([49, 1, {"mode": "kill"}])

    callee.send([70, 1, {"progress": True}, [1]])
    callee.send([8, 68, 1, {}, "com.gave.up", ["so far"]])

    assert caller.received() == [
        [50, 1, {"progress": True}, [1]],
        [8, 48, 1, {}, "com.gave.up", ["so far"]],
    ]


def test_a_killed_callee_that_leaves_answers_the_call() -> None:
    """REQ-RPC-073."""
    caller, callee = pair(STOPS)
    callee.register("com.p")
    caller.send([48, 1, {}, "com.p"])
    caller.send([49, 1, {"mode": "kill"}])

    callee.lose()

    [answer] = caller.received()
    assert is_error(answer, 48, 1, CANCELED)


def test_a_killed_callee_hears_nothing_more_when_the_caller_leaves() -> None:
    """REQ-RPC-074."""
    caller, callee = pair(STOPS)
    callee.register("com.p")
    caller.send([48, 1, {}, "com.p"])
    caller.send([49, 1, {"mode": "kill"}])
    assert [message[0] for message in callee.received()] == [68, 69]

    caller.lose()
    callee.send([70, 1, {}])

    assert callee.received() == []
    assert callee.closed is None


def test_the_callee_that_has_the_call_is_interrupted() -> None:
    """REQ-RPC-082, 083."""
    world = World()
    caller, one, other = world.join(), world.join(STOPS), world.join(STOPS)
    for callee in (one, other):
        callee.register("com.p", invoke="roundrobin")
    for request in (11, 12):
        caller.send([48, request, {}, "com.p"])
    one.received()
    other.received()

    caller.send([49, 12, {"mode": "killnowait"}])

    assert one.received() == []
    assert other.received() == [[69, 1, {"mode": "killnowait"}]]


# --- Timeouts -------------------------------------------------------------------


@pytest.mark.parametrize("timeout", [0, 0.0, None])
def test_no_timeout_is_no_timeout(timeout: Any) -> None:
    """REQ-RPC-086."""
    caller, callee = pair()
    callee.register("com.p")
    caller.send([48, 1, {"timeout": timeout}, "com.p"])

    caller.world.advance(10**9)

    assert caller.received() == []


@pytest.mark.parametrize("timeout", [-1, -0.5, "1", True, [1]])
def test_a_timeout_is_a_non_negative_number(timeout: Any) -> None:
    """REQ-RPC-086; REQ-MSG-005, 007."""
    caller = World().join()

    caller.send([48, 1, {"timeout": timeout}, "com.p"])

    assert is_violation(caller.received())


def test_fractions_of_a_millisecond_are_rounded_up() -> None:
    """REQ-RPC-087; PIT-25."""
    caller, callee = pair()
    callee.register("com.p")
    caller.send([48, 1, {"timeout": 999.5}, "com.p"])

    caller.world.advance(0.9996)
    assert caller.received() == []
    caller.world.advance(0.001)

    [answer] = caller.received()
    assert is_error(answer, 48, 1, "wamp.error.timeout")


@pytest.mark.parametrize("timeout", [2**53, 2**63, 10**400])
def test_a_timeout_in_the_far_future_is_a_timeout(timeout: int) -> None:
    """REQ-RPC-086: whatever integer a client gives."""
    caller, callee = pair("callee.call_timeout")
    registration = callee.register("com.p")

    caller.send([48, 1, {"timeout": timeout}, "com.p"])

    assert callee.received() == [[68, 1, registration, {}]]
    caller.world.advance(3600)
    callee.send([70, 1, {}])
    assert caller.received() == [[50, 1, {}]]


@pytest.mark.parametrize("features", [(), (STOPS,)], ids=["cannot stop", "can stop"])
def test_when_time_is_up_only_who_can_be_stopped_is_told(
    features: tuple[str, ...],
) -> None:
    """REQ-RPC-026, 089, 090."""
    caller, callee = pair(*features)
    callee.register("com.p")
    caller.send([48, 1, {"timeout": 10}, "com.p"])
    callee.received()

    caller.world.advance(1)

    [answer] = caller.received()
    assert is_error(answer, 48, 1, "wamp.error.timeout")
    assert [message[0] for message in callee.received()] == [69] * len(features)


@pytest.mark.parametrize("finished", ["YIELD", "ERROR", "CANCEL"])
def test_an_answer_stops_the_timer(finished: str) -> None:
    """REQ-RPC-094, 027."""
    caller, callee = pair(STOPS)
    callee.register("com.p")
    caller.send([48, 1, {"timeout": 10}, "com.p"])
    if finished == "YIELD":
        callee.send([70, 1, {}])
    elif finished == "ERROR":
        callee.send([8, 68, 1, {}, "com.err"])
    else:
        caller.send([49, 1, {"mode": "skip"}])
    assert len(caller.received()) == 1
    callee.received()

    caller.world.advance(1)

    assert caller.received() == []
    assert callee.received() == []


def test_progress_restarts_the_timer() -> None:
    """REQ-RPC-043, 095."""
    caller, callee = pair()
    callee.register("com.p")
    caller.send([48, 1, {"timeout": 1000, "receive_progress": True}, "com.p"])
    for _ in range(3):
        caller.world.advance(0.9)
        callee.send([70, 1, {"progress": True}])
    assert len(caller.received()) == 3

    caller.world.advance(1.1)

    [answer] = caller.received()
    assert is_error(answer, 48, 1, "wamp.error.timeout")


@pytest.mark.parametrize(
    ("features", "options"),
    [((), {"forward_timeout": True}), (("callee.call_timeout",), {})],
)
def test_a_timeout_is_forwarded_only_where_both_say_so(
    features: tuple[str, ...], options: dict[str, Any]
) -> None:
    """REQ-RPC-091, 092; REQ-SES-021."""
    caller, callee = pair(*features)
    registration = callee.register("com.p", **options)
    caller.send([48, 1, {"timeout": 10}, "com.p"])
    assert callee.received() == [[68, 1, registration, {}]]

    caller.world.advance(1)

    [answer] = caller.received()
    assert is_error(answer, 48, 1, "wamp.error.timeout")


def test_a_timeout_that_the_callee_detects_is_an_error_like_any() -> None:
    """REQ-RPC-093; REQ-URI-013."""
    caller, callee = pair("callee.call_timeout")
    callee.register("com.p", forward_timeout=True)
    caller.send([48, 1, {"timeout": 10}, "com.p"])
    callee.received()

    callee.send([8, 68, 1, {}, "wamp.error.timeout"])

    assert caller.received() == [[8, 48, 1, {}, "wamp.error.timeout"]]
