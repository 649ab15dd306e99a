from __future__ import annotations

from typing import Any

import pytest

from aiohttp_serverwamp.router.uri_index import UriIndex
from aiohttp_serverwamp.uris import Match

EXACT, PREFIX, WILDCARD = Match.EXACT, Match.PREFIX, Match.WILDCARD


def index_of(*keys: tuple[str, Match]) -> UriIndex[tuple[str, Match]]:
    """Return an index whose every value is its own key."""
    index: UriIndex[tuple[str, Match]] = UriIndex()
    for uri, match in keys:
        index.set(uri, match, (uri, match))
    return index


class CountingStr(str):
    """A URI that counts how often it, or a part of it, is hashed or compared."""

    operations = 0

    def __hash__(self) -> int:
        CountingStr.operations += 1
        return super().__hash__()

    def __eq__(self, other: object) -> bool:
        CountingStr.operations += 1
        return super().__eq__(other)

    def startswith(self, *args: Any) -> bool:
        CountingStr.operations += 1
        return super().startswith(*args)

    def __getitem__(self, item: Any) -> CountingStr:
        return CountingStr(super().__getitem__(item))

    def split(self, *args: Any, **kwargs: Any) -> list[Any]:
        return [CountingStr(part) for part in super().split(*args, **kwargs)]


def operations_of(index: UriIndex[Any], uri: str) -> tuple[int, int]:
    """Return what `best` and `matches` do to the URI: hashes and comparisons."""
    CountingStr.operations = 0
    index.best(CountingStr(uri))
    best = CountingStr.operations
    CountingStr.operations = 0
    index.matches(CountingStr(uri))
    return best, CountingStr.operations


def test_policies_of_the_same_string_are_different_keys() -> None:
    index = index_of(("a.b", EXACT), ("a.b", PREFIX), ("a.b", WILDCARD))

    assert len(index) == 3
    assert [index.get("a.b", match) for match in Match] == [
        ("a.b", match) for match in Match
    ]
    assert list(index) == [("a.b", match, ("a.b", match)) for match in Match]


@pytest.mark.parametrize("match", list(Match))
def test_setting_a_key_again_replaces_its_value(match: Match) -> None:
    index: UriIndex[str] = UriIndex()
    index.set("a.b", match, "old")

    index.set("a.b", match, "new")

    assert len(index) == 1
    assert index.matches("a.b") == ["new"]
    index.remove("a.b", match)
    assert index.matches("a.b") == []


@pytest.mark.parametrize("match", list(Match))
def test_removing_an_absent_key_is_a_key_error_and_changes_nothing(
    match: Match,
) -> None:
    index = index_of(("a", EXACT), ("a", PREFIX), ("a", WILDCARD))

    with pytest.raises(KeyError):
        index.remove("a.b", match)

    assert len(index.matches("a")) == 3


@pytest.mark.parametrize(
    ("uri", "matched"),
    [
        ("com.myapp.myobject1", True),
        ("com.myapp.myobject1.p", True),
        ("com.myapp.myobject1-sub", True),
        ("com.myapp.myobject", False),
        ("com.myapp.myobject2", False),
    ],
)
def test_a_prefix_is_a_string_prefix_not_bounded_by_components(
    uri: str, matched: bool
) -> None:
    index = index_of(("com.myapp.myobject1", PREFIX))

    assert (index.best(uri) is not None) is matched
    assert len(index.matches(uri)) == matched


@pytest.mark.parametrize(
    ("uri", "matched"),
    [
        ("com.myapp.x.p1", True),
        ("com.myapp.x.p1.y", False),
        ("com.myapp.x.p2", False),
        ("com.myapp2.x.p1", False),
        ("com.myapp.p1", False),
    ],
)
def test_an_empty_component_stands_for_one_whole_component(
    uri: str, matched: bool
) -> None:
    index = index_of(("com.myapp..p1", WILDCARD))

    assert (index.best(uri) is not None) is matched
    assert len(index.matches(uri)) == matched


def test_the_empty_prefix_matches_everything_and_the_empty_wildcard_one_component() -> (
    None
):
    index = index_of(("", PREFIX), ("", WILDCARD))

    assert index.matches("a") == [("", PREFIX), ("", WILDCARD)]
    assert index.matches("a.b") == [("", PREFIX)]


def test_a_pattern_looked_up_as_a_uri_is_found_once() -> None:
    index = index_of(("a..c", WILDCARD))

    assert index.matches("a..c") == [("a..c", WILDCARD)]


REGISTRATIONS = [
    ("a1.b2.c3.d4.e55", EXACT),
    ("a1.b2.c3", PREFIX),
    ("a1.b2.c3.d4", PREFIX),
    ("a1.b2..d4.e5", WILDCARD),
    ("a1.b2.c33..e5", WILDCARD),
    ("a1.b2..d4.e5..g7", WILDCARD),
    ("a1.b2..d4..f6.g7", WILDCARD),
]


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(
    ("uri", "number"),
    [
        ("a1.b2.c3.d4.e55", 1),
        ("a1.b2.c3.d98.e74", 2),
        ("a1.b2.c3.d4.e325", 3),
        ("a1.b2.c55.d4.e5", 4),
        ("a1.b2.c88.d4.e5.f6.g7", 6),
        ("a2.b2.c2.d2.e2", None),
    ],
)
def test_priority_vectors_of_the_specification(
    uri: str, number: int | None, order: int
) -> None:
    """Section 5.8, whatever the order of registration."""
    index = index_of(*REGISTRATIONS[::order])

    expected = None if number is None else REGISTRATIONS[number - 1]
    assert index.best(uri) == expected
    assert index.matches(uri)[:1] == ([] if expected is None else [expected])


def test_the_vector_that_overlooks_a_string_prefix_holds_without_that_prefix() -> None:
    """Section 5.8 expects 5, for which prefix 2 must not match: it does.

    The specification's example and its rules contradict each other here; the rules, by
    which every matching prefix beats every wildcard, are followed.
    """
    index = index_of(*REGISTRATIONS)

    assert index.best("a1.b2.c33.d4.e5") == REGISTRATIONS[1]

    index.remove(*REGISTRATIONS[1])
    assert index.best("a1.b2.c33.d4.e5") == REGISTRATIONS[4]


def test_matches_come_exact_first_then_longest_prefix_then_best_wildcard() -> None:
    """The shortest prefix beats every wildcard."""
    in_order = [
        ("a.b.c", EXACT),
        ("a.b", PREFIX),
        ("a", PREFIX),
        ("", PREFIX),
        ("a.b.", WILDCARD),
        ("a..c", WILDCARD),
        ("a..", WILDCARD),
        (".b.c", WILDCARD),
        ("..c", WILDCARD),
    ]
    index = index_of(*reversed(in_order), ("a.c", PREFIX), ("a.b", WILDCARD))

    assert index.matches("a.b.c") == in_order
    for uri, match in in_order:
        assert index.best("a.b.c") == (uri, match)
        index.remove(uri, match)
    assert index.best("a.b.c") is None


def test_a_falsy_value_is_a_match() -> None:
    index: UriIndex[int] = UriIndex()
    for match in Match:
        index.set("a", match, 0)

    assert index.best("a") == 0
    assert index.matches("a") == [0, 0, 0]


def test_removal_leaves_nothing_of_a_pattern_behind() -> None:
    index = index_of(("a..c", WILDCARD), ("a..d", WILDCARD), ("ab", PREFIX))

    for key in [("a..c", WILDCARD), ("ab", PREFIX)]:
        index.remove(*key)
    assert index.matches("a.b.d") == [("a..d", WILDCARD)]
    index.remove("a..d", WILDCARD)

    assert len(index) == 0
    empty: UriIndex[Any] = UriIndex()
    assert index._tries == empty._tries
    assert index._lengths._sorted == []
    assert index._lengths._uses == {}


def test_a_prefix_length_stays_in_use_until_its_last_prefix_is_removed() -> None:
    index = index_of(("ab", PREFIX), ("cd", PREFIX))

    index.remove("ab", PREFIX)

    assert index.matches("cde") == [("cd", PREFIX)]


def test_an_exact_uri_without_patterns_costs_one_look_up() -> None:
    index = index_of(*((f"topic.n{number}", EXACT) for number in range(100)))

    assert operations_of(index, "no.topic") == (1, 1)


def test_unrelated_patterns_do_not_change_the_cost_of_a_look_up() -> None:
    def patterns(count: int) -> list[tuple[str, Match]]:
        return [
            key
            for number in range(count)
            for key in (
                (f"exact.n{number:05}", EXACT),
                (f"prefix.n{number:05}", PREFIX),
                (f"wildcard..n{number:05}", WILDCARD),
                (f".n{number:05}.x", WILDCARD),
            )
        ]

    few, many = index_of(*patterns(3)), index_of(*patterns(2_000))

    uri = "some.other.topic.of.length"
    assert operations_of(few, uri) == operations_of(many, uri)
    assert operations_of(few, "some.other.topic") == operations_of(
        many, "some.other.topic"
    )


def test_the_count_notices_an_index_that_tries_every_pattern() -> None:
    class Scan(UriIndex[str]):
        def matches(self, uri: str) -> list[str]:
            return [value for key, _, value in self if uri.startswith(key)]

    few, many = Scan(), Scan()
    for index, count in [(few, 3), (many, 30)]:
        for number in range(count):
            index.set(f"p{number}", PREFIX, "value")

    assert operations_of(few, "a")[1] < operations_of(many, "a")[1]


def test_a_very_long_pattern_needs_no_recursion() -> None:
    pattern = "." * 50_000
    index = index_of((pattern, WILDCARD))

    assert index.best("a" + ".a" * 50_000) == (pattern, WILDCARD)

    index.remove(pattern, WILDCARD)
    assert len(index) == 0
