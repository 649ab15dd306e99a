"""Deadlines: what is due runs, in order, once."""

from __future__ import annotations

import random
from functools import partial

import pytest

from aiohttp_serverwamp.router.deadlines import Deadlines


def test_what_is_due_runs_once_and_in_order() -> None:
    deadlines, ran = Deadlines(), list[int]()
    for when in (3, 1, 2, 5):
        deadlines.add(when, partial(ran.append, when))

    deadlines.expire(3)
    deadlines.expire(3)

    assert ran == [1, 2, 3]
    assert deadlines.next() == 5
    assert len(deadlines) == 1


def test_a_cancelled_deadline_does_not_run_and_is_not_waited_for() -> None:
    deadlines, ran = Deadlines(), list[str]()
    early = deadlines.add(1, lambda: ran.append("early"))
    deadlines.add(2, lambda: ran.append("late"))

    deadlines.cancel(early)
    deadlines.cancel(early)

    assert deadlines.next() == 2
    assert len(deadlines) == 1
    deadlines.expire(10)
    assert ran == ["late"]


def test_cancelling_what_has_run_changes_nothing() -> None:
    deadlines = Deadlines()
    past = deadlines.add(1, lambda: None)
    deadlines.add(5, lambda: None)
    deadlines.expire(1)

    deadlines.cancel(past)

    assert len(deadlines) == 1
    assert deadlines.next() == 5


def test_a_deadline_added_by_another_runs_if_it_is_due() -> None:
    deadlines, ran = Deadlines(), list[str]()

    def first() -> None:
        deadlines.add(2, partial(ran.append, "second"))

    deadlines.add(1, first)

    deadlines.expire(2)

    assert ran == ["second"]


def test_a_deadline_before_all_others_is_announced_and_so_is_the_end_of_all() -> None:
    deadlines, heard = Deadlines(), list[float | None]()
    deadlines.on_earlier = heard.append

    for when in (5, 7, 3, 4, 1):
        deadlines.add(when, lambda: None)
    deadlines.clear()

    assert heard == [5, 3, 1, None]


def test_clear_forgets_everything() -> None:
    deadlines, ran = Deadlines(), list[str]()
    one = deadlines.add(1, lambda: ran.append("one"))
    deadlines.cancel(deadlines.add(2, lambda: ran.append("two")))

    deadlines.clear()
    deadlines.cancel(one)

    assert deadlines.next() is None
    assert len(deadlines) == 0
    deadlines.expire(10)
    assert ran == []


def test_many_cancelled_deadlines_are_not_kept() -> None:
    """A caller that always gives a timeout of an hour costs no hour of memory."""
    deadlines = Deadlines()
    deadlines.add(10**6, lambda: None)

    for when in range(10_000):
        deadlines.cancel(deadlines.add(when + 1000, lambda: None))

    assert len(deadlines) == 1
    assert len(deadlines._heap) < 200


@pytest.mark.parametrize("seed", range(20))
def test_adding_cancelling_and_expiring_agree_with_a_plain_list(seed: int) -> None:
    chance = random.Random(seed)
    deadlines, ran = Deadlines(), list[int]()
    expected: dict[int, float] = {}
    handles = {}
    now = 0.0
    for number in range(500):
        when = now + chance.randrange(1, 100)
        handles[number] = deadlines.add(when, partial(ran.append, number))
        expected[number] = when
        if chance.random() < 0.7 and expected:
            gone = chance.choice([*expected])
            deadlines.cancel(handles[gone])
            del expected[gone]
        if chance.random() < 0.1:
            now += chance.randrange(30)
            due = {each for each, when in expected.items() if when <= now}
            ran.clear()
            deadlines.expire(now)
            assert set(ran) == due
            for each in due:
                del expected[each]
        assert len(deadlines) == len(expected)
        assert deadlines.next() == min(expected.values(), default=None)
