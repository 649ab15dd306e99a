"""CBOR: fenced to the types of WAMP."""

from __future__ import annotations

import datetime
import math
import sys
import types
from collections.abc import Callable
from typing import Any

import cbor2
import msgspec
import pytest

from aiohttp_serverwamp import serializers
from aiohttp_serverwamp.errors import ConfigurationError, EncodingError, InvalidPayload
from aiohttp_serverwamp.serializers import cbor
from aiohttp_serverwamp.serializers.cbor import (
    MAX_DEPTH,
    MAX_INTEGER_SIZE,
    CBORSerializer,
)

serializer = CBORSerializer()

WRAPPERS: dict[str, tuple[bytes, Callable[[Any], Any]]] = {
    "flat": (b"\x81", lambda value: [value]),
    "deep": (b"\x81" * 12, lambda value: nested(12, value)),
    "in a map": (b"\x82\x41x\xa1\x61k", lambda value: [b"x", {"k": value}]),
}
wrappers = pytest.mark.parametrize("wrapper", WRAPPERS)


def nested(depth: int, value: Any) -> Any:
    """Return `value` within `depth` lists, one in the other."""
    for _ in range(depth):
        value = [value]
    return value


def test_it_names_its_subprotocol_and_kind_of_frame() -> None:
    """REQ-SER-001: CBOR goes in binary frames."""
    assert (serializer.name, serializer.binary) == ("cbor", True)


# --- Encoding -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "data"),
    [
        (None, b"\xf6"),
        (True, b"\xf5"),
        (1, b"\x01"),
        (-1, b"\x20"),
        (2**64 - 1, b"\x1b" + b"\xff" * 8),
        (-(2**64), b"\x3b" + b"\xff" * 8),
        (2**64, b"\xc2\x49\x01" + b"\0" * 8),
        (-(2**64) - 1, b"\xc3\x49\x01" + b"\0" * 8),
        (1.0, b"\xfb\x3f\xf0" + b"\0" * 6),
        ("é", b"\x62\xc3\xa9"),
        (b"\xff", b"\x41\xff"),
        ([], b"\x80"),
        ({"a": {}}, b"\xa1\x61a\xa0"),
    ],
)
def test_the_types_of_wamp_are_encoded(value: Any, data: bytes) -> None:
    """REQ-SER-004, REQ-SER-012: of definite length."""
    assert serializer.encode([value]) == b"\x81" + data


def test_what_occurs_twice_is_written_twice() -> None:
    """REQ-SER-012: no references, which few clients follow."""
    shared = {"a": ["x" * 20]}

    assert serializer.encode([shared, shared]) == (
        b"\x82" + 2 * serializer.encode([shared])[1:]
    )


def test_nan_and_infinity_are_carried() -> None:
    """REQ-TYP-003."""
    nan, infinity = serializer.decode(serializer.encode([float("nan"), float("inf")]))

    assert math.isnan(nan)
    assert infinity == float("inf")


def test_a_timestamp_of_messagepack_is_written_as_text() -> None:
    """REQ-SER-011; other extensions cannot be carried."""
    moment = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)

    decoded = serializer.decode(serializer.encode([moment, {"at": moment}]))

    assert decoded == ["2026-01-02T03:04:05Z", {"at": "2026-01-02T03:04:05Z"}]
    with pytest.raises(EncodingError, match="Ext"):
        serializer.encode([msgspec.msgpack.Ext(42, b"")])


@pytest.mark.parametrize("value", ["s3cret\ud800", {"s3cret\ud800": 1}])
def test_a_lone_surrogate_cannot_be_encoded_and_is_not_quoted(value: Any) -> None:
    """REQ-TYP-005."""
    with pytest.raises(EncodingError) as caught:
        serializer.encode([value])

    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("value", [object(), 1 + 2j, {1}, iter([])])
@pytest.mark.parametrize("wrap", [lambda value: value, lambda value: {"k": [value]}])
def test_a_foreign_object_cannot_be_encoded(
    value: Any, wrap: Callable[[Any], Any]
) -> None:
    """REQ-TYP-005: cbor2 has tags for sets and complex numbers."""
    with pytest.raises(EncodingError, match=type(value).__name__):
        serializer.encode([wrap(value)])


def test_the_depth_of_what_is_encoded_is_bounded() -> None:
    """REQ-TYP-005: cbor2 has no bound, and ends the process where the stack ends."""
    deepest = nested(MAX_DEPTH, 1)

    assert serializer.decode(serializer.encode(deepest)) == deepest
    for depth in (MAX_DEPTH + 1, 200_000):
        with pytest.raises(EncodingError, match="400"):
            serializer.encode(nested(depth, 1))
    with pytest.raises(EncodingError, match="400"):
        serializer.encode(nested(MAX_DEPTH - 1, {"a": {"b": 1}}))


# --- Decoding -------------------------------------------------------------------------


@wrappers
@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"\xf6", None),
        (b"\xf4", False),
        (b"\xf5", True),
        (b"\x01", 1),
        (b"\x18\x01", 1),
        (b"\x20", -1),
        (b"\x1b" + b"\xff" * 8, 2**64 - 1),
        (b"\xc2\x49\x01" + b"\0" * 8, 2**64),
        (b"\xc3\x49\x01" + b"\0" * 8, -(2**64) - 1),
        (b"\xc2\x40", 0),
        (b"\xc2\x42\0\1", 1),
        (b"\xf9\x3c\x00", 1.0),
        (b"\xfa\x3f\x80\x00\x00", 1.0),
        (b"\xfb\x3f\xf0" + b"\0" * 6, 1.0),
        (b"\x62\xc3\xa9", "é"),
        (b"\x40", b""),
        (b"\x42\xff\x00", b"\xff\x00"),
        # As JavaScript writes a Uint8Array.
        (b"\xd8\x40\x42\xff\x00", b"\xff\x00"),
        (b"\x80", []),
        (b"\xa0", {}),
        (b"\xa1\x61a\x81\x02", {"a": [2]}),
        # Of indefinite length.
        (b"\x9f\x01\x02\xff", [1, 2]),
        (b"\xbf\x61a\x01\xff", {"a": 1}),
        (b"\x5f\x41a\x41b\xff", b"ab"),
        (b"\x7f\x61a\x61b\xff", "ab"),
    ],
)
def test_the_types_of_wamp_are_decoded(wrapper: str, data: bytes, value: Any) -> None:
    """REQ-SER-004, 012, REQ-TYP-003."""
    prefix, wrap = WRAPPERS[wrapper]

    decoded = serializer.decode(prefix + data)

    assert repr(decoded) == repr(wrap(value))


@wrappers
def test_undefined_is_null(wrapper: str) -> None:
    """REQ-MSG-011: what JavaScript's undefined is sent as, at any depth."""
    prefix, wrap = WRAPPERS[wrapper]

    decoded = serializer.decode(prefix + b"\xa2\x61a\xf7\x61b\x83\x01\xf7\x80")

    assert decoded == wrap({"a": None, "b": [1, None, []]})
    assert serializer.decode(b"\xf7") is None


@wrappers
@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\xe0", id="simple value 0"),
        pytest.param(b"\xf0", id="simple value 16"),
        pytest.param(b"\xf8\xff", id="simple value 255"),
        pytest.param(b"\xf8\x14", id="false in two bytes"),
        pytest.param(b"\xa1\x01\x02", id="integer key"),
        pytest.param(b"\xa1\x41a\x02", id="bytes key"),
        pytest.param(b"\xa1\xf6\x02", id="null key"),
        pytest.param(b"\xa1\xf7\x02", id="undefined key"),
        pytest.param(b"\xa1\xf5\x02", id="boolean key"),
        pytest.param(b"\xa1\xfb" + b"\0" * 8 + b"\x02", id="float key"),
        pytest.param(b"\xa1\x81\x01\x02", id="list key"),
        pytest.param(b"\xa1\xa0\x02", id="map key"),
        pytest.param(b"\xa1\xc2\x41\x01\x02", id="big integer key"),
        pytest.param(b"\xa2\x61a\x01\x01\x02", id="second key an integer"),
        pytest.param(b"\xc2\x01", id="big integer of an integer"),
        pytest.param(b"\xc2\x61a", id="big integer of text"),
        pytest.param(b"\xc3\xc2\x41a", id="big integer of a big integer"),
        pytest.param(b"\xd8\x40\x61a", id="byte array of text"),
        pytest.param(b"\xd8\x40\xd8\x40\x80", id="byte array of a list"),
        pytest.param(b"\xa1\xd8\x40\x41a\x02", id="byte array as key"),
        pytest.param(b"\x61\xff", id="not UTF-8"),
        pytest.param(b"\xa1\x61\xff\x01", id="key not UTF-8"),
        pytest.param(b"\x63\xed\xa0\x80", id="surrogate in UTF-8"),
        pytest.param(b"\x62\xc0\x80", id="overlong UTF-8"),
        pytest.param(b"\x7f\x61\xc3\x61\xa9\xff", id="character in two chunks"),
        pytest.param(b"\x7f\x41a\xff", id="bytes in text"),
        pytest.param(b"\x1c", id="reserved integer"),
        pytest.param(b"\xfc", id="reserved simple value"),
        pytest.param(b"\xff", id="break"),
        pytest.param(b"\xbf\x61a\xff", id="key without value"),
        pytest.param(b"\x9f\x01", id="indefinite list without end"),
        pytest.param(b"", id="nothing"),
        pytest.param(b"\x82\x01", id="list cut short"),
        pytest.param(b"\x65abc", id="text cut short"),
        pytest.param(b"\x9a\xff\xff\xff\xff\x01", id="claims 2^32 items"),
        pytest.param(b"\x9b" + b"\xff" * 8, id="claims 2^64 items"),
        pytest.param(b"\xbb" + b"\xff" * 8 + b"\x61a\x01", id="claims 2^64 keys"),
        pytest.param(b"\x7b" + b"\xff" * 8 + b"a", id="claims 2^64 bytes of text"),
        pytest.param(b"\x5b" + b"\xff" * 8 + b"a", id="claims 2^64 bytes"),
        pytest.param(b"\x01\x01", id="something after it"),
        pytest.param(b"\x01\xff", id="a break after it"),
    ],
)
def test_what_is_no_wamp_value_is_refused_anywhere(wrapper: str, data: bytes) -> None:
    """REQ-MSG-006, REQ-MSG-013, REQ-SER-013."""
    prefix, _ = WRAPPERS[wrapper]

    with pytest.raises(InvalidPayload):
        serializer.decode(prefix + data)


#: What stands under a tag in the way that it asks for, where cbor2 knows it.
TAGGED: dict[int, Any] = {
    0: "2013-03-21T20:04:00Z",
    1: 1363896240,
    4: [1, 2],
    5: [1, 2],
    30: [1, 2],
    35: "a",
    36: "To: a@example.com\n\nb",
    37: b"\0" * 16,
    52: b"\0" * 4,
    54: b"\0" * 16,
    100: 1,
    258: [1],
    260: b"\0" * 4,
    261: {b"\0" * 4: 8},
    1004: "2013-03-21",
    43000: [1.0, 2.0],
}
#: Both have a value of their own, and so have references to text and to values.
REFERENCES = {
    "a list in itself": b"\xd8\x1c\x81\xd8\x1d\x00",
    "a value again": b"\x82\xd8\x1c\x81\x01\xd8\x1d\x00",
    "a text again": b"\xd9\x01\x00\x82\x65hello\xd8\x19\x00",
    "that which is not": b"\xd8\x1d\x00",
}


OTHER_TAGS = [*range(2), *range(4, 64), *range(65, 88), *TAGGED, 255, 256, 257]


@wrappers
@pytest.mark.parametrize("tag", [*OTHER_TAGS, 55799, 2**32, 2**64 - 1])
def test_a_tag_is_refused(wrapper: str, tag: int) -> None:
    """REQ-SER-011."""
    prefix, _ = WRAPPERS[wrapper]
    data = cbor2.dumps(cbor2.CBORTag(tag, TAGGED.get(tag, "a")))

    with pytest.raises(InvalidPayload, match="tag"):
        serializer.decode(prefix + data)


@pytest.mark.parametrize("data", REFERENCES.values(), ids=REFERENCES)
def test_a_reference_is_refused(data: bytes) -> None:
    """REQ-SER-011: to encode it again would take any time, and any memory."""
    with pytest.raises(InvalidPayload, match="tag"):
        serializer.decode(b"\x81" + data)


def test_tags_would_be_decoded_were_they_not_refused() -> None:
    """The reason for the fence, should cbor2 change its mind."""
    for tag, value in TAGGED.items():
        data = cbor2.dumps(cbor2.CBORTag(tag, value))
        assert not isinstance(cbor2.loads(data), cbor2.CBORTag)
    cycle = cbor2.loads(REFERENCES["a list in itself"])
    assert cycle[0] is cycle


@wrappers
def test_of_two_equal_keys_the_last_holds(wrapper: str) -> None:
    """REQ-SER-012."""
    prefix, wrap = WRAPPERS[wrapper]

    assert serializer.decode(prefix + b"\xa2\x61a\x01\x61a\x02") == wrap({"a": 2})


@pytest.mark.parametrize("tag", [2, 3])
@pytest.mark.parametrize("chunks", [False, True])
def test_the_size_of_an_integer_is_bounded(tag: int, chunks: bool) -> None:
    """REQ-SER-014."""

    def integer(size: int) -> bytes:
        content = b"\x59" + size.to_bytes(2) + b"\xff" * size
        return bytes([0xC0 + tag]) + (
            b"\x5f" + content + b"\xff" if chunks else content
        )

    largest = 2 ** (8 * MAX_INTEGER_SIZE) - 1
    assert serializer.decode(integer(MAX_INTEGER_SIZE)) == (
        largest if tag == 2 else -largest - 1
    )
    with pytest.raises(InvalidPayload, match="1024 bytes"):
        serializer.decode(integer(MAX_INTEGER_SIZE + 1))


def test_keys_of_one_hash_are_refused_by_the_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """REQ-SER-014: their dict takes time that grows with the square of their number."""
    asked: list[bytes] = []

    def positive(value: bytes, immutable: bool) -> int:
        asked.append(value)
        return int.from_bytes(value)

    monkeypatch.setattr(cbor, "_positive", positive)
    colliding = b"".join(
        b"\xc2\x49" + (1 + number * (2**61 - 1)).to_bytes(9) + b"\x01"
        for number in range(100)
    )

    with pytest.raises(InvalidPayload):
        CBORSerializer().decode(b"\xb8\x64" + colliding)

    assert len(asked) <= 1


@pytest.mark.parametrize(
    ("opening", "closing"),
    [
        (b"\x81", b""),
        (b"\x9f", b"\xff"),
        (b"\xa1\x61a", b""),
        (b"\xbf\x61a", b"\xff"),
        (b"\xc2", b""),
        (b"\xd8\x40", b""),
        (b"\xa1", b""),
    ],
)
@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 1_100, 100_000])
def test_what_is_nested_too_deep_is_refused(
    opening: bytes, closing: bytes, depth: int
) -> None:
    """REQ-SER-014."""
    with pytest.raises(InvalidPayload):
        serializer.decode(opening * depth + b"\xf6" + closing * depth)


@pytest.mark.parametrize("limit", [1, 2, 20, MAX_DEPTH])
def test_a_limit_on_the_depth_holds(limit: int) -> None:
    """REQ-SER-014."""
    limited = CBORSerializer(max_depth=limit)

    assert limited.decode(b"\x81" * limit + b"\x01") == nested(limit, 1)
    for inner in (b"\x01", b"\x80", b"\xa0"):
        with pytest.raises(InvalidPayload, match=f"{limit} levels"):
            limited.decode(b"\x81" * (limit + (inner == b"\x01")) + inner)


@pytest.mark.parametrize("limit", [None, 0, 1_024])
def test_there_is_a_limit_in_any_case(limit: int | None) -> None:
    limited = CBORSerializer(max_depth=limit)

    assert limited.decode(b"\x81" * MAX_DEPTH + b"\x01") == nested(MAX_DEPTH, 1)
    with pytest.raises(InvalidPayload):
        limited.decode(b"\x81" * (MAX_DEPTH + 1) + b"\x01")


@pytest.mark.parametrize("data", ["", "text", '["text"]'])
def test_text_is_refused(data: str) -> None:
    """REQ-MSG-013."""
    with pytest.raises(InvalidPayload):
        serializer.decode(data)


def test_a_refusal_does_not_quote_what_was_sent() -> None:
    with pytest.raises(InvalidPayload) as caught:
        serializer.decode(b"\x82\x66s3cret")

    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None


# --- Without cbor2 --------------------------------------------------------------------


@pytest.fixture(params=["missing", "old"])
def without_cbor2(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Have cbor2 be missing, or of a version that knows no such options."""
    old = types.ModuleType("cbor2")
    vars(old)["CBORDecoder"] = lambda fp: None
    missing = request.param == "missing"
    monkeypatch.setitem(sys.modules, "cbor2", None if missing else old)
    monkeypatch.setattr(serializers, "SUBPROTOCOLS", serializers.serializers())


@pytest.mark.usefixtures("without_cbor2")
def test_without_cbor2_it_is_not_offered() -> None:
    assert [*serializers.serializers()] == [
        "wamp.2.json",
        "wamp.2.msgpack",
        "wamp.2.json.batched",
        "wamp.2.msgpack.batched",
    ]


@pytest.mark.usefixtures("without_cbor2")
@pytest.mark.parametrize(
    "ask",
    [
        CBORSerializer,
        lambda: serializers.serializer_for("wamp.2.cbor"),
        lambda: serializers.serializer_for("wamp.2.cbor.batched"),
    ],
)
def test_who_asks_for_it_is_told_what_to_install(ask: Callable[[], object]) -> None:
    with pytest.raises(
        ConfigurationError, match=r"pip install aiohttp-serverwamp\[cbor\]"
    ):
        ask()
