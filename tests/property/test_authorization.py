"""Permissions for patterns against those for every URI that the pattern matches."""

from __future__ import annotations

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from aiohttp_serverwamp.router.authorization import Permissions, Verdict
from aiohttp_serverwamp.router.patterns import covers, intersect
from aiohttp_serverwamp.router.permission_rules import Action, Flag
from aiohttp_serverwamp.uris import Match, is_valid_uri

Key = tuple[str, Match]

LITERALS = ["a", "b", "ab"]
#: One component more than a pattern has: enough to tell any two patterns apart.
UNIVERSE = [
    ".".join(components)
    for length in range(1, 5)
    for components in product(LITERALS, repeat=length)
]
GRANTS = {Verdict.ALLOWED, Verdict.ALLOWED_OWN}

parts = st.lists(st.sampled_from(["", *LITERALS]), min_size=1, max_size=3)
keys = st.tuples(parts.map(".".join), st.sampled_from(Match)).filter(
    lambda key: is_valid_uri(*key)
)
roles = st.sampled_from([None, ["user"], ["admin"]])
flags: st.SearchStrategy[Flag] = st.sampled_from([True, False, "own"])
statements = st.lists(st.tuples(keys, flags, roles), max_size=8)
defaults = st.sampled_from([Verdict.UNSAID, Verdict.ALLOWED])


def matching(key: Key, uri: str) -> bool:
    pattern, match = key
    if match is Match.PREFIX:
        return uri[: len(pattern)] == pattern
    if match is Match.EXACT:
        return uri == pattern
    ours, theirs = pattern.split("."), uri.split(".")
    if len(ours) != len(theirs):
        return False
    return all(our in ("", their) for our, their in zip(ours, theirs, strict=True))


@given(keys, keys)
def test_patterns_intersect_if_and_only_if_some_uri_matches_both(
    one: Key, other: Key
) -> None:
    common = [uri for uri in UNIVERSE if matching(one, uri) and matching(other, uri)]

    assert intersect(*one, *other) is bool(common)


@given(keys, keys)
def test_a_rule_covers_a_pattern_only_if_it_matches_each_of_its_uris(
    rule: Key, pattern: Key
) -> None:
    if covers(*rule, *pattern):
        assert all(matching(rule, uri) for uri in UNIVERSE if matching(pattern, uri))


@given(statements, keys, defaults)
def test_a_pattern_opens_nothing_that_its_uris_do_not(
    statements: list[tuple[Key, Flag, list[str] | None]], pattern: Key, default: Verdict
) -> None:
    """And what is only private for one URI is only private for all."""
    rules = Permissions(default=default)
    for (uri, match), flag, names in statements:
        rules.permit(uri, match, register=flag, roles=names if flag else None)

    verdict = rules.decide("user", Action.REGISTER, *pattern)

    each = {
        rules.decide("user", Action.REGISTER, uri)
        for uri in UNIVERSE
        if matching(pattern, uri)
    }
    if verdict in GRANTS:
        assert each <= GRANTS
    if verdict is Verdict.ALLOWED:
        assert each <= {Verdict.ALLOWED}
