"""Statements of sections 3.2 to 3.4 that concern a whole realm."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import msgspec
import pytest

from aiohttp_serverwamp import OPEN, Realm
from tests.conformance.harness import World, is_error, is_violation

STRICT: Final = {
    "com.my_app.x1": True,
    "com.MyApp.x": False,
    "com.my-app": False,
    "com.é": False,
    "com.a b": False,
    "com..x": False,
}


@pytest.mark.parametrize("uri", STRICT)
@pytest.mark.parametrize("strict", [True, False])
def test_a_realm_may_be_strict_about_names(uri: str, strict: bool) -> None:
    """REQ-URI-003: loose unless it says so."""
    client = World(Realm("realm1", permissions=OPEN, strict_uris=strict)).join()
    loose = " " not in uri and ".." not in uri
    expected = STRICT[uri] if strict else loose

    answers = [
        client.request([code, 1, options, uri])
        for code, options in [(64, {}), (32, {}), (16, {"acknowledge": True})]
    ]

    for code, answer in zip([64, 32, 16], answers, strict=True):
        if expected:
            assert answer[0] == code + 1
        else:
            assert is_error(answer, code, 1, "wamp.error.invalid_uri")


def test_procedures_topics_and_errors_are_named_alike() -> None:
    """REQ-URI-002: one name may be all three, and one rule speaks of it."""
    realm = Realm("realm1")
    realm.permit("com.x", call=True, register=True, publish=True, subscribe=True)
    world = World(realm)
    one, other = world.join(), world.join()
    one.register("com.x")
    one.subscribe("com.x")

    other.send([16, 1, {}, "com.x", ["event"]])
    other.send([48, 2, {}, "com.x", ["call"]])
    event, invocation = one.received()
    one.send([8, 68, invocation[1], {}, "com.x", ["error"]])

    assert (event[0], event[4]) == (36, ["event"])
    assert (invocation[0], invocation[4]) == (68, ["call"])
    assert other.received() == [[8, 48, 2, {}, "com.x", ["error"]]]


@pytest.mark.parametrize(
    ("one", "other"), [("com.X", "com.x"), ("com.\u00e9", "com.e\u0301")]
)
def test_names_that_only_look_alike_differ(one: str, other: str) -> None:
    """REQ-URI-014: case counts, and so do composed and decomposed letters."""
    world = World()
    caller, callee = world.join(), world.join()
    callee.register(one)

    answer = caller.request([48, 1, {}, other])

    assert is_error(answer, 48, 1, "wamp.error.no_such_procedure")


@pytest.mark.parametrize("match", ["prefix", "wildcard"])
def test_nobody_catches_calls_of_the_protocols_own_names(match: str) -> None:
    """REQ-URI-011, 012: with whatever pattern; and they may be called and heard."""
    world = World()
    caller, callee = world.join(), world.join()
    patterns = {"prefix": ["", "w", "wa"], "wildcard": ["", ".", "..", "...."]}
    for number, pattern in enumerate(patterns[match], 1):
        callee.register(pattern, number, match=match)

    for request, uri in enumerate(["wamp.no.such", "wamp.x", "wamp.a.b.c.d"], 1):
        answer = caller.request([48, request, {}, uri])
        assert is_error(answer, 48, request, "wamp.error.no_such_procedure")

    assert callee.received() == []
    assert caller.subscribe("wamp.session.on_join") > 0


def test_a_callee_may_answer_with_an_error_of_the_protocol() -> None:
    """REQ-URI-013."""
    world = World()
    caller, callee = world.join(), world.join()
    callee.register("com.p")
    caller.send([48, 1, {}, "com.p"])
    callee.received()

    callee.send([8, 68, 1, {"_mine": 1}, "wamp.error.invented", ["x"]])

    [answer] = caller.received()
    assert answer[:3] + answer[4:] == [8, 48, 1, "wamp.error.invented", ["x"]]


# --- Payloads ---------------------------------------------------------------------

VALUES: Final[list[Any]] = [
    *(None, True, False, 0, -1, 2**53, -(2**53), 1.5, -0.25, 1e300, "", "é\u0001"),
    *([], {}, [[None]], {"": {"a b": [1.0, {"null": None}]}}, ["wamp"], {"x": ""}),
]


@pytest.mark.parametrize("serializers", [("json", "msgpack"), ("msgpack", "json")])
@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_payload_may_be_anything(value: Any, serializers: tuple[str, str]) -> None:
    """REQ-TYP-003, 004; REQ-MSG-017; REQ-SER-001: in both directions."""
    world = World()
    caller, callee = (world.join(serializer=each) for each in serializers)
    registration = callee.register("com.p")

    caller.send([48, 1, {}, "com.p", [value], {"k": value}])
    assert callee.received() == [[68, 1, registration, {}, [value], {"k": value}]]
    callee.send([70, 1, {}, [value], {"k": value}])

    [result] = caller.received()
    assert result == [50, 1, {}, [value], {"k": value}]
    assert type(result[3][0]) is type(value)


@pytest.mark.parametrize("number", [2**63 - 1, -(2**63), 2**64 - 1])
def test_large_integers_survive_messagepack(number: int) -> None:
    """REQ-SER-004; REQ-TYP-003."""
    world = World()
    caller = world.join(serializer="msgpack")
    callee = world.join(serializer="msgpack")
    callee.register("com.p")

    caller.send([48, 1, {}, "com.p", [number]])

    assert callee.received()[0][4] == [number]


def test_binary_travels_between_json_and_messagepack_at_any_depth() -> None:
    """REQ-SER-005, 006, 007, 010; REQ-TYP-003."""
    world = World()
    text, binary = world.join(), world.join(serializer="msgpack")
    text.subscribe("com.t")
    binary.subscribe("com.t")
    data = bytes.fromhex("10e3ff9053075c526f5fc06d4fe37cdb")
    spelled = "\0EOP/kFMHXFJvX8BtT+N82w=="

    text.send([16, 1, {"exclude_me": False}, "com.t", [spelled, {"a": [spelled]}]])
    binary.send([16, 1, {"exclude_me": False}, "com.t", [data, {"a": [data]}], {}])

    for event in text.received():
        assert event[4] == [spelled, {"a": [spelled]}]
    for event in binary.received():
        assert event[4] == [data, {"a": [data]}]


def test_what_only_begins_like_binary_is_no_message() -> None:
    """REQ-SER-008, 009."""
    client = World().join()

    client.send([16, 1, {}, "com.t", ["\0no base64"]])

    assert is_violation(client.received())


@pytest.mark.parametrize("position", ["options", "payload", "nested payload"])
def test_keywords_are_strings_and_what_is_in_them_is_not_looked_at(
    position: str,
) -> None:
    """REQ-TYP-004; REQ-MSG-006: keys that are no strings end the session."""
    client = World().join(serializer="msgpack")
    wrong: dict[Any, Any] = {1: 2}
    options = wrong if position == "options" else {}
    kwargs = {"payload": wrong, "nested payload": {"a": wrong}}.get(position, {})

    client.send([48, 1, options, "com.nobody", [], kwargs])

    assert is_violation(client.received())


# --- Values that only one serializer has ----------------------------------------------

MOMENT: Final = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)


def test_a_date_of_javascript_costs_nobody_the_session() -> None:
    """REQ-SER-011: MessagePack's own timestamp, and its text for readers of JSON."""
    world = World()
    publisher = world.join(serializer="msgpack")
    same, other = world.join(serializer="msgpack"), world.join()
    for subscriber in (same, other):
        subscriber.subscribe("com.t")

    publisher.send([16, 1, {}, "com.t", [MOMENT, {"at": MOMENT}]])

    assert publisher.closed is None
    assert same.received()[0][4] == [MOMENT, {"at": MOMENT}]
    text = "2026-01-02T03:04:05.678000Z"
    assert other.received()[0][4] == [text, {"at": text}]


@pytest.mark.usefixtures("allow_logged_errors")
def test_an_extension_reaches_those_who_can_read_it() -> None:
    """REQ-SER-011; REQ-TYP-005: for the others that delivery fails, and only that."""
    world = World()
    caller = world.join(serializer="msgpack")
    same, other = world.join(serializer="msgpack"), world.join()
    same.register("com.same")
    other.register("com.other")
    other.subscribe("com.t")
    value = msgspec.msgpack.Ext(42, b"set of something")

    caller.send([48, 1, {}, "com.same", [value]])
    caller.send([48, 2, {}, "com.other", [value]])
    caller.send([16, 3, {}, "com.t", [value]])
    caller.send([16, 4, {}, "com.t", ["readable"]])

    assert same.received()[0][4] == [value]
    [error] = caller.received()
    assert is_error(error, 48, 2, "wamp.error.invalid_payload")
    assert [event[4] for event in other.received()] == [["readable"]]


@pytest.mark.parametrize("value", [MOMENT, msgspec.msgpack.Ext(1, b"")], ids=type)
@pytest.mark.parametrize(
    "message",
    [
        [48, None, {}, "com.p"],
        [48, 1, None, "com.p"],
        [48, 1, {}, None],
        [48, 1, {"timeout": None}, "com.p"],
        [16, 1, {"exclude": [None]}, "com.t"],
        [48, 1, {}, "com.p", None],
        [None, 1, {}, "com.p"],
    ],
    ids=repr,
)
def test_the_protocol_itself_knows_neither(message: list[Any], value: object) -> None:
    """REQ-TYP-001; REQ-MSG-004, 007."""
    client = World().join(serializer="msgpack")

    client.send(filled(message, value))

    assert is_violation(client.received())


def filled(part: Any, value: object) -> Any:
    """Put a value where None stands."""
    if isinstance(part, list):
        return [filled(each, value) for each in part]
    if isinstance(part, dict):
        return {key: filled(each, value) for key, each in part.items()}
    return value if part is None else part


#: Keys may come twice, the last one counts; sizes may be longer than they have to be.
ODD_BUT_VALID: Final[dict[str, bytes]] = {
    "a key twice": b"\x96\x30\x01\x80\xa5com.p\x90\x82\xa1k\x01\xa1k\x02",
    "long sizes": b"\xdc\x00\x06\xcd\x00\x30\xcf\0\0\0\0\0\0\0\x01\xdf\0\0\0\0"
    b"\xda\x00\x05com.p\xdd\0\0\0\0\xde\x00\x01\xd9\x01k\xd3\0\0\0\0\0\0\0\x02",
}


@pytest.mark.parametrize("data", ODD_BUT_VALID.values(), ids=ODD_BUT_VALID)
def test_messagepack_that_nobody_writes_is_read(data: bytes) -> None:
    """REQ-SER-012: and never written like that."""
    world = World()
    caller = world.join(serializer="msgpack")
    callee = world.join(serializer="msgpack")
    registration = callee.register("com.p")

    caller.send_raw(data)

    assert callee.received() == [[68, 1, registration, {}, [], {"k": 2}]]
    assert b"\x81\xa1k\x02" in callee.wire.written[-1]
