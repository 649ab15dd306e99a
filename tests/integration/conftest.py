"""Which event loops the tests over sockets run on, and servers for HTTP sessions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec

import pytest

from tests.integration.http_storages import Servers, servers

LoopFactory = Callable[[], asyncio.AbstractEventLoop]

#: Tests of what depends on the event loop's own transports.
ON_UVLOOP_TOO = (
    "test_aiohttp_connection.py",
    "test_rawsocket.py",
    "test_slow_consumers.py",
)


@pytest.fixture(scope="session")
def storage_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with servers(tmp_path_factory.mktemp("storages")) as started:
        yield started


def uvloop_loop() -> asyncio.AbstractEventLoop:
    if find_spec("uvloop") is None:
        pytest.skip("uvloop is not installed")
    import uvloop

    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    loop.run_until_complete(open_what_a_loop_keeps())
    return loop


async def open_what_a_loop_keeps() -> None:
    """Listen once: libuv then opens a descriptor in reserve, which is no leak."""
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1")
    server.close()
    await server.wait_closed()


# Optional: unknown to pytest-asyncio before 1.4, which then runs on asyncio only.
@pytest.hookimpl(optionalhook=True)
def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, LoopFactory]:
    factories: dict[str, LoopFactory] = {"asyncio": asyncio.new_event_loop}
    if item.path.name in ON_UVLOOP_TOO:
        factories["uvloop"] = uvloop_loop
    return factories
