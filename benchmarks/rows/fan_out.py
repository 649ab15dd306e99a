"""Events from one procedure to many subscribers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks import wire
from benchmarks.measurement import Gauge, Measurement
from benchmarks.rows.outcome import failing
from benchmarks.servers import PUBLISH
from benchmarks.target import Target, connect_many

__all__ = ["FanOut"]


@dataclass(frozen=True, slots=True)
class FanOut:
    """A procedure publishes, so many times a call; called again when all have it all.

    An operation is one event at one subscriber. The call itself is part of the cost,
    and next to nothing of it.
    """

    key: str
    title: str
    subscribers: int
    publications: int = 1
    unit: str = "µs"

    async def measure(self, target: Target, seconds: float) -> Measurement:
        """Call the publishing procedure until the time is over."""
        clients: list[wire.Client] = []
        try:
            await connect_many(target.join, 1, clients)
            await connect_many(target.subscribe, self.subscribers, clients)
            gauge = Gauge(seconds, target.cpu_seconds)
            return await self._load(target, clients, gauge)
        finally:
            for client in clients:
                client.drop()

    async def _load(
        self, target: Target, clients: list[wire.Client], gauge: Gauge
    ) -> Measurement:
        publisher, *subscribers = clients
        done: asyncio.Future[Measurement] = asyncio.get_running_loop().create_future()
        request = target.dialect.call(PUBLISH, self.publications)
        events = len(subscribers) * self.publications
        # One more than the events: the publisher's own result.
        expected = missing = events + 1

        def publish() -> None:
            publisher.write(wire.frame(request.numbered(publisher.request_id())))

        def arrived(number: int) -> None:
            nonlocal missing
            missing -= number
            if missing > 0 or done.done():
                return
            missing = expected
            outcome = gauge.count(events)
            if outcome is None:
                publish()
            else:
                done.set_result(outcome)

        publisher.receiver = _expecting(target.dialect.result, arrived, done)
        for subscriber in subscribers:
            subscriber.receiver = _expecting(target.dialect.event, arrived, done)
        for client in clients:
            client.on_failure(failing(done))
        publish()
        return await done


def _expecting(
    opening: bytes, arrived: Callable[[int], None], done: asyncio.Future[Measurement]
) -> wire.Receiver:
    def receive(messages: list[bytes]) -> bytes | None:
        for message in messages:
            if not message.startswith(opening):
                failing(done)(RuntimeError(f"not {opening!r}…: {message!r}"))
        arrived(len(messages))
        return None

    return receive
