"""Token buckets, on a clock of the test's own."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiohttp_serverwamp.errors import RateLimited
from aiohttp_serverwamp.limits import RateLimit
from aiohttp_serverwamp.router.rate_limits import MAX_REMEMBERED, Buckets, RateLimits
from aiohttp_serverwamp.uris import Match


def session(id: int = 1, *, authid: str = "ann", network: str = "192.0.2.7") -> Any:
    return SimpleNamespace(id=id, authid=authid, network=network)


def test_so_many_come_at_once_and_then_one_by_one() -> None:
    buckets = Buckets(RateLimit("2/s", burst=3))

    assert [buckets.take("a", 100.0) for _ in range(4)] == [0, 0, 0, 0.5]
    assert buckets.take("a", 100.25) == 0.25
    assert buckets.take("a", 100.5) == 0
    assert buckets.take("a", 100.5) == 0.5
    assert [buckets.take("a", 102.0) for _ in range(4)] == [0, 0, 0, 0.5]


def test_who_waits_as_long_as_told_is_welcome() -> None:
    now = 1e9 / 3
    buckets = Buckets(RateLimit("7/s", burst=1))
    for _ in range(10_000):
        assert buckets.take("a", now) == 0
        now += buckets.take("a", now)


def test_every_key_has_a_bucket_of_its_own() -> None:
    buckets = Buckets(RateLimit("1/s"))

    assert [buckets.take(key, 100.0) for key in "abab"] == [0, 0, 1, 1]


def test_what_is_full_again_is_forgotten() -> None:
    buckets = Buckets(RateLimit("10/s"))
    for number in range(100):
        buckets.take(number, 100.0 + number)
    assert len(buckets) == 1
    buckets.sweep(300.0)
    assert len(buckets) == 0


def test_what_nobody_has_used_for_long_goes_first_when_there_are_too_many() -> None:
    buckets = Buckets(RateLimit("1/h"))
    for number in range(MAX_REMEMBERED):
        buckets.take(number, 100.0)
    buckets.take("new", 101.0)
    assert len(buckets) == MAX_REMEMBERED

    assert buckets.take(1, 101.0) > 3000
    assert buckets.take(0, 101.0) == 0


@given(st.lists(st.floats(0.0, 2.0), max_size=100), st.integers(1, 5))
def test_in_no_time_do_more_come_than_the_limit_says(
    pauses: list[float], burst: int
) -> None:
    buckets = Buckets(RateLimit("3/s", burst=burst))
    now = 0.0
    taken: list[float] = []
    for pause in pauses:
        now += pause
        if not buckets.take("a", now):
            taken.append(now)

    for start in range(len(taken)):
        for end in range(start, len(taken)):
            allowed = burst + 3 * (taken[end] - taken[start])
            assert end - start + 1 <= allowed + 1e-3


class Clock:
    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


def test_the_error_says_when_to_come_back() -> None:
    limits = RateLimits(RateLimit("3/min", burst=1))
    limits.start(Clock())
    limits.check(session())

    with pytest.raises(RateLimited, match="no more than 3/min") as caught:
        limits.check(session())
    assert caught.value.uri == "wamp.error.rate_limited"
    assert caught.value.kwargs == {"retry_after": 20.0}


@pytest.mark.parametrize(
    ("key", "same", "other"),
    [
        ("session", session(1), session(2)),
        ("authid", session(2), session(1, authid="bob")),
        ("ip", session(2, authid="bob"), session(1, network="192.0.2.8")),
    ],
)
def test_the_key_says_whose_requests_count_together(
    key: Any, same: Any, other: Any
) -> None:
    limits = RateLimits(RateLimit("1/h", key=key))
    limits.start(Clock())
    limits.check(session(1))

    limits.check(other)
    with pytest.raises(RateLimited):
        limits.check(same)


def test_those_of_no_known_address_do_not_share_one() -> None:
    limits = RateLimits(RateLimit("1/h", key="ip"))
    limits.start(Clock())
    limits.check(session(1, network=""))
    limits.check(session(2, network=""))

    with pytest.raises(RateLimited):
        limits.check(session(2, network=""))


def test_the_most_specific_limit_holds_alone_and_patterns_count_together() -> None:
    limits = RateLimits()
    assert not limits
    limits.set("a.", Match.PREFIX, RateLimit("2/h"), calls=True, explicit=False)
    limits.set("a.b", Match.EXACT, RateLimit("1/h"), calls=True, explicit=False)
    limits.start(Clock())
    assert limits

    limits.check_call(session(), "a.x")
    limits.check_call(session(), "a.y")
    limits.check_call(session(), "a.b")
    for procedure in ("a.x", "a.z", "a.b"):
        with pytest.raises(RateLimited):
            limits.check_call(session(), procedure)
    for _ in range(3):
        limits.check_call(session(), "b")
        limits.check_publish(session(), "a.x")


def test_an_explicit_limit_replaces_a_routes_for_calls_and_publications() -> None:
    limits = RateLimits()
    limits.set("a", Match.EXACT, RateLimit("9/h"), calls=True, explicit=False)
    limits.set(
        "a", Match.EXACT, RateLimit("1/h"), calls=True, publications=True, explicit=True
    )
    limits.start(Clock())
    limits.check_publish(session(), "a")

    with pytest.raises(RateLimited):
        limits.check_call(session(), "a")


def test_nothing_is_left_of_sessions_that_have_left() -> None:
    clock = Clock()
    limits = RateLimits(RateLimit("1/h"))
    slow = RateLimit("1/s", key="authid")
    limits.set("a", Match.EXACT, slow, calls=True, explicit=False)
    limits.start(clock)
    for number in range(50):
        limits.check(session(number))
        limits.check_call(session(number, authid=str(number)), "a")
        limits.forget(session(number))
        clock.time += 0.125
    assert limits.remembered == 8
    clock.time += 1.0
    limits.forget(session(49))
    assert limits.remembered == 0


def test_a_realm_that_starts_anew_remembers_nothing() -> None:
    limits = RateLimits(RateLimit("1/h"))
    for _ in range(2):
        limits.start(Clock())
        limits.check(session())
