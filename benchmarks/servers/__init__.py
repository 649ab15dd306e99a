"""The contestants' servers, each a process: ``python -m benchmarks.servers.<module>``.

A server prints its port as the only line of its output, then serves until it is ended:
a procedure that adds two integers, and one that publishes EVENT to the subscribers of
TOPIC as often as its argument says, and returns nothing. Each is written as the
documentation of its library would have it, with that library's defaults.

This module is imported in the other contestants' environment as well, where there is
aiohttp and nothing of ours.
"""

from __future__ import annotations

import asyncio
import sys

from aiohttp import web

__all__ = [
    "ADD",
    "ADD_ASYNC",
    "ECHO",
    "EVENT",
    "PUBLISH",
    "REALM",
    "SUBSCRIBE",
    "TOPIC",
    "run",
]

REALM = "bench"
ADD = "bench.add"
#: The same in an ``async def`` handler, where a contestant knows the difference.
ADD_ASYNC = "bench.add_async"
#: Returns its one argument.
ECHO = "bench.echo"
PUBLISH = "bench.publish"
TOPIC = "bench.topic"
#: For a protocol that has no such message of its own.
SUBSCRIBE = "bench.subscribe"
EVENT = {"article": "sku-1", "left": 3, "text": "a line of text of an ordinary length"}


def run(app: web.Application) -> None:
    """Serve `app` on a free port, say which, and go on until the process is ended.

    On uvloop's event loop if the argument of the command says so.
    """
    factory = asyncio.new_event_loop
    if sys.argv[1:] == ["uvloop"]:
        import uvloop

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(_serve(app))


async def _serve(app: web.Application) -> None:
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()
