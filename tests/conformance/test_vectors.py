"""The official test vectors, each sample under its own test id (REQ-SER-015).

A sample that does not come out as it expects stands in a table below, with the reason.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from aiohttp_serverwamp.errors import InvalidPayload, ProtocolViolation
from aiohttp_serverwamp.messages import marshal, parse
from aiohttp_serverwamp.serializers import SUBPROTOCOLS
from aiohttp_serverwamp.serializers.batched import BatchedSerializer

VECTORS = Path(__file__).parent / "vectors"
SERIALIZERS = {
    serializer.name: serializer
    for serializer in SUBPROTOCOLS.values()
    if not isinstance(serializer, BatchedSerializer)
}

#: Encodings in the vectors that this package has no serializer for.
NOT_OFFERED = {"ubjson", "flatbuffers"}

BARE_PAYLOAD = "payload outside the Arguments list: a vendor's extension (PIT-09)"
FORWARD_FOR = "forward_for: links between routers; an unknown key here"
VENDOR_KEY = "transaction_hash: a vendor's key; unknown here"
EVENT_ACK = "acknowledged delivery: provisional, outside the specification"
SENT_ONLY = "EVENT is sent by a router; the values of its details are checked nowhere"

#: Samples whose outcome here is not the one they expect, and why. The tests hold each
#: sample to this table in both directions.
EXCUSED = {
    # Not a WAMP message by the specification, so it is refused.
    "advanced/eventreceived-0": EVENT_ACK,
    "basic/event-1": BARE_PAYLOAD,
    "basic/event-3": BARE_PAYLOAD,
    "basic/event-22": BARE_PAYLOAD,
    "basic/event-24": BARE_PAYLOAD,
    "basic/publish-1": BARE_PAYLOAD,
    "basic/publish-3": BARE_PAYLOAD,
    "basic/publish-39": BARE_PAYLOAD,
    "basic/publish-41": BARE_PAYLOAD,
    # Refused as expected, but for the payload and not for the key.
    "basic/event-23": BARE_PAYLOAD,
    "basic/publish-40": BARE_PAYLOAD,
    # A wrong value under a key that is unknown here, so it is accepted (REQ-MSG-009).
    "basic/event-16": VENDOR_KEY,
    "basic/event-18": EVENT_ACK,
    "basic/event-21": FORWARD_FOR,
    "basic/publish-35": VENDOR_KEY,
    "basic/publish-38": FORWARD_FOR,
    "basic/subscribe-11": FORWARD_FOR,
    # A wrong value under a key that only a client reads.
    "basic/event-5": SENT_ONLY,
    "basic/event-7": SENT_ONLY,
    "basic/event-9": SENT_ONLY,
    "basic/event-11": SENT_ONLY,
    "basic/event-14": SENT_ONLY,
}

#: The names of the samples for the elements of the wire, in its order.
ATTRIBUTES = {
    "HELLO": ["realm", "details"],
    "WELCOME": ["session_id", "details"],
    "ABORT": ["details", "reason"],
    "CHALLENGE": ["method", "extra"],
    "AUTHENTICATE": ["signature", "extra"],
    "GOODBYE": ["details", "reason"],
    "ERROR": ["request_type", "request_id", "details", "error"],
    "PUBLISH": ["request_id", "options", "topic"],
    "PUBLISHED": ["request_id", "publication_id"],
    "SUBSCRIBE": ["request_id", "options", "topic"],
    "SUBSCRIBED": ["request_id", "subscription_id"],
    "UNSUBSCRIBE": ["request_id", "subscription_id"],
    "UNSUBSCRIBED": ["request_id"],
    "EVENT": ["subscription", "publication", "details"],
    "CALL": ["request_id", "options", "procedure"],
    "CANCEL": ["request_id", "options"],
    "RESULT": ["request_id", "details"],
    "REGISTER": ["request_id", "options", "procedure"],
    "REGISTERED": ["request_id", "registration_id"],
    "UNREGISTER": ["request_id", "registration_id"],
    "UNREGISTERED": ["request_id"],
    "INVOCATION": ["request_id", "registration_id", "details"],
    "INTERRUPT": ["request_id", "options"],
    "YIELD": ["request_id", "options"],
    "EVENT_RECEIVED": ["publication_id"],
}


def load() -> dict[str, dict[str, Any]]:
    """Return the samples by id: folder, file and position."""
    samples = {}
    for path in sorted((VECTORS / "singlemessage").glob("*/*.json")):
        document = json.loads(path.read_text())
        for position, sample in enumerate(document["samples"]):
            sample["type"] = document["wamp_message_type"]
            samples[f"{path.parent.name}/{path.stem}-{position}"] = sample
    return samples


SAMPLES = load()
SERIALIZED = [key for key, sample in SAMPLES.items() if "serializers" in sample]
VALIDATED = [key for key, sample in SAMPLES.items() if "wmsg" in sample]


def expected(sample: dict[str, Any]) -> list[Any]:
    """Return the wire list that the attributes of a sample describe."""
    values = dict(sample["expected_attributes"])
    if "roles" in values:
        values["details"] = {"roles": values.pop("roles")}
    wire = [values.pop("message_type")]
    wire += [values.pop(name) for name in ATTRIBUTES[sample["type"]]]
    payload = values.pop("payload", None)
    args, kwargs = values.pop("args", None), values.pop("kwargs", None)
    assert not values, f"attributes that this test does not know: {values}"
    if payload is not None:
        wire.append(bytes.fromhex(payload))
    elif kwargs:
        wire += [args or [], kwargs]
    elif args:
        wire.append(args)
    return wire


def encodings_of(sample: dict[str, Any], name: str) -> list[bytes]:
    variants = sample["serializers"][name]
    return [bytes.fromhex(variant["bytes_hex"]) for variant in variants]


def test_the_vectors_are_complete() -> None:
    """One file lost in copying would take its tests with it unseen."""
    assert len(SAMPLES) == 102
    assert (len(SERIALIZED), len(VALIDATED)) == (35, 67)
    assert set(EXCUSED) <= set(SAMPLES)


@pytest.mark.parametrize("key", SERIALIZED)
def test_the_bytes_of_a_sample_are_read_and_written(key: str) -> None:
    """REQ-SER-015, with the same serializers in both directions."""
    sample = SAMPLES[key]
    wire = expected(sample)
    assert set(sample["serializers"]) - NOT_OFFERED == set(SERIALIZERS)
    for name, serializer in SERIALIZERS.items():
        encodings = encodings_of(sample, name)
        assert encodings
        for data in encodings:
            decoded = serializer.decode(data)
            assert decoded == wire
            # Encoded from what was read, since the order of keys carries no meaning.
            assert serializer.encode(decoded) in encodings
            assert is_message(decoded) is (key not in EXCUSED)


def is_message(decoded: list[Any]) -> bool:
    try:
        message = parse(decoded)
    except ProtocolViolation:
        return False
    assert marshal(message) == decoded
    return True


@pytest.mark.parametrize("key", VALIDATED)
def test_a_sample_is_accepted_or_refused(key: str) -> None:
    """REQ-MSG-005, 007, 008, 009."""
    sample = SAMPLES[key]
    error = sample.get("expected_error")
    assert error is None or error["type"] == "protocol_violation"

    violation = violation_in(sample["wmsg"])

    if error is None:
        as_expected = violation is None
    else:
        as_expected = violation is not None and error["contains"] in violation
    # Not "or excused": what has come to behave as expected leaves the table.
    assert as_expected is (key not in EXCUSED), violation


def violation_in(wire: list[Any]) -> str | None:
    """Return the text of the violation, or None when the message is accepted."""
    try:
        message = parse(json.loads(json.dumps(wire)))
    except ProtocolViolation as violation:
        return str(violation)
    assert marshal(message) == wire
    return None


@pytest.mark.parametrize("key", SERIALIZED)
@pytest.mark.parametrize("name", SERIALIZERS)
def test_bytes_that_end_early_are_refused(key: str, name: str) -> None:
    """REQ-MSG-013, at every length of every sample."""
    serializer = SERIALIZERS[name]
    for data in encodings_of(SAMPLES[key], name):
        for length in range(len(data)):
            with pytest.raises(InvalidPayload):
                serializer.decode(data[:length])
