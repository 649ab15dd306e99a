"""The broker beyond the wire: one encoding for many, and events for one peer."""

from __future__ import annotations

from typing import Any

from aiohttp_serverwamp.limits import Limits
from aiohttp_serverwamp.messages import Publish
from aiohttp_serverwamp.router.broker import Broker
from aiohttp_serverwamp.router.disclosure import Disclosure
from aiohttp_serverwamp.router.feature_gates import FeatureGates
from aiohttp_serverwamp.router.peer import Peer
from aiohttp_serverwamp.router.tally import Tally
from aiohttp_serverwamp.router.trust import Trust
from aiohttp_serverwamp.router.uri_checks import URIChecks
from aiohttp_serverwamp.router.watcher import Watcher
from aiohttp_serverwamp.serializers.frame import Frame
from aiohttp_serverwamp.uris import Match


class Subscriber(Peer):
    def __init__(self) -> None:
        super().__init__()
        self.frames: list[Frame] = []

    def write(self, frame: Frame) -> None:
        self.frames.append(frame)


def broker() -> Broker:
    limits = Limits()
    ids = iter(range(100, 200))
    return Broker(
        limits,
        URIChecks(limits),
        Disclosure.ALLOW,
        Trust(),
        FeatureGates(strict=False),
        new_id=lambda: next(ids),
        watcher=Watcher(),
        tally=Tally(),
    )


def test_subscribers_of_one_subscription_share_one_frame() -> None:
    router, peers = broker(), [Subscriber() for _ in range(3)]
    for peer in peers:
        router.subscribe(peer, "a", Match.EXACT)

    router.publish(Peer(), Publish(1, {}, "a"))

    [frame] = {frame for peer in peers for frame in peer.frames}
    assert [len(peer.frames) for peer in peers] == [1, 1, 1]
    assert frame.message.publication == 100  # type: ignore[attr-defined] # an EVENT


def test_an_event_for_one_peer_reaches_that_one_where_it_is_subscribed() -> None:
    router, one, other = broker(), Subscriber(), Subscriber()
    for peer in (one, other):
        router.subscribe(peer, "a", Match.EXACT)
    router.subscribe(one, "", Match.PREFIX)
    router.subscribe(other, "..", Match.WILDCARD)

    router.send_event(one, Publish(1, {}, "a", ["x"]), publication=7, trust_level=3)

    events: list[Any] = [frame.message for frame in one.frames]
    assert [event.details for event in events] == [
        {"trustlevel": 3},
        {"trustlevel": 3, "topic": "a"},
    ]
    assert {event.publication for event in events} == {7}
    assert other.frames == []


def test_a_subscription_lasts_as_long_as_it_has_subscribers() -> None:
    router, one, other = broker(), Subscriber(), Subscriber()
    first = router.subscribe(one, "a", Match.EXACT)
    router.subscribe(other, "a", Match.EXACT)

    router.unsubscribe(one, first.id)
    assert router.find(one, "a", Match.EXACT) is None
    assert router.find(other, "a", Match.EXACT) is first
    router.leave(other)

    assert len(router.subscriptions) == 0
    assert router.subscribe(one, "a", Match.EXACT).id != first.id
