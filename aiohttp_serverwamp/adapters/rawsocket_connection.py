"""RawSocket connections: frames on a stream of bytes, under any async library (8.2)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from aiohttp_serverwamp.adapters.heartbeat import Heartbeat, Pulse
from aiohttp_serverwamp.adapters.rawsocket_protocol import (
    MESSAGE,
    PING,
    PONG,
    Agreement,
    FrameReader,
    FramingError,
    codec_for,
    rawsocket_frame,
)
from aiohttp_serverwamp.adapters.sending_task import SendingTaskConnection, label_of

if TYPE_CHECKING:
    from aiohttp_serverwamp.interfaces import AsyncSupport, ByteStream, TaskRunner
    from aiohttp_serverwamp.limits import Limits

__all__ = ["RawSocketConnection"]

logger = logging.getLogger("aiohttp_serverwamp.adapters")

PROTOCOL_ERROR: Final = 1002

#: Messages that are taken before everybody else has a turn.
FRAMES_A_TURN: Final = 50

#: What `_read` returns besides messages: the client has sent its last, the connection
#: is broken, or what it brings is no frame.
_OVER, _LOST, _BROKEN = object(), object(), object()


class RawSocketConnection(SendingTaskConnection):
    """One client's RawSocket, its opening handshake done; implements `Connection`.

    The codes that it is closed with are told nobody: RawSocket has none. With `pings`
    it pings the client, and gives it up without an answer; of `limits`, `heartbeat` is
    used besides those that `SendingTaskConnection` uses.
    """

    __slots__ = ("_binary", "_frames", "_heartbeat", "_stream", "_take", "_taken")

    # A record of TLS. Also what has to be taken in a write deadline.
    _at_once = 2**14

    def __init__(
        self,
        stream: ByteStream,
        agreement: Agreement,
        *,
        limits: Limits,
        support: AsyncSupport,
        tasks: TaskRunner,
        transport_info: Mapping[str, Any],
        pings: bool = False,
    ) -> None:
        self._stream = stream
        self._frames = FrameReader(agreement.max_incoming)
        self._frames.feed(agreement.rest)
        self._taken = 0
        self._take: Callable[[str | bytes], None] | None = None
        self._binary = agreement.serializer.binary
        super().__init__(
            codec=codec_for(agreement.serializer, agreement.max_outgoing),
            limits=limits,
            support=support,
            tasks=tasks,
            transport_info=transport_info,
        )
        pulse = None
        if pings and limits.heartbeat:
            # Of its own: timers of other libraries belong to some connection.
            pulse = Pulse(
                limits.heartbeat,
                make_timer=lambda callback: support.timer(tasks, callback),
                now=support.now,
            )
        self._heartbeat = Heartbeat(pulse, self._ping, self._unresponsive)

    def deliver(self, take: Callable[[str | bytes], None]) -> None:
        """Give messages to `take` as they come, while `receive` is waited for."""
        self._take = take

    async def close(self, code: int, reason: str) -> None:
        """Send what is queued, then close; at most `close_timeout` seconds.

        The client hears that nothing more comes, and is waited for to close as well:
        closed while it is still sending, it would lose what it has not read.
        """
        await super().close(code, reason)
        # It refers to this connection: without it, it can be freed at once.
        self._take = None
        await self._stream.released()

    def abort(self) -> None:
        """Drop the connection at once; what is queued is lost."""
        super().abort()
        self._heartbeat.stop()
        self._stream.abort()

    def _say_close(self, code: int, reason: str) -> None:
        super()._say_close(code, reason)
        self._heartbeat.stop()

    async def _read(self) -> Any:
        """Wait for a message, and answer pings; otherwise return how it ended."""
        # Hot path.
        while True:
            try:
                payload = None if self._farewell else self._next_message()
            except FramingError as error:
                self._log_broken(error)
                return _BROKEN
            if payload is not None:
                self._taken += 1
                if not self._taken % FRAMES_A_TURN:
                    await self._support.sleep(0)
                if self._take is None:
                    return payload
                self._take(self._message(payload))
                if self._outbox.is_congested:
                    await self.wait_for_room()
                continue
            if self._outbox.is_congested:  # with answers to pings, perhaps
                await self.wait_for_room()
            try:
                data = await self._stream.receive()
            except OSError:
                return _LOST
            if not data:
                return _OVER
            if self._farewell is None:
                self._frames.feed(data)

    def _next_message(self) -> bytes | None:
        # Hot path.
        pongs: list[bytes] = []
        try:
            while frame := self._frames.next():
                # Not at every byte: one now and then would keep a client for ever.
                self._heartbeat.heard = True
                kind, payload = frame
                if kind == MESSAGE:
                    return payload
                if kind == PING:
                    pongs.append(rawsocket_frame(payload, PONG))
            return None
        finally:
            if pongs:
                # As one: many short ones that wait would take many times their bytes.
                self._outbox.put(b"".join(pongs))

    def _log_broken(self, error: FramingError) -> None:
        logger.info("%s: RawSocket ended: %s", label_of(self.transport_info), error)

    def _message_in(self, read: Any) -> str | bytes | None:
        # Hot path.
        if read is _LOST:
            self._lose()
        elif read is _OVER:
            # It sends nothing more; perhaps it reads on.
            self._ended = True
        elif read is _BROKEN:
            self._say_close(PROTOCOL_ERROR, "")
        else:
            return self._message(read)
        return None

    def _message(self, payload: bytes) -> str | bytes:
        """Return a message as its serializer has it; bytes that are no text as bytes.

        Of these the session will say that they are not what the serializer has.
        """
        # Hot path.
        if self._binary:
            return payload
        try:
            return payload.decode()
        except UnicodeDecodeError:
            return payload

    async def _send(self, data: bytes | memoryview) -> None:
        await self._stream.send(data)

    async def _send_farewell(self, code: int, reason: str) -> None:
        await self._stream.send_eof()

    def _ping(self) -> None:
        self._outbox.put(rawsocket_frame(b"", PING))

    def _unresponsive(self) -> None:
        self._outbox.cut_off("no answer to a ping")
