"""Statements of section 8.6: payloads that the router carries along unread."""

from __future__ import annotations

from typing import Any

import pytest

from aiohttp_serverwamp import (
    OPEN,
    CallOptions,
    Event,
    Invocation,
    PublishOptions,
    Realm,
    RPCResult,
    RPCRouteSet,
)
from tests.conformance.harness import Client, World, is_error, is_violation

MODE = "payload_passthru_mode"
NOT_SUPPORTED = "wamp.error.feature_not_supported"

KEYS = {
    "ppt_scheme": "x_mine",
    "ppt_serializer": "cbor",
    "ppt_cipher": "aes256gcm",
    "ppt_keyid": "0af9",
}
SCHEME = {"ppt_scheme": "x_mine"}
#: No serialization of anything.
SECRET = b"\xff\x00\xfe"
IN_JSON = "\0/wD+"

payloads = pytest.mark.parametrize("keys", [KEYS, SCHEME], ids=["all keys", "a scheme"])


def three(strict: bool = False, *features: str) -> tuple[World, Client, Client]:
    realm = Realm("realm1", permissions=OPEN, strict_features=strict)
    world = World(realm)
    return (
        world,
        world.join(*features, serializer="msgpack"),
        world.join(*features, serializer="msgpack"),
    )


# --- Carried along --------------------------------------------------------------


def test_both_roles_announce_it() -> None:
    """REQ-PPT-006."""
    roles = World().connect().join()["roles"]

    assert roles["broker"]["features"][MODE] is True
    assert roles["dealer"]["features"][MODE] is True


@payloads
def test_a_call_and_its_result_are_carried_along(keys: dict[str, str]) -> None:
    """REQ-PPT-001, 002, 003: CALL to INVOCATION, YIELD to RESULT."""
    _, caller, callee = three()
    registration = callee.register("com.p")

    caller.send([48, 1, {**keys, "_other": 1}, "com.p", [SECRET]])
    callee.send([70, 1, {**keys, "_other": 1}, [SECRET]])

    assert callee.received() == [[68, 1, registration, keys, [SECRET]]]
    assert caller.received() == [[50, 1, keys, [SECRET]]]


@pytest.mark.parametrize("cipher", ["xsalsa20poly1305", "aes256gcm"])
def test_encryption_is_the_affair_of_the_endpoints(cipher: str) -> None:
    """REQ-PPT-013: of a scheme that is predefined, too."""
    _, caller, callee = three()
    registration = callee.register("com.p")
    keys = {"ppt_scheme": "wamp", "ppt_serializer": "cbor", "ppt_cipher": cipher}

    caller.send([48, 1, keys, "com.p", [SECRET]])

    assert callee.received() == [[68, 1, registration, keys, [SECRET]]]


def test_the_older_payload_transparency_is_not_offered() -> None:
    """REQ-PPT-014; PIT-09: its keys mean nothing, its bare payload is no list."""
    _, caller, callee = three()
    registration = callee.register("com.p")
    features = World().connect().join()["roles"]["dealer"]["features"]
    keys = {"enc_algo": "cryptobox", "enc_serializer": "json", "enc_key": "k"}

    caller.send([48, 1, keys, "com.p", [1]])
    caller.send([48, 2, keys, "com.p", SECRET])

    assert callee.received()[0] == [68, 1, registration, {}, [1]]
    assert is_violation(caller.received())
    assert not {"payload_transparency", "payload_encryption_cryptobox"} & set(features)


@payloads
def test_an_error_is_carried_along(keys: dict[str, str]) -> None:
    """REQ-PPT-003: ERROR to ERROR."""
    _, caller, callee = three()
    callee.register("com.p")
    caller.send([48, 1, {}, "com.p"])

    callee.send([8, 68, 1, {**keys, "_other": 1}, "com.err", [SECRET]])

    assert caller.received() == [[8, 48, 1, keys, "com.err", [SECRET]]]


@payloads
def test_an_event_is_carried_along(keys: dict[str, str]) -> None:
    """REQ-PPT-003, 009: whatever its subscribers have announced."""
    _, publisher, subscriber = three()
    subscriber.subscribe("com.t")

    publisher.send([16, 1, {**keys, "_other": 1}, "com.t", [SECRET]])

    [event] = subscriber.received()
    assert event[3:] == [keys, [SECRET]]


def test_progress_and_chunks_are_carried_along() -> None:
    """REQ-PPT-010."""
    _, caller, callee = three()
    registration = callee.register("com.p")
    flags = {"progress": True, "receive_progress": True}

    caller.send([48, 1, {**SCHEME, **flags}, "com.p", [SECRET]])
    callee.send([70, 1, {**KEYS, "progress": True}, [SECRET]])
    caller.send([48, 1, {}, "com.p", [SECRET]])
    callee.send([70, 1, SCHEME, [SECRET]])

    details = {**SCHEME, "receive_progress": True}
    assert callee.received() == [
        [68, 1, registration, {**details, "progress": True}, [SECRET]],
        [68, 1, registration, details, [SECRET]],
    ]
    assert caller.received() == [
        [50, 1, {**KEYS, "progress": True}, [SECRET]],
        [50, 1, SCHEME, [SECRET]],
    ]


def test_crossing_serializers_converts_only_the_wrapping() -> None:
    """REQ-PPT-004."""
    world, callee, subscriber = three()
    client = world.join()
    callee.register("com.p")
    subscriber.subscribe("com.t")

    client.send([48, 1, SCHEME, "com.p", [IN_JSON]])
    client.send([16, 2, SCHEME, "com.t", [IN_JSON]])
    [invocation], [event] = callee.received(), subscriber.received()
    callee.send([70, 1, SCHEME, [SECRET]])

    assert invocation[4] == event[4] == [SECRET]
    assert client.received() == [[50, 1, SCHEME, [IN_JSON]]]


@pytest.mark.parametrize("scheme", [{}, {"ppt_scheme": ""}, {"ppt_scheme": None}])
def test_without_a_scheme_the_other_keys_mean_nothing(scheme: dict[str, Any]) -> None:
    """REQ-PPT-011."""
    _, client, other = three(True)
    registration = other.register("com.p")
    other.subscribe("com.t")
    keys = {**KEYS, **scheme} if scheme else {k: KEYS[k] for k in KEYS if k[4] != "s"}
    keys.setdefault("ppt_serializer", "cbor")

    client.send([48, 1, keys, "com.p", [1, 2]])
    client.send([16, 2, keys, "com.t", [1, 2]])
    other.send([70, 1, keys, [3, 4]])

    invocation, event = other.received()
    assert invocation == [68, 1, registration, {}, [1, 2]]
    assert event[3:] == [{}, [1, 2]]
    assert client.received() == [[50, 1, {}, [3, 4]]]


def test_by_default_nobody_is_held_to_announcements() -> None:
    """REQ-PPT-002: nor is the payload looked at; wampy's JSON is a text."""
    _, caller, callee = three()
    registration = callee.register("com.p")

    caller.send([48, 1, SCHEME, "com.p", ["{}"]])

    assert callee.received() == [[68, 1, registration, SCHEME, ["{}"]]]


# --- In a strict realm ----------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "message"),
    [
        ("caller", [48, 1, SCHEME, "com.p", [SECRET]]),
        ("publisher", [16, 1, SCHEME, "com.t", [SECRET]]),
        ("callee", [70, 1, SCHEME, [SECRET]]),
    ],
)
@pytest.mark.parametrize("announced", [True, False])
def test_a_strict_realm_ends_who_did_not_announce_it(
    role: str, message: list[Any], announced: bool
) -> None:
    """REQ-PPT-005."""
    world, caller, callee = three(True, f"caller.{MODE}", f"callee.{MODE}")
    sender = world.join(*[f"{role}.{MODE}"] * announced, serializer="msgpack")
    (sender if role == "callee" else callee).register("com.p")
    caller.send([48, 1, {}, "com.p"])
    sender.received()

    sender.send(message)

    assert is_violation(sender.received()) is not announced


@pytest.mark.parametrize(
    "payload",
    [
        [],
        [[]],
        [["text"]],
        [[SECRET, SECRET]],
        [[SECRET], {"k": 1}],
        [[], {"k": SECRET}],
    ],
)
@pytest.mark.parametrize("code", [48, 16, 70])
def test_a_strict_realm_looks_at_the_form_of_the_payload(
    code: int, payload: list[Any]
) -> None:
    """REQ-PPT-001: one binary item, and nothing by keyword."""
    features = [f"{role}.{MODE}" for role in ("caller", "callee", "publisher")]
    _, client, other = three(True, *features)
    client.register("com.p")
    other.send([48, 1, {}, "com.p"])
    client.received()

    where = [] if code == 70 else ["com.none"]
    client.send([code, 1, SCHEME, *where, *payload])

    assert is_violation(client.received())


def test_in_a_strict_realm_the_callee_must_have_announced_it() -> None:
    """REQ-PPT-007."""
    world, caller, _ = three(True, f"caller.{MODE}")
    callee = world.join()
    callee.register("com.p")

    answer = caller.request([48, 1, SCHEME, "com.p", [SECRET]])

    assert is_error(answer, 48, 1, NOT_SUPPORTED)
    assert callee.received() == []


@pytest.mark.parametrize("progress", [True, False])
def test_in_a_strict_realm_the_caller_must_have_announced_it(progress: bool) -> None:
    """REQ-PPT-008; PIT-24: the caller is told, and the callee is not punished."""
    stops = "callee.call_canceling"
    world, callee, _ = three(True, f"callee.{MODE}", stops)
    caller = world.join()
    callee.register("com.p")
    caller.send([48, 1, {"receive_progress": True}, "com.p"])
    callee.received()

    callee.send([70, 1, {**SCHEME, "progress": progress}, [SECRET]])

    [answer] = caller.received()
    assert is_error(answer, 48, 1, NOT_SUPPORTED)
    interrupts = [[69, 1, {"mode": "killnowait"}]] if progress else []
    assert callee.received() == interrupts


def test_in_a_strict_realm_every_subscriber_gets_the_event() -> None:
    """REQ-PPT-009."""
    world, publisher, _ = three(True, f"publisher.{MODE}")
    subscriber = world.join()
    subscriber.subscribe("com.t")

    publisher.send([16, 1, SCHEME, "com.t", [SECRET]])

    [event] = subscriber.received()
    assert event[3:] == [SCHEME, [IN_JSON]]


# --- Hosted code ----------------------------------------------------------------


def hosting() -> tuple[World, list[Any]]:
    """Return a strict world whose procedure and subscriber note what they get."""
    api, seen = RPCRouteSet(), []

    @api.route("com.p")
    async def procedure(*payload: Any, invocation: Invocation) -> Any:
        seen.append((payload, invocation.passthru))
        return RPCResult([SECRET], passthru=KEYS)

    def on_event(*payload: Any, event: Event) -> None:
        seen.append((payload, event.passthru))

    realm = Realm("realm1", permissions=OPEN, strict_features=True)
    realm.add_routes(api)
    realm.subscribe("com.t", on_event)
    return World(realm), seen


def test_hosted_code_sees_the_keys_and_the_payload_as_it_is() -> None:
    """REQ-PPT-003, 005, 007, 012; REQ-EMB-001, 012: and may answer likewise."""
    world, seen = hosting()
    features = (f"caller.{MODE}", f"publisher.{MODE}")
    client = world.join(*features, serializer="msgpack")

    client.send([48, 1, KEYS, "com.p", [SECRET]])
    assert client.received() == [[50, 1, KEYS, [SECRET]]]
    client.send([16, 2, SCHEME, "com.t", [SECRET]])
    client.send([48, 3, {}, "com.p", ["plain"]])
    assert len(client.received()) == 1

    assert seen == [((SECRET,), KEYS), ((SECRET,), SCHEME), (("plain",), {})]


def test_hosted_code_publishes_with_passthru() -> None:
    """REQ-PPT-003, 005; REQ-EMB-012."""
    world, _ = hosting()
    client = world.join(serializer="msgpack")
    client.subscribe("com.t")
    options = PublishOptions(**KEYS)  # type: ignore[arg-type]  # all are of text

    world.realm.publish("com.t", SECRET, options=options)

    [event] = client.received()
    assert event[3:] == [KEYS, [SECRET]]


def test_the_options_of_a_hosted_call_have_the_same_names() -> None:
    """REQ-PPT-003; REQ-EMB-012: and its result says what it is."""
    world, _ = hosting()
    callee = world.join(f"callee.{MODE}", serializer="msgpack")
    registration = callee.register("com.theirs")
    results: list[Any] = []

    async def call() -> None:
        options = CallOptions(**KEYS)  # type: ignore[arg-type]  # all are of text
        results.append(await world.realm.call("com.theirs", SECRET, options=options))

    world.new_tasks().start(call)
    assert callee.received() == [[68, 1, registration, KEYS, [SECRET]]]
    callee.send([70, 1, SCHEME, [SECRET]])
    world.settle()

    assert results == [RPCResult([SECRET], {}, SCHEME)]
