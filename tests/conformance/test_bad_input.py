"""What is malformed, not offered or hostile: an answer each, and never a traceback.

The seeded fuzz at the end sends mutated messages of every type in every state.
"""

from __future__ import annotations

import copy
import json
import random
from typing import Any, Final

import pytest

from aiohttp_serverwamp import Limits
from tests.conformance.harness import (
    Client,
    World,
    encoded,
    is_error,
    is_violation,
)
from tests.conformance.test_receive_matrix import MATRIX, STATES, Situation

# --- Valid, and not offered -------------------------------------------------------


def test_shards_are_ignored() -> None:
    """REQ-PUB-044; REQ-MSG-009."""
    world = World()
    publisher, subscriber = world.join(), world.join()

    subscriber.subscribe("com.t", nkey="a")
    publisher.send([16, 1, {"rkey": "b"}, "com.t", ["sent"]])

    assert [event[4] for event in subscriber.received()] == [["sent"]]


@pytest.mark.parametrize("undefined", [b"\xc0", b"\xd4\x00\x00"], ids=["nil", "ext 0"])
def test_undefined_options_are_absent_ones(undefined: bytes) -> None:
    """REQ-MSG-011; PIT-06; client-notes 1: as msgpackr writes `undefined`."""
    client = World().join(serializer="msgpack")

    client.send_raw(
        b"\x94\x20\x01\x82\xa5match"
        + undefined
        + b"\xacget_retained"
        + undefined
        + b"\xa5com.t"
    )

    assert client.received() == [[33, 1, 1]]


# --- Malformed --------------------------------------------------------------------


@pytest.mark.parametrize(
    "message",
    [
        [48, True, {}, "com.a"],
        [48, 0, {}, "com.a"],
        [48, -1, {}, "com.a"],
        [48, 2**53 + 1, {}, "com.a"],
        [48, 1.5, {}, "com.a"],
        [48, None, {}, "com.a"],
        [48, "1", {}, "com.a"],
        [48, 1, None, "com.a"],
        [48, 1, [], "com.a"],
        [48, 1, {}, None],
        [48, 1, {}, 5],
        [48, 1, {}, "com.a", {}],
        [48, 1, {}, "com.a", [], []],
        [48, 1, {}, "com.a", [], {}, 1],
        [48, 1, {"disclose_me": 1}, "com.a"],
        [48, 1, {"receive_progress": "yes"}, "com.a"],
        [16, 1, {"acknowledge": "yes"}, "com.a"],
        [16, 1, {"exclude": "x"}, "com.a"],
        [16, 1, {"exclude": ["x"]}, "com.a"],
        [16, 1, {"eligible_authid": [1]}, "com.a"],
        [32, 1, {"match": 123}, "com.a"],
        [32, 1, {"match": "foo"}, "com.a"],
        [64, 1, {"invoke": "foo"}, "com.a"],
        [49, 1, {"mode": "foo"}],
        [49, 1, {"mode": 1}],
        [34, 0, 1],
        [70, 1],
        [8, 68, 1, {}],
        [8, 68, 1, {}, "a b"],
        ["48", 1, {}, "com.a"],
        [48.0, 1, {}, "com.a"],
        [True, "realm1", {}],
        [None],
        [[48]],
        "text",
        48,
        None,
    ],
    ids=repr,
)
@pytest.mark.parametrize("serializer", ["json", "msgpack", "cbor"])
def test_a_malformed_message_is_a_violation(message: Any, serializer: str) -> None:
    """REQ-MSG-001 to 005, 007, 008, 014; REQ-PUB-025; REQ-URI-009; PIT-53."""
    client = World().join(serializer=serializer)

    client.send(message)

    assert is_violation(client.received())
    assert client.closed == 1002


@pytest.mark.parametrize(
    "data",
    [
        b"\x94\x30\x01\x81\x01\x02\xa5com.a",
        b"\x96\x30\x01\x80\xa5com.a\x90\x81\xc4\x01k\x01",
        b"\x94\x30\x01\x80\xa3\xff\xfe\xfd",
        b"\x94\x30\x01\x80\xc1",
        b"\x94\x30\x01\x80\xa5com.a\x00",
        b"",
        b"\xdd\xff\xff\xff\xff",
        b"\x91" * 100_000,
    ],
    ids=[
        "integer as an option's key",
        "binary as a keyword",
        "no UTF-8",
        "reserved byte",
        "trailing byte",
        "empty",
        "more elements than bytes",
        "endless nesting",
    ],
)
def test_what_is_no_messagepack_message_is_a_violation(data: bytes) -> None:
    """REQ-MSG-006, 013; REQ-SER-013, 014."""
    client = World().join(serializer="msgpack")

    client.send_raw(data)

    assert is_violation(client.received())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[",
        '[48,1,{},"com.a"]]',
        '[48,1,{},"com.a",[NaN]]',
        '[48,1,{},"com.a",[Infinity]]',
        '[48,1,{},"com.a",["\\u0000no base64"]]',
        "[" * 100_000,
        '[48,1,{},"com.a",' + "[" * 100_000 + "]" * 100_000 + "]",
        "\ufeff[]",
    ],
    ids=lambda text: text[:30],
)
def test_what_is_no_json_message_is_a_violation(text: str) -> None:
    """REQ-MSG-013; REQ-SER-002, 008, 014."""
    client = World().join()

    client.send_raw(text)

    assert is_violation(client.received())


# --- Hostile ----------------------------------------------------------------------


def test_the_urls_of_a_client_are_bounded() -> None:
    """REQ-URI-007: longer ones are malformed, the session goes on."""
    client = World(limits=Limits(max_uri_length=20, max_uri_components=3)).join()

    for uri in ("a" * 21, "a.b.c.d", "a" * 10**6):
        for code in (32, 64, 48):
            answer = client.request([code, 1, {}, uri])
            assert is_error(answer, code, 1, "wamp.error.invalid_uri")
    client.subscribe("a.b.c")


def test_what_one_client_holds_is_bounded() -> None:
    """Its subscriptions, registrations and calls in flight."""
    limits = Limits(max_subscriptions=2, max_registrations=2, max_pending_calls=2)
    client = World(limits=limits).join()
    refused = "wamp.error.unavailable"
    for number in range(2):
        client.subscribe(f"com.{number}")
        client.register(f"com.{number}")
    for number in range(2):
        client.send([48, number + 1, {}, "com.0"])
    client.received()

    assert is_error(client.request([32, 9, {}, "com.x"]), 32, 9, refused)
    assert is_error(client.request([64, 9, {}, "com.x"]), 64, 9, refused)
    assert is_error(client.request([48, 9, {}, "com.0"]), 48, 9, refused)
    # What it holds already costs nothing more.
    assert client.subscribe("com.0") == 1


def test_a_lone_surrogate_reaches_those_who_can_read_it() -> None:
    """REQ-SER-002; REQ-TYP-005: JavaScript may send half a character."""
    world = World()
    publisher, reader = world.join(), world.join()
    reader.subscribe("com.", match="prefix")

    publisher.send_raw('[16,1,{},"com.\\ud800",["\\ud800"]]')
    answer = publisher.request([48, 2, {}, "com.\ud800"])

    [event] = reader.received()
    assert event[3:] == [{"topic": "com.\ud800"}, ["\ud800"]]
    assert is_error(answer, 48, 2, "wamp.error.no_such_procedure")


# --- A seeded fuzz ----------------------------------------------------------------

JUNK: Final[tuple[Any, ...]] = (
    *(None, True, False, 0, 1, 2, 10, -1, 7, 68, 2**31, 2**53, 2**53 + 1, 2**63),
    *(2**64 - 1, 0.0, 1.0, 1.5, -0.5, 1e308, "", ".", "a..b", "com.p", "com.t", "wamp"),
    *("wamp.x", "kill", "skip", "prefix", "wildcard", "roundrobin", "\0", "\0AAA="),
    *("é", "\ud800", "x" * 2000, [], {}, [1], ["com.p"], {"k": 1}, [[[]]], {"": {}}),
)
KEYS: Final = (
    *("acknowledge", "exclude", "eligible_authid", "exclude_me", "disclose_me"),
    *("match", "invoke", "mode", "timeout", "progress", "receive_progress", "retain"),
    *("ppt_scheme", "forward_timeout", "disclose_caller", "message", "roles", "_x"),
)
TEMPLATES: Final = [row[0] for row in MATRIX.values() if isinstance(row[0], list)]
ERRORS_TO: Final = {16, 32, 34, 48, 64, 66}


def some_junk(chance: random.Random) -> Any:
    # A copy: otherwise a dict would be put into itself now and then.
    return copy.deepcopy(chance.choice(JUNK))


def mutated(message: list[Any], chance: random.Random) -> Any:
    """Return the message with a few of its parts replaced, removed or added."""
    mutant = json.loads(json.dumps(message))
    for _ in range(chance.randrange(4)):
        kind = chance.randrange(5)
        position = chance.randrange(len(mutant) + 1)
        if kind == 0 and position < len(mutant):
            mutant[position] = some_junk(chance)
        elif kind == 1:
            mutant.insert(position, some_junk(chance))
        elif kind == 2 and position < len(mutant):
            del mutant[position]
        else:
            dicts = [part for part in mutant if isinstance(part, dict)]
            if dicts:
                chance.choice(dicts)[chance.choice(KEYS)] = some_junk(chance)
    return mutant


def frame(message: Any, serializer: str, chance: random.Random) -> str | bytes:
    """Encode a mutant, and now and then damage the bytes."""
    if serializer == "json":
        text = json.dumps(message)
        if chance.random() < 0.1:
            cut = chance.randrange(len(text) + 1)
            text = (
                text[:cut] + chance.choice(["", "\0", '"', "[", "}"]) + text[cut + 1 :]
            )
        return text
    try:
        data = encoded(message, serializer)
    except (UnicodeEncodeError, OverflowError):
        return b"\xa3\xed\xa0\x80"
    assert isinstance(data, bytes)
    if chance.random() < 0.1:
        cut = chance.randrange(len(data) + 1)
        data = data[:cut] + chance.randbytes(1) + data[cut + 1 :]
    return data


def is_over(client: Client) -> bool:
    """Tell whether the session that it began with has ended."""
    return client.closed is not None or client.farewells > 0


def is_in_order(client: Client, messages: list[Any]) -> bool:
    """Tell whether this is what a router may say to a client that misbehaves."""
    for message in messages[:-1] if is_over(client) else messages:
        if message[0] == 8 and message[1] not in ERRORS_TO:
            return False
        if message[0] in (3, 6):
            return False
    if client.closed == 1002:
        return is_violation(messages[-1:])
    return True


@pytest.mark.parametrize("serializer", ["json", "msgpack", "cbor"])
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("seed", range(4))
def test_whatever_a_client_says_the_router_keeps_its_manners(
    state: str, serializer: str, seed: int
) -> None:
    """REQ-MSG-001 to 008, 013, 032; the log stays free of errors (see conftest)."""
    chance = random.Random(f"{state} {serializer} {seed}")
    situation = Situation(state, serializer)
    client = situation.client
    for _ in range(300):
        if is_over(client):
            client.lose()
            situation = Situation(state, serializer)
            client = situation.client

        client.send_raw(
            frame(mutated(chance.choice(TEMPLATES), chance), serializer, chance)
        )

        assert is_in_order(client, client.received())
