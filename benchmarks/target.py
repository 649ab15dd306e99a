"""The server under load, as a row sees it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from benchmarks import machine
from benchmarks.dialects import Dialect
from benchmarks.wire import Client, connect

__all__ = ["Target", "connect_many"]

#: Clients that join at the same time when many are wanted.
TOGETHER = 50


@dataclass(frozen=True, slots=True)
class Target:
    """A running server process and how it is spoken to."""

    port: int
    pid: int
    dialect: Dialect
    #: The procedure that adds.
    procedure: str

    async def join(self) -> Client:
        """Return a client that has joined."""
        return await self._connect(self.dialect.join)

    async def subscribe(self) -> Client:
        """Return a client that has joined and is sent the events."""
        return await self._connect(self.dialect.join, self.dialect.subscribe)

    async def _connect(self, *steps: Callable[[Client], Awaitable[None]]) -> Client:
        client = await connect(self.port, self.dialect.opening)
        try:
            for step in steps:
                await step(client)
        except Exception:
            client.drop()
            raise
        return client

    def cpu_seconds(self) -> float:
        """Return the CPU time that the process has used so far."""
        return machine.cpu_seconds(self.pid)

    def resident_bytes(self) -> int:
        """Return the memory of the process that is not swapped out."""
        return machine.resident_bytes(self.pid)


async def connect_many(
    kind: Callable[[], Awaitable[Client]], number: int, into: list[Client]
) -> None:
    """Have `number` clients more, some at a time; those that arrive are dropped by the
    caller, also where one raises.
    """
    wanted = len(into) + number
    while len(into) < wanted:
        several = [kind() for _ in range(min(TOGETHER, wanted - len(into)))]
        arrived = await asyncio.gather(*several, return_exceptions=True)
        into += [each for each in arrived if isinstance(each, Client)]
        for each in arrived:
            if isinstance(each, BaseException):
                raise each
