"""The outbox, with a loop, a clock and a transport of cardboard."""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections.abc import Callable
from itertools import count

import pytest

from aiohttp_serverwamp.adapters.asyncio import AsyncioAsyncSupport
from aiohttp_serverwamp.adapters.outbox import Flusher, Outbox
from aiohttp_serverwamp.limits import SlowConsumer


class FakeTimer:
    def __init__(self, call: Callable[[], None]) -> None:
        self.call: Callable[[], None] | None = call

    def cancel(self) -> None:
        self.call = None


class FakeLoop:
    """Turns and time pass only when the test says so."""

    def __init__(self) -> None:
        self.time = 100.0
        self.soon: list[Callable[[], None]] = []
        self.calls_soon = 0
        self._timers: list[tuple[float, int, FakeTimer]] = []
        self._numbers = count()

    def call_soon(self, call: Callable[[], None]) -> None:
        self.calls_soon += 1
        self.soon.append(call)

    def call_later(self, seconds: float, call: Callable[[], None]) -> FakeTimer:
        timer = FakeTimer(call)
        heapq.heappush(self._timers, (self.time + seconds, next(self._numbers), timer))
        return timer

    @property
    def timers(self) -> int:
        return sum(timer.call is not None for _, _, timer in self._timers)

    def turn(self) -> None:
        calls, self.soon = self.soon, []
        for call in calls:
            call()

    def advance(self, seconds: float) -> None:
        end = self.time + seconds
        while self._timers and self._timers[0][0] <= end:
            self.time, _, timer = heapq.heappop(self._timers)
            if timer.call is not None:
                timer.call()
        self.time = end


class FakeTransport:
    """Holds back all that the client has not read."""

    def __init__(self, *, reads: bool = True) -> None:
        self.reads = reads
        self.writes: list[bytes] = []
        self.held = 0
        self.aborted = 0

    def write(self, data: bytes) -> None:
        self.writes.append(data)
        if not self.reads:
            self.held += len(data)

    def buffered(self) -> int:
        return self.held

    def read(self, size: int) -> None:
        self.held = max(self.held - size, 0)

    def abort(self) -> None:
        self.aborted += 1


@pytest.fixture
def loop() -> FakeLoop:
    return FakeLoop()


@pytest.fixture
def flusher(loop: FakeLoop) -> Flusher:
    return Flusher(
        call_soon=loop.call_soon, call_later=loop.call_later, now=lambda: loop.time
    )


def outbox_for(
    transport: FakeTransport,
    flusher: Flusher,
    *,
    max_pending_bytes: int | None = 100,
    write_deadline: float | None = 10.0,
) -> Outbox:
    return Outbox(
        label="client 7",
        abort=transport.abort,
        max_pending_bytes=max_pending_bytes,
        write_deadline=write_deadline,
        buffered=transport.buffered,
        flusher=flusher,
        sink=transport.write,
    )


def test_frames_of_one_turn_leave_in_order_in_one_write(
    loop: FakeLoop, flusher: Flusher
) -> None:
    transport = FakeTransport()
    outbox = outbox_for(transport, flusher)

    outbox.put(b"one")
    outbox.put(b"two")
    assert transport.writes == []
    loop.turn()
    outbox.put(b"three")
    loop.turn()

    assert transport.writes == [b"onetwo", b"three"]
    assert outbox.bytes_written == 11


def test_a_single_frame_is_not_copied(loop: FakeLoop, flusher: Flusher) -> None:
    frame = bytes(50)
    transport = FakeTransport()
    outbox_for(transport, flusher).put(frame)
    loop.turn()

    assert transport.writes[0] is frame


def test_many_dirty_connections_cost_one_callback_a_turn(
    loop: FakeLoop, flusher: Flusher
) -> None:
    transports = [FakeTransport() for _ in range(100)]
    outboxes = [outbox_for(transport, flusher) for transport in transports]

    for turn in (1, 2):
        for outbox in outboxes:
            outbox.put(b"a")
            outbox.put(b"b")
        assert loop.calls_soon == turn
        loop.turn()

    assert all(transport.writes == [b"ab", b"ab"] for transport in transports)


def test_a_client_over_the_limit_is_cut_once_with_one_log_line(
    loop: FakeLoop, flusher: Flusher, caplog: pytest.LogCaptureFixture
) -> None:
    transport = FakeTransport(reads=False)
    outbox = outbox_for(transport, flusher)

    for _ in range(30):
        outbox.put(bytes(10))
        loop.turn()

    assert outbox.cut
    assert transport.aborted == 1
    # The tenth fills the limit; the eleventh was flushed and found too much.
    assert sum(map(len, transport.writes)) == 110
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert "client 7" in record.getMessage()
    assert "more than 100 bytes" in record.getMessage()


def test_what_waits_here_counts_as_well_as_what_the_transport_holds(
    loop: FakeLoop, flusher: Flusher
) -> None:
    transport = FakeTransport(reads=False)
    outbox = outbox_for(transport, flusher)

    outbox.put(bytes(60))
    loop.turn()
    outbox.put(bytes(40))
    assert not outbox.cut
    outbox.put(bytes(1))

    assert outbox.cut


def test_a_client_that_reads_is_not_cut_by_one_turns_burst(
    loop: FakeLoop, flusher: Flusher
) -> None:
    transport = FakeTransport()
    outbox = outbox_for(transport, flusher)

    for _ in range(100):
        outbox.put(bytes(10))
    loop.turn()

    assert not outbox.cut
    assert outbox.bytes_written == 1000


def test_a_client_that_has_caught_up_may_have_the_whole_limit_again(
    loop: FakeLoop, flusher: Flusher
) -> None:
    transport = FakeTransport(reads=False)
    outbox = outbox_for(transport, flusher)

    for _ in range(20):
        outbox.put(bytes(90))
        loop.turn()
        transport.read(90)

    assert not outbox.cut


def test_a_stalled_client_is_cut_and_the_others_get_everything(
    loop: FakeLoop, flusher: Flusher
) -> None:
    stalled, healthy = FakeTransport(reads=False), FakeTransport()
    outboxes = [outbox_for(stalled, flusher), outbox_for(healthy, flusher)]

    for _ in range(50):
        for outbox in outboxes:
            outbox.put(bytes(10))
        loop.turn()

    assert [outbox.cut for outbox in outboxes] == [True, False]
    assert sum(map(len, healthy.writes)) == 500


def test_a_transport_that_raises_is_cut_and_the_others_are_flushed(
    loop: FakeLoop, flusher: Flusher
) -> None:
    broken, healthy = FakeTransport(), FakeTransport()

    def fail(data: bytes) -> None:
        raise RuntimeError("the handle is closed")

    outbox = Outbox(label="broken", abort=broken.abort, flusher=flusher, sink=fail)
    outbox.put(b"a")
    outbox_for(healthy, flusher).put(b"a")
    loop.turn()

    assert outbox.cut
    assert broken.aborted == 1
    assert healthy.writes == [b"a"]


def test_a_transport_that_cannot_be_asked_does_not_keep_the_others_from_theirs(
    loop: FakeLoop, flusher: Flusher
) -> None:
    broken, healthy = FakeTransport(), FakeTransport()

    def fail() -> int:
        raise RuntimeError("the handle is closed")

    outbox = Outbox(
        label="broken",
        abort=broken.abort,
        buffered=fail,
        flusher=flusher,
        sink=broken.write,
    )
    behind = outbox_for(healthy, flusher)
    outbox.put(b"a")
    behind.put(b"a")
    loop.turn()
    behind.put(b"b")
    loop.turn()

    assert outbox.cut
    assert broken.aborted == 1
    assert healthy.writes == [b"a", b"b"]


def test_what_is_written_beside_the_queue_is_held_to_the_deadline(
    loop: FakeLoop, flusher: Flusher
) -> None:
    transport = FakeTransport(reads=False)
    outbox = outbox_for(transport, flusher)
    transport.write(bytes(60))
    outbox.wrote_beside(60)

    assert outbox.is_congested
    loop.advance(20.0)

    assert outbox.cut
    assert loop.timers == 0


def test_a_client_that_takes_what_was_written_beside_the_queue_is_kept(
    loop: FakeLoop, flusher: Flusher
) -> None:
    transport = FakeTransport(reads=False)
    outbox = outbox_for(transport, flusher)
    transport.write(bytes(60))
    outbox.wrote_beside(60)
    transport.read(60)
    loop.advance(20.0)

    assert not outbox.closed
    assert loop.timers == 0


def test_without_limits_nobody_is_cut(loop: FakeLoop, flusher: Flusher) -> None:
    for off in (None, 0):
        transport = FakeTransport(reads=False)
        outbox = outbox_for(
            transport, flusher, max_pending_bytes=off, write_deadline=off
        )
        for _ in range(50):
            outbox.put(bytes(100))
            loop.turn()
        loop.advance(1000)
        assert not outbox.cut
        assert not outbox.is_congested

    assert loop.timers == 0


def test_a_closed_outbox_drops_what_comes(loop: FakeLoop, flusher: Flusher) -> None:
    transport = FakeTransport()
    outbox = outbox_for(transport, flusher)
    outbox.put(b"lost")
    outbox.close()
    outbox.put(b"lost too")
    loop.turn()

    assert transport.writes == []
    assert not outbox.cut


def test_finish_flushes_at_once_and_takes_nothing_more(flusher: Flusher) -> None:
    transport = FakeTransport()
    outbox = outbox_for(transport, flusher)
    outbox.put(b"last")
    outbox.finish()
    outbox.put(b"too late")
    outbox.finish()

    assert transport.writes == [b"last"]


def test_it_is_congested_above_half_the_limit(loop: FakeLoop, flusher: Flusher) -> None:
    transport = FakeTransport(reads=False)
    outbox = outbox_for(transport, flusher)

    outbox.put(bytes(30))
    loop.turn()
    outbox.put(bytes(20))
    seen = [outbox.is_congested]
    outbox.put(bytes(1))
    seen.append(outbox.is_congested)
    loop.turn()
    seen.append(outbox.is_congested)
    transport.read(1)
    seen.append(outbox.is_congested)

    assert seen == [False, True, True, False]


def test_what_comes_while_it_is_held_leaves_at_the_release_in_one_write(
    loop: FakeLoop, flusher: Flusher
) -> None:
    transport = FakeTransport()
    outbox = outbox_for(transport, flusher)

    outbox.hold()
    outbox.put(b"one")
    outbox.put(b"two")
    assert transport.writes == []
    outbox.release()
    outbox.put(b"three")
    loop.turn()

    assert transport.writes == [b"onetwo", b"three"]
    assert loop.calls_soon == 1


def test_holding_what_waits_already_keeps_its_order(
    loop: FakeLoop, flusher: Flusher
) -> None:
    transport = FakeTransport()
    outbox = outbox_for(transport, flusher)

    outbox.put(b"one")
    outbox.hold()
    outbox.put(b"two")
    outbox.release()
    loop.turn()

    assert transport.writes == [b"onetwo"]


# The write deadline.


def test_no_timer_exists_while_every_client_reads(
    loop: FakeLoop, flusher: Flusher
) -> None:
    outbox_for(FakeTransport(), flusher).put(b"a")
    loop.turn()

    assert loop.timers == 0


def test_a_client_that_takes_no_byte_until_the_deadline_is_cut(
    loop: FakeLoop, flusher: Flusher, caplog: pytest.LogCaptureFixture
) -> None:
    transport = FakeTransport(reads=False)
    outbox = outbox_for(transport, flusher)
    outbox.put(bytes(10))
    loop.turn()

    loop.advance(9.9)
    cut_before = outbox.cut
    loop.advance(0.2)

    assert (cut_before, outbox.cut) == (False, True)
    assert transport.aborted == 1
    assert "no byte was taken for 10 s" in caplog.text
    assert loop.timers == 0


class Unanswering(FakeTransport):
    """Cannot be asked any more, once it is broken, what it holds back."""

    broken = False

    def buffered(self) -> int:
        if self.broken:
            raise RuntimeError("the handle is closed")
        return super().buffered()


def test_a_transport_that_cannot_be_asked_does_not_keep_others_from_their_deadlines(
    loop: FakeLoop, flusher: Flusher
) -> None:
    transports = Unanswering(reads=False), FakeTransport(reads=False)
    outboxes = [outbox_for(each, flusher) for each in transports]
    for outbox in outboxes:
        outbox.put(bytes(10))
    loop.turn()

    transports[0].broken = True
    loop.advance(11)

    assert [outbox.cut for outbox in outboxes] == [True, True]
    assert [transport.aborted for transport in transports] == [1, 1]
    assert loop.timers == 0


@pytest.mark.parametrize("droppable", [False, True])
def test_who_publishes_does_not_feel_a_transport_that_cannot_be_asked(
    loop: FakeLoop, flusher: Flusher, *, droppable: bool
) -> None:
    transport = Unanswering(reads=False)
    outbox = outbox_for(transport, flusher)
    outbox.put(bytes(90))
    loop.turn()

    transport.broken = True
    if droppable:
        assert outbox.offer(bytes(90), SlowConsumer.DROP_OLDEST, "t") is None
    else:
        outbox.put(bytes(90))

    assert outbox.cut
    assert transport.aborted == 1


def test_more_to_send_does_not_extend_the_deadline(
    loop: FakeLoop, flusher: Flusher
) -> None:
    transport = FakeTransport(reads=False)
    outbox = outbox_for(transport, flusher)

    for _ in range(11):
        outbox.put(b"a")
        loop.turn()
        loop.advance(1)

    assert outbox.cut


def test_a_slow_client_that_takes_something_is_not_cut(
    loop: FakeLoop, flusher: Flusher
) -> None:
    transport = FakeTransport(reads=False)
    outbox = outbox_for(transport, flusher)
    outbox.put(bytes(20))
    loop.turn()

    for _ in range(10):
        loop.advance(8)
        transport.read(1)
        # As much comes as goes: progress is what left, not what is left.
        outbox.put(b"a")
        loop.turn()

    assert not outbox.cut


def test_one_timer_serves_all_and_ends_when_all_have_caught_up(
    loop: FakeLoop, flusher: Flusher
) -> None:
    transports = [FakeTransport(reads=False) for _ in range(20)]
    outboxes = [outbox_for(transport, flusher) for transport in transports]
    for outbox in outboxes:
        outbox.put(b"a")
    loop.turn()
    assert loop.timers == 1

    for transport in transports:
        transport.read(1)
    loop.advance(5)

    assert loop.timers == 0
    assert not any(outbox.cut for outbox in outboxes)


def test_closing_the_last_stuck_outbox_ends_the_timer(
    loop: FakeLoop, flusher: Flusher
) -> None:
    outbox = outbox_for(FakeTransport(reads=False), flusher)
    outbox.put(b"a")
    loop.turn()
    outbox.close()

    assert loop.timers == 0


# The writer task, for transports whose send has to be awaited.


class SlowSink:
    """Takes a frame whenever the test says so."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.may_send = asyncio.Semaphore(0)

    async def send(self, data: bytes) -> None:
        await self.may_send.acquire()
        self.sent.append(data)


def writer_outbox(
    aborts: list[str],
    *,
    max_pending_bytes: int = 100,
    write_deadline: float | None = None,
) -> Outbox:
    return Outbox(
        label="client 7",
        abort=lambda: aborts.append("aborted"),
        max_pending_bytes=max_pending_bytes,
        write_deadline=write_deadline,
    )


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_the_writer_sends_in_order_what_came_before_and_after_it() -> None:
    sink, outbox = SlowSink(), writer_outbox([])
    outbox.put(b"one")
    task = asyncio.create_task(outbox.run_writer(sink.send, AsyncioAsyncSupport()))
    await turns()
    outbox.put(b"two")
    for _ in range(3):
        sink.may_send.release()
    await turns()
    outbox.put(b"three")
    outbox.finish()
    await task

    assert sink.sent == [b"one", b"two", b"three"]
    assert outbox.bytes_written == 11
    assert outbox.pending_bytes == 0


async def test_finish_lets_the_writer_send_everything_and_end() -> None:
    sink, outbox = SlowSink(), writer_outbox([])
    task = asyncio.create_task(outbox.run_writer(sink.send, AsyncioAsyncSupport()))
    outbox.put(b"one")
    outbox.put(b"two")
    outbox.finish()
    outbox.put(b"too late")
    sink.may_send.release()
    sink.may_send.release()
    await task

    assert sink.sent == [b"one", b"two"]


async def test_close_ends_a_writer_that_has_nothing_to_do() -> None:
    outbox = writer_outbox([])
    task = asyncio.create_task(
        outbox.run_writer(SlowSink().send, AsyncioAsyncSupport())
    )
    await turns()
    outbox.close()
    await task


async def test_a_client_is_cut_over_the_limit_with_a_writer_too() -> None:
    aborts: list[str] = []
    outbox = writer_outbox(aborts)
    task = asyncio.create_task(
        outbox.run_writer(SlowSink().send, AsyncioAsyncSupport())
    )
    for _ in range(30):
        outbox.put(bytes(10))
        await turns()

    assert outbox.cut
    assert aborts == ["aborted"]
    task.cancel()


async def test_a_send_that_takes_longer_than_the_deadline_cuts_the_client() -> None:
    aborts: list[str] = []
    outbox = writer_outbox(aborts, write_deadline=0.01)
    outbox.put(b"a")
    await outbox.run_writer(SlowSink().send, AsyncioAsyncSupport())

    assert outbox.cut
    assert aborts == ["aborted"]


async def test_a_failing_send_closes_the_outbox_and_is_raised() -> None:
    outbox = writer_outbox([])

    async def fail(data: bytes) -> None:
        raise ConnectionResetError

    outbox.put(b"a")
    with pytest.raises(ConnectionResetError):
        await outbox.run_writer(fail, AsyncioAsyncSupport())

    assert outbox.closed
    assert not outbox.cut


async def test_room_is_waited_for_until_half_of_the_limit_has_left() -> None:
    support = AsyncioAsyncSupport()
    sink, outbox = SlowSink(), writer_outbox([])
    writer = asyncio.create_task(outbox.run_writer(sink.send, support))
    for _ in range(8):
        outbox.put(bytes(10))
    reader = asyncio.create_task(outbox.wait_for_room(support))

    for _ in range(2):
        sink.may_send.release()
        await turns()
    assert not reader.done()
    sink.may_send.release()
    await turns()
    assert reader.done()

    outbox.close()
    sink.may_send.release()
    await writer


async def test_who_waits_for_room_goes_on_when_the_client_is_cut() -> None:
    support = AsyncioAsyncSupport()
    outbox = writer_outbox([])
    outbox.put(bytes(60))
    reader = asyncio.create_task(outbox.wait_for_room(support))
    await turns()
    outbox.put(bytes(60))
    await reader

    assert outbox.cut


async def test_room_is_not_waited_for_here_when_nothing_is_queued() -> None:
    """What only the transport holds back leaves without a word to the outbox."""
    transport = FakeTransport(reads=False)
    outbox = Outbox(
        label="client 7",
        abort=transport.abort,
        max_pending_bytes=100,
        buffered=transport.buffered,
    )
    transport.write(bytes(60))
    outbox.wrote_beside(60)
    assert outbox.is_congested

    async with asyncio.timeout(10):
        await outbox.wait_for_room(AsyncioAsyncSupport())


async def test_closing_drops_what_the_writer_has_not_sent_of_its_batch() -> None:
    sink, outbox = SlowSink(), writer_outbox([])
    for frame in (b"one", b"two", b"three"):
        outbox.put(frame)
    writer = asyncio.create_task(outbox.run_writer(sink.send, AsyncioAsyncSupport()))
    sink.may_send.release()
    await turns()

    outbox.close()
    for _ in range(3):
        sink.may_send.release()
    await writer

    assert sink.sent == [b"one", b"two"]  # one had left, the other was leaving
    assert outbox.pending_bytes == 0


async def sends_of(*frames: bytes, at_once: int) -> list[bytes | memoryview]:
    sent: list[bytes | memoryview] = []

    async def send(data: bytes | memoryview) -> None:
        sent.append(data)

    outbox = writer_outbox([], max_pending_bytes=1000)
    for frame in frames:
        outbox.put(frame)
    outbox.finish()
    await outbox.run_writer(send, AsyncioAsyncSupport(), at_once=at_once)
    assert outbox.bytes_written == sum(map(len, frames))
    return sent


async def test_frames_are_sent_one_by_one_unless_they_may_be_joined() -> None:
    frames = (b"a" * 4, b"b" * 4)

    assert await sends_of(*frames, at_once=0) == [*frames]
    assert await sends_of(*frames, at_once=8) == [b"aaaabbbb"]


async def test_frames_are_joined_as_far_as_they_fit() -> None:
    frames = (b"a" * 4, b"b" * 4, b"c" * 4, b"d" * 9, b"e")

    sent = await sends_of(*frames, at_once=9)

    assert sent == [b"aaaabbbb", b"cccc", b"d" * 9, b"e"]


async def test_a_large_frame_is_sent_in_parts_that_are_not_copied() -> None:
    large = bytes(range(20))

    sent = await sends_of(b"a", large, b"z", at_once=8)

    assert sent == [b"a", large[:8], large[8:16], large[16:], b"z"]
    assert [getattr(each, "obj", None) is large for each in sent[1:4]] == [True] * 3


# Events that may be dropped.


class HoldingBack:
    """An outbox on a transport that says when it has room."""

    def __init__(self, flusher: Flusher) -> None:
        self.transport = FakeTransport(reads=False)
        self.rooms: list[asyncio.Event] = []
        self.tasks: list[asyncio.Task[None]] = []
        self.outbox = Outbox(
            label="client 7",
            abort=self.transport.abort,
            max_pending_bytes=100,
            max_droppable_bytes=30,
            write_deadline=10.0,
            buffered=self.transport.buffered,
            flusher=flusher,
            sink=self.transport.write,
            on_behind=self.begin,
        )

    def begin(self) -> None:
        write = self.transport.write
        self.tasks.append(asyncio.create_task(self.outbox.catch_up(self.room, write)))

    async def room(self) -> None:
        if self.transport.held > 25:
            self.rooms.append(asyncio.Event())
            await self.rooms[-1].wait()

    async def read(self) -> None:
        """Have the client read all that its transport holds."""
        self.transport.held = 0
        for room in self.rooms:
            room.set()
        for _ in range(5):
            await asyncio.sleep(0)

    def offer(self, data: bytes) -> int | None:
        """Return how many were dropped; None if the client keeps up."""
        dropped = self.outbox.offer(data, SlowConsumer.DROP_OLDEST, "t")
        return None if dropped is None else len(dropped)


async def test_events_of_a_client_that_keeps_up_leave_like_all_else(
    loop: FakeLoop, flusher: Flusher
) -> None:
    held = HoldingBack(flusher)
    held.transport.reads = True

    assert [held.offer(b"event %d..." % number) for number in range(50)] == [None] * 50
    held.outbox.put(b"reply")
    loop.turn()

    assert b"".join(held.transport.writes).endswith(b"event 49...reply")
    assert held.tasks == []


async def test_a_transport_is_given_no_more_while_its_client_is_behind(
    loop: FakeLoop, flusher: Flusher
) -> None:
    held = HoldingBack(flusher)
    held.outbox.put(bytes(30))
    loop.turn()

    dropped = [held.offer(b"event %d..." % number) for number in range(5)]
    held.outbox.put(b"reply")
    dropped.append(held.offer(b"event 5..."))
    loop.turn()
    assert dropped == [0, 0, 0, 1, 1, 1]
    assert held.transport.writes == [bytes(30)]
    assert not held.outbox.is_congested

    held.transport.reads = True
    await held.read()
    assert held.transport.writes[1:] == [
        b"event 3...",
        b"event 4...",
        b"reply",
        b"event 5...",
    ]
    assert held.tasks[0].done()
    assert held.offer(b"all is well") is None
    loop.turn()
    assert held.transport.writes[-1] == b"all is well"
    assert held.outbox.bytes_written == 30 + 30 + 5 + 11
    assert held.outbox.pending_bytes == 0


async def test_catching_up_may_begin_before_the_offer_is_over(
    loop: FakeLoop, flusher: Flusher
) -> None:
    # As an eager task does, and is done at once where the transport has room.
    class Eager(HoldingBack):
        def begin(self) -> None:
            with pytest.raises(StopIteration):
                self.outbox.catch_up(self.room, self.transport.write).send(None)

        async def room(self) -> None:
            return

    held = Eager(flusher)
    held.outbox.put(bytes(30))

    assert held.offer(b"event") == 0
    held.transport.held = 0
    assert held.offer(b"another") is None
    loop.turn()

    assert held.transport.writes == [bytes(30), b"event", b"another"]
    assert held.outbox.bytes_written == held.outbox.bytes_taken == 42


async def test_replies_still_cut_a_client_whose_events_are_dropped(
    loop: FakeLoop, flusher: Flusher
) -> None:
    held = HoldingBack(flusher)
    held.outbox.put(bytes(30))
    loop.turn()
    for _ in range(100):
        held.offer(b"an event..")
    cut = []
    for size in (69, 2):
        held.outbox.put(bytes(size))
        cut.append(held.outbox.cut)
    assert cut == [False, True]
    assert held.outbox.pending_bytes == 30
    await held.read()
    assert held.tasks[0].done()
    assert held.transport.writes == [bytes(30)]


async def test_a_client_that_takes_nothing_is_cut_although_events_are_dropped(
    loop: FakeLoop, flusher: Flusher
) -> None:
    held = HoldingBack(flusher)
    held.outbox.put(bytes(30))
    loop.turn()
    held.offer(b"an event..")
    loop.advance(12.0)

    assert held.outbox.cut
    await held.read()
    assert held.tasks[0].done()


async def test_what_is_finished_while_behind_is_sent_to_the_end(
    loop: FakeLoop, flusher: Flusher
) -> None:
    held = HoldingBack(flusher)
    held.outbox.put(bytes(30))
    loop.turn()
    held.offer(b"an event..")
    held.outbox.put(b"goodbye")
    held.outbox.finish()
    held.outbox.put(b"too late")
    await held.read()

    assert held.transport.writes[1:] == [b"an event..", b"goodbye"]


async def test_what_a_transport_raises_ends_an_outbox_that_catches_up(
    loop: FakeLoop, flusher: Flusher
) -> None:
    held = HoldingBack(flusher)

    async def broken() -> None:
        raise ConnectionResetError("gone")

    held.room = broken  # type: ignore[method-assign]  # it has gone in the meantime
    held.outbox.put(bytes(30))
    loop.turn()
    held.offer(b"an event..")
    await asyncio.gather(*held.tasks, return_exceptions=True)

    assert held.outbox.closed
    assert not held.outbox.cut
    assert held.offer(b"lost") is None


async def test_a_writing_task_takes_what_is_left_of_a_backlog() -> None:
    support = AsyncioAsyncSupport()
    sent: list[bytes] = []
    reads = asyncio.Event()

    async def send(data: bytes) -> None:
        await reads.wait()
        sent.append(data)

    outbox = Outbox(
        label="client 7",
        abort=lambda: None,
        max_pending_bytes=100,
        max_droppable_bytes=30,
    )
    writer = asyncio.create_task(outbox.run_writer(send, support))

    def offer(data: bytes) -> int | None:
        dropped = outbox.offer(data, SlowConsumer.CONFLATE, data[:1])
        return None if dropped is None else len(dropped)

    fates = [offer(b"a%08d" % number) for number in range(3)]
    await asyncio.sleep(0)
    fates += [offer(b"a%08d" % number) for number in range(3, 6)]
    outbox.put(b"reply")
    fates += [offer(b"b%08d" % 0), offer(b"a%08d" % 6)]
    assert fates == [None, None, None, 0, 1, 1, 0, 1]
    reads.set()
    for _ in range(50):
        await asyncio.sleep(0)
    assert [data[:1] + data[-1:] for data in sent] == [
        b"a0",
        b"a1",
        b"a2",
        b"ry",
        b"b0",
        b"a6",
    ]
    assert offer(b"a%08d" % 7) is None
    outbox.finish()
    await writer
    assert sent[-1] == b"a%08d" % 7


async def test_a_release_wakes_the_writer() -> None:
    sink, outbox = SlowSink(), writer_outbox([])
    writer = asyncio.create_task(outbox.run_writer(sink.send, AsyncioAsyncSupport()))
    await turns()

    outbox.hold()
    outbox.put(b"one")
    sink.may_send.release()
    await turns()
    before = [*sink.sent]
    outbox.release()
    await turns()
    outbox.close()
    await writer

    assert (before, sink.sent) == ([], [b"one"])
