"""Serializers: what goes in comes out, for any plain data."""

from __future__ import annotations

import datetime
import json
import math
from typing import Any

import cbor2
import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from aiohttp_serverwamp.errors import EncodingError, InvalidPayload
from aiohttp_serverwamp.interfaces import Serializer
from aiohttp_serverwamp.serializers.batched import batched
from aiohttp_serverwamp.serializers.cbor import MAX_INTEGER_SIZE, CBORSerializer
from aiohttp_serverwamp.serializers.json import (
    JSONSerializer,
    _read_by_ujson,
    texts_to_bytes,
)
from aiohttp_serverwamp.serializers.msgpack import MsgPackSerializer

JSON = JSONSerializer()
MSGPACK = MsgPackSerializer()

# A busy machine may take its time.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

# Without surrogates; U+0000 is included, and means bytes only where it comes first.
text = st.text(st.characters(exclude_categories=["Cs"]))
json_text = text.filter(lambda value: not value.startswith("\0"))
any_text = st.text(st.characters()).filter(lambda value: not value.startswith("\0"))
floats = st.floats(allow_nan=False, allow_infinity=False)
int64 = st.integers(-(2**63), 2**64 - 1)


def plain(scalars: st.SearchStrategy[Any], keys: st.SearchStrategy[str]) -> Any:
    """Return a strategy for lists of plain data."""
    values = st.recursive(
        scalars,
        lambda inner: st.lists(inner) | st.dictionaries(keys, inner),
        max_leaves=20,
    )
    return st.lists(values)


common = st.none() | st.booleans() | int64 | floats | st.binary()
json_data = plain(common | st.integers() | json_text, text)
msgpack_data = plain(common | text, text)
both_data = plain(common | json_text, text)


def shown(value: Any) -> str:
    """Tell 1 from 1.0 and True, and 0.0 from -0.0, where == does not."""
    return repr(value)


@unhurried
@given(json_data)
@example([-0.0, 1e22, 5e-324, 2**64, -(2**63) - 1, b"", "a\0", {"\0": "\u2028"}])
@example([{"a": [[[[[[[[[b"x"]]]]]]]]]}])
def test_json_gives_back_what_it_was_given(message: list[Any]) -> None:
    """REQ-SER-003, 004, 005, 007."""
    encoded = JSON.encode(message)

    assert shown(JSON.decode(encoded)) == shown(message)
    assert shown(JSON.decode(encoded.decode())) == shown(message)


@unhurried
@given(msgpack_data)
@example([-0.0, 2**64 - 1, -(2**63), b"", "\0"])
@example([{"a": [[[[[[[[["x", {}]]]]]]]]]}])
def test_msgpack_gives_back_what_it_was_given(message: list[Any]) -> None:
    """REQ-SER-004, 010."""
    assert shown(MSGPACK.decode(MSGPACK.encode(message))) == shown(message)


@unhurried
@given(both_data)
def test_a_message_survives_the_change_of_serializer(message: list[Any]) -> None:
    """REQ-SER-001, REQ-MSG-017."""
    there = JSON.decode(JSON.encode(MSGPACK.decode(MSGPACK.encode(message))))

    assert shown(there) == shown(message)


@unhurried
@given(plain(common | any_text, any_text))
@example(["\ud800", {"\udfff": "\ud83d"}, "é"])
@example(["\ud83d\ude00"])
def test_json_output_is_json_to_the_standard_library(message: list[Any]) -> None:
    """REQ-SER-002: RFC 8259 in UTF-8, whatever the text."""
    encoded = JSON.encode(message).decode("utf-8", "strict")

    assert len(json.loads(encoded, parse_constant=refuse)) == len(message)
    # Two surrogates that happen to stand side by side are one character to any reader.
    assert shown(JSON.decode(encoded)) == shown(joined(message))


def refuse(literal: str) -> None:
    raise AssertionError(f"{literal} is not JSON")


def joined(value: Any) -> Any:
    """Join pairs of surrogates, as the escape of a surrogate pair reads."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
    if isinstance(value, list):
        return [joined(item) for item in value]
    if isinstance(value, dict):
        return {joined(key): joined(item) for key, item in value.items()}
    return value


def is_plain(value: Any) -> bool:
    if type(value) is dict:
        return all(type(key) is str for key in value) and is_plain(list(value.values()))
    if type(value) is list:
        return all(map(is_plain, value))
    plain = {bool, int, float, str, bytes, datetime.datetime, msgspec.msgpack.Ext}
    return value is None or type(value) in plain


# MessagePack of anything that msgspec can write, timestamps and odd keys included.
odd_keys = int64 | st.booleans() | st.none() | st.binary()
msgpack_like = st.recursive(
    common | text | st.datetimes(timezones=st.just(datetime.UTC)),
    lambda inner: st.lists(inner) | st.dictionaries(text | odd_keys, inner),
    max_leaves=10,
).map(msgspec.msgpack.encode)


@unhurried
@given(st.binary() | msgpack_like)
@example(b"\x91\xd6\xff\x00\x00\x00\x00")
@example(b"\x92\xc4\x00\x81\xc0\x00")
def test_any_bytes_are_plain_data_or_refused_by_msgpack(data: bytes) -> None:
    """REQ-MSG-006, REQ-MSG-013."""
    try:
        value = MSGPACK.decode(data)
    except InvalidPayload:
        return
    assert is_plain(value)


json_like = st.text(st.sampled_from('[]{},:"\\u0AN=1eE+-. Infinitya\n'))


@unhurried
@given(st.binary() | json_like.map(str.encode))
@example(b'["\\u0000AA=="]')
@example(b"[NaN]")
def test_any_bytes_are_plain_data_or_refused_by_json(data: bytes) -> None:
    """REQ-MSG-013, REQ-SER-008, REQ-SER-013."""
    try:
        value = JSON.decode(data)
    except InvalidPayload:
        return
    assert is_plain(value)
    assert data.isascii() or data.decode()


@unhurried
@given(json_data, st.sampled_from([math.nan, math.inf, -math.inf]))
def test_one_number_without_json_spoils_the_message(
    message: list[Any], number: float
) -> None:
    """REQ-SER-002, REQ-TYP-005."""
    with pytest.raises(EncodingError):
        JSON.encode([*message, {"a": [number]}])


# --- CBOR -------------------------------------------------------------------------

CBOR = CBORSerializer()
INTEGER_BITS = 8 * MAX_INTEGER_SIZE
big = st.integers(-(2**INTEGER_BITS), 2**INTEGER_BITS - 1)
cbor_data = plain(common | big | text, text)


@unhurried
@given(cbor_data)
@example([-0.0, 2**64, -(2**64) - 1, 2**INTEGER_BITS - 1, b"", "\0"])
@example([{"a": [[[[[[[[[b"x", {}]]]]]]]]]}])
def test_cbor_gives_back_what_it_was_given(message: list[Any]) -> None:
    """REQ-SER-004."""
    assert shown(CBOR.decode(CBOR.encode(message))) == shown(message)


@unhurried
@given(both_data)
def test_a_message_survives_all_changes_of_serializer(message: list[Any]) -> None:
    """REQ-SER-001, REQ-MSG-017."""
    there = message
    for serializer in (CBOR, JSON, CBOR, MSGPACK, CBOR):
        there = serializer.decode(serializer.encode(there))

    assert shown(there) == shown(message)


# CBOR of anything that cbor2 can write: tags that it knows and others, references,
# items of indefinite length, odd keys, simple values.
cbor_scalars = (
    common
    | big
    | text
    | st.just(cbor2.undefined)
    | st.integers(0, 19).map(cbor2.CBORSimpleValue)
    | st.datetimes(timezones=st.just(datetime.UTC))
    | st.decimals(allow_nan=False)
    | st.fractions()
    | st.uuids()
)
tags = st.sampled_from([0, 1, 2, 3, 4, 5, 25, 28, 29, 30, 35, 36, 37, 256, 258, 55799])
cbor_like = st.builds(
    cbor2.dumps,
    st.recursive(
        cbor_scalars,
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(text | odd_keys, inner)
            | st.builds(cbor2.CBORTag, tags | st.integers(0, 2**32), inner)
        ),
        max_leaves=10,
    ),
    string_referencing=st.booleans(),
    value_sharing=st.booleans(),
    indefinite_containers=st.booleans(),
)


@st.composite
def damaged(draw: st.DrawFn, bytes_: st.SearchStrategy[bytes]) -> bytes:
    """Replace, insert or drop a few bytes, most of which say what follows."""
    data = bytearray(draw(bytes_))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 2))] = draw(st.binary(max_size=2))
    return bytes(data)


@unhurried
@given(st.binary() | cbor_like | damaged(cbor_like))
@example(b"\x81\xd8\x1c\x81\xd8\x1d\x00")
@example(b"\xa1\xf7\x01")
def test_any_bytes_are_plain_data_or_refused_by_cbor(data: bytes) -> None:
    """REQ-MSG-006, REQ-MSG-013, REQ-SER-011."""
    try:
        value = CBOR.decode(data)
    except InvalidPayload:
        return
    assert is_plain(value)
    # And can be sent on.
    assert shown(CBOR.decode(CBOR.encode([value]))) == shown([value])


# --- Batches ----------------------------------------------------------------------

batches = st.lists(st.lists(common | json_text, max_size=3), min_size=1, max_size=4)


@unhurried
@given(batches, st.sampled_from([JSON, MSGPACK, CBOR]))
def test_a_batch_gives_back_its_messages(
    messages: list[Any], serializer: Serializer
) -> None:
    """REQ-TRN-006, 007."""
    framed = batched(serializer)
    joined_up = b"".join(map(framed.encode, messages))

    parts = framed.split(joined_up if framed.binary else joined_up.decode())

    assert shown([framed.decode(part) for part in parts]) == shown(messages)


@unhurried
@given(batches, st.data(), st.sampled_from([JSON, MSGPACK, CBOR]))
def test_any_batch_is_messages_or_refused(
    messages: list[Any], drawn: st.DataObject, serializer: Serializer
) -> None:
    """REQ-TRN-008."""
    framed = batched(serializer)
    whole = st.just(b"".join(map(framed.encode, messages)))
    batch = drawn.draw(damaged(whole))

    try:
        data = batch if framed.binary else batch.decode()
    except UnicodeDecodeError:
        return  # no text message of a WebSocket (RFC 6455, 8.1)
    try:
        values = [framed.decode(part) for part in framed.split(data)]
    except InvalidPayload:
        return
    assert values
    assert is_plain(values)


simple = plain(st.none() | st.booleans() | st.integers() | any_text, any_text)


@unhurried
@given(simple)
@example([2**63, 2**64, -(2**63) - 1, 10**4300, '\x00\x1f\x7f\u2028/"\\\ud800'])
def test_json_writes_simple_messages_as_it_writes_all(message: list[Any]) -> None:
    """By another library, and to the same bytes."""
    assert encoded_by(JSON.encode_simple, message) == encoded_by(JSON.encode, message)


def encoded_by(encode: Any, message: list[Any]) -> Any:
    try:
        return encode(message)
    except EncodingError as error:
        return str(error)


json_pieces = st.lists(
    st.sampled_from(
        [*'[]{}",:', "\\", "\\u0000", "\\ud83d", "\\ude00", "-", "0", "1", "01", ".5"]
        + ["1.", "e5", "e999", "NaN", "Infinity", "null", "tru", "e", " ", "\t", "\x0b"]
        + ["\x01", "a", "é", "\U0001f600", "\ufeff", "1" * 25, "9223372036854775808"]
    )
).map("".join)
numbers = st.builds(
    lambda digits, places: f"{digits:.{places}e}", floats, st.integers(0, 40)
)


@unhurried
@given(
    json_data.map(JSON.encode).map(bytes.decode)
    | json_pieces
    | json_pieces.map("[{}]".format)
)
@example('"\ud800"')
@example("[" * 1024 + "]" * 1024)
@example("[" * 1025 + "]" * 1025)
@example("1" * 4301)
def test_two_readers_of_json_give_what_one_would(text: str) -> None:
    """What msgspec refuses ujson may read; where both read, they agree."""
    assert read_by(JSON.decode, text) == read_by(ujson_alone, text)


@unhurried
@given(numbers)
def test_two_readers_of_json_agree_on_every_number(text: str) -> None:
    """To the last bit."""
    assert read_by(JSON.decode, text) == read_by(ujson_alone, text)


def read_by(decode: Any, text: str) -> str:
    try:
        return shown(decode(text))
    except InvalidPayload as error:
        return str(error)


def ujson_alone(text: str) -> Any:
    return texts_to_bytes(_read_by_ujson(text))
