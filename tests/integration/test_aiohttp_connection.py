"""Connections of an aiohttp server, over real sockets."""

from __future__ import annotations

import asyncio
import gc
import ssl
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import WSMsgType, web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from yarl import URL

from aiohttp_serverwamp.adapters.aiohttp import AiohttpConnection
from aiohttp_serverwamp.adapters.aiohttp_readers import Reader, socket_class
from aiohttp_serverwamp.adapters.aiohttp_socket import (
    accept,
    http_error,
    offer,
    transport_info,
)
from aiohttp_serverwamp.adapters.upgrade import Refusal
from aiohttp_serverwamp.adapters.websocket import websocket_frame
from aiohttp_serverwamp.interfaces import Serializer
from aiohttp_serverwamp.limits import Limits
from aiohttp_serverwamp.serializers.json import JSONSerializer
from aiohttp_serverwamp.serializers.msgpack import MsgPackSerializer

SERIALIZERS: dict[str, Serializer] = {
    "wamp.2.json": JSONSerializer(),
    "wamp.2.msgpack": MsgPackSerializer(),
}
PATIENCE = 10.0

Serve = Callable[[AiohttpConnection], Awaitable[None]]
ClientSocket = aiohttp.ClientWebSocketResponse[Any]


class Site:
    """A server whose every connection is given to `serve`."""

    #: Who reads, see `socket_class`.
    reader: Reader = "auto"

    def __init__(self, serve: Serve, limits: Limits, *, compress: bool = False) -> None:
        self.serve = serve
        self.limits = limits
        self.compress = compress
        self.session: aiohttp.ClientSession
        self.url: URL
        #: What should be gone when its connection is: sockets and connections.
        self.live: weakref.WeakSet[Any] = weakref.WeakSet()
        self.connections: list[AiohttpConnection] = []
        self.runner: web.AppRunner
        self.shutting_down: list[Callable[[web.Application], Awaitable[None]]] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        try:
            ws = offer(
                request,
                subprotocols=list(SERIALIZERS),
                max_message_size=self.limits.max_message_size,
                compress=self.compress,
                kind=socket_class(self.reader),
            )
        except Refusal as refusal:
            raise http_error(refusal) from None
        if not await accept(request, ws):
            return web.Response()
        assert ws.ws_protocol is not None
        connection = AiohttpConnection(
            request,
            ws,
            serializer=SERIALIZERS[ws.ws_protocol],
            limits=self.limits,
            http_session={"user_id": 7},
        )
        self.live.add(ws)
        self.live.add(connection)
        self.connections.append(connection)
        try:
            await self.serve(connection)
        finally:
            self.connections.remove(connection)
            await connection.close(1000, "")
        return ws

    async def stop(self, code: int, reason: str) -> None:
        """Stop the server as at SIGTERM, with last words for every client."""

        async def close_all(_: web.Application) -> None:
            for each in self.connections:
                each.write(each.codec.encode(["GOODBYE"]))
            await asyncio.gather(*(c.close(code, reason) for c in self.connections))

        self.shutting_down.append(close_all)
        await self.runner.cleanup()

    async def connect(self, **options: Any) -> ClientSocket:
        options.setdefault("protocols", ["wamp.2.json"])
        ws: ClientSocket = await self.session.ws_connect(self.url, **options)
        return ws


@asynccontextmanager
async def site(
    serve: Serve,
    *,
    compress: bool = False,
    tls: ssl.SSLContext | None = None,
    **limits: Any,
) -> AsyncIterator[Site]:
    served = Site(serve, replace(Limits(), **limits), compress=compress)
    app = web.Application()
    app.router.add_get("/ws", served.handle)

    async def shut_down(app: web.Application) -> None:
        for each in served.shutting_down:
            await each(app)

    app.on_shutdown.append(shut_down)
    # As it is served: aiohttp's test server cancels handlers when their client goes.
    runner = served.runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    try:
        listening = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
        await listening.start()
        port = runner.addresses[0][1]
        scheme = "https" if tls else "http"
        served.url = URL.build(scheme=scheme, host="127.0.0.1", port=port, path="/ws")
        async with aiohttp.ClientSession() as served.session:
            yield served
    finally:
        await runner.cleanup()


@pytest.fixture(params=["public", "fast"], autouse=True)
def _by_either_reader(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Site, "reader", request.param)


async def take_all(
    connection: AiohttpConnection, take: Callable[[str | bytes], None]
) -> None:
    """Take all messages as `serve` does: directly, as far as that goes."""
    connection.deliver(take)
    while (message := await connection.receive()) is not None:
        take(message)


async def echo(connection: AiohttpConnection) -> None:
    def answer(message: str | bytes) -> None:
        connection.write(connection.codec.encode([message]))

    await take_all(connection, answer)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - nobody could set an event
            await asyncio.sleep(0.01)


async def data_of(ws: ClientSocket) -> Any:
    message = await ws.receive(timeout=PATIENCE)
    assert message.type in (WSMsgType.TEXT, WSMsgType.BINARY), message
    return message.data


# Before the upgrade.


async def test_a_request_that_is_no_websocket_is_told_to_upgrade() -> None:
    async with site(echo) as served:
        response = await served.session.get(served.url)

        assert response.status == 426
        assert response.headers["Upgrade"] == "websocket"


@pytest.mark.parametrize("protocols", [[], ["wamp.2.cbor"], ["WAMP.2.JSON"]])
async def test_no_common_subprotocol_is_400_and_lists_what_is_offered(
    protocols: list[str],
) -> None:
    headers = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    }
    if protocols:
        headers["Sec-WebSocket-Protocol"] = ", ".join(protocols)
    async with site(echo) as served:
        response = await served.session.get(served.url, headers=headers)

        assert response.status == 400
        assert "wamp.2.json, wamp.2.msgpack" in await response.text()


async def test_a_broken_handshake_is_400() -> None:
    headers = {"Connection": "Upgrade", "Upgrade": "websocket"}
    async with site(echo) as served:
        assert (await served.session.get(served.url, headers=headers)).status == 400


async def test_the_transport_info_has_the_names_of_serverwamp() -> None:
    found: dict[str, Any] = {}

    async def serve(connection: AiohttpConnection) -> None:
        found.update(connection.transport_info)

    async with (
        site(serve) as served,
        served.session.ws_connect(
            served.url.with_query({"a": "ä"}),
            protocols=["wamp.2.json"],
            headers={"Cookie": "color=blue", "X-Header": "value"},
        ) as ws,
    ):
        await ws.receive()

    assert found.keys() == {
        "http_cookies",
        "http_headers_raw",
        "http_path",
        "http_path_raw",
        "http_query_string",
        "http_scheme",
        "http_session",
        "peer_address",
        "peer_certificate",
        "peer_certificate_raw",
    }
    assert found["http_cookies"] == {"color": "blue"}
    assert (b"X-Header", b"value") in found["http_headers_raw"]
    assert found["http_path"] == "/ws"
    assert found["http_path_raw"] == "/ws?a=%C3%A4"
    assert found["http_query_string"] == "a=ä"
    assert found["http_scheme"] == "http"
    assert found["http_session"] == {"user_id": 7}
    assert found["peer_address"] == "127.0.0.1"
    assert found["peer_certificate"] is None
    assert found["peer_certificate_raw"] is None


async def test_the_transport_info_needs_no_transport() -> None:
    class Gone(web.Request):
        @property
        def transport(self) -> None:
            return None

    from aiohttp.test_utils import make_mocked_request

    request = make_mocked_request("GET", "/ws")
    request.__class__ = Gone

    assert transport_info(request)["peer_address"] is None


# Frames.


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65535, 65536, 70_000])
@pytest.mark.parametrize("opcode", [WSMsgType.TEXT, WSMsgType.BINARY])
async def test_a_frame_of_every_header_length_is_read_by_aiohttp(
    size: int, opcode: WSMsgType
) -> None:
    payload = b"x" * size

    async def serve(connection: AiohttpConnection) -> None:
        connection.write(websocket_frame(payload, opcode))
        connection.write(websocket_frame(b"next", WSMsgType.TEXT))
        await connection.receive()

    async with site(serve) as served, await served.connect() as ws:
        message = await ws.receive(timeout=PATIENCE)
        assert message.type is opcode
        data = message.data
        assert (data.encode() if isinstance(data, str) else data) == payload
        assert await data_of(ws) == "next"


def test_headers_take_two_four_and_ten_bytes_and_no_mask() -> None:
    def header(size: int) -> bytes:
        frame = websocket_frame(bytes(size), WSMsgType.BINARY)
        return frame[: len(frame) - size]

    assert header(125) == b"\x82\x7d"
    assert header(126) == b"\x82\x7e\x00\x7e"
    assert header(65535) == b"\x82\x7e\xff\xff"
    assert header(65536) == b"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00"


@pytest.mark.parametrize("compress", [0, 15])
@pytest.mark.parametrize("protocol", list(SERIALIZERS))
async def test_messages_keep_their_kind_and_order(protocol: str, compress: int) -> None:
    received: list[str | bytes] = []
    serializer = SERIALIZERS[protocol]

    async def serve(connection: AiohttpConnection) -> None:
        def take(message: str | bytes) -> None:
            received.append(message)
            connection.write(connection.codec.encode([len(received)]))
            connection.write(connection.codec.encode(["same turn" * 100]))

        await take_all(connection, take)

    async with (
        site(serve, compress=True) as served,
        await served.connect(protocols=[protocol], compress=compress) as ws,
    ):
        for number in range(1, 4):
            await ws.send_str("text")
            await ws.send_bytes(b"bytes")
            for answer in (2 * number - 1, 2 * number):
                assert serializer.decode(await data_of(ws)) == [answer]
                assert serializer.decode(await data_of(ws)) == ["same turn" * 100]

    assert received == ["text", b"bytes"] * 3


async def test_connections_of_one_serializer_share_their_codec() -> None:
    codecs: list[object] = []

    async def serve(connection: AiohttpConnection) -> None:
        codecs.append(connection.codec)
        await connection.receive()

    async with site(serve) as served:
        for protocol in ("wamp.2.json", "wamp.2.json", "wamp.2.msgpack"):
            async with await served.connect(protocols=[protocol]):
                pass

    assert codecs[0] is codecs[1]
    assert codecs[0] is not codecs[2]


async def test_a_ping_is_answered_with_its_payload() -> None:
    async with (
        site(echo) as served,
        await served.connect(autoping=False) as ws,
    ):
        await ws.ping(b"payload")
        message = await ws.receive(timeout=PATIENCE)

        assert message.type is WSMsgType.PONG
        assert message.data == b"payload"


# The end.


async def test_what_is_queued_arrives_before_the_close_frame() -> None:
    async def serve(connection: AiohttpConnection) -> None:
        for number in range(100):
            connection.write(connection.codec.encode([number, "x" * 10_000]))
        await connection.close(1002, "wamp.error.protocol_violation")

    for compress in (0, 15):
        async with (
            site(serve, compress=True) as served,
            await served.connect(compress=compress) as ws,
        ):
            for number in range(100):
                assert (await data_of(ws)).startswith(f"[{number},")
            message = await ws.receive(timeout=PATIENCE)
            assert message.type is WSMsgType.CLOSE
            assert message.data == 1002
            assert message.extra == "wamp.error.protocol_violation"


async def test_a_long_reason_is_cut_at_a_character() -> None:
    async def serve(connection: AiohttpConnection) -> None:
        await connection.close(1000, "ä" * 200)

    async with site(serve) as served, await served.connect() as ws:
        message = await ws.receive(timeout=PATIENCE)
        assert message.extra == "ä" * 61


async def test_another_task_can_close_while_one_waits_in_receive() -> None:
    ended: list[object] = []

    async def serve(connection: AiohttpConnection) -> None:
        closer = asyncio.create_task(connection.close(1001, "going away"))
        ended.append(await connection.receive())
        await closer

    async with site(serve) as served, await served.connect() as ws:
        message = await ws.receive(timeout=PATIENCE)
        assert (message.data, message.extra) == (1001, "going away")
        await until(lambda: ended == [None])


async def test_closing_twice_and_after_the_end_is_harmless() -> None:
    ended: list[object] = []

    async def serve(connection: AiohttpConnection) -> None:
        ended.append(await connection.receive())
        await asyncio.gather(*(connection.close(1000, "") for _ in range(3)))
        connection.abort()
        connection.write(b"dropped")
        await connection.close(1000, "")
        ended.append(await connection.receive())

    async with site(serve) as served:
        ws = await served.connect()
        await ws.close()
        await until(lambda: ended == [None, None])


async def test_an_abort_ends_both_sides() -> None:
    ended: list[object] = []

    async def serve(connection: AiohttpConnection) -> None:
        asyncio.get_running_loop().call_soon(connection.abort)
        ended.append(await connection.receive())

    async with site(serve) as served, await served.connect() as ws:
        message = await ws.receive(timeout=PATIENCE)
        assert message.type in (WSMsgType.CLOSED, WSMsgType.ERROR)
        await until(lambda: ended == [None])


async def test_a_client_that_vanishes_ends_receive() -> None:
    ended: list[object] = []

    async def serve(connection: AiohttpConnection) -> None:
        ended.append(await connection.receive())
        connection.write(b"into the void")

    async with site(serve) as served:
        ws = await served.connect()
        drop(ws)
        await until(lambda: ended == [None])


def drop(ws: ClientSocket) -> None:
    """Have the client's end of the connection reset."""
    transport = ws.get_extra_info("socket")
    assert transport is not None
    assert ws._response.connection is not None
    assert ws._response.connection.transport is not None
    ws._response.connection.transport.abort()


async def test_a_message_over_the_limit_is_answered_with_1009() -> None:
    ended: list[object] = []

    async def serve(connection: AiohttpConnection) -> None:
        # Not to follow the close frame.
        await take_all(connection, lambda message: ended.append(len(message)))
        connection.write(connection.codec.encode(["too late"]))
        ended.append(None)

    async with (
        site(serve, max_message_size=1000) as served,
        await served.connect() as ws,
    ):
        await ws.send_str("x" * 1000)
        await ws.send_str("x" * 1001)
        message = await ws.receive(timeout=PATIENCE)
        assert message.type is WSMsgType.CLOSE
        assert message.data == 1009
        await until(lambda: ended == [1000, None])


async def test_a_deaf_client_does_not_hold_up_close() -> None:
    closed = asyncio.Event()

    async def serve(connection: AiohttpConnection) -> None:
        for _ in range(200):
            connection.write(connection.codec.encode(["x" * 100_000]))
        await connection.close(1000, "")
        closed.set()

    async with (
        site(serve, close_timeout=0.1, max_pending_bytes=None) as served,
        stopped_reader(served) as (reader, _),
    ):
        await asyncio.wait_for(closed.wait(), PATIENCE)
        await until(lambda: not alive(served))
        # Nor does its socket wait for it: what it had not taken by then is lost.
        assert len(await all_bytes(reader)) < 200 * 100_000


async def all_bytes(reader: asyncio.StreamReader) -> bytes:
    """Read to the end, or to the reset, of the connection."""
    data = b""
    with suppress(ConnectionError):
        while chunk := await asyncio.wait_for(reader.read(2**20), PATIENCE):
            data += chunk
    return data


async def test_nothing_follows_the_close_frame() -> None:
    async def serve(connection: AiohttpConnection) -> None:
        # Pings fall due while the client is waited for, which never answers.
        await connection.close(1000, "")

    async with (
        site(serve, heartbeat=0.1, close_timeout=0.5) as served,
        stopped_reader(served) as (reader, _),
    ):
        assert await all_bytes(reader) == websocket_frame(b"\x03\xe8", WSMsgType.CLOSE)


# The closing handshake, byte by byte.


def masked(opcode: int, payload: bytes = b"", size: int | None = None) -> bytes:
    """Return a client's frame, masked with zeros; `size` is the length it claims."""
    size = len(payload) if size is None else size
    if size < 126:
        header = bytes([0x80 | opcode, 0x80 | size])
    else:
        header = bytes([0x80 | opcode, 0xFF]) + size.to_bytes(8, "big")
    return header + bytes(4) + payload


def close_frame(code: int, reason: bytes = b"") -> bytes:
    return websocket_frame(code.to_bytes(2, "big") + reason, WSMsgType.CLOSE)


def masked_close(code: int) -> bytes:
    return masked(WSMsgType.CLOSE, code.to_bytes(2, "big"))


async def to_the_end(reader: asyncio.StreamReader) -> bytes:
    """Read until the server ends the connection; a reset is an error here."""
    return await asyncio.wait_for(reader.read(-1), PATIENCE)


async def close_when_told(connection: AiohttpConnection) -> None:
    await connection.receive()
    await connection.close(1001, "bye")


async def close_from_another_task(connection: AiohttpConnection) -> None:
    await connection.receive()
    closer = asyncio.create_task(connection.close(1001, "bye"))
    await take_all(connection, lambda message: None)
    await closer


CLOSERS = [close_when_told, close_from_another_task]


@pytest.mark.parametrize("serve", CLOSERS)
async def test_a_closing_server_writes_one_close_frame_and_ends_the_connection(
    serve: Serve,
) -> None:
    # Only the client's close frame can end this one in time.
    async with (
        site(serve, close_timeout=1000.0) as served,
        stopped_reader(served) as (reader, writer),
    ):
        writer.write(masked_text(b"go"))
        frame = await reader.readexactly(len(close_frame(1001, b"bye")))
        assert frame == close_frame(1001, b"bye")
        writer.write(masked_close(1001))

        assert await to_the_end(reader) == b""
        await until(lambda: not alive(served))


@pytest.mark.parametrize("serve", CLOSERS)
async def test_both_sides_closing_at_once_write_one_close_frame_each(
    serve: Serve,
) -> None:
    async with (
        site(serve, close_timeout=1000.0) as served,
        stopped_reader(served) as (reader, writer),
    ):
        writer.write(masked_text(b"go") + masked_close(1000))

        # Whichever the server noticed first.
        assert await to_the_end(reader) in (
            close_frame(1001, b"bye"),
            close_frame(1000),
        )


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize(
    ("code", "answer"),
    [
        (None, 1000),
        (1000, 1000),
        (1001, 1001),
        (3000, 3000),
        (4999, 4999),
        # These may not be sent (RFC 6455 7.4).
        (1005, 1002),
        (1006, 1002),
        (1015, 1002),
        (999, 1002),
        (5000, 1002),
    ],
)
async def test_a_clients_close_frame_is_answered_with_its_code(
    code: int | None, answer: int, compress: bool
) -> None:
    async with (
        site(echo, close_timeout=1000.0, compress=compress) as served,
        stopped_reader(served, compress=compress) as (reader, writer),
    ):
        writer.write(masked(WSMsgType.CLOSE) if code is None else masked_close(code))

        assert await to_the_end(reader) == close_frame(answer)


async def test_what_is_queued_precedes_the_answer_to_a_close_frame() -> None:
    async with (
        site(echo, close_timeout=1000.0) as served,
        stopped_reader(served) as (reader, writer),
    ):
        writer.write(masked_text(b"last words") + masked_close(1000))

        said = websocket_frame(b'["last words"]', WSMsgType.TEXT)
        assert await to_the_end(reader) == said + close_frame(1000)


#: More than the buffers of both kernels hold: who sends it has to be read from.
FLOOD = 16 * 2**20


async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send much, and read nothing before all of it has been taken."""
    writer.transport.pause_reading()  # type: ignore[attr-defined] # a Transport
    for _ in range(FLOOD // 2**16):
        writer.write(masked(WSMsgType.BINARY, bytes(2**16)))
    await asyncio.wait_for(writer.drain(), PATIENCE)
    writer.transport.resume_reading()  # type: ignore[attr-defined] # as above


@pytest.mark.parametrize("serve", CLOSERS)
@pytest.mark.parametrize("compress", [False, True])
async def test_a_client_that_is_sending_loses_no_last_word(
    serve: Serve, compress: bool
) -> None:
    """REQ-TRN-011: every client that reads gets the message and the close frame."""

    async def with_goodbye(connection: AiohttpConnection) -> None:
        connection.write(connection.codec.encode(["GOODBYE"]))
        await serve(connection)

    async with (
        site(with_goodbye, close_timeout=1000.0, compress=compress) as served,
        stopped_reader(served) as (reader, writer),
    ):
        writer.write(masked_text(b"go"))
        await flood(reader, writer)
        writer.write(masked_close(1001))

        goodbye = websocket_frame(b'["GOODBYE"]', WSMsgType.TEXT)
        assert await to_the_end(reader) == goodbye + close_frame(1001, b"bye")


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (masked(WSMsgType.BINARY, size=FLOOD + 6), 1009),
        (masked(WSMsgType.TEXT, b"\xff"), 1007),
        (masked(0x3), 1002),
        (masked(0x40 | WSMsgType.TEXT), 1002),
        (masked(WSMsgType.CLOSE, b"x"), 1002),
    ],
)
async def test_a_bad_frame_gets_its_close_code_whatever_is_sent_behind_it(
    frame: bytes, code: int
) -> None:
    async with (
        site(echo, close_timeout=1000.0) as served,
        stopped_reader(served) as (reader, writer),
    ):
        writer.write(frame)
        await flood(reader, writer)

        # The server does not understand the answer, but does not wait for it either.
        writer.write(masked_close(code))
        assert await to_the_end(reader) == close_frame(code)
        writer.close()
        await until(lambda: not alive(served))


@pytest.mark.parametrize("hides", [close_when_told, echo])
async def test_a_client_that_answers_nothing_is_let_go(hides: Serve) -> None:
    async with (
        site(hides, close_timeout=0.3) as served,
        stopped_reader(served) as (reader, writer),
    ):
        writer.write(masked_text(b"go"))
        await reader.readexactly(2)
        if hides is echo:
            writer.write(masked(0x3))
        await reader.read(-1)

        # It has not closed its end.
        await until(lambda: not alive(served))


async def test_a_congested_client_is_heard_out_as_well() -> None:
    """Neither side reads before the other does: the server has to."""
    congested = asyncio.Event()

    async def serve(connection: AiohttpConnection) -> None:
        async def close() -> None:
            await congested.wait()
            await connection.close(1001, "bye")

        closer = asyncio.create_task(close())

        def take(message: str | bytes) -> None:
            connection.write(connection.codec.encode(["x" * 1_000_000]))

        await take_all(connection, take)
        await closer

    async with (
        site(serve, max_pending_bytes=16_000_000, close_timeout=1000.0) as served,
        stopped_reader(served) as (reader, writer),
    ):
        writer.write(masked_text(b"go") * 100)
        await until(lambda: any(waits_for_room(each) for each in served.live))
        congested.set()
        await flood(reader, writer)
        writer.write(masked_close(1001))

        assert (await to_the_end(reader)).endswith(close_frame(1001, b"bye"))


def waits_for_room(each: object) -> bool:
    return isinstance(each, AiohttpConnection) and each._room is not None


async def test_a_reader_that_is_cancelled_leaves_the_hearing_to_the_closer() -> None:
    async def serve(connection: AiohttpConnection) -> None:
        receiver = asyncio.create_task(connection.receive())
        await asyncio.sleep(0)
        closer = asyncio.create_task(connection.close(1001, "bye"))
        await asyncio.sleep(0)
        receiver.cancel()
        await closer

    async with (
        site(serve, close_timeout=1000.0) as served,
        stopped_reader(served) as (reader, writer),
    ):
        await flood(reader, writer)
        writer.write(masked_close(1001))

        assert await to_the_end(reader) == close_frame(1001, b"bye")


async def test_a_closer_that_is_cancelled_still_releases_the_connection() -> None:
    async def serve(connection: AiohttpConnection) -> None:
        closer = asyncio.create_task(connection.close(1001, "bye"))
        await asyncio.sleep(0.01)
        closer.cancel()
        await connection.close(1000, "")

    async with (
        site(serve, close_timeout=1000.0) as served,
        stopped_reader(served) as (reader, _),
    ):
        assert await to_the_end(reader) == close_frame(1001, b"bye")
        await until(lambda: not alive(served))


@pytest.mark.parametrize("leaves", [False, True])
async def test_a_server_that_stops_sends_busy_clients_away_and_waits_for_none(
    leaves: bool,
) -> None:
    """security.md rule 14. While it stops aiohttp drops whatever clients say."""

    async def busy(served: Site) -> bytes:
        async with stopped_reader(served) as (reader, writer):
            said = b""
            while not said.endswith(close_frame(1001, b"bye")):
                writer.write(masked_text(b"go") * 50)
                said += await asyncio.wait_for(reader.read(2**16), PATIENCE)
            writer.write(masked_close(1001))
            # Browsers wait for the server to end the connection.
            return said if leaves else said + await to_the_end(reader)

    async with site(echo, close_timeout=PATIENCE) as served:
        clients = [asyncio.create_task(busy(served)) for _ in range(100)]
        await until(lambda: len(served.connections) == 100)
        async with asyncio.timeout(PATIENCE / 2):
            await served.stop(1001, "bye")
        for said in await asyncio.gather(*clients):
            assert said.count(websocket_frame(b'["GOODBYE"]', WSMsgType.TEXT)) == 1
            assert said.endswith(close_frame(1001, b"bye"))


def alive(served: Site) -> list[Any]:
    gc.collect()
    return list(served.live)


@pytest.mark.parametrize("compress", [0, 15])
@pytest.mark.parametrize("who", ["server", "client", "reset", "violation"])
async def test_a_closed_connection_is_released_at_once(who: str, compress: int) -> None:
    async def serve(connection: AiohttpConnection) -> None:
        await echo_once(connection)
        if who == "server":
            await connection.close(1000, "")
        else:
            await connection.receive()

    async with site(
        serve, compress=True, max_message_size=100, heartbeat=1000.0
    ) as served:
        for _ in range(3):
            ws = await served.connect(compress=compress)
            await ws.send_str("hello")
            await data_of(ws)
            if who == "reset":
                drop(ws)
            elif who == "client":
                await ws.close()
            else:
                if who == "violation":
                    await ws.send_str("x" * 200)
                await ws.receive(timeout=PATIENCE)
        await until(lambda: not alive(served))


async def echo_once(connection: AiohttpConnection) -> None:
    message = await connection.receive()
    connection.write(connection.codec.encode([message]))


# Clients that do not read.


@asynccontextmanager
async def stopped_reader(
    served: Site, *, compress: bool = False, tls: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Connect a client that does not read after the upgrade by itself."""
    reader, writer = await asyncio.open_connection(
        served.url.host, served.url.port, limit=1024, ssl=tls
    )
    writer.write(
        b"GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
        b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
        b"Sec-WebSocket-Protocol: wamp.2.json\r\n"
        + b"Sec-WebSocket-Extensions: permessage-deflate\r\n" * compress
        + b"\r\n"
    )
    await reader.readuntil(b"\r\n\r\n")
    try:
        yield reader, writer
    finally:
        writer.transport.abort()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)


def masked_text(payload: bytes) -> bytes:
    """Return a short client's frame, masked with zeros."""
    assert len(payload) < 126
    return bytes([0x81, 0x80 | len(payload), 0, 0, 0, 0]) + payload


async def test_a_client_that_does_not_read_is_cut_and_the_others_get_everything(
    caplog: pytest.LogCaptureFixture,
) -> None:
    connections: list[AiohttpConnection] = []

    async def serve(connection: AiohttpConnection) -> None:
        connections.append(connection)
        await connection.receive()
        connections.remove(connection)

    async with (
        site(serve, max_pending_bytes=200_000) as served,
        await served.connect() as healthy,
        stopped_reader(served),
    ):
        await until(lambda: len(connections) == 2)
        received = asyncio.create_task(receive_numbers(healthy, 400))
        for number in range(400):
            # What the kernel takes for a client that does not read is some megabytes.
            for connection in connections:
                connection.write(connection.codec.encode([number, "x" * 50_000]))
            await asyncio.sleep(0)
            if number % 2:
                await until(
                    lambda: not received.done() and healthy_is_read(connections)
                )
        assert await asyncio.wait_for(received, PATIENCE) == list(range(400))
        await until(lambda: len(connections) == 1)

    assert caplog.text.count("connection cut") == 1


def healthy_is_read(connections: list[AiohttpConnection]) -> bool:
    return not connections[0]._outbox.is_congested


async def receive_numbers(ws: ClientSocket, count: int) -> list[int]:
    numbers = []
    for _ in range(count):
        text = await data_of(ws)
        numbers.append(int(text[1 : text.index(",")]))
    return numbers


async def test_a_client_that_does_not_read_is_not_read_from() -> None:
    served_messages = 0

    async def serve(connection: AiohttpConnection) -> None:
        def take(message: str | bytes) -> None:
            nonlocal served_messages
            served_messages += 1
            connection.write(connection.codec.encode(["x" * 100_000]))

        await take_all(connection, take)

    async with (
        site(serve, max_pending_bytes=2_000_000) as served,
        stopped_reader(served) as (_, writer),
    ):
        writer.write(masked_text(b"go") * 1000)
        before = -1
        while before < served_messages:
            before = served_messages
            await asyncio.sleep(0.2)

        assert 0 < served_messages < 1000
        # Not cut either: it was stopped before it could be owed too much.
        assert alive(served)


async def test_a_client_that_pings_and_does_not_read_is_cut_at_the_deadline(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Pongs go past the queue: the client is not read from, and then not kept."""
    written = 0

    async with (
        site(echo, max_pending_bytes=200_000, write_deadline=0.5) as served,
        stopped_reader(served) as (reader, writer),
    ):
        (connection,) = served.connections
        reader._transport.pause_reading()  # type: ignore[attr-defined]  # not public
        pings = masked(0x9, b"x" * 125) * 500
        with suppress(ConnectionError):
            while alive(served) and written < 20_000_000:
                writer.write(pings)
                written += len(pings)
                # A busy machine may be slow before the server has stopped reading.
                with suppress(TimeoutError):
                    async with asyncio.timeout(0.2):
                        await writer.drain()
        await until(lambda: not served.connections)
        assert connection._outbox.cut

    assert "no byte was taken" in caplog.text


@pytest.mark.parametrize("compress", [0, 15])
async def test_reading_goes_on_when_the_client_has_caught_up(compress: int) -> None:
    async def serve(connection: AiohttpConnection) -> None:
        numbers = count()

        def take(message: str | bytes) -> None:
            answer = [next(numbers), "x" * 100_000]
            connection.write(connection.codec.encode(answer))

        await take_all(connection, take)

    async with (
        site(serve, compress=True, max_pending_bytes=1_000_000) as served,
        await served.connect(compress=compress) as ws,
    ):
        for _ in range(200):
            await ws.send_str("go")
        # The server has long stopped reading before the client starts.
        await asyncio.sleep(0.2)
        assert await receive_numbers(ws, 200) == list(range(200))


async def test_a_client_that_takes_nothing_until_the_deadline_is_cut(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ended: list[object] = []

    async def serve(connection: AiohttpConnection) -> None:
        for _ in range(200):
            connection.write(connection.codec.encode(["x" * 100_000]))
        ended.append(await connection.receive())

    async with (
        site(serve, max_pending_bytes=None, write_deadline=0.2) as served,
        stopped_reader(served),
    ):
        await until(lambda: ended == [None])

    assert "no byte was taken" in caplog.text


# The heartbeat.


async def kind_of_next(ws: ClientSocket) -> WSMsgType:
    message = await ws.receive(timeout=PATIENCE)
    return message.type


async def test_a_silent_client_is_pinged_and_cut_when_it_does_not_answer(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with (
        site(echo, heartbeat=0.1) as served,
        await served.connect(autoping=False) as ws,
    ):
        kinds = [await kind_of_next(ws)]
        while kinds[-1] is WSMsgType.PING:
            kinds.append(await kind_of_next(ws))

        assert kinds[0] is WSMsgType.PING
        assert kinds[-1] in (WSMsgType.CLOSED, WSMsgType.ERROR)

    assert "no answer to a ping" in caplog.text


async def test_a_client_that_answers_pings_is_kept() -> None:
    async with (
        site(echo, heartbeat=0.1) as served,
        await served.connect(autoping=False) as ws,
    ):
        for _ in range(5):
            message = await ws.receive(timeout=PATIENCE)
            assert message.type is WSMsgType.PING
            await ws.pong(message.data)
        await ws.send_str("still here")
        while (message := await ws.receive(timeout=PATIENCE)).type is WSMsgType.PING:
            await ws.pong(message.data)
        assert message.data == '["still here"]'


async def test_many_connections_written_to_in_one_turn_are_flushed_by_one_callback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connections: list[AiohttpConnection] = []

    async def serve(connection: AiohttpConnection) -> None:
        connections.append(connection)
        await connection.receive()

    async with site(serve) as served:
        clients = [await served.connect() for _ in range(10)]
        await until(lambda: len(connections) == 10)
        flushers = {connection._outbox._flusher for connection in connections}
        assert len(flushers) == 1
        for connection in connections:
            connection.write(connection.codec.encode([1]))
        [flusher] = flushers
        assert flusher is not None
        assert len(flusher._dirty) == 10
        for client in clients:
            assert await data_of(client) == "[1]"
            await client.close()


# TLS.


@dataclass(slots=True)
class Tls:
    """Contexts that trust one self-signed certificate, which both sides have."""

    certificate: bytes  # DER
    server: ssl.SSLContext
    client: ssl.SSLContext
    nameless: ssl.SSLContext


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    certificate, path = self_signed(tmp_path_factory.mktemp("tls") / "both.pem")
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=path)
    server.verify_mode = ssl.CERT_OPTIONAL
    server.load_cert_chain(path)
    client, nameless = (ssl.create_default_context(cafile=path) for _ in range(2))
    client.load_cert_chain(path)
    return Tls(certificate, server, client, nameless)


def self_signed(path: Path) -> tuple[bytes, Path]:
    """Write a key and its certificate for 127.0.0.1; return the certificate as DER."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    address = x509.IPAddress(ip_address("127.0.0.1"))
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    path.write_bytes(
        key.private_bytes(
            pem,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(pem)
    )
    return certificate.public_bytes(serialization.Encoding.DER), path


async def test_messages_travel_over_tls_and_both_sides_part_in_peace(tls: Tls) -> None:
    """REQ-TRN-045."""
    async with (
        site(echo, tls=tls.server, close_timeout=1000.0) as served,
        await served.connect(ssl=tls.client) as ws,
    ):
        await ws.send_str("x" * 300_000)
        assert await data_of(ws) == f'["{"x" * 300_000}"]'
        await ws.close(code=3000)
        assert ws.close_code == 3000
        await until(lambda: not alive(served))


async def test_the_certificate_of_a_tls_client_is_in_the_transport_info(
    tls: Tls,
) -> None:
    found: list[Any] = []

    async def serve(connection: AiohttpConnection) -> None:
        info = connection.transport_info
        found.append((info["peer_certificate"], info["peer_certificate_raw"]))

    async with site(serve, tls=tls.server) as served:
        for context in (tls.client, tls.nameless):
            async with await served.connect(ssl=context) as ws:
                await ws.receive(timeout=PATIENCE)

    [(certificate, raw), without] = found
    assert certificate["subject"] == ((("commonName", "127.0.0.1"),),)
    assert raw == tls.certificate
    assert without == (None, None)


@pytest.mark.parametrize("serve", CLOSERS)
async def test_a_client_that_is_sending_over_tls_loses_no_last_word(
    serve: Serve, tls: Tls
) -> None:
    """REQ-TRN-011"""
    async with (
        site(serve, tls=tls.server, close_timeout=1000.0) as served,
        stopped_reader(served, tls=tls.client) as (reader, writer),
    ):
        writer.write(masked_text(b"go"))
        await flood(reader, writer)
        writer.write(masked_close(1001))

        assert await to_the_end(reader) == close_frame(1001, b"bye")


@pytest.mark.parametrize("burst", [False, True])
async def test_a_client_that_does_not_read_over_tls_is_cut(
    tls: Tls, caplog: pytest.LogCaptureFixture, burst: bool
) -> None:
    ended: list[object] = []

    async def serve(connection: AiohttpConnection) -> None:
        for _ in range(200):
            connection.write(connection.codec.encode(["x" * 100_000]))
            if not burst:
                await asyncio.sleep(0)
        ended.append(await connection.receive())

    async with (
        site(
            serve, tls=tls.server, max_pending_bytes=None, write_deadline=0.2
        ) as served,
        stopped_reader(served, tls=tls.client),
    ):
        await until(lambda: ended == [None])
        await until(lambda: not alive(served))

    assert "no byte was taken" in caplog.text


async def test_a_tls_client_that_answers_nothing_is_let_go(tls: Tls) -> None:
    async with (
        site(close_when_told, tls=tls.server, close_timeout=0.3) as served,
        stopped_reader(served, tls=tls.client) as (reader, writer),
    ):
        writer.write(masked_text(b"go"))
        await reader.readexactly(len(close_frame(1001, b"bye")))

        await until(lambda: not alive(served))
