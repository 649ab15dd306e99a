"""Events that wait for their SUBSCRIBED, of which some may be dropped."""

from __future__ import annotations

from aiohttp_serverwamp.limits import Limits, SlowConsumer
from aiohttp_serverwamp.router.held_events import HeldEvents

OLDEST = SlowConsumer.DROP_OLDEST
CONFLATE = SlowConsumer.CONFLATE


def test_what_is_not_held_back_is_not_its_concern() -> None:
    held = HeldEvents(Limits())

    assert not held.keep(7, b"a")
    assert held.offer(7, b"a", OLDEST, "t") is None


def test_events_are_released_in_the_order_published_whatever_their_policy() -> None:
    held = HeldEvents(Limits())
    held.hold(7)
    held.keep(7, b"first")
    held.offer(7, b"old", CONFLATE, "t")
    held.keep(7, b"second")
    assert held.offer(7, b"new", CONFLATE, "t") == ["t"]
    held.keep(7, b"third")

    assert held.release(7) == [b"first", b"second", b"new", b"third"]
    assert not held
    assert held.release(7) == ()


def test_events_that_may_be_dropped_do_not_overflow() -> None:
    held = HeldEvents(Limits(max_pending_bytes=100, max_droppable_bytes=20))
    held.hold(7)
    for number in range(100):
        held.offer(7, b"event %d" % number, OLDEST, "t")
    assert not held.overflowed

    assert held.release(7) == [b"event 98", b"event 99"]


def test_what_comes_after_an_overflow_is_lost() -> None:
    held = HeldEvents(Limits(max_pending_bytes=100))
    held.hold(7)
    held.offer(7, b"event", OLDEST, "t")
    held.keep(7, bytes(101))
    assert held.overflowed

    assert held.offer(7, b"event", OLDEST, "t") == ()
    assert held.release(7) == []
