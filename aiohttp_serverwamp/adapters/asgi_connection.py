"""WebSocket connections of ASGI servers, under any async library.

Frames, pings and close frames are the server's. Here is what ASGI leaves to the
application: what waits to be sent to one client, by a task that alone may wait for it,
and ends that come in time.

A server's `send` may hang, or not be cancellable, while a client does not read. So
nobody waits for the writing task without a limit.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from aiohttp_serverwamp.adapters.outbox import Outbox
from aiohttp_serverwamp.adapters.websocket import codec_for

if TYPE_CHECKING:
    from aiohttp_serverwamp.interfaces import (
        AsyncSupport,
        Serializer,
        TaskRunner,
        Waiter,
    )
    from aiohttp_serverwamp.limits import Limits

__all__ = ["ASGIConnection", "Receive", "Send"]

# Each server has types of its own for what goes in and out.
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]

logger = logging.getLogger("aiohttp_serverwamp.adapters")

MESSAGE_TOO_BIG: Final = 1009

#: Seconds to send what is queued at the end, however little `Limits.close_timeout` is.
LEAST_CLOSE_TIMEOUT: Final = 0.1


class ASGIConnection:
    """One client's WebSocket, accepted already; implements `Connection`.

    `tasks` own what it needs to run. Whoever made it must call `close` at the end, also
    after `abort`, and leave `tasks` then. Of `limits`, `close_timeout`,
    `max_message_size`, `max_pending_bytes` and `write_deadline` are used.
    """

    __slots__ = (
        "__weakref__",
        "_close_timeout",
        "_closed",
        "_closing",
        "_deadline",
        "_ended",
        "_farewell",
        "_gone",
        "_interruption",
        "_lost",
        "_max_size",
        "_outbox",
        "_reading",
        "_receive",
        "_send",
        "_sending_since",
        "_support",
        "_timer",
        "_timer_set",
        "_waiting",
        "_writer",
        "_written",
        "codec",
        "transport_info",
    )

    def __init__(
        self,
        receive: Receive,
        send: Send,
        *,
        serializer: Serializer,
        limits: Limits,
        support: AsyncSupport,
        tasks: TaskRunner,
        transport_info: Mapping[str, Any],
    ) -> None:
        self.codec = codec_for(serializer, framed=False)
        self.transport_info = transport_info
        self._receive = receive
        self._send = send
        self._support = support
        self._close_timeout = max(limits.close_timeout, LEAST_CLOSE_TIMEOUT)
        self._max_size = limits.max_message_size or sys.maxsize
        self._outbox = Outbox(
            label=f"client {transport_info['peer_address']}",
            abort=self.abort,
            max_pending_bytes=limits.max_pending_bytes,
        )
        # Nothing more will be read; and nothing can be written either.
        self._ended = self._lost = False
        self._interruption = support.interruption()
        # A task is in `receive`; and what tells the one that closes that it has left.
        self._reading = False
        self._gone: Waiter[None] = support.waiter()
        # The code and reason of the close frame that is, or is to be, sent.
        self._farewell: tuple[int, str] | None = None
        self._closing = self._closed = False
        self._waiting: list[Waiter[None]] = []
        # The server says nothing of the bytes it holds back: a frame is what counts.
        self._deadline = limits.write_deadline or 0.0
        self._sending_since: float | None = None
        self._timer_set = False
        self._timer = support.timer(tasks, self._check_progress)
        self._written: Waiter[None] = support.waiter()
        self._writer = tasks.start(self._write)

    async def receive(self) -> str | bytes | None:
        """Wait for the next message: text, binary, or None once closed.

        Waits before reading while more than half of `max_pending_bytes` waits to be
        sent. What comes while the connection is being closed is dropped.
        """
        # Hot path.
        self._reading = True
        try:
            while not self._ended:
                await self.wait_for_room()
                event = await self._interruption.wait(self._receive)
                if event is None:
                    self._ended = True
                elif event["type"] == "websocket.disconnect":
                    self._lose()
                elif self._farewell is None:
                    data: str | bytes | None = event.get("text")
                    if data is None:
                        data = event.get("bytes") or b""
                    if not self._is_too_large(data):
                        return data
                    self._say_close(MESSAGE_TOO_BIG, "")
                    return None
            return None
        finally:
            self._reading = False
            self._gone.set_result(None)

    async def wait_for_room(self) -> None:
        """Wait while more than half of `max_pending_bytes` waits to be sent."""
        # Hot path.
        if self._outbox.is_congested:
            await self._outbox.wait_for_room(self._support)

    def write(self, data: bytes) -> None:
        """Queue bytes made by `codec`; the writing task sends them."""
        self._outbox.put(data)

    async def close(self, code: int, reason: str) -> None:
        """Send what is queued, then close; at most `close_timeout` seconds.

        Waits until the server has said that the client is gone, and drops what comes
        before that. May be called by several tasks, and while another one waits in
        `receive`, which then returns None.
        """
        self._say_close(code, reason)
        if self._closing:
            if not self._closed:
                self._waiting.append(self._support.waiter())
                await self._waiting[-1].wait()
            return
        self._closing = True
        try:
            await self._support.wait_at_most(self._close_timeout, self._take_leave)
        finally:
            self.abort()
            self._closed = True
            for waiter in self._waiting:
                waiter.set_result(None)
            self._waiting.clear()

    def stop_reading(self) -> None:
        """Have `receive` return None: the server will bring nothing more.

        What is written is still sent, until `close` is through.
        """
        self._interruption.end()

    def abort(self) -> None:
        """Drop the connection at once; what is queued is lost."""
        self._lose()
        self._interruption.end()
        self._writer.cancel()

    def _lose(self) -> None:
        self._ended = self._lost = True
        self._outbox.close()

    def _is_too_large(self, data: str | bytes) -> bool:
        limit = self._max_size
        if isinstance(data, bytes) or len(data) > limit:
            return len(data) > limit
        # A character takes four bytes at most.
        return 4 * len(data) > limit and len(data.encode()) > limit

    # --- Sending ------------------------------------------------------------------

    async def _write(self) -> None:
        try:
            await self._outbox.run_writer(self._send_frame, self._support)
            if self._farewell is not None and not self._lost:
                code, reason = self._farewell
                await self._send(
                    {"type": "websocket.close", "code": code, "reason": reason}
                )
        except Exception as error:
            # Mostly that the client has gone; what else it may be ends it too.
            logger.debug("writing to a client ended: %r", error)
            self.abort()
        finally:
            self._sending_since = None
            self._written.set_result(None)

    async def _send_frame(self, payload: bytes) -> None:
        # Hot path: runs for every frame to every client.
        if self._deadline:
            self._sending_since = self._support.now()
            if not self._timer_set:
                self._timer_set = True
                self._timer.set(self._sending_since + self._deadline)
        if self.codec.serializer.binary:
            await self._send({"type": "websocket.send", "bytes": payload})
        else:
            await self._send({"type": "websocket.send", "text": payload.decode()})
        self._sending_since = None

    def _check_progress(self) -> None:
        """Cut a client that has not taken a frame in time."""
        self._timer_set = False
        since = self._sending_since
        if since is None:
            return
        if self._support.now() - since >= self._deadline:
            self._outbox.cut_off(f"no byte was taken for {self._deadline:g} s")
        else:
            self._timer_set = True
            self._timer.set(since + self._deadline)

    # --- The end ------------------------------------------------------------------

    def _say_close(self, code: int, reason: str) -> None:
        """Have the writing task end, and send the one close frame."""
        if self._farewell is None:
            self._farewell = (code, reason)
            self._outbox.finish()

    async def _take_leave(self) -> None:
        await self._written.wait()
        if self._reading:
            self._gone = self._support.waiter()
            await self._gone.wait()
        else:
            await self.receive()
