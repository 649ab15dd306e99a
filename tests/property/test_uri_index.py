"""UriIndex against an oracle that compares the URI with every pattern."""

from __future__ import annotations

from functools import cmp_to_key

from hypothesis import given
from hypothesis import strategies as st

from aiohttp_serverwamp.router.uri_index import UriIndex
from aiohttp_serverwamp.uris import Match, is_valid_uri

Key = tuple[str, Match]

# Few and short components, one a string prefix of another: collisions are the point.
literals = st.sampled_from(["a", "b", "ab"])
parts = st.lists(st.one_of(st.just(""), literals), min_size=1, max_size=4)
uris = st.lists(literals, min_size=1, max_size=4).map(".".join)
keys = st.tuples(parts.map(".".join), st.sampled_from(Match)).filter(
    lambda key: is_valid_uri(*key)
)
operations = st.lists(st.tuples(st.booleans(), keys), max_size=40)


def matching(key: Key, uri: str) -> bool:
    pattern, match = key
    if match is Match.EXACT:
        return pattern == uri
    if match is Match.PREFIX:
        return uri[: len(pattern)] == pattern
    ours, theirs = pattern.split("."), uri.split(".")
    if len(ours) != len(theirs):
        return False
    return all(our in ("", their) for our, their in zip(ours, theirs, strict=True))


def literal_runs(pattern: str) -> list[int]:
    """Return the lengths of the runs of literals, in order."""
    runs = [0]
    for component in pattern.split("."):
        if component:
            runs[-1] += 1
        else:
            runs.append(0)
    return runs


def compare(one: Key, other: Key) -> int:
    """Order two keys that match the same URI: the better first."""
    policies = list(Match)
    if one[1] is not other[1]:
        return policies.index(one[1]) - policies.index(other[1])
    if one[1] is Match.PREFIX:
        return len(other[0]) - len(one[0])
    ours, theirs = literal_runs(one[0]), literal_runs(other[0])
    return (ours < theirs) - (ours > theirs)


@given(operations, uris)
def test_the_index_finds_what_a_scan_of_all_patterns_finds(
    operations: list[tuple[bool, Key]], uri: str
) -> None:
    index: UriIndex[Key] = UriIndex()
    present: set[Key] = set()
    for adding, key in operations:
        if adding:
            index.set(*key, key)
            present.add(key)
        elif key in present:
            index.remove(*key)
            present.remove(key)

    expected = sorted(
        (key for key in present if matching(key, uri)), key=cmp_to_key(compare)
    )

    assert index.matches(uri) == expected
    assert index.best(uri) == (expected[0] if expected else None)
    assert {(pattern, match) for pattern, match, _ in index} == present
    assert len(index) == len(present)


@given(st.lists(keys, unique=True))
def test_removing_every_key_leaves_an_empty_index(keys: list[Key]) -> None:
    index: UriIndex[Key] = UriIndex()
    for key in keys:
        index.set(*key, key)

    for key in reversed(keys):
        index.remove(*key)

    assert list(index) == []
    assert index._tries == {}
    assert index._lengths._sorted == []
