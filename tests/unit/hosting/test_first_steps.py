"""What handlers do before they first wait: the same with eager tasks as with others.

Tasks of asyncio make their first steps at once from Python 3.12 on, within the
operation that starts them.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from aiohttp_serverwamp import (
    OPEN,
    Application,
    ApplicationError,
    Invocation,
    PublishOptions,
    Realm,
    RPCRouteSet,
    Session,
    TopicRouteSet,
)
from aiohttp_serverwamp.adapters.asyncio import AsyncioAsyncSupport
from tests.async_support.memory_client import joined
from tests.conformance.harness import Cancelled, Gate, World, is_error

CALL, CANCEL, RESULT, EVENT = 48, 49, 50, 36

#: The application itself included.
TO_ALL = PublishOptions(exclude_me=False)

both = pytest.mark.parametrize("eager", [False, True], ids=["later", "at once"])


def world_of(api: RPCRouteSet, *others: Any, eager: bool) -> World:
    realm = Realm("realm1", permissions=OPEN)
    for routes in (api, *others):
        realm.add_routes(routes)
    return World(realm, eager=eager)


# --- Who ends the own call --------------------------------------------------------


class Leaving:
    """Handlers of each kind that send their own caller away, and wait."""

    def __init__(self) -> None:
        self.gate = Gate()
        self.log: list[str] = []

    async def leave(self, session: Session) -> None:
        await session.close()
        try:
            await self.gate
        except Cancelled:
            self.log.append("cancelled")
            raise
        self.log.append("went on")

    async def coroutine(self, session: Session) -> None:
        await self.leave(session)

    async def of_invocation(self, session: Session, invocation: Invocation) -> None:
        assert invocation.id
        await self.leave(session)

    async def generator(self, session: Session) -> AsyncIterator[int]:
        await self.leave(session)
        yield 1

    def returning_a_coroutine(self, session: Session) -> Any:
        return self.leave(session)


@both
@pytest.mark.parametrize("options", [{}, {"receive_progress": True}])
@pytest.mark.parametrize(
    "kind", ["coroutine", "of_invocation", "generator", "returning_a_coroutine"]
)
def test_a_handler_that_ends_its_callers_session_is_cancelled_where_it_waits(
    kind: str, options: dict[str, Any], *, eager: bool
) -> None:
    """Told by its session, not only by the end of the connection."""
    leaving, api = Leaving(), RPCRouteSet()
    api.route("leave")(getattr(leaving, kind))
    client = world_of(api, eager=eager).join()

    client.send([CALL, 1, options, "leave"])

    [goodbye] = client.received()
    assert goodbye[0] == 6
    assert leaving.log == ["cancelled"]
    assert client.session.dealing.calls == {}
    assert client.session.dealing.running == 0


@both
def test_a_subscription_handler_that_ends_its_session_is_cancelled_where_it_waits(
    *, eager: bool
) -> None:
    leaving, topics = Leaving(), TopicRouteSet()

    @topics.route("topic")
    async def subscribed(session: Session) -> AsyncIterator[None]:
        await leaving.leave(session)
        yield

    client = world_of(RPCRouteSet(), topics, eager=eager).join()

    client.send([32, 1, {}, "topic"])

    assert [message[0] for message in client.received()] == [6]
    assert leaving.log == ["cancelled"]


# --- Order ------------------------------------------------------------------------


@both
@pytest.mark.parametrize("options", [{}, {"receive_progress": True}])
def test_what_a_handler_publishes_comes_before_its_result(
    options: dict[str, Any], *, eager: bool
) -> None:
    api = RPCRouteSet()

    @api.route("act")
    async def act(session: Session) -> str:
        session.realm.publish("first", 1)
        session.realm.publish("second", 2)
        return "acted"

    client = world_of(api, eager=eager).join()
    client.subscribe("first")
    client.subscribe("second", 902)

    client.send([CALL, 1, options, "act"])

    assert [message[-1] for message in client.received()] == [[1], [2], ["acted"]]


@both
def test_all_receivers_see_one_order_of_what_handlers_publish_in_turn(
    *, eager: bool
) -> None:
    """A handler of an event publishes another: nobody gets that one first."""
    topics = TopicRouteSet()

    @topics.on("cause")
    async def follow(number: int) -> None:
        world.realm.publish("effect", number)

    world = world_of(RPCRouteSet(), topics, eager=eager)
    receivers = [world.join() for _ in range(3)]
    for each in receivers:
        each.subscribe("cause")
        each.subscribe("effect", 902)

    receivers[1].send([16, 1, {"exclude_me": False}, "cause", [1]])
    receivers[1].send([16, 2, {"exclude_me": False}, "cause", [2]])

    for each in receivers:
        came = [message[-1] for message in each.received() if message[0] == EVENT]
        # Between the two causes the first effect may come, or not.
        assert came in ([[1], [1], [2], [2]], [[1], [2], [1], [2]])


@both
def test_calls_that_do_not_wait_are_answered_in_their_order(*, eager: bool) -> None:
    api = RPCRouteSet()

    @api.route("echo")
    async def echo(value: int) -> int:
        return value

    client = world_of(api, eager=eager).join()

    for number in range(1, 6):
        client.send([CALL, number, {}, "echo", [number]])

    answers = [[RESULT, number, {}, [number]] for number in range(1, 6)]
    assert client.received() == answers


@both
def test_what_a_handler_calls_may_call_on_without_end(*, eager: bool) -> None:
    """Calls between handlers do not nest on the stack."""
    api = RPCRouteSet()

    @api.route("count")
    async def count(number: int) -> int:
        result: int = await world.realm.call("count", number - 1) if number else -1
        return 1 + result

    world = world_of(api, eager=eager)
    client = world.join()

    assert client.request([CALL, 1, {}, "count", [700]]) == [RESULT, 1, {}, [700]]


# --- What is raised at once -------------------------------------------------------


def raising(error: BaseException) -> Callable[[], Any]:
    async def handler() -> None:
        raise error

    return handler


@both
@pytest.mark.parametrize("options", [{}, {"receive_progress": True}])
@pytest.mark.parametrize(
    ("error", "uri"),
    [
        (ApplicationError("com.no"), "com.no"),
        (ZeroDivisionError(), "wamp.error.runtime_error"),
        (Cancelled(), "wamp.error.canceled"),
    ],
    ids=["told", "failed", "cancelled"],
)
@pytest.mark.usefixtures("caplog")
def test_what_a_handler_raises_at_once_ends_its_call_and_nothing_else(
    error: BaseException, uri: str, options: dict[str, Any], *, eager: bool
) -> None:
    api = RPCRouteSet()
    api.route("fail")(raising(error))
    api.route("work")(lambda: "done")
    client = world_of(api, eager=eager).join()

    client.send([CALL, 1, options, "fail"])
    client.send([CALL, 2, {}, "work"])

    answers = sorted(client.received())
    assert is_error(answers[0], CALL, 1, uri)
    assert answers[1] == [RESULT, 2, {}, ["done"]]
    assert client.session.dealing.calls == {}
    assert client.session.dealing.running == 0


# --- On the loop that runs here ---------------------------------------------------


inherited = contextvars.ContextVar("inherited", default="nothing")


def hosting(api: RPCRouteSet) -> Application:
    application = Application(async_support=AsyncioAsyncSupport())
    application.add_routes(api)
    return application


async def test_a_handler_has_a_task_and_a_context_of_its_own() -> None:
    api, tasks, seen = RPCRouteSet(), list[Any](), list[str]()

    @api.route("look")
    async def look() -> None:
        tasks.append(asyncio.current_task())
        seen.append(inherited.get())
        inherited.set("changed")
        await asyncio.sleep(0)
        tasks.append(asyncio.current_task())
        seen.append(inherited.get())

    inherited.set("given")
    async with joined(hosting(api)) as client:
        for number in (1, 2):
            assert await client.ask(CALL, number, {}, "look") == [RESULT, number, {}]

    assert tasks[0] is tasks[1] is not tasks[2] is tasks[3]
    assert asyncio.current_task() not in tasks
    assert seen == ["given", "changed"] * 2


async def test_the_applications_own_receivers_have_run_once_a_handler_has_waited() -> (
    None
):
    """Before that they may have run, or not: the operation is not over."""
    api, topics, log = RPCRouteSet(), TopicRouteSet(), list[int]()

    @topics.on("acted")
    def note(number: int) -> None:
        log.append(number)

    @api.route("act")
    async def act(session: Session) -> list[int]:
        for number in (1, 2):
            session.realm.publish("acted", number, options=TO_ALL)
        await asyncio.sleep(0)
        return [*log]

    application = hosting(api)
    application.add_topic_routes(topics)
    async with joined(application) as client:
        answer = await client.ask(CALL, 1, {}, "act")
        assert answer == [RESULT, 1, {}, [[1, 2]]]


@pytest.mark.parametrize("waits", [False, True])
async def test_a_handler_that_cancels_its_own_task_cancels_nothing_else(
    *, waits: bool
) -> None:
    api = RPCRouteSet()

    @api.route("cancel")
    async def cancel() -> str:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        if waits:
            await asyncio.sleep(60)
        return "was not cancelled"

    @api.route("work")
    async def work() -> str:
        return "done"

    async with joined(hosting(api)) as client:
        answer = await client.ask(CALL, 1, {}, "cancel")
        if waits:
            assert is_error(answer, CALL, 1, "wamp.error.canceled")
        else:
            assert answer == [RESULT, 1, {}, ["was not cancelled"]]
        assert await client.ask(CALL, 2, {}, "work") == [RESULT, 2, {}, ["done"]]


async def test_a_time_limit_of_the_handlers_own_is_about_its_own_task() -> None:
    api = RPCRouteSet()

    @api.route("hurry")
    async def hurry() -> str:
        try:
            async with asyncio.timeout(0.01):
                await asyncio.sleep(60)
        except TimeoutError:
            return "too slow"
        return "in time"

    async with joined(hosting(api)) as client:
        answer = await client.ask(CALL, 1, {}, "hurry")
        assert answer == [RESULT, 1, {}, ["too slow"]]


async def test_tasks_are_made_by_the_factory_that_the_application_has_set() -> None:
    """Whoever watches tasks sees those of handlers, on every version of Python."""
    api, made, ended = RPCRouteSet(), list[str](), list[str]()

    @api.route("echo")
    async def echo(value: int) -> int:
        return value

    @api.route("wait")
    async def wait() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append("wait")

    def factory(
        loop: asyncio.AbstractEventLoop, coro: Any, **options: Any
    ) -> asyncio.Task[Any]:
        made.append(coro.__qualname__)
        return asyncio.Task(coro, loop=loop, **options)

    loop = asyncio.get_running_loop()
    async with joined(hosting(api)) as client:
        loop.set_task_factory(factory)
        try:
            answers = [await client.ask(CALL, n, {}, "echo", [n]) for n in (1, 2)]
            assert len(made) == 2
            client.send(CALL, 3, {}, "wait")
            error = await client.ask(CANCEL, 3, {"mode": "kill"})
        finally:
            loop.set_task_factory(None)

    assert answers == [[RESULT, 1, {}, [1]], [RESULT, 2, {}, [2]]]
    assert is_error(error, CALL, 3, "wamp.error.canceled")
    # Where its first step comes after CANCEL it never begins.
    assert ended in ([], ["wait"])
