"""Batched subprotocols (specification, 8.1): several messages at a time."""

from __future__ import annotations

from typing import Any

import pytest

from aiohttp_serverwamp.limits import Limits
from tests.conformance.harness import Client, World, encoded, is_violation

BATCHED = ["json.batched", "msgpack.batched", "cbor.batched"]
every_one = pytest.mark.parametrize("serializer", BATCHED)

HELLO = [1, "realm1", {"roles": {"caller": {}, "publisher": {}, "subscriber": {}}}]
GOODBYE = [6, {}, "wamp.close.close_realm"]


def batch(serializer: str, *messages: Any) -> Any:
    """Put messages into one WebSocket message."""
    parts: list[Any] = [encoded(message, serializer) for message in messages]
    empty: Any = "" if serializer.startswith("json") else b""
    return empty.join(parts)


def codes(client: Client) -> list[Any]:
    return [message[0] for message in client.received()]


@every_one
def test_the_messages_of_a_batch_are_handled_in_order(serializer: str) -> None:
    """REQ-TRN-006, 007: each answer is a batch of one (see `decoded`)."""
    client = World().join(serializer=serializer)

    client.send_raw(
        batch(
            serializer,
            [32, 1, {}, "com.t"],
            [16, 2, {"acknowledge": True, "exclude_me": False}, "com.t", ["é"]],
            [34, 3, 1],
            [16, 4, {"exclude_me": False}, "com.t"],
        )
    )

    subscribed, published, event, unsubscribed = client.received()
    assert subscribed == [33, 1, 1]
    assert (event[:2], event[4]) == ([36, 1], ["é"])
    assert published[:2] == [17, 2]
    assert unsubscribed == [35, 3]


@every_one
def test_a_client_may_join_leave_and_join_again_within_a_batch(serializer: str) -> None:
    """REQ-TRN-006; REQ-SES-013."""
    client = World().connect(serializer)

    client.send_raw(batch(serializer, HELLO, [32, 1, {}, "com.t"], GOODBYE, HELLO))
    client.send_raw(batch(serializer, [32, 1, {}, "com.t"], GOODBYE))

    assert codes(client) == [2, 33, 6, 2, 33, 6]
    assert client.closed is None


@every_one
def test_nothing_is_handled_after_the_message_that_ends_the_session(
    serializer: str,
) -> None:
    """REQ-TRN-006; REQ-MSG-023."""
    world = World()
    other = world.join()
    other.subscribe("com.t")
    client = world.join(serializer=serializer)

    client.send_raw(
        batch(
            serializer,
            [16, 1, {}, "com.t", ["before"]],
            [16, 0, {}, "com.t", ["wrong"]],
            [16, 2, {}, "com.t", ["after"]],
        )
    )

    assert is_violation(client.received())
    assert client.closed == 1002
    assert [event[4] for event in other.received()] == [["before"]]


@every_one
@pytest.mark.parametrize("state", ["CLOSED", "ESTABLISHED"])
def test_a_batch_without_messages_is_a_violation(serializer: str, state: str) -> None:
    """REQ-TRN-006."""
    world = World()
    client = world.connect(serializer)
    if state == "ESTABLISHED":
        client.join()

    client.send_raw(batch(serializer))

    assert is_violation(client.received())
    assert client.closed == 1002


@pytest.mark.parametrize(
    ("serializer", "tail"),
    [
        ("json.batched", '[16,2,{},"com.t"]'),
        ("json.batched", " "),
        ("msgpack.batched", b"\0\0\0"),
        ("msgpack.batched", b"\0\0\0\2\x90"),
        ("cbor.batched", b"\0"),
        ("cbor.batched", b"\xff\xff\xff\xff\x80"),
    ],
)
def test_a_damaged_batch_is_a_violation(serializer: str, tail: Any) -> None:
    """REQ-TRN-008: what came before it has been handled, as if it had come alone."""
    world = World()
    other = world.join()
    other.subscribe("com.t")
    client = world.join(serializer=serializer)

    client.send_raw(batch(serializer, [16, 1, {}, "com.t"]) + tail)

    assert is_violation(client.received())
    assert client.closed == 1002
    assert len(other.received()) == 1


@every_one
def test_messages_without_their_framing_are_a_violation(serializer: str) -> None:
    """REQ-TRN-007, 010."""
    client = World().join(serializer=serializer)

    client.send_raw(encoded([16, 1, {}, "com.t"], serializer.removesuffix(".batched")))

    assert is_violation(client.received())


@pytest.mark.parametrize("serializer", ["json", "msgpack", "cbor"])
def test_unbatched_clients_may_not_send_batches(serializer: str) -> None:
    """REQ-TRN-004, 010."""
    client = World().join(serializer=serializer)

    client.send_raw(encoded([16, 1, {}, "com.t"], f"{serializer}.batched"))

    assert is_violation(client.received())


@every_one
def test_a_batch_of_the_wrong_kind_is_a_violation(serializer: str) -> None:
    """REQ-TRN-005."""
    client = World().join(serializer=serializer)

    client.send_raw(b"[6]\x1e" if serializer == "json.batched" else "[6]\x1e")

    assert is_violation(client.received())


def test_both_separators_are_read_and_the_clients_own_is_written() -> None:
    """REQ-TRN-009; PIT-08: 0x1E to who has not used 0x18, from the first answer on."""
    world = World()
    specified, octal = (world.connect("json.batched") for _ in range(2))

    specified.send_raw(batch("json.batched", HELLO, [32, 1, {}, "com.t"]))
    octal.send_raw(
        batch("json.batched", HELLO, [32, 1, {}, "com.t"]).replace("\x1e", "\x18")
    )
    world.join().send([16, 1, {}, "com.t", ["x"]])

    for client, separator in ((specified, b"\x1e"), (octal, b"\x18")):
        assert codes(client) == [2, 33, 36]
        assert [data[-1:] for data in client.wire.written] == [separator] * 3


def test_the_separator_holds_for_the_sessions_that_follow() -> None:
    """REQ-TRN-009."""
    client = World().connect("json.batched")

    client.send_raw(batch("json.batched", HELLO, GOODBYE).replace("\x1e", "\x18"))
    client.send_raw(batch("json.batched", HELLO, GOODBYE))
    client.send_raw(batch("json.batched", HELLO))

    assert codes(client) == [2, 6, 2, 6, 2]
    assert {data[-1:] for data in client.wire.written} == {b"\x18"}


@every_one
def test_a_batch_that_joins_is_bounded_as_a_whole(serializer: str) -> None:
    """REQ-SER-014."""
    small = [3, {"message": "x" * 1_000}, "com.enough"]
    client = World().connect(serializer)

    client.send_raw(batch(serializer, HELLO, *[small] * 70))

    [abort] = client.received()
    assert is_violation([abort])
    assert "too large" in abort[1]["message"]


@every_one
def test_a_batch_of_a_joined_client_may_be_large(serializer: str) -> None:
    """REQ-TRN-006."""
    client = World(limits=Limits(max_pending_calls=None)).join(serializer=serializer)
    publish = [16, 1, {"acknowledge": True}, "com.t", ["x" * 1_000]]

    client.send_raw(batch(serializer, *([16, n, *publish[2:]] for n in range(1, 101))))

    assert [message[:2] for message in client.received()] == [
        [17, number] for number in range(1, 101)
    ]
