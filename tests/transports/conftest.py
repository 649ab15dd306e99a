"""The site on every server, each in a process of its own."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from tests.interop.processes import port_of, running

SERVERS = ("aiohttp", "uvicorn", "hypercorn", "hypercorn-trio", "granian")
PATIENCE = 20.0


@dataclass(frozen=True, slots=True)
class Served:
    """The site on one server."""

    server: str
    url: str
    process: subprocess.Popen[str]
    log: Path


@contextmanager
def served_by(server: str, log: Path) -> Iterator[Served]:
    command = [sys.executable, "-m", "tests.transports.serve", server]
    with log.open("w") as stderr, running(command, stderr) as process:
        try:
            url = f"http://127.0.0.1:{port_of(process)}"
            yield Served(server, url, process, log)
            process.terminate()
            process.wait(PATIENCE)
        finally:
            # Shown with a failure.
            sys.stderr.write(log.read_text())
    assert "ERROR:aiohttp_serverwamp" not in log.read_text()


@pytest.fixture(scope="session", params=SERVERS)
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """Serve for all tests."""
    log = tmp_path_factory.mktemp("transports") / f"{request.param}.log"
    with served_by(request.param, log) as running:
        yield running


@pytest.fixture(params=SERVERS)
def mortal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Served]:
    """Serve for a test that stops the server itself."""
    with served_by(request.param, tmp_path / "server.log") as running:
        yield running


@pytest.fixture
async def http(served: Served) -> AsyncIterator[aiohttp.ClientSession]:
    async with visitor(served) as http:
        await until_it_listens(http)
        yield http


def visitor(served: Served) -> aiohttp.ClientSession:
    """Return a client of a server that is about to listen."""
    return aiohttp.ClientSession(served.url)


async def until_it_listens(http: aiohttp.ClientSession) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                async with http.get("/"):
                    return
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.05)
