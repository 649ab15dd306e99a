"""Runs one contract suite under every async library.

The tests are plain functions: pytest-asyncio would take over asynchronous ones.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable

import anyio
import pytest
import trio

from aiohttp_serverwamp.adapters.anyio import AnyioAsyncSupport
from aiohttp_serverwamp.adapters.asyncio import AsyncioAsyncSupport
from aiohttp_serverwamp.adapters.trio import TrioAsyncSupport
from aiohttp_serverwamp.interfaces import AsyncSupport
from tests.leaks import what_stays

Body = Callable[[AsyncSupport], Awaitable[None]]
Run = Callable[[Body], None]


async def _to_the_last_task(body: Body, support: AsyncSupport) -> None:
    """Run a body on asyncio, which cancels without a word what it leaves running."""
    await body(support)
    others = {asyncio.current_task()}
    assert not await what_stays(lambda: asyncio.all_tasks() - others), "left behind"


def _with_asyncio(body: Body) -> None:
    asyncio.run(_to_the_last_task(body, AsyncioAsyncSupport()))


def _with_trio(body: Body) -> None:
    trio.run(body, TrioAsyncSupport())


def _with_anyio_on_asyncio(body: Body) -> None:
    anyio.run(_to_the_last_task, body, AnyioAsyncSupport(), backend="asyncio")


def _with_anyio_on_trio(body: Body) -> None:
    anyio.run(body, AnyioAsyncSupport(), backend="trio")


@pytest.fixture(
    params=[_with_asyncio, _with_trio, _with_anyio_on_asyncio, _with_anyio_on_trio],
    ids=["asyncio", "trio", "anyio-asyncio", "anyio-trio"],
)
def run(request: pytest.FixtureRequest) -> Run:
    """Return a function that runs an asynchronous body with the library's support."""
    library: Callable[[Body], None] = request.param

    def run_with(body: Body) -> None:
        __tracebackhide__ = True

        async def bounded(support: AsyncSupport) -> None:
            assert await support.wait_at_most(10, body, support), "the test hangs"

        library(bounded)
        # "Never retrieved" and "never awaited" are said when the object goes.
        gc.collect()

    return run_with
