"""An ASGI server for one scope: what the application receives is put in by the test."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp_serverwamp.interfaces import AsyncSupport, TaskHandle, TaskRunner

HELLO = [1, "r", {"roles": {"caller": {}, "subscriber": {}}}]


class Exchange:
    """One call of an ASGI application."""

    def __init__(self, support: AsyncSupport, *events: dict[str, Any]) -> None:
        self.support = support
        self.sent: list[dict[str, Any]] = []
        #: While true the client does not read.
        self.stalled = False
        #: What the application's `send` raises.
        self.failure: Exception | None = None
        self.ended = support.waiter()
        self.handle: TaskHandle
        self._events = deque(events)
        self._changed = support.waiter()

    def bring(self, **event: Any) -> None:
        """Have the application receive something."""
        self._events.append(event)
        self._change()

    def say(self, *message: Any) -> None:
        """Have it receive a WAMP message in JSON."""
        self.bring(type="websocket.receive", text=json.dumps(message))

    async def receive(self) -> dict[str, Any]:
        await self.support.sleep(0)
        while not self._events:
            await self.support.sleep(0.001)
        return self._events.popleft()

    async def send(self, event: Any) -> None:
        await self.support.sleep(0)
        while self.stalled:
            await self.support.sleep(0.001)
        if self.failure is not None:
            raise self.failure
        self.sent.append(event)
        self._change()

    async def until(self, kind: str) -> dict[str, Any]:
        """Wait for something that the application sends, and take it."""
        while True:
            for number, event in enumerate(self.sent):
                if event["type"] == kind:
                    return self.sent.pop(number)
            await self._change_of_something()

    async def heard(self) -> Any:
        """Wait for the next WAMP message that it sends in JSON."""
        event = await self.until("websocket.send")
        return json.loads(event["text"])

    async def run(self, app: Any, scope: Any) -> None:
        try:
            await app(scope, self.receive, self.send)
        finally:
            self.ended.set_result(None)

    def _change(self) -> None:
        self._changed.set_result(None)

    async def _change_of_something(self) -> None:
        self._changed = self.support.waiter()
        await self._changed.wait()


def scope_of(kind: str = "websocket", **fields: Any) -> dict[str, Any]:
    return {
        "type": kind,
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "ws",
        "path": "/ws",
        "raw_path": b"/ws",
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"shop.example")],
        "client": ("192.0.2.7", 50_000),
        "server": ("192.0.2.1", 80),
        "subprotocols": ["wamp.2.json"],
        "extensions": {"websocket.http.response": {}},
        **fields,
    }


def begin(
    support: AsyncSupport, tasks: TaskRunner, app: Any, scope: dict[str, Any]
) -> Exchange:
    """Call an application for a scope."""
    first = {"websocket": ["websocket.connect"], "lifespan": ["lifespan.startup"]}
    events = [{"type": each} for each in first.get(scope["type"], [])]
    exchange = Exchange(support, *events)
    exchange.handle = tasks.start(exchange.run, app, scope)
    return exchange


@asynccontextmanager
async def joined(
    support: AsyncSupport,
    tasks: TaskRunner,
    app: Any,
    *,
    hello: Any = HELLO,
    **fields: Any,
) -> AsyncIterator[Exchange]:
    """Connect, join, and see that the end of the client is the end of all."""
    client = begin(support, tasks, app, scope_of(**fields))
    accepted = await client.until("websocket.accept")
    assert accepted["subprotocol"] == "wamp.2.json"
    client.say(*hello)
    assert (await client.heard())[0] == 2
    yield client
    client.bring(type="websocket.disconnect", code=1000)
    await client.ended.wait()
