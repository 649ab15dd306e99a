"""Frames queued for one connection, and the two ways in which they leave.

`Outbox.put` never waits and never raises: whoever publishes to a thousand clients must
not feel any of them. A client that does not read fast enough is cut instead.

- Synchronous transports: one `Flusher` for each event loop empties all outboxes that
  were written to during a turn of the loop, in one callback, one write for each
  connection.
- Transports whose send has to be awaited: `Outbox.run_writer`, one task for each
  connection.

What a transport has been given cannot be taken back. So the events that `Outbox.offer`
may drop are held back in a `Backlog` as soon as a client is behind, with all that
follows them. A synchronous transport then has to be waited for, too, until the client
has caught up: `Outbox.catch_up`.

Nothing here knows an async library: clock, callbacks and waiters are passed in.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import (
    Awaitable,
    Callable,
    Hashable,
    Iterable,
    Iterator,
    Sequence,
)
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Protocol

from aiohttp_serverwamp.router.backlog import Backlog

if TYPE_CHECKING:
    from aiohttp_serverwamp.interfaces import AsyncSupport, Waiter
    from aiohttp_serverwamp.limits import SlowConsumer

__all__ = ["Flusher", "Outbox", "flush"]

logger = logging.getLogger("aiohttp_serverwamp.adapters")

#: Bytes that wait for a client before it counts as behind: what asyncio's transports
#: hold back by default. Less if little may wait at all.
BEHIND: Final = 2**16

#: How often within one write deadline a stuck transport is looked at.
CHECKS_PER_DEADLINE = 4


class _Cancellable(Protocol):
    def cancel(self) -> object: ...


class Flusher:
    """Empties the outboxes of one event loop, once a turn.

    Give it the loop's `call_soon`, `call_later` and `time`. A second task of it is the
    write deadline: one timer, which exists only while some transport holds bytes back.
    """

    __slots__ = (
        "__weakref__",
        "_call_later",
        "_call_soon",
        "_dirty",
        "_now",
        "_timer",
        "_watched",
    )

    def __init__(
        self,
        *,
        call_soon: Callable[[Callable[[], None]], object],
        call_later: Callable[[float, Callable[[], None]], _Cancellable],
        now: Callable[[], float],
    ) -> None:
        self._call_soon = call_soon
        self._call_later = call_later
        self._now = now
        self._dirty: list[Outbox] = []
        # Bytes known to have reached the kernel, and since when it has been that many.
        self._watched: dict[Outbox, tuple[int, float]] = {}
        self._timer: _Cancellable | None = None

    def add(self, outbox: Outbox) -> None:
        """Have `outbox` flushed at the end of this turn of the loop."""
        dirty = self._dirty
        if not dirty:
            self._call_soon(self._flush)
        dirty.append(outbox)

    def watch(self, outbox: Outbox) -> None:
        """Hold `outbox` to its write deadline while its transport holds bytes back."""
        if outbox.closed or not outbox.write_deadline:
            return
        if outbox not in self._watched:
            self._watched[outbox] = (outbox.bytes_delivered(), self._now())
            self._arm()

    def forget(self, outbox: Outbox) -> None:
        """Stop watching `outbox`."""
        if self._watched.pop(outbox, None) is not None and not self._watched:
            self._disarm()

    def _flush(self) -> None:
        dirty, self._dirty = self._dirty, []
        flush(dirty)

    def _arm(self) -> None:
        if self._timer is None and self._watched:
            shortest = min(outbox.write_deadline for outbox in self._watched)
            self._timer = self._call_later(shortest / CHECKS_PER_DEADLINE, self._check)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _check(self) -> None:
        self._timer = None
        now = self._now()
        for outbox, seen in list(self._watched.items()):
            try:
                self._look_at(outbox, *seen, now)
            except Exception as error:
                # Nor must it keep the others from their deadlines.
                outbox._give_up(error)
        self._arm()

    def _look_at(
        self, outbox: Outbox, delivered_before: int, since: float, now: float
    ) -> None:
        delivered = outbox.bytes_delivered()
        if outbox.closed or delivered == outbox.bytes_written:
            self._watched.pop(outbox, None)
        elif delivered > delivered_before:
            self._watched[outbox] = (delivered, now)
        elif now - since >= outbox.write_deadline:
            outbox.cut_for_silence()


class Outbox:
    """What waits to be sent to one client.

    With `flusher` and `sink`, `sink(data)` is called synchronously with joined frames;
    `on_behind` is called when there is something to `catch_up` with, which replaces it
    for a time. Otherwise run `run_writer` as a task. `buffered` says how many bytes the
    transport itself holds back. Over `max_pending_bytes` of both together, or when the
    transport has taken nothing for `write_deadline` seconds, the client is cut: `abort`
    is called once, a line with `label` is logged, and further frames are dropped. What
    `offer` may drop takes at most `max_droppable_bytes` besides. Zero or None: no
    limit.

    One count, `bytes_taken`, goes up with each frame. What waits, at most, is that less
    what was known to have left when the transport was last asked; it is asked again
    only where that would be too much. A frame that may be dropped is counted when it
    may no longer.
    """

    __slots__ = (
        "__weakref__",
        "_abort",
        "_announce",
        "_backlog",
        "_behind",
        "_buffered",
        "_ceiling",
        "_comfort",
        "_ease",
        "_flusher",
        "_frames",
        "_half",
        "_herald",
        "_label",
        "_leaving",
        "_limit",
        "_max_droppable",
        "_on_behind",
        "_relief",
        "_sink",
        "_wakeup",
        "bytes_taken",
        "bytes_written",
        "closed",
        "cut",
        "write_deadline",
    )

    def __init__(
        self,
        *,
        label: str,
        abort: Callable[[], None],
        max_pending_bytes: int | None = None,
        max_droppable_bytes: int | None = None,
        write_deadline: float | None = None,
        buffered: Callable[[], int] = lambda: 0,
        flusher: Flusher | None = None,
        sink: Callable[[bytes], None] | None = None,
        on_behind: Callable[[], None] | None = None,
    ) -> None:
        self._label = label
        self._abort = abort
        self._limit = max_pending_bytes or sys.maxsize
        self._half = self._limit // 2
        self._behind = min(BEHIND, self._limit // 4)
        self._max_droppable = max_droppable_bytes or max_pending_bytes
        self._on_behind = on_behind or _nothing
        self._buffered = buffered
        self._flusher = flusher
        self._sink = sink
        # Told when the first frame waits: what will come for it.
        self._announce = self._herald = (
            Outbox._wake_writer if flusher is None or sink is None else flusher.add
        )
        self._frames: list[bytes] = []
        # Those that the writer has begun to send, the last one first.
        self._leaving: list[bytes] | None = None
        # What waits before `_frames`, while the client is behind.
        self._backlog: Backlog | None = None
        # How much may be taken until the transport has to be asked: with respect to the
        # limit, to half of it, and to what makes a client behind.
        self._ceiling = self._limit
        self._comfort = self._half
        self._ease = self._behind
        self._wakeup: Waiter[None] | None = None
        self._relief: Waiter[None] | None = None
        #: Seconds without progress after which the client is cut; 0 for never.
        self.write_deadline = write_deadline or 0.0
        #: Bytes taken so far, dropped ones apart.
        self.bytes_taken = 0
        #: Bytes handed to the transport so far.
        self.bytes_written = 0
        #: Whether frames are dropped from now on.
        self.closed = False
        #: Whether it was closed because the client did not keep up.
        self.cut = False

    def put(self, data: bytes) -> None:
        """Queue one frame; never waits, never raises."""
        # Hot path: runs for every frame to every client.
        if self.closed:
            return
        frames = self._frames
        if not frames:
            self._announce(self)
        frames.append(data)
        self.bytes_taken = taken = self.bytes_taken + len(data)
        if taken > self._ceiling:
            self._enforce_limit()

    def offer(
        self, data: bytes, policy: SlowConsumer, key: Hashable
    ) -> Sequence[Hashable] | None:
        """Queue an event, which may be dropped while the client is behind.

        Returns the keys of the events that were dropped for this one; None if the
        client is not behind.
        """
        if self.closed:
            return None
        if self._backlog is None:
            if not self._is_behind():
                self.put(data)
                return None
            self._backlog = Backlog(self._max_droppable)
        self._backlog.extend(self._frames)
        self._frames.clear()
        dropped = self._backlog.offer(data, policy, key)
        if self._sink is not None:
            self._sink = None
            self._on_behind()  # which may be an eager task: it finds all in its place
        else:
            self._wake_writer()
        return dropped

    def _is_behind(self) -> bool:
        if self.bytes_taken <= self._ease:
            return False
        if self._sink is not None:
            # The transport may be able to take it all now.
            self.flush_now()
        return self._holds_more_than(self._behind)

    def hold(self) -> None:
        """Keep what comes from now on, until `release`."""
        self._announce = _keep

    def release(self) -> None:
        """Let what has been kept leave at once."""
        self._announce = self._herald
        if self._frames:
            if self._sink is None:
                self._wake_writer()
            else:
                flush((self,))

    @property
    def is_congested(self) -> bool:
        """Whether more than half of what may wait does wait: time to stop reading."""
        # Hot path.
        return self.bytes_taken > self._comfort and self._measure() > self._half

    @property
    def pending_bytes(self) -> int:
        """Bytes that wait here and in the transport."""
        droppable = 0 if self._backlog is None else self._backlog.droppable_bytes
        return self._queued + droppable + self._buffered()

    @property
    def bytes_sent(self) -> int:
        """Bytes that have been sent, or wait to be."""
        return self.bytes_taken

    @property
    def _queued(self) -> int:
        return self.bytes_taken - self.bytes_written

    def _measure(self) -> int:
        """Return what waits and is not dropped, and take note of what has left."""
        pending = self._queued + self._buffered()
        delivered = self.bytes_taken - pending
        self._ceiling = delivered + self._limit
        self._comfort = delivered + self._half
        self._ease = delivered + self._behind
        return pending

    def bytes_delivered(self) -> int:
        """Return how many bytes have left this process."""
        return self.bytes_written - self._buffered()

    def close(self) -> None:
        """Drop what is queued and what comes; a running writer ends."""
        self.closed = True
        self._frames.clear()
        if self._leaving is not None:
            self._leaving.clear()
        self._backlog = None
        self.bytes_taken = self.bytes_written
        # Whose they are refers to this outbox: without them it can be freed at once.
        self._sink = None
        self._abort = self._on_behind = _nothing
        if self._flusher is not None:
            self._flusher.forget(self)
        self._wake_writer()
        self._relieve()

    def finish(self) -> None:
        """Take nothing more; flush now, or let the writer end when all is sent."""
        if self._sink is not None:
            self.flush_now()
        self.closed = True
        self._wake_writer()
        self._relieve()

    def cut_off(self, reason: str) -> None:
        """Give up this client."""
        if self.closed:
            return
        self.cut = True
        pending, abort = self.pending_bytes, self._abort
        self.close()
        logger.warning(
            "%s: connection cut, %s (%d bytes waiting)", self._label, reason, pending
        )
        abort()

    def cut_for_silence(self, deadline: float | None = None) -> None:
        """Give up this client for having taken nothing until its deadline."""
        seconds = self.write_deadline if deadline is None else deadline
        self.cut_off(f"no byte was taken for {seconds:g} s")

    def flush_now(self) -> None:
        """Hand everything queued to the transport in one write."""
        flush((self,))

    def _give_up(self, error: Exception) -> None:
        abort = self._abort
        try:
            self.cut_off(f"its transport failed: {error!r}")
        except Exception:
            # It cannot even be asked how much it holds back.
            logger.exception("%s: its transport failed", self._label)
            self.cut = True
            self.close()
            with suppress(Exception):
                abort()

    async def run_writer(
        self,
        send: Callable[[Any], Awaitable[object]],
        support: AsyncSupport,
        *,
        at_once: int = 0,
    ) -> None:
        """Await `send(frame)` for each frame, until `close` or until `finish` is done.

        With `at_once` small frames are joined, and large ones sent as memoryviews of so
        many bytes: for streams, to which frames are bytes like others. What `send`
        raises ends the outbox and is raised.
        """
        deadline = self.write_deadline or None
        try:
            while await self._wait_for_frames(support):
                leaving = self._leaving = self._next_frames()
                for data in _sends(leaving, at_once):
                    if deadline is None:
                        await send(data)
                    elif not await support.wait_at_most(deadline, send, data):
                        self.cut_for_silence()
                        return
                    self._sent(len(data))
        finally:
            self.close()

    async def catch_up(
        self, room: Callable[[], Awaitable[object]], sink: Callable[[bytes], None]
    ) -> None:
        """Await ``room()`` before each frame, until none waits; go on with `sink` then.

        What `room` raises ends the outbox and is raised.
        """
        try:
            while self._anything_waits():
                await room()
                # It may have been closed meanwhile.
                leaving = self._leaving = self._next_frames()
                while leaving:
                    frame = leaving.pop()
                    sink(frame)
                    self._sent(len(frame))
        except BaseException:
            self.close()
            raise
        if not self.closed:
            self._backlog = None
            self._sink = sink

    def _anything_waits(self) -> bool:
        return bool(self._frames or self._backlog)

    def _next_frames(self) -> list[bytes]:
        """Take what is to be sent next, the last one first."""
        if self._backlog:
            data, droppable = self._backlog.take()
            if droppable:
                self.bytes_taken += len(data)
            return [data]
        frames, self._frames = self._frames, []
        frames.reverse()
        return frames

    async def wait_for_room(self, support: AsyncSupport) -> None:
        """Wait while what is queued congests; with a writer, by one task at a time."""
        while self._queued and self.is_congested and not self.closed:
            self._relief = support.waiter()
            await self._relief.wait()

    def _wake_writer(self) -> None:
        if self._wakeup is not None:
            self._wakeup.set_result(None)
            self._wakeup = None

    def _relieve(self) -> None:
        if self._relief is not None:
            self._relief.set_result(None)
            self._relief = None

    async def _wait_for_frames(self, support: AsyncSupport) -> bool:
        while not self._anything_waits():
            self._backlog = None
            if self.closed:
                return False
            self._wakeup = support.waiter()
            await self._wakeup.wait()
        return True

    def _sent(self, size: int) -> None:
        # Not more than was taken, of which `close` has dropped the rest.
        self.bytes_written = min(self.bytes_written + size, self.bytes_taken)
        if self._buffered():
            self._watch()
        # Nobody tells of what the transport holds back once the queue is empty.
        if self._relief is not None and not (self._queued and self.is_congested):
            self._relieve()

    def wrote_beside(self, size: int) -> None:
        """Take note of bytes that went past the queue, right into the transport."""
        if not self.closed:
            self.bytes_taken += size
            self.bytes_written += size
            if self._buffered():
                self._watch()

    def _watch(self) -> None:
        if self._flusher is not None:
            self._flusher.watch(self)

    def _enforce_limit(self) -> None:
        if self._sink is not None:
            # The transport may be able to take it all now.
            self.flush_now()
        if self._holds_more_than(self._limit):
            self.cut_off(f"more than {self._limit} bytes waiting")

    def _holds_more_than(self, size: int) -> bool:
        try:
            return self._measure() > size
        except Exception as error:
            # Nobody who publishes to this client is to feel it.
            self._give_up(error)
            return False


def _sends(frames: list[bytes], at_once: int) -> Iterator[bytes | memoryview]:
    """Take what is sent at once from frames, the last one first, until there are none.

    Others may take all of them meanwhile.
    """
    while frames:
        frame = frames.pop()
        size = len(frame)
        if at_once and size > at_once:
            view = memoryview(frame)
            for start in range(0, size, at_once):
                yield view[start : start + at_once]
            continue
        joined = [frame]
        while frames and (size := size + len(frames[-1])) <= at_once:
            joined.append(frames.pop())
        yield frame if len(joined) == 1 else b"".join(joined)


def flush(outboxes: Iterable[Outbox]) -> None:
    """Hand what each outbox with a sink has queued to its transport, in one write."""
    # Hot path: runs for every connection and turn of the loop. It belongs to `Outbox`,
    # and saves a call for each of them.
    for outbox in outboxes:
        frames = outbox._frames
        sink = outbox._sink
        if not frames or sink is None:
            continue
        data = frames[0] if len(frames) == 1 else b"".join(frames)
        frames.clear()
        outbox.bytes_written = outbox.bytes_taken
        try:
            sink(data)
            if outbox._buffered():
                outbox._watch()
        except Exception as error:
            # One broken transport must not keep the others from being flushed.
            outbox._give_up(error)


def _keep(outbox: Outbox) -> None:
    """Do nothing: whoever holds the frames back flushes them."""


def _nothing() -> None:
    """Do nothing: for what is not wanted, or not any more."""
