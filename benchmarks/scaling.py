"""Whether costs stay flat: ``python -m benchmarks.scaling --picture picture.svg``.

What one call costs, and one event at one of its receivers, while there are more and
more sessions, subscriptions, patterns and receivers. In the router alone, as
`profile_call` has it: no socket, and the least of several runs. Prints a table, and
draws it where it is given a file to write.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import aiohttp_serverwamp as serverwamp
from aiohttp_serverwamp.router.session import RouterSession
from benchmarks.in_process import Connection, join
from benchmarks.layout import columns
from benchmarks.picture import picture
from benchmarks.servers import ADD, EVENT, REALM, TOPIC
from benchmarks.servers.library import api

__all__ = ["main"]

SIZES = (10, 100, 1_000, 10_000)
#: Of an event, unless their number is what varies.
RECEIVERS = 100
#: Calls of one run.
CALLS = 640


class _Site:
    """A realm with clients in it."""

    def __init__(self, application: serverwamp.Application, tasks: Any) -> None:
        self._application = application
        self._tasks = tasks
        self._clients: list[RouterSession] = []

    async def admit(self, number: int) -> list[RouterSession]:
        """Have so many clients more."""
        new = [await join(self._application, self._tasks) for _ in range(number)]
        self._clients += new
        return new

    def publish(self) -> None:
        """Publish the event."""
        self._application.realm(REALM).publish(TOPIC, EVENT)

    def forget(self) -> None:
        """Forget what the clients were sent."""
        for client in self._clients:
            connection: Any = client.connection
            assert isinstance(connection, Connection)
            connection.written.clear()


def _subscribe(client: RouterSession, topic: str, **options: Any) -> None:
    request = len(client.brokering.subscriptions) + 1
    client.receive(json.dumps([32, request, options, topic]))
    assert request == len(client.brokering.subscriptions), "it may"


async def _sessions(site: _Site, size: int) -> None:
    await site.admit(size)


async def _topics(site: _Site, size: int) -> None:
    [client] = await site.admit(1)
    for number in range(size):
        _subscribe(client, f"other.topic.number{number}")


async def _patterns(site: _Site, size: int) -> None:
    [client] = await site.admit(1)
    for number in range(size):
        _subscribe(client, f"other.topic{number}.", match="prefix")


async def _call(site: _Site) -> tuple[Callable[[], None], int]:
    [client] = await site.admit(1)
    texts = [json.dumps([48, n + 1, {}, ADD, [2, 3]]) for n in range(CALLS)]

    def run() -> None:
        for text in texts:
            client.receive(text)

    return run, CALLS


def _event(receivers: int) -> Callable[[_Site], Awaitable[Any]]:
    async def prepare(site: _Site) -> tuple[Callable[[], None], int]:
        for client in await site.admit(receivers):
            _subscribe(client, TOPIC)
        return site.publish, receivers

    return prepare


Prepare = Callable[[_Site], Awaitable[tuple[Callable[[], None], int]]]
Surround = Callable[[_Site, int], Awaitable[None]]

#: What is done, while what is there so many times.
SERIES: Mapping[str, tuple[Prepare, Surround]] = {
    "call, among other sessions": (_call, _sessions),
    "event, among other sessions": (_event(RECEIVERS), _sessions),
    "event, among other topics": (_event(RECEIVERS), _topics),
    "event, among other patterns": (_event(RECEIVERS), _patterns),
}
BY_RECEIVERS = "event, by its receivers"


async def _measure(
    prepare: Prepare, surround: Surround | None, size: int, runs: int
) -> float:
    """Return the microseconds of one operation, the least of several runs."""
    limits = serverwamp.Limits(max_subscriptions=None, max_pending_bytes=None)
    realm = serverwamp.Realm(REALM, permissions=serverwamp.OPEN)
    realm.add_routes(api)
    application = serverwamp.Application(limits=limits)
    application.add_realm(realm)
    least = float("inf")
    async with application.run(), application.support.task_group() as tasks:
        site = _Site(application, tasks)
        if surround is not None:
            await surround(site, size)
        run, operations = await prepare(site)
        gc.collect()
        gc.disable()
        try:
            for _ in range(runs):
                site.forget()
                began = time.process_time()
                run()
                least = min(least, time.process_time() - began)
        finally:
            gc.enable()
        application._open.clear()  # nothing here closes as a connection does
    return least / operations * 1e6


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling")
    parser.add_argument("--sizes", nargs="*", type=int, default=list(SIZES))
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--picture", type=Path, help="an SVG file to write")
    options = parser.parse_args(arguments)
    found: dict[str, list[float]] = {}
    for name, (prepare, surround) in SERIES.items():
        found[name] = [
            asyncio.run(_measure(prepare, surround, size, options.runs))
            for size in options.sizes
        ]
    found[BY_RECEIVERS] = [
        asyncio.run(_measure(_event(size), None, size, options.runs))
        for size in options.sizes
    ]
    lines = [["µs", *[f"{size:,}" for size in options.sizes]]]
    lines += [[name, *[f"{v:.2f}" for v in values]] for name, values in found.items()]
    print(columns(lines))
    if options.picture is not None:
        drawn = picture(found, options.sizes, unit="µs", of="so many of them")
        options.picture.write_text(drawn)


if __name__ == "__main__":
    main()
