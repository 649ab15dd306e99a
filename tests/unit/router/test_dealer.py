"""The dealer between clients and the application: what only the latter can call."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from aiohttp_serverwamp import OPEN, ApplicationError, Realm, RPCRouteSet
from aiohttp_serverwamp.errors import Canceled, ConnectionClosed, NoSuchProcedure
from tests.conformance.harness import Client, Gate, World, is_error


class Running:
    """A coroutine of the application's, run by the world."""

    def __init__(self, world: World, call: Callable[[], Coroutine[Any, Any, Any]]):
        self.outcome: list[Any] = []

        async def run() -> None:
            try:
                self.outcome.append(await call())
            except (ApplicationError, ConnectionClosed) as error:
                self.outcome.append(error)

        self.task = world.new_tasks().start(run)
        world.settle()


def realm_with_own(uri: str = "browser.", **permissions: Any) -> Realm:
    realm = Realm("realm1")
    realm.permit(uri, match="prefix", register="own", **permissions)
    return realm


def test_each_session_may_offer_a_procedure_to_the_application() -> None:
    """The same URI in every browser, and each call reaches the one that is meant."""
    world = World(realm_with_own())
    one, other = world.join(), world.join()
    for client in (one, other):
        client.register("browser.confirm")

    running = Running(
        world, lambda: other.session.public().call("browser.confirm", "sure?")
    )
    assert one.received() == []
    [invocation] = other.received()
    assert invocation[3:] == [{}, ["sure?"]]
    other.send([70, invocation[1], {}, [True]])
    world.settle()

    assert running.outcome == [True]


def test_what_a_session_offers_to_the_application_others_cannot_see() -> None:
    """Not even where they may call everything beneath."""
    world = World(realm_with_own(call=True))
    one, other = world.join(), world.join()
    one.register("browser.confirm")

    answer = other.request([48, 1, {}, "browser.confirm"])

    assert is_error(answer, 48, 1, "wamp.error.no_such_procedure")
    assert one.received() == []


def test_a_private_registration_is_exact() -> None:
    client = World(realm_with_own()).join()

    answer = client.request([64, 1, {"match": "prefix"}, "browser.x"])

    assert is_error(answer, 64, 1, "wamp.error.feature_not_supported")


def test_of_a_shared_registration_the_session_that_is_meant_gets_the_call() -> None:
    world = World()
    callees = [world.join(), world.join()]
    for callee in callees:
        callee.register("com.", match="prefix", invoke="first")

    running = Running(world, lambda: callees[1].session.public().call("com.p"))

    assert callees[0].received() == []
    [invocation] = callees[1].received()
    assert invocation[3] == {"procedure": "com.p"}
    callees[1].send([70, invocation[1], {}, [5]])
    world.settle()
    assert running.outcome == [5]


@pytest.mark.parametrize("uri", ["com.p", "com.nothing"])
def test_a_session_that_takes_no_part_cannot_be_called(uri: str) -> None:
    world = World()
    callee, other = world.join(), world.join()
    callee.register("com.p")

    running = Running(world, lambda: other.session.public().call(uri))

    [error] = running.outcome
    assert isinstance(error, NoSuchProcedure)
    assert callee.received() == []


def test_a_session_that_leaves_ends_the_calls_it_got() -> None:
    world = World()
    callee = world.join()
    callee.register("com.p")
    view = callee.session.public()
    running = Running(world, lambda: view.call("com.p"))
    callee.received()

    callee.lose()
    world.settle()
    late = Running(world, lambda: view.call("com.p"))

    assert isinstance(running.outcome[0], Canceled)
    assert isinstance(late.outcome[0], ConnectionClosed)


def hosted(gate: Gate, log: list[str]) -> World:
    api = RPCRouteSet()

    @api.route("com.wait")
    async def wait() -> str:
        try:
            await gate
        except BaseException:
            log.append("cancelled")
            raise
        return "done"

    realm = Realm("realm1", permissions=OPEN)
    realm.add_routes(api)
    return World(realm)


def cancel(client: Client) -> None:
    client.send([49, 1, {"mode": "kill"}])


def time_out(client: Client) -> None:
    client.world.advance(1)


@pytest.mark.parametrize(
    ("stop", "uri"), [(cancel, "wamp.error.canceled"), (time_out, "wamp.error.timeout")]
)
def test_a_hosted_procedure_is_cancelled_with_its_call(
    stop: Callable[[Client], None], uri: str
) -> None:
    gate, log = Gate(), list[str]()
    client = hosted(gate, log).join()
    client.send([48, 1, {"timeout": 500}, "com.wait"])
    assert client.received() == []

    stop(client)

    [answer] = client.received()
    assert is_error(answer, 48, 1, uri)
    assert log == ["cancelled"]


def test_hosted_registrations_block_those_of_clients() -> None:
    client = hosted(Gate(), []).join()

    for number, options in enumerate([{}, {"invoke": "roundrobin"}], 1):
        answer = client.request([64, number, options, "com.wait"])
        assert is_error(answer, 64, number, "wamp.error.procedure_already_exists")
