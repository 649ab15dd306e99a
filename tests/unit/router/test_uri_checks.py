"""URIChecks: the limits come first, then the form, then what is reserved."""

from __future__ import annotations

import pytest

from aiohttp_serverwamp.errors import InvalidURI
from aiohttp_serverwamp.limits import Limits
from aiohttp_serverwamp.router.uri_checks import URIChecks
from aiohttp_serverwamp.uris import Match


@pytest.mark.parametrize("uri", ["a" * 10, "a.b.c"])
def test_a_uri_at_the_limit_passes(uri: str) -> None:
    URIChecks(Limits(max_uri_length=10, max_uri_components=3)).check(uri)


@pytest.mark.parametrize("uri", ["a" * 11, "a.b.c.d"])
def test_a_uri_beyond_a_limit_is_refused(uri: str) -> None:
    rules = URIChecks(Limits(max_uri_length=10, max_uri_components=3))

    with pytest.raises(InvalidURI, match="longer"):
        rules.check(uri)


@pytest.mark.parametrize("off", [0, None])
def test_a_limit_can_be_switched_off(off: int | None) -> None:
    rules = URIChecks(Limits(max_uri_length=off, max_uri_components=off))

    rules.check(".".join(["component"] * 1000))


@pytest.mark.parametrize("uri", ["Com.a", "com.a-b", "com.é"])
def test_strict_rules_admit_fewer_characters(uri: str) -> None:
    URIChecks(Limits()).check(uri)

    with pytest.raises(InvalidURI, match="malformed"):
        URIChecks(Limits(), strict=True).check(uri)


@pytest.mark.parametrize(
    ("uri", "match", "reserved"),
    [
        ("wamp", Match.EXACT, True),
        ("wamp.x", Match.EXACT, True),
        ("wamp.", Match.PREFIX, True),
        ("wamp..x", Match.WILDCARD, True),
        ("wampum", Match.EXACT, False),
        ("wam", Match.PREFIX, False),
        (".x", Match.WILDCARD, False),
        ("Wamp.x", Match.EXACT, False),
    ],
)
def test_the_routers_own_uris_are_no_clients(
    uri: str, match: Match, reserved: bool
) -> None:
    rules = URIChecks(Limits())
    rules.check(uri, match)

    if reserved:
        with pytest.raises(InvalidURI, match="belong to the router"):
            rules.check_own(uri, match)
    else:
        rules.check_own(uri, match)
