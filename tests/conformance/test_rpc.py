"""Statements of section 5.1, 5.6 and 3.1: registering, calling, identities."""

from __future__ import annotations

from typing import Any

import pytest

from aiohttp_serverwamp import OPEN, Realm
from tests.conformance.harness import (
    ENDINGS,
    Client,
    World,
    is_error,
    is_violation,
    pair,
)

STOPS = "callee.call_canceling"
CANCELED = "wamp.error.canceled"


# --- Registering ----------------------------------------------------------------


def test_the_key_of_a_registration_is_its_uri_and_its_match_policy() -> None:
    """REQ-RPC-003, 001."""
    callee = World().join()

    ids = {
        callee.register("com.a", match=match)
        for match in ("exact", "prefix", "wildcard")
    }

    assert len(ids) == 3


@pytest.mark.parametrize(
    ("procedure", "match"),
    [
        ("a..b", "exact"),
        ("a.", "exact"),
        ("", "exact"),
        ("a..b", "prefix"),
        ("a b", "wildcard"),
        ("a#", "prefix"),
        ("a\n", "exact"),
        ("wamp", "exact"),
        ("wamp.x", "exact"),
        ("wamp.", "prefix"),
        ("wamp..x", "wildcard"),
    ],
)
def test_malformed_and_reserved_procedures_are_not_registered(
    procedure: str, match: str
) -> None:
    """REQ-RPC-004; REQ-URI-004, 006, 007, 010."""
    callee = World().join()

    answer = callee.request([64, 1, {"match": match}, procedure])

    assert is_error(answer, 64, 1, "wamp.error.invalid_uri")
    callee.register("com.still.here")


@pytest.mark.parametrize(
    ("procedure", "match"),
    [("", "prefix"), ("a.", "prefix"), ("", "wildcard"), (".", "wildcard")],
)
def test_catch_all_patterns_are_well_formed(procedure: str, match: str) -> None:
    """REQ-URI-006, PIT-45."""
    World().join().register(procedure, match=match)


def test_uris_are_compared_code_point_by_code_point() -> None:
    """REQ-URI-014."""
    caller, callee = pair()
    for number, procedure in enumerate(("com.A", "com.a", "com.\u00e9", "com.e\u0301")):
        callee.register(procedure, number + 1)

    assert is_error(
        caller.request([48, 1, {}, "COM.a"]), 48, 1, "wamp.error.no_such_procedure"
    )


def test_nothing_is_invoked_after_unregistered() -> None:
    """REQ-RPC-005, 007, 008: but what was invoked before is still answered."""
    caller, callee = pair()
    registration = callee.register("com.p")
    caller.send([48, 1, {}, "com.p"])
    assert callee.received() == [[68, 1, registration, {}]]

    assert callee.request([66, 5, registration]) == [67, 5]

    answer = caller.request([48, 2, {}, "com.p"])
    assert is_error(answer, 48, 2, "wamp.error.no_such_procedure")
    assert callee.received() == []
    callee.send([70, 1, {}, ["in time"]])
    assert caller.received() == [[50, 1, {}, ["in time"]]]


def test_a_procedure_registered_again_gets_a_new_id() -> None:
    """REQ-RPC-001, 128."""
    callee = World().join()
    first = callee.register("com.p", invoke="roundrobin")
    callee.request([66, 5, first])

    assert callee.register("com.p", invoke="random") != first


def test_each_of_several_registers_has_its_answer() -> None:
    """REQ-RPC-019, 001, 002: whichever comes first."""
    callee = World().join()
    for request, procedure in enumerate(["com.a", "com.a", "com.b"], 1):
        callee.send([64, request, {}, procedure])

    answers = callee.received()

    by_request = {answer[2 if answer[0] == 8 else 1]: answer for answer in answers}
    assert {request: answer[0] for request, answer in by_request.items()} == {
        1: 65,
        2: 8,
        3: 65,
    }


def test_registered_comes_before_the_first_invocation() -> None:
    """REQ-RPC-018: seen from a callee that calls itself in one burst."""
    callee = World().join()

    callee.send([64, 1, {}, "com.p"])
    callee.send([48, 2, {}, "com.p"])

    assert [message[0] for message in callee.received()] == [65, 68]


# --- Calling --------------------------------------------------------------------


@pytest.mark.parametrize("procedure", ["a..b", "a.", "", ".", "a b", "a.b\n", "#"])
def test_what_is_called_is_a_full_uri(procedure: str) -> None:
    """REQ-RPC-010; REQ-URI-001, 005, 007: pattern registrations change nothing."""
    caller, callee = pair()
    callee.register("", match="prefix")
    callee.register("a.", match="wildcard")

    answer = caller.request([48, 1, {}, procedure])

    assert is_error(answer, 48, 1, "wamp.error.invalid_uri")


@pytest.mark.parametrize(
    "payload",
    [
        [],
        [[1]],
        [[], {"k": None}],
        [[None, -1, 1.5, 2**60, "é\u2028", {"a": [{}]}], {"k": [True]}],
    ],
)
def test_arguments_and_results_pass_unchanged(payload: list[Any]) -> None:
    """REQ-RPC-011, 012, 013; REQ-MSG-017, 018, 019, 021; REQ-TYP-003."""
    caller, callee = pair(serializer="msgpack")
    registration = callee.register("com.p")

    caller.send([48, 1, {}, "com.p", *payload])
    assert callee.received() == [[68, 1, registration, {}, *payload]]
    callee.send([70, 1, {}, *payload])
    assert caller.received() == [[50, 1, {}, *payload]]
    caller.send([48, 2, {}, "com.p"])
    assert callee.received() == [[68, 2, registration, {}]]
    callee.send([8, 68, 2, {}, "com.err", *payload])
    assert caller.received() == [[8, 48, 2, {}, "com.err", *payload]]


def test_null_and_empty_payloads_are_not_sent_on() -> None:
    """REQ-MSG-012, 018, 020, 021."""
    caller, callee = pair()
    registration = callee.register("com.p")

    caller.send([48, 1, {}, "com.p", None, None])
    caller.send([48, 2, {}, "com.p", [], {}])

    assert callee.received() == [[68, n, registration, {}] for n in (1, 2)]


def test_results_return_in_the_order_of_completion() -> None:
    """REQ-RPC-014, 015; REQ-MSG-024, 025."""
    caller, callee = pair()
    callee.register("com.p")
    for request in (1, 2, 3):
        caller.send([48, request, {}, "com.p"])

    for invocation in (2, 3, 1):
        callee.send([70, invocation, {}])

    assert caller.received() == [[50, request, {}] for request in (2, 3, 1)]


def test_invocations_arrive_in_the_order_of_the_calls_across_procedures() -> None:
    """REQ-RPC-016."""
    caller, callee = pair()
    ids = {name: callee.register(name) for name in ("com.a", "com.b")}
    order = ["com.a", "com.b", "com.b", "com.a", "com.b"]

    for number, name in enumerate(order):
        caller.send([48, number + 1, {}, name])

    assert [message[2] for message in callee.received()] == [
        ids[name] for name in order
    ]


def test_invocation_ids_count_up_for_each_callee() -> None:
    """REQ-ID-003, 005; PIT-43."""
    world = World()
    caller, one, other = world.join(), world.join(), world.join()
    one.register("com.one")
    other.register("com.other")

    for request, name in enumerate(["com.one", "com.other"] * 3):
        caller.send([48, request + 1, {}, name])

    assert [message[1] for message in one.received()] == [1, 2, 3]
    assert [message[1] for message in other.received()] == [1, 2, 3]


def test_a_call_that_cannot_be_encoded_uses_up_no_invocation_id() -> None:
    """REQ-TYP-005; REQ-ID-005: the callee's sequence has no gap."""
    caller, callee = pair(serializer="msgpack")
    registration = callee.register("com.p")

    answer = caller.request([48, 1, {}, "com.p", [2**70]])
    assert is_error(answer, 48, 1, "wamp.error.invalid_payload")
    caller.send([48, 1, {}, "com.p"])

    assert callee.received() == [[68, 1, registration, {}]]


@pytest.mark.usefixtures("allow_logged_errors")
def test_an_answer_that_cannot_be_encoded_becomes_an_error() -> None:
    """REQ-TYP-005; REQ-RPC-034."""
    world = World()
    caller, callee = world.join(serializer="msgpack"), world.join()
    callee.register("com.p")
    for request in (1, 2):
        caller.send([48, request, {}, "com.p"])

    callee.send([70, 1, {}, [2**70]])
    callee.send([8, 68, 2, {}, "com.err", [2**70]])

    one, other = caller.received()
    assert is_error(one, 48, 1, "wamp.error.invalid_payload")
    assert is_error(other, 48, 2, "wamp.error.invalid_payload")


@pytest.mark.parametrize(
    "answer", [[70, 2, {}], [8, 68, 2, {}, "com.err"]], ids=["YIELD", "ERROR"]
)
def test_an_answer_to_what_was_never_asked_is_a_violation(answer: list[Any]) -> None:
    """REQ-RPC-020, 022."""
    caller, callee = pair()
    callee.register("com.p")
    caller.send([48, 1, {}, "com.p"])
    callee.received()

    callee.send(answer)

    assert is_violation(callee.received())
    [lost] = caller.received()
    assert is_error(lost, 48, 1, CANCELED)


@pytest.mark.parametrize(
    "late", [[70, 1, {}], [70, 1, {"progress": True}], [8, 68, 1, {}, "com.err"]]
)
@pytest.mark.parametrize("why", ["answered", "cancelled", "timed out", "abandoned"])
def test_a_late_answer_is_discarded(late: list[Any], why: str) -> None:
    """REQ-RPC-021, 022, 041, 080, 094, 027; PIT-02."""
    caller, callee = pair()
    callee.register("com.p")
    caller.send([48, 1, {"timeout": 10, "receive_progress": True}, "com.p"])
    callee.received()
    if why == "answered":
        callee.send([70, 1, {}])
    elif why == "cancelled":
        caller.send([49, 1, {}])
    elif why == "timed out":
        caller.world.advance(1)
    else:
        caller.lose()
    caller.received()

    callee.send(late)
    caller.world.advance(10)

    assert callee.received() == []
    assert callee.closed is None
    assert caller.received() == []


def test_an_invocation_is_answered_only_by_whom_it_was_sent_to() -> None:
    """REQ-RPC-023."""
    world = World()
    caller, one, other = world.join(), world.join(), world.join()
    one.register("com.one")
    other.register("com.other")
    caller.send([48, 1, {}, "com.one"])
    caller.send([48, 2, {}, "com.other"])
    one.received()
    other.received()

    other.send([70, 1, {}, ["other"]])

    assert caller.received() == [[50, 2, {}, ["other"]]]


@pytest.mark.parametrize("how", ENDINGS)
def test_when_the_callee_leaves_its_callers_are_told(how: str) -> None:
    """REQ-RPC-025, 028, 042, 027, 034; REQ-SES-042, 044; REQ-MSG-033."""
    caller, callee = pair()
    callee.register("com.p")
    caller.send([48, 1, {"receive_progress": True}, "com.p"])
    callee.received()
    callee.send([70, 1, {"progress": True}, [1]])
    caller.received()

    callee.end(how)

    [answer] = caller.received()
    assert is_error(answer, 48, 1, CANCELED)
    again = caller.request([48, 2, {}, "com.p"])
    assert is_error(again, 48, 2, "wamp.error.no_such_procedure")


@pytest.mark.parametrize("how", ENDINGS)
@pytest.mark.parametrize("features", [(STOPS,), ()], ids=["can stop", "cannot stop"])
def test_when_the_caller_leaves_a_callee_that_can_be_stopped_is_told(
    how: str, features: tuple[str, ...]
) -> None:
    """REQ-RPC-024, 026, 040; REQ-SES-043, 045."""
    caller, callee = pair(*features)
    callee.register("com.p")
    caller.send([48, 1, {"timeout": 1000}, "com.p"])
    callee.received()

    caller.end(how)
    caller.world.advance(10)

    interrupts = [[69, 1, {"mode": "killnowait"}]] if features else []
    assert callee.received() == interrupts
    callee.send([70, 1, {}])
    assert callee.closed is None


@pytest.mark.parametrize("how", ENDINGS)
def test_a_session_that_called_itself_leaves_without_a_trace(how: str) -> None:
    """REQ-RPC-015; REQ-SES-040, 043, 044."""
    client = World().join(STOPS)
    client.register("com.p")
    client.send([48, 1, {}, "com.p"])
    client.received()

    client.end(how)

    assert client.world.realm.sessions() == []
    assert client.received() == []


# --- Ids and options ------------------------------------------------------------


def test_request_ids_may_have_gaps_and_may_be_used_again() -> None:
    """REQ-ID-004, 007, 009; PIT-01."""
    caller, callee = pair()
    callee.register("com.p")

    for invocation, request in enumerate([7, 2**53, 7, 1], 1):
        caller.send([48, request, {}, "com.p"])
        callee.received()
        callee.send([70, invocation, {}])
        assert caller.received() == [[50, request, {}]]


def test_the_id_of_a_call_in_flight_cannot_be_used_again() -> None:
    """REQ-ID-008."""
    caller, callee = pair()
    callee.register("com.p")
    caller.send([48, 1, {}, "com.p"])

    caller.send([48, 1, {}, "com.p"])

    assert is_violation(caller.received())


def test_strict_ids_count_every_request_of_a_session() -> None:
    """REQ-ID-004, 006, 009."""
    client = World(strict_request_ids=True).join()
    client.send([16, 1, {}, "com.t"])
    assert client.subscribe("com.t", 2) == 1
    assert client.register("com.p", 3) == 1
    client.request([34, 4, 1])
    client.request([66, 5, 1])
    client.request([48, 6, {}, "com.p"])
    assert client.closed is None

    client.send([16, 8, {}, "com.t"])

    assert is_violation(client.received())


def test_integral_floats_are_taken_as_ids() -> None:
    """REQ-ID-011; PIT-05: JavaScript's MessagePack sends those."""
    world = World()
    callee = world.join(serializer="msgpack")
    registration = callee.register("com.p")

    assert callee.request([66, 2.0**33, float(registration)]) == [67, 2**33]


def test_unknown_options_change_nothing_and_are_not_passed_on() -> None:
    """REQ-MSG-009; REQ-RPC-103, 106, 131, 132, 145; PIT-44."""
    caller, callee = pair()
    registration = callee.register("com.p", concurrency=0, force_reregister="x")
    options = {
        "caller": 1,
        "caller_authid": "root",
        "caller_authrole": "root",
        "trustlevel": 9,
        "rkey": "r",
        "runmode": "partition",
        "_custom": [1],
        "procedure": "com.other",
        "mode": 3,
    }

    caller.send([48, 1, options, "com.p"])
    assert callee.received() == [[68, 1, registration, {}]]
    callee.send([70, 1, {"_custom": 1, "progress_": True}])
    assert caller.received() == [[50, 1, {}]]


def test_null_options_are_absent_ones() -> None:
    """REQ-MSG-011; PIT-06; client-notes 1."""
    caller, callee = pair()
    registration = callee.register("com.p", match=None, invoke=None)

    caller.send([48, 1, {"timeout": None, "receive_progress": None}, "com.p"])

    assert callee.received() == [[68, 1, registration, {}]]


# --- Caller identification ------------------------------------------------------


def disclosing(policy: str | None) -> tuple[Client, Client]:
    world = World(Realm("realm1", permissions=OPEN, disclosure=policy))
    return world.join(authid="joe", authrole="staff"), world.join(authid="callee")


def identity(client: Client) -> dict[str, Any]:
    return {
        "caller": client.id,
        "caller_authid": "joe",
        "caller_authrole": "staff",
    }


@pytest.mark.parametrize(
    ("policy", "call", "register", "disclosed"),
    [
        ("allow", {"disclose_me": True}, {}, True),
        ("allow", {}, {"disclose_caller": True}, True),
        ("allow", {"disclose_me": False}, {"disclose_caller": True}, True),
        ("allow", {}, {}, False),
        ("allow", {"disclose_me": False}, {}, False),
        ("deny", {"disclose_me": False}, {"disclose_caller": False}, False),
        ("force", {}, {}, True),
        ("force", {"disclose_me": False}, {}, True),
        (None, {"disclose_me": True}, {}, True),
    ],
)
def test_who_calls_is_disclosed_as_asked_and_as_the_realm_says(
    policy: str | None, call: dict[str, Any], register: dict[str, Any], disclosed: bool
) -> None:
    """REQ-RPC-097, 098, 099, 102; PIT-14; client-notes 13."""
    caller, callee = disclosing(policy)
    registration = callee.register("com.p", **register)

    caller.send([48, 1, call, "com.p"])

    details = identity(caller) if disclosed else {}
    assert callee.received() == [[68, 1, registration, details]]


def test_asking_for_disclosure_where_it_is_denied_is_an_error() -> None:
    """REQ-RPC-100, 101."""
    caller, callee = disclosing("deny")
    callee.register("com.p")
    refused = "wamp.error.option_disallowed.disclose_me"

    register = callee.request([64, 2, {"disclose_caller": True}, "com.q"])
    call = caller.request([48, 1, {"disclose_me": True}, "com.p"])

    assert is_error(register, 64, 2, refused)
    assert is_error(call, 48, 1, refused)
    assert callee.received() == []
