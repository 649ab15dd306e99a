"""RequestQueue: what is dropped leaves nothing behind; see also conformance tests."""

from __future__ import annotations

import gc
import warnings
from typing import Any

import pytest

from aiohttp_serverwamp import OPEN, Realm
from aiohttp_serverwamp.router.request_queue import wait
from tests.conformance.harness import Cancelled, Gate, World, is_error

NO_SUCH_REGISTRATION = "wamp.error.no_such_registration"


def world_with(authorizer: Any, **options: Any) -> World:
    realm = Realm("realm1", permissions=OPEN)
    realm.set_authorizer(authorizer)
    return World(realm, **options)


class NeverStarted:
    """Takes tasks and does not run them, as a runner does that is being closed."""

    def start(self, func: Any, *args: Any) -> Any:
        return None


def test_a_question_whose_task_never_ran_leaves_no_warning() -> None:
    async def authorizer(*question: Any) -> bool:
        return True

    client = world_with(authorizer).join()
    client.session.tasks = NeverStarted()  # type: ignore[assignment] # start() is all
    client.send([32, 1, {}, "com.t"])

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        client.lose()
        del client
        gc.collect()


def test_an_answer_that_comes_twice_counts_once() -> None:
    client = World().join()
    resumed: list[Any] = []
    resolve = client.session.requests.defer(None, lambda *how: resumed.append(how))

    resolve(1, None)
    resolve(2, None)

    assert resumed == [(1, None)]
    assert not client.session.requests.busy


@pytest.mark.usefixtures("caplog")
def test_a_bug_in_what_follows_a_decision_is_answered() -> None:
    """Whoever waits gets an ERROR, and the queue goes on."""
    gate = Gate()

    async def authorizer(session: Any, action: str, uri: str, options: Any) -> Any:
        return await gate if uri == "com.slow" else True

    world = world_with(authorizer)
    client = world.join()
    broker = world.realm.router.broker
    subscribe = broker.subscribe

    def broken(peer: Any, uri: str, match: Any, **options: Any) -> Any:
        if uri == "com.slow":
            raise ZeroDivisionError
        return subscribe(peer, uri, match, **options)

    broker.subscribe = broken  # type: ignore[method-assign] # a bug, for once
    client.send([32, 1, {}, "com.slow"])
    client.send([32, 2, {}, "com.quick"])
    client.received()
    gate.open(True)

    failed, quick = client.received()
    assert is_error(failed, 32, 1, "wamp.error.runtime_error")
    assert quick[:2] == [33, 2]


def test_a_violation_that_was_queued_ends_the_session_after_a_cancel() -> None:
    """What a CANCEL sets free is held to the rules like anything else."""
    gate = Gate()

    async def authorizer(session: Any, action: str, uri: str, options: Any) -> Any:
        return await gate if uri == "com.slow" else True

    world = world_with(authorizer)
    client, other = world.join(), world.join()
    other.register("com.p")
    client.send([48, 1, {}, "com.p"])
    client.send([48, 2, {}, "com.slow"])
    client.send([48, 1, {}, "com.p"])
    other.received()

    client.send([49, 2, {}])

    canceled, abort = client.received()
    assert is_error(canceled, 48, 2, "wamp.error.canceled")
    assert abort[2] == "wamp.error.protocol_violation"
    assert client.closed == 1002
    assert is_error(other.request([66, 9, 99]), 66, 9, NO_SUCH_REGISTRATION)


def test_a_task_that_is_cancelled_while_it_waits_ends_as_cancelled() -> None:
    async def cancelled() -> None:
        raise Cancelled

    heard: list[Exception | None] = []

    with pytest.raises(Cancelled):
        wait(cancelled(), lambda _, error: heard.append(error)).send(None)

    assert [type(error) for error in heard] == [RuntimeError]


def test_a_long_queue_is_worked_off_in_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Others are served in between, and the order is kept."""
    gate = Gate()

    async def authorizer(session: Any, action: str, uri: str, options: Any) -> Any:
        return await gate

    def now() -> float:
        world.time += 1e-6
        return world.time

    world = world_with(authorizer)
    monkeypatch.setattr(world, "now", now)
    client = world.join()
    client.send([32, 1, {}, "com.slow"])
    for request in range(2, 300):
        client.send([66, request, 999])
    gate.open(True)

    turns = [client.received()]
    while client.session.requests.busy:
        world.advance(0)
        turns.append(client.received())

    answered = [message[1 if message[0] == 33 else 2] for message in sum(turns, [])]
    assert answered == list(range(1, 300))
    assert max(map(len, turns)) == 101
    assert len(turns) == 3
