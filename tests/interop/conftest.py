"""A server of ours and real WAMP clients, each in a process of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import pytest

from tests.interop.drivers import Cast, Drivers, all_drivers
from tests.interop.processes import Server, serving


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve for all tests."""
    with serving(tmp_path_factory.mktemp("interop") / "server.log") as running:
        yield running


@pytest.fixture(scope="session")
def drivers() -> Iterator[Drivers]:
    """Run the driver of every client for all tests."""
    with all_drivers() as running:
        yield running


@pytest.fixture
async def cast(drivers: Drivers) -> AsyncIterator[Cast]:
    """Have clients for one test, which leave at its end."""
    async with AsyncExitStack() as stack:
        yield Cast(drivers, stack)
