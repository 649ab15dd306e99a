"""Ids: ranges and sequences."""

from __future__ import annotations

import secrets

import pytest

from aiohttp_serverwamp.ids import MAX_ID, Counter, random_id


def test_the_greatest_id_is_two_to_the_53rd() -> None:
    assert MAX_ID == 9_007_199_254_740_992


@pytest.mark.parametrize(("drawn", "expected"), [(0, 1), (2**53 - 1, 2**53)])
def test_random_ids_cover_the_range_with_both_ends(
    drawn: int, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Uniform, from the operating system's generator."""
    bounds = []

    def randbelow(bound: int) -> int:
        bounds.append(bound)
        return drawn

    monkeypatch.setattr(secrets, "randbelow", randbelow)

    assert random_id() == expected
    assert bounds == [2**53]


def test_random_ids_differ_and_use_the_whole_range() -> None:
    """64 draws that all miss the upper half happen once in 2^64 runs."""
    drawn = [random_id() for _ in range(64)]

    assert len(set(drawn)) == len(drawn)
    assert max(drawn) > 2**52


def test_a_counter_starts_at_one_and_goes_by_one() -> None:
    counter = Counter()

    assert [counter.next() for _ in range(3)] == [1, 2, 3]


def test_a_counter_wraps_from_the_greatest_id_to_one() -> None:
    counter = Counter(MAX_ID - 1)

    assert [counter.next() for _ in range(3)] == [MAX_ID, 1, 2]


def test_counters_are_independent() -> None:
    first, second = Counter(), Counter()
    first.next()

    assert second.next() == 1
