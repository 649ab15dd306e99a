"""Chunks and progress of calls, under every async library and in threads."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from aiohttp_serverwamp import Application, CallOptions, Invocation, RPCRouteSet
from aiohttp_serverwamp.errors import Canceled, TimedOut
from aiohttp_serverwamp.interfaces import AsyncSupport
from tests.async_support.memory_client import joined

Run = Callable[[Callable[[AsyncSupport], Awaitable[None]]], None]

MORE = CallOptions(progress=True)


def serving(support: AsyncSupport, api: RPCRouteSet) -> Application:
    application = Application(async_support=support)
    application.add_routes(api)
    return application


def summing(support: AsyncSupport, log: list[Any]) -> RPCRouteSet:
    """Offer the sum of all chunks, taken by a task and by a thread."""
    api = RPCRouteSet()

    @api.route("task")
    async def in_task(*first: int, invocation: Invocation) -> int:
        total = 0
        try:
            async for chunk in invocation.chunks:
                total += sum(chunk.args)
        except support.cancelled:
            log.append(invocation.cancel_mode)
            raise
        return total

    @api.route("thread", thread=True)
    def in_thread(*first: int, invocation: Invocation) -> int:
        log.append(threading.current_thread() is not threading.main_thread())
        total = 0
        try:
            for chunk in invocation.chunks:
                total += sum(chunk.args)
        except Canceled:
            log.append(invocation.cancel_mode)
            ended.set()
            raise
        return total

    ended = threading.Event()
    api.ended = ended  # type: ignore[attr-defined]  # for whoever waits for the thread
    return api


@pytest.mark.parametrize("uri", ["task", "thread"])
def test_a_handler_takes_what_a_client_sends_in_chunks(run: Run, uri: str) -> None:
    async def body(support: AsyncSupport) -> None:
        application = serving(support, summing(support, []))
        async with joined(application) as client:
            for number in (1, 2, 3):
                client.send(48, 1, {"progress": True}, uri, [number])
                await support.sleep(0)
            client.send(48, 1, {}, uri, [4, 5])
            assert await client.receive() == [50, 1, {}, [15]]

    run(body)


@pytest.mark.parametrize("uri", ["task", "thread"])
def test_the_application_sends_chunks_to_its_own(run: Run, uri: str) -> None:
    async def body(support: AsyncSupport) -> None:
        application = serving(support, summing(support, []))
        async with application.run():
            call = application.call_progressively(uri, 1, options=MORE)
            for number in (2, 3):
                call.send(number)
                await support.sleep(0)
            call.finish(4)
            assert await call.result() == 10

    run(body)


@pytest.mark.parametrize("mode", ["kill", "killnowait"])
def test_a_cancelled_handler_sees_how(run: Run, mode: str) -> None:
    async def body(support: AsyncSupport) -> None:
        log: list[Any] = []
        application = serving(support, summing(support, log))
        async with joined(application) as client:
            client.send(48, 1, {"progress": True}, "task", [1])
            await support.sleep(0.01)
            client.send(49, 1, {"mode": mode})
            answer = await client.receive()
            await support.sleep(0)

        assert answer[:5] == [8, 48, 1, {}, "wamp.error.canceled"]
        assert log == [mode]

    run(body)


def test_a_thread_that_waits_for_chunks_is_woken(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        log: list[Any] = []
        api = summing(support, log)
        application = serving(support, api)
        ended: threading.Event = api.ended  # type: ignore[attr-defined]  # as above
        async with joined(application) as client:
            client.send(48, 1, {"progress": True}, "thread", [1])
            while not log:
                await support.sleep(0.001)
            client.send(49, 1, {"mode": "killnowait"})
            assert (await client.receive())[4] == "wamp.error.canceled"
            assert await support.run_in_thread(ended.wait, 10)

        assert log == [True, "killnowait"]

    run(body)


def counting(support: AsyncSupport, log: list[Any]) -> RPCRouteSet:
    api = RPCRouteSet()

    @api.route("count")
    async def count() -> AsyncIterator[int]:
        try:
            for number in range(1_000_000):
                yield number
        finally:
            log.append("ended")

    @api.route("hang", timeout=0.01)
    async def hang() -> None:
        await support.sleep(60)

    return api


@pytest.mark.parametrize("managed", [True, False])
def test_who_leaves_the_progress_early_cancels_the_call(
    run: Run, managed: bool
) -> None:
    async def body(support: AsyncSupport) -> None:
        log: list[Any] = []
        seen = []
        application = serving(support, counting(support, log))
        async with application.run():
            if managed:
                async with application.call_progressively("count") as call:
                    async for number in call:
                        seen.append(number)
                        if number == 3:
                            break
            else:
                async for number in application.call_progressively("count"):
                    seen.append(number)
                    if number == 3:
                        break
            for _ in range(5):
                await support.sleep(0)
            assert log == ["ended"]

        assert seen == [0, 1, 2, 3]

    run(body)


def test_who_is_cancelled_while_waiting_cancels_the_call(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        log: list[Any] = []
        application = serving(support, summing(support, log))

        async def wait() -> None:
            call = application.call_progressively("task", 1, options=MORE)
            await anext(call)

        async with application.run():
            assert not await support.wait_at_most(0.01, wait)
            await support.sleep(0.01)

        assert log == ["killnowait"]

    run(body)


def test_a_route_has_its_time_limit(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        application = serving(support, counting(support, []))
        async with application.run():
            with pytest.raises(TimedOut):
                await application.call("hang")
            call = application.call_progressively("hang")
            with pytest.raises(TimedOut):
                await call.result()

    run(body)
