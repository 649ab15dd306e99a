"""The floor: what the same work costs in a bare, hand-written aiohttp handler.

It decodes each text frame with ujson, builds a RESULT-shaped list, encodes and sends
it. For the fan-out it encodes each publication once and calls ``send_str`` on each
socket. No routing, no validation, no limits.
"""

from __future__ import annotations

from typing import Any

import ujson
from aiohttp import web

from benchmarks.servers import ECHO, EVENT, PUBLISH, run

__all__ = ["make_app"]

SUBSCRIBERS: web.AppKey[set[web.WebSocketResponse]] = web.AppKey("subscribers")


async def _handle(request: web.Request) -> web.WebSocketResponse:
    subscribers = request.app[SUBSCRIBERS]
    ws = web.WebSocketResponse(
        protocols=("wamp.2.json",), compress=False, heartbeat=20, max_msg_size=2**20
    )
    await ws.prepare(request)
    try:
        async for message in ws:
            received = ujson.loads(message.data)
            answer = await _answer(received, ws, subscribers)
            await ws.send_str(ujson.dumps(answer))
    finally:
        subscribers.discard(ws)
    return ws


async def _answer(
    message: list[Any],
    ws: web.WebSocketResponse,
    subscribers: set[web.WebSocketResponse],
) -> list[Any]:
    if message[0] == 48 and message[3] == ECHO:
        return [50, message[1], {}, message[4]]
    if message[0] == 48 and message[3] != PUBLISH:
        a, b = message[4]
        return [50, message[1], {}, [a + b]]
    if message[0] == 48:
        await _publish(subscribers, message[4][0])
        return [50, message[1], {}]
    if message[0] == 32:
        subscribers.add(ws)
        return [33, message[1], 1]
    if message[0] == 6:
        return [6, {}, "wamp.close.goodbye_and_out"]
    return [2, 1, {"roles": {"broker": {}, "dealer": {}}}]


async def _publish(subscribers: set[web.WebSocketResponse], times: int) -> None:
    for publication in range(times):
        event = ujson.dumps([36, 1, publication, {}, [EVENT]])
        for subscriber in subscribers:
            await subscriber.send_str(event)


def make_app() -> web.Application:
    """Return the application."""
    app = web.Application()
    app[SUBSCRIBERS] = set()
    app.router.add_get("/ws", _handle)
    return app


if __name__ == "__main__":
    run(make_app())
