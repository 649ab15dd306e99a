"""What waits for a client that is behind, and what of it is dropped."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiohttp_serverwamp.limits import SlowConsumer
from aiohttp_serverwamp.router.backlog import Backlog

OLDEST = SlowConsumer.DROP_OLDEST
NEWEST = SlowConsumer.DROP_NEWEST
CONFLATE = SlowConsumer.CONFLATE


def taken(backlog: Backlog) -> list[bytes]:
    return [backlog.take()[0] for _ in range(len(backlog))]


def offered(backlog: Backlog, data: bytes, policy: SlowConsumer, key: Hashable) -> int:
    return len(backlog.offer(data, policy, key))


def test_it_says_which_events_were_dropped() -> None:
    backlog = Backlog(20)
    backlog.offer(b"first", OLDEST, "a")
    backlog.offer(b"second", OLDEST, "b")

    assert backlog.offer(b"x" * 15, OLDEST, "c") == ["a", "b"]
    assert backlog.offer(b"x" * 15, CONFLATE, "a") == []
    assert backlog.offer(b"x" * 15, CONFLATE, "a") == ["a"]
    assert backlog.offer(b"x" * 15, NEWEST, "a") == []
    assert [*backlog.offer(b"x" * 15, NEWEST, "b")] == ["b"]


def test_the_oldest_events_make_room_and_nothing_else_does() -> None:
    backlog = Backlog(30)
    backlog.extend([b"reply 1" * 10])
    dropped = [offered(backlog, b"event %d..." % n, OLDEST, "t") for n in range(5)]
    backlog.extend([b"reply 2" * 10])
    dropped += [offered(backlog, b"event %d..." % n, OLDEST, "t") for n in range(5, 7)]

    assert dropped == [0, 0, 0, 1, 1, 1, 1]
    assert backlog.droppable_bytes == 30
    assert taken(backlog) == [
        b"reply 1" * 10,
        b"event 4...",
        b"reply 2" * 10,
        b"event 5...",
        b"event 6...",
    ]
    assert backlog.droppable_bytes == 0


def test_new_events_are_dropped_while_too_many_wait() -> None:
    backlog = Backlog(30)
    dropped = [offered(backlog, b"event %d..." % n, NEWEST, "t") for n in range(5)]
    assert backlog.take() == (b"event 0...", True)
    dropped.append(offered(backlog, b"event 5...", NEWEST, "t"))

    assert dropped == [0, 0, 0, 1, 1, 0]
    assert taken(backlog) == [b"event 1...", b"event 2...", b"event 5..."]


def test_only_the_newest_event_of_a_key_waits() -> None:
    backlog = Backlog(100)
    backlog.offer(b"a1", CONFLATE, "a")
    backlog.extend([b"reply"])
    backlog.offer(b"b1", CONFLATE, "b")
    dropped = [offered(backlog, b"a%d" % n, CONFLATE, "a") for n in range(2, 5)]

    assert dropped == [1, 1, 1]
    assert taken(backlog) == [b"reply", b"b1", b"a4"]


def test_a_topic_with_many_events_does_not_stand_behind_all_others_for_ever() -> None:
    backlog = Backlog(1000)
    for topic in range(10):
        backlog.offer(b"slow %d" % topic, CONFLATE, topic)
    backlog.offer(b"busy 0", CONFLATE, "busy")
    sent = []
    for turn in range(1, 30):
        # All ten are published again before the client has taken ten.
        sent.append(backlog.take()[0])
        backlog.offer(b"busy %d" % turn, CONFLATE, "busy")
        backlog.offer(b"slow %d" % (turn % 10), CONFLATE, turn % 10)

    assert any(data.startswith(b"busy") for data in sent)


def test_more_topics_than_fit_push_the_oldest_out() -> None:
    backlog = Backlog(20)
    dropped = [offered(backlog, b"event %d..." % n, CONFLATE, n) for n in range(4)]

    assert dropped == [0, 0, 1, 1]
    assert len(backlog._newest) == 2
    assert taken(backlog) == [b"event 2...", b"event 3..."]


def test_topics_of_another_policy_push_nothing_out() -> None:
    backlog = Backlog(20)
    backlog.offer(b"the state", CONFLATE, "state")
    backlog.offer(b"the first", NEWEST, "log")
    for _ in range(50):
        backlog.offer(b"a flood...", OLDEST, "flood")

    assert taken(backlog) == [b"the state", b"the first", b"a flood...", b"a flood..."]


@pytest.mark.parametrize("policy", [OLDEST, NEWEST, CONFLATE])
def test_one_event_may_wait_however_large(policy: SlowConsumer) -> None:
    backlog = Backlog(10)

    assert offered(backlog, b"x" * 1000, policy, "t") == 0
    assert taken(backlog) == [b"x" * 1000]


def test_without_a_limit_nothing_is_dropped() -> None:
    backlog = Backlog(None)
    dropped = [offered(backlog, b"x" * 1000, OLDEST, "t") for _ in range(100)]

    assert sum(dropped) == 0
    assert len(backlog) == 100


OPERATIONS = st.lists(
    st.one_of(
        st.just("frame"),
        st.just("take"),
        st.tuples(
            st.sampled_from([OLDEST, NEWEST, CONFLATE]),
            st.integers(0, 3),
            st.integers(1, 40),
        ),
    ),
    max_size=60,
)


@given(OPERATIONS)
def test_what_remains_keeps_its_order_and_its_bounds(operations: list[Any]) -> None:
    backlog = Backlog(60)
    put: list[bytes] = []
    got: list[bytes] = []
    replies = 0
    dropped = 0
    for number, operation in enumerate(operations):
        data = b"%04d" % number
        if operation == "frame":
            backlog.extend([data])
            put.append(data)
            replies += 1
        elif operation == "take":
            got += [backlog.take()[0]] if len(backlog) else []
        else:
            policy, topic, size = operation
            data = data.ljust(size, b".")
            dropped += offered(backlog, data, policy, (policy, topic))
            put.append(data)
        # Each policy has its own share, and one event may be larger than all of it.
        assert backlog.droppable_bytes <= 3 * 60
    got += taken(backlog)

    assert got == sorted(got)
    assert set(got) <= set(put)
    assert len(put) - len(got) == dropped
    assert sum(len(data) == 4 and b"." not in data for data in got) >= replies
    assert backlog.droppable_bytes == 0
    assert not backlog._newest
