"""How the URIs that two patterns match relate: more specific, covered, overlapping.

An exact URI counts as the pattern that matches itself alone.
"""

from __future__ import annotations

from typing import TypeAlias

from aiohttp_serverwamp.uris import Match

__all__ = ["LEAST_SPECIFIC", "Rank", "covers", "intersect", "literal_head", "rank"]

Rank: TypeAlias = "tuple[int, int, tuple[bool, ...]]"
LEAST_SPECIFIC: Rank = (3, 0, ())


def rank(uri: str, match: Match) -> Rank:
    """Return a sort key: of two rules that match one URI, the lesser one decides."""
    if match is Match.EXACT:
        return (0, 0, ())
    if match is Match.PREFIX:
        return (1, -len(uri), ())
    return (2, 0, tuple(not component for component in uri.split(".")))


def covers(rule_uri: str, rule_match: Match, uri: str, match: Match) -> bool:
    """Tell whether the rule matches every URI that the pattern matches."""
    if rule_match is Match.PREFIX:
        head = uri if match is Match.PREFIX else literal_head(uri)
        return head.startswith(rule_uri)
    if rule_match is Match.EXACT or match is Match.PREFIX:
        return False
    theirs = uri.split(".")
    ours = rule_uri.split(".")
    return len(ours) == len(theirs) and all(
        not our or our == their for our, their in zip(ours, theirs, strict=True)
    )


def literal_head(wildcard: str) -> str:
    """Return the text before the first empty component: how every match begins."""
    components = wildcard.split(".")
    if "" not in components:
        return wildcard
    return "".join(f"{part}." for part in components[: components.index("")])


def intersect(uri: str, match: Match, other: str, other_match: Match) -> bool:
    """Tell whether some URI matches both."""
    if match is Match.PREFIX and other_match is Match.PREFIX:
        return uri.startswith(other) or other.startswith(uri)
    if match is Match.PREFIX:
        return _some_start_with(uri, other)
    if other_match is Match.PREFIX:
        return _some_start_with(other, uri)
    # An exact URI is a wildcard pattern without wildcards.
    ours, theirs = uri.split("."), other.split(".")
    return len(ours) == len(theirs) and all(
        not our or not their or our == their
        for our, their in zip(ours, theirs, strict=True)
    )


def _some_start_with(prefix: str, wildcard: str) -> bool:
    *whole, last = prefix.split(".")
    components = wildcard.split(".")
    if len(components) <= len(whole):
        return False
    final = components[len(whole)]
    return (not final or final.startswith(last)) and all(
        not component or component == part
        for component, part in zip(components, whole, strict=False)
    )
