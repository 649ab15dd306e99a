"""Clients that come and go."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from benchmarks.measurement import Gauge, Measurement
from benchmarks.target import Target

__all__ = ["Joins"]


@dataclass(frozen=True, slots=True)
class Joins:
    """TCP, upgrade, HELLO, WELCOME, GOODBYE both ways, close frames, end of TCP.

    So many clients do that at the same time, each over and over.
    """

    key: str
    title: str
    at_once: int = 8
    unit: str = "µs"

    async def measure(self, target: Target, seconds: float) -> Measurement:
        """Come and go until the time is over."""
        gauge = Gauge(seconds, target.cpu_seconds)
        outcomes: list[Measurement] = []

        async def come_and_go() -> None:
            while not outcomes:
                client = await target.join()
                try:
                    await target.dialect.leave(client)
                    await client.close()
                finally:
                    client.drop()
                # Whoever is late finds the outcome there, and its clients uncounted.
                outcome = None if outcomes else gauge.count(1)
                if outcome is not None:
                    outcomes.append(outcome)

        async with asyncio.TaskGroup() as clients:
            for _ in range(self.at_once):
                clients.create_task(come_and_go())
        return outcomes[0]
