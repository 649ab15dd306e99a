"""Starts the drivers, and the clients that they drive.

The clients are pinned: those in Python in setup.cfg (extra ``test``), those in
JavaScript in js/package.json. Where node or its packages are missing these tests fail,
unless ALLOW_MISSING_NODE=1 says that it is known; then they are skipped and the summary
says what has not been checked.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass

import pytest

from tests.interop.clients import DRIVERS, JS, name_of, serializer_of
from tests.interop.processes import Server, port_of, running
from tests.interop.remote_client import RemoteClient, remote_client

UNCHECKED = (
    "NOT CHECKED: JavaScript clients against this server, as node or its packages are "
    "missing and ALLOW_MISSING_NODE=1. To check them: (cd tests/interop/js && npm "
    "install)"
)


@dataclass(frozen=True, slots=True)
class Drivers:
    """The drivers at work: the port of each, or what is missing for it."""

    ports: dict[str, int]
    missing: dict[str, str]

    def port(self, name: str) -> int:
        """Return where the driver listens; skip the test if it cannot be run here."""
        if name in self.missing:
            pytest.skip(f"{UNCHECKED} ({self.missing[name]})")
        return self.ports[name]


@contextmanager
def all_drivers() -> Iterator[Drivers]:
    """Run the driver of every client."""
    missing = _missing()
    if missing and os.environ.get("ALLOW_MISSING_NODE") != "1":
        pytest.fail(
            f"{missing}; install it with (cd tests/interop/js && npm install), or set "
            "ALLOW_MISSING_NODE=1 to go without the check"
        )
    with ExitStack() as stack:
        # All are started before one is waited for. Their complaints go to our stderr.
        processes = {
            name: stack.enter_context(running(command))
            for name, command in DRIVERS.items()
            if name not in missing
        }
        yield Drivers(
            {name: port_of(process) for name, process in processes.items()}, missing
        )


def _missing() -> dict[str, str]:
    missing = _missing_for_node()
    return {
        name: missing
        for name, command in DRIVERS.items()
        if missing and command[0] == "node"
    }


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


@dataclass(slots=True)
class Cast:
    """Brings clients on: ``await cast.joined(server, "wampy-json", "lab")``."""

    drivers: Drivers
    stack: AsyncExitStack

    async def client(self, kind: str) -> RemoteClient:
        """Have a client that has not joined."""
        port = self.drivers.port(name_of(kind))
        return await self.stack.enter_async_context(remote_client(port))

    async def joined(self, server: Server, kind: str, realm: str) -> RemoteClient:
        """Have a client that has joined a realm anonymously."""
        client = await self.client(kind)
        await client.join(server.url, realm, serializer=serializer_of(kind))
        return client

    async def member(self, server: Server, kind: str, authid: str) -> RemoteClient:
        """Have a client that has joined the realm of members with a ticket."""
        client = await self.client(kind)
        await client.join(
            server.url,
            "members",
            serializer=serializer_of(kind),
            authid=authid,
            authmethod="ticket",
            secret="open sesame",
        )
        return client
