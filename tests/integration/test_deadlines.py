"""Deadlines that nothing extends: not pings, nor half a message, nor a byte at a time.

Each client goes on for ever; that it is let go is the test.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from aiohttp import web

import aiohttp_serverwamp as serverwamp
from aiohttp_serverwamp.testing import PATIENCE
from tests.certificates import Authority, client_context
from tests.sites import until

#: The one that a test is about is short, and the others are never reached.
LONG = 1000.0
SHORT = 0.2
PAUSE = 0.02

TEXT, CLOSE, PING = 1, 8, 9
HELLO = [1, "r", {"roles": {"caller": {}}, "authmethods": ["ticket"], "authid": "ann"}]


def frame(payload: bytes, opcode: int = TEXT, *, final: bool = True) -> bytes:
    """Return a client's frame, masked with zeros."""
    assert len(payload) < 126
    return bytes([final << 7 | opcode, 0x80 | len(payload), 0, 0, 0, 0]) + payload


class Client:
    """A WebSocket by hand, which sends what it likes and answers no close frame."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.reader = reader
        self.writer = writer

    def say(self, *message: Any) -> None:
        self.writer.write(frame(json.dumps(message).encode()))

    async def heard(self) -> Any:
        """Return the code of the next message; everything is short here."""
        while True:
            head = await self.reader.readexactly(2)
            size = head[1]
            if size == 126:
                size = int.from_bytes(await self.reader.readexactly(2), "big")
            payload = await self.reader.readexactly(size)
            if head[0] & 15 == TEXT:
                return json.loads(payload)[0]

    async def go_on(self, talk: Talk) -> None:
        """Talk until the server has let go of the connection."""
        talking = asyncio.create_task(talk(self))
        try:
            async with asyncio.timeout(PATIENCE):
                with suppress(ConnectionError):
                    while await self.reader.read(1000):
                        pass
        finally:
            talking.cancel()
            with suppress(asyncio.CancelledError, ConnectionError):
                await talking


Talk = Callable[[Client], Coroutine[None, None, None]]


async def silence(client: Client) -> None:
    """Say nothing."""


async def pings(client: Client) -> None:
    while True:
        client.writer.write(frame(b"", PING))
        await asyncio.sleep(PAUSE)


async def a_byte_at_a_time(client: Client) -> None:
    client.writer.write(bytes([0x81, 0xFE, 0xFF, 0xFF, 0, 0, 0, 0]) + b"[")
    while True:
        client.writer.write(b" ")
        await asyncio.sleep(PAUSE)


async def fragments(client: Client) -> None:
    client.writer.write(frame(b"[", final=False))
    while True:
        client.writer.write(frame(b" ", 0, final=False))
        await asyncio.sleep(PAUSE)


@asynccontextmanager
async def served(
    tls: Authority | None, **limits: float
) -> AsyncIterator[tuple[serverwamp.Application, int]]:
    given = dict.fromkeys(("hello_timeout", "auth_timeout", "heartbeat"), LONG)
    given["close_timeout"] = SHORT
    wamp = serverwamp.Application(limits=serverwamp.Limits(**{**given, **limits}))  # type: ignore[arg-type]  # of several kinds
    realm = serverwamp.Realm("r")
    realm.set_ticket_authenticator(lambda session, ticket: ticket == "sesame")
    wamp.add_realm(realm)
    app = web.Application()
    serverwamp.setup_wamp(app, wamp)
    context = None
    if tls is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(tls.issue("127.0.0.1"))
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        yield wamp, runner.addresses[0][1]
    finally:
        await runner.cleanup()


@asynccontextmanager
async def client_of(port: int, tls: Authority | None) -> AsyncIterator[Client]:
    context = None if tls is None else client_context(tls, None)
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    writer.write(
        b"GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
        b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
        b"Sec-WebSocket-Protocol: wamp.2.json\r\n\r\n"
    )
    await reader.readuntil(b"\r\n\r\n")
    try:
        yield Client(reader, writer)
    finally:
        writer.transport.abort()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("deadlines"))


@pytest.fixture(params=["plain", "tls"])
def tls(request: pytest.FixtureRequest, authority: Authority) -> Authority | None:
    return authority if request.param == "tls" else None


async def is_gone(wamp: serverwamp.Application) -> None:
    await until(lambda: not wamp.stats().connections)


@pytest.mark.parametrize("talk", [silence, pings, a_byte_at_a_time, fragments])
async def test_hello_is_waited_for_so_long_and_no_longer(
    talk: Talk, tls: Authority | None
) -> None:
    async with (
        served(tls, hello_timeout=SHORT) as (wamp, port),
        client_of(port, tls) as client,
    ):
        await client.go_on(talk)
        await is_gone(wamp)


@pytest.mark.parametrize("talk", [silence, pings, a_byte_at_a_time, fragments])
async def test_the_answer_to_a_challenge_is_waited_for_so_long_and_no_longer(
    talk: Talk, tls: Authority | None
) -> None:
    async with (
        served(tls, auth_timeout=SHORT) as (wamp, port),
        client_of(port, tls) as client,
    ):
        client.say(*HELLO)
        assert await client.heard() == 4
        await client.go_on(talk)
        await is_gone(wamp)


@pytest.mark.parametrize("talk", [silence, a_byte_at_a_time, fragments])
async def test_a_joined_client_has_to_answer_pings_whatever_else_it_sends(
    talk: Talk, tls: Authority | None
) -> None:
    async with (
        served(tls, heartbeat=SHORT) as (wamp, port),
        client_of(port, tls) as client,
    ):
        client.say(*HELLO)
        assert await client.heard() == 4
        client.say(5, "sesame", {})
        assert await client.heard() == 2
        await client.go_on(talk)
        await is_gone(wamp)


@pytest.mark.parametrize("talk", [silence, pings, a_byte_at_a_time, fragments])
async def test_a_client_that_is_sent_away_has_so_long_to_leave(
    talk: Talk, tls: Authority | None
) -> None:
    async with served(tls) as (wamp, port), client_of(port, tls) as client:
        client.say(*HELLO)
        assert await client.heard() == 4
        client.say(5, "sesame", {})
        assert await client.heard() == 2
        await wamp.close_sessions()
        assert await client.heard() == 6
        await client.go_on(talk)
        await is_gone(wamp)


@pytest.mark.parametrize("talk", [silence, pings, a_byte_at_a_time, fragments])
async def test_after_a_violation_a_client_has_so_long_to_leave(
    talk: Talk, tls: Authority | None
) -> None:
    async with served(tls) as (wamp, port), client_of(port, tls) as client:
        client.say("nonsense")
        assert await client.heard() == 3
        await client.go_on(talk)
        await is_gone(wamp)


@pytest.mark.parametrize("talk", [silence, pings, a_byte_at_a_time])
async def test_stopping_takes_so_long_and_no_longer(
    talk: Talk, tls: Authority | None
) -> None:
    async with served(tls) as (wamp, port), client_of(port, tls) as client:
        talking = asyncio.create_task(client.go_on(talk))
        await asyncio.sleep(PAUSE)
        async with asyncio.timeout(PATIENCE):
            await wamp.shutdown()
        await talking
        await is_gone(wamp)
