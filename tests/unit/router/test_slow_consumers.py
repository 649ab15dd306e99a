"""Which policy a topic has."""

from __future__ import annotations

from aiohttp_serverwamp.limits import SlowConsumer
from aiohttp_serverwamp.router.slow_consumers import SlowConsumers
from aiohttp_serverwamp.uris import Match


def test_without_a_word_nothing_is_dropped() -> None:
    policies = SlowConsumers()

    assert not policies
    assert policies.of("a.b") is None


def test_the_realms_policy_holds_where_nothing_else_is_said() -> None:
    policies = SlowConsumers(SlowConsumer.DROP_OLDEST)
    policies.set("a.b", Match.EXACT, SlowConsumer.DISCONNECT, explicit=False)

    assert policies
    assert policies.of("a") is SlowConsumer.DROP_OLDEST
    assert policies.of("a.b") is None


def test_the_most_specific_one_holds() -> None:
    policies = SlowConsumers()
    policies.set("a.", Match.PREFIX, SlowConsumer.DROP_OLDEST, explicit=True)
    policies.set("a.b.", Match.PREFIX, SlowConsumer.DROP_NEWEST, explicit=False)
    policies.set("a.b.c", Match.EXACT, SlowConsumer.CONFLATE, explicit=False)
    policies.set("b..c", Match.WILDCARD, SlowConsumer.CONFLATE, explicit=False)

    topics = ("a.x", "a.b.x", "a.b.c", "b.x.c", "b.x.d")
    assert [policies.of(topic) for topic in topics] == [
        SlowConsumer.DROP_OLDEST,
        SlowConsumer.DROP_NEWEST,
        SlowConsumer.CONFLATE,
        SlowConsumer.CONFLATE,
        None,
    ]


def test_what_is_permitted_holds_against_a_route_whichever_comes_first() -> None:
    for order in ([True, False], [False, True]):
        policies = SlowConsumers()
        for explicit in order:
            policy = SlowConsumer.CONFLATE if explicit else SlowConsumer.DROP_OLDEST
            policies.set("a", Match.EXACT, policy, explicit=explicit)

        assert policies.of("a") is SlowConsumer.CONFLATE


def test_the_last_word_of_the_same_weight_holds() -> None:
    policies = SlowConsumers()
    policies.set("a", Match.EXACT, SlowConsumer.CONFLATE, explicit=True)
    policies.set("a", Match.EXACT, SlowConsumer.DISCONNECT, explicit=True)

    assert policies.of("a") is None
