"""What connections have in common whose sending has to be awaited.

A task of its own empties the outbox, and alone may wait for the client. What it waits
for may hang while the client does not read, and cannot always be cancelled: so nobody
waits for this task without a limit, and a timer finds out that nothing moves.

The end comes in time, whatever the client does: what is queued is sent, the client is
told that it is over, and is heard out until it has gone.
"""

from __future__ import annotations

import logging
from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from aiohttp_serverwamp.adapters.outbox import Outbox

if TYPE_CHECKING:
    from aiohttp_serverwamp.interfaces import AsyncSupport, Codec, TaskRunner, Waiter
    from aiohttp_serverwamp.limits import Limits, SlowConsumer

__all__ = ["LEAST_CLOSE_TIMEOUT", "SendingTaskConnection", "label_of"]

logger = logging.getLogger("aiohttp_serverwamp.adapters")

#: Seconds to send what is queued at the end, however little `Limits.close_timeout` is.
LEAST_CLOSE_TIMEOUT: Final = 0.1


class SendingTaskConnection:
    """Implements `Connection`; subclasses read, send and say that it is over.

    `tasks` own what it needs to run. Whoever made it must call `close` at the end, also
    after `abort`, and leave `tasks` then. Of `limits`, `close_timeout`,
    `max_pending_bytes`, `max_droppable_bytes` and `write_deadline` are used, the latter
    for what is sent at once.
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
        "_outbox",
        "_reading",
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

    #: Bytes that are sent at once, of a frame or several; 0 is one frame at a time.
    _at_once = 0

    def __init__(
        self,
        *,
        codec: Codec,
        limits: Limits,
        support: AsyncSupport,
        tasks: TaskRunner,
        transport_info: Mapping[str, Any],
    ) -> None:
        self.codec = codec
        self.transport_info = transport_info
        self._support = support
        self._close_timeout = max(limits.close_timeout, LEAST_CLOSE_TIMEOUT)
        self._outbox = Outbox(
            label=label_of(transport_info),
            abort=self.abort,
            max_pending_bytes=limits.max_pending_bytes,
            max_droppable_bytes=limits.max_droppable_bytes,
        )
        self._deadline = limits.write_deadline or 0.0
        self._sending_since: float | None = None
        self._timer_set = False
        self._timer = support.timer(tasks, self._check_progress)
        # Nothing more will be read; and nothing can be written either.
        self._ended = self._lost = False
        self._interruption = support.interruption()
        # A task is in `receive`; and what tells the one that closes that it has left.
        self._reading = False
        self._gone: Waiter[None] = support.waiter()
        # The code and reason with which it is, or is to be, closed.
        self._farewell: tuple[int, str] | None = None
        self._closing = self._closed = False
        self._waiting: list[Waiter[None]] = []
        self._written: Waiter[None] = support.waiter()
        self._writer = tasks.start(self._write)

    # --- What subclasses do -------------------------------------------------------

    @property
    def traffic(self) -> Outbox:
        """What waits to be sent, and how much was."""
        return self._outbox

    async def _read(self) -> Any:
        """Wait for something from the client; never None."""
        raise NotImplementedError

    def _message_in(self, read: Any) -> str | bytes | None:
        """Return the message in what was read, if it is one.

        Otherwise it may be the end (`_ended`, `_lose`), or a reason for one
        (`_say_close`).
        """
        raise NotImplementedError

    async def _send(self, data: Any) -> None:
        """Send what was queued: bytes, or with `_at_once` a memoryview of them."""
        raise NotImplementedError

    async def _send_farewell(self, code: int, reason: str) -> None:
        """Tell the client that nothing more comes."""
        raise NotImplementedError

    # --- Moving frames ------------------------------------------------------------

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
                read = await self._interruption.wait(self._read)
                if read is None:
                    self._ended = True
                    break
                dropped = self._farewell is not None
                message = self._message_in(read)
                if not dropped and (message is not None or self._farewell is not None):
                    return message
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
        """Queue bytes made by `codec`; the sending task sends them."""
        self._outbox.put(data)

    def offer(
        self, data: bytes, policy: SlowConsumer, key: Hashable
    ) -> Sequence[Hashable] | None:
        """Queue an event that may be dropped while the client is behind."""
        return self._outbox.offer(data, policy, key)

    async def _write(self) -> None:
        try:
            await self._outbox.run_writer(
                self._send_in_time, self._support, at_once=self._at_once
            )
            if self._farewell is not None and not self._lost:
                await self._send_farewell(*self._farewell)
        except Exception as error:
            # Mostly that the client has gone; what else it may be ends it too.
            logger.debug("writing to a client ended: %r", error)
            self.abort()
        finally:
            self._sending_since = None
            self._written.set_result(None)

    async def _send_in_time(self, data: Any) -> None:
        # Hot path: runs for every frame to every client.
        if self._deadline:
            self._sending_since = self._support.now()
            if not self._timer_set:
                self._timer_set = True
                self._timer.set(self._sending_since + self._deadline)
        await self._send(data)
        self._sending_since = None

    def _check_progress(self) -> None:
        """Cut a client that has not taken in time what was sent at once."""
        self._timer_set = False
        since = self._sending_since
        if since is None:
            return
        if self._support.now() - since >= self._deadline:
            self._outbox.cut_for_silence(self._deadline)
        else:
            self._timer_set = True
            self._timer.set(since + self._deadline)

    # --- The end ------------------------------------------------------------------

    async def close(self, code: int, reason: str) -> None:
        """Send what is queued, then close; at most `close_timeout` seconds.

        Waits until the client has gone, and drops what comes before that. May be called
        by several tasks, and while another one waits in `receive`, which then returns
        None.
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

    def abort(self) -> None:
        """Drop the connection at once; what is queued is lost."""
        self._lose()
        self._interruption.end()
        self._writer.cancel()

    def _lose(self) -> None:
        self._ended = self._lost = True
        self._outbox.close()

    def _say_close(self, code: int, reason: str) -> None:
        """Have the sending task end, and say so to the client, once."""
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


def label_of(transport_info: Mapping[str, Any]) -> str:
    """Return what the log calls a client: its address, or its process if local."""
    if credentials := transport_info.get("peer_credentials"):
        return f"client of process {credentials[0]}"
    return f"client {transport_info['peer_address'] or 'without an address'}"
