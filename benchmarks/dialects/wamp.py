"""WAMP's JSON messages: the dialect of this library, of serverwamp and of the floor."""

from __future__ import annotations

import json
from typing import Any, cast

from benchmarks.dialects import Dialect, Request, expect
from benchmarks.servers import REALM, TOPIC
from benchmarks.wire import Client, Opening

__all__ = ["WAMP"]

ROLES: dict[str, Any] = {
    role: {} for role in ("caller", "callee", "publisher", "subscriber")
}
HELLO = json.dumps([1, REALM, {"roles": ROLES}], separators=(",", ":")).encode()
WELCOME = b"[2,"
GOODBYE = b'[6,{},"wamp.close.close_realm"]'
GOODBYE_BACK = b"[6,"
SUBSCRIBE = Request(b"[32,", f',{{}},"{TOPIC}"]'.encode())
SUBSCRIBED = b"[33,"


class _Wamp:
    opening = Opening("/ws", "wamp.2.json")
    result = b"[50,"
    event = b"[36,"

    async def join(self, client: Client) -> None:
        expect(WELCOME, await client.ask(HELLO))

    async def leave(self, client: Client) -> None:
        expect(GOODBYE_BACK, await client.ask(GOODBYE))

    async def subscribe(self, client: Client) -> None:
        expect(SUBSCRIBED, await client.ask(SUBSCRIBE.numbered(client.request_id())))

    def call(self, procedure: str, *arguments: Any) -> Request:
        given = json.dumps(arguments, separators=(",", ":"))
        return Request(b"[48,", f',{{}},"{procedure}",{given}]'.encode())

    def results(self, message: bytes) -> list[Any]:
        expect(self.result, message)
        _code, _request, _details, *results = json.loads(message)
        return cast("list[Any]", results[0]) if results else []


WAMP: Dialect = _Wamp()
