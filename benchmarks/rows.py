"""What is measured: one class a row of the table.

A row opens its connections, warms up, and then works for a given time; the caller reads
the server's CPU time before and after. An operation is a call answered, or an event
delivered to one subscriber.

Every contestant serves WAMP's JSON messages under ``/ws`` with the procedures named
here.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from benchmarks import wire
from benchmarks.servers import PUBLISH, REALM, TOPIC

__all__ = ["Calls", "FanOut", "Row", "Work", "all_rows"]

HELLO: dict[str, Any] = {
    "roles": {role: {} for role in ("caller", "callee", "publisher", "subscriber")}
}


@dataclass(slots=True)
class Work:
    """What was done in one measured interval."""

    operations: int
    seconds: float
    cpu_seconds: float


Clock = Callable[[], float]


class Row(Protocol):
    """One row of the table."""

    key: str
    title: str

    async def measure(
        self, port: int, procedure: str, seconds: float, cpu: Clock
    ) -> Work:
        """Load the server on `port` for `seconds`; `cpu` reads its CPU time."""


class Gauge:
    """Warm-up, then the measured interval, both of whole operations."""

    def __init__(self, seconds: float, cpu: Clock) -> None:
        self._cpu = cpu
        self._warm_until = time.perf_counter() + seconds / 4
        self._seconds = seconds
        self._began: float | None = None
        self._cpu_before = 0.0
        self._operations = 0

    def count(self, operations: int) -> Work | None:
        """Note operations that are done; return the work once the time is over."""
        now = time.perf_counter()
        if self._began is None:
            if now >= self._warm_until:
                self._began, self._cpu_before = now, self._cpu()
            return None
        self._operations += operations
        passed = now - self._began
        if passed < self._seconds:
            return None
        return Work(self._operations, passed, self._cpu() - self._cpu_before)


@dataclass(slots=True)
class Calls:
    """Calls on one connection, always so many in flight."""

    key: str
    title: str
    in_flight: int

    async def measure(
        self, port: int, procedure: str, seconds: float, cpu: Clock
    ) -> Work:
        """Answer a read that brings results with as many calls, in one write."""
        client = await _join(port)
        try:
            await _check_addition(client, procedure)
            return await self._load(client, procedure, Gauge(seconds, cpu))
        finally:
            client.drop()

    async def _load(self, client: wire.Client, procedure: str, gauge: Gauge) -> Work:
        done: asyncio.Future[Work] = asyncio.get_running_loop().create_future()
        tail = f',{{}},"{procedure}",[2,3]]'.encode()

        def calls(number: int) -> bytes:
            return b"".join(
                [
                    wire.frame(b"[48,%d" % client.request_id() + tail)
                    for _ in range(number)
                ]
            )

        def receive(messages: list[bytes]) -> bytes | None:
            if done.done():
                return None
            for message in messages:
                if not message.startswith(b"[50,"):
                    done.set_exception(RuntimeError(f"not a RESULT: {message!r}"))
                    return None
            work = gauge.count(len(messages))
            if work is None:
                return calls(len(messages))
            done.set_result(work)
            return None

        client.on_failure(_reject(done))
        client.receiver = receive
        client.write(calls(self.in_flight))
        return await done


@dataclass(slots=True)
class FanOut:
    """Events from one procedure to many subscribers; the next when all have it."""

    key: str
    subscribers: int
    title: str = ""

    def __post_init__(self) -> None:
        self.title = self.title or f"fan-out to {self.subscribers}"

    async def measure(
        self, port: int, procedure: str, seconds: float, cpu: Clock
    ) -> Work:
        """Publish through a procedure; an operation is one event at one subscriber."""
        del procedure
        clients: list[wire.Client] = []
        try:
            publisher = await _join(port)
            clients.append(publisher)
            while len(clients) <= self.subscribers:
                number = min(50, self.subscribers + 1 - len(clients))
                clients += await asyncio.gather(
                    *[_subscribe(port) for _ in range(number)]
                )
            return await self._load(publisher, clients[1:], Gauge(seconds, cpu))
        finally:
            for client in clients:
                client.drop()

    async def _load(
        self, publisher: wire.Client, subscribers: list[wire.Client], gauge: Gauge
    ) -> Work:
        done: asyncio.Future[Work] = asyncio.get_running_loop().create_future()
        # One more than the events: the publisher's own RESULT.
        expected = len(subscribers) + 1
        missing = expected

        def publish() -> bytes:
            request = f'[48,{publisher.request_id()},{{}},"{PUBLISH}"]'
            return wire.frame(request.encode())

        def arrived(number: int) -> None:
            nonlocal missing
            missing -= number
            if missing > 0 or done.done():
                return
            missing = expected
            work = gauge.count(len(subscribers))
            if work is None:
                publisher.write(publish())
            else:
                done.set_result(work)

        receivers = [(publisher, b"[50,"), *[(each, b"[36,") for each in subscribers]]
        for client, opening in receivers:
            client.on_failure(_reject(done))
            client.receiver = _expecting(opening, arrived, done)
        publisher.write(publish())
        return await done


def _expecting(
    opening: bytes, arrived: Callable[[int], None], done: asyncio.Future[Work]
) -> wire.Receiver:
    def receive(messages: list[bytes]) -> bytes | None:
        for message in messages:
            if not message.startswith(opening):
                _reject(done)(RuntimeError(f"not {opening!r}…: {message!r}"))
        arrived(len(messages))
        return None

    return receive


def _reject(done: asyncio.Future[Work]) -> Callable[[Exception], None]:
    def reject(error: Exception) -> None:
        if not done.done():
            done.set_exception(error)

    return reject


async def _join(port: int) -> wire.Client:
    client = await wire.connect(port)
    _expect(2, await client.ask([1, REALM, HELLO]))
    return client


async def _subscribe(port: int) -> wire.Client:
    client = await _join(port)
    _expect(33, await client.ask([32, client.request_id(), {}, TOPIC]))
    return client


async def _check_addition(client: wire.Client, procedure: str) -> None:
    answer = await client.ask([48, client.request_id(), {}, procedure, [2, 3]])
    if answer[0] != 50 or answer[3] != [5]:
        raise RuntimeError(f"2 + 3 came out as {json.dumps(answer)}")


def _expect(code: int, message: list[Any]) -> None:
    if message[0] != code:
        raise RuntimeError(f"expected message {code}, got {json.dumps(message)}")


def all_rows(subscribers: int) -> list[Row]:
    """Return the rows of the table, in its order."""
    return [
        Calls("one", "one call at a time", in_flight=1),
        Calls("many", "64 calls in flight", in_flight=64),
        FanOut("fan-out", subscribers),
    ]
