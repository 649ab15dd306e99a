"""Serve the site on one of the servers: python -m tests.transports.serve uvicorn

Writes one JSON object with its port, and serves until SIGTERM.
"""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from functools import partial

import trio

from aiohttp_serverwamp.adapters.aiohttp_readers import Reader
from aiohttp_serverwamp.adapters.trio import TrioAsyncSupport
from tests.transports import site


def on_aiohttp(listener: socket.socket, *, reader: Reader = "auto") -> None:
    from aiohttp import web

    import aiohttp_serverwamp as serverwamp

    app = web.Application()
    serverwamp.setup_wamp(app, site.make(), reader=reader)
    web.run_app(app, sock=listener, print=None)


def on_uvicorn(listener: socket.socket) -> None:
    import uvicorn

    config = uvicorn.Config(site.on_asyncio, log_level="warning")
    uvicorn.Server(config).run(sockets=[listener])


def on_hypercorn(listener: socket.socket) -> None:
    from hypercorn.asyncio import serve

    asyncio.run(serve(site.on_asyncio, hypercorn_config(listener)))


def on_hypercorn_with_trio(listener: socket.socket) -> None:
    from hypercorn.trio import serve

    config = hypercorn_config(listener)
    trio.run(partial(serve, site.on_trio, config, shutdown_trigger=sigterm))


def hypercorn_config(listener: socket.socket):  # type: ignore[no-untyped-def]  # its own
    from hypercorn.config import Config

    config = Config()
    config.bind = [f"fd://{listener.detach()}"]
    config.graceful_timeout = 0.2
    config.errorlog = logging.getLogger("hypercorn")
    return config


def on_granian(listener: socket.socket) -> None:
    from granian import Granian
    from granian.constants import Interfaces

    port = listener.getsockname()[1]
    listener.close()
    target = f"{site.__name__}:on_asyncio"
    server = Granian(target, port=port, interface=Interfaces.ASGI, log_enabled=False)
    server.serve()


def on_rawsocket(listener: socket.socket) -> None:
    async def main() -> None:
        serving = asyncio.ensure_future(site.make().serve_rawsocket(listener))
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, serving.cancel)
        await asyncio.wait([serving])

    asyncio.run(main())


def on_rawsocket_with_trio(listener: socket.socket) -> None:
    async def main() -> None:
        async with trio.open_nursery() as nursery:
            wamp = site.make(TrioAsyncSupport)
            nursery.start_soon(wamp.serve_rawsocket, listener)
            await sigterm()
            nursery.cancel_scope.cancel()

    trio.run(main)


async def sigterm() -> None:
    with trio.open_signal_receiver(signal.SIGTERM) as signals:
        async for _ in signals:
            return


SERVERS: Mapping[str, Callable[[socket.socket], None]] = {
    "aiohttp": on_aiohttp,
    "aiohttp-public": partial(on_aiohttp, reader="public"),
    "uvicorn": on_uvicorn,
    "hypercorn": on_hypercorn,
    "hypercorn-trio": on_hypercorn_with_trio,
    "granian": on_granian,
    "rawsocket": on_rawsocket,
    "rawsocket-trio": on_rawsocket_with_trio,
}


def main() -> None:
    logging.basicConfig(format="%(levelname)s:%(name)s:%(message)s")
    listener = socket.create_server(("127.0.0.1", 0))
    sys.stdout.write(json.dumps({"port": listener.getsockname()[1]}) + "\n")
    sys.stdout.flush()
    SERVERS[sys.argv[1]](listener)


if __name__ == "__main__":
    main()
