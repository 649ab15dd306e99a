"""python-socketio's AsyncServer in aiohttp.

A call is an event whose handler's return value becomes the acknowledgement; the
subscribers are a room. One emit encodes its event once for the whole room.
"""

from __future__ import annotations

from typing import Any

import socketio
from aiohttp import web

from benchmarks.servers import ADD, ECHO, EVENT, PUBLISH, SUBSCRIBE, TOPIC, run

__all__ = ["make_app"]

sio = socketio.AsyncServer(async_mode="aiohttp")


async def add(sid: str, a: int, b: int) -> int:
    """Add."""
    return a + b


async def echo(sid: str, value: Any) -> Any:
    """Return the one argument, of any size."""
    return value


async def publish(sid: str, times: int) -> None:
    """Emit the event so many times to all subscribers."""
    for _ in range(times):
        await sio.emit(TOPIC, EVENT, room=TOPIC)


async def subscribe(sid: str) -> None:
    """Let a client into the room."""
    await sio.enter_room(sid, TOPIC)


def make_app() -> web.Application:
    """Return the application."""
    sio.on(ADD, add)
    sio.on(ECHO, echo)
    sio.on(PUBLISH, publish)
    sio.on(SUBSCRIBE, subscribe)
    app = web.Application()
    sio.attach(app)
    return app


if __name__ == "__main__":
    run(make_app())
