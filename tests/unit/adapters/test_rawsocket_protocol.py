"""The opening handshake and frames of RawSocket, without sockets."""

from __future__ import annotations

import pytest

from aiohttp_serverwamp.adapters.rawsocket_protocol import (
    FrameReader,
    FramingError,
    HandshakeRefused,
    OpeningHandshake,
    codec_for,
    rawsocket_frame,
)
from aiohttp_serverwamp.errors import PayloadSizeExceeded
from aiohttp_serverwamp.serializers import SUBPROTOCOLS, JSONSerializer, serializers

MIB = 2**20


def handshake(
    max_message_size: int | None = MIB, *, full: bool = False
) -> OpeningHandshake:
    return OpeningHandshake(SUBPROTOCOLS, max_message_size, full=full)


def refusal(data: bytes, *, full: bool = False) -> bytes:
    with pytest.raises(HandshakeRefused) as caught:
        handshake(full=full).feed(data)
    return caught.value.reply


def frames_of(reader: FrameReader) -> list[tuple[int, bytes]]:
    found = []
    while frame := reader.next():
        found.append(frame)
    return found


# The opening handshake.


@pytest.mark.parametrize(("name", "number"), [("json", 1), ("msgpack", 2), ("cbor", 3)])
def test_a_client_gets_the_serializer_that_it_asks_for(name: str, number: int) -> None:
    agreed = handshake().feed(bytes((0x7F, 0xF0 | number, 0, 0)))

    assert agreed is not None
    assert agreed.serializer is SUBPROTOCOLS[f"wamp.2.{name}"]
    assert agreed.reply == bytes((0x7F, 0xB0 | number, 0, 0))
    assert (agreed.max_incoming, agreed.max_outgoing) == (MIB, 2**24)


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_a_handshake_may_come_in_pieces_with_messages_behind_it(cut: int) -> None:
    taking = handshake()
    data = b"\x7f\x41\x00\x00\x00\x00\x00\x03[6]"

    first = taking.feed(data[:cut])
    agreed = taking.feed(data[cut:])

    assert first is None
    assert agreed is not None
    assert agreed.max_outgoing == 2**13
    assert agreed.rest == data[4:]


@pytest.mark.parametrize(
    ("size", "exponent"),
    [
        (None, 15),
        (0, 15),
        (1, 0),
        (512, 0),
        (1023, 0),
        (1024, 1),
        (1_000_000, 10),
        (2**24, 15),
        (2**30, 15),
    ],
)
def test_the_limit_told_is_the_greatest_that_keeps_within_ours(
    size: int | None, exponent: int
) -> None:
    agreed = handshake(size).feed(b"\x7f\xf1\x00\x00")

    assert agreed is not None
    assert agreed.reply[1] >> 4 == exponent
    assert agreed.max_incoming == 2 ** (9 + exponent)


@pytest.mark.parametrize("first", [0, 0x16, 0x7E, 0x80, ord("G")])
def test_the_first_byte_of_something_else_is_enough(first: int) -> None:
    assert refusal(bytes((first,))) == b""


@pytest.mark.parametrize("number", [4, 5, 6, 15])
def test_serializers_that_are_not_offered_are_refused(number: int) -> None:
    assert refusal(bytes((0x7F, 0xF0 | number, 0, 0))) == b"\x7f\x10\x00\x00"


def test_no_serializer_at_all_is_not_even_answered() -> None:
    assert refusal(b"\x7f\xf0\x00\x00") == b""


@pytest.mark.parametrize("octets", [b"\x01\x00", b"\x00\x01", b"\xff\xff"])
def test_reserved_octets_are_refused(octets: bytes) -> None:
    assert refusal(b"\x7f\xf1" + octets) == b"\x7f\x30\x00\x00"
    # Whatever else is wrong with it: they may say what the rest means.
    assert refusal(b"\x7f\xff" + octets, full=True) == b"\x7f\x30\x00\x00"


@pytest.mark.parametrize("exponent", [0, 1])
def test_a_client_that_takes_less_than_welcome_is_refused(exponent: int) -> None:
    assert refusal(bytes((0x7F, exponent << 4 | 1, 0, 0))) == b"\x7f\x20\x00\x00"


def test_a_full_server_says_so() -> None:
    assert refusal(b"\x7f\xf1\x00\x00", full=True) == b"\x7f\x40\x00\x00"


def test_serializers_of_the_application_s_own_have_the_numbers_of_their_names() -> None:
    class Ubjson(JSONSerializer):
        name = "ubjson"

    own = Ubjson()
    offered = serializers({"ubjson": own, "msgpack": None})

    agreed = OpeningHandshake(offered, MIB).feed(b"\x7f\xf4\x00\x00")
    with pytest.raises(HandshakeRefused) as caught:
        OpeningHandshake(offered, MIB).feed(b"\x7f\xf2\x00\x00")

    assert agreed is not None
    assert agreed.serializer is own
    assert caught.value.reply == b"\x7f\x10\x00\x00"


# Frames.

SAMPLE = (
    rawsocket_frame(b'[1,"r",{}]', 0)
    + rawsocket_frame(b"", 1)
    + rawsocket_frame(b"echo", 2)
    + rawsocket_frame(bytes(range(256)) * 2, 0)
)
SAMPLED = [
    (0, b'[1,"r",{}]'),
    (1, b""),
    (2, b"echo"),
    (0, bytes(range(256)) * 2),
]


def test_frames_that_come_together_are_told_apart() -> None:
    reader = FrameReader(512)

    reader.feed(SAMPLE)

    assert frames_of(reader) == SAMPLED


@pytest.mark.parametrize("cut", range(len(SAMPLE)))
def test_frames_may_be_cut_anywhere(cut: int) -> None:
    reader = FrameReader(512)

    reader.feed(SAMPLE[:cut])
    found = frames_of(reader)
    reader.feed(SAMPLE[cut:])

    assert found + frames_of(reader) == SAMPLED


def test_frames_may_come_byte_by_byte() -> None:
    reader = FrameReader(512)
    found = []

    for byte in SAMPLE:
        reader.feed(bytes((byte,)))
        found += frames_of(reader)

    assert found == SAMPLED


def test_what_is_longer_than_was_agreed_is_refused_by_its_prefix() -> None:
    reader = FrameReader(512)
    reader.feed(rawsocket_frame(bytes(512), 0))
    assert reader.next() == (0, bytes(512))

    reader.feed(b"\x00\x00\x02\x01")

    with pytest.raises(FramingError, match="more than 512 bytes"):
        reader.next()


def test_pings_are_held_to_the_limit_as_well() -> None:
    reader = FrameReader(512)

    reader.feed(b"\x01\x00\x02\x01")

    with pytest.raises(FramingError, match="more than 512 bytes"):
        reader.next()


@pytest.mark.parametrize("first", [0x03, 0x04, 0x05, 0x06, 0x07])
def test_reserved_types_are_refused(first: int) -> None:
    reader = FrameReader(512)

    reader.feed(bytes((first, 0, 0, 0)))

    with pytest.raises(FramingError, match="reserved type"):
        reader.next()


@pytest.mark.parametrize("first", [0x10, 0x20, 0x40, 0x80, 0xF0, 0x82])
def test_reserved_bits_are_refused(first: int) -> None:
    reader = FrameReader(512)

    reader.feed(bytes((first, 0, 0, 0)))

    with pytest.raises(FramingError, match="reserved bits"):
        reader.next()


def test_the_longest_frame_of_all_has_a_bit_of_its_own() -> None:
    largest = bytes(2**24)
    reader = FrameReader(2**24)

    data = rawsocket_frame(largest, 0)
    reader.feed(data)

    assert data[:4] == b"\x08\x00\x00\x00"
    assert reader.next() == (0, largest)


def test_the_longest_but_one_is_as_others_are() -> None:
    payload = bytes(2**24 - 1)
    reader = FrameReader(2**24)

    data = rawsocket_frame(payload, 0)
    reader.feed(data)

    assert data[:4] == b"\x00\xff\xff\xff"
    assert reader.next() == (0, payload)


def test_the_bit_of_the_longest_frame_is_not_for_others() -> None:
    reader = FrameReader(2**24)

    reader.feed(b"\x08\x00\x00\x01")

    with pytest.raises(FramingError, match="longer than any"):
        reader.next()


def test_the_longest_frame_is_too_long_for_less() -> None:
    reader = FrameReader(2**23)

    reader.feed(b"\x08\x00\x00\x00")

    with pytest.raises(FramingError, match="more than 8388608 bytes"):
        reader.next()


# What a client takes.


def test_what_a_client_does_not_take_is_not_encoded_for_it() -> None:
    codec = codec_for(SUBPROTOCOLS["wamp.2.json"], 2048)

    fitting = codec.encode(["x" * 2044])
    with pytest.raises(PayloadSizeExceeded):
        codec.encode(["x" * 2045])

    assert fitting[:4] == b"\x00\x00\x08\x00"


def test_clients_that_take_as_much_share_a_codec() -> None:
    serializer = SUBPROTOCOLS["wamp.2.json"]

    one = codec_for(serializer, 2048)

    assert codec_for(serializer, 2048) is one
    assert codec_for(serializer, 4096) is not one
