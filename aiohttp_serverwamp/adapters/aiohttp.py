"""WebSocket connections of an aiohttp server.

Frames are written straight to the transport, joined for each turn of the event loop
(the header is ours, RFC 6455 5.2); only clients that negotiated compression go through
`WebSocketResponse.send_frame`. Reading is left to aiohttp.

The heartbeat is ours as well. aiohttp's is re-armed by data that arrives while a
connection is being closed, which keeps the closed connection alive until it fires.
"""

from __future__ import annotations

import asyncio
import logging
import struct
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from aiohttp import WSMsgType, web

from aiohttp_serverwamp.adapters.asyncio import AsyncioAsyncSupport
from aiohttp_serverwamp.adapters.heartbeat import Heartbeat
from aiohttp_serverwamp.adapters.outbox import Flusher, Outbox
from aiohttp_serverwamp.serializers.frame import SerializerCodec

if TYPE_CHECKING:
    from aiohttp_serverwamp.interfaces import Serializer
    from aiohttp_serverwamp.limits import Limits

__all__ = ["AiohttpConnection", "accept", "transport_info", "websocket_frame"]

logger = logging.getLogger("aiohttp_serverwamp.adapters")

#: A close frame holds 125 bytes, two of them the code (RFC 6455 5.5).
MAX_CLOSE_REASON = 123

#: How often a connection that is being closed looks whether its last bytes have left.
DRAIN_CHECK = 0.01

#: Stands for no limit where a transport wants a number: 2 GiB.
UNLIMITED = 2**31

_FIN = 0x80
_SHORT = struct.Struct("!BB").pack
_MEDIUM = struct.Struct("!BBH").pack
_LONG = struct.Struct("!BBQ").pack

_Framing = Callable[[bytes], bytes]


def websocket_frame(payload: bytes, opcode: int) -> bytes:
    """Return a whole, unmasked, uncompressed WebSocket frame (RFC 6455 5.2)."""
    size = len(payload)
    if size < 126:
        return _SHORT(_FIN | opcode, size) + payload
    if size < 65536:
        return _MEDIUM(_FIN | opcode, 126, size) + payload
    return _LONG(_FIN | opcode, 127, size) + payload


def _text_frame(payload: bytes) -> bytes:
    return websocket_frame(payload, WSMsgType.TEXT)


def _binary_frame(payload: bytes) -> bytes:
    return websocket_frame(payload, WSMsgType.BINARY)


# One for each serializer and framing: connections that share a codec share encoded
# bytes.
_codecs: dict[tuple[Serializer, _Framing | None], SerializerCodec] = {}

# The outboxes keep their flusher, and with it the loop, alive; nothing else does.
_flushers: WeakValueDictionary[asyncio.AbstractEventLoop, Flusher] = (
    WeakValueDictionary()
)


def _codec_for(serializer: Serializer, *, framed: bool) -> SerializerCodec:
    framing = (_binary_frame if serializer.binary else _text_frame) if framed else None
    codec = _codecs.get((serializer, framing))
    if codec is None:
        codec = _codecs[serializer, framing] = SerializerCodec(serializer, framing)
    return codec


def _flusher_for(loop: asyncio.AbstractEventLoop) -> Flusher:
    flusher = _flushers.get(loop)
    if flusher is None:
        flusher = _flushers[loop] = Flusher(
            call_soon=loop.call_soon, call_later=loop.call_later, now=loop.time
        )
    return flusher


def transport_info(request: web.Request) -> dict[str, Any]:
    """Return what is known of a client's transport, under the names of serverwamp.

    ``http_cookies`` (dict), ``http_headers_raw`` (list of pairs of bytes),
    ``http_path``, ``http_path_raw``, ``http_query_string``, ``peer_address`` (as the
    socket gives it), ``peer_certificate`` (a dict) and ``peer_certificate_raw`` (DER),
    None without TLS.
    """
    transport = request.transport
    peer = tls = None
    if transport is not None:
        peer = transport.get_extra_info("peername")
        tls = transport.get_extra_info("ssl_object")
    return {
        "http_cookies": dict(request.cookies),
        "http_headers_raw": list(request.raw_headers),
        "http_path": request.path,
        "http_path_raw": request.raw_path,
        "http_query_string": request.query_string,
        "peer_address": peer,
        "peer_certificate": tls and tls.getpeercert(),
        "peer_certificate_raw": tls and tls.getpeercert(binary_form=True),
    }


async def accept(
    request: web.Request,
    *,
    subprotocols: Sequence[str],
    max_message_size: int | None,
    close_timeout: float,
    compress: bool = False,
) -> web.WebSocketResponse | None:
    """Upgrade a request to a WebSocket that speaks one of `subprotocols`.

    Raises `HTTPUpgradeRequired` (426) for an ordinary request and `HTTPBadRequest`
    (400) for a client that offers none of the subprotocols or a broken handshake,
    always before the upgrade. Returns None when the client has gone in the middle of
    it.

    There is no `heartbeat` here: `AiohttpConnection` has its own.
    """
    if request.headers.get("Upgrade", "").strip().lower() != "websocket":
        raise _upgrade_required()
    ws = web.WebSocketResponse(
        protocols=subprotocols,
        timeout=close_timeout,
        autoping=False,
        compress=compress,
        # aiohttp refuses what is as large as its limit.
        max_msg_size=max_message_size + 1 if max_message_size else 0,
    )
    ready = ws.can_prepare(request)
    if ready.ok and ready.protocol is None:
        raise _no_common_subprotocol(subprotocols)
    try:
        await ws.prepare(request)
    except ConnectionResetError:  # the client's going is nobody's fault
        return None
    return ws


def _upgrade_required() -> web.HTTPException:
    return web.HTTPUpgradeRequired(
        headers={"Upgrade": "websocket", "Connection": "Upgrade"},
        text="This address speaks WAMP over WebSocket only.\n",
    )


def _no_common_subprotocol(subprotocols: Sequence[str]) -> web.HTTPException:
    return web.HTTPBadRequest(
        text="No WebSocket subprotocol in common. Offered here: "
        f"{', '.join(subprotocols)}\n"
    )


class AiohttpConnection:
    """One client's WebSocket; implements `Connection`.

    To be made right after `accept`, in the task of the request. Whoever made it must
    call `close` at the end, also after `abort`: it takes back everything the connection
    holds.

    `http_session` is the mapping put into `transport_info`; of `limits`, `heartbeat`,
    `close_timeout`, `max_pending_bytes` and `write_deadline` are used. `label` names
    the connection in the log.
    """

    __slots__ = (
        "__weakref__",
        "_close_timeout",
        "_closing",
        "_ended",
        "_heartbeat",
        "_outbox",
        "_request",
        "_support",
        "_task",
        "_transport",
        "_ws",
        "codec",
        "transport_info",
    )

    def __init__(
        self,
        request: web.Request,
        ws: web.WebSocketResponse,
        *,
        serializer: Serializer,
        limits: Limits,
        http_session: Mapping[str, Any] | None = None,
        label: str | None = None,
    ) -> None:
        info = transport_info(request)
        if http_session is not None:
            info["http_session"] = dict(http_session)
        loop = asyncio.get_running_loop()
        self.transport_info: Mapping[str, Any] = info
        self.codec = _codec_for(serializer, framed=not ws.compress)
        self._request = request
        self._ws = ws
        self._transport = request.transport
        self._close_timeout = limits.close_timeout
        self._closing: asyncio.Future[None] | None = None
        self._ended = self._transport is None
        self._support = AsyncioAsyncSupport()
        self._outbox = self._make_outbox(limits, label, _flusher_for(loop))
        self._heartbeat = Heartbeat(limits.heartbeat, self._ping, self._unresponsive)
        # The one task that may wait for this client, where it negotiated compression.
        self._task = self._start_writer(serializer) if ws.compress else None

    async def receive(self) -> str | bytes | None:
        """Wait for the next message: text, binary, or None once closed.

        Waits before reading while more than half of `max_pending_bytes` waits to be
        sent.
        """
        # Hot path.
        ws = self._ws
        outbox = self._outbox
        protocol = self._request.protocol
        while not self._ended:
            if protocol.writing_paused or outbox.is_congested:
                await self._wait_for_room()
            message = await ws.receive()
            self._heartbeat.heard = True
            kind = message.type
            if kind is WSMsgType.TEXT or kind is WSMsgType.BINARY:
                data: str | bytes = message.data
                return data
            if kind is WSMsgType.PING:
                self._write_control(WSMsgType.PONG, message.data)
            elif kind is not WSMsgType.PONG:
                self._ended = True
        return None

    def write(self, data: bytes) -> None:
        """Queue bytes made by `codec`; they leave at the end of this loop turn."""
        self._outbox.put(data)

    async def close(self, code: int, reason: str) -> None:
        """Send what is queued, then close; at most `close_timeout` seconds.

        May be called by several tasks and while another one waits in `receive`, which
        then
        returns None. The transport has been released when it returns.
        """
        if self._closing is not None:
            # Not awaited directly: a future that is awaited is cancelled with its
            # waiter.
            await asyncio.wait([self._closing])
            return
        self._closing = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(self._close_timeout):
                await self._close_gently(code, reason)
        except TimeoutError:
            logger.debug("a client did not take its leave in time; dropped")
        finally:
            self._release()
            self._closing.set_result(None)
        if self._task is not None:
            await asyncio.wait([self._task])

    def abort(self) -> None:
        """Drop the connection at once; what is queued is lost."""
        self._ended = True
        self._heartbeat.stop()
        self._outbox.close()
        if self._transport is not None:
            self._transport.abort()

    def _make_outbox(
        self, limits: Limits, label: str | None, flusher: Flusher
    ) -> Outbox:
        outbox = Outbox(
            label=label or f"client {self.transport_info['peer_address']}",
            abort=self.abort,
            max_pending_bytes=limits.max_pending_bytes,
            write_deadline=limits.write_deadline,
            buffered=self._buffered,
            flusher=flusher,
            sink=None if self._ws.compress else self._write_frames,
        )
        if self._transport is None:
            outbox.close()
        elif not self._ws.compress:
            high = (limits.max_pending_bytes or UNLIMITED) // 2
            self._transport.set_write_buffer_limits(high=high)
        return outbox

    def _buffered(self) -> int:
        if self._transport is None:
            return 0
        try:
            return self._transport.get_write_buffer_size()
        except AttributeError:  # asyncio's TLS transport, once it has been closed twice
            return 0

    def _write_frames(self, data: bytes) -> None:
        # After aiohttp's own close frame nothing may follow (RFC 6455 5.5.1).
        if self._transport is None or self._transport.is_closing() or self._ws.closed:
            self._outbox.close()
        else:
            self._transport.write(data)

    def _write_control(self, opcode: WSMsgType, payload: bytes) -> None:
        self._write_frames(websocket_frame(payload, opcode))

    def _ping(self) -> None:
        self._write_control(WSMsgType.PING, b"")

    def _unresponsive(self) -> None:
        self._outbox.cut_off("no answer to a ping")

    async def _wait_for_room(self) -> None:
        if self._task is not None:
            await self._outbox.wait_for_room(self._support)
            return
        # Messages that came together are handled in one turn of the loop: without this
        # their answers would pile up, the transport unasked.
        self._outbox.flush_now()
        try:
            await self._request.writer.drain()
        except ConnectionError:
            return  # `receive` is about to find out
        except asyncio.CancelledError:
            # All who wait for one transport wait for the same future: when another of
            # them is cancelled, this one looks cancelled too.
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise

    def _start_writer(self, serializer: Serializer) -> asyncio.Task[None]:
        opcode = WSMsgType.BINARY if serializer.binary else WSMsgType.TEXT

        async def send(payload: bytes) -> None:
            await self._ws.send_frame(payload, opcode)

        return asyncio.create_task(self._run_writer(send))

    async def _run_writer(self, send: Callable[[bytes], Awaitable[None]]) -> None:
        try:
            await self._outbox.run_writer(send, self._support)
        except Exception as error:
            # The reader notices the loss of the connection by itself.
            logger.debug("writing to a client ended: %r", error)

    async def _close_gently(self, code: int, reason: str) -> None:
        self._outbox.finish()
        if self._task is not None:
            await asyncio.wait([self._task])
        try:
            # drain=False: see `_wait_for_room`; what is buffered is waited for below.
            message = _close_reason(reason)
            await self._ws.close(code=code, message=message, drain=False)
        except Exception as error:
            logger.debug("closing a connection that is gone: %r", error)
        # Polled: a transport tells no one when its last byte has left.
        while self._buffered():  # noqa: ASYNC110
            await asyncio.sleep(DRAIN_CHECK)

    def _release(self) -> None:
        self._ended = True
        self._heartbeat.stop()
        self._outbox.close()
        if self._task is not None:
            self._task.cancel()
        if self._transport is None:
            return
        if self._buffered():
            # close() would wait for the client to read, which it does not.
            self._transport.abort()
        elif not self._transport.is_closing():
            self._transport.close()


def _close_reason(reason: str) -> bytes:
    cut = reason.encode("utf-8", "replace")[:MAX_CLOSE_REASON]
    return cut.decode("utf-8", "ignore").encode()
