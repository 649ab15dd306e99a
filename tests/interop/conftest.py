"""A server of ours and real WAMP clients, each a process of its own.

The clients are pinned: Autobahn|Python in setup.cfg (extra ``test``), wampy.js in
js/package.json. Where node or its packages are missing these tests fail, unless
ALLOW_MISSING_NODE=1 says that it is known; then they are skipped and the summary says
what has not been checked.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pytest

HERE = Path(__file__).parent
JS = HERE / "js"
PATIENCE = 30.0
UNCHECKED = (
    "NOT CHECKED: wampy.js against this server, as node or its packages are missing "
    "and ALLOW_MISSING_NODE=1. To check it: (cd tests/interop/js && npm install)"
)


# --- The server -----------------------------------------------------------------------


@dataclass(slots=True)
class Server:
    """A server at work."""

    address: str
    process: subprocess.Popen[str]
    stopping: bool = False

    def stop(self) -> None:
        """Ask it to shut down; once, for a second SIGTERM would kill."""
        if not self.stopping:
            self.stopping = True
            self.process.send_signal(signal.SIGTERM)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve; in the end see that it stops cleanly and silently."""
    with _serving(tmp_path_factory.mktemp("interop") / "server.log") as running:
        yield running


@pytest.fixture
def mortal_server(tmp_path: Path) -> Iterator[Server]:
    """Serve for a test that stops the server itself."""
    with _serving(tmp_path / "server.log") as running:
        yield running


@contextmanager
def _serving(log: Path) -> Iterator[Server]:
    with log.open("w") as stderr, _start_server(stderr) as process:
        try:
            server = Server(f"127.0.0.1:{_port(process, log)}", process)
            yield server
            server.stop()
            code = process.wait(PATIENCE)
        finally:
            process.kill()
    logged = log.read_text()
    assert code == 0, logged
    assert "ERROR" not in logged, logged
    assert "Traceback" not in logged, logged


def _start_server(stderr: IO[str]) -> subprocess.Popen[str]:
    paths = [str(HERE.parents[1]), os.environ.get("PYTHONPATH", "")]
    return subprocess.Popen(
        [sys.executable, "-W", "error", str(HERE / "server.py")],
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))},
    )


def _port(process: subprocess.Popen[str], log: Path) -> int:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, log.read_text()
    return int(json.loads(line)["port"])


# --- The clients ----------------------------------------------------------------------


class Client:
    """A client at work: what it says, line by line."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._seen: list[dict[str, Any]] = []

    async def lines(self) -> AsyncIterator[dict[str, Any]]:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            self._seen.append(json.loads(line))
            yield self._seen[-1]

    async def says(self, step: str) -> None:
        """Wait until it has said `step`."""
        async for line in self.lines():
            if line["step"] == step:
                return
        raise AssertionError(f"{step!r} never came; said: {self._seen}")

    async def ends(self) -> list[dict[str, Any]]:
        """Close its input, wait for its end and return everything that it has said."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        async for _ in self.lines():
            pass
        assert await self._process.wait() == 0, self._seen
        return self._seen

    def kill(self) -> None:
        if self._process.returncode is None:
            self._process.kill()

    async def gone(self) -> None:
        await self._process.wait()


Start = Callable[..., Awaitable[Client]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Start clients: ``await start(server, "wampy-json", "caller")``."""
    clients: list[Client] = []

    async def begin(server: Server, kind: str, scenario: str, *more: str) -> Client:
        name, serializer = kind.split("-")
        process = await asyncio.create_subprocess_exec(
            *_command(name),
            *(scenario, f"ws://{server.address}/ws", serializer, *more),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        clients.append(Client(process))
        return clients[-1]

    try:
        yield begin
    finally:
        for client in clients:
            client.kill()
            await client.gone()


def _command(name: str) -> list[str]:
    if name == "autobahn":
        return [sys.executable, str(HERE / "autobahn_client.py")]
    missing = _missing_for_node()
    if missing and os.environ.get("ALLOW_MISSING_NODE") == "1":
        pytest.skip(f"{UNCHECKED} ({missing})")
    if missing:
        pytest.fail(
            f"{missing}; install it with (cd tests/interop/js && npm install), or set "
            "ALLOW_MISSING_NODE=1 to go without the check"
        )
    return ["node", str(JS / "wampy_client.mjs")]


def _missing_for_node() -> str | None:
    if shutil.which("node") is None:
        return "node is missing"
    wanted = json.loads((JS / "package.json").read_text())["dependencies"]
    for package, version in wanted.items():
        manifest = JS / "node_modules" / package / "package.json"
        found = (
            json.loads(manifest.read_text())["version"] if manifest.exists() else None
        )
        if found != version:
            return f"{package} {version} is missing (found: {found})"
    return None
