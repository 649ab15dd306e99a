"""``wamp.subscription.*``: what is subscribed to in the realm, and by whom (6.17).

Subscriptions to the router's own topics are not shown; neither is a subscriber who has
not been told yet, because a hosted handler is still deciding. What has history is shown
without subscribers, too: its id is needed to ask for that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from aiohttp_serverwamp.errors import InvalidURI, NoSuchSubscription
from aiohttp_serverwamp.router.meta.details import subscription_details
from aiohttp_serverwamp.uris import Match, is_reserved

if TYPE_CHECKING:
    from aiohttp_serverwamp.router.broker import Subscription
    from aiohttp_serverwamp.router.meta.call import MetaCall

__all__ = ["PROCEDURES"]


def _list(call: MetaCall) -> Sequence[Any]:
    ids: dict[str, list[int]] = {match.value: [] for match in Match}
    for _, match, subscription in call.router.broker.subscriptions:
        if _is_shown(subscription):
            ids[match.value].append(subscription.id)
    return [ids]


def _lookup(call: MetaCall) -> Sequence[Any]:
    """Compare the key itself; patterns are not evaluated (REQ-META-047)."""
    uri, match = call.text(0, "topic"), call.match(1)
    subscription = call.router.broker.subscriptions.get(uri, match)
    if subscription is None or not _is_shown(subscription):
        return [None]
    return [subscription.id]


def _match(call: MetaCall) -> Sequence[Any]:
    """Answer with all that an event of the topic goes to, or null (REQ-META-046)."""
    uri = call.text(0, "topic")
    try:
        # No look-up among patterns with a URI of any length.
        call.router.broker.check_topic(uri)
    except InvalidURI:
        return [None]
    matching = call.router.broker.matching(uri)
    return [[each.id for each in matching if _is_shown(each)] or None]


def _get(call: MetaCall) -> Sequence[Any]:
    return [subscription_details(_subscription(call))]


def _list_subscribers(call: MetaCall) -> Sequence[Any]:
    subscribers = _subscription(call).subscribers.items()
    return [[peer.id for peer, told in subscribers if told]]


def _count_subscribers(call: MetaCall) -> Sequence[Any]:
    return [_subscription(call).audience]


def _subscription(call: MetaCall) -> Subscription:
    """Return the subscription whose id is asked about."""
    subscription_id = call.id(0, "subscription")
    subscription = call.router.broker.by_id.get(subscription_id)
    if subscription is None or not _is_shown(subscription):
        raise NoSuchSubscription("there is no such subscription")
    return subscription


def _is_shown(subscription: Subscription) -> bool:
    there = subscription.audience > 0 or subscription.history is not None
    return there and not is_reserved(subscription.uri)


#: URI → what does it; see `meta.api.PROCEDURES`.
PROCEDURES: Final[Mapping[str, Callable[[MetaCall], Sequence[Any]]]] = {
    "wamp.subscription.list": _list,
    "wamp.subscription.lookup": _lookup,
    "wamp.subscription.match": _match,
    "wamp.subscription.get": _get,
    "wamp.subscription.list_subscribers": _list_subscribers,
    "wamp.subscription.count_subscribers": _count_subscribers,
}
