"""Which events of one realm may be dropped, and how, for clients that are behind."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from aiohttp_serverwamp.limits import SlowConsumer, SlowConsumerReport
from aiohttp_serverwamp.router.uri_settings import UriSettings
from aiohttp_serverwamp.uris import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiohttp_serverwamp.router.session import RouterSession
    from aiohttp_serverwamp.uris import Match

__all__ = ["SlowConsumers", "note_dropped", "report_cut"]

logger = logging.getLogger("aiohttp_serverwamp.router")


class SlowConsumers:
    """The policies of a realm's topics; the most specific one holds.

    False while none of them drops anything.
    """

    __slots__ = ("_default", "_said")

    def __init__(self, default: SlowConsumer = SlowConsumer.DISCONNECT) -> None:
        self._default = default
        self._said: UriSettings[SlowConsumer] = UriSettings()

    def __bool__(self) -> bool:
        return self._default is not SlowConsumer.DISCONNECT or bool(len(self._said))

    def set(
        self, uri: str, match: Match, policy: SlowConsumer, *, explicit: bool
    ) -> None:
        """Say what holds for a topic, or for all that match."""
        self._said.set(uri, match, policy, explicit=explicit)

    def of(self, topic: str) -> SlowConsumer | None:
        """Return the policy of a topic; None if nothing is dropped."""
        policy = self._said.of(topic) or self._default
        return None if policy is SlowConsumer.DISCONNECT else policy


def note_dropped(
    session: RouterSession, dropped: Sequence[Any], policy: SlowConsumer
) -> None:
    """Count events that were dropped; report the first ones since it was last even.

    Each is the id of its subscription, and its topic.
    """
    router = session.router
    for subscription_id, topic in dropped:
        subscription = router.broker.by_id.get(subscription_id)
        router.tally.event_dropped(topic if subscription is None else subscription.uri)
    session.brokering.dropped += len(dropped)
    if session.dropping:
        return
    session.dropping = True
    _, topic = dropped[0]
    # A client may fall behind, and catch up, as often as it likes.
    first = session.brokering.dropped == len(dropped)
    logger.log(
        logging.WARNING if first else logging.DEBUG,
        "session %s does not keep up: events of %s are dropped (%s)",
        session.id,
        shown(topic),
        policy,
    )
    _report(session, policy, topic)


def report_cut(session: RouterSession) -> None:
    """Let hosted code know of a client that has been cut for being too slow."""
    if session.joined:
        _report(session, SlowConsumer.DISCONNECT, None)


def _report(session: RouterSession, policy: SlowConsumer, topic: str | None) -> None:
    report = SlowConsumerReport(policy, topic, session.brokering.dropped)
    session.router.later(session.host.slow_consumer, session, report)
