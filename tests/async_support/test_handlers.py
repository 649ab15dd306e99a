"""Handlers under every async library: time limits, threads, clean-up, decisions."""

from __future__ import annotations

import logging
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from aiohttp_serverwamp import (
    Application,
    ApplicationError,
    Identity,
    Invocation,
    Limits,
    PublishOptions,
    RPCResult,
    RPCRouteSet,
    Session,
    TopicRouteSet,
)
from aiohttp_serverwamp.adapters.memory import linked_connections
from aiohttp_serverwamp.interfaces import AsyncSupport
from tests.async_support.memory_client import CODEC, Client, joined

Run = Callable[[Callable[[AsyncSupport], Awaitable[None]]], None]
Trace = list[str]

CALL, CANCEL, RESULT, ERROR = 48, 49, 50, 8


def hosting(support: AsyncSupport, api: RPCRouteSet, **options: Any) -> Application:
    application = Application(async_support=support, **options)
    application.add_routes(api)
    return application


async def until(support: AsyncSupport, condition: Callable[[], object]) -> None:
    while not condition():
        await support.sleep(0.001)


def waiting(support: AsyncSupport, trace: Trace) -> RPCRouteSet:
    """Procedures that wait until something ends them, and note how."""
    api = RPCRouteSet()

    @api.route("wait")
    async def wait() -> None:
        trace.append("begun")
        try:
            await support.sleep(60)
        except support.cancelled:
            trace.append("cancelled")
            raise

    @api.route("count")
    async def count() -> AsyncIterator[int]:
        trace.append("begun")
        try:
            for number in range(1_000):
                yield number
                await support.sleep(60 * (number == 2))
        finally:
            trace.append("cancelled")

    return api


# Time limits and cancelling.


def test_the_timeout_of_a_call_ends_it_and_its_handler(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        trace: Trace = []
        async with joined(hosting(support, waiting(support, trace))) as client:
            error = await client.ask(CALL, 1, {"timeout": 50}, "wait")
            assert error[:5] == [ERROR, CALL, 1, {}, "wamp.error.timeout"]
            await until(support, lambda: trace == ["begun", "cancelled"])

    run(body)


@pytest.mark.parametrize(
    ("mode", "ends"), [("kill", True), ("killnowait", True), ("skip", False)]
)
def test_the_mode_says_whether_a_cancelled_handler_ends(
    run: Run, mode: str, ends: bool
) -> None:
    async def body(support: AsyncSupport) -> None:
        trace: Trace = []
        async with joined(hosting(support, waiting(support, trace))) as client:
            client.send(CALL, 1, {}, "wait")
            await until(support, lambda: trace)
            error = await client.ask(CANCEL, 1, {"mode": mode})
            assert error[:5] == [ERROR, CALL, 1, {}, "wamp.error.canceled"]
            if ends:
                await until(support, lambda: trace == ["begun", "cancelled"])
            else:
                await support.sleep(0.02)
                assert trace == ["begun"]

    run(body)


def test_a_generator_is_closed_where_it_waits(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        trace: Trace = []
        async with joined(hosting(support, waiting(support, trace))) as client:
            client.send(CALL, 1, {"receive_progress": True}, "count")
            progress = [(await client.receive())[3] for _ in range(3)]
            assert progress == [[0], [1], [2]]
            error = await client.ask(CANCEL, 1, {"mode": "kill"})
            assert error[4] == "wamp.error.canceled"
            assert trace == ["begun", "cancelled"]

    run(body)


def test_a_handler_may_go_on_when_its_caller_leaves(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        trace: Trace = []
        api = RPCRouteSet()

        @api.route("save")
        async def save() -> None:
            trace.append("begun")
            await support.sleep(0.02)
            trace.append("saved")

        application = hosting(support, api, cancel_on_disconnect=False)
        async with joined(application) as client:
            client.send(CALL, 1, {}, "save")
            await until(support, lambda: trace)
        assert trace == ["begun", "saved"]

    run(body)


# Threads.


def threaded(woken: threading.Event, trace: Trace) -> RPCRouteSet:
    api = RPCRouteSet()

    @api.route("where", thread=True)
    def where(session: Session) -> list[str]:
        session.realm.publish("from.a.thread", threading.current_thread().name)
        trace.append(threading.current_thread().name)
        return [*trace]

    @api.route("refuse", thread=True)
    def refuse() -> None:
        raise ApplicationError("demo.error.refused", "no")

    @api.route("block", thread=True)
    def block() -> str:
        trace.append("begun")
        woken.wait(10)
        trace.append("woken")
        return "too late"

    return api


def test_a_thread_answers_refuses_and_publishes(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        trace: Trace = []
        topics = TopicRouteSet()
        topics.declare("from.a.thread")
        application = hosting(support, threaded(threading.Event(), trace))
        application.add_routes(topics)
        async with joined(application) as client:
            assert (await client.ask(32, 1, {}, "from.a.thread"))[0] == 33
            client.send(CALL, 2, {}, "where")
            event, result = sorted([await client.receive(), await client.receive()])
            assert (event[0], event[4]) == (36, trace)
            assert result == [RESULT, 2, {}, [trace]]
            assert trace != [threading.current_thread().name]
            error = await client.ask(CALL, 3, {}, "refuse")
            assert error[4:] == ["demo.error.refused", ["no"]]

    run(body)


@pytest.mark.parametrize("mode", ["kill", "killnowait"])
def test_a_thread_runs_on_after_its_call_was_cancelled(run: Run, mode: str) -> None:
    async def body(support: AsyncSupport) -> None:
        trace: Trace = []
        woken = threading.Event()
        async with joined(hosting(support, threaded(woken, trace))) as client:
            client.send(CALL, 1, {}, "block")
            await until(support, lambda: trace)
            error = await client.ask(CANCEL, 1, {"mode": mode})
            assert error[:5] == [ERROR, CALL, 1, {}, "wamp.error.canceled"]
            assert trace == ["begun"]
            woken.set()
            await until(support, lambda: trace == ["begun", "woken"])
            # What it returned then is nobody's.
            assert (await client.ask(CALL, 2, {}, "refuse"))[2] == 2

    run(body)


def test_leaving_does_not_wait_for_a_thread(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        trace: Trace = []
        woken = threading.Event()
        async with joined(hosting(support, threaded(woken, trace))) as client:
            client.send(CALL, 1, {}, "block")
            await until(support, lambda: trace)
        assert trace == ["begun"]
        woken.set()
        await until(support, lambda: trace == ["begun", "woken"])

    run(body)


# What is supplied, and cleaned up.


def test_default_args_are_made_and_closed_for_each_call(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        trace: Trace = []
        api = waiting(support, trace)

        async def number() -> int:
            await support.sleep(0)
            return 7

        @asynccontextmanager
        async def transaction() -> AsyncIterator[str]:
            trace.append("open")
            try:
                yield "data"
            finally:
                trace.append("close")

        @api.route("use")
        async def use(number: int, transaction: str, *, hang: bool = False) -> Any:
            trace.append("use")
            await support.sleep(60 * hang)
            return RPCResult([number, transaction])

        application = hosting(support, api)
        application.set_default_arg("number", factory=number)
        application.set_default_arg("transaction", factory=transaction)
        async with joined(application) as client:
            answer = await client.ask(CALL, 1, {}, "use")
            assert answer == [RESULT, 1, {}, [7, "data"]]
            assert trace == ["open", "use", "close"]
            trace.clear()
            client.send(CALL, 2, {}, "use", [], {"hang": True})
            await until(support, lambda: "use" in trace)
            assert (await client.ask(CANCEL, 2, {"mode": "kill"}))[2] == 2
            assert trace == ["open", "use", "close"]

    run(body)


def test_a_lifespan_handler_is_there_before_and_after_all_requests(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        trace: Trace = []
        api = RPCRouteSet()

        async def accompany(session: Session) -> AsyncIterator[None]:
            await support.sleep(0.01)
            session["greeting"] = "Hello"
            trace.append("joined")
            yield
            await support.sleep(0.01)
            trace.append(f"gone: {session.is_open}")

        @api.route("greeting")
        async def greeting(session: Session) -> str:
            trace.append("called")
            return str(session["greeting"])

        application = hosting(support, api)
        application.add_session_lifespan_handler(accompany)
        async with joined(application) as client:
            answer = await client.ask(CALL, 1, {}, "greeting")
            assert answer == [RESULT, 1, {}, ["Hello"]]
        assert trace == ["joined", "called", "gone: False"]

    run(body)


def test_clean_up_that_takes_too_long_is_cancelled(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    async def body(support: AsyncSupport) -> None:
        trace: Trace = []

        async def accompany(session: Session) -> AsyncIterator[None]:
            yield
            try:
                await support.sleep(60)
            except support.cancelled:
                trace.append("cancelled")
                raise

        limits = Limits(close_timeout=0.05)
        application = hosting(support, RPCRouteSet(), limits=limits)
        application.add_session_lifespan_handler(accompany)
        async with joined(application) as client:
            client.send(6, {}, "wamp.close.close_realm")
        assert trace == ["cancelled"]

    with caplog.at_level(logging.ERROR):
        run(body)
    assert caplog.records == []


def test_a_lifespan_handler_that_fails_is_logged_once(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    async def body(support: AsyncSupport) -> None:
        async def accompany(session: Session) -> AsyncIterator[None]:
            yield
            raise RuntimeError("after the session")

        application = hosting(support, RPCRouteSet())
        application.add_session_lifespan_handler(accompany)
        async with joined(application):
            pass
        assert application.sessions() == []

    run(body)
    assert caplog.text.count("RuntimeError: after the session") == 1


# Deciding, and listening.


def test_what_decides_may_wait(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        api = RPCRouteSet()

        @api.route("who")
        async def who(session: Session) -> str | None:
            return session.authid

        async def by_ticket(session: Session, ticket: str) -> Identity | None:
            await support.sleep(0)
            return Identity("ann") if ticket == "open sesame" else None

        async def authorize(
            session: Session, action: str, uri: str, options: Any
        ) -> bool:
            await support.sleep(0)
            return uri != "forbidden"

        api.route("forbidden")(who)
        application = hosting(support, api)
        application.set_ticket_authenticator(by_ticket)
        application.set_authorizer(authorize)
        async with application.run(), support.task_group() as tasks:
            server, end = linked_connections(support, CODEC)
            tasks.start(application.serve, server)
            client = Client(end)
            details = {"roles": {"caller": {}}, "authmethods": ["ticket"]}
            challenge = await client.ask(1, "r", {**details, "authid": "ann"})
            assert challenge[:2] == [4, "ticket"]
            assert (await client.ask(5, "open sesame", {}))[0] == 2
            assert await client.ask(CALL, 1, {}, "who") == [RESULT, 1, {}, ["ann"]]
            denied = await client.ask(CALL, 2, {}, "forbidden")
            assert denied[4] == "wamp.error.not_authorized"
            client.vanish()
            await tasks.join(5)

    run(body)


def test_an_authenticator_that_does_not_end_is_not_waited_for(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        trace: Trace = []

        async def never(session: Session) -> None:
            try:
                await support.sleep(60)
            finally:
                trace.append("cancelled")

        limits = Limits(auth_timeout=0.05, close_timeout=0.1)
        application = hosting(support, RPCRouteSet(), limits=limits)
        application.add_transport_authenticator(never)
        async with application.run(), support.task_group() as tasks:
            server, end = linked_connections(support, CODEC)
            tasks.start(application.serve, server)
            client = Client(end)
            abort = await client.ask(1, "r", {"roles": {"caller": {}}})
            assert abort[0] == 3
            assert await client.receive() is None
            await tasks.join(5)
        assert trace == ["cancelled"]

    run(body)


def test_the_application_hears_events_in_tasks_and_threads(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        trace: Trace = []
        topics = TopicRouteSet()

        @topics.on("news")
        async def read(text: str) -> None:
            await support.sleep(0)
            trace.append(f"task {text}")

        @topics.on("news", thread=True)
        def read_slowly(text: str) -> None:
            trace.append(f"thread {text}")

        application = Application(async_support=support)
        application.add_routes(topics)
        to_us_too = PublishOptions(exclude_me=False)
        async with application.run():
            for text in ("one", "two"):
                application.publish("news", text, options=to_us_too)
            await until(support, lambda: len(trace) == 4)
        assert sorted(trace) == ["task one", "task two", "thread one", "thread two"]

    run(body)


def test_requests_that_are_to_be_synchronized_wait_for_each_other(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        trace: Trace = []
        api = RPCRouteSet()

        @api.route("step")
        async def step(number: int, invocation: Invocation) -> int:
            trace.append(f"{number} begins")
            await support.sleep(0.01 / number)
            trace.append(f"{number} ends")
            return number

        application = hosting(support, api, synchronize_requests=True)
        async with joined(application) as client:
            for number in (1, 2, 3):
                client.send(CALL, number, {}, "step", [number])
            assert [(await client.receive())[3] for _ in range(3)] == [[1], [2], [3]]
        assert trace == [
            f"{number} {what}" for number in (1, 2, 3) for what in ("begins", "ends")
        ]

    run(body)
