"""Serve the site on one of the servers: python -m tests.transports.serve uvicorn

Writes one JSON object with its port, and serves until SIGTERM.
"""

from __future__ import annotations

import json
import logging
import signal
import socket
import sys
from collections.abc import Callable, Mapping

from tests.transports import site


def on_aiohttp(listener: socket.socket) -> None:
    from aiohttp import web

    import aiohttp_serverwamp as serverwamp

    app = web.Application()
    serverwamp.setup_wamp(app, site.make())
    web.run_app(app, sock=listener, print=None)


def on_uvicorn(listener: socket.socket) -> None:
    import uvicorn

    config = uvicorn.Config(site.on_asyncio, log_level="warning")
    uvicorn.Server(config).run(sockets=[listener])


def on_hypercorn(listener: socket.socket) -> None:
    import asyncio

    from hypercorn.asyncio import serve

    asyncio.run(serve(site.on_asyncio, hypercorn_config(listener)))


def on_hypercorn_with_trio(listener: socket.socket) -> None:
    import trio
    from hypercorn.trio import serve

    async def main() -> None:
        with trio.open_signal_receiver(signal.SIGTERM) as signals:

            async def stop() -> None:
                async for _ in signals:
                    return

            config = hypercorn_config(listener)
            await serve(site.on_trio, config, shutdown_trigger=stop)

    trio.run(main)


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


SERVERS: Mapping[str, Callable[[socket.socket], None]] = {
    "aiohttp": on_aiohttp,
    "uvicorn": on_uvicorn,
    "hypercorn": on_hypercorn,
    "hypercorn-trio": on_hypercorn_with_trio,
    "granian": on_granian,
}


def main() -> None:
    logging.basicConfig(format="%(levelname)s:%(name)s:%(message)s")
    listener = socket.create_server(("127.0.0.1", 0))
    sys.stdout.write(json.dumps({"port": listener.getsockname()[1]}) + "\n")
    sys.stdout.flush()
    SERVERS[sys.argv[1]](listener)


if __name__ == "__main__":
    main()
