"""ProgressiveCall and Chunks beyond the wire: wrong use, threads, and odd ends."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

import aiohttp_serverwamp as serverwamp
from aiohttp_serverwamp import CallOptions, Invocation, ProgressiveCall, RPCRouteSet
from aiohttp_serverwamp.errors import (
    Canceled,
    ConfigurationError,
    ConnectionClosed,
    EncodingError,
    NoSuchProcedure,
)
from tests.sites import running, site, until

MORE = CallOptions(progress=True)


def count_and_collect(log: list[Any]) -> RPCRouteSet:
    api = RPCRouteSet()

    @api.route("count")
    async def count(to: int = 3) -> AsyncIterator[Any]:
        try:
            for number in range(to):
                yield number
            yield serverwamp.RPCResult(["done"])
        finally:
            log.append("ended")

    @api.route("collect")
    async def collect(*first: Any, invocation: Invocation) -> list[Any]:
        return [chunk.args[0] async for chunk in invocation.chunks]

    @api.route("plain")
    def plain(*first: Any, invocation: Invocation) -> Any:
        with pytest.raises(ConfigurationError, match="async for chunk in invocation"):
            next(iter(invocation.chunks))
        return invocation.cancel_mode

    return api


async def test_the_result_may_be_asked_for_alone_and_again() -> None:
    async with running(count_and_collect([])) as realm:
        call = realm.call_progressively("count")

        assert await call.result() == "done"
        assert await call.result() == "done"
        assert [item async for item in call] == []


async def test_nothing_is_called_before_anybody_asks() -> None:
    log: list[Any] = []
    async with running(count_and_collect(log)) as realm:
        call = realm.call_progressively("count")
        del call
        await asyncio.sleep(0)

        assert log == []
        assert realm.local.calls == {}


async def test_what_fails_is_raised_by_every_use() -> None:
    async with running(count_and_collect([])) as realm:
        call = realm.call_progressively("nothing.here")
        for _ in range(2):
            with pytest.raises(NoSuchProcedure):
                await anext(call)
            with pytest.raises(NoSuchProcedure):
                await call.result()
        assert realm.local.calls == {}
        with pytest.raises(EncodingError):
            realm.call_progressively("count", object())


async def test_a_call_cancelled_before_it_was_made_is_never_made() -> None:
    log: list[Any] = []
    async with running(count_and_collect(log)) as realm:
        call = realm.call_progressively("count")
        call.cancel()
        call.cancel("kill")

        with pytest.raises(Canceled):
            await call.result()
        assert log == []


async def test_cancelling_what_is_over_changes_nothing() -> None:
    async with running(count_and_collect([])) as realm:
        async with realm.call_progressively("count") as call:
            assert await call.result() == "done"
        call.cancel()
        assert await call.result() == "done"


@pytest.mark.parametrize("mode", ["stop", None, 3])
async def test_a_mode_that_there_is_not_is_a_mistake(mode: Any) -> None:
    async with running(count_and_collect([])) as realm:
        with pytest.raises(ConfigurationError, match="'skip', 'kill' or"):
            realm.call_progressively("count").cancel(mode)


async def test_chunks_are_sent_only_where_they_were_promised() -> None:
    async with running(count_and_collect([])) as realm:
        for use in (ProgressiveCall.send, ProgressiveCall.finish):
            with pytest.raises(ConfigurationError, match="progress=True"):
                use(realm.call_progressively("collect", 1), 2)
        call = realm.call_progressively("collect", 1, options=MORE)
        call.send(2)
        with pytest.raises(EncodingError):
            call.send(object())
        call.finish(3)
        with pytest.raises(ConfigurationError, match="has been sent"):
            call.finish(4)
        assert await call.result() == [1, 2, 3]


async def test_chunks_of_a_call_that_is_over_are_dropped() -> None:
    async with running(count_and_collect([])) as realm:
        call = realm.call_progressively("plain", 1, options=MORE)
        assert await call.result() is None
        call.send(2)
        call.finish(3)

        failed = realm.call_progressively("nothing.here", 1, options=MORE)
        failed.send(2)
        with pytest.raises(NoSuchProcedure):
            await failed.result()


@pytest.mark.parametrize("options", [MORE, CallOptions(receive_progress=True)])
async def test_call_says_what_to_call_instead(options: CallOptions) -> None:
    async with running(count_and_collect([])) as realm:
        with pytest.raises(ConfigurationError, match=r"call_progressively\("):
            await realm.call("count", options=options)


async def test_another_thread_is_told_so() -> None:
    async with running(count_and_collect([])) as realm:
        call = realm.call_progressively("count", options=MORE)
        uses: list[Callable[[], object]] = [
            lambda: realm.call_progressively("count"),
            call.cancel,
            lambda: call.send(1),
            lambda: aiter(call),
        ]
        for use in uses:
            with pytest.raises(ConfigurationError, match="application's loop"):
                await asyncio.to_thread(use)


async def test_a_call_that_another_thread_lets_go_of_is_cancelled() -> None:
    log: list[Any] = []
    async with running(count_and_collect(log)) as realm:
        calls = [realm.call_progressively("count", 10**6)]
        assert await anext(calls[0]) == 0

        await asyncio.to_thread(calls.clear)
        gc.collect()
        await until(lambda: log)

        assert log == ["ended"]
        assert not realm.local.calls


async def test_a_call_may_outlive_its_application() -> None:
    async with running(count_and_collect([])) as realm:
        call = realm.call_progressively("count", 10**6)
        assert await anext(call) == 0
    with pytest.raises(ConfigurationError):
        realm.call_progressively("count")

    await asyncio.to_thread(lambda: call.__del__())


async def test_several_tasks_may_wait_for_one_call() -> None:
    api, gate = RPCRouteSet(), asyncio.Event()

    @api.route("wait")
    async def wait() -> str:
        await gate.wait()
        return "done"

    async with running(api) as realm:
        call = realm.call_progressively("wait")
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(call.result()) for _ in range(3)]
            await asyncio.sleep(0)
            gate.set()

        assert [task.result() for task in tasks] == ["done"] * 3


async def test_a_client_that_has_left_is_not_called() -> None:
    sessions: list[serverwamp.Session] = []
    api = RPCRouteSet()
    api.route("note")(lambda session: sessions.append(session))
    async with site(api) as served:
        async with served.client() as client:
            await client.call("note")
        await until(lambda: not sessions[0].is_open)

        with pytest.raises(ConnectionClosed):
            sessions[0].call_progressively("p")


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [("single", "single"), ("single", "first"), ("last", "first"), ("last", "single")],
)
async def test_what_a_client_has_is_hosted_only_by_sharing_it(
    theirs: str, ours: str
) -> None:
    api = RPCRouteSet()
    api.route("shared", invoke=ours)(lambda: "hosted")
    async with site(open_=True) as served, served.client() as client:
        registered = {"match": "exact", "invoke": theirs}
        await client.request(serverwamp.messages.Register, registered, "shared")

        with pytest.raises(ConfigurationError, match=f"theirs is '{theirs}'"):
            served.realm.add_routes(api)

        sharing = RPCRouteSet()
        sharing.route("shared", invoke=theirs)(lambda: "hosted")
        if theirs == "single":
            with pytest.raises(ConfigurationError, match="registered it already"):
                served.realm.add_routes(sharing)
        else:
            served.realm.add_routes(sharing)
            assert await client.call("shared") == "hosted"


async def test_a_call_that_ends_before_its_last_chunk_leaves_nothing_behind() -> None:
    """Only clients have chunks under way that are to be known as too late."""
    async with running(count_and_collect([])) as realm:
        call = realm.call_progressively("collect", 0, options=MORE)
        async with call:
            call.send(1)
        call.finish(2)

        with pytest.raises(Canceled):
            await call.result()
        local = realm.local
        assert (local.calls, local.dealing.calls, local.dealing.unfinished) == (
            {},
            {},
            {},
        )
