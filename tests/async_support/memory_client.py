"""A client in memory, under any async library."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp_serverwamp import Application
from aiohttp_serverwamp.adapters.memory import MemoryConnection, linked_connections
from aiohttp_serverwamp.serializers import SUBPROTOCOLS
from aiohttp_serverwamp.serializers.frame import SerializerCodec

CODEC = SerializerCodec(SUBPROTOCOLS["wamp.2.json"])


class Client:
    """Speaks WAMP lists over the client's end of a connection."""

    def __init__(self, end: MemoryConnection) -> None:
        self._end = end

    def send(self, *message: Any) -> None:
        self._end.write(json.dumps(message).encode())

    async def receive(self) -> Any:
        data = await self._end.receive()
        return None if data is None else json.loads(data)

    async def ask(self, *message: Any) -> Any:
        self.send(*message)
        return await self.receive()

    def vanish(self) -> None:
        self._end.abort()


@asynccontextmanager
async def joined(application: Application) -> AsyncIterator[Client]:
    """Run the application and join one client to it."""
    support = application.support
    async with application.run(), support.task_group() as tasks:
        server, end = linked_connections(support, CODEC)
        tasks.start(application.serve, server)
        client = Client(end)
        welcome = await client.ask(1, "r", {"roles": {"caller": {}, "subscriber": {}}})
        assert welcome[0] == 2
        yield client
        client.vanish()
        await tasks.join(5)
