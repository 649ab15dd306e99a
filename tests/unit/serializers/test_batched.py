"""Batches: where one message ends and the next one begins."""

from __future__ import annotations

import pytest

from aiohttp_serverwamp.errors import InvalidPayload
from aiohttp_serverwamp.serializers.batched import (
    BatchedSerializer,
    LengthPrefixed,
    Separated,
    batched,
)
from aiohttp_serverwamp.serializers.cbor import CBORSerializer
from aiohttp_serverwamp.serializers.json import JSONSerializer
from aiohttp_serverwamp.serializers.msgpack import MsgPackSerializer

JSON = batched(JSONSerializer())
MSGPACK = batched(MsgPackSerializer())


def test_text_is_separated_and_binary_has_lengths() -> None:
    """REQ-TRN-006."""
    kinds = [(each.name, each.binary, type(each)) for each in (JSON, MSGPACK)]

    assert kinds == [
        ("json.batched", False, Separated),
        ("msgpack.batched", True, LengthPrefixed),
    ]
    assert batched(CBORSerializer()).name == "cbor.batched"


@pytest.mark.parametrize(
    ("serializer", "batch"),
    [(JSON, b'[1,"x"]\x1e'), (MSGPACK, b"\0\0\0\4\x92\1\xa1x")],
    ids=["json", "msgpack"],
)
def test_what_is_encoded_is_a_batch_of_one(
    serializer: BatchedSerializer, batch: bytes
) -> None:
    """REQ-TRN-007."""
    assert serializer.encode([1, "x"]) == batch


def test_a_separator_within_a_text_is_escaped() -> None:
    """REQ-TRN-006."""
    batch = JSON.encode(["\x1e\x18"]).decode()

    assert [JSON.decode(message) for message in JSON.split(batch)] == [["\x1e\x18"]]


@pytest.mark.parametrize(
    ("serializer", "batch", "messages"),
    [
        (JSON, "[1]\x1e", ["[1]"]),
        (JSON, "[1]\x1e[2]\x1e", ["[1]", "[2]"]),
        (JSON, "[1]\x18[2]\x18", ["[1]", "[2]"]),
        (JSON, "[1]\x1e[2]\x18", ["[1]", "[2]"]),
        (JSON, "\x1e\x1e", ["", ""]),
        (MSGPACK, b"\0\0\0\2\x91\1", [b"\x91\1"]),
        (MSGPACK, b"\0\0\0\2\x91\1\0\0\0\1\x90", [b"\x91\1", b"\x90"]),
        (MSGPACK, b"\0\0\0\0\0\0\0\0", [b"", b""]),
        (MSGPACK, b"\0\0\1\0" + b"x" * 256, [b"x" * 256]),
    ],
)
def test_a_batch_is_taken_apart(
    serializer: BatchedSerializer, batch: str | bytes, messages: list[str | bytes]
) -> None:
    """REQ-TRN-006, 009."""
    assert [*serializer.split(batch)] == messages


@pytest.mark.parametrize(
    ("serializer", "batch", "before"),
    [
        (JSON, "", 0),
        (JSON, "[1]", 0),
        (JSON, "[1]\x1e[2]", 1),
        (JSON, "[1]\x1e\n", 1),
        (MSGPACK, b"", 0),
        (MSGPACK, b"\0", 0),
        (MSGPACK, b"\0\0\0", 0),
        (MSGPACK, b"\0\0\0\1", 0),
        (MSGPACK, b"\xff\xff\xff\xff\x90", 0),
        (MSGPACK, b"\0\0\0\1\x90\x90", 1),
        (MSGPACK, b"\0\0\0\1\x90\0\0\0\2\x90", 1),
    ],
)
def test_a_damaged_batch_is_refused_where_it_is_damaged(
    serializer: BatchedSerializer, batch: str | bytes, before: int
) -> None:
    """REQ-TRN-006, 008."""
    messages = serializer.split(batch)

    for _ in range(before):
        next(messages)
    with pytest.raises(InvalidPayload, match="a batch"):
        next(messages)


def test_a_batch_of_nothing_but_ends_is_not_kept_as_a_list() -> None:
    """REQ-SER-014: 1 MiB of separators are as many messages."""
    messages = JSON.split("\x1e" * 2**20)

    assert next(messages) == ""
    assert not hasattr(messages, "__len__")


def test_the_separator_of_the_client_is_used() -> None:
    """REQ-TRN-009."""
    octal = JSON.answering("[1]\x18")

    assert octal.encode([1]) == b"[1]\x18"
    assert JSON.answering("[1]\x1e") is JSON
    assert octal.answering("[1]\x1e") is octal
    assert MSGPACK.answering(b"\0\0\0\1\x18") is MSGPACK
