"""JSON: RFC 8259 out, plain data in, byte strings as U+0000 and base64."""

from __future__ import annotations

import base64
import json
import math
from array import array
from typing import Any

import pytest

from aiohttp_serverwamp.errors import EncodingError, InvalidPayload
from aiohttp_serverwamp.serializers.json import JSONSerializer

serializer = JSONSerializer()

#: The vector of the specification.
BINARY = bytes.fromhex("10e3ff9053075c526f5fc06d4fe37cdb")
BINARY_TEXT = '"\\u0000EOP/kFMHXFJvX8BtT+N82w=="'


def nested(depth: int) -> list[Any]:
    """Return `depth` lists, one within the other."""
    value: list[Any] = []
    for _ in range(depth - 1):
        value = [value]
    return value


def test_it_names_its_subprotocol_and_kind_of_frame() -> None:
    """REQ-SER-001: JSON goes in text frames."""
    assert (serializer.name, serializer.binary) == ("json", False)


# --- Encoding -------------------------------------------------------------------------


def test_output_is_compact_utf8() -> None:
    """REQ-SER-002."""
    assert serializer.encode([48, {"ключ": "😀/"}]) == '[48,{"ключ":"😀/"}]'.encode()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_nan_and_infinity_cannot_be_encoded(value: float) -> None:
    """REQ-SER-002, REQ-TYP-005."""
    with pytest.raises(EncodingError):
        serializer.encode([50, 1, {}, [{"a": [value]}]])


@pytest.mark.parametrize("text", ["\ud800", "a\udfffb", "\udc00\ud800"])
def test_a_lone_surrogate_is_escaped(text: str) -> None:
    """REQ-SER-002: the bytes are UTF-8, and the receiver gets the same text."""
    encoded = serializer.encode([text, {text: "é"}])

    assert encoded.isascii()
    assert json.loads(encoded.decode()) == [text, {text: "é"}]


@pytest.mark.parametrize("value", [object(), {1}, 1 + 2j, iter([]), array("b"), json])
def test_a_foreign_object_cannot_be_encoded_and_is_not_quoted(value: Any) -> None:
    """REQ-TYP-005."""
    with pytest.raises(EncodingError, match=type(value).__name__) as caught:
        serializer.encode([50, 1, {}, [{"a": [value, "s3cret"]}]])

    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("depth", [1_100, 200_000])
def test_what_is_nested_too_deep_cannot_be_encoded(depth: int) -> None:
    with pytest.raises(EncodingError):
        serializer.encode(nested(depth))


def test_what_contains_itself_cannot_be_encoded() -> None:
    loop: list[Any] = []
    loop.append(loop)

    with pytest.raises(EncodingError):
        serializer.encode(loop)


def test_an_integer_beyond_pythons_bound_for_text_cannot_be_encoded() -> None:
    with pytest.raises(EncodingError, match="for JSON: integer too long"):
        serializer.encode([10**5_000])


def test_a_failure_is_the_predefined_application_error() -> None:
    """REQ-TYP-005: the caller of a procedure is told with this URI."""
    with pytest.raises(EncodingError) as caught:
        serializer.encode([float("nan")])

    assert caught.value.uri == "wamp.error.invalid_payload"
    assert caught.value.__cause__ is None


# --- Byte strings ---------------------------------------------------------------------


def test_the_vector_of_the_specification() -> None:
    """REQ-SER-006."""
    assert serializer.encode([BINARY]) == f"[{BINARY_TEXT}]".encode()
    assert serializer.decode(f"[{BINARY_TEXT}]") == [BINARY]


@pytest.mark.parametrize("value", [b"", b"\0", b"\xff\xfe", bytes(range(256)) * 100])
@pytest.mark.parametrize("kind", [bytes, bytearray])
def test_byte_strings_are_converted_at_any_depth(value: bytes, kind: type) -> None:
    """REQ-SER-005, REQ-SER-007."""
    text = "\0" + base64.b64encode(value).decode()
    payload = [kind(value), {"a": [{"b": kind(value)}, "plain"]}]

    encoded = serializer.encode(payload)

    assert json.loads(encoded) == [text, {"a": [{"b": text}, "plain"]}]
    assert serializer.decode(encoded) == [value, {"a": [{"b": value}, "plain"]}]


def test_byte_strings_are_decoded_below_the_depth_of_recursion() -> None:
    """REQ-SER-007."""
    decoded = serializer.decode("[" * 1_000 + BINARY_TEXT + "]" * 1_000)

    for _ in range(1_000):
        (decoded,) = decoded
    assert decoded == BINARY


def test_a_message_that_is_one_byte_string_is_decoded() -> None:
    assert serializer.decode(BINARY_TEXT) == BINARY


@pytest.mark.parametrize(
    "text",
    [
        "AA",
        "A",
        "AA=",
        "A===",
        "=AAA",
        "AA==AA==",
        "A A=",
        "AAAA\\n",
        "-_A=",
        "é===",
        "\\u0000",
        "hello world",
    ],
)
def test_a_marked_string_that_is_no_base64_is_refused(text: str) -> None:
    """REQ-SER-008, REQ-SER-009."""
    with pytest.raises(InvalidPayload):
        serializer.decode(f'[48, 1, {{}}, "a.b", [{{"k": "\\u0000{text}"}}]]')


def test_only_a_leading_zero_character_marks_bytes() -> None:
    """REQ-SER-005: neither one inside, nor an escaped backslash, nor one in a key."""
    text = r'["a\u0000AA==", "\\u0000AA==", {"\u0000AA==": 1}]'

    assert serializer.decode(text) == ["a\0AA==", "\\u0000AA==", {"\0AA==": 1}]


# --- Decoding -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("1.0", 1.0),
        ("1e3", 1000.0),
        ("-0.5", -0.5),
        ("9007199254740993", 2**53 + 1),
        ("18446744073709551616", 2**64),
        ("-18446744073709551617", -(2**64) - 1),
        (str(2**8191), 2**8191),
        ("null", None),
        ("true", True),
        ("false", False),
    ],
)
def test_a_number_keeps_its_type_and_digits(text: str, value: Any) -> None:
    """REQ-SER-003, 004: integers of 1 KiB pass both ways."""
    (decoded,) = serializer.decode(f"[{text}]")

    assert (decoded, type(decoded)) == (value, type(value))
    assert serializer.decode(serializer.encode([value])) == [value]


@pytest.mark.parametrize("data", ['["é😀"]', '["é😀"]'.encode()])
def test_text_comes_as_str_or_as_utf8(data: str | bytes) -> None:
    assert serializer.decode(data) == ["é😀"]


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize(
    "text", ["{}", "[{}]", '{{"a":{}}}', '["\\\\",{}]', '["\\"",[1,{}]]', '["a", {} ]']
)
def test_the_literals_nan_and_infinity_are_refused(literal: str, text: str) -> None:
    """REQ-SER-002: ujson would read them."""
    with pytest.raises(InvalidPayload):
        serializer.decode(text.format(literal))


@pytest.mark.parametrize(
    "value",
    [
        ["NaN"],
        ["-Infinity", 1],
        {"Infinity": "NaN"},
        ['say "NaN", please'],
        ["\\", ",NaN,"],
        ['\\",NaN'],
        ["New Infinity\n[NaN]"],
    ],
)
def test_the_words_nan_and_infinity_are_ordinary_text(value: Any) -> None:
    assert serializer.decode(json.dumps(value)) == value


def test_a_number_beyond_a_double_is_infinite_as_everywhere() -> None:
    assert serializer.decode("[1e999]") == [math.inf]


@pytest.mark.parametrize(
    "data",
    [
        "",
        " ",
        "[",
        "[1",
        "[1,]",
        "{",
        '{"a"',
        '{"a":1,}',
        "{1:2}",
        "[1] [2]",
        "[1]x",
        "[1]\0",
        "nope",
        "tru",
        "'a'",
        '["a]',
        '["\\x41"]',
        '["\\ud8"]',
        "[1e]",
        "[.5]",
        "[0x10]",
        "/**/[1]",
        "\ufeff[1]",
        "9" * 5_000,
        b"\xff",
        b'["\xff"]',
        b'["\xc0\x80"]',
        b'["\xed\xa0\x80"]',
        b'["\xf4\x90\x80\x80"]',
        b'["\xe2\x82"]',
        b"\x93\x01\x02\x03",
    ],
)
def test_what_is_not_one_json_text_in_utf8_is_refused(data: str | bytes) -> None:
    """REQ-MSG-013, REQ-SER-013."""
    with pytest.raises(InvalidPayload):
        serializer.decode(data)


@pytest.mark.parametrize("opening", ["[", '{"a":', '[{"a":'])
@pytest.mark.parametrize("depth", [1_025, 100_000])
def test_what_is_nested_too_deep_is_refused(opening: str, depth: int) -> None:
    """REQ-SER-014."""
    with pytest.raises(InvalidPayload):
        serializer.decode(opening * depth)


def test_the_depth_admitted_is_1024_where_no_limit_is_set() -> None:
    """REQ-SER-014."""
    decoded = serializer.decode("[" * 1_024 + "]" * 1_024)

    depth = 1
    while decoded:
        (decoded,) = decoded
        depth += 1
    assert depth == 1_024


@pytest.mark.parametrize("text", ["[[[]]]", '[[{"a":1}]]', '{"a":[1,{}]}'])
def test_a_limit_on_the_depth_holds(text: str) -> None:
    """REQ-SER-014: here, of three levels."""
    assert JSONSerializer(max_depth=3).decode(text) == json.loads(text)
    with pytest.raises(InvalidPayload, match="2 levels"):
        JSONSerializer(max_depth=2).decode(text)


@pytest.mark.parametrize("unlimited", [None, 0])
def test_none_and_zero_switch_the_limit_off(unlimited: int | None) -> None:
    text = "[" * 100 + "]" * 100

    assert JSONSerializer(max_depth=unlimited).decode(text) == nested(100)


def test_of_two_equal_keys_the_last_holds() -> None:
    """REQ-SER-012."""
    assert serializer.decode('{"a":1,"a":2}') == {"a": 2}


def test_a_refusal_does_not_quote_what_was_sent() -> None:
    with pytest.raises(InvalidPayload) as caught:
        serializer.decode('["s3cret"')

    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_the_codec_options_stand_in_the_codecs_order() -> None:
    """They are given by position: one out of place would change this text."""
    message: list[Any] = [{"b": "</é&>", "a": [1.5, None]}, b"\x10\xe3"]

    assert JSONSerializer().encode(message) == (
        '[{"b":"</é&>","a":[1.5,null]},"\\u0000EOM="]'.encode()
    )
    with pytest.raises(EncodingError):
        JSONSerializer().encode([float("nan")])
