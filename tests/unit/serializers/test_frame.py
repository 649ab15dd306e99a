"""Frames: encoded at most once for each codec, whatever the number of receivers."""

from __future__ import annotations

from typing import Any

import pytest

from aiohttp_serverwamp import messages
from aiohttp_serverwamp.errors import EncodingError, InvalidPayload
from aiohttp_serverwamp.messages import Event
from aiohttp_serverwamp.serializers import (
    SUBPROTOCOLS,
    frame,
    serializer_for,
    serializers,
)
from aiohttp_serverwamp.serializers.frame import Frame, SerializerCodec
from aiohttp_serverwamp.serializers.json import JSONSerializer
from aiohttp_serverwamp.serializers.msgpack import MsgPackSerializer

WIRE = b'[36,1,2,{},["x"]]'


class Counting:
    """A serializer that counts what it is asked to encode."""

    name = "counting"
    binary = False

    def __init__(self) -> None:
        self.encoded: list[list[Any]] = []

    def encode(self, message: list[Any]) -> bytes:
        self.encoded.append(message)
        return JSONSerializer().encode(message)

    def decode(self, data: str | bytes) -> Any:
        raise AssertionError("frames are only written")


def event(*args: Any) -> Event:
    return Event(1, 2, {}, list(args))


def test_a_codec_puts_its_framing_around_the_encoded_message() -> None:
    codec = SerializerCodec(JSONSerializer(), lambda data: b"<" + data + b">")

    assert codec.encode([1]) == b"<[1]>"
    assert SerializerCodec(JSONSerializer()).encode([1]) == b"[1]"


def test_a_frame_is_encoded_once_for_a_codec() -> None:
    serializer = Counting()
    framed: list[bytes] = []

    def framing(data: bytes) -> bytes:
        framed.append(data)
        return b"#" + data

    codec = SerializerCodec(serializer, framing)
    shared = Frame(event("x"))

    wires = [shared.wire(codec) for _ in range(3)]

    assert wires == [b"#" + WIRE] * 3
    assert wires[0] is wires[2]
    assert (len(serializer.encoded), len(framed)) == (1, 1)


def test_codecs_do_not_share_bytes_but_share_the_marshalled_list(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    marshalled = []

    def marshal(message: messages.Message) -> list[Any]:
        marshalled.append(message)
        return messages.marshal(message)

    monkeypatch.setattr(frame, "marshal", marshal)
    plain = SerializerCodec(Counting())
    framed = SerializerCodec(plain.serializer, lambda data: b"#" + data)
    message = event("x")
    shared = Frame(message)

    wires = [shared.wire(codec) for codec in (plain, framed, plain, framed)]

    assert wires == [WIRE, b"#" + WIRE] * 2
    assert marshalled == [message]
    assert shared.message is message


def test_a_codec_that_cannot_carry_the_message_says_so_each_time() -> None:
    """REQ-TYP-005: the failure is remembered, and is that codec's alone."""
    serializer = Counting()
    failing = SerializerCodec(serializer)
    working = SerializerCodec(MsgPackSerializer())
    shared = Frame(event(float("nan")))

    failures = []
    for _ in range(3):
        with pytest.raises(EncodingError) as caught:
            shared.wire(failing)
        failures.append(caught.value)

    assert len(serializer.encoded) == 1
    assert len({id(failure) for failure in failures}) == 3
    assert len({str(failure) for failure in failures}) == 1
    assert shared.wire(working).startswith(b"\x95\x24\x01\x02\x80\x91\xcb")


def test_an_unexpected_failure_is_not_remembered_as_one_of_encoding() -> None:
    def framing(data: bytes) -> bytes:
        raise ZeroDivisionError

    shared = Frame(event("x"))

    with pytest.raises(ZeroDivisionError):
        shared.wire(SerializerCodec(JSONSerializer(), framing))


def test_the_subprotocols_stand_in_order_of_preference() -> None:
    """REQ-SER-001."""
    plain = ["wamp.2.json", "wamp.2.msgpack", "wamp.2.cbor"]

    assert list(SUBPROTOCOLS) == [*plain, *(f"{each}.batched" for each in plain)]


@pytest.mark.parametrize("subprotocol", SUBPROTOCOLS)
def test_a_subprotocol_ends_in_the_name_of_its_serializer(subprotocol: str) -> None:
    assert subprotocol == f"wamp.2.{serializer_for(subprotocol).name}"


@pytest.mark.parametrize(
    "subprotocol", ["wamp.2.ubjson", "wamp.2.JSON", "wamp.2.cbor.", "json", ""]
)
def test_an_unknown_subprotocol_is_a_key_error(subprotocol: str) -> None:
    with pytest.raises(KeyError):
        serializer_for(subprotocol)


@pytest.mark.parametrize("subprotocol", SUBPROTOCOLS)
def test_serializers_of_an_application_have_its_limit(subprotocol: str) -> None:
    """REQ-SER-014."""
    serializer = serializers(max_depth=2)[subprotocol]
    write = serializers()[subprotocol.removesuffix(".batched")].encode

    assert serializer.decode(write([[]])) == [[]]
    with pytest.raises(InvalidPayload, match="2 levels"):
        serializer.decode(write([[[]]]))


def test_codecs_of_a_batched_serializer_share_bytes_by_separator() -> None:
    """REQ-TRN-007, 009, 010."""
    codec = SerializerCodec(
        serializer_for("wamp.2.json.batched"), lambda data: b"#" + data
    )
    shared = Frame(event("x"))

    octal = codec.answering("[1]\x18")

    assert codec.answering("[1]\x1e") is codec
    assert codec.answering("[2]\x18") is octal
    assert octal.answering("[1]\x1e") is octal
    assert shared.wire(codec) == b"#" + WIRE + b"\x1e"
    assert shared.wire(octal) == b"#" + WIRE + b"\x18"
    assert shared.wire(octal) is shared.wire(octal)
