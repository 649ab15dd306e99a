"""What a look-up costs, counted in steps of Python and calls of C: never in time.

Patterns that have nothing to do with a URI cost it nothing, however many there are.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import pytest

import aiohttp_serverwamp
from aiohttp_serverwamp import OPEN, Realm
from aiohttp_serverwamp.router.uri_index import UriIndex
from aiohttp_serverwamp.uris import Match
from tests.conformance.harness import World

PACKAGE = aiohttp_serverwamp.__file__.removesuffix("__init__.py")
URI = "shop.cart.changed"


class Steps:
    """Counts the lines that run in the package, and the C functions these call."""

    count = 0

    def trace(self, frame: FrameType, event: str, _: Any) -> Any:
        if not frame.f_code.co_filename.startswith(PACKAGE):
            return None
        self.count += event == "line"
        return self.trace

    def profile(self, frame: FrameType, event: str, _: Any) -> None:
        ours = frame.f_code.co_filename.startswith(PACKAGE)
        self.count += ours and event == "c_call"


@contextmanager
def counted() -> Iterator[Steps]:
    steps, tracing, profiling = Steps(), sys.gettrace(), sys.getprofile()
    sys.settrace(steps.trace)
    sys.setprofile(steps.profile)
    try:
        yield steps
    finally:
        sys.setprofile(profiling)
        sys.settrace(tracing)


def steps_of(function: Callable[..., Any], *args: Any) -> int:
    function(*args)  # what is made at the first time is not counted
    with counted() as steps:
        function(*args)
    return steps.count


def unrelated(number: int) -> Iterator[tuple[str, Match]]:
    """Yield patterns of every kind and shape, none of which matches `URI`."""
    for each in range(number):
        name = f"x{each:06}"
        yield f"shop.cart.{name}", Match.EXACT
        yield f"shop.{name}."[: 6 + each % 7], Match.PREFIX
        yield f"{name}.", Match.PREFIX
        yield f"{name}..changed", Match.WILDCARD
        yield f".{name}.", Match.WILDCARD
        yield f"..{name}", Match.WILDCARD
        yield f"shop..changed.{name}", Match.WILDCARD


def filled(number: int) -> UriIndex[str]:
    index: UriIndex[str] = UriIndex()
    for uri, match in [
        (URI, Match.EXACT),
        ("shop.", Match.PREFIX),
        ("shop.cart", Match.PREFIX),
        ("shop..changed", Match.WILDCARD),
        ("..", Match.WILDCARD),
    ]:
        index.set(uri, match, f"{match} {uri}")
    for uri, match in unrelated(number):
        index.set(uri, match, "unrelated")
    return index


@pytest.mark.parametrize("look_up", ["matches", "best", "get"])
@pytest.mark.parametrize("uri", [URI, "shop.cart.other", "org.example", "a"])
def test_a_look_up_costs_the_same_among_thousands_of_unrelated_patterns(
    look_up: str, uri: str
) -> None:
    costs = []
    for number in (20, 4_000):
        index = filled(number)
        arguments = (uri, Match.EXACT) if look_up == "get" else (uri,)
        costs.append(steps_of(getattr(index, look_up), *arguments))

    assert costs[0] == costs[1]
    assert costs[0] < 300


def test_the_count_sees_what_matches() -> None:
    """More patterns that match cost more steps: the counter counts."""
    few, many = filled(20), filled(20)
    for end in range(6, len(URI)):
        many.set(URI[:end], Match.PREFIX, "more")

    assert steps_of(many.matches, URI) > steps_of(few.matches, URI)


def test_the_cost_of_a_longer_uri_grows_with_its_components_alone() -> None:
    costs = [steps_of(filled(20).matches, "a" + ".b" * n) for n in (4, 8, 16)]

    assert costs[2] - costs[1] <= 2 * (costs[1] - costs[0]) + 40


def test_a_publication_costs_the_same_among_thousands_of_subscriptions_and_rules() -> (
    None
):
    costs = []
    for number in (20, 1_000):
        realm = Realm("realm1", permissions=OPEN)
        world = World(realm)
        publisher, subscriber = world.join(), world.join()
        subscriber.subscribe(URI)
        for uri, match in unrelated(number):
            realm.router.broker.subscribe(realm.local, uri, match)
            realm.permit(uri, match=match, publish=False)
        costs.append(steps_of(publisher.send_raw, f'[16,1,{{}},"{URI}",["a"]]'))
        assert len(subscriber.received()) == 2

    assert costs[0] == costs[1]
