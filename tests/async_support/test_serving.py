"""The whole server under every async library, over linked ends in memory."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from aiohttp_serverwamp import (
    Application,
    ApplicationError,
    Limits,
    RPCRouteSet,
    Session,
    TopicRouteSet,
)
from aiohttp_serverwamp.adapters.memory import linked_connections
from aiohttp_serverwamp.interfaces import AsyncSupport
from tests.async_support.memory_client import CODEC, Client, joined

Run = Callable[[Callable[[AsyncSupport], Awaitable[None]]], None]


def test_calls_are_answered_by_coroutines_threads_and_generators(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        api = RPCRouteSet()

        @api.route("add")
        async def add(a: int, b: int) -> int:
            await support.sleep(0)
            return a + b

        @api.route("thread", thread=True)
        def thread() -> bool:
            return threading.current_thread() is threading.main_thread()

        @api.route("count")
        async def count(n: int) -> AsyncIterator[int]:
            for i in range(n):
                yield i

        application = Application(async_support=support)
        application.add_routes(api)
        async with joined(application) as client:
            assert await client.ask(48, 1, {}, "add", [1, 2]) == [50, 1, {}, [3]]
            assert await client.ask(48, 2, {}, "thread") == [50, 2, {}, [False]]
            client.send(48, 3, {"receive_progress": True}, "count", [2])
            answers = [await client.receive() for _ in range(3)]
            assert answers == [
                [50, 3, {"progress": True}, [0]],
                [50, 3, {"progress": True}, [1]],
                [50, 3, {}],
            ]

    run(body)


def test_cancelling_a_call_cancels_its_handler(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        api = RPCRouteSet()
        seen: list[str] = []

        @api.route("slow")
        async def slow() -> None:
            try:
                await support.sleep(60)
            except support.cancelled:
                seen.append("cancelled")
                raise

        application = Application(async_support=support)
        application.add_routes(api)
        async with joined(application) as client:
            client.send(48, 1, {}, "slow")
            for _ in range(5):
                await support.sleep(0)
            error = await client.ask(49, 1, {"mode": "kill"})
            assert error[:5] == [8, 48, 1, {}, "wamp.error.canceled"]
            assert seen == ["cancelled"]

    run(body)


def test_a_call_cancelled_before_its_handler_starts_is_answered(run: Run) -> None:
    """REQ-RPC-069 to 071: with mode kill it is the callee who answers."""

    async def body(support: AsyncSupport) -> None:
        api = RPCRouteSet()

        @api.route("slow")
        async def slow() -> None:
            await support.sleep(60)

        application = Application(async_support=support)
        application.add_routes(api)
        async with joined(application) as client:
            client.send(48, 1, {}, "slow")
            client.send(49, 1, {"mode": "kill"})
            error = await client.receive()
            assert error[:5] == [8, 48, 1, {}, "wamp.error.canceled"]

    run(body)


def test_a_caller_that_vanishes_cancels_its_handlers(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        api = RPCRouteSet()
        seen: list[str] = []

        @api.route("slow")
        async def slow() -> None:
            try:
                await support.sleep(60)
            finally:
                seen.append("ended")

        application = Application(async_support=support)
        application.add_routes(api)
        async with joined(application) as client:
            client.send(48, 1, {}, "slow")
            for _ in range(5):
                await support.sleep(0)
        assert seen == ["ended"]

    run(body)


def test_a_subscription_handler_starts_holds_events_and_finishes(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        topics = TopicRouteSet()
        seen: list[str] = []

        @topics.route("news")
        async def news(session: Session) -> AsyncIterator[None]:
            session.send_event("news", ["snapshot"])
            await support.sleep(0)
            seen.append("before")
            yield
            seen.append("after")

        application = Application(async_support=support)
        application.add_routes(topics)
        async with joined(application) as client:
            assert await client.ask(32, 1, {}, "news") == [33, 1, 1]
            snapshot = await client.receive()
            assert (snapshot[0], snapshot[4]) == (36, ["snapshot"])
            application.publish("news", "live")
            assert (await client.receive())[4] == ["live"]
            assert seen == ["before"]
            assert await client.ask(34, 2, 1) == [35, 2]
            for _ in range(5):
                await support.sleep(0)
            assert seen == ["before", "after"]

    run(body)


def test_the_application_calls_what_it_hosts(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        api = RPCRouteSet()

        @api.route("double")
        async def double(n: int) -> int:
            await support.sleep(0)
            return n * 2

        @api.route("refuse")
        async def refuse() -> None:
            raise ApplicationError("demo.error.refused", "no")

        application = Application(async_support=support)
        application.add_routes(api)
        async with application.run():
            assert await application.call("double", 21) == 42
            with pytest.raises(ApplicationError) as caught:
                await application.call("refuse")
            assert (caught.value.uri, caught.value.args) == (
                "demo.error.refused",
                ("no",),
            )

    run(body)


def test_stopping_says_goodbye_and_leaves_nothing_behind(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        application = Application(async_support=support, limits=Limits(close_timeout=1))
        async with support.task_group() as tasks:
            async with application.run():
                server, end = linked_connections(support, CODEC)
                tasks.start(application.serve, server)
                client = Client(end)
                await client.ask(1, "r", {"roles": {"caller": {}}})
            assert await client.receive() == [6, {}, "wamp.close.system_shutdown"]
            assert await client.receive() is None
            assert application.sessions() == []

    run(body)


def test_a_client_that_says_nothing_is_sent_away(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        limits = Limits(hello_timeout=0.05, close_timeout=0.1)
        application = Application(async_support=support, limits=limits)
        async with application.run(), support.task_group() as tasks:
            server, end = linked_connections(support, CODEC)
            tasks.start(application.serve, server)
            client = Client(end)
            abort = await client.receive()
            assert (abort[0], abort[2]) == (3, "wamp.error.protocol_violation")
            assert await client.receive() is None

    run(body)


def test_a_spawned_task_ends_with_its_session(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        trace: list[str] = []

        async def work(name: str) -> None:
            trace.append(name)
            try:
                await support.sleep(60)
            finally:
                trace.append("ends")

        api = RPCRouteSet()

        @api.route("work")
        async def start(session: Session) -> None:
            await session.spawn_task(work, name="begins")

        application = Application(async_support=support)
        application.add_routes(api)
        async with joined(application) as client:
            assert await client.ask(48, 1, {}, "work") == [50, 1, {}]
            assert (await client.ask(6, {}, "wamp.close.close_realm"))[0] == 6
            while trace != ["begins", "ends"]:
                await support.sleep(0)

    run(body)


def test_a_handler_accompanies_clients_from_hello_on(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        trace: list[str] = []

        async def accompany(session: Session) -> AsyncIterator[None]:
            await support.sleep(0)
            trace.append(f"joined: {session.is_open}")
            yield
            trace.append("gone")

        application = Application(async_support=support)
        application.add_session_lifespan_handler(accompany, authenticated_only=False)
        async with joined(application):
            assert trace == ["joined: False"]
        assert trace == ["joined: False", "gone"]

    run(body)
