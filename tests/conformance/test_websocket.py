"""Statements of section 8.1, over real sockets, with a client that builds its frames.

The client knows neither the library nor another WebSocket implementation, so that it
can say what those would not.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import struct
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import msgspec
import pytest

import aiohttp_serverwamp as serverwamp
from tests.sites import Site, site, until

PATIENCE: Final = 10.0
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
HELLO: Final = [1, "r", {"roles": {"caller": {}, "subscriber": {}, "publisher": {}}}]


class Socket:
    """One side of a WebSocket, frame by frame."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.reader = reader
        self.writer = writer
        self.status = 0
        self.headers: dict[str, str] = {}
        self._inflater = zlib.decompressobj(-15)

    async def upgrade(self, site: Site, headers: dict[str, str]) -> None:
        """Ask for the upgrade; `status` and `headers` are the answer."""
        url = site.http._base_url
        assert url is not None
        asked = {
            "Host": f"{url.host}:{url.port}",
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
            **headers,
        }
        lines = ["GET /ws HTTP/1.1", *(f"{name}: {asked[name]}" for name in asked)]
        self.writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), PATIENCE)
        status, *fields = head.decode().strip().split("\r\n")
        self.status = int(status.split()[1])
        self.headers = dict(field.lower().split(": ", 1) for field in fields)

    def send(
        self, opcode: int, payload: bytes, *, fin: bool = True, rsv: int = 0
    ) -> None:
        """Send one frame, masked as a client has to."""
        mask = os.urandom(4)
        length = len(payload)
        if length < 126:
            size = struct.pack("!B", 0x80 | length)
        elif length < 2**16:
            size = struct.pack("!BH", 0x80 | 126, length)
        else:
            size = struct.pack("!BQ", 0x80 | 127, length)
        masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
        head = bytes([(0x80 if fin else 0) | rsv | opcode])
        self.writer.write(head + size + mask + masked)

    def say(self, message: Any) -> None:
        """Send one message as JSON text."""
        self.send(TEXT, json.dumps(message).encode())

    async def frame(self) -> tuple[int, bytes]:
        """Wait for the next frame; a connection that ends is a CLOSE without a code."""
        try:
            async with asyncio.timeout(PATIENCE):
                first, second = await self.reader.readexactly(2)
                length = second & 0x7F
                if length >= 126:
                    size = await self.reader.readexactly(2 if length == 126 else 8)
                    length = int.from_bytes(size, "big")
                payload = await self.reader.readexactly(length)
        except (asyncio.IncompleteReadError, ConnectionError):
            return CLOSE, b""
        assert first & 0x80, "the server fragments nothing"
        if first & 0x40:
            payload = self._inflater.decompress(payload + b"\x00\x00\xff\xff")
        return first & 0x0F, payload

    async def hear(self) -> Any:
        """Wait for the next message, JSON text."""
        opcode, payload = await self.frame()
        assert opcode == TEXT, (opcode, payload)
        return json.loads(payload)

    async def close_code(self) -> int:
        """Wait for the end of the connection and return its code."""
        while True:
            opcode, payload = await self.frame()
            if opcode == CLOSE:
                return int.from_bytes(payload[:2], "big")


@asynccontextmanager
async def upgraded(
    server: Site, protocols: str | None = "wamp.2.json", **headers: str
) -> AsyncIterator[Socket]:
    """Connect to a server and ask for the upgrade."""
    url = server.http._base_url
    assert url is not None
    reader, writer = await asyncio.open_connection(url.host, url.port)
    socket = Socket(reader, writer)
    if protocols is not None:
        headers["Sec-WebSocket-Protocol"] = protocols
    try:
        await socket.upgrade(
            server, {name.replace("_", "-"): value for name, value in headers.items()}
        )
        yield socket
    finally:
        writer.close()


@asynccontextmanager
async def joined(server: Site, **headers: str) -> AsyncIterator[Socket]:
    """Connect and join."""
    async with upgraded(server, **headers) as socket:
        socket.say(HELLO)
        assert (await socket.hear())[0] == 2
        yield socket


# --- The subprotocol --------------------------------------------------------------


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        ("wamp.2.json", "wamp.2.json"),
        ("wamp.2.msgpack", "wamp.2.msgpack"),
        ("wamp.2.msgpack, wamp.2.json", "wamp.2.msgpack"),
        ("wamp.2.json,wamp.2.msgpack", "wamp.2.json"),
        ("wamp.2.flatbuffers, chat, wamp.2.msgpack", "wamp.2.msgpack"),
        ("wamp.2.json.batched, wamp.2.json", "wamp.2.json.batched"),
        ("wamp.2.json, wamp.2.json.batched", "wamp.2.json"),
        ("wamp.2.ubjson, wamp.2.cbor, wamp.2.json", "wamp.2.cbor"),
    ],
)
async def test_the_first_subprotocol_that_is_known_is_chosen(
    offered: str, chosen: str
) -> None:
    """REQ-TRN-001, 002, 010, 016."""
    async with site(open_=True) as server, upgraded(server, offered) as socket:
        assert socket.status == 101
        assert socket.headers["sec-websocket-protocol"] == chosen


@pytest.mark.parametrize(
    "offered",
    [None, "chat", "wamp.2.flatbuffers", "wamp.2.ubjson.batched, wamp.2.json.b"],
)
async def test_without_a_subprotocol_in_common_there_is_no_upgrade(
    offered: str | None,
) -> None:
    """REQ-TRN-003, 010, 016: it is refused before the upgrade, not after."""
    async with site(open_=True) as server, upgraded(server, offered) as socket:
        assert socket.status == 400
        assert "upgrade" not in socket.headers


@pytest.mark.parametrize("protocol", ["wamp.2.json", "wamp.2.msgpack"])
async def test_the_subprotocol_says_the_kind_of_the_frames(protocol: str) -> None:
    """REQ-TRN-001, 010; REQ-SER-001: text for JSON, binary for MessagePack."""
    async with site(open_=True) as server, upgraded(server, protocol) as socket:
        if protocol == "wamp.2.json":
            socket.say(HELLO)
            opcode, payload = await socket.frame()
            welcome = json.loads(payload)
        else:
            socket.send(BINARY, msgspec.msgpack.encode(HELLO))
            opcode, payload = await socket.frame()
            welcome = msgspec.msgpack.decode(payload)

    assert opcode == (TEXT if protocol == "wamp.2.json" else BINARY)
    assert welcome[0] == 2


# --- Frames and messages ----------------------------------------------------------


async def test_a_message_may_come_in_several_frames() -> None:
    """REQ-TRN-004: with a ping between them."""
    text = json.dumps([48, 1, {}, "com.nobody", ["é" * 100]], ensure_ascii=False)
    data = text.encode()
    async with site(open_=True) as server, joined(server) as socket:
        # Cut within a character, too.
        socket.send(TEXT, data[:60], fin=False)
        socket.send(PING, b"still there?")
        socket.send(0, data[60:61], fin=False)
        socket.send(0, data[61:])

        assert await socket.frame() == (PONG, b"still there?")
        assert (await socket.hear())[:3] == [8, 48, 1]


@pytest.mark.parametrize(
    "payload",
    [
        b'[48,1,{},"com.a"][48,2,{},"com.a"]',
        b'[48,1,{},"com.a"]\x1e',
        b'[48,1,{},"com.a"]\x18',
        b'[48,1,{},"com.a"]\x1e[48,2,{},"com.a"]\x1e',
    ],
)
async def test_a_frame_of_several_messages_is_a_violation(payload: bytes) -> None:
    """REQ-TRN-004, 010: nothing of it is looked at."""
    async with site(open_=True) as server, joined(server) as socket:
        socket.send(TEXT, payload)

        abort = await socket.hear()
        assert abort[::2] == [3, "wamp.error.protocol_violation"]
        assert await socket.close_code() == 1002


@pytest.mark.parametrize(
    ("protocol", "opcode"), [("wamp.2.json", BINARY), ("wamp.2.msgpack", TEXT)]
)
async def test_a_frame_of_the_other_kind_is_a_violation(
    protocol: str, opcode: int
) -> None:
    """REQ-TRN-005, 011."""
    async with site(open_=True) as server, upgraded(server, protocol) as socket:
        socket.send(opcode, json.dumps(HELLO).encode())

        _, payload = await socket.frame()
        decode: Any = json.loads if opcode == BINARY else msgspec.msgpack.decode
        abort = decode(payload)
        assert abort[::2] == [3, "wamp.error.protocol_violation"]
        assert await socket.close_code() == 1002


async def test_text_that_is_no_utf_8_ends_the_connection() -> None:
    """REQ-SER-013: WebSocket itself forbids it."""
    async with site(open_=True) as server, joined(server) as socket:
        socket.send(TEXT, b'[48,1,{},"com.\xff"]')

        assert await socket.close_code() in (1002, 1007)
        await until(lambda: not server.wamp.sessions())


# --- The end ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("say", "code"),
    [
        ([48, 1, {}], 1002),
        ([1, "r", {"roles": {"caller": {}}}], 1002),
        ([3, {}, "com.enough"], 1000),
    ],
    ids=["violation", "second HELLO", "ABORT"],
)
async def test_the_close_code_says_how_it_ended(say: list[Any], code: int) -> None:
    """REQ-TRN-011, 044; REQ-SES-003, 014: one session at a time on one connection."""
    async with site(open_=True) as server, joined(server) as socket:
        socket.say(say)

        assert await socket.close_code() == code
        await until(lambda: not server.wamp.sessions())


async def test_a_client_that_has_left_and_stays_is_closed_with_1000() -> None:
    """REQ-TRN-011; REQ-SES-014."""
    limits = serverwamp.Limits(hello_timeout=0.1)
    async with site(open_=True, limits=limits) as server, joined(server) as socket:
        socket.say([6, {}, "wamp.close.close_realm"])

        assert await socket.hear() == [6, {}, "wamp.close.goodbye_and_out"]
        assert await socket.close_code() == 1000


async def test_a_server_that_stops_closes_with_1001() -> None:
    """REQ-TRN-011; REQ-SES-036."""
    async with site(open_=True) as server, joined(server) as socket:
        stopping = asyncio.ensure_future(server.app.shutdown())

        assert await socket.hear() == [6, {}, "wamp.close.system_shutdown"]
        assert await socket.close_code() == 1001
        await stopping


async def test_a_message_that_is_too_large_ends_the_session() -> None:
    """REQ-TRN-013, 011; REQ-SER-014: with 1009, and everything that it held."""
    limits = serverwamp.Limits(max_message_size=2000)
    async with site(open_=True, limits=limits) as server, joined(server) as socket:
        socket.say([48, 1, {}, "com.nobody", ["x" * 1900]])
        assert (await socket.hear())[:3] == [8, 48, 1]

        socket.say([48, 2, {}, "com.nobody", ["x" * 2000]])

        assert await socket.close_code() == 1009
        await until(lambda: not server.wamp.sessions())


# --- Pings ------------------------------------------------------------------------


async def test_a_client_that_answers_no_ping_is_gone() -> None:
    """REQ-TRN-012; REQ-SES-009: as if its connection were lost."""
    limits = serverwamp.Limits(heartbeat=0.1)
    async with site(open_=True, limits=limits) as server, joined(server) as socket:
        assert (await socket.frame())[0] == PING
        assert len(server.wamp.sessions()) == 1

        await until(lambda: not server.wamp.sessions())


@pytest.mark.parametrize("payload", [b"", b"x" * 125])
async def test_pings_of_a_client_are_answered_in_kind(payload: bytes) -> None:
    """REQ-TRN-012."""
    async with site(open_=True) as server, joined(server) as socket:
        socket.send(PING, payload)

        assert await socket.frame() == (PONG, payload)


# --- Origins, compression ----------------------------------------------------------


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("https://shop.example", 101),
        ("https://evil.example", 403),
        ("null", 403),
        (None, 101),
    ],
)
async def test_origins_are_the_own_host_and_those_allowed(
    origin: str | None, status: int
) -> None:
    """REQ-TRN-014: clients that are no browsers send none."""
    headers = {} if origin is None else {"Origin": origin}
    async with (
        site(open_=True, setup={"allowed_origins": ["https://shop.example"]}) as server,
        upgraded(server, **headers) as socket,
    ):
        assert socket.status == status


@pytest.mark.parametrize("asked", [True, False])
async def test_compression_does_not_show_in_the_messages(asked: bool) -> None:
    """REQ-TRN-015: for who asks for it, where it is allowed."""
    offer = {"Sec_WebSocket_Extensions": "permessage-deflate"} if asked else {}
    async with (
        site(open_=True, setup={"compress": True}) as server,
        joined(server, **offer) as socket,
    ):
        assert ("sec-websocket-extensions" in socket.headers) is asked
        text = json.dumps([48, 1, {}, "com.nobody", ["x" * 5000]]).encode()
        if asked:
            deflater = zlib.compressobj(wbits=-15)
            packed = deflater.compress(text) + deflater.flush(zlib.Z_SYNC_FLUSH)
            socket.send(TEXT, packed[:-4], rsv=0x40)
        else:
            socket.send(TEXT, text)

        assert (await socket.hear())[:3] == [8, 48, 1]
