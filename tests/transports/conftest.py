"""The site on every server, each in a process of its own."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from tests.interop.processes import port_of, running
from tests.transports.matrix import RAW_SERVERS, WEB_SERVERS, Cell
from tests.transports.places import Place, RawSockets, WebSockets, in_memory

PATIENCE = 20.0


@dataclass(frozen=True, slots=True)
class Served:
    """The site on one server."""

    server: str
    port: int
    process: subprocess.Popen[str]
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def terminate(self) -> None:
        self.process.terminate()


@dataclass(frozen=True, slots=True)
class Mortal:
    """A place of one test's own, and what asks it to end."""

    place: Place
    stop: Callable[[], Awaitable[None]]


@contextmanager
def served_by(server: str, log: Path) -> Iterator[Served]:
    command = [sys.executable, "-m", "tests.transports.serve", server]
    with log.open("w") as stderr, running(command, stderr) as process:
        try:
            yield Served(server, port_of(process), process, log)
            process.terminate()
            process.wait(PATIENCE)
        finally:
            # Shown with a failure.
            sys.stderr.write(log.read_text())
    assert "ERROR:aiohttp_serverwamp" not in log.read_text()


class Servers:
    """The servers that were asked for, which run until all tests have ended."""

    def __init__(self, folder: Path, running: ExitStack) -> None:
        self._folder = folder
        self._running = running
        self._served: dict[str, Served] = {}

    def get(self, server: str) -> Served:
        if server not in self._served:
            serving = served_by(server, self._folder / f"{server}.log")
            self._served[server] = self._running.enter_context(serving)
        return self._served[server]


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with ExitStack() as running:
        yield Servers(tmp_path_factory.mktemp("transports"), running)


@pytest.fixture
def lasting(request: pytest.FixtureRequest, servers: Servers) -> None:
    """Start the server of a test before it is looked at what is open."""
    chosen = getattr(request.node, "callspec", None)
    if chosen is not None and "served" in chosen.params:
        servers.get(chosen.params["served"])
    elif chosen is not None and "place" in request.fixturenames:
        transport = chosen.params["cell"].transport
        if transport != "memory":
            servers.get(transport)


@pytest.fixture(params=WEB_SERVERS)
def served(request: pytest.FixtureRequest, servers: Servers) -> Served:
    """Serve for all tests."""
    return servers.get(request.param)


@pytest.fixture
async def http(served: Served) -> AsyncIterator[aiohttp.ClientSession]:
    async with visitor(served) as http:
        yield http


@pytest.fixture
async def place(cell: Cell, servers: Servers) -> AsyncIterator[Place]:
    """Where the clients of a scenario connect."""
    if cell.transport == "memory":
        async with in_memory() as memory:
            yield memory
    else:
        async with place_of(servers.get(cell.transport)) as served:
            yield served


@pytest.fixture
async def mortal(cell: Cell, tmp_path: Path) -> AsyncIterator[Mortal]:
    """A place for a test that stops the server itself."""
    if cell.transport == "memory":
        async with in_memory() as memory:
            yield Mortal(memory, memory.application.shutdown)
        return
    with served_by(cell.transport, tmp_path / "server.log") as served:
        async with place_of(served) as place:
            yield Mortal(place, served.terminate)
        await asyncio.to_thread(served.process.wait, PATIENCE)


@asynccontextmanager
async def place_of(served: Served) -> AsyncIterator[Place]:
    if served.server in RAW_SERVERS:
        yield RawSockets(served.port)
        return
    async with visitor(served) as http:
        yield WebSockets(served.url, http)


@asynccontextmanager
async def visitor(served: Served) -> AsyncIterator[aiohttp.ClientSession]:
    """Return a client of a server that is about to listen."""
    async with aiohttp.ClientSession(served.url) as http:
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    async with http.get("/"):
                        break
                except aiohttp.ClientConnectionError:
                    await asyncio.sleep(0.05)
        yield http
