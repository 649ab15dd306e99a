"""Clients that are there and do nothing."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from benchmarks import wire
from benchmarks.measurement import Measurement
from benchmarks.target import Target, connect_many

__all__ = ["Idle"]

#: What joins before the first look, as a part of the rest: it pays for what the server
#: allocates once, and for memory that it uses while clients join and keeps afterwards.
BEFOREHAND = 4
#: Seconds for the server to finish what joining began.
SETTLING = 0.5


@dataclass(frozen=True, slots=True)
class Idle:
    """The growth of the server's resident memory with so many sessions more."""

    key: str
    title: str
    sessions: int
    unit: str = "KiB"

    async def measure(self, target: Target, seconds: float) -> Measurement:
        """Join and stay; the time is what joining takes, whatever `seconds` says."""
        del seconds
        clients: list[wire.Client] = []
        try:
            await connect_many(
                target.join, max(1, self.sessions // BEFOREHAND), clients
            )
            await asyncio.sleep(SETTLING)
            before = target.resident_bytes()
            await connect_many(target.join, self.sessions, clients)
            await asyncio.sleep(SETTLING)
            grown = target.resident_bytes() - before
            return Measurement(cost=grown / self.sessions / 1024)
        finally:
            for client in clients:
                client.drop()
