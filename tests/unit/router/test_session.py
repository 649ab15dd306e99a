"""The session beyond single messages: what accompanies it, what is held back."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest

from aiohttp_serverwamp import OPEN, Limits, Realm, TopicRouteSet
from aiohttp_serverwamp.router.session import HANDLERS
from aiohttp_serverwamp.router.states import State
from tests.conformance.harness import Gate, World, is_error


def test_every_state_has_its_row_of_the_table() -> None:
    assert HANDLERS.keys() == set(State)


def realm_with_life(log: list[str], gate: Gate, *, fail: bool = False) -> Realm:
    realm = Realm("realm1", permissions=OPEN)

    async def life(session: Any) -> Any:
        log.append("joins")
        await gate
        if fail:
            raise ValueError("secret")
        yield
        log.append("left")

    realm.add_session_lifespan_handler(life)
    return realm


def test_requests_wait_until_the_application_is_ready_for_the_session() -> None:
    """WELCOME goes out at once, and GOODBYE waits for nothing."""
    log, gate = list[str](), Gate()
    world = World(realm_with_life(log, gate))
    client, hasty = world.join(), world.join()
    client.send([32, 1, {}, "com.t"])
    assert client.received() == []

    hasty.send([6, {}, "wamp.close.close_realm"])
    assert hasty.received() == [[6, {}, "wamp.close.goodbye_and_out"]]
    gate.open()

    assert client.received() == [[33, 1, 1]]
    client.lose()
    world.settle()
    assert log.count("left") == 1


@pytest.mark.usefixtures("caplog")
def test_a_session_that_the_application_cannot_serve_is_sent_away() -> None:
    gate = Gate()
    world = World(realm_with_life([], gate, fail=True))
    client = world.join()
    client.send([32, 1, {}, "com.t"])

    gate.open()

    assert client.received() == [[6, {}, "wamp.error.runtime_error"]]
    assert world.realm.sessions() == []


def test_a_client_for_whom_too_much_is_held_back_is_cut() -> None:
    gate = Gate()
    topics = TopicRouteSet()

    @topics.route("com.t")
    async def topic(session: Any) -> Any:
        await gate
        yield

    realm = Realm("realm1", permissions=OPEN)
    realm.add_routes(topics)
    world = World(realm, limits=Limits(max_pending_bytes=10_000))
    client, publisher = world.join(), world.join()
    client.send([32, 1, {}, "com.t"])
    client.received()
    for number in range(9):
        publisher.send([16, number + 1, {}, "com.t", ["x" * 1000]])
    before = client.wire.aborted

    publisher.send([16, 10, {}, "com.t", ["x" * 1000]])

    assert (before, client.wire.aborted) == (False, True)
    assert not publisher.wire.aborted
    gate.open()
    world.settle()


def test_a_session_that_has_ended_is_not_kept_alive() -> None:
    """Not by the realm, nor by a cycle that only the garbage collector breaks."""
    world = World()
    client = world.join()
    client.register("com.p")
    client.subscribe("com.t")
    client.send([48, 1, {"timeout": 1000}, "com.p"])
    assert client.session.public().is_open
    client.received()
    gone = weakref.ref(client.session)
    gc.collect()
    gc.disable()
    try:
        client.lose()
        world.clients.clear()
        client.session.on_closing = lambda code, reason: None
        del client

        assert gone() is None
    finally:
        gc.enable()


def test_an_error_that_cannot_be_encoded_is_answered_without_its_payload() -> None:
    from aiohttp_serverwamp import ApplicationError, messages

    async def refuse(message: Any, session: Any) -> None:
        raise ApplicationError("com.err", 2**70, big=2**70)

    world = World(request_handlers={messages.Call: refuse})
    client = world.join(serializer="msgpack")

    answer = client.request([48, 1, {}, "com.p"])

    assert answer == [8, 48, 1, {}, "com.err"]
    assert is_error(answer, 48, 1, "com.err")


def test_its_repr_tells_the_session_and_its_state() -> None:
    client = World().join()

    assert repr(client.session) == f"<RouterSession {client.id} joined>"
