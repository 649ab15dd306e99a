"""CBOR as clients write it: JavaScript's values, big integers, and what is refused."""

from __future__ import annotations

import cbor2
import pytest

from tests.conformance.harness import World, is_error, is_violation

BIG = 2**128 - 1


@pytest.mark.parametrize("undefined", [b"\xf6", b"\xf7"], ids=["null", "undefined"])
def test_undefined_options_are_absent_ones(undefined: bytes) -> None:
    """REQ-MSG-011; PIT-06; client-notes 1: as wampy writes them."""
    client = World().join(serializer="cbor")

    client.send_raw(
        b"\x84\x18\x20\x01\xa2\x65match"
        + undefined
        + b"\x6cget_retained"
        + undefined
        + b"\x65com.t"
    )

    assert client.received() == [[33, 1, 1]]


def test_undefined_results_are_null() -> None:
    """REQ-TYP-003; client-notes 1: a callee of Autobahn|JS that returns nothing."""
    world = World()
    callee, caller = world.join(serializer="cbor"), world.join()
    callee.register("com.p")
    caller.send([48, 2, {}, "com.p"])
    [invocation] = callee.received()

    callee.send([70, invocation[1], {}, [cbor2.undefined]])

    assert caller.received() == [[50, 2, {}, [None]]]


def test_ids_may_be_integral_floats() -> None:
    """REQ-ID-011; PIT-05; client-notes 2."""
    client = World().join(serializer="cbor")

    client.send([32, 2.0**32, {}, "com.t"])
    client.send([34, 2.0**32 + 1, 1.0])

    assert client.received() == [[33, 2**32, 1], [35, 2**32 + 1]]


def test_byte_arrays_of_javascript_are_bytes() -> None:
    """REQ-SER-001, 011: a Uint8Array stands under tag 64."""
    world = World()
    readers = [world.join(serializer=name) for name in ("cbor", "json", "msgpack")]
    for reader in readers:
        reader.subscribe("com.t")

    world.join(serializer="cbor").send(
        [16, 1, {}, "com.t", [cbor2.CBORTag(64, b"\0\xff")]]
    )

    payloads = [reader.received()[0][4] for reader in readers]
    assert payloads == [[b"\0\xff"], ["\0AP8="], [b"\0\xff"]]


@pytest.mark.usefixtures("allow_logged_errors")
@pytest.mark.parametrize("value", [BIG, -BIG])
def test_big_integers_reach_whom_they_can(value: int) -> None:
    """REQ-SER-004; REQ-TYP-005; client-notes 11."""
    world = World()
    caller = world.join(serializer="cbor")
    for serializer in ("cbor", "json"):
        callee = world.join(serializer=serializer)
        callee.register(f"com.{serializer}")
        caller.send([48, 1, {}, f"com.{serializer}", [value]])
        [invocation] = callee.received()
        assert invocation[4] == [value]
        callee.send([70, invocation[1], {}, [value]])
        assert caller.received() == [[50, 1, {}, [value]]]
    other = world.join(serializer="msgpack")
    other.register("com.msgpack")

    answer = caller.request([48, 2, {}, "com.msgpack", [value]])

    assert is_error(answer, 48, 2, "wamp.error.invalid_payload")
    assert other.received() == []


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(cbor2.CBORTag(1, 0), id="tag 1"),
        pytest.param(cbor2.CBORTag(35, "(a+)+$"), id="regular expression"),
        pytest.param(cbor2.CBORTag(55799, 1), id="tag of CBOR itself"),
        pytest.param(cbor2.CBORSimpleValue(9), id="simple value"),
        pytest.param({1: 2}, id="integer key"),
        pytest.param(2 ** (8 * 1_024), id="integer of 1,025 bytes"),
    ],
)
def test_what_is_no_value_of_wamp_is_a_violation(value: object) -> None:
    """REQ-MSG-013; REQ-SER-014."""
    client = World().join(serializer="cbor")

    client.send([16, 1, {}, "com.t", [value]])

    assert is_violation(client.received())
    assert client.closed == 1002
