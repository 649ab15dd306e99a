"""Messages: what the wire may hold, what it may not, and what is made of it.

The tables here are copies of the specification, not of the implementation.
"""

from __future__ import annotations

import copy
from typing import Any

import pytest

from aiohttp_serverwamp import messages as m
from aiohttp_serverwamp.errors import ProtocolViolation

ROLES: dict[str, Any] = {"caller": {}}

#: Each message with the list that stands for it, optional tails present and absent.
ROUND_TRIPS: list[tuple[m.Message, list[Any]]] = [
    (m.Hello("realm1", {"roles": ROLES}), [1, "realm1", {"roles": ROLES}]),
    (m.Welcome(9, {"roles": {}}), [2, 9, {"roles": {}}]),
    (m.Abort({"message": "no"}, "a.b"), [3, {"message": "no"}, "a.b"]),
    (m.Abort({}, "a.b", [1]), [3, {}, "a.b", [1]]),
    (m.Abort({}, "a.b", [1], {"k": 2}), [3, {}, "a.b", [1], {"k": 2}]),
    (m.Challenge("ticket", {}), [4, "ticket", {}]),
    (m.Authenticate("secret", {}), [5, "secret", {}]),
    (m.Goodbye({}, "wamp.close.normal"), [6, {}, "wamp.close.normal"]),
    (m.Error(48, 7, {}, "a.error"), [8, 48, 7, {}, "a.error"]),
    (m.Error(48, 7, {}, "a.error", [1]), [8, 48, 7, {}, "a.error", [1]]),
    (
        m.Error(48, 7, {}, "a.error", [1], {"k": 2}),
        [8, 48, 7, {}, "a.error", [1], {"k": 2}],
    ),
    (m.Publish(7, {}, "a.topic"), [16, 7, {}, "a.topic"]),
    (m.Publish(7, {}, "a.topic", [1]), [16, 7, {}, "a.topic", [1]]),
    (m.Publish(7, {}, "a.topic", [1], {"k": 2}), [16, 7, {}, "a.topic", [1], {"k": 2}]),
    (m.Published(7, 8), [17, 7, 8]),
    (m.Subscribe(7, {}, "a.topic"), [32, 7, {}, "a.topic"]),
    (m.Subscribed(7, 8), [33, 7, 8]),
    (m.Unsubscribe(7, 8), [34, 7, 8]),
    (m.Unsubscribed(7), [35, 7]),
    (m.Unsubscribed(0, {"subscription": 8}), [35, 0, {"subscription": 8}]),
    (m.Event(8, 9, {}), [36, 8, 9, {}]),
    (m.Event(8, 9, {}, [1]), [36, 8, 9, {}, [1]]),
    (m.Event(8, 9, {}, [1], {"k": 2}), [36, 8, 9, {}, [1], {"k": 2}]),
    (m.Call(7, {}, "a.proc"), [48, 7, {}, "a.proc"]),
    (m.Call(7, {}, "a.proc", [1]), [48, 7, {}, "a.proc", [1]]),
    (m.Call(7, {}, "a.proc", [1], {"k": 2}), [48, 7, {}, "a.proc", [1], {"k": 2}]),
    (m.Cancel(7, {}), [49, 7, {}]),
    (m.Result(7, {}), [50, 7, {}]),
    (m.Result(7, {}, [1]), [50, 7, {}, [1]]),
    (m.Result(7, {}, [1], {"k": 2}), [50, 7, {}, [1], {"k": 2}]),
    (m.Register(7, {}, "a.proc"), [64, 7, {}, "a.proc"]),
    (m.Registered(7, 8), [65, 7, 8]),
    (m.Unregister(7, 8), [66, 7, 8]),
    (m.Unregistered(7), [67, 7]),
    (m.Unregistered(0, {"registration": 8}), [67, 0, {"registration": 8}]),
    (m.Invocation(7, 8, {}), [68, 7, 8, {}]),
    (m.Invocation(7, 8, {}, [1]), [68, 7, 8, {}, [1]]),
    (m.Invocation(7, 8, {}, [1], {"k": 2}), [68, 7, 8, {}, [1], {"k": 2}]),
    (m.Interrupt(7, {}), [69, 7, {}]),
    (m.Yield(7, {}), [70, 7, {}]),
    (m.Yield(7, {}, [1]), [70, 7, {}, [1]]),
    (m.Yield(7, {}, [1], {"k": 2}), [70, 7, {}, [1], {"k": 2}]),
]

#: Code → the kinds of its mandatory elements, and the lengths (specification, 1.1).
LAYOUTS: dict[int, tuple[list[str], set[int]]] = {
    1: (["realm", "dict"], {3}),
    2: (["id", "dict"], {3}),
    3: (["dict", "string"], {3, 4, 5}),
    4: (["string", "dict"], {3}),
    5: (["string", "dict"], {3}),
    6: (["dict", "string"], {3}),
    8: (["type", "id", "dict", "string"], {5, 6, 7}),
    16: (["id", "dict", "string"], {4, 5, 6}),
    17: (["id", "id"], {3}),
    32: (["id", "dict", "string"], {4}),
    33: (["id", "id"], {3}),
    34: (["id", "id"], {3}),
    35: (["id or 0"], {2, 3}),
    36: (["id", "id", "dict"], {4, 5, 6}),
    48: (["id", "dict", "string"], {4, 5, 6}),
    49: (["id", "dict"], {3}),
    50: (["id", "dict"], {3, 4, 5}),
    64: (["id", "dict", "string"], {4}),
    65: (["id", "id"], {3}),
    66: (["id", "id"], {3}),
    67: (["id or 0"], {2, 3}),
    68: (["id", "id", "dict"], {4, 5, 6}),
    69: (["id", "dict"], {3}),
    70: (["id", "dict"], {3, 4, 5}),
}
WITH_PAYLOAD = {3, 8, 16, 36, 48, 50, 68, 70}

NOT_A_STRING = [1, 0, True, 1.5, [], {}, b"x", ["x"]]
NOT_A_BOOLEAN = [0, 1, 1.0, "yes", "true", "", [], {}, b"x"]
NOT_A_DICT = [1, False, 1.5, "x", [], b"x", {1: 2}, {b"k": 1}, {None: 1}]
NOT_A_LIST = [1, True, 1.5, "x", {}, b"x"]
NOT_AN_ID = [
    0,
    -1,
    2**53 + 1,
    2**64,
    True,
    False,
    1.5,
    0.0,
    -1.0,
    float(2**54),
    float("nan"),
    float("inf"),
    "1",
    [],
    {},
    b"1",
]
WRONG: dict[str, list[Any]] = {
    "realm": NOT_A_STRING,
    "string": [*NOT_A_STRING, None],
    "dict": [*NOT_A_DICT, None],
    "id": [*NOT_AN_ID, None],
    "id or 0": [*(value for value in NOT_AN_ID if type(value) is not int), None],
    "type": [-1, 48.5, "48", True, None, []],
}

#: The shortest list of each code.
SHORTEST = {
    code: min((w for _, w in ROUND_TRIPS if w[0] == code), key=len) for code in LAYOUTS
}


def shortest(code: int) -> list[Any]:
    return copy.deepcopy(SHORTEST[code])


def refused(wire: Any) -> str:
    with pytest.raises(ProtocolViolation) as caught:
        m.parse(wire)
    return str(caught.value)


def test_the_table_of_this_module_covers_the_24_messages() -> None:
    assert len(LAYOUTS) == 24
    assert {wire[0] for _, wire in ROUND_TRIPS} == set(LAYOUTS)


@pytest.mark.parametrize(("message", "wire"), ROUND_TRIPS)
def test_a_message_is_parsed_from_its_list(message: m.Message, wire: list[Any]) -> None:
    parsed = m.parse(copy.deepcopy(wire))

    assert type(parsed) is type(message)
    assert parsed == message


def test_no_repr_shows_a_ticket() -> None:
    """Security rule 10: tools print the variables of a traceback."""
    shown = repr(m.parse([5, "open sesame", {}]))

    assert "sesame" not in shown
    assert shown.startswith("Authenticate(")


@pytest.mark.parametrize(("message", "wire"), ROUND_TRIPS)
def test_a_message_is_marshalled_to_its_list(
    message: m.Message, wire: list[Any]
) -> None:
    """REQ-MSG-020: options and details are there when empty."""
    assert m.marshal(message) == wire


# --- The list -------------------------------------------------------------------------


@pytest.mark.parametrize("raw", [None, [], {}, "x", 1, True, b"x", 1.5, (48, 1)])
def test_what_is_not_a_non_empty_list_is_refused(raw: Any) -> None:
    """REQ-MSG-001."""
    refused(raw)


@pytest.mark.parametrize(
    "code",
    [0, 7, 9, 18, 37, 71, 256, 337, 1023, -1, 2**64, True, "48", 48.0, None, [], {}],
)
def test_an_unknown_code_is_refused(code: Any) -> None:
    """REQ-MSG-002, REQ-MSG-005."""
    refused([code, 1, {}, "a.proc"])


@pytest.mark.parametrize("code", LAYOUTS)
@pytest.mark.parametrize("length", range(1, 9))
def test_only_the_listed_lengths_are_accepted(code: int, length: int) -> None:
    """REQ-MSG-003."""
    _, lengths = LAYOUTS[code]
    tail = [[], {}, 0, 0, 0, 0] if code in WITH_PAYLOAD else [{}, 0, 0, 0, 0, 0, 0]
    wire = [*shortest(code), *tail][:length]

    if length in lengths:
        assert m.marshal(m.parse(wire))[0] == code
    else:
        assert str(length) in refused(wire)


@pytest.mark.parametrize(
    ("code", "position", "value"),
    [
        (code, position, value)
        for code, (kinds, _) in LAYOUTS.items()
        for position, kind in enumerate(kinds, 1)
        for value in WRONG[kind]
    ],
)
def test_an_element_of_the_wrong_type_is_refused(
    code: int, position: int, value: Any
) -> None:
    """REQ-MSG-004, 005, 006, 014; REQ-ID-001; REQ-URI-009; REQ-TYP-001, 002."""
    wire = shortest(code)
    wire[position] = value

    refused(wire)


@pytest.mark.parametrize("code", sorted(WITH_PAYLOAD))
@pytest.mark.parametrize("value", NOT_A_LIST)
def test_arguments_that_are_no_list_are_refused(code: int, value: Any) -> None:
    """REQ-MSG-004."""
    refused([*shortest(code), value])


@pytest.mark.parametrize("code", sorted(WITH_PAYLOAD))
@pytest.mark.parametrize("value", NOT_A_DICT)
def test_keyword_arguments_that_are_no_dict_are_refused(code: int, value: Any) -> None:
    """REQ-MSG-004, REQ-MSG-006, REQ-TYP-004."""
    refused([*shortest(code), [], value])


@pytest.mark.parametrize("code", sorted(WITH_PAYLOAD))
@pytest.mark.parametrize(
    ("tail", "expected"),
    [
        ([None], (None, None)),
        ([None, None], (None, None)),
        ([[1], None], ([1], None)),
        ([None, {"k": None}], (None, {"k": None})),
        ([[None], {}], ([None], {})),
    ],
)
def test_null_arguments_are_absent_and_null_within_them_is_kept(
    code: int, tail: list[Any], expected: tuple[Any, Any]
) -> None:
    """REQ-MSG-012, REQ-MSG-017."""
    parsed: Any = m.parse([*shortest(code), *tail])

    assert (parsed.args, parsed.kwargs) == expected


@pytest.mark.parametrize(
    ("code", "position"),
    [
        (code, position)
        for code, (kinds, _) in LAYOUTS.items()
        for position, kind in enumerate(kinds, 1)
        if kind in {"id", "id or 0"}
    ],
)
@pytest.mark.parametrize("value", [1, 2**53, 1.0, 4294967296.0, float(2**53)])
def test_an_id_may_come_as_an_integral_float(
    code: int, position: int, value: Any
) -> None:
    """REQ-ID-001, REQ-ID-011: JavaScript's MessagePack writes large ids as floats."""
    wire = shortest(code)
    wire[position] = value

    marshalled = m.marshal(m.parse(wire))

    assert marshalled[position] == value
    assert type(marshalled[position]) is int


def test_a_null_realm_is_well_formed() -> None:
    """REQ-SES-022: it is refused with no_such_realm, not as a violation."""
    parsed = m.parse([1, None, {"roles": ROLES}])

    assert isinstance(parsed, m.Hello)
    assert parsed.realm is None


# --- The known keys -------------------------------------------------------------------

MATCHES = ["exact", "prefix", "wildcard"]
INVOKES = ["single", "first", "last", "random", "roundrobin"]
MODES = ["skip", "kill", "killnowait"]
NO_CHOICE = ["foo", "", "EXACT", "Single", 123, True, 1.5, [], {}, b"exact", ["exact"]]
PPT_KEYS = ["ppt_scheme", "ppt_serializer", "ppt_cipher", "ppt_keyid"]

BOOLEAN = (NOT_A_BOOLEAN, [True, False])
STRING = (NOT_A_STRING, ["x", ""])
STRINGS = ([*NOT_A_LIST, [1], [None], [b"x"], ["a", True], [[]]], [[], ["a", "b"]])
IDS = ([*NOT_A_LIST, *([value] for value in NOT_AN_ID), [1, None]], [[], [1, 2**53]])
DICT = (NOT_A_DICT, [{}, {"k": [1]}])
TIMEOUT = (
    [
        -1,
        -1.5,
        -0.5,
        "5",
        True,
        [],
        {},
        b"5",
        float("nan"),
        float("inf"),
        -float("inf"),
    ],
    [0, 1, 2**40],
)
MATCH = (NO_CHOICE, MATCHES)
FEATURES = {"call_canceling": True, "x_unknown": False}
ROLES_VALUES = (
    [
        *NOT_A_DICT,
        {},
        {"broker": {}},
        *({"caller": role} for role in [*NOT_A_DICT, None]),
        *({"callee": {"features": value}} for value in NOT_A_DICT),
        *({"callee": {"features": {"f": value}}} for value in NOT_A_BOOLEAN),
    ],
    [
        {"caller": {}},
        {"caller": {}, "callee": {}, "publisher": {}, "subscriber": {}},
        {"caller": {"features": FEATURES}},
        {"caller": {"features": None}},
        {"caller": {"x": 1}, "x_unknown": 7},
    ],
)
PPT = dict.fromkeys(PPT_KEYS, STRING)

#: Code → known key → (values to refuse, values to keep) (specification, 2.2, 5 and 6).
KNOWN: dict[int, dict[str, tuple[list[Any], list[Any]]]] = {
    1: {
        "roles": ROLES_VALUES,
        "agent": STRING,
        "authmethods": STRINGS,
        "authid": STRING,
        "authrole": STRING,
        "authextra": DICT,
    },
    6: {"message": STRING},
    8: PPT,
    16: {
        "acknowledge": BOOLEAN,
        "exclude_me": BOOLEAN,
        "disclose_me": BOOLEAN,
        "retain": BOOLEAN,
        "exclude": IDS,
        "eligible": IDS,
        "exclude_authid": STRINGS,
        "exclude_authrole": STRINGS,
        "eligible_authid": STRINGS,
        "eligible_authrole": STRINGS,
        **PPT,
    },
    32: {"match": MATCH, "get_retained": BOOLEAN},
    48: {
        "receive_progress": BOOLEAN,
        "progress": BOOLEAN,
        "disclose_me": BOOLEAN,
        "timeout": TIMEOUT,
        **PPT,
    },
    49: {"mode": (NO_CHOICE, MODES)},
    64: {
        "match": MATCH,
        "invoke": (NO_CHOICE, INVOKES),
        "disclose_caller": BOOLEAN,
        "forward_timeout": BOOLEAN,
    },
    70: {"progress": BOOLEAN, **PPT},
}
KEYS = [(code, key) for code, keys in KNOWN.items() for key in keys]


def with_key(code: int, key: str, value: Any) -> list[Any]:
    wire = shortest(code)
    wire[dict_at(code)][key] = copy.deepcopy(value)
    return wire


def dict_at(code: int) -> int:
    return LAYOUTS[code][0].index("dict") + 1


@pytest.mark.parametrize(
    ("code", "key", "value"),
    [(code, key, value) for code, key in KEYS for value in KNOWN[code][key][0]],
)
def test_a_known_key_with_a_wrong_value_is_refused_by_name(
    code: int, key: str, value: Any
) -> None:
    """REQ-MSG-005, 007, 008; REQ-SES-018, 020."""
    assert key in refused(with_key(code, key, value))


@pytest.mark.parametrize(
    ("code", "key", "value"),
    [(code, key, value) for code, key in KEYS for value in KNOWN[code][key][1]],
)
def test_a_known_key_with_a_right_value_is_kept(
    code: int, key: str, value: Any
) -> None:
    """REQ-SES-019."""
    wire = m.marshal(m.parse(with_key(code, key, value)))

    assert wire[dict_at(code)][key] == value


@pytest.mark.parametrize(("code", "key"), [k for k in KEYS if k[1] != "roles"])
def test_a_known_key_with_null_is_absent(code: int, key: str) -> None:
    """REQ-MSG-011: wampy sends its unset options so."""
    wire = m.marshal(m.parse(with_key(code, key, None)))

    assert wire == shortest(code)


@pytest.mark.parametrize("details", [{}, {"roles": None}])
def test_a_hello_without_roles_is_refused(details: dict[str, Any]) -> None:
    """REQ-SES-018."""
    assert "roles" in refused([1, "realm1", details])


@pytest.mark.parametrize(
    "code", [code for code, (kinds, _) in LAYOUTS.items() if "dict" in kinds]
)
@pytest.mark.parametrize("value", [None, 1, "x", [{}], {"a": 1}])
def test_an_unknown_key_is_ignored_whatever_its_value(code: int, value: Any) -> None:
    """REQ-MSG-009."""
    wire = m.marshal(m.parse(with_key(code, "x_vendor", value)))

    assert wire[dict_at(code)]["x_vendor"] == value


@pytest.mark.parametrize("key", ["exclude", "eligible"])
def test_the_ids_in_a_list_may_come_as_integral_floats(key: str) -> None:
    """REQ-ID-011."""
    parsed = m.parse(with_key(16, key, [1.0, 2]))

    assert isinstance(parsed, m.Publish)
    assert [type(item) for item in parsed.options[key]] == [int, int]


@pytest.mark.parametrize(("sent", "kept"), [(1500.0, 1500), (0.25, 1), (0.0, 0)])
def test_a_timeout_may_be_a_float_and_is_rounded_up(sent: float, kept: int) -> None:
    """REQ-RPC-087: rounding down would turn a short timeout into none at all."""
    parsed = m.parse(with_key(48, "timeout", sent))

    assert isinstance(parsed, m.Call)
    assert parsed.options["timeout"] == kept
    assert type(parsed.options["timeout"]) is int


def test_choices_become_members_that_serialize_as_text() -> None:
    """REQ-MSG-008."""
    parsed = m.parse([64, 1, {"invoke": "last"}, "a.proc"])

    assert isinstance(parsed, m.Register)
    invoke = parsed.options["invoke"]
    assert (invoke, type(invoke)) == ("last", m.InvokePolicy)


@pytest.mark.parametrize(
    ("wire", "secret"),
    [
        ([16, 1, {"acknowledge": "s3cret"}, "a.topic"], "s3cret"),
        ([5, {"s3cret": 1}, {}], "s3cret"),
        ([48, 1, {}, "a.proc", "s3cret"], "s3cret"),
        (["s3cret", 1], "s3cret"),
    ],
)
def test_a_refusal_does_not_quote_what_was_sent(wire: list[Any], secret: str) -> None:
    assert secret not in refused(wire)


# --- Marshalling ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "kwargs", "tail"),
    [
        (None, None, []),
        ([], None, []),
        (None, {}, []),
        ([], {}, []),
        ([1], {}, [[1]]),
        ([1], None, [[1]]),
        (None, {"k": 1}, [[], {"k": 1}]),
        ([], {"k": 1}, [[], {"k": 1}]),
        ([None], {"k": None}, [[None], {"k": None}]),
    ],
)
@pytest.mark.parametrize("code", sorted(WITH_PAYLOAD))
def test_empty_payload_is_left_out_and_never_null(
    code: int, args: Any, kwargs: Any, tail: list[Any]
) -> None:
    """REQ-MSG-018, 019, 021."""
    message: Any = m.parse(shortest(code))
    message.args, message.kwargs = args, kwargs

    assert m.marshal(message) == [*shortest(code), *tail]


@pytest.mark.parametrize("message", [m.Unsubscribed(0, {}), m.Unregistered(0, {})])
def test_a_revocation_keeps_its_empty_details(message: m.Message) -> None:
    """REQ-MSG-020."""
    assert m.marshal(message) == [message.CODE, 0, {}]


def test_payload_is_passed_on_value_for_value() -> None:
    """REQ-MSG-017, REQ-TYP-003."""
    args: list[Any] = [None, -1, 2**70, 1.0, b"\0\xff", {"a": [{}]}, "\0"]

    parsed = m.parse([48, 1, {}, "a.proc", copy.deepcopy(args)])

    assert isinstance(parsed, m.Call)
    assert parsed.args == args
    assert [type(value) for value in parsed.args] == [type(value) for value in args]
