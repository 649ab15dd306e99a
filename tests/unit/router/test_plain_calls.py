"""Which calls take the quick way, and that nobody can tell the difference."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from aiohttp_serverwamp import (
    OPEN,
    ApplicationError,
    Chunks,
    Invocation,
    Limits,
    PublishOptions,
    Realm,
    RPCErrorResult,
    RPCResult,
    RPCRouteSet,
    Session,
    messages,
)
from aiohttp_serverwamp.router.session import RouterSession
from tests.conformance.harness import Cancelled, Client, Gate, World, is_error

PROCEDURE = "com.p"


def hosting(handler: Callable[..., Any], realm: Realm | None = None) -> Realm:
    realm = realm or Realm("realm1", permissions=OPEN)
    api = RPCRouteSet()
    api.route(PROCEDURE)(handler)
    realm.add_routes(api)
    return realm


def echo(value: Any) -> Any:
    return value


def is_plain(client: Client, request: int = 500, **options: Any) -> bool:
    """Tell whether a call would take the quick way now."""
    call = messages.Call(request, options, PROCEDURE, [1])
    return client.session.router.plain_calls.find(client.session, call) is not None


# --- Which calls are plain --------------------------------------------------------


async def coroutine(value: Any) -> Any:
    return value


def of_invocation(value: Any, invocation: Invocation) -> Any:
    assert invocation.id
    return value


def of_chunks(value: Any, chunks: Chunks) -> Any:
    return value


def whole(invocation: Any) -> Any:
    return invocation.args[0]


def of_session(value: Any, session: Session) -> Any:
    assert session.id
    return value


async def coroutine_of_session(value: Any, session: Session) -> Any:
    assert session.id
    return value


async def generator(value: Any) -> Any:
    yield RPCResult([value])


HANDLERS = [
    *(echo, of_session, of_invocation, of_chunks),
    *(coroutine, coroutine_of_session, generator),
]


@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize("handler", HANDLERS)
def test_calls_of_hosted_code_are_plain(handler: Any, *, eager: bool) -> None:
    client = World(hosting(handler), eager=eager).join()

    assert is_plain(client)
    assert client.request([48, 1, {}, PROCEDURE, [7]]) == [50, 1, {}, [7]]
    assert client.session.dealing.calls == {}
    assert client.session.dealing.running == 0


@pytest.mark.parametrize("handler", [coroutine, of_invocation])
def test_a_call_that_takes_time_is_in_flight(handler: Any) -> None:
    world = World(hosting(handler))
    caller = world.join()

    caller.send([48, 1, {}, PROCEDURE, [7]])

    assert (1 in caller.session.dealing.calls) is (handler is coroutine)
    assert caller.received() == [[50, 1, {}, [7]]]


def test_what_takes_its_invocation_is_told_who_calls() -> None:
    def told(value: Any, invocation: Invocation) -> Any:
        return dict(invocation.details)

    open_world = World(hosting(told))
    client = World(hosting(told, realm_that_discloses())).join()

    assert open_world.join().request([48, 1, {}, PROCEDURE, [7]]) == [50, 1, {}, [{}]]
    assert not is_plain(client)
    answer = client.request([48, 1, {}, PROCEDURE, [7]])
    assert answer[3][0]["caller"] == client.id
    assert is_plain(World(hosting(echo, realm_that_discloses())).join())


def realm_that_discloses() -> Realm:
    return Realm("realm1", permissions=OPEN, disclosure="force")


def test_a_handler_for_everything_takes_an_invocation() -> None:
    realm = Realm("realm1", permissions=OPEN)
    realm.set_rpc_handler(whole)
    client = World(realm).join()

    assert not is_plain(client)
    assert client.request([48, 1, {}, PROCEDURE, [7]]) == [50, 1, {}, [7]]


def test_a_call_with_options_is_not_plain() -> None:
    assert not is_plain(World(hosting(echo)).join(), timeout=1000)


def test_a_procedure_with_a_time_limit_has_no_plain_calls() -> None:
    realm = Realm("realm1", permissions=OPEN)
    api = RPCRouteSet()
    api.route(PROCEDURE, timeout=1.0)(echo)
    realm.add_routes(api)

    assert not is_plain(World(realm).join())


@pytest.mark.parametrize(
    "host",
    [{"synchronize_requests": True}, {"request_handlers": {messages.Publish: None}}],
    ids=["synchronized", "replaced handlers"],
)
def test_an_application_that_intervenes_has_no_plain_calls(host: Any) -> None:
    assert not is_plain(World(hosting(echo), **host).join())


def test_a_realm_that_is_asked_about_each_call_has_none() -> None:
    realm = hosting(echo)
    client = World(realm).join()
    before = is_plain(client)

    realm.set_authorizer(lambda session, action, uri, options: True)
    asked = is_plain(client)
    realm.set_authorizer(None)
    realm.set_trust_levels(lambda session, action, uri: 1)

    assert (before, asked, is_plain(client)) == (True, False, False)


def test_a_clients_procedure_has_none() -> None:
    world = World()
    callee, caller = world.join(), world.join()
    callee.register(PROCEDURE)

    assert not is_plain(caller)


# --- What was found out is forgotten when it changes ------------------------------


def test_a_new_rule_holds_for_the_next_call() -> None:
    realm = hosting(echo)
    client = World(realm).join()
    client.request([48, 1, {}, PROCEDURE, [7]])

    realm.permit(PROCEDURE, call=False)

    answer = client.request([48, 2, {}, PROCEDURE, [7]])
    assert is_error(answer, 48, 2, "wamp.error.not_authorized")


def test_each_role_has_calls_of_its_own() -> None:
    realm = hosting(echo)
    realm.permit(PROCEDURE, call=True, roles=["member"])
    world = World(realm)
    member, guest = world.join(), world.join()
    member.session.authrole = "member"

    assert member.request([48, 1, {}, PROCEDURE, [7]]) == [50, 1, {}, [7]]
    answer = guest.request([48, 1, {}, PROCEDURE, [7]])
    assert is_error(answer, 48, 1, "wamp.error.not_authorized")


def test_a_session_whose_role_changes_is_judged_by_the_new_one() -> None:
    realm = hosting(echo)
    realm.permit(PROCEDURE, call=True, roles=["member"])
    client = World(realm).join()
    client.session.authrole = "member"
    client.request([48, 1, {}, PROCEDURE, [7]])

    client.session.authrole = "guest"

    answer = client.request([48, 2, {}, PROCEDURE, [7]])
    assert is_error(answer, 48, 2, "wamp.error.not_authorized")


def test_a_procedure_that_goes_or_comes_is_noticed() -> None:
    realm = Realm("realm1", permissions=OPEN)
    world = World(realm)
    client = world.join()
    missing = client.request([48, 1, {}, PROCEDURE, [7]])
    hosting(echo, realm)
    found = client.request([48, 2, {}, PROCEDURE, [7]])
    local = realm.router.dealer.registrations.best(PROCEDURE)
    assert local is not None

    realm.router.dealer.unregister(local.callees[0].peer, local.id)

    gone = client.request([48, 3, {}, PROCEDURE, [7]])
    assert is_error(missing, 48, 1, "wamp.error.no_such_procedure")
    assert found == [50, 2, {}, [7]]
    assert is_error(gone, 48, 3, "wamp.error.no_such_procedure")


def test_roles_and_uris_are_remembered_up_to_a_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("aiohttp_serverwamp.router.plain_calls._REMEMBERED", 3)
    client = World(hosting(echo)).join()
    for number in range(10):
        client.session.authrole = f"user{number}"
        assert is_plain(client)

        assert len(client.session.router.plain_calls._known) <= 3


def test_nothing_is_remembered_of_uris_that_nobody_has_registered() -> None:
    client = World(hosting(echo)).join()
    for number in range(10):
        client.request([48, number + 1, {}, f"com.made_up{number}"])

    assert client.session.router.plain_calls._known == {}


# --- What is in flight besides ----------------------------------------------------


def world_with_waiting_call(limits: Limits | None = None) -> tuple[World, Client]:
    realm = hosting(echo)
    api = RPCRouteSet()
    gate = Gate()

    @api.route("com.wait")
    async def wait() -> None:
        await gate

    realm.add_routes(api)
    world = World(realm, limits=limits)
    client = world.join()
    client.send([48, 1, {}, "com.wait"])
    client.received()
    return world, client


def test_plain_calls_go_on_while_another_one_is_in_flight() -> None:
    _, client = world_with_waiting_call()

    assert is_plain(client)
    assert client.request([48, 2, {}, PROCEDURE, [7]]) == [50, 2, {}, [7]]


def test_too_many_calls_in_flight_refuse_plain_ones_as_well() -> None:
    _, client = world_with_waiting_call(Limits(max_pending_calls=1))

    answer = client.request([48, 2, {}, PROCEDURE, [7]])

    assert is_error(answer, 48, 2, "wamp.error.unavailable")


def test_the_id_of_a_call_in_flight_does_not_start_another() -> None:
    _, client = world_with_waiting_call()

    assert not is_plain(client, request=1)


def test_the_id_of_a_progressive_call_that_has_ended_is_not_taken_anew() -> None:
    client = World(hosting(echo)).join()
    client.session.dealing.unfinished[7] = None

    assert not is_plain(client, request=7)
    assert is_plain(client, request=8)


# --- What handlers may do ---------------------------------------------------------


def test_a_plain_call_leaves_nothing_behind() -> None:
    realm = hosting(echo)
    client = World(realm).join()

    client.request([48, 1, {}, PROCEDURE, [7]])

    assert client.session.dealing.calls == {}
    assert not realm.router.running


def raise_error(value: Any) -> Any:
    raise ApplicationError("com.err", 1, two=2)


def raise_cancelled(value: Any) -> Any:
    raise Cancelled


def raise_value_error(value: Any) -> Any:
    raise ValueError("secret")


def return_foreign(value: Any) -> Any:
    return [object()]


def return_awaitable(value: Any) -> Any:
    return coroutine(value)


def return_results(value: Any) -> Any:
    return RPCResult([value, 1], {"a": 2})


class Broken(Mapping[str, Any]):
    """A result that fails while it is looked at."""

    def __getitem__(self, key: str) -> Any:
        raise OSError("secret")

    def __iter__(self) -> Iterator[str]:
        raise OSError("secret")

    def __len__(self) -> int:
        return 1


@dataclass
class Point:
    x: int
    y: float


OUTCOMES: list[tuple[Any, list[Any]]] = [
    (raise_error, [8, 48, 1, {}, "com.err", [1], {"two": 2}]),
    (
        raise_cancelled,
        [8, 48, 1, {}, "wamp.error.canceled", ["the call was cancelled"]],
    ),
    (raise_value_error, [8, 48, 1, {}, "wamp.error.runtime_error"]),
    (return_foreign, [8, 48, 1, {}, "wamp.error.invalid_payload"]),
    (return_awaitable, [50, 1, {}, [7]]),
    (return_results, [50, 1, {}, [7, 1], {"a": 2}]),
    (lambda value: None, [50, 1, {}]),
    (lambda value: (1, [2]), [50, 1, {}, [1, [2]]]),
    (lambda value: RPCErrorResult("com.err", [1]), [8, 48, 1, {}, "com.err", [1]]),
    (lambda value: Broken(), [8, 48, 1, {}, "wamp.error.runtime_error"]),
    (lambda value: Point(value, 0.5), [50, 1, {}, [{"x": 7, "y": 0.5}]]),
    (lambda value: {"a": {3}}, [50, 1, {}, [{"a": [3]}]]),
]


@pytest.mark.usefixtures("caplog")
@pytest.mark.parametrize("ordinary", [False, True])
@pytest.mark.parametrize(
    ("handler", "expected"), OUTCOMES, ids=[str(case[1]) for case in OUTCOMES]
)
def test_a_plain_call_is_answered_like_any_other(
    handler: Any, expected: list[Any], ordinary: bool
) -> None:
    realm = hosting(handler)
    if ordinary:
        realm.set_trust_levels(lambda session, action, uri: None)
    client = World(realm).join()
    assert is_plain(client) is not ordinary

    answer = client.request([48, 1, {}, PROCEDURE, [7]])

    assert answer == expected
    assert client.session.dealing.calls == {}
    assert realm.router.dealer.registrations.best(PROCEDURE) is not None


@pytest.mark.parametrize("serializer", ["json", "msgpack", "cbor"])
def test_what_no_serializer_of_the_caller_carries_is_an_error(
    serializer: str, caplog: pytest.LogCaptureFixture
) -> None:
    client = World(hosting(lambda: "\ud800" if serializer != "json" else 10**5000))
    caller = client.join(serializer=serializer)

    answer = caller.request([48, 1, {}, PROCEDURE])

    assert is_error(answer, 48, 1, "wamp.error.invalid_payload")
    assert "the answer to its call 1 cannot be sent" in caplog.text


def test_a_handler_may_send_its_own_caller_away() -> None:
    """It is told nothing more, whatever the handler returns or raises then."""
    found: list[RouterSession] = []
    results: list[Any] = [7, ValueError("late"), coroutine(1)]

    def leave(number: int) -> Any:
        client = clients.pop()
        client.lose()
        found.append(client.session)
        if isinstance(results[number], Exception):
            raise results[number]
        return results[number]

    realm = hosting(leave)
    world = World(realm)
    logging.disable()
    try:
        for number in range(3):
            clients = [world.join()]
            client = clients[0]
            client.received()
            client.send([48, 1, {}, PROCEDURE, [number]])
            assert client.received() == []
    finally:
        logging.disable(logging.NOTSET)

    for session in found:
        assert session.dealing.calls == {}
        assert session.dealing.running == 0


def test_what_a_handler_publishes_reaches_hosted_code_after_its_result() -> None:
    """Hosted code never runs inside hosted code."""
    log: list[Any] = []

    def publish(value: Any) -> Any:
        everybody = PublishOptions(exclude_me=False)
        realm.publish("com.t", value, options=everybody)
        log.append("returns")
        return value

    realm = hosting(publish)

    def hear(value: Any) -> None:
        log.append(("hears", value, *written()))

    realm.subscribe("com.t", hear)
    client = World(realm).join()

    def written() -> list[str]:
        return [data.decode()[:4] for data in client.wire.written[1:]]

    client.send([48, 1, {}, PROCEDURE, [7]])

    assert log == ["returns", ("hears", 7, "[50,")]


def test_a_call_that_comes_while_hosted_code_runs_waits_for_it() -> None:
    log: list[Any] = []
    others: list[Client] = []

    def call_again(value: Any) -> Any:
        if value:
            others[0].send([48, 1, {}, PROCEDURE, [0]])
        log.append(value)
        return value

    world = World(hosting(call_again))
    others.append(world.join())

    answer = world.join().request([48, 1, {}, PROCEDURE, [7]])

    assert answer == [50, 1, {}, [7]]
    assert log == [7, 0]
    assert others[0].received() == [[50, 1, {}, [0]]]


# --- Tasks that start at once -----------------------------------------------------


#: A coroutine function is not awaited twice, and ends with its task.
OF_COROUTINES = [
    case for case in OUTCOMES if case[0] not in (return_awaitable, raise_cancelled)
]


def as_coroutine(handler: Any) -> Any:
    async def run(value: Any) -> Any:
        return handler(value)

    return run


@pytest.mark.usefixtures("caplog")
@pytest.mark.parametrize(
    ("handler", "expected"), OF_COROUTINES, ids=[str(case[1]) for case in OF_COROUTINES]
)
def test_a_handler_that_does_not_wait_is_answered_like_any_other(
    handler: Any, expected: list[Any]
) -> None:
    client = World(hosting(as_coroutine(handler)), eager=True).join()

    client.send([48, 1, {}, PROCEDURE, [7]])

    assert len(client.wire.written) == 2
    assert client.received() == [expected]
    assert client.session.dealing.calls == {}
    assert client.session.dealing.running == 0


def world_of_waiters(
    log: list[str], *, cancel: bool = True
) -> tuple[World, Client, Gate]:
    gate = Gate()

    async def wait(value: Any) -> Any:
        try:
            await gate
        except Cancelled:
            log.append("cancelled")
            raise
        log.append("done")
        return value

    world = World(hosting(wait), eager=True, cancel_on_disconnect=cancel)
    client = world.join()
    client.send([48, 1, {}, PROCEDURE, [7]])
    return world, client, gate


def test_a_handler_that_waits_is_in_flight_until_it_has_answered() -> None:
    log = list[str]()
    _, client, gate = world_of_waiters(log)
    assert (1 in client.session.dealing.calls, client.session.dealing.running) == (
        True,
        1,
    )

    gate.open()

    assert client.received() == [[50, 1, {}, [7]]]
    assert client.session.dealing.calls == {}
    assert client.session.dealing.running == 0


def test_a_handler_that_waits_can_be_cancelled() -> None:
    log = list[str]()
    _, client, _ = world_of_waiters(log)

    client.send([49, 1, {"mode": "kill"}])

    [answer] = client.received()
    assert is_error(answer, 48, 1, "wamp.error.canceled")
    assert log == ["cancelled"]
    assert client.session.dealing.running == 0


@pytest.mark.parametrize("cancel", [False, True])
def test_a_handler_that_waits_ends_with_its_caller_if_it_is_to(*, cancel: bool) -> None:
    log = list[str]()
    world, client, gate = world_of_waiters(log, cancel=cancel)

    client.lose()
    world.settle()
    gate.open()
    world.settle()

    assert log == (["cancelled"] if cancel else ["done"])
    assert client.session.dealing.running == 0


@pytest.mark.parametrize("cancel", [False, True])
def test_a_handler_that_sends_its_caller_away_and_waits_ends_likewise(
    *, cancel: bool
) -> None:
    log, gate = list[str](), Gate()

    async def leave(value: Any) -> Any:
        client.lose()
        try:
            await gate
        except Cancelled:
            log.append("cancelled")
            raise
        log.append("done")

    world = World(hosting(leave), eager=True, cancel_on_disconnect=cancel)
    client = world.join()
    client.received()
    client.send([48, 1, {}, PROCEDURE, [7]])
    world.settle()
    gate.open()

    assert client.received() == []
    assert log == (["cancelled"] if cancel else ["done"])
    assert client.session.dealing.calls == {}
    assert client.session.dealing.running == 0
