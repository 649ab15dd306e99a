"""Each known option of each message with values that it cannot have, and with none.

The tables are copies of the specification's (2.2, 5.13, 6.18, 8.6), not of the code's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import pytest

from tests.conformance.harness import Client, World, decoded, is_error, is_violation

#: What a value may be → what it may not.
WRONG: Final[dict[str, list[Any]]] = {
    "bool": [0, 1, "true", "", [], {}, 1.5],
    "string": [1, True, [], {}, 0.5],
    "match": ["", "foo", "EXACT", "regex", 1, True, [], {}],
    "invoke": ["", "foo", "Single", "all", 1, True, []],
    "mode": ["", "foo", "KILL", "abort", 1, True, []],
    "milliseconds": [-1, -0.5, "100", "", True, [], {}],
    "ids": ["x", 1, {}, True, ["x"], [0], [-1], [True], [2**53 + 1], [1.5], [None]],
    "strings": ["x", 1, {}, True, [1], [None], [True], [["x"]], ["x", {}]],
    "dict": ["x", 1, [], True],
}
PPT: Final = {
    "ppt_scheme": "string",
    "ppt_serializer": "string",
    "ppt_cipher": "string",
    "ppt_keyid": "string",
}
#: Message with `None` for its options → the options' names and what they may be. The
#: ids that are named are there: invocation 1, call 10, subscription and registration 1.
OPTIONS: Final[dict[str, tuple[list[Any], dict[str, str]]]] = {
    "CALL": (
        [48, 20, None, "com.p"],
        {
            "disclose_me": "bool",
            "receive_progress": "bool",
            "progress": "bool",
            "timeout": "milliseconds",
            **PPT,
        },
    ),
    "CANCEL": ([49, 10, None], {"mode": "mode"}),
    "REGISTER": (
        [64, 20, None, "com.q"],
        {
            "match": "match",
            "invoke": "invoke",
            "disclose_caller": "bool",
            "forward_timeout": "bool",
        },
    ),
    "YIELD": ([70, 1, None], {"progress": "bool", **PPT}),
    "ERROR": ([8, 68, 1, None, "com.err"], PPT),
    "PUBLISH": (
        [16, 20, None, "com.t"],
        {
            "acknowledge": "bool",
            "exclude_me": "bool",
            "disclose_me": "bool",
            "exclude": "ids",
            "exclude_authid": "strings",
            "exclude_authrole": "strings",
            "eligible": "ids",
            "eligible_authid": "strings",
            "eligible_authrole": "strings",
            "retain": "bool",
            **PPT,
        },
    ),
    "SUBSCRIBE": (
        [32, 20, None, "com.u"],
        {"match": "match", "get_retained": "bool"},
    ),
    "GOODBYE": ([6, None, "wamp.close.normal"], {"message": "string"}),
    "HELLO": (
        [1, "realm1", None],
        {
            "roles": "dict",
            "agent": "string",
            "authmethods": "strings",
            "authid": "string",
            "authrole": "string",
            "authextra": "dict",
        },
    ),
}


def wrong_ones() -> Iterator[Any]:
    for name, (_, options) in OPTIONS.items():
        for option, kind in options.items():
            for value in WRONG[kind]:
                yield pytest.param(name, option, value, id=f"{name} {option}={value!r}")


def all_options() -> Iterator[Any]:
    for name, (_, options) in OPTIONS.items():
        for option in options:
            yield pytest.param(name, option, id=f"{name} {option}")


def ready(name: str, serializer: str) -> Client:
    """Return a client that is about to send one of the messages."""
    world = World()
    if name == "HELLO":
        return world.connect(serializer)
    client = world.join(serializer=serializer)
    assert client.register("com.p") == 1
    assert client.subscribe("com.t") == 1
    assert client.request([48, 10, {}, "com.p"]) == [68, 1, 1, {}]
    return client


def message_with(name: str, options: dict[str, Any]) -> list[Any]:
    if name == "HELLO":
        options = {"roles": {"caller": {}}, **options}
    return [options if part is None else part for part in OPTIONS[name][0]]


@pytest.mark.parametrize(("name", "option", "value"), [*wrong_ones()])
@pytest.mark.parametrize("serializer", ["json", "msgpack"])
def test_an_option_with_an_impossible_value_is_a_violation(
    name: str, option: str, value: Any, serializer: str
) -> None:
    """REQ-MSG-005, 007, 008; REQ-TYP-001, 002; REQ-PUB-025; REQ-RPC-086."""
    client = ready(name, serializer)

    client.send(message_with(name, {option: value}))

    assert is_violation(client.received())
    assert client.closed == 1002


@pytest.mark.parametrize(("name", "option"), [*all_options()])
def test_an_option_that_is_null_is_as_good_as_absent(name: str, option: str) -> None:
    """REQ-MSG-011; PIT-06."""
    if option == "roles":
        client = ready(name, "json")
        client.send([1, "realm1", {"roles": None}])
        assert is_violation(client.received())
        return
    heard = []
    for options in ({}, {option: None}):
        client = ready(name, "json")
        client.send(message_with(name, options))
        heard.append([message[:2] for message in client.received()])
        assert client.closed is None

    if name == "HELLO":
        heard = [[message[:1] for message in messages] for messages in heard]
    assert heard[0] == heard[1]


@pytest.mark.parametrize("name", OPTIONS)
def test_unknown_options_change_nothing(name: str) -> None:
    """REQ-MSG-009; REQ-RPC-145; REQ-PUB-072; REQ-TRN-047: nor are they forwarded."""
    unknown = {
        "_own_key": {"a": 1},
        "forward_for": [{"session": 1, "authid": "root", "authrole": "trusted"}],
        "concurrency": "x",
        "x": None,
        "": [],
    }
    heard = []
    for options in ({}, unknown):
        client = ready(name, "json")
        witness = client.world.join() if name != "HELLO" else client.world.connect()
        if name != "HELLO":
            witness.subscribe("com.t")
        client.send(message_with(name, options))
        heard.append([*client.received(), *witness.received()])

    assert [shape(message) for message in heard[0]] == [
        shape(message) for message in heard[1]
    ]
    assert "_own_key" not in str(heard[1])


def shape(message: list[Any]) -> list[Any]:
    """Return a message without what is random in it."""
    if message[0] == 2:
        return [2, *sorted(message[2])]
    return message[:2] + message[3:] if message[0] == 36 else message


# --- What the router sends --------------------------------------------------------

PREDEFINED: Final = re.compile(r"[a-z][a-z0-9_]{2,}|_[a-z0-9_]{3,}")


def keys_of(message: Any) -> set[str]:
    """Return the keys of the options or details of a message, roles included."""
    at = {2: 2, 3: 1, 4: 2, 6: 1, 8: 3, 36: 3, 50: 2, 68: 3, 69: 2}.get(message[0])
    found = {} if at is None else message[at]
    assert isinstance(found, dict)
    keys = {*found}
    for role in found.get("roles", {}).values():
        keys |= {*role, *role.get("features", ())}
    return keys


def test_the_router_sends_keys_of_the_two_shapes_and_a_dict_always() -> None:
    """REQ-MSG-010, 020, 021; REQ-TYP-001: in everything a busy realm says."""
    world = World()
    features = (
        "callee.call_canceling",
        "callee.progressive_call_results",
        "callee.call_timeout",
    )
    one = world.join(*features, authid="one")
    other = world.join(authid="other")
    registration = one.register("com.", match="prefix", forward_timeout=True)
    one.subscribe("com.", match="prefix")
    options = {"disclose_me": True, "receive_progress": True, "timeout": 9}

    other.send([48, 1, options, "com.p"])
    one.send([70, 1, {"progress": True}])
    one.send([8, 68, 1, {}, "com.err", ["x"]])
    other.send([48, 2, {}, "com.q"])
    other.send([49, 2, {"mode": "kill"}])
    other.send([16, 3, {"disclose_me": True, "acknowledge": True}, "com.t"])
    other.send([34, 4, 77])
    one.send([66, 5, registration])
    one.end("killed")
    other.send([77])

    said = [
        decoded(data, client.serializer)
        for client in (one, other)
        for data in client.wire.written
    ]
    assert {message[0] for message in said} >= {2, 3, 6, 8, 17, 36, 50, 68, 69}
    keys = set().union(*map(keys_of, said))
    assert [key for key in keys if not PREDEFINED.fullmatch(key)] == []
    assert all(None not in message for message in said)


# --- Ids --------------------------------------------------------------------------

REQUESTS: Final[dict[str, list[Any]]] = {
    "PUBLISH": [16, None, {"acknowledge": True}, "com.t"],
    "SUBSCRIBE": [32, None, {}, "com.u"],
    "UNSUBSCRIBE": [34, None, 1],
    "CALL": [48, None, {}, "com.p"],
    "CANCEL": [49, None, {}],
    "REGISTER": [64, None, {}, "com.q"],
    "UNREGISTER": [66, None, 1],
    "YIELD": [70, None, {}],
    "ERROR": [8, 68, None, {}, "com.err"],
    "UNSUBSCRIBE's subscription": [34, 20, None],
    "UNREGISTER's registration": [66, 20, None],
}


@pytest.mark.parametrize("name", REQUESTS)
@pytest.mark.parametrize("number", [0, -1, 2**53 + 1, 2**63, "1", True, None, 1.5, []])
def test_an_id_out_of_range_is_a_violation(name: str, number: Any) -> None:
    """REQ-ID-001; REQ-MSG-004, 005, 014; REQ-TYP-002."""
    for serializer in ("json", "msgpack"):
        client = ready("CALL", serializer)

        client.send([number if part is None else part for part in REQUESTS[name]])

        assert is_violation(client.received())
        assert client.closed == 1002


@pytest.mark.parametrize("number", [1, 2**31, 2**32, 2**53])
@pytest.mark.parametrize("name", ["SUBSCRIBE", "REGISTER", "PUBLISH", "UNSUBSCRIBE"])
def test_any_id_in_range_is_answered_under_it(name: str, number: int) -> None:
    """REQ-ID-001, 007; REQ-MSG-024."""
    client = ready("CALL", "json")

    answer = client.request(
        [number if part is None else part for part in REQUESTS[name]]
    )

    assert answer[1] == number
    assert answer[0] == {"UNSUBSCRIBE": 35}.get(name, REQUESTS[name][0] + 1)


def test_an_id_that_is_answered_may_be_used_again() -> None:
    """REQ-ID-007, 008, 012: also for another kind of request."""
    client = ready("CALL", "json")

    for _ in range(2):
        kind, request, subscription = client.request([32, 20, {}, "com.u"])
        assert (kind, request) == (33, 20)
        kind, request, registration = client.request([64, 20, {}, "com.q"])
        assert (kind, request) == (65, 20)
        assert client.request([66, 20, registration]) == [67, 20]
        assert client.request([16, 20, {"acknowledge": True}, "com.t"])[0] == 17
        assert client.request([34, 20, subscription]) == [35, 20]


def test_an_id_of_a_call_in_flight_is_taken_for_calls_only() -> None:
    """REQ-ID-008, 012."""
    client = ready("CALL", "json")
    assert client.request([32, 10, {}, "com.u"]) == [33, 10, 2]

    client.send([48, 10, {}, "com.p"])

    assert is_violation(client.received())


# --- Invocations that are over, or never were --------------------------------------

ANSWERS: Final[dict[str, list[Any]]] = {
    "YIELD": [70, None, {}, ["x"]],
    "progressive YIELD": [70, None, {"progress": True}, ["x"]],
    "ERROR": [8, 68, None, {}, "com.err"],
}


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("invocation", [2, 3, 10, 2**53])
def test_an_answer_to_an_invocation_that_never_was_is_a_violation(
    answer: str, invocation: int
) -> None:
    """REQ-RPC-020, 022, 023: the ids of other callees do not count."""
    world = World()
    caller, callee, other = world.join(), world.join(), world.join()
    callee.register("com.p")
    other.register("com.q")
    for request in range(1, 4):
        caller.send([48, request, {}, "com.q"])
    caller.send([48, 9, {}, "com.p"])
    callee.received()

    callee.send([invocation if part is None else part for part in ANSWERS[answer]])

    assert is_violation(callee.received())
    [canceled] = caller.received()
    assert is_error(canceled, 48, 9, "wamp.error.canceled")


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("over", ["answered", "failed", "skipped", "timed out", "left"])
def test_a_late_answer_is_discarded(answer: str, over: str) -> None:
    """REQ-RPC-021, 022, 027, 079, 094; PIT-02."""
    world = World()
    caller, callee = world.join(), world.join()
    callee.register("com.p")
    caller.send([48, 1, {"timeout": 5}, "com.p"])
    callee.received()
    {
        "answered": lambda: callee.send([70, 1, {}]),
        "failed": lambda: callee.send([8, 68, 1, {}, "com.err"]),
        "skipped": lambda: caller.send([49, 1, {"mode": "skip"}]),
        "timed out": lambda: world.advance(1),
        "left": lambda: caller.end("GOODBYE"),
    }[over]()
    caller.received()

    for _ in range(2):
        callee.send([1 if part is None else part for part in ANSWERS[answer]])

    assert callee.received() == caller.received() == []
    assert callee.closed is None


# --- URIs -------------------------------------------------------------------------

MALFORMED: Final = ("a b", "a#", "a\tb", "a\n", "#", " ", "a..b", ".", "a.", ".a", "")
RESERVED: Final = ("wamp", "wamp.x", "wamp.session.count", "wamp.error.x")
NAMED: Final[dict[str, tuple[list[Any], int]]] = {
    "CALL": ([48, 1, {}, None], 48),
    "REGISTER": ([64, 1, {}, None], 64),
    "SUBSCRIBE": ([32, 1, {}, None], 32),
    "PUBLISH": ([16, 1, {"acknowledge": True}, None], 16),
}


@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize("uri", MALFORMED)
def test_a_malformed_uri_is_an_error_and_the_session_goes_on(
    name: str, uri: str
) -> None:
    """REQ-URI-001, 004, 005, 006, 007; REQ-RPC-004, 010; REQ-PUB-010; PIT-32, 45."""
    message, kind = NAMED[name]
    client = World().join()

    answer = client.request([uri if part is None else part for part in message])

    assert is_error(answer, kind, 1, "wamp.error.invalid_uri")
    assert client.subscribe("com.t") == 1


@pytest.mark.parametrize("uri", [*MALFORMED, *RESERVED])
def test_a_publication_that_asks_for_no_answer_is_dropped(uri: str) -> None:
    """REQ-URI-008, 010; REQ-PUB-018; REQ-MSG-026."""
    world = World()
    client, witness = world.join(), world.join()
    witness.send([32, 1, {"match": "prefix"}, ""])
    assert witness.received()[0][0] == 33

    client.send([16, 1, {}, uri])

    assert client.received() == witness.received() == []
    assert client.closed is None


@pytest.mark.parametrize("name", ["REGISTER", "PUBLISH"])
@pytest.mark.parametrize("uri", RESERVED)
def test_the_protocols_own_names_are_taken(name: str, uri: str) -> None:
    """REQ-URI-010; REQ-RPC-004; REQ-EMB-005."""
    message, kind = NAMED[name]
    client = World().join()

    answer = client.request([uri if part is None else part for part in message])

    assert is_error(answer, kind, 1, "wamp.error.invalid_uri")


@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize("uri", [5, None, True, [], {}, 1.5])
def test_what_is_no_string_is_no_uri(name: str, uri: Any) -> None:
    """REQ-URI-009; REQ-MSG-004."""
    message, _ = NAMED[name]
    client = World().join()

    client.send([*message[:3], uri])

    assert is_violation(client.received())


@pytest.mark.parametrize(
    ("match", "good", "bad"),
    [
        ("exact", ["a", "a.b", "A.é", "a-b.c/d"], ["", "a.", "a..b", "a b"]),
        ("prefix", ["", "a", "a.", "a.b."], ["a..b", ".", "..", "a b", ".a"]),
        ("wildcard", ["", ".", "a..b", "a.", ".a", "..."], ["a b", "a#..", "a.\n"]),
    ],
)
@pytest.mark.parametrize("name", ["REGISTER", "SUBSCRIBE"])
def test_the_match_policy_says_what_may_be_empty(
    name: str, match: str, good: list[str], bad: list[str]
) -> None:
    """REQ-URI-001, 004, 006; PIT-45."""
    code = NAMED[name][1]
    client = World().join()

    for uri in good:
        client.send([code, 1, {"match": match}, uri])
        # Who subscribes to everything hears of that, too.
        assert client.received()[0][:2] == [code + 1, 1]
    client = World().join()
    for uri in bad:
        answer = client.request([code, 1, {"match": match}, uri])
        assert is_error(answer, code, 1, "wamp.error.invalid_uri")
