"""The contract of `AsyncSupport`, the same for every library."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
from collections.abc import Awaitable, Callable

import pytest

from aiohttp_serverwamp.adapters.asyncio import AsyncioAsyncSupport
from aiohttp_serverwamp.errors import ConfigurationError
from aiohttp_serverwamp.interfaces import AsyncSupport

Run = Callable[[Callable[[AsyncSupport], Awaitable[None]]], None]

LONG = 60.0
SHORT = 0.02


async def nothing() -> None:
    pass


async def let_others_run(support: AsyncSupport) -> None:
    for _ in range(5):
        await support.sleep(0)


# Tasks.


def test_a_task_runs_with_its_arguments(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        seen: list[tuple[int, str]] = []

        async def work(number: int, text: str) -> None:
            await support.sleep(0)
            seen.append((number, text))

        async with support.task_group() as tasks:
            tasks.start(work, 1, "a")
            tasks.start(work, 2, "b")
            await tasks.join(None)

        assert sorted(seen) == [(1, "a"), (2, "b")]

    run(body)


def test_leaving_cancels_what_still_runs_and_waits_for_its_clean_up(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        seen: list[str] = []

        async def work() -> None:
            try:
                await support.sleep(LONG)
            except support.cancelled:
                seen.append("cancelled")
                raise
            finally:
                seen.append("cleaned up")

        async with support.task_group() as tasks:
            tasks.start(work)
            await let_others_run(support)

        assert seen == ["cancelled", "cleaned up"]

    run(body)


def test_a_failing_task_is_logged_once_and_leaves_its_siblings_alone(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    async def body(support: AsyncSupport) -> None:
        seen: list[str] = []

        async def fail() -> None:
            await support.sleep(0)
            raise LookupError("on purpose")

        async def fail_at_once() -> None:
            raise LookupError("on purpose")

        async def work() -> None:
            await support.sleep(SHORT)
            seen.append("done")

        async with support.task_group() as tasks:
            tasks.start(fail)
            tasks.start(fail_at_once)
            tasks.start(work)
            await tasks.join(None)

        assert seen == ["done"]

    with caplog.at_level(logging.ERROR):
        run(body)

    assert [record.name for record in caplog.records] == [
        "aiohttp_serverwamp.adapters"
    ] * 2
    for record in caplog.records:
        assert record.exc_info is not None
        assert record.exc_info[0] is LookupError
        assert "fail" in record.getMessage()


def test_a_cancelled_task_is_not_logged(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    async def body(support: AsyncSupport) -> None:
        async with support.task_group() as tasks:
            handle = tasks.start(support.sleep, LONG)
            await let_others_run(support)
            handle.cancel()
            await tasks.join(None)
            handle.cancel()

    run(body)

    assert caplog.records == []


def test_a_task_that_is_cancelled_before_its_first_step_is_over(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        async with support.task_group() as tasks:
            tasks.start(support.sleep, LONG).cancel()
            await tasks.join(None)

    run(body)


async def test_of_tasks_that_never_ran_nothing_is_kept() -> None:
    """A client may cancel call after call before the handler's first step."""
    support = AsyncioAsyncSupport()
    async with support.task_group() as tasks:
        for _ in range(10):
            tasks.start(support.sleep, LONG).cancel()
        await let_others_run(support)

        assert tasks._tasks == {}


def test_cancelling_one_task_leaves_its_siblings_alone(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        seen: list[str] = []

        async def work(name: str, seconds: float) -> None:
            await support.sleep(seconds)
            seen.append(name)

        async with support.task_group() as tasks:
            handle = tasks.start(work, "cancelled", LONG)
            tasks.start(work, "sibling", SHORT)
            handle.cancel()
            await tasks.join(None)

        assert seen == ["sibling"]

    run(body)


def test_join_cancels_after_its_timeout(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        seen: list[str] = []

        async def work() -> None:
            try:
                await support.sleep(LONG)
            finally:
                seen.append("ended")

        async with support.task_group() as tasks:
            tasks.start(work)
            await tasks.join(SHORT)
            await tasks.join(None)
            assert seen == ["ended"]

    run(body)


def test_join_without_tasks_returns(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        async with support.task_group() as tasks:
            await tasks.join(None)
            await tasks.join(LONG)

    run(body)


def test_a_task_may_start_another_and_join_waits_for_it(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        seen: list[str] = []

        async def inner() -> None:
            await support.sleep(SHORT)
            seen.append("inner")

        async def outer() -> None:
            await support.sleep(0)
            tasks.start(inner)

        async with support.task_group() as tasks:
            tasks.start(outer)
            await tasks.join(None)
            assert seen == ["inner"]

    run(body)


def test_nothing_is_started_while_and_after_leaving(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        seen: list[str] = []

        async def late() -> None:
            seen.append("started")

        async def work() -> None:
            try:
                await support.sleep(LONG)
            finally:
                tasks.start(late).cancel()

        async with support.task_group() as tasks:
            tasks.start(work)
            await let_others_run(support)
        tasks.start(late).cancel()
        await let_others_run(support)

        assert seen == []

    run(body)


def test_what_the_block_raises_comes_out_as_it_is(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        async def block() -> None:
            async with support.task_group() as tasks:
                tasks.start(support.sleep, LONG)
                raise LookupError("on purpose")

        with pytest.raises(LookupError, match="on purpose"):
            await block()

    run(body)


def test_cancelling_the_owner_cancels_and_awaits_its_tasks(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        seen: list[str] = []

        async def work() -> None:
            try:
                await support.sleep(LONG)
            finally:
                seen.append("task ended")

        async def own() -> None:
            async with support.task_group() as tasks:
                tasks.start(work)
                await support.sleep(LONG)
            seen.append("went on")

        async with support.task_group() as owners:
            handle = owners.start(own)
            await let_others_run(support)
            handle.cancel()
            await owners.join(None)

        assert seen == ["task ended"]

    run(body)


# Timers.


def test_a_timer_calls_back_once_and_not_early(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        fired: list[float] = []
        done = support.waiter()

        def callback() -> None:
            fired.append(support.now())
            done.set_result(None)

        async with support.task_group() as tasks:
            timer = support.timer(tasks, callback)
            when = support.now() + SHORT
            timer.set(when)
            await done.wait()
            await support.sleep(2 * SHORT)

        assert len(fired) == 1
        assert fired[0] >= when

    run(body)


def test_a_timer_moved_later_does_not_fire_at_its_first_time(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        fired: list[float] = []
        done = support.waiter()

        def callback() -> None:
            fired.append(support.now())
            done.set_result(None)

        async with support.task_group() as tasks:
            timer = support.timer(tasks, callback)
            timer.set(support.now() + SHORT)
            await let_others_run(support)
            later = support.now() + 4 * SHORT
            timer.set(later)
            await done.wait()

        assert len(fired) == 1
        assert fired[0] >= later

    run(body)


def test_a_timer_can_be_moved_to_an_earlier_time(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        done = support.waiter()
        async with support.task_group() as tasks:
            timer = support.timer(tasks, lambda: done.set_result(None))
            timer.set(support.now() + LONG)
            await let_others_run(support)
            timer.set(support.now() + SHORT)
            await done.wait()  # or the test hangs

    run(body)


def test_a_timer_in_the_past_fires_from_the_loop_not_from_set(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        fired: list[bool] = []
        done = support.waiter()

        def callback() -> None:
            fired.append(True)
            done.set_result(None)

        async with support.task_group() as tasks:
            timer = support.timer(tasks, callback)
            timer.set(support.now() - 1)
            assert fired == []
            await done.wait()

    run(body)


def test_a_timer_can_be_disarmed_and_set_again(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        fired: list[float] = []
        done = support.waiter()

        def callback() -> None:
            fired.append(support.now())
            done.set_result(None)

        async with support.task_group() as tasks:
            timer = support.timer(tasks, callback)
            timer.set(support.now() + SHORT)
            timer.set(None)
            await support.sleep(2 * SHORT)
            assert fired == []
            timer.set(support.now())
            await done.wait()
            timer.set(None)

        assert len(fired) == 1

    run(body)


def test_a_timer_can_be_set_from_its_own_callback(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        fired: list[float] = []
        done = support.waiter()

        def callback() -> None:
            fired.append(support.now())
            if len(fired) < 3:
                timer.set(support.now() + SHORT / 4)
            else:
                done.set_result(None)

        async with support.task_group() as tasks:
            timer = support.timer(tasks, callback)
            timer.set(support.now())
            await done.wait()

        assert len(fired) == 3

    run(body)


def test_a_timer_ends_with_its_tasks(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        fired: list[bool] = []
        async with support.task_group() as tasks:
            timer = support.timer(tasks, lambda: fired.append(True))
            timer.set(support.now() + SHORT)
            await let_others_run(support)
        timer.set(support.now())
        await support.sleep(2 * SHORT)

        assert fired == []

    run(body)


def test_join_does_not_wait_for_timers(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        async with support.task_group() as tasks:
            timer = support.timer(tasks, lambda: None)
            timer.set(support.now() + LONG)
            await let_others_run(support)
            await tasks.join(None)

    run(body)


def test_a_callback_that_fails_is_logged_and_the_timer_works_on(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    async def body(support: AsyncSupport) -> None:
        calls: list[bool] = []
        done = support.waiter()

        def callback() -> None:
            calls.append(True)
            if len(calls) == 2:
                done.set_result(None)
            raise LookupError("on purpose")

        async with support.task_group() as tasks:
            timer = support.timer(tasks, callback)
            timer.set(support.now())
            while not calls:
                await support.sleep(0)
            timer.set(support.now())
            await done.wait()
            await let_others_run(support)

    run(body)

    assert [record.name for record in caplog.records] == [
        "aiohttp_serverwamp.adapters"
    ] * 2


# Waiters.


def test_a_waiter_gives_its_first_result_to_the_waiting_task(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        waiter = support.waiter()

        async def give() -> None:
            await support.sleep(0)
            waiter.set_result("first")
            waiter.set_result("second")
            waiter.set_error(LookupError("third"))

        async with support.task_group() as tasks:
            tasks.start(give)
            assert await waiter.wait() == "first"

    run(body)


def test_a_waiter_raises_its_error(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        waiter = support.waiter()
        waiter.set_error(LookupError("on purpose"))
        waiter.set_result("too late")

        with pytest.raises(LookupError, match="on purpose"):
            await waiter.wait()

    run(body)


def test_a_waiter_whose_error_nobody_wants_is_silent(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    async def body(support: AsyncSupport) -> None:
        support.waiter().set_error(LookupError("on purpose"))
        await let_others_run(support)

    run(body)

    assert caplog.records == []


def test_a_result_after_the_waiting_task_was_cancelled_is_ignored(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        waiter = support.waiter()
        assert not await support.wait_at_most(0, waiter.wait)
        waiter.set_result("too late")
        waiter.set_error(LookupError("too late"))

    run(body)


# Time.


def test_wait_at_most_says_whether_the_function_ended(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        cancelled: list[bool] = []

        async def work() -> None:
            try:
                await support.sleep(LONG)
            except support.cancelled:
                cancelled.append(True)
                raise

        assert await support.wait_at_most(LONG, nothing)
        assert await support.wait_at_most(None, nothing)
        assert not await support.wait_at_most(SHORT, work)
        assert cancelled == [True]

    run(body)


def test_wait_at_most_lets_the_functions_own_errors_pass(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        async def fail(error: Exception) -> None:
            raise error

        with pytest.raises(LookupError):
            await support.wait_at_most(LONG, fail, LookupError())
        # Not to be taken for the limit's own.
        with pytest.raises(TimeoutError):
            await support.wait_at_most(LONG, fail, TimeoutError())

    run(body)


def test_time_goes_by_while_sleeping(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        before = support.now()
        await support.sleep(SHORT)
        # The clock and the timer may round differently.
        assert support.now() - before >= SHORT / 2

    run(body)


# Threads.

setting: contextvars.ContextVar[str] = contextvars.ContextVar("setting")


def test_a_blocking_function_runs_in_another_thread_with_the_context(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        setting.set("from the task")

        def work(number: int) -> tuple[int, int, str]:
            return number, threading.get_ident(), setting.get()

        number, ident, value = await support.run_in_thread(work, 7)

        assert number == 7
        assert ident != threading.get_ident()
        assert value == "from the task"

    run(body)


def test_what_a_thread_raises_is_raised_to_the_waiting_task(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        def fail() -> None:
            raise LookupError("on purpose")

        with pytest.raises(LookupError, match="on purpose"):
            await support.run_in_thread(fail)

    run(body)


def test_a_thread_that_runs_out_of_items_ends_the_waiting_with_an_error(
    run: Run,
) -> None:
    """A future takes no StopIteration: asyncio would wait for ever."""

    async def body(support: AsyncSupport) -> None:
        async def work() -> None:
            with pytest.raises(RuntimeError, match="a function raised") as caught:
                await support.run_in_thread(next, iter([]))
            assert isinstance(caught.value.__cause__, StopIteration)

        assert await support.wait_at_most(LONG, work)

    run(body)


def test_cancelling_does_not_wait_for_the_thread(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        release = threading.Event()
        try:
            ended = await support.wait_at_most(
                SHORT, support.run_in_thread, release.wait, LONG
            )
            assert not ended
            assert not release.is_set()
        finally:
            release.set()

    run(body)


def test_another_thread_can_have_a_function_run_in_the_loop(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        seen = support.waiter()
        call = support.caller_from_thread()

        def in_loop() -> None:
            seen.set_result(threading.get_ident())

        await support.run_in_thread(call, in_loop)

        assert await seen.wait() == threading.get_ident()

    run(body)


def test_the_loops_own_thread_can_call_without_waiting(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        seen = support.waiter()
        call = support.caller_from_thread()
        call(lambda: seen.set_result(True))
        assert await seen.wait()

    run(body)


def test_calling_into_a_loop_that_has_ended_is_a_configuration_error(run: Run) -> None:
    callers: list[Callable[[Callable[[], object]], None]] = []

    async def body(support: AsyncSupport) -> None:
        callers.append(support.caller_from_thread())

    run(body)

    with pytest.raises(ConfigurationError, match="ended"):
        callers[0](lambda: None)


async def test_an_owner_cancelled_while_it_leaves_cancels_its_tasks_again() -> None:
    """A task that has shrugged off the first cancellation must not hold it for ever."""
    support = AsyncioAsyncSupport()
    seen: list[str] = []

    async def stubborn() -> None:
        try:
            await support.sleep(LONG)
        except asyncio.CancelledError:
            seen.append("first")
        try:
            await support.sleep(LONG)
        except asyncio.CancelledError:
            seen.append("second")
            raise

    async def own() -> None:
        async with support.task_group() as tasks:
            tasks.start(stubborn)
            await support.sleep(0)

    owner = asyncio.create_task(own())
    async with asyncio.timeout(10):
        while not seen:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0)
        await let_others_run(support)
        owner.cancel()
        with pytest.raises(asyncio.CancelledError):
            await owner

    assert seen == ["first", "second"]


# Ends that come from elsewhere.


def test_a_library_knows_that_it_runs(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        assert support.is_running()
        assert not await support.run_in_thread(support.is_running)

    run(body)


def test_an_interruption_passes_results_and_errors_on(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        interruption = support.interruption()

        async def answer() -> int:
            await support.sleep(0)
            return 7

        async def fail() -> None:
            await support.sleep(0)
            raise TimeoutError("on purpose")

        assert await interruption.wait(answer) == 7
        with pytest.raises(TimeoutError, match="on purpose"):
            await interruption.wait(fail)
        assert await interruption.wait(answer) == 7

    run(body)


def test_an_interruption_ends_the_wait_and_every_later_one(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        interruption = support.interruption()
        seen: list[object] = []

        async def sleep_long() -> str:
            await support.sleep(LONG)
            return "slept"

        async def wait() -> None:
            seen.append(await interruption.wait(sleep_long))
            seen.append(await interruption.wait(sleep_long))

        async with support.task_group() as tasks:
            tasks.start(wait)
            await let_others_run(support)
            interruption.end()
            interruption.end()
            await tasks.join(None)

        assert seen == [None, None]

    run(body)


def test_what_runs_to_the_end_is_told_of_a_cancellation_once(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        seen: list[str] = []
        told = support.waiter()

        def on_cancel() -> None:
            seen.append("told")
            told.set_result(None)

        async def work() -> None:
            await told.wait()
            await support.sleep(SHORT)
            seen.append("ended")

        async def own() -> None:
            await support.run_to_the_end(work, on_cancel)
            seen.append("went on")

        async with support.task_group() as owners:
            handle = owners.start(own)
            await let_others_run(support)
            handle.cancel()
            await owners.join(None)

        assert seen == ["told", "ended"]

    run(body)


def test_what_runs_to_the_end_undisturbed_is_told_nothing(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        seen: list[str] = []

        async def work() -> None:
            await support.sleep(0)
            seen.append("ended")

        async def fail() -> None:
            await support.sleep(0)
            raise LookupError("on purpose")

        await support.run_to_the_end(work, lambda: seen.append("told"))
        with pytest.raises(LookupError, match="on purpose"):
            await support.run_to_the_end(fail, lambda: seen.append("told"))

        assert seen == ["ended"]

    run(body)
