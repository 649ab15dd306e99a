"""Programs written for serverwamp 2.0, run by it and, one import changed, by us.

What is compared is what was on the wire, without the ids that are drawn at random.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import aiohttp
import serverwamp
from aiohttp import web

import aiohttp_serverwamp
from aiohttp_serverwamp.testing import serving
from tests.raw_client import (
    ABORT,
    AUTHENTICATE,
    CALL,
    CHALLENGE,
    ERROR,
    EVENT,
    GOODBYE,
    HELLO,
    PUBLISHED,
    RESULT,
    ROLES,
    SUBSCRIBE,
    SUBSCRIBED,
    UNSUBSCRIBE,
    UNSUBSCRIBED,
    WELCOME,
    RawClient,
)

__all__ = ["LIBRARIES", "Talk", "make_app", "source_of", "talking", "told"]

PROGRAMS = Path(__file__).with_name("programs")
LIBRARIES: Mapping[str, ModuleType] = {
    "serverwamp": serverwamp,
    "aiohttp_serverwamp": aiohttp_serverwamp,
}
#: The one line to change.
IMPORT = ("import serverwamp\n", "import aiohttp_serverwamp as serverwamp\n")


def source_of(program: str, library: str, *changes: tuple[str, str]) -> str:
    """Return a program as `library` runs it; `changes` are those besides the import."""
    source = (PROGRAMS / f"{program}.py").read_text(encoding="utf-8")
    if library == "serverwamp":
        return source
    for old, new in (IMPORT, *changes):
        assert old in source, old
        source = source.replace(old, new)
    return source


def make_app(
    program: str, library: str, *changes: tuple[str, str], **options: Any
) -> web.Application:
    """Make a program's application."""
    names: dict[str, Any] = {"__name__": program}
    code = compile(
        source_of(program, library, *changes), program, "exec", dont_inherit=True
    )
    exec(code, names)
    app: web.Application = names["make_app"](**options)
    return app


def _payload(message: list[Any], at: int) -> list[Any]:
    """Return the arguments as they were meant: what is empty may be left out."""
    args, kwargs = [*message[at : at + 2], None, None][:2]
    return [args or [], kwargs or {}]


def told(message: list[Any]) -> list[Any]:
    """Return what a message says, without ids, details of WELCOME and free text."""
    match message:
        case [code, _, details, *_] if code == WELCOME:
            return ["WELCOME", *sorted(details["roles"])]
        case [code, _, reason] if code == ABORT:
            return ["ABORT", reason]
        case [code, _, reason] if code == GOODBYE:
            return ["GOODBYE", reason]
        case [code, method, _] if code == CHALLENGE:
            return ["CHALLENGE", method]
        case [code, kind, _, _, uri, *_] if code == ERROR:
            return ["ERROR", kind, uri, *_payload(message, 5)]
        case [code, _, details, *_] if code == RESULT:
            progress = ["progress"] if details.get("progress") else []
            return ["RESULT", *progress, *_payload(message, 3)]
        case [code, _, _, details, *_] if code == EVENT:
            return ["EVENT", details, *_payload(message, 4)]
        case [code, *_]:
            names = {
                SUBSCRIBED: "SUBSCRIBED",
                UNSUBSCRIBED: "UNSUBSCRIBED",
                PUBLISHED: "PUBLISHED",
            }
            return [names[code]]
        case _:
            raise AssertionError(message)


class Talk:
    """One client's conversation, written down."""

    def __init__(self, client: RawClient) -> None:
        self.client = client
        self.written: list[list[Any]] = []
        self.last: list[Any] = []
        self._request = 0

    async def hear(self, count: int = 1) -> list[Any]:
        """Wait for messages and write them down; return what the last one says."""
        for _ in range(count):
            self.last = await self.client.receive()
            self.written.append(told(self.last))
        return self.written[-1]

    async def hello(self, realm: str = "any", **details: Any) -> list[Any]:
        """Say HELLO."""
        await self.client.send(HELLO, realm, {"roles": ROLES, **details})
        return await self.hear()

    async def answer(self, signature: str) -> list[Any]:
        """Answer a CHALLENGE."""
        await self.client.send(AUTHENTICATE, signature, {})
        return await self.hear()

    async def ask(self, code: int, *fields: Any, answers: int = 1) -> list[Any]:
        """Send a request and hear so many messages."""
        self._request += 1
        await self.client.send(code, self._request, *fields)
        return await self.hear(answers)

    async def call(
        self,
        uri: str,
        *args: Any,
        options: Mapping[str, Any] | None = None,
        answers: int = 1,
        **kwargs: Any,
    ) -> list[Any]:
        """Call, and hear so many messages."""
        fields = (dict(options or {}), uri, args, kwargs)
        return await self.ask(CALL, *fields, answers=answers)

    async def subscribe(self, topic: str, answers: int = 1) -> int:
        """Subscribe, and hear so many messages; return the id in SUBSCRIBED."""
        start = len(self.written)
        await self.ask(SUBSCRIBE, {}, topic)
        subscription: int = self.last[2]
        if answers > 1:
            await self.hear(answers - 1)
        assert self.written[start] == ["SUBSCRIBED"], self.written[start]
        return subscription

    async def unsubscribe(self, subscription: int) -> None:
        """Unsubscribe."""
        await self.ask(UNSUBSCRIBE, subscription)

    async def leave(self) -> None:
        """Say GOODBYE and hear it."""
        await self.client.send(GOODBYE, {}, "wamp.close.close_realm")
        await self.hear()


@asynccontextmanager
async def talking(
    http: aiohttp.ClientSession, url: str = "/", **options: Any
) -> AsyncIterator[Talk]:
    """Open a WebSocket."""
    async with http.ws_connect(url, protocols=["wamp.2.json"], **options) as ws:
        yield Talk(RawClient(ws))


@asynccontextmanager
async def served(
    program: str, library: str, *changes: tuple[str, str], **options: Any
) -> AsyncIterator[aiohttp.ClientSession]:
    """Serve a program."""
    async with serving(make_app(program, library, *changes, **options)) as http:
        yield http
