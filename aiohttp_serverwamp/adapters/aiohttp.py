"""WebSocket connections of an aiohttp server.

Frames are written straight to the transport, joined for each turn of the event loop
(the header is ours, RFC 6455 5.2). Compressed ones go through
`WebSocketResponse.send_frame`; those and TLS are waited for, by a task for each
connection. So are the others while events that may be dropped wait for their clients,
for as long as these are behind. Reading is left to aiohttp, unless messages are
delivered directly; see `aiohttp_fast_reader`.

The closing handshake is ours: a connection whose client is still sending must not be
closed, or the client's kernel throws away what the client has not read yet. So what
comes after our close frame is read and dropped until the client's own has come.

The heartbeat is ours as well. aiohttp's is re-armed by data that arrives while a
connection is being closed, which keeps the closed connection alive until it fires.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakValueDictionary

from aiohttp import WebSocketError, WSMessage, WSMsgType, web

from aiohttp_serverwamp.adapters.aiohttp_socket import keep_unsent, transport_info
from aiohttp_serverwamp.adapters.asyncio import AsyncioAsyncSupport, AsyncioTimer
from aiohttp_serverwamp.adapters.heartbeat import Heartbeat, Pulse
from aiohttp_serverwamp.adapters.outbox import BEHIND, Flusher, Outbox
from aiohttp_serverwamp.adapters.websocket import (
    BINARY,
    CLOSE,
    PING,
    PONG,
    TEXT,
    answer_to_close,
    close_payload,
    codec_for,
    websocket_frame,
)

if TYPE_CHECKING:
    from aiohttp_serverwamp.adapters.aiohttp_fast_reader import DirectReading
    from aiohttp_serverwamp.adapters.aiohttp_socket import UpgradedSocket
    from aiohttp_serverwamp.interfaces import Serializer
    from aiohttp_serverwamp.limits import Limits, SlowConsumer

__all__ = ["AiohttpConnection"]

logger = logging.getLogger("aiohttp_serverwamp.adapters")

#: Seconds that a client has to answer a close frame before this end of the connection
#: is shut as well, for those that wait for it. aiohttp lets no answer through while its
#: server shuts down, nor after a frame that it could not read.
SHUT_AFTER = 0.25

#: Seconds between two looks at a connection that nobody reports the end of, at most.
MAX_CHECK = 0.05

#: Stands for no limit where a transport wants a number: 2 GiB.
UNLIMITED = 2**31

#: Bytes given to TLS before it is waited for. It passes what it has been given on to a
#: transport below, where nothing tells of it.
TLS_WRITE = 65536

#: Frames that are no messages, or too late, which are passed over before everybody else
#: has a turn. Thousands of pings may come in one read.
FRAMES_A_TURN: Final = 20

#: Of half an interval, in which heartbeats take turns.
PARTS = 16

# The outboxes keep their flusher, and with it the loop, alive; nothing else does.
_flushers: WeakValueDictionary[asyncio.AbstractEventLoop, Flusher] = (
    WeakValueDictionary()
)


def _flusher() -> Flusher:
    loop = asyncio.get_running_loop()
    flusher = _flushers.get(loop)
    if flusher is None:
        flusher = _flushers[loop] = Flusher(
            call_soon=loop.call_soon, call_later=loop.call_later, now=loop.time
        )
    return flusher


_SUPPORT = AsyncioAsyncSupport()

#: One for each event loop and interval; kept by the heartbeats.
_pulses: WeakValueDictionary[tuple[asyncio.AbstractEventLoop, float], Pulse] = (
    WeakValueDictionary()
)


def _pulse(interval: float | None) -> Pulse | None:
    if not interval:
        return None
    loop = asyncio.get_running_loop()
    pulse = _pulses.get((loop, interval))
    if pulse is None:
        pulse = _pulses[loop, interval] = Pulse(
            interval, make_timer=AsyncioTimer, now=loop.time, parts=PARTS
        )
    return pulse


class AiohttpConnection:
    """One client's WebSocket; implements `Connection`.

    To be made right after `accept`, in the task of the request. Whoever made it must
    call `close` at the end, also after `abort`: it takes back everything the connection
    holds.

    `describe` returns the `transport_info` of `request` and `http_session`, when that
    is first asked for. Of `limits`, `heartbeat`, `close_timeout`, `max_pending_bytes`,
    `max_droppable_bytes` and `write_deadline` are used. `label` names the connection in
    the log.
    """

    __slots__ = (
        "__weakref__",
        "_close_timeout",
        "_closing",
        "_describe",
        "_direct",
        "_ended",
        "_handover",
        "_has_offers",
        "_heartbeat",
        "_http_session",
        "_info",
        "_most_buffered",
        "_outbox",
        "_reading",
        "_request",
        "_room",
        "_said_close",
        "_shutting",
        "_task",
        "_unawaited",
        "_transport",
        "_ws",
        "codec",
        "write",
    )

    def __init__(
        self,
        request: web.Request,
        ws: UpgradedSocket,
        *,
        serializer: Serializer,
        limits: Limits,
        http_session: Any = None,
        label: str | None = None,
        describe: Callable[[web.Request, Any], Mapping[str, Any]] = transport_info,
    ) -> None:
        self._info: Mapping[str, Any] | None = None
        self._describe = describe
        self._http_session = http_session
        self.codec = codec_for(serializer, framed=not ws.compress)
        self._request = request
        self._ws = ws
        self._transport = request.transport
        tls = ws.get_extra_info("sslcontext") is not None
        # What the transport may hold back before nothing more is read.
        self._most_buffered = (limits.max_pending_bytes or UNLIMITED) // 2
        self._close_timeout = limits.close_timeout
        self._closing: asyncio.Future[None] | None = None
        self._said_close = False
        # Nothing more will be read.
        self._ended = self._transport is None
        # A task is in `receive`; and what tells the one that closes that it has left.
        self._reading = False
        self._handover: asyncio.Future[None] | None = None
        # What passes messages by the queue, where it is possible and wanted.
        self._direct: DirectReading | None = None
        self._room: asyncio.Future[None] | None = None
        self._shutting: asyncio.TimerHandle | None = None
        self._outbox = self._make_outbox(limits, label, _flusher(), tls=tls)
        #: Queue bytes made by `codec`; they leave at the end of this loop turn.
        self.write: Callable[[bytes], None] = self._outbox.put
        # Whether there were events that may be dropped.
        self._has_offers = False
        self._heartbeat = Heartbeat(
            _pulse(limits.heartbeat), self._ping, self._unresponsive
        )
        # Bytes written since the transport was last waited for.
        self._unawaited = 0
        # The one task that may wait for this client, where sending has to be awaited.
        self._task: asyncio.Task[None] | None = None
        if ws.compress or tls:
            send = self._send_compressed if ws.compress else self._send_over_tls
            self._task = asyncio.create_task(self._run_writer(send))

    @property
    def transport_info(self) -> Mapping[str, Any]:
        """What is known of the client's transport; put together on first use."""
        if self._info is None:
            self._info = self._describe(self._request, self._http_session)
        return self._info

    @transport_info.setter
    def transport_info(self, info: Mapping[str, Any]) -> None:
        self._info = info

    @property
    def traffic(self) -> Outbox:
        """What waits to be sent, and how much was."""
        return self._outbox

    async def receive(self) -> str | bytes | None:
        """Wait for the next message: text, binary, or None once closed.

        Waits before reading while more than half of `max_pending_bytes` waits to be
        sent. What comes while the connection is being closed is dropped.
        """
        # Hot path.
        if self._reading:
            return None  # `close` hears the client out
        self._reading = True
        try:
            ws, outbox, direct = self._ws, self._outbox, self._direct
            passed_over = 0
            while not self._ended:
                if outbox.is_congested:
                    await self.wait_for_room()
                if direct is None:
                    message = await ws.receive()
                else:
                    direct.begin()
                    try:
                        message = await ws.receive()
                    finally:
                        direct.pause()
                self._heartbeat.heard = True
                kind = message.type
                if kind is WSMsgType.TEXT or kind is WSMsgType.BINARY:
                    if self._closing is None:
                        data: str | bytes = message.data
                        return data
                elif kind is WSMsgType.PING:
                    self._write_control(PONG, message.data)
                elif kind is not WSMsgType.PONG:
                    await self._take_leave(message)
                passed_over += 1
                if not passed_over % FRAMES_A_TURN:
                    await asyncio.sleep(0)
            return None
        finally:
            self._reading = False
            if self._handover is not None and not self._handover.done():
                self._handover.set_result(None)

    def deliver(self, take: Callable[[str | bytes], None]) -> None:
        """Give messages to `take` as they come, as far as that goes.

        To be called by the task that will `receive`; while it waits there, messages may
        reach `take` directly. Others are returned to it, in the same order.
        """
        if self._closing is None:
            self._direct = self._ws.read_directly(take, self._outbox, self._heartbeat)

    async def wait_for_room(self) -> None:
        """Wait while more than half of `max_pending_bytes` waits to be sent."""
        if not self._outbox.is_congested:
            return
        # Messages that came together are handled in one turn of the loop: without this
        # their answers would pile up, the transport unasked.
        if self._task is None:
            self._outbox.flush_now()
        if self._closing is not None:
            return
        # In a task of its own, which `close` can end without ending this one.
        self._room = asyncio.ensure_future(self._room_is_made())
        try:
            await asyncio.wait([self._room])
        finally:
            self._room.cancel()
            self._room = None

    def offer(
        self, data: bytes, policy: SlowConsumer, key: Hashable
    ) -> Sequence[Hashable] | None:
        """Queue an event that may be dropped while the client is behind."""
        if not self._has_offers:
            self._has_offers = True
            keep_unsent(self._transport, BEHIND)
        return self._outbox.offer(data, policy, key)

    async def close(self, code: int, reason: str) -> None:
        """Send what is queued, then close; at most `close_timeout` seconds.

        Waits for the client's close frame, and drops what comes before it. May be
        called by several tasks, and while another one waits in `receive`, which then
        returns None. The transport has been released when it returns.
        """
        if self._closing is not None:
            # Not awaited directly: a future is cancelled with who awaits it.
            await asyncio.wait([self._closing])
            return
        self._closing = asyncio.get_running_loop().create_future()
        self._heartbeat.stop()
        if self._direct is not None:
            self._direct.stop()
        if self._room is not None:
            self._room.cancel()
        try:
            if not await self._has_gone():
                async with asyncio.timeout(self._close_timeout):
                    await self._shake_hands(code, reason)
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
        self, limits: Limits, label: str | None, flusher: Flusher, *, tls: bool
    ) -> Outbox:
        buffered = self._buffered
        if self._transport is not None and not tls:
            # Without a detour: it is asked at every flush.
            buffered = self._transport.get_write_buffer_size
        outbox = Outbox(
            label=label or f"client {self._request.remote}",
            abort=self.abort,
            max_pending_bytes=limits.max_pending_bytes,
            max_droppable_bytes=limits.max_droppable_bytes,
            write_deadline=limits.write_deadline,
            buffered=buffered,
            flusher=flusher,
            sink=None if tls or self._ws.compress else self._write_frames,
            on_behind=self._begin_to_wait,
        )
        if self._transport is None:
            outbox.close()
        elif tls:
            self._transport.set_write_buffer_limits(high=TLS_WRITE)
        elif not self._ws.compress:
            self._transport.set_write_buffer_limits(high=self._most_buffered)
        return outbox

    def _buffered(self) -> int:
        if self._transport is None:
            return 0
        try:
            return self._transport.get_write_buffer_size()
        except AttributeError:  # asyncio's TLS transport, once it has been closed twice
            return 0

    def _write_frames(self, data: bytes) -> None:
        # After the close frame nothing may follow (RFC 6455 5.5.1).
        if self._transport is None or self._transport.is_closing() or self._said_close:
            self._outbox.close()
        else:
            self._transport.write(data)

    def _write_control(self, opcode: int, payload: bytes) -> None:
        frame = websocket_frame(payload, opcode)
        self._write_frames(frame)
        self._outbox.wrote_beside(len(frame))

    def _ping(self) -> None:
        self._write_control(PING, b"")

    def _unresponsive(self) -> None:
        self._outbox.cut_off("no answer to a ping")

    async def _room_is_made(self) -> None:
        if self._task is not None:
            await self._outbox.wait_for_room(_SUPPORT)
        with suppress(ConnectionError):  # `receive` is about to find out
            await self._request.writer.drain()

    async def _send_compressed(self, payload: bytes) -> None:
        opcode = BINARY if self.codec.serializer.binary else TEXT
        await self._ws.send_frame(payload, WSMsgType(opcode))
        await self._wait_for_transport(len(payload))

    async def _send_over_tls(self, frame: bytes) -> None:
        self._write_frames(frame)
        await self._wait_for_transport(len(frame))

    async def _wait_for_transport(self, written: int) -> None:
        self._unawaited += written
        if self._unawaited >= TLS_WRITE:
            self._unawaited = 0
            # uvloop looks what its transports hold back at the end of a turn only.
            await asyncio.sleep(0)
            await self._request.writer.drain()

    async def _run_writer(self, send: Callable[[bytes], Awaitable[None]]) -> None:
        try:
            await self._outbox.run_writer(send, _SUPPORT)
        except Exception as error:
            # The reader notices the loss of the connection by itself.
            logger.debug("writing to a client ended: %r", error)

    # --- While the client is behind, and events may be dropped ----------------------

    def _begin_to_wait(self) -> None:
        task = asyncio.create_task(self._catch_up())
        # An eager task, which the application may prefer, can be over at once.
        self._task = None if task.done() else task

    async def _catch_up(self) -> None:
        """Give the transport no more than it can take, until the client has it all."""
        transport = self._transport
        assert transport is not None, "without one the outbox is closed"
        transport.set_write_buffer_limits(high=BEHIND)
        try:
            await self._outbox.catch_up(self._request.writer.drain, self._write_frames)
        except Exception as error:
            logger.debug("writing to a client ended: %r", error)
        finally:
            if not transport.is_closing():
                transport.set_write_buffer_limits(high=self._most_buffered)
            self._task = None

    # --- The end -------------------------------------------------------------------

    async def _take_leave(self, message: WSMessage) -> None:
        """Answer what ends the messages of a client: its close frame, or a bad one."""
        self._ended = True
        if message.type is WSMsgType.CLOSE:
            await self._say_close(answer_to_close(message.data), "")
            if self._transport is not None:
                # The server's part (RFC 6455 7.1.1). Nothing unread can be there.
                self._transport.close()
        elif isinstance(message.data, WebSocketError):
            await self._say_close(message.data.code, "")

    async def _say_close(self, code: int, reason: str) -> None:
        """Send what is queued and the one close frame."""
        self._outbox.finish()
        task = self._task
        if task is not None:
            await asyncio.wait([task], timeout=self._close_timeout)
            if not task.done():
                return
        if not self._said_close:
            self._write_control(CLOSE, close_payload(code, reason))
            self._said_close = True

    async def _has_gone(self) -> bool:
        """Tell whether there is nobody any more to take leave of."""
        if not self._ended:
            return False
        if self._transport is not None and self._transport.is_closing():
            # Where nothing waits to be sent, the next turn of the loop is its last.
            await asyncio.sleep(0)
        return self._request.transport is None

    async def _shake_hands(self, code: int, reason: str) -> None:
        await self._say_close(code, reason)
        self._shut_later()
        try:
            await self._hear_out()
            await self._be_gone()
        finally:
            if self._shutting is not None:
                self._shutting.cancel()

    async def _hear_out(self) -> None:
        """Read until the client has taken its leave, unless another task does."""
        while not self._ended:
            if self._reading:
                self._handover = asyncio.get_running_loop().create_future()
                await self._handover
            else:
                await self.receive()

    async def _be_gone(self) -> None:
        # Polled: once nothing is read, nobody is told of the end of a connection.
        pause = 0.0
        while self._request.transport is not None:
            await asyncio.sleep(pause)
            pause = min(MAX_CHECK, 2 * pause + 0.001)

    def _shut_later(self) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        delay = self._close_timeout / 2
        if self._transport.can_write_eof():
            delay = min(SHUT_AFTER, delay)
        self._shutting = asyncio.get_running_loop().call_later(delay, self._shut)

    def _shut(self) -> None:
        """Tell the client that nothing more comes; what it sends is still taken."""
        if self._transport is None or self._transport.is_closing():
            return
        if self._buffered() or not self._said_close:
            self._shut_later()
        elif self._transport.can_write_eof():
            with suppress(OSError):  # it has just gone
                self._transport.write_eof()
        else:
            # TLS cannot be shut on one side, but takes leave by itself.
            self._transport.close()

    def _release(self) -> None:
        self._ended = True
        self._direct = None
        self._heartbeat.stop()
        self._outbox.close()
        if self._task is not None:
            self._task.cancel()
        if self._transport is not None and self._request.transport is not None:
            # close() would wait for a client that does not read.
            self._transport.abort()
