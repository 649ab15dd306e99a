"""A WAMP client of a few lines over aiohttp.

It knows nothing of the library: what a test compares is what was on the wire.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiohttp.test_utils import TestClient

#: Message codes, by the names that the specification gives them.
HELLO, WELCOME, ABORT, CHALLENGE, AUTHENTICATE, GOODBYE = 1, 2, 3, 4, 5, 6
ERROR, PUBLISH, PUBLISHED, SUBSCRIBE, SUBSCRIBED = 8, 16, 17, 32, 33
UNSUBSCRIBE, UNSUBSCRIBED, EVENT = 34, 35, 36
CALL, CANCEL, RESULT, REGISTER, REGISTERED = 48, 49, 50, 64, 65

ROLES: Mapping[str, Any] = {
    name: {} for name in ("caller", "callee", "publisher", "subscriber")
}
PATIENCE = 10.0


class RawClient:
    """One joined or joining client. JSON only."""

    def __init__(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        self.ws = ws
        self._request = 0

    async def send(self, *message: Any) -> None:
        """Send one message, the code first."""
        await self.ws.send_str(json.dumps(message))

    async def receive(self) -> list[Any]:
        """Wait for the next message."""
        frame = await asyncio.wait_for(self.ws.receive(), PATIENCE)
        assert frame.type is aiohttp.WSMsgType.TEXT, frame
        message: list[Any] = json.loads(frame.data)
        return message

    async def close_code(self) -> int | None:
        """Wait until the server has closed the connection; return its code."""
        frame = await asyncio.wait_for(self.ws.receive(), PATIENCE)
        assert frame.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED), frame
        return self.ws.close_code

    async def hello(self, realm: str, **details: Any) -> list[Any]:
        """Send HELLO and return what answers it."""
        await self.send(HELLO, realm, {"roles": ROLES, **details})
        return await self.receive()

    async def join(self, realm: str, **details: Any) -> dict[str, Any]:
        """Join a realm that asks for no proof; return the details of WELCOME."""
        answer = await self.hello(realm, **details)
        assert answer[0] == WELCOME, answer
        welcomed: dict[str, Any] = answer[2]
        return welcomed

    async def request(self, code: int, options: Any, *rest: Any) -> list[Any]:
        """Send a request under a new id and return what answers it."""
        self._request += 1
        await self.send(code, self._request, options, *rest)
        return await self.receive()

    async def call(self, procedure: str, *args: Any, **kwargs: Any) -> Any:
        """Call and return the only positional result, None where there is none."""
        answer = await self.request(CALL, {}, procedure, args, kwargs)
        assert answer[0] == RESULT, answer
        return answer[3][0] if len(answer) > 3 and answer[3] else None

    async def call_error(self, procedure: str, *args: Any, **kwargs: Any) -> list[Any]:
        """Call what fails; return the error's URI and arguments."""
        answer = await self.request(CALL, {}, procedure, args, kwargs)
        assert answer[:2] == [ERROR, CALL], answer
        return answer[4:]

    async def subscribe(self, topic: str) -> int:
        """Subscribe and return the subscription's id."""
        answer = await self.request(SUBSCRIBE, {}, topic)
        assert answer[0] == SUBSCRIBED, answer
        subscription: int = answer[2]
        return subscription

    async def event(self) -> list[Any]:
        """Wait for an EVENT and return its positional arguments."""
        message = await self.receive()
        assert message[0] == EVENT, message
        return message[4] if len(message) > 4 else []

    async def leave(self) -> None:
        """Say GOODBYE and wait for the answer."""
        await self.send(GOODBYE, {}, "wamp.close.close_realm")
        while (await self.receive())[0] != GOODBYE:
            pass


@asynccontextmanager
async def connected(
    client: TestClient[Any, Any], path: str = "/ws", **options: Any
) -> AsyncIterator[RawClient]:
    """Open a WebSocket, with the cookies that `client` has by now."""
    async with client.ws_connect(path, protocols=["wamp.2.json"], **options) as ws:
        assert ws.protocol == "wamp.2.json"
        yield RawClient(ws)
