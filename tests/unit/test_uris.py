"""URIs: the grammar for each match policy, and the router's own namespace."""

from __future__ import annotations

import pytest

from aiohttp_serverwamp.uris import Match, is_reserved, is_valid_uri

EXACT, PREFIX, WILDCARD = Match.EXACT, Match.PREFIX, Match.WILDCARD
EVERY = {EXACT, PREFIX, WILDCARD}

#: URI → the policies for which the loose rule admits it.
LOOSE = {
    "com": EVERY,
    "com.shop.cart": EVERY,
    "Com.SHOP.cárt-1/é😀": EVERY,
    "com.shop.": {PREFIX, WILDCARD},
    "": {PREFIX, WILDCARD},
    "com..cart": {WILDCARD},
    ".": {WILDCARD},
    "..": {WILDCARD},
    ".com": {WILDCARD},
    "com..": {WILDCARD},
    "com.a b": set(),
    "com.a#b": set(),
    "com.shop\n": set(),
    "com.shop.\n": set(),
    "\ncom": set(),
    "com.\tx": set(),
    "com.\u00a0x": set(),
    "com.\u2028": set(),
    " ": set(),
    "#": set(),
}
#: The same for the strict rule, where it differs from the loose one.
STRICT = {
    "com.shop_1.cart": EVERY,
    "com.shop_1.": {PREFIX, WILDCARD},
    "com..1": {WILDCARD},
    "Com.shop": set(),
    "com.cart-1": set(),
    "com.é": set(),
    "com.shop\n": set(),
    "": {PREFIX, WILDCARD},
}


@pytest.mark.parametrize("match", Match)
@pytest.mark.parametrize("uri", LOOSE)
def test_the_loose_rule_depends_on_the_match_policy(uri: str, match: Match) -> None:
    assert is_valid_uri(uri, match) is (match in LOOSE[uri])


@pytest.mark.parametrize("match", Match)
@pytest.mark.parametrize("uri", STRICT)
def test_the_strict_rule_admits_lower_case_digits_and_underscore(
    uri: str, match: Match
) -> None:
    assert is_valid_uri(uri, match, strict=True) is (match in STRICT[uri])


def test_the_rule_is_loose_and_exact_unless_said_otherwise() -> None:
    assert is_valid_uri("Com.Shop")
    assert not is_valid_uri("com.")


@pytest.mark.parametrize(
    "uri", ["a." * 50_000 + " ", "." * 100_000 + "#", "a" * 100_000 + " "]
)
@pytest.mark.parametrize("match", Match)
@pytest.mark.timeout(10)
def test_a_long_bad_uri_is_refused_without_backtracking(uri: str, match: Match) -> None:
    """A pattern with catastrophic backtracking would run into the time limit."""
    assert not is_valid_uri(uri, match)


@pytest.mark.parametrize(
    ("uri", "reserved"),
    [
        ("wamp", True),
        ("wamp.", True),
        ("wamp.session.count", True),
        ("wampy.x", False),
        ("Wamp.x", False),
        ("com.wamp.x", False),
        ("wam", False),
        ("", False),
    ],
)
def test_the_first_component_wamp_is_reserved(uri: str, reserved: bool) -> None:
    assert is_reserved(uri) is reserved
