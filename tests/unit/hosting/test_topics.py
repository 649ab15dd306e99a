"""Which handlers accompany which subscription."""

from __future__ import annotations

import re
from typing import Any

import pytest

from aiohttp_serverwamp.hosting.lifespans import LifeHandler
from aiohttp_serverwamp.hosting.topics import HostedTopics
from aiohttp_serverwamp.uris import Match


class Joined:
    """As much of a session as topics look at."""

    def __init__(self, authrole: str = "user") -> None:
        self.authrole = authrole
        self.tasks = object()

    def public(self) -> object:
        return self


def handler(name: str) -> LifeHandler:
    return LifeHandler(name, None)  # type: ignore[arg-type]  # never run here


def topics(*routes: tuple[str, Match, str | None]) -> HostedTopics:
    hosted = HostedTopics(None)  # type: ignore[arg-type]  # nothing is run here
    for uri, match, name in routes:
        hosted.add(uri, match, None if name is None else handler(name))
    return hosted


def accompanying(hosted: HostedTopics, uri: str, match: Match = Match.EXACT) -> Any:
    session: Any = Joined()
    life = hosted.life(session, uri, match)
    return [] if life is None else [each.function for each in life._handlers]


ROUTES = (
    ("room.1", Match.EXACT, "exact"),
    ("room.", Match.PREFIX, "prefix"),
    ("room.1.", Match.PREFIX, "longer"),
    ("room..log", Match.WILDCARD, "wildcard"),
    ("quiet", Match.EXACT, None),
)


@pytest.mark.parametrize(
    ("uri", "names"),
    [
        ("room.1", ["exact"]),
        ("room.2", ["prefix"]),
        ("room.1.x", ["longer"]),
        ("room.2.log", ["prefix"]),
        ("quiet", []),
        ("other", []),
    ],
)
def test_the_most_specific_route_accompanies_an_exact_topic(
    uri: str, names: list[str]
) -> None:
    assert accompanying(topics(*ROUTES), uri) == names


@pytest.mark.parametrize(
    ("uri", "match", "names"),
    [
        ("room.", Match.PREFIX, {"exact", "prefix", "longer", "wildcard"}),
        ("room.2", Match.PREFIX, {"prefix", "wildcard"}),
        ("room..", Match.WILDCARD, {"prefix", "longer", "wildcard"}),
        ("quiet", Match.PREFIX, set()),
        ("other.", Match.PREFIX, set()),
    ],
)
def test_a_pattern_is_accompanied_by_whatever_guards_part_of_it(
    uri: str, match: Match, names: set[str]
) -> None:
    assert set(accompanying(topics(*ROUTES), uri, match)) == names


def test_expressions_come_after_every_route_and_in_order() -> None:
    hosted = topics(("room.1", Match.EXACT, "exact"))
    hosted.add_fallback(re.compile(r"room\.\d"), None, handler("digit"))
    hosted.add_fallback(re.compile(r"room\..*"), None, handler("anything"))

    assert accompanying(hosted, "room.1") == ["exact"]
    assert accompanying(hosted, "room.2") == ["digit"]
    assert accompanying(hosted, "room.22") == ["anything"]
    assert accompanying(hosted, "the.room.2") == []


def test_expressions_admit_exact_topics_and_roles() -> None:
    hosted = topics()
    hosted.add_fallback(re.compile("staff"), frozenset({"admin"}), handler("staff"))
    user: Any = Joined()
    admin: Any = Joined("admin")

    assert hosted.admits(admin, "staff", Match.EXACT)
    assert not hosted.admits(user, "staff", Match.EXACT)
    assert not hosted.admits(admin, "staff", Match.PREFIX)
    assert not hosted.admits(admin, "other", Match.EXACT)
