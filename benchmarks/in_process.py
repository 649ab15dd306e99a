"""Clients without sockets, for what is measured within one process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import aiohttp_serverwamp as serverwamp
from aiohttp_serverwamp.adapters.websocket import codec_for
from aiohttp_serverwamp.router.session import RouterSession
from benchmarks.servers import REALM

__all__ = ["Connection", "join"]


class Connection:
    """A client's connection; what is written to it is kept."""

    transport_info: Mapping[str, Any] = {}
    pending_bytes = bytes_sent = 0
    cut = False

    def __init__(self, serializer: Any) -> None:
        self.codec = codec_for(serializer, framed=True)
        self.written: list[bytes] = []
        self.write = self.written.append

    @property
    def traffic(self) -> Connection:
        """Have no traffic."""
        return self

    async def receive(self) -> None:
        """Never receive anything; this is fed directly."""

    async def wait_for_room(self) -> None:
        """Have room."""

    def offer(self, data: bytes, policy: object, key: object) -> None:
        """Keep it like all else."""
        self.write(data)

    async def close(self, code: int, reason: str) -> None:
        """Do nothing."""

    def abort(self) -> None:
        """Do nothing."""


async def join(application: serverwamp.Application, tasks: Any) -> RouterSession:
    """Return the session of a client that has joined, and does not read."""
    connection = Connection(application.serializers["wamp.2.json"])
    session = RouterSession(application, connection, tasks, lambda code, reason: None)
    application.opened(session)
    roles: dict[str, Any] = {"caller": {}, "callee": {}}
    session.receive(json.dumps([1, REALM, {"roles": roles}]))
    await asyncio.sleep(0)
    return session
