"""Testaments: what a session has published once it has gone (6.12)."""

from __future__ import annotations

from typing import Any

import pytest

from aiohttp_serverwamp import OPEN, Decision, Identity, Limits, Realm
from aiohttp_serverwamp.router import endings
from tests.conformance.harness import ENDINGS, Client, Gate, World, is_error
from tests.conformance.meta_calls import call, events

ADD, FLUSH = "wamp.session.add_testament", "wamp.session.flush_testaments"


def bequeath(
    client: Client, *args: Any, topic: str = "com.will", **kwargs: Any
) -> None:
    """Add a testament."""
    answer = call(client, ADD, topic, [*args], {}, **kwargs)
    assert answer == [50, 1, {}], answer


def heirs(world: World) -> tuple[Client, Client]:
    """Return who leaves something, and who hears of it."""
    testator = world.join(authid="ann")
    heir = world.join(authid="heir", authrole="heir")
    heir.subscribe("com.will")
    return testator, heir


@pytest.mark.parametrize("how", ENDINGS)
def test_testaments_are_published_whatever_ends_the_session(how: str) -> None:
    """REQ-META-001, 002, 031; REQ-SES-047; PIT-18, 37; TRC-30."""
    testator, heir = heirs(World())
    heir.subscribe("wamp.session.on_leave")
    testator_id = testator.id
    bequeath(testator, 1)
    bequeath(testator, 2, scope="destroyed")
    bequeath(testator, 3, scope="detached")
    bequeath(testator, 4, scope="detached", publish_options={})
    assert events(heir) == []

    testator.end(how)
    testator.lose()

    assert events(heir) == [[3], [4], [1], [2], [testator_id, "ann", "user"]]


def test_they_carry_what_they_were_given() -> None:
    """REQ-META-004, 005."""
    testator, heir = heirs(World())
    options = {"disclose_me": True, "acknowledge": True}
    answer = call(
        testator, ADD, "com.will", ["a", None], {"k": [1]}, publish_options=options
    )
    assert answer == [50, 1, {}]
    testator_id = testator.id

    testator.lose()

    [event] = heir.received()
    assert event[3:] == [
        {
            "publisher": testator_id,
            "publisher_authid": "ann",
            "publisher_authrole": "user",
        },
        ["a", None],
        {"k": [1]},
    ]
    assert testator.received() == []


@pytest.mark.parametrize(
    ("options", "heard"),
    [
        ({"eligible_authrole": ["heir"]}, True),
        ({"exclude_authid": ["heir"]}, False),
        ({"exclude_me": False}, True),
    ],
)
def test_they_go_to_whom_their_options_say(options: Any, heard: bool) -> None:
    """REQ-META-004, 005: and never to the departed."""
    testator, heir = heirs(World())
    testator.subscribe("com.will")
    bequeath(testator, 1, publish_options=options)

    testator.end("killed")

    assert events(heir) == ([[1]] if heard else [])
    assert testator.received() == []


@pytest.mark.parametrize(
    ("flush", "left"),
    [
        ({}, [["detached"]]),
        ({"scope": "destroyed"}, [["detached"]]),
        ({"scope": "detached"}, [["destroyed"]]),
    ],
)
def test_a_bucket_can_be_emptied(flush: Any, left: Any) -> None:
    """REQ-META-001, 003; PIT-37."""
    testator, heir = heirs(World())
    for scope in ("detached", "destroyed"):
        bequeath(testator, scope, scope=scope)

    assert call(testator, FLUSH, **flush) == [50, 1, {}]
    testator.lose()

    assert events(heir) == left


def test_nobody_flushes_what_another_has_left() -> None:
    """REQ-META-001."""
    testator, heir = heirs(World())
    bequeath(testator, 1)

    assert call(heir, FLUSH) == [50, 1, {}]
    testator.lose()

    assert events(heir) == [[1]]


def test_they_are_published_once() -> None:
    """REQ-META-002: a client that says HELLO again has left nothing yet."""
    testator, heir = heirs(World())
    bequeath(testator, 1)
    testator.end("GOODBYE")
    assert events(heir) == [[1]]

    testator.join()
    testator.end("GOODBYE")

    assert events(heir) == []


def test_kill_all_publishes_none() -> None:
    """REQ-META-007, 030."""
    testator, heir = heirs(World())
    bequeath(testator, 1)

    assert call(heir, "wamp.session.kill_all") == [50, 1, {}, [1]]

    assert events(heir) == []


@pytest.mark.parametrize("procedure", ["kill", "kill_by_authid", "kill_by_authrole"])
def test_the_other_kills_do(procedure: str) -> None:
    """REQ-META-031."""
    testator, heir = heirs(World())
    bequeath(testator, 1)
    means = {
        "kill": testator.id,
        "kill_by_authid": "ann",
        "kill_by_authrole": "user",
    }

    heir.send([48, 1, {}, f"wamp.session.{procedure}", [means[procedure]]])

    assert events(heir) == [[1]]


def test_the_end_of_the_realm_is_an_end_as_well() -> None:
    """REQ-META-002, 019."""
    testator, heir = heirs(World())
    heir.subscribe("wamp.session.on_leave")
    bequeath(testator, 1)

    endings.shut_down(testator.session)

    assert events(heir) == [[1]]


# --- Wrong arguments and limits ---------------------------------------------------


@pytest.mark.parametrize(
    ("args", "kwargs", "error"),
    [
        ([], {}, "invalid_argument"),
        (["com.will"], {}, "invalid_argument"),
        (["com.will", []], {}, "invalid_argument"),
        ([7, [], {}], {}, "invalid_argument"),
        (["com.will", {}, {}], {}, "invalid_argument"),
        (["com.will", [], []], {}, "invalid_argument"),
        (["com.will", None, None], {}, "invalid_argument"),
        (["com.will", [], {}], {"scope": "forever"}, "invalid_argument"),
        (["com.will", [], {}], {"scope": 1}, "invalid_argument"),
        (["com.will", [], {}], {"publish_options": []}, "invalid_argument"),
        (
            ["com.will", [], {}],
            {"publish_options": {"eligible": "all"}},
            "invalid_argument",
        ),
        (["com..will", [], {}], {}, "invalid_uri"),
        (["", [], {}], {}, "invalid_uri"),
        (["wamp.session.on_join", [], {}], {}, "invalid_uri"),
    ],
)
def test_wrong_testaments_are_answered(args: Any, kwargs: Any, error: str) -> None:
    """REQ-META-006, 016."""
    testator, heir = heirs(World())

    answer = call(testator, ADD, *args, **kwargs)

    assert is_error(answer, 48, 1, f"wamp.error.{error}")
    testator.lose()
    assert events(heir) == []


@pytest.mark.parametrize("scope", ["forever", 7, []])
def test_wrong_scopes_are_not_flushed(scope: Any) -> None:
    """REQ-META-006."""
    testator, _ = heirs(World())

    answer = call(testator, FLUSH, scope=scope)

    assert is_error(answer, 48, 1, "wamp.error.invalid_argument")


def test_a_session_has_so_many_of_them() -> None:
    """REQ-META-008: in both buckets together, and flushing makes room."""
    testator, heir = heirs(World(limits=Limits(max_testaments=2)))
    bequeath(testator, 1)
    bequeath(testator, 2, scope="detached")

    answer = call(testator, ADD, "com.will", [3], {})
    assert is_error(answer, 48, 1, "wamp.error.invalid_argument")
    bequeath(heir, 9, topic="com.other")
    call(testator, FLUSH)
    bequeath(testator, 4)
    testator.lose()

    assert events(heir) == [[2], [4]]


@pytest.mark.parametrize(
    "payload", ["x" * 2000, ["x"] * 300, {"x": "y" * 2000}, [1 << 2_000] * 12]
)
def test_they_may_be_so_large(payload: Any) -> None:
    """REQ-META-008."""
    testator, heir = heirs(World(limits=Limits(max_testament_size=2000)))
    bequeath(testator, 1)

    answer = call(testator, ADD, "com.will", [payload], {})

    assert is_error(answer, 48, 1, "wamp.error.payload_size_exceeded")
    testator.lose()
    assert events(heir) == [[1]]


def test_nothing_of_them_stays() -> None:
    """REQ-META-002, 007: whichever way the sessions ended."""
    world = World()
    for how in ENDINGS:
        client = world.join()
        bequeath(client, 1)
        client.end(how)
    flushed = world.join()
    bequeath(flushed, 1)
    call(flushed, FLUSH)

    assert len(world.realm.router.testaments) == 0


def test_hosted_code_has_none() -> None:
    """REQ-META-001: it does not leave."""
    world = World()
    failures: list[Exception] = []

    async def ask() -> None:
        try:
            await world.realm.call(ADD, "com.will", [], {})
        except Exception as failure:
            failures.append(failure)

    world.runtime.tasks.start(ask)
    world.settle()

    assert [str(type(each).__name__) for each in failures] == ["FeatureNotSupported"]


# --- Permission -------------------------------------------------------------------


def closed() -> Realm:
    """Return a realm in which the role "user" may publish, and others may not."""
    realm = Realm("realm1")
    realm.permit("wamp.session.", match="prefix", call=True, subscribe=True)
    realm.permit("com.will", publish=True, roles=["user"])
    realm.permit("com.will", subscribe=True)
    return realm


def test_who_may_not_publish_leaves_nothing() -> None:
    """REQ-META-005, 011."""
    testator, heir = heirs(World(closed()))

    answer = call(heir, ADD, "com.will", [], {})
    assert is_error(answer, 48, 1, "wamp.error.not_authorized")
    bequeath(testator, 1)
    testator.lose()

    assert events(heir) == [[1]]


@pytest.mark.parametrize("role", ["user", "guest"])
def test_they_are_authorized_as_of_who_leaves(role: str) -> None:
    """REQ-META-005: a role that was lost meanwhile publishes nothing."""
    world = World(closed())
    testator, heir = heirs(world)
    heir.subscribe("wamp.session.on_leave")
    bequeath(testator, 1)
    testator_id = testator.id

    renewing = testator.session.public().renew
    world.runtime.tasks.start(renewing, Identity("ann", role))
    world.settle()
    testator.lose()

    left = [testator_id, "ann", role]
    assert events(heir) == ([[1], left] if role == "user" else [left])


@pytest.mark.parametrize("answer", [True, False, Decision(True, disclose=True), "?"])
def test_the_authorizer_is_asked_in_the_end(
    answer: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """REQ-META-005; REQ-AUTZ-009, 011."""
    asked: list[tuple[str, str, str]] = []

    def authorizer(session: Any, action: str, uri: str, options: Any) -> Any:
        asked.append((session.authid, str(action), uri))
        return answer if action == "publish" else True

    realm = Realm("realm1", permissions=OPEN)
    realm.set_authorizer(authorizer)
    testator, heir = heirs(World(realm))
    bequeath(testator, 1)
    asked.clear()

    testator.lose()

    assert asked == [("ann", "publish", "com.will")]
    came = heir.received()
    assert len(came) == (0 if answer in (False, "?") else 1)
    if came and answer is not True:
        assert came[0][3]["publisher_authid"] == "ann"
    assert ("the authorizer failed" in caplog.text) is (answer == "?")
    caplog.clear()


@pytest.mark.parametrize("allowed", [True, False, ZeroDivisionError()])
def test_an_authorizer_that_takes_its_time_keeps_the_order(
    allowed: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """REQ-META-002, 005; REQ-AUTZ-004, 014; PIT-18."""
    gate = Gate()

    async def slow() -> bool:
        await gate
        if isinstance(allowed, Exception):
            raise allowed
        return bool(allowed)

    def authorizer(session: Any, action: str, uri: str, options: Any) -> Any:
        return slow() if uri == "com.slow" and action == "publish" else True

    realm = Realm("realm1", permissions=OPEN)
    realm.set_authorizer(authorizer)
    testator, heir = heirs(World(realm))
    heir.subscribe("com.slow")
    heir.subscribe("wamp.session.on_leave")
    testator_id = testator.id
    bequeath(testator, 1, scope="detached")
    bequeath(testator, 2, topic="com.slow")
    bequeath(testator, 3)

    testator.lose()
    assert events(heir) == [[1]]
    gate.open()

    told = [[2]] if allowed is True else []
    assert events(heir) == [*told, [3], [testator_id, "ann", "user"]]
    assert ("the authorizer failed" in caplog.text) is isinstance(allowed, Exception)
    caplog.clear()


@pytest.mark.parametrize("eager", [False, True])
def test_many_testaments_that_are_decided_at_once_are_all_published(
    *, eager: bool
) -> None:
    """REQ-META-002, 005: tasks that end as they start do not nest in each other."""

    async def authorizer(session: Any, action: str, uri: str, options: Any) -> bool:
        return True

    realm = Realm("realm1", permissions=OPEN)
    realm.set_authorizer(authorizer)
    world = World(realm, limits=Limits(max_testaments=None), eager=eager)
    testator, heir = heirs(world)
    for number in range(300):
        bequeath(testator, number)

    testator.lose()

    assert events(heir) == [[number] for number in range(300)]


def test_an_authorizer_that_fails_grants_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """REQ-ERR-006; REQ-META-005."""

    def authorizer(session: Any, action: str, uri: str, options: Any) -> Any:
        if action == "publish":
            raise ZeroDivisionError
        return True

    realm = Realm("realm1", permissions=OPEN)
    realm.set_authorizer(authorizer)
    testator, heir = heirs(World(realm))
    bequeath(testator, 1)

    testator.lose()

    assert events(heir) == []
    assert "the authorizer failed" in caplog.text
    caplog.clear()


def test_what_a_realm_does_not_disclose_is_not_published() -> None:
    """REQ-META-005; REQ-PUB-034."""
    testator, heir = heirs(World(Realm("realm1", permissions=OPEN, disclosure="deny")))
    bequeath(testator, 1, publish_options={"disclose_me": True})
    bequeath(testator, 2)

    testator.lose()

    assert events(heir) == [[2]]
