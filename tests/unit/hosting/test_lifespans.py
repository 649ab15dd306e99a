"""Async generators that accompany something: start, rest, refusal, cancellation."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from aiohttp_serverwamp.adapters.asyncio import AsyncioAsyncSupport
from aiohttp_serverwamp.errors import ConfigurationError, RuntimeFailure, SubscribeError
from aiohttp_serverwamp.hosting.binding import Injectables, compile_binding
from aiohttp_serverwamp.hosting.default_args import DefaultArg
from aiohttp_serverwamp.hosting.lifespans import Life, LifeHandler, check_life_handler
from aiohttp_serverwamp.hosting.runtime import Runtime


class Context:
    """What handlers of these tests belong to."""

    class session:
        id = 7


class Stage:
    """A runtime, a log, and lives that are started and heard."""

    def __init__(self, tasks: Any, close_timeout: float) -> None:
        support = AsyncioAsyncSupport()
        self.tasks = tasks
        self.runtime = Runtime(
            support=support,
            tasks=tasks,
            thread=0,
            from_thread=support.caller_from_thread(),
            debug=False,
            cancel_on_disconnect=True,
            close_timeout=close_timeout,
            injections={},
        )
        self.log: list[str] = []
        self.heard: list[Exception | None] = []

    def life(self, *functions: Callable[..., Any], **default_args: DefaultArg) -> Life:
        injectables = Injectables({}, {})
        handlers = [
            LifeHandler(
                each,
                compile_binding(
                    each,
                    injectables=injectables,
                    default_args=default_args,
                    arguments=False,
                ),
            )
            for each in functions
        ]
        return Life(self.runtime, self.tasks, handlers, Context())

    def handler(self, name: str) -> Callable[..., Any]:
        async def handler() -> AsyncIterator[None]:
            self.log.append(f"{name} begins")
            yield
            self.log.append(f"{name} ends")

        return handler


@asynccontextmanager
async def stage(close_timeout: float = 5) -> AsyncIterator[Stage]:
    async with AsyncioAsyncSupport().task_group() as tasks:
        yield Stage(tasks, close_timeout)


async def some_turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_it_starts_to_its_yield_and_the_rest_runs_at_the_end() -> None:
    async with stage() as on:
        life = on.life(on.handler("a"))
        life.start(on.heard.append)
        await some_turns()
        assert (on.log, on.heard) == (["a begins"], [None])
        life.end()
        await some_turns()
        assert on.log == ["a begins", "a ends"]


async def test_several_start_in_order_and_end_in_reverse() -> None:
    async with stage() as on:
        life = on.life(on.handler("a"), on.handler("b"))
        life.start(on.heard.append)
        await some_turns()
        life.end()
        await some_turns()
        assert on.log == ["a begins", "b begins", "b ends", "a ends"]
        assert on.heard == [None]


async def test_it_begins_and_ends_in_one_task() -> None:
    tasks = []

    async def handler() -> AsyncIterator[None]:
        async with asyncio.timeout(60):
            tasks.append(asyncio.current_task())
            yield
            tasks.append(asyncio.current_task())

    async with stage() as on:
        life = on.life(handler)
        life.start(on.heard.append)
        await some_turns()
        life.end()
        await some_turns()
        assert len(tasks) == 2
        assert tasks[0] is tasks[1]


async def test_a_refusal_is_heard_and_closes_those_before_it() -> None:
    refusal = SubscribeError("shop.error.members_only")

    async def refuse() -> AsyncIterator[None]:
        if refusal:
            raise refusal
        yield

    async def first() -> AsyncIterator[None]:
        try:
            yield
        finally:
            on.log.append("first closed")

    async with stage() as on:
        life = on.life(first, refuse, on.handler("never"))
        life.start(on.heard.append)
        await some_turns()
        assert on.heard == [refusal]
        assert on.log == ["first closed"]
        life.end()
        await some_turns()


async def test_what_ends_before_it_has_started_is_cancelled_and_says_so() -> None:
    async def slow() -> AsyncIterator[None]:
        try:
            await asyncio.sleep(60)
            yield
        except asyncio.CancelledError:
            on.log.append("cancelled")
            raise

    async with stage() as on:
        life = on.life(slow)
        life.start(on.heard.append)
        await some_turns()
        life.end()
        [heard] = on.heard
        await some_turns()
        assert isinstance(heard, RuntimeFailure)
        assert (on.log, on.heard) == (["cancelled"], [heard])


async def test_what_ends_itself_before_it_first_waits_is_cancelled_likewise() -> None:
    async def hasty() -> AsyncIterator[None]:
        life.end()
        try:
            await asyncio.sleep(60)
            yield
        except asyncio.CancelledError:
            on.log.append("cancelled")
            raise

    async with stage() as on:
        life = on.life(hasty)
        life.start(on.heard.append)
        await some_turns()
        [heard] = on.heard
        assert isinstance(heard, RuntimeFailure)
        assert on.log == ["cancelled"]


async def test_the_rest_has_close_timeout_seconds() -> None:
    async def handler() -> AsyncIterator[None]:
        yield
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            on.log.append("cancelled")
            raise

    async with stage(close_timeout=0.02) as on:
        life = on.life(handler)
        life.start(on.heard.append)
        await some_turns()
        life.end()
        await on.tasks.join(5)
        assert on.log == ["cancelled"]


async def test_one_that_fails_at_the_end_does_not_keep_the_others_from_ending(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def broken() -> AsyncIterator[None]:
        yield
        raise ValueError("at the end")

    async with stage() as on:
        life = on.life(on.handler("a"), broken)
        life.start(on.heard.append)
        await some_turns()
        life.end()
        await some_turns()
        assert on.log == ["a begins", "a ends"]
    (record,) = caplog.records
    assert "session 7" in record.getMessage()
    assert "broken" in record.getMessage()


async def test_a_second_yield_is_reported_and_the_handler_closed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def twice() -> AsyncIterator[None]:
        try:
            yield
            yield
        finally:
            on.log.append("closed")

    async with stage() as on:
        life = on.life(twice)
        life.start(on.heard.append)
        await some_turns()
        life.end()
        await some_turns()
        assert on.log == ["closed"]
    assert "yielded more than once" in caplog.text


async def test_without_a_yield_it_has_started_and_ended() -> None:
    async def returns() -> AsyncIterator[None]:
        on.log.append("ran")
        if not on.log:
            yield

    async with stage() as on:
        life = on.life(returns)
        life.start(on.heard.append)
        await some_turns()
        assert (on.log, on.heard) == (["ran"], [None])
        life.end()
        await some_turns()


async def test_default_args_last_as_long_as_the_life() -> None:
    @asynccontextmanager
    async def database() -> AsyncIterator[str]:
        on.log.append("open")
        yield "db"
        on.log.append("closed")

    async def handler(db: str) -> AsyncIterator[None]:
        on.log.append(f"begins with {db}")
        yield
        on.log.append("ends")

    async with stage() as on:
        life = on.life(handler, db=DefaultArg(factory=database))
        life.start(on.heard.append)
        await some_turns()
        assert on.log == ["open", "begins with db"]
        life.end()
        await some_turns()
        assert on.log[2:] == ["ends", "closed"]


async def test_a_default_arg_that_fails_is_heard(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def unavailable() -> str:
        raise OSError("no database")

    async def handler(db: str) -> AsyncIterator[None]:
        yield

    async with stage() as on:
        on.life(handler, db=DefaultArg(factory=unavailable)).start(on.heard.append)
        await some_turns()
        assert [type(each) for each in on.heard] == [OSError]
    assert "no database" in caplog.text


async def coroutine() -> None: ...


def generator() -> Any:
    yield


class Handler:
    async def __call__(self) -> AsyncIterator[None]:
        yield

    async def method(self) -> AsyncIterator[None]:
        yield


async def good(x: int = 1) -> AsyncIterator[None]:
    yield


@pytest.mark.parametrize(
    "handler",
    [
        coroutine,
        generator,
        lambda: None,
        Context,
        asynccontextmanager(good),
        functools.partial(coroutine),
    ],
)
def test_only_async_generators_are_lives(handler: Any) -> None:
    with pytest.raises(ConfigurationError, match="async generator"):
        check_life_handler(handler, "subscription handler")


@functools.wraps(good)
def decorated(*args: Any) -> Any:
    return good(*args)


@pytest.mark.parametrize(
    "handler",
    [good, decorated, Handler(), Handler().method, functools.partial(good, x=2)],
)
def test_any_callable_that_makes_one_will_do(handler: Any) -> None:
    check_life_handler(handler, "subscription handler")


async def test_what_is_cancelled_by_somebody_else_has_failed_to_start() -> None:
    """Or the request that waits for it would wait for ever."""

    async def waits_for_a_task_of_others() -> AsyncIterator[None]:
        task = asyncio.create_task(asyncio.sleep(60))
        task.cancel()
        await task
        yield

    async with stage() as on:
        life = on.life(waits_for_a_task_of_others)
        life.start(on.heard.append)
        await some_turns()
        (failure,) = on.heard
        assert isinstance(failure, RuntimeFailure)
