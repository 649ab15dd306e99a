"""MessagePack: fenced to the types of WAMP."""

from __future__ import annotations

import datetime
import math
import struct
from collections.abc import Callable
from typing import Any

import pytest
from msgspec.msgpack import Ext

from aiohttp_serverwamp.errors import EncodingError, InvalidPayload
from aiohttp_serverwamp.serializers.msgpack import MsgPackSerializer

serializer = MsgPackSerializer()

#: A level deeper than the message that is decoded in one go, and with a byte string:
#: what stands inside either is checked by the walk.
WRAPPERS: dict[str, tuple[bytes, Callable[[Any], Any]]] = {
    "flat": (b"\x91", lambda value: [value]),
    "deep": (b"\x91" * 12, lambda value: nested(12, value)),
    "beside bytes": (b"\x92\xc4\x01x", lambda value: [b"x", value]),
    "in a map": (b"\x81\xa1k\x92\xc4\x01x", lambda value: {"k": [b"x", value]}),
}
wrappers = pytest.mark.parametrize("wrapper", WRAPPERS)


def nested(depth: int, value: Any) -> Any:
    """Return `value` within `depth` lists, one in the other."""
    for _ in range(depth):
        value = [value]
    return value


def test_it_names_its_subprotocol_and_kind_of_frame() -> None:
    """REQ-SER-001: MessagePack goes in binary frames."""
    assert (serializer.name, serializer.binary) == ("msgpack", True)


# --- Encoding -------------------------------------------------------------------------


def test_bytes_are_bin_and_text_is_str() -> None:
    """REQ-SER-010."""
    assert serializer.encode([b"a", "a"]) == b"\x92\xc4\x01a\xa1a"


@pytest.mark.parametrize("value", [2**64 - 1, -(2**63), 2**53 + 1])
def test_integers_of_64_bits_survive(value: int) -> None:
    """REQ-SER-004."""
    assert serializer.decode(serializer.encode([value])) == [value]


@pytest.mark.parametrize("value", [2**64, -(2**63) - 1, 2**8_000])
def test_larger_integers_cannot_be_encoded(value: int) -> None:
    """REQ-TYP-005."""
    with pytest.raises(EncodingError):
        serializer.encode([50, 1, {}, [{"a": value}]])


def test_nan_and_infinity_are_carried() -> None:
    """REQ-TYP-003."""
    nan, infinity = serializer.decode(serializer.encode([float("nan"), float("inf")]))

    assert math.isnan(nan)
    assert infinity == float("inf")


@pytest.mark.parametrize("value", ["s3cret\ud800", {"s3cret\ud800": 1}])
def test_a_lone_surrogate_cannot_be_encoded_and_is_not_quoted(value: Any) -> None:
    """REQ-TYP-005."""
    with pytest.raises(EncodingError) as caught:
        serializer.encode([value])

    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("value", [object(), 1 + 2j, iter([])])
def test_a_foreign_object_cannot_be_encoded(value: Any) -> None:
    """REQ-TYP-005."""
    with pytest.raises(EncodingError, match=type(value).__name__):
        serializer.encode([value])


def test_what_is_nested_too_deep_cannot_be_encoded() -> None:
    with pytest.raises(EncodingError):
        serializer.encode(nested(200_000, 1))


# --- Decoding -------------------------------------------------------------------------


@wrappers
@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"\xc0", None),
        (b"\xc2", False),
        (b"\xc3", True),
        (b"\x01", 1),
        (b"\xff", -1),
        (b"\xcf" + b"\xff" * 8, 2**64 - 1),
        (b"\xca\x3f\x80\x00\x00", 1.0),
        (b"\xcb\x3f\xf0" + b"\0" * 6, 1.0),
        (b"\xa2\xc3\xa9", "é"),
        (b"\xd9\x01a", "a"),
        (b"\xc4\x00", b""),
        (b"\xc4\x02\xff\x00", b"\xff\x00"),
        (b"\x90", []),
        (b"\x80", {}),
        (b"\x81\xa1a\x91\x02", {"a": [2]}),
    ],
)
def test_the_types_of_wamp_are_decoded(wrapper: str, data: bytes, value: Any) -> None:
    """REQ-SER-010, REQ-TYP-003."""
    prefix, wrap = WRAPPERS[wrapper]

    decoded = serializer.decode(prefix + data)

    assert decoded == wrap(value)
    assert repr(decoded) == repr(wrap(value))


@wrappers
@pytest.mark.parametrize(
    "undefined", [b"\xd4\x00\x00", b"\xc7\x00\x00", b"\xd5\x00ab", b"\xc7\x01\x00a"]
)
def test_extension_type_0_is_null(wrapper: str, undefined: bytes) -> None:
    """REQ-MSG-011: what JavaScript's undefined is sent as, at any depth."""
    prefix, wrap = WRAPPERS[wrapper]

    assert serializer.decode(prefix + b"\x81\xa1a" + undefined) == wrap({"a": None})


@wrappers
@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\xd4\xff\x00", id="bad timestamp"),
        pytest.param(b"\x81\x01\x02", id="integer key"),
        pytest.param(b"\x81\xc4\x01a\x02", id="bytes key"),
        pytest.param(b"\x81\xc0\x02", id="nil key"),
        pytest.param(b"\x81\xc3\x02", id="boolean key"),
        pytest.param(b"\x81\xcb" + b"\0" * 8 + b"\x02", id="float key"),
        pytest.param(b"\x81\x91\x01\x02", id="list key"),
        pytest.param(b"\x81\x80\x02", id="map key"),
        pytest.param(b"\x81\xd4\x00\x00\x02", id="undefined key"),
        pytest.param(b"\x81\xd4\x01\x00\x02", id="extension key"),
        pytest.param(b"\x81\xd6\xff" + b"\0" * 4 + b"\x02", id="timestamp key"),
        pytest.param(b"\x82\xa1a\x01\x01\x02", id="second key an integer"),
        pytest.param(b"\xa1\xff", id="not UTF-8"),
        pytest.param(b"\x81\xa1\xff\x01", id="key not UTF-8"),
        pytest.param(b"\xa3\xed\xa0\x80", id="surrogate in UTF-8"),
        pytest.param(b"\xa2\xc0\x80", id="overlong UTF-8"),
        pytest.param(b"\xc1", id="unassigned code"),
        pytest.param(b"", id="nothing"),
        pytest.param(b"\x92\x01", id="list cut short"),
        pytest.param(b"\xa5abc", id="text cut short"),
        pytest.param(b"\xdd\xff\xff\xff\xff\x01", id="claims 2^32 items"),
        pytest.param(b"\xdf\xff\xff\xff\xff\xa1a\x01", id="claims 2^32 keys"),
        pytest.param(b"\xdb\xff\xff\xff\xffa", id="claims 4 GiB of text"),
        pytest.param(b"\xc6\xff\xff\xff\xffa", id="claims 4 GiB of bytes"),
        pytest.param(b"\x01\x01", id="something after it"),
    ],
)
def test_what_is_no_wamp_value_is_refused_anywhere(wrapper: str, data: bytes) -> None:
    """REQ-MSG-006, REQ-MSG-013, REQ-SER-013."""
    prefix, _ = WRAPPERS[wrapper]

    with pytest.raises(InvalidPayload):
        serializer.decode(prefix + data)


#: What may stand in front of a key: each way to write a value.
VALUES: dict[str, list[bytes]] = {
    "fixint": [b"\x7f", b"\xe0"],
    "nil and booleans": [b"\xc0", b"\xc2", b"\xc3"],
    "floats": [b"\xca" + b"\1" * 4, b"\xcb" + b"\1" * 8],
    "unsigned": [bytes([0xCC + power]) + b"\1" * 2**power for power in range(4)],
    "signed": [bytes([0xD0 + power]) + b"\1" * 2**power for power in range(4)],
    "fixstr": [bytes([0xA0 + length]) + b"k" * length for length in range(32)][-12:],
    "str": [b"\xd9\1k", b"\xda\0\1k", b"\xdb\0\0\0\2kk"],
    "bin": [b"\xc4\1k", b"\xc5\0\1k", b"\xc6\0\0\0\2kk"],
    "ext": [b"\xc7\1\0k", b"\xc8\0\1\0k", b"\xc9\0\0\0\1\0k"],
    "fixext": [bytes([0xD4 + power, 0]) + b"k" * 2**power for power in range(5)],
    "arrays": [b"\x90", b"\x91\1", b"\xdc\0\1\1", b"\xdd\0\0\0\1\1"],
    "maps": [
        b"\x80",
        b"\x81\xa1k\1",
        b"\xde\0\1\xd9\1k\1",
        b"\xdf\0\0\0\1\xda\0\1k\x91\1",
    ],
}
KEYS: dict[str, bytes] = {
    "array": b"\x92\1\2",
    "long array": b"\xdc\0\1\1",
    "integer": b"\xcf" + struct.pack(">Q", 2**61 - 1),
    "fixint": b"\1",
    "double": b"\xcb" + b"\0" * 8,
    "bytes": b"\xc4\1k",
    "extension": b"\xd4\0k",
    "map": b"\x80",
}


@pytest.fixture
def without_decoding(monkeypatch: pytest.MonkeyPatch) -> MsgPackSerializer:
    """Return a serializer whose decoder of all types must not be asked."""

    def decode(data: bytes) -> Any:
        raise AssertionError("a dict would have been built")

    strict = MsgPackSerializer()
    monkeypatch.setattr(strict, "_decode_any", decode)
    return strict


@pytest.mark.parametrize("values", VALUES)
@pytest.mark.parametrize("opening", [b"\x82", b"\xde\0\2", b"\xdf\0\0\0\2"])
@pytest.mark.parametrize("key", KEYS)
def test_a_map_with_other_keys_than_text_is_refused_before_it_is_built(
    values: str, opening: bytes, key: str, without_decoding: MsgPackSerializer
) -> None:
    """REQ-SER-012: its keys could be chosen to have one hash, all of them."""
    items = bytes([0x90 + len(VALUES[values])]) + b"".join(VALUES[values])
    data = opening + b"\xa1k" + items + KEYS[key] + b"\1"

    with pytest.raises(InvalidPayload, match="key that is not a string"):
        without_decoding.decode(b"\x92\xc4\1x" + data)


@pytest.mark.parametrize("values", VALUES)
def test_values_of_every_kind_may_stand_before_text_as_key(values: str) -> None:
    """REQ-SER-012: the look at the keys does not lose its place."""
    items = bytes([0x90 + len(VALUES[values])]) + b"".join(VALUES[values])
    data = b"\x93\xc4\1x\x82\xa1k" + items + b"\xdb\0\0\0\1l\1\x02"

    decoded = serializer.decode(data)

    assert (decoded[0], decoded[1]["l"], decoded[2]) == (b"x", 1, 2)


def test_the_decoder_for_all_types_is_asked_only_behind_that_look(
    without_decoding: MsgPackSerializer,
) -> None:
    """The test above would pass as well with a decoder that is never asked."""
    with pytest.raises(AssertionError, match="built"):
        without_decoding.decode(b"\x81\xa1k\xc4\1x")


@pytest.mark.parametrize("data", [b"", b"\x90\x90", b"\xc1", '["text"]', ""])
def test_what_is_not_one_value_is_refused(data: str | bytes) -> None:
    """REQ-MSG-013."""
    with pytest.raises(InvalidPayload):
        serializer.decode(data)


@wrappers
def test_of_two_equal_keys_the_last_holds(wrapper: str) -> None:
    """REQ-SER-012."""
    prefix, wrap = WRAPPERS[wrapper]

    assert serializer.decode(prefix + b"\x82\xa1a\x01\xa1a\x02") == wrap({"a": 2})


@pytest.mark.parametrize("opening", [b"\x91", b"\x81\xa1a", b"\x92\xc4\x01x"])
@pytest.mark.parametrize("depth", [1_100, 100_000])
def test_what_is_nested_too_deep_is_refused(opening: bytes, depth: int) -> None:
    """REQ-SER-014."""
    with pytest.raises(InvalidPayload):
        serializer.decode(opening * depth + b"\xc0")


@pytest.mark.parametrize("limit", [1, 2, 7, 8, 9, 20])
@pytest.mark.parametrize("inner", [b"\x01", b"\xc4\x01x"])
def test_a_limit_on_the_depth_holds(limit: int, inner: bytes) -> None:
    """REQ-SER-014: for the message that is decoded in one go, and for the other."""
    limited = MsgPackSerializer(max_depth=limit)

    decoded = limited.decode(b"\x91" * limit + inner)

    assert decoded == serializer.decode(b"\x91" * limit + inner)
    with pytest.raises(InvalidPayload):
        limited.decode(b"\x91" * (limit + 1) + inner)


@pytest.mark.parametrize("unlimited", [None, 0])
def test_none_and_zero_switch_the_limit_off(unlimited: int | None) -> None:
    data = b"\x91" * 100 + b"\x01"

    assert MsgPackSerializer(max_depth=unlimited).decode(data) == nested(100, 1)


EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


@wrappers
@pytest.mark.parametrize(
    ("data", "value"),
    [
        pytest.param(b"\xd4\x01a", Ext(1, b"a"), id="extension 1"),
        pytest.param(b"\xd4\x7fa", Ext(127, b"a"), id="extension 127"),
        pytest.param(b"\xd4\x80a", Ext(-128, b"a"), id="extension -128"),
        pytest.param(b"\xc7\x00\x05", Ext(5, b""), id="empty extension"),
        pytest.param(b"\xd6\xff" + b"\0" * 4, EPOCH, id="timestamp 32"),
        pytest.param(b"\xd7\xff" + b"\0" * 8, EPOCH, id="timestamp 64"),
        pytest.param(b"\xc7\x0c\xff" + b"\0" * 12, EPOCH, id="timestamp 96"),
    ],
)
def test_what_only_messagepack_has_is_carried(
    wrapper: str, data: bytes, value: object
) -> None:
    """REQ-SER-011."""
    prefix, wrap = WRAPPERS[wrapper]

    decoded = serializer.decode(prefix + data)

    assert decoded == wrap(value)
    assert serializer.decode(serializer.encode(decoded)) == decoded


def test_a_refusal_does_not_quote_what_was_sent() -> None:
    with pytest.raises(InvalidPayload) as caught:
        serializer.decode(b"\x92\xa6s3cret")

    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None
