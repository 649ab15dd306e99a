"""Calls that are answered with results."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from benchmarks import wire
from benchmarks.dialects import Request
from benchmarks.measurement import Gauge, Measurement
from benchmarks.rows.outcome import failing
from benchmarks.servers import ECHO
from benchmarks.target import Target, connect_many

__all__ = ["LARGE", "Calls"]

A, B = 2, 3


@dataclass(frozen=True, slots=True)
class Calls:
    """Calls with the same result, so many in flight on each connection.

    By default two integers are added, by the procedure of the contestant.
    """

    key: str
    title: str
    in_flight: int = 1
    clients: int = 1
    unit: str = "µs"
    procedure: str | None = None
    arguments: tuple[Any, ...] = (A, B)
    expected: Any = A + B

    async def measure(self, target: Target, seconds: float) -> Measurement:
        """Answer a read that brings results with as many calls, in one write."""
        clients: list[wire.Client] = []
        try:
            await connect_many(target.join, self.clients, clients)
            await self._check(target, clients[0])
            return await self._load(target, clients, Gauge(seconds, target.cpu_seconds))
        finally:
            for client in clients:
                client.drop()

    async def _load(
        self, target: Target, clients: list[wire.Client], gauge: Gauge
    ) -> Measurement:
        done: asyncio.Future[Measurement] = asyncio.get_running_loop().create_future()
        for client in clients:
            client.on_failure(failing(done))
            caller = _Caller(target, client, gauge, done, self._request(target))
            client.receiver = caller
            client.write(caller.calls(self.in_flight))
        return await done

    def _request(self, target: Target) -> Request:
        return target.dialect.call(self.procedure or target.procedure, *self.arguments)

    async def _check(self, target: Target, client: wire.Client) -> None:
        answer = await client.ask(self._request(target).numbered(client.request_id()))
        if target.dialect.results(answer) != [self.expected]:
            raise RuntimeError(f"{self.arguments!r} came out as {answer!r}"[:1000])


#: 64 KiB of JSON there and back.
ITEMS = [
    {
        "id": number,
        "name": f"article {number}",
        "text": "a line of text " * 8,
        "left": 3,
    }
    for number in range(362)
]
LARGE = Calls(
    "large", "64 KiB each way", procedure=ECHO, arguments=(ITEMS,), expected=ITEMS
)


class _Caller:
    """Calls again for every result, until the gauge has had enough."""

    def __init__(
        self,
        target: Target,
        client: wire.Client,
        gauge: Gauge,
        done: asyncio.Future[Measurement],
        request: Request,
    ) -> None:
        self._client = client
        self._gauge = gauge
        self._done = done
        self._result = target.dialect.result
        self._request = request

    def calls(self, number: int) -> bytes:
        return b"".join(
            [
                wire.frame(self._request.numbered(self._client.request_id()))
                for _ in range(number)
            ]
        )

    def __call__(self, messages: list[bytes]) -> bytes | None:
        if self._done.done():
            return None
        for message in messages:
            if not message.startswith(self._result):
                self._done.set_exception(RuntimeError(f"not a result: {message!r}"))
                return None
        outcome = self._gauge.count(len(messages))
        if outcome is None:
            return self.calls(len(messages))
        self._done.set_result(outcome)
        return None
