"""Retention: what one topic keeps, what all of them may take, and how it is counted."""

from __future__ import annotations

from typing import Any

from aiohttp_serverwamp.limits import Limits
from aiohttp_serverwamp.messages import Publish
from aiohttp_serverwamp.router.peer import Peer
from aiohttp_serverwamp.router.retention import Retention
from aiohttp_serverwamp.serializers.payload_size import payload_size
from aiohttp_serverwamp.uris import Match


def retention(**limits: Any) -> Retention:
    return Retention(Limits(**limits))


def retain(kept: Retention, topic: str, value: Any, **options: Any) -> None:
    kept.retain(Peer(), 1, Publish(1, options, topic, [value]), {})


def reader(authid: str) -> Peer:
    peer = Peer()
    peer.id, peer.authid = 7, authid
    return peer


def values(kept: Retention, who: str = "joe", topic: str = "a") -> list[Any]:
    events = kept.events_for(reader(who), topic, Match.EXACT)
    return [event.args[0] for event in events if event.args]


def test_a_topic_keeps_few_events_for_some_and_always_the_one_for_all() -> None:
    kept = retention()
    retain(kept, "a", "all")
    for number in range(40):
        retain(kept, "a", number, eligible_authid=[f"user{number}"])

    assert values(kept, "user39") == [39]
    assert values(kept, "user24") == [24]
    assert values(kept, "user23") == values(kept, "joe") == ["all"]


def test_an_event_for_some_that_is_too_large_leaves_the_one_for_all() -> None:
    kept = retention(max_retained_bytes=5_000)
    retain(kept, "a", "all")

    retain(kept, "a", "x" * 10_000, eligible_authid=["joe"])

    assert values(kept) == ["all"]


def test_an_event_for_all_that_is_too_large_replaces_the_older_one_by_nothing() -> None:
    kept = retention(max_retained_bytes=5_000)
    retain(kept, "a", "old")

    retain(kept, "a", "x" * 10_000)

    assert kept.last("a") is None
    assert (len(kept), kept.size) == (0, 0)


def test_the_size_is_that_of_what_is_kept() -> None:
    kept = retention()
    retain(kept, "a", "x" * 1_000)
    one = kept.size
    for topic in ("b", "a"):
        retain(kept, topic, "x" * 1_000)
    assert one > payload_size(["x" * 1_000])
    assert kept.size == 2 * one

    kept.clear("a")
    assert kept.size == one
    kept.clear("", Match.PREFIX)

    assert (len(kept), kept.size) == (0, 0)


def test_who_it_is_for_and_what_its_details_say_weigh_like_the_payload() -> None:
    kept = retention(max_retained_bytes=50_000)
    retain(kept, "a", 1, eligible=[*range(10**9, 10**9 + 1_000)])
    retain(kept, "a", 1, eligible_authid=["x" * 10_000])
    kept.retain(Peer(), 1, Publish(1, {}, "a"), {"ppt_keyid": "x" * 30_000})
    assert kept.size > 30_000

    kept.retain(Peer(), 1, Publish(1, {}, "a"), {"ppt_keyid": "x" * 60_000})
    retain(kept, "a", 1, exclude=[*range(10**9, 10**9 + 2_000)])

    assert (len(kept), kept.size) == (0, 0)


def test_without_limits_everything_is_kept() -> None:
    kept = retention(max_retained_topics=None, max_retained_bytes=0)
    for number in range(20_000):
        retain(kept, f"a.{number}", number)

    assert len(kept) == 20_000


def test_the_size_of_a_payload_counts_keys_and_what_is_nested_however_deep() -> None:
    deep: list[Any] = ["x" * 5_000]
    for _ in range(5_000):
        deep = [deep]

    assert payload_size(None, None) < 100
    assert payload_size([], {"k" * 5_000: None}) > 5_000
    assert payload_size([{"a": ["x" * 5_000]}], None) > 5_000
    assert payload_size(deep, None) > 5_000 + 5_000 * 56
