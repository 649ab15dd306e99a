"""Statements of section 5.14: the application's own procedures, seen from the wire."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from aiohttp_serverwamp import (
    OPEN,
    ApplicationError,
    CallOptions,
    Chunks,
    Invocation,
    Limits,
    ProgressiveCall,
    PublishOptions,
    Realm,
    RPCErrorResult,
    RPCResult,
    RPCRouteSet,
    Session,
)
from aiohttp_serverwamp.errors import Canceled, TimedOut, Unavailable
from tests.conformance.harness import (
    ENDINGS,
    Client,
    Gate,
    World,
    is_error,
)

CANCELED = "wamp.error.canceled"
STOPS = "callee.call_canceling"


class Hosted:
    """A realm whose procedures wait at gates, and a client."""

    def __init__(self, **options: Any) -> None:
        self.api = RPCRouteSet()
        self.gate = Gate()
        self.log: list[Any] = []
        self.realm = Realm("realm1", permissions=OPEN)
        self._options = options

    def serve(self, *features: str) -> Client:
        self.realm.add_routes(self.api)
        self.world = World(self.realm, **self._options)
        return self.world.join(*features)

    def run(self, body: Callable[[], Any]) -> list[Any]:
        """Run a coroutine function of the application's; return where it will end."""
        outcome: list[Any] = []

        async def run() -> None:
            try:
                outcome.append(await body())
            except ApplicationError as error:
                outcome.append(error)

        self.world.new_tasks().start(run)
        self.world.settle()
        return outcome


# --- Arguments and results ------------------------------------------------------


@pytest.mark.parametrize(
    ("returned", "payload"),
    [
        (None, []),
        (7, [[7]]),
        ([1, 2], [[[1, 2]]]),
        ({"a": 1}, [[{"a": 1}]]),
        (RPCResult([None]), [[None]]),
        (RPCResult([1, 2], {"k": 3}), [[1, 2], {"k": 3}]),
        (RPCResult([], {"k": 3}), [[], {"k": 3}]),
    ],
)
def test_what_is_returned_becomes_the_payload(
    returned: Any, payload: list[Any]
) -> None:
    """REQ-EMB-010, 001."""
    scene = Hosted()
    scene.api.route("com.p")(lambda: returned)
    client = scene.serve()

    assert client.request([48, 1, {}, "com.p"]) == [50, 1, {}, *payload]


@pytest.mark.parametrize("payload", [[], [[1, 2, 3]], [["x", 1]], [[1], {"c": 1}]])
def test_arguments_that_do_not_fit_are_an_error(payload: list[Any]) -> None:
    """REQ-EMB-009."""
    scene = Hosted()

    @scene.api.route("com.p")
    def add(a: int, b: int = 0) -> int:
        return a + b

    client = scene.serve()

    answer = client.request([48, 1, {}, "com.p", *payload])

    assert is_error(answer, 48, 1, "wamp.error.invalid_argument")


@pytest.mark.usefixtures("allow_logged_errors")
def test_exceptions_are_errors() -> None:
    """REQ-EMB-008: and tell only what was meant to be told."""
    scene = Hosted()

    @scene.api.route("com.p")
    def fail(how: str) -> Any:
        if how == "raised":
            raise ApplicationError("com.sold.out", "tea", left=0)
        if how == "returned":
            return RPCErrorResult("com.sold.out", ["tea"], {"left": 0})
        raise ValueError("secret")

    client = scene.serve()

    for request, how in enumerate(("raised", "returned"), 1):
        answer = client.request([48, request, {}, "com.p", [how]])
        assert answer == [8, 48, request, {}, "com.sold.out", ["tea"], {"left": 0}]
    assert client.request([48, 3, {}, "com.p", [""]]) == [
        8,
        48,
        3,
        {},
        "wamp.error.runtime_error",
    ]


def test_a_hosted_procedure_knows_its_caller_undisclosed() -> None:
    """REQ-RPC-104; REQ-EMB-001: `disclose_caller` says it in the details as well."""
    scene = Hosted()

    @scene.api.route("com.p")
    def who(session: Session, invocation: Invocation) -> list[Any]:
        return [session.authid, invocation.caller, invocation.details.get("caller")]

    scene.api.route("com.q", disclose_caller=True)(who)
    scene.serve()
    client = scene.world.join(authid="joe")

    answers = [client.request([48, 1, {}, uri])[3] for uri in ("com.p", "com.q")]

    assert answers == [[["joe", client.id, None]], [["joe", client.id, client.id]]]


def test_a_realm_that_discloses_nobody_lets_hosted_code_ask() -> None:
    """REQ-EMB-013: the policy is about clients."""
    api = RPCRouteSet()
    api.route("com.p", disclose_caller=True)(lambda: None)
    realm = Realm("realm1", disclosure="deny")
    realm.add_routes(api)

    assert World(realm).join().request([48, 1, {}, "com.p"]) == [50, 1, {}]


# --- Registrations --------------------------------------------------------------


@pytest.mark.parametrize("match", ["exact", "prefix", "wildcard"])
def test_what_is_hosted_is_taken(match: str) -> None:
    """REQ-EMB-004; REQ-RPC-120, 122, 130."""
    scene = Hosted()
    uri = "com..p" if match == "wildcard" else "com.p"
    scene.api.route(uri, match=match)(lambda: None)
    client = scene.serve()

    for invoke in ("single", "roundrobin"):
        options = {"match": match, "invoke": invoke}
        answer = client.request([64, 1, options, uri])
        assert is_error(answer, 64, 1, "wamp.error.procedure_already_exists")


@pytest.mark.parametrize("invoke", ["first", "last", "random", "roundrobin"])
def test_hosted_code_and_clients_share_a_procedure(invoke: str) -> None:
    """REQ-EMB-004; REQ-RPC-119, 121, 122, 124, 126, 130."""
    scene = Hosted()
    scene.api.prefix_route("com.", invoke=invoke)(lambda: "hosted")
    client = scene.serve()
    other = "first" if invoke == "last" else "last"
    options = {"match": "prefix", "invoke": other}
    refused = client.request([64, 1, options, "com."])
    assert is_error(refused, 64, 1, "wamp.error.procedure_already_exists")

    registration = client.register("com.", match="prefix", invoke=invoke)
    for request in range(1, 7):
        client.send([48, request, {}, "com.p"])

    messages = client.received()
    hosted = [message for message in messages if message[0] == 50]
    theirs = [message for message in messages if message[0] == 68]
    assert all(message[2] == registration for message in theirs)
    assert len(hosted) + len(theirs) == 6
    expected = {"first": 6, "last": 0, "roundrobin": 3}
    assert len(hosted) == expected.get(invoke, len(hosted))


# --- Order ----------------------------------------------------------------------


def test_runs_of_one_procedure_start_in_order_and_overlap() -> None:
    """REQ-EMB-007, 006; REQ-RPC-014, 016."""
    scene = Hosted()
    gates = [Gate() for _ in range(3)]

    @scene.api.route("com.p")
    async def procedure(number: int) -> int:
        scene.log.append(number)
        await gates[number]
        return number

    client = scene.serve()
    for number in range(3):
        client.send([48, number + 1, {}, "com.p", [number]])
    assert client.received() == []

    for number in (2, 0, 1):
        gates[number].open()
        assert client.received() == [[50, number + 1, {}, [number]]]
    assert scene.log == [0, 1, 2]


def test_what_the_application_does_arrives_in_its_order() -> None:
    """REQ-EMB-006, 001: its own subscriptions included."""
    scene = Hosted()
    me = PublishOptions(exclude_me=False)

    @scene.api.route("com.p")
    def procedure(session: Session) -> None:
        for number in range(3):
            session.realm.publish("com.t", number, options=me)

    scene.realm.subscribe("com.t", scene.log.append)
    client = scene.serve()
    client.subscribe("com.t")

    client.send([48, 1, {}, "com.p"])

    events = [message[4][0] for message in client.received() if message[0] == 36]
    assert events == [0, 1, 2]
    assert scene.log == [0, 1, 2]


def test_calls_of_the_application_arrive_in_its_order() -> None:
    """REQ-EMB-006; REQ-RPC-016."""
    scene = Hosted()
    client = scene.serve()
    client.register("com.a")
    client.register("com.b", 902)

    for number, uri in enumerate(("com.a", "com.b", "com.a")):
        scene.run(partial(scene.realm.call, uri, number))

    assert [message[4] for message in client.received()] == [[0], [1], [2]]


def test_the_application_needs_no_permission() -> None:
    """REQ-EMB-013: in a realm that permits nothing."""
    scene = Hosted()
    scene.realm = Realm("realm1")
    scene.realm.permit("com.p", register=True, call=False)
    scene.realm.permit("com.t", subscribe=True)
    client = scene.serve()
    client.register("com.p")
    client.subscribe("com.t")

    scene.run(lambda: scene.realm.call("com.p", 1))
    scene.realm.publish("com.t", 2)

    assert [message[4] for message in client.received()] == [[1], [2]]


# --- Cancelling -----------------------------------------------------------------


def waiting(scene: Hosted, answer: str = "cancelled") -> None:
    """Host a procedure that waits, and notes how it was cancelled."""

    @scene.api.route("com.wait")
    async def wait(invocation: Invocation) -> str:
        try:
            await scene.gate
        except BaseException:
            scene.log.append(invocation.cancel_mode)
            if answer == "returned":
                return "so far"
            if answer == "raised":
                raise ApplicationError("com.gave.up") from None
            raise
        return "done"


@pytest.mark.parametrize(
    ("answer", "forwarded"),
    [
        ("cancelled", [8, 48, 1, {}, CANCELED]),
        ("returned", [50, 1, {}, ["so far"]]),
        ("raised", [8, 48, 1, {}, "com.gave.up"]),
    ],
)
def test_a_killed_procedure_has_the_last_word(
    answer: str, forwarded: list[Any]
) -> None:
    """REQ-RPC-085, 069, 070, 071; REQ-EMB-011."""
    scene = Hosted()
    waiting(scene, answer)
    client = scene.serve()
    client.send([48, 1, {}, "com.wait"])
    assert client.received() == []

    client.send([49, 1, {"mode": "kill"}])

    [message] = client.received()
    assert message[: len(forwarded)] == forwarded
    assert scene.log == ["kill"]


@pytest.mark.parametrize("answer", ["cancelled", "returned", "raised"])
@pytest.mark.parametrize("mode", ["killnowait", "skip", None])
def test_nobody_waits_for_a_procedure_otherwise(answer: str, mode: str | None) -> None:
    """REQ-RPC-085, 067, 068, 084; REQ-EMB-011: with skip it is left alone."""
    scene = Hosted()
    waiting(scene, answer)
    client = scene.serve()
    client.send([48, 1, {}, "com.wait"])
    client.received()

    client.send([49, 1, {"mode": mode}])

    [message] = client.received()
    assert is_error(message, 48, 1, CANCELED)
    assert scene.log == ([] if mode == "skip" else ["killnowait"])
    scene.gate.open()
    assert client.received() == []


@pytest.mark.parametrize("how", [*ENDINGS, "timeout"])
def test_a_caller_that_waits_no_longer_cancels(how: str) -> None:
    """REQ-EMB-011; REQ-RPC-024, 090."""
    scene = Hosted()
    waiting(scene)
    client = scene.serve()
    client.send([48, 1, {"timeout": 1000}, "com.wait"])
    client.received()

    if how == "timeout":
        scene.world.advance(1)
        [answer] = client.received()
        assert is_error(answer, 48, 1, "wamp.error.timeout")
    else:
        client.end(how)
    scene.world.settle()

    assert scene.log == ["killnowait"]
    assert scene.realm.local.procedures.running == {}


def test_a_timer_of_the_caller_is_ordinary_cancellation() -> None:
    """REQ-RPC-096."""
    scene = Hosted()
    waiting(scene)
    client = scene.serve()
    client.send([48, 1, {}, "com.wait"])
    scene.world.advance(3600)
    assert client.received() == []

    client.send([49, 1, {"mode": "kill"}])

    assert len(client.received()) == 1
    assert scene.log == ["kill"]


# --- Time limits of routes ------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "seconds"), [(None, 2.0), (0, 2.0), (500, 0.5), (9000, 2.0)]
)
def test_a_route_limits_the_time_of_a_call(asked: int | None, seconds: float) -> None:
    """REQ-RPC-088, 089; REQ-EMB-011: and a caller may ask for less."""
    scene = Hosted()

    @scene.api.route("com.p", timeout=2.0)
    async def wait(invocation: Invocation) -> None:
        scene.log.append(invocation.timeout)
        await scene.gate

    client = scene.serve()
    client.send([48, 1, {"timeout": asked}, "com.p"])
    scene.world.advance(seconds - 0.01)
    assert client.received() == []

    scene.world.advance(0.01)

    [answer] = client.received()
    assert is_error(answer, 48, 1, "wamp.error.timeout")
    assert scene.log == [seconds]


def test_expressions_and_the_application_are_limited_alike() -> None:
    """REQ-RPC-089; REQ-EMB-001."""
    scene = Hosted()

    @scene.api.regex_route(r"com\..*", timeout=2.0)
    async def wait() -> None:
        await scene.gate

    client = scene.serve()
    client.send([48, 1, {}, "com.p"])
    outcome = scene.run(lambda: scene.realm.call("com.q"))

    scene.world.advance(2)

    [answer] = client.received()
    assert is_error(answer, 48, 1, "wamp.error.timeout")
    assert isinstance(outcome[0], TimedOut)


def test_a_timeout_of_the_application_is_forwarded_and_kept() -> None:
    """REQ-RPC-091, 089: it does not depend on the callee."""
    scene = Hosted()
    client = scene.serve("callee.call_timeout", STOPS)
    registration = client.register("com.p", forward_timeout=True)
    options = CallOptions(timeout=1000)
    outcome = scene.run(lambda: scene.realm.call("com.p", options=options))
    assert client.received() == [[68, 1, registration, {"timeout": 1000}]]

    scene.world.advance(1)

    assert client.received() == [[69, 1, {"mode": "killnowait"}]]
    assert isinstance(outcome[0], TimedOut)


# --- Chunks ---------------------------------------------------------------------


def collecting(scene: Hosted, **route: Any) -> None:
    @scene.api.route("com.collect", **route)
    async def collect(*first: Any, invocation: Invocation) -> list[Any]:
        try:
            async for chunk in invocation.chunks:
                scene.log.append((*chunk.args, *chunk.kwargs.items()))
        except ApplicationError as error:
            scene.log.append(error.uri)
            raise
        return [invocation.progressive, len(scene.log), *first]


def test_a_hosted_procedure_takes_chunk_by_chunk() -> None:
    """REQ-EMB-012; REQ-RPC-049, 050, 055."""
    scene = Hosted()
    collecting(scene)
    client = scene.serve()

    client.send([48, 1, {"progress": True}, "com.collect", [1]])
    assert client.received() == []
    assert scene.log == [(1,)]
    client.send([48, 1, {"progress": True}, "com.collect", [2], {"k": 0}])
    client.send([48, 1, {}, "com.collect"])

    assert client.received() == [[50, 1, {}, [[True, 3, 1]]]]
    assert scene.log == [(1,), (2, ("k", 0)), ()]


def test_chunks_are_supplied_by_their_annotation() -> None:
    """REQ-EMB-012; each is given out once, to whoever asks."""
    scene = Hosted()

    @scene.api.route("com.sum")
    async def total(
        first: int, by_annotation: Chunks, *, invocation: Invocation
    ) -> list[Any]:
        assert invocation.chunks is by_annotation
        taken = [chunk.args[0] async for chunk in by_annotation]
        return [first, taken, [chunk async for chunk in invocation.chunks]]

    client = scene.serve()
    client.send([48, 1, {"progress": True}, "com.sum", [1]])
    client.send([48, 1, {}, "com.sum", [2]])

    assert client.received() == [[50, 1, {}, [[1, [1, 2], []]]]]


def test_a_call_that_is_not_progressive_is_one_chunk() -> None:
    """REQ-EMB-012."""
    scene = Hosted()
    collecting(scene)
    client = scene.serve()

    answer = client.request([48, 1, {}, "com.collect", [1]])

    assert answer == [50, 1, {}, [[False, 1, 1]]]


def test_a_plain_procedure_answers_the_first_chunk() -> None:
    """REQ-RPC-055, 056: the others are discarded."""
    scene = Hosted()
    scene.api.route("com.p")(lambda number: scene.log.append(number))
    client = scene.serve()

    for options in ({"progress": True}, {"progress": True}, {}):
        client.send([48, 1, options, "com.p", [1]])

    assert client.received() == [[50, 1, {}]]
    assert scene.log == [1]


@pytest.mark.parametrize("how", [*ENDINGS, "CANCEL", "skip", "timeout"])
@pytest.mark.parametrize("cancel", [True, False])
def test_nobody_waits_for_chunks_that_do_not_come(how: str, cancel: bool) -> None:
    """REQ-EMB-011; REQ-RPC-065, 066, 067: also where nothing cancels the handler."""
    scene = Hosted(cancel_on_disconnect=cancel)
    collecting(scene)
    client = scene.serve()
    client.send([48, 1, {"progress": True, "timeout": 1000}, "com.collect", [1]])
    client.received()

    if how == "CANCEL":
        client.send([49, 1, {}])
    elif how == "skip":
        client.send([49, 1, {"mode": "skip"}])
    elif how == "timeout":
        scene.world.advance(1)
    else:
        client.end(how)
    scene.world.settle()

    goes_on = how == "skip" or (not cancel and how in ENDINGS)
    assert scene.log == ([(1,), CANCELED] if goes_on else [(1,)])
    assert scene.realm.local.procedures.running == {}
    assert client.session.dealing.running == 0
    assert client.session.dealing.waiting_chunks == 0


@pytest.mark.parametrize("waits", [2, 3, 4])
def test_only_so_many_chunks_of_a_caller_wait(waits: int) -> None:
    """REQ-EMB-012; REQ-RPC-034: a gap would be worse than an end."""
    scene = Hosted(limits=Limits(max_pending_chunks=3))

    @scene.api.route("com.slow")
    async def slow(*first: Any, invocation: Invocation) -> int:
        await scene.gate
        return sum([chunk.args[0] async for chunk in invocation.chunks])

    client = scene.serve()
    for request in (1, 2):
        client.send([48, request, {"progress": True}, "com.slow", [1]])
        client.send([48, request, {"progress": True}, "com.slow", [1]])
    for _ in range(waits - 2):
        client.send([48, 1, {"progress": True}, "com.slow", [1]])
    scene.world.settle()
    # The one that is too much frees the room of its call.
    waiting = {2: 2, 3: 3, 4: 1}
    assert client.session.dealing.waiting_chunks == waiting[waits]

    scene.gate.open()
    scene.world.settle()
    for request in (1, 2):
        client.send([48, request, {}, "com.slow", [1]])

    one, other = client.received()
    if waits > 3:
        assert is_error(one, 48, 1, "wamp.error.unavailable")
        assert "more than 3 chunks wait" in one[5][0]
        assert "Limits.max_pending_chunks" in one[5][0]
    else:
        assert one == [50, 1, {}, [waits + 1]]
    assert other == [50, 2, {}, [3]]
    assert client.session.dealing.waiting_chunks == 0


@pytest.mark.parametrize("waits", [2, 3])
def test_only_so_many_bytes_of_chunks_wait(waits: int) -> None:
    """REQ-EMB-012; REQ-RPC-034: however few chunks they are."""
    scene = Hosted(limits=Limits(max_pending_chunk_bytes=30_000))

    @scene.api.route("com.slow")
    async def slow(*first: Any, invocation: Invocation) -> int:
        await scene.gate
        return sum([len(chunk.args[0]) async for chunk in invocation.chunks])

    client = scene.serve()
    for _ in range(1 + waits):
        client.send([48, 1, {"progress": True}, "com.slow", ["x" * 10_000]])
    scene.world.settle()
    waiting = client.session.dealing.waiting_chunk_bytes
    assert 20_000 < waiting < 30_000 if waits == 2 else waiting == 0

    scene.gate.open()
    scene.world.settle()
    client.send([48, 1, {}, "com.slow", ["x" * 100_000]])

    [answer] = client.received()
    if waits == 2:
        assert answer == [50, 1, {}, [130_000]]
    else:
        assert is_error(answer, 48, 1, "wamp.error.unavailable")
        assert "more than 30000 bytes of chunks wait" in answer[5][0]
    assert client.session.dealing.waiting_chunks == 0
    assert client.session.dealing.waiting_chunk_bytes == 0


# --- Calls by the application ---------------------------------------------------


async def taken(call: ProgressiveCall) -> list[Any]:
    return [item async for item in call] + [await call.result()]


def test_the_progress_of_a_call_by_the_application() -> None:
    """REQ-EMB-001, 012; REQ-RPC-029, 032, 037."""
    scene = Hosted()
    client = scene.serve(STOPS)
    registration = client.register("com.p")
    outcome = scene.run(
        lambda: taken(scene.realm.call_progressively("com.p", 1, key=2))
    )
    details = {"receive_progress": True}
    assert client.received() == [[68, 1, registration, details, [1], {"key": 2}]]

    client.send([70, 1, {"progress": True}, ["a"]])
    client.send([70, 1, {"progress": True}, ["b", "c"]])
    client.send([70, 1, {}, ["done"]])
    scene.world.settle()

    assert outcome == [["a", RPCResult(["b", "c"]), "done"]]
    assert client.received() == []


def test_the_application_sends_chunks() -> None:
    """REQ-EMB-001, 012; REQ-RPC-045, 049, 050, 052."""
    scene = Hosted()
    client = scene.serve(STOPS)
    registration = client.register("com.p")

    async def call() -> Any:
        options = CallOptions(progress=True)
        async with scene.realm.call_progressively("com.p", 1, options=options) as call:
            call.send(2, k=2)
            call.finish(3)
            return await call.result()

    outcome = scene.run(call)

    details = {"receive_progress": True}
    assert client.received() == [
        [68, 1, registration, {**details, "progress": True}, [1]],
        [68, 1, registration, {**details, "progress": True}, [2], {"k": 2}],
        [68, 1, registration, details, [3]],
    ]
    client.send([70, 1, {}, ["sum"]])
    scene.world.settle()
    assert outcome == ["sum"]


def test_progress_that_nobody_takes_ends_the_call() -> None:
    """REQ-RPC-044."""
    scene = Hosted(limits=Limits(max_pending_chunks=3))
    client = scene.serve(STOPS)
    client.register("com.p")

    async def call() -> Any:
        call = scene.realm.call_progressively("com.p")
        async for item in call:
            scene.log.append(item)
            await scene.gate
        return await call.result()

    outcome = scene.run(call)
    client.received()
    for number in range(6):
        client.send([70, 1, {"progress": True}, [number]])
        scene.world.settle()

    assert client.received() == [[69, 1, {"mode": "killnowait"}]]
    scene.gate.open()
    scene.world.settle()
    assert isinstance(outcome[0], Unavailable)
    assert scene.log == [0]


def test_large_progress_that_nobody_takes_ends_the_call() -> None:
    """REQ-RPC-044."""
    scene = Hosted(limits=Limits(max_pending_chunk_bytes=30_000))
    client = scene.serve(STOPS)
    client.register("com.p")

    async def call() -> Any:
        call = scene.realm.call_progressively("com.p")
        async for item in call:
            scene.log.append(len(item))
            await scene.gate
        return await call.result()

    outcome = scene.run(call)
    client.received()
    # One may be too large, but not two.
    for size in (40_000, 40_000, 10):
        client.send([70, 1, {"progress": True}, ["x" * size]])
        scene.world.settle()

    assert client.received() == [[69, 1, {"mode": "killnowait"}]]
    scene.gate.open()
    scene.world.settle()
    assert isinstance(outcome[0], Unavailable)
    assert scene.log == [40_000]


@pytest.mark.parametrize("how", ["cancel", "kill", "leave", "with", "error"])
def test_leaving_early_cancels(how: str) -> None:
    """REQ-RPC-068, 069; REQ-EMB-011: as CANCEL does."""
    scene = Hosted()
    client = scene.serve(STOPS)
    client.register("com.p")

    async def leave() -> Any:
        async for item in scene.realm.call_progressively("com.p"):
            return item

    async def cancel() -> Any:
        call = scene.realm.call_progressively("com.p")
        async for _ in call:
            call.cancel("kill" if how == "kill" else "killnowait")
        return await call.result()

    async def fail() -> Any:
        async with scene.realm.call_progressively("com.p") as call:
            async for _ in call:
                if how == "with":
                    return "left"
                raise ApplicationError("com.enough")

    bodies = {"cancel": cancel, "kill": cancel, "leave": leave}
    outcome = scene.run(bodies.get(how, fail))
    client.received()
    client.send([70, 1, {"progress": True}, [1]])
    scene.world.settle()

    mode = "kill" if how == "kill" else "killnowait"
    assert client.received() == [[69, 1, {"mode": mode}]]
    if how == "kill":
        assert outcome == []
        client.send([8, 68, 1, {}, CANCELED])
        scene.world.settle()
    assert len(outcome) == 1
    if how in ("cancel", "kill"):
        assert isinstance(outcome[0], Canceled)
    assert scene.realm.local.calls == {}
    assert scene.realm.local.dealing.calls == {}


def test_a_client_of_several_can_be_called_progressively() -> None:
    """REQ-EMB-001: privately, as `session.call` does."""
    scene = Hosted()
    scene.realm = Realm("realm1")
    scene.realm.permit("com.own", register="own")
    client = scene.serve(STOPS)
    registration = client.register("com.own")
    view: Session = client.session.public()
    outcome = scene.run(lambda: taken(view.call_progressively("com.own", 1)))
    [invocation] = client.received()

    client.send([70, 1, {}, ["mine"]])
    scene.world.settle()

    assert invocation[2:] == [registration, {"receive_progress": True}, [1]]
    assert outcome == [["mine"]]
