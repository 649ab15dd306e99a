"""The broker: SUBSCRIBE, UNSUBSCRIBE and PUBLISH (specification, 6).

Like the dealer, it commits its state before it sends and raises what is wrong with a
request.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp_serverwamp.errors import (
    EncodingError,
    NoSuchSubscription,
    Unavailable,
)
from aiohttp_serverwamp.ids import Counter
from aiohttp_serverwamp.messages import Event, Publish
from aiohttp_serverwamp.router.passthru import carry
from aiohttp_serverwamp.router.permission_rules import Action
from aiohttp_serverwamp.router.receivers import receiver_filter
from aiohttp_serverwamp.router.retention import Retention
from aiohttp_serverwamp.router.uri_index import UriIndex
from aiohttp_serverwamp.serializers.frame import Frame
from aiohttp_serverwamp.uris import Match, is_reserved

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp_serverwamp.limits import Limits
    from aiohttp_serverwamp.router.disclosure import Disclosure
    from aiohttp_serverwamp.router.feature_gates import FeatureGates
    from aiohttp_serverwamp.router.history import TopicHistory
    from aiohttp_serverwamp.router.host import TopicPayloads
    from aiohttp_serverwamp.router.peer import Peer
    from aiohttp_serverwamp.router.retention import RetainedEvent
    from aiohttp_serverwamp.router.slow_consumers import SlowConsumers
    from aiohttp_serverwamp.router.tally import Tally
    from aiohttp_serverwamp.router.trust import Trust
    from aiohttp_serverwamp.router.uri_checks import URIChecks
    from aiohttp_serverwamp.router.watcher import Watcher

__all__ = ["Broker", "Subscription"]

logger = logging.getLogger("aiohttp_serverwamp.router")

#: After the first, one in so many events that cannot be sent to a session is logged.
_LOST_PER_LINE = 1_000


@dataclass(slots=True, eq=False)
class Subscription:
    """A topic, or a pattern of topics, and its subscribers in order of subscription."""

    id: int
    uri: str
    match: Match
    #: In their order, and whether they have been told, or are about to be; the handler
    #: of a hosted topic may still be deciding on the others.
    subscribers: dict[Peer, bool] = field(default_factory=dict)
    #: How many have been told.
    audience: int = 0
    #: When the first of these came, in nanoseconds of the epoch.
    created: int = 0
    #: What keeps its events; such a subscription lasts without subscribers, too.
    history: TopicHistory | None = None


class Broker:
    """Routes the events of one realm."""

    def __init__(
        self,
        limits: Limits,
        uri_checks: URIChecks,
        disclosure: Disclosure,
        trust: Trust,
        gates: FeatureGates,
        *,
        new_id: Callable[[], int],
        watcher: Watcher,
        tally: Tally,
    ) -> None:
        self.subscriptions: UriIndex[Subscription] = UriIndex()
        #: Those of the index, by id.
        self.by_id: dict[int, Subscription] = {}
        self.retention = Retention(limits)
        #: The types of topics that hosted code has declared, if it has any.
        self.payloads: TopicPayloads | None = None
        #: Which events may be dropped, if any may.
        self.slow_consumers: SlowConsumers | None = None
        self._ids = Counter()
        self._uri_rules = uri_checks
        self._disclosure = disclosure
        self._trust = trust
        self._gates = gates
        self._new_id = new_id
        self._watcher = watcher
        self._tally = tally
        self._max_subscriptions = limits.max_subscriptions or float("inf")
        # Retained events come at once, to a client that may have others waiting.
        self._max_at_once = (limits.max_pending_bytes or float("inf")) / 2

    # --- Subscribing --------------------------------------------------------------

    def check_topic(self, uri: str, match: Match = Match.EXACT) -> None:
        """Raise `InvalidURI` unless `uri` may be subscribed to (REQ-URI-006, 011)."""
        self._uri_rules.check(uri, match)

    def find(self, peer: Peer, uri: str, match: Match) -> Subscription | None:
        """Return the subscription of exactly this key that `peer` holds, or None."""
        subscription = self.subscriptions.get(uri, match)
        if subscription is not None and peer in subscription.subscribers:
            return subscription
        return None

    def subscribe(
        self, peer: Peer, uri: str, match: Match, *, told: bool = True
    ) -> Subscription:
        """Subscribe a peer; repeating it changes nothing (REQ-PUB-001 to 003).

        Without `told` nobody hears of it until `settle`.

        Raises `Unavailable` when the peer holds too many subscriptions.
        """
        held = self.find(peer, uri, match)
        if held is not None:
            return held
        count = len(peer.brokering.subscriptions)
        if count >= self._max_subscriptions and not peer.trusted:
            raise Unavailable("too many subscriptions")
        subscription = self._made(uri, match)
        subscription.subscribers[peer] = False
        peer.brokering.subscriptions[subscription.id] = subscription
        if told:
            self.settle(peer, subscription.id)
        return subscription

    def _made(self, uri: str, match: Match) -> Subscription:
        """Return the subscription of a key; make it if there is none."""
        subscription = self.subscriptions.get(uri, match)
        if subscription is None:
            subscription = Subscription(self._ids.next(), uri, match)
            self.subscriptions.set(uri, match, subscription)
            self.by_id[subscription.id] = subscription
        return subscription

    def keep_history(self, history: TopicHistory) -> None:
        """Keep what is published from now on, subscribers or not (REQ-PUB-047)."""
        subscription = self._made(history.uri, history.match)
        subscription.history = history
        if not subscription.audience:
            subscription.created = history.created

    def settle(self, peer: Peer, subscription_id: int) -> None:
        """Let others hear of a subscriber of whom they did not."""
        subscription = peer.brokering.subscriptions[subscription_id]
        subscription.subscribers[peer] = True
        subscription.audience += 1
        self._watcher.subscribed(peer, subscription)

    def unsubscribe(self, peer: Peer, subscription_id: int) -> Subscription:
        """End a subscription; raise `NoSuchSubscription` (REQ-PUB-004 to 006)."""
        subscription = peer.brokering.subscriptions.pop(subscription_id, None)
        if subscription is None:
            raise NoSuchSubscription("this session holds no such subscription")
        told = subscription.subscribers.pop(peer)
        if not subscription.subscribers and subscription.history is None:
            self.subscriptions.remove(subscription.uri, subscription.match)
            del self.by_id[subscription.id]
        if told:
            subscription.audience -= 1
            self._watcher.unsubscribed(peer, subscription)
        return subscription

    def leave(self, peer: Peer) -> None:
        """End every subscription of a peer."""
        for subscription_id in list(peer.brokering.subscriptions):
            self.unsubscribe(peer, subscription_id)

    # --- Publishing ---------------------------------------------------------------

    def check_publish(self, publisher: Peer, message: Publish) -> None:
        """Raise what makes a PUBLISH invalid before permission is asked for."""
        if publisher.trusted:
            self._uri_rules.check(message.topic)
        else:
            self._uri_rules.check_own(message.topic)
        if message.options:
            self._gates.check_publish(publisher, message)

    def check_payload(self, message: Publish) -> None:
        """Raise `InvalidArgument` for arguments that are none of the topic's.

        What is passed through is for nobody to look into (REQ-PPT-012).
        """
        if self.payloads is not None and not message.options.get("ppt_scheme"):
            self.payloads.check(message.topic, message.args, message.kwargs)

    def publish(
        self,
        publisher: Peer,
        message: Publish,
        *,
        disclose: bool = False,
        publication: int | None = None,
        accepted: Callable[[int], None] | None = None,
    ) -> int:
        """Deliver a publication on every matching subscription and return its id.

        `accepted` is told the id before the first event is sent (REQ-PUB-020).
        `disclose` makes the publisher known whatever was asked for.

        Raises `DisclosureNotAllowed`.
        """
        # Hot path.
        options = message.options
        asked = options.get("disclose_me", False)
        disclosed = self._disclosure.applies(publisher, asked=asked) or disclose
        if publication is None:
            publication = self._new_id()
        details: dict[str, Any] = {}
        if disclosed:
            self._disclosure.disclose(details, "publisher", publisher)
        if self._trust.levels is not None:
            self._trust.mark(details, publisher, Action.PUBLISH, message.topic)
        if options:
            carry(options, details)
            if options.get("retain"):
                self.retention.retain(publisher, publication, message, details)
        if accepted is not None:
            accepted(publication)
        receives = receiver_filter(publisher, options)
        slow = self.slow_consumers
        policy = None if slow is None else slow.of(message.topic)
        matching = self.matching if publisher.trusted else self.subscriptions.matches
        delivered = 0
        for subscription in matching(message.topic):
            if subscription.history is not None:
                subscription.history.record(publication, message, details)
            frame = self._frame(subscription, publication, message, details)
            if receives is None:
                receivers = [p for p in subscription.subscribers if p is not publisher]
            else:
                receivers = [*filter(receives, subscription.subscribers)]
            delivered += len(receivers)
            for peer in receivers:
                try:
                    if policy is None:
                        peer.write(frame)
                    else:
                        peer.offer(frame, policy, message.topic)
                except EncodingError as error:
                    self._log_lost(peer, subscription, error)
        publisher.brokering.published += 1
        self._tally.delivered += delivered
        if self._tally.observers.event_published:
            self._tally.event_published(message.topic, delivered)
        return publication

    def matching(self, topic: str) -> list[Subscription]:
        """Return the subscriptions that the events of a topic go to.

        The router's own topics, ``wamp.``, have to be named: like registrations
        (REQ-URI-012) no pattern for everything captures them, so that who may hear
        everything that is published does not hear who joins.
        """
        found = self.subscriptions.matches(topic)
        if is_reserved(topic):
            return [each for each in found if is_reserved(each.uri)]
        return found

    def send_retained(self, peer: Peer, subscription: Subscription) -> None:
        """Deliver what is retained for a subscription to one of its subscribers.

        To be called once SUBSCRIBED is sent or events are held back until it is.
        """
        for frame in self.retained(peer, subscription):
            # As many as it can take: none of them is dropped.
            self._write(peer, subscription, frame)

    def retained(self, peer: Peer, subscription: Subscription) -> list[Frame]:
        """Return the retained EVENTs for a subscriber (REQ-PUB-059 to 065).

        As for `matching`, the router's own topics have to be named. No more than a
        client can take at once: it would be cut, and retention is best effort.
        """
        topic, match = subscription.uri, subscription.match
        events = [
            event
            for event in self.retention.events_for(peer, topic, match)
            if is_reserved(topic) or not is_reserved(event.topic)
        ]
        return [
            self._frame(
                subscription,
                event.publication,
                event,
                {**event.details, "retained": True},
            )
            for event in (events if peer.trusted else self._newest(events))
        ]

    def _newest(self, events: list[RetainedEvent]) -> list[RetainedEvent]:
        """Return the newest events that do not take too much together, one at least."""
        size = 0
        for count, event in enumerate(reversed(events)):
            size += event.size
            if count and size > self._max_at_once:
                return events[-count:]
        return events

    def send_event(
        self,
        peer: Peer,
        message: Publish,
        *,
        publication: int,
        trust_level: int | None = None,
    ) -> None:
        """Deliver a publication to one peer, on each of its matching subscriptions."""
        details = {} if trust_level is None else {"trustlevel": trust_level}
        for subscription in self.matching(message.topic):
            if peer in subscription.subscribers:
                frame = self._frame(subscription, publication, message, details)
                self._tally.delivered += 1
                self._write(peer, subscription, frame, message.topic)

    def _write(
        self,
        peer: Peer,
        subscription: Subscription,
        frame: Frame,
        topic: str | None = None,
    ) -> None:
        slow = self.slow_consumers
        policy = slow.of(topic) if slow is not None and topic is not None else None
        try:
            if policy is None or topic is None:
                peer.write(frame)
            else:
                peer.offer(frame, policy, topic)
        except EncodingError as error:
            self._log_lost(peer, subscription, error)

    def _frame(
        self,
        subscription: Subscription,
        publication: int,
        message: Publish | RetainedEvent,
        details: dict[str, Any],
    ) -> Frame:
        if subscription.match is not Match.EXACT:
            details = {**details, "topic": message.topic}
        return Frame(
            Event(subscription.id, publication, details, message.args, message.kwargs)
        )

    def _log_lost(
        self, peer: Peer, subscription: Subscription, error: EncodingError
    ) -> None:
        brokering = peer.brokering
        brokering.lost += 1
        self._tally.event_dropped(subscription.uri)
        # A publisher could fill the log with what some subscriber cannot be sent.
        if brokering.lost == 1 or brokering.lost % _LOST_PER_LINE == 0:
            logger.error(
                "session %s: an event of subscription %s cannot be sent: %s (%s lost)",
                peer.id,
                subscription.id,
                str(error),
                brokering.lost,
            )
