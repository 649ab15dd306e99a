"""Two linked ends of a connection within one process, for tests and local clients."""

from __future__ import annotations

import logging
import sys
from collections import deque
from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aiohttp_serverwamp.adapters.outbox import BEHIND
from aiohttp_serverwamp.router.backlog import Backlog

if TYPE_CHECKING:
    from aiohttp_serverwamp.interfaces import AsyncSupport, Codec, Waiter
    from aiohttp_serverwamp.limits import SlowConsumer

__all__ = ["MemoryConnection", "linked_connections"]

logger = logging.getLogger("aiohttp_serverwamp.adapters")


def linked_connections(
    support: AsyncSupport,
    codec: Codec,
    *,
    max_pending_bytes: int | None = None,
    max_droppable_bytes: int | None = None,
    transport_info: Mapping[str, Any] | None = None,
) -> tuple[MemoryConnection, MemoryConnection]:
    """Return the server's and the client's end of a new connection.

    `max_pending_bytes` may wait to be read by the client before it is cut, as on a
    socket; over half of it, the server's end stops reading. Of events that may be
    dropped `max_droppable_bytes` may wait besides. The client's end has no limit: two
    ends that each wait for the other to read would wait for ever. `codec` must not add
    framing.
    """
    limits = (max_pending_bytes, max_droppable_bytes)
    server = MemoryConnection(support, codec, limits, transport_info or {})
    client = MemoryConnection(support, codec, (None, None), {})
    server.link(client)
    client.link(server)
    return server, client


class MemoryConnection:
    """One end; implements `Connection`. Made by `linked_connections`."""

    __slots__ = (
        "__weakref__",
        "_backlog",
        "_closed",
        "_inbox",
        "_limit",
        "_max_droppable",
        "_other",
        "_support",
        "_unread",
        "_waiters",
        "close_code",
        "close_reason",
        "codec",
        "cut",
        "bytes_sent",
        "transport_info",
    )

    _other: MemoryConnection

    def __init__(
        self,
        support: AsyncSupport,
        codec: Codec,
        limits: tuple[int | None, int | None],
        transport_info: Mapping[str, Any],
    ) -> None:
        self._support = support
        self.codec = codec
        self.transport_info = transport_info
        max_pending_bytes, max_droppable_bytes = limits
        self._limit = max_pending_bytes or sys.maxsize
        self._max_droppable = max_droppable_bytes or max_pending_bytes
        self._inbox: deque[bytes] = deque()
        # What is to be received before it, once there is something to drop.
        self._backlog: Backlog | None = None
        self._unread = 0
        self._waiters: list[Waiter[None]] = []
        self._closed = False
        #: Bytes written.
        self.bytes_sent = 0
        #: Whether the other end was given up because it did not read.
        self.cut = False
        #: What the other end closed with; None while open and after an abort.
        self.close_code: int | None = None
        #: See `close_code`.
        self.close_reason: str | None = None

    def link(self, other: MemoryConnection) -> None:
        """Make `other` receive what this end writes."""
        self._other = other

    @property
    def traffic(self) -> MemoryConnection:
        """This end itself."""
        return self

    @property
    def pending_bytes(self) -> int:
        """Bytes that the other end has not read."""
        backlog = self._other._backlog
        return self._other._unread + (0 if backlog is None else backlog.droppable_bytes)

    async def receive(self) -> str | bytes | None:
        """Wait for the next message; None once closed and what was sent has been read.

        Waits before reading while more than half of `max_pending_bytes` is unread.
        """
        await self.wait_for_room()
        while not self._inbox and not self._backlog:
            if self._closed:
                return None
            await self._wait_for_change()
        data = self._take()
        self._other.wake()
        return data if self.codec.serializer.binary else data.decode()

    async def wait_for_room(self) -> None:
        """Wait while more than half of `max_pending_bytes` is unread."""
        while self._is_congested():
            await self._wait_for_change()

    def write(self, data: bytes) -> None:
        """Hand over bytes made by `codec`; dropped once closed."""
        if self._closed:
            return
        self.bytes_sent += len(data)
        other = self._other
        other.feed(data)
        if other._unread > self._limit:
            logger.warning(
                "in-process client: connection cut, more than %d bytes waiting",
                self._limit,
            )
            self.cut = True
            self.abort()

    def offer(
        self, data: bytes, policy: SlowConsumer, key: Hashable
    ) -> Sequence[Hashable] | None:
        """Hand over an event that may be dropped while the other end is behind."""
        other = self._other
        if not other.is_behind(min(BEHIND, self._limit // 4)):
            self.write(data)
            return None
        if self._closed:
            return ()
        self.bytes_sent += len(data)
        return other.hold(data, policy, key, self._max_droppable)

    async def close(self, code: int, reason: str) -> None:
        """Close; the other end can still read what was sent, then sees the end."""
        if self._closed:
            return
        other = self._other
        other.close_code = code
        other.close_reason = reason
        # Like a socket's: what has not been read by the end that closes is lost.
        self.end(keep_unread=False)
        other.end(keep_unread=True)

    def abort(self) -> None:
        """Close at once; what has not been read is lost."""
        self.end(keep_unread=False)
        self._other.end(keep_unread=False)

    def feed(self, data: bytes) -> None:
        """Take what the other end has written."""
        self._inbox.append(data)
        self._unread += len(data)
        self.wake()

    def is_behind(self, size: int) -> bool:
        """Tell whether more than `size` bytes have not been read, or events wait."""
        return self._unread > size or bool(self._backlog)

    def hold(
        self, data: bytes, policy: SlowConsumer, key: Hashable, limit: int | None
    ) -> Sequence[Hashable]:
        """Take an event that may be dropped; return the keys of those that were."""
        if self._backlog is None:
            self._backlog = Backlog(limit)
        self._backlog.extend(self._inbox)
        self._inbox.clear()
        dropped = self._backlog.offer(data, policy, key)
        self.wake()
        return dropped

    def _take(self) -> bytes:
        if not self._backlog:
            data, droppable = self._inbox.popleft(), False
        else:
            data, droppable = self._backlog.take()
        if not droppable:
            self._unread -= len(data)
        return data

    def end(self, *, keep_unread: bool) -> None:
        """Take nothing more."""
        self._closed = True
        if not keep_unread:
            self._inbox.clear()
            self._backlog = None
            self._unread = 0
        self.wake()

    def wake(self) -> None:
        """Have the task that waits here look again."""
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            waiter.set_result(None)

    def _is_congested(self) -> bool:
        return not self._closed and self._other._unread > self._limit // 2

    async def _wait_for_change(self) -> None:
        waiter = self._support.waiter()
        self._waiters.append(waiter)
        await waiter.wait()
