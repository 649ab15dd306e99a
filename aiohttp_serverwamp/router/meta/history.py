"""``wamp.subscription.get_events``: what was published before (6.9)."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, Final

from aiohttp_serverwamp.errors import (
    AuthorizationFailed,
    InvalidArgument,
    NoSuchSubscription,
    NotAuthorized,
    PayloadSizeExceeded,
)
from aiohttp_serverwamp.history.query import HistoryQuery
from aiohttp_serverwamp.ids import MAX_ID
from aiohttp_serverwamp.router.decisions import decision_from
from aiohttp_serverwamp.router.permission_rules import Action
from aiohttp_serverwamp.router.requests import may_subscribe
from aiohttp_serverwamp.router.session import RouterSession
from aiohttp_serverwamp.timestamps import rfc3339, rfc3339_nanoseconds
from aiohttp_serverwamp.uris import GET_EVENTS, is_valid_uri

if TYPE_CHECKING:
    from aiohttp_serverwamp.history.event import HistoryEvent
    from aiohttp_serverwamp.router.broker import Subscription
    from aiohttp_serverwamp.router.meta.call import MetaCall
    from aiohttp_serverwamp.uris import Match

__all__ = ["PROCEDURES"]

logger = logging.getLogger("aiohttp_serverwamp.router")


def _get_events(call: MetaCall) -> Callable[[], Awaitable[Sequence[Any]]]:
    subscription_id = call.id(0, "subscription")
    query = _query(call)
    subscription = call.router.broker.by_id.get(subscription_id)
    if subscription is None:
        raise NoSuchSubscription("there is no such subscription")
    return partial(_events, call, subscription, query)


async def _events(
    call: MetaCall, subscription: Subscription, query: HistoryQuery
) -> Sequence[Any]:
    caller = call.caller
    if not isinstance(caller, RouterSession):
        return [await _found(subscription, query)]
    renewals, found = None, None
    while renewals != caller.renewals:
        # Anew for who has become somebody else meanwhile.
        renewals = caller.renewals
        found = await _readable(caller, subscription, query)
    if found is None:
        # Not what it is about: ids can be guessed, and URIs may tell much.
        raise NotAuthorized("not authorized to have this history")
    return [_carried(caller, found)]


async def _readable(
    session: RouterSession, subscription: Subscription, query: HistoryQuery
) -> list[Any] | None:
    """Return what a session gets, as who it is now; None if it may not read."""
    reader = (session.authid, session.authrole)
    if not await _may_read(session, subscription):
        return None
    return await _found(subscription, replace(query, reader=reader))


async def _found(subscription: Subscription, query: HistoryQuery) -> list[Any]:
    if subscription.history is None:
        return []
    events = await subscription.history.select(query)
    return [_shown(subscription.id, event) for event in events]


async def _may_read(session: RouterSession, subscription: Subscription) -> bool:
    """Tell whether a session may have the history of a subscription (REQ-PUB-051).

    Whoever is subscribed, or might be. Not who would have to ask a hosted handler of
    the topic first, unless a rule for this very procedure says so.
    """
    uri, match = subscription.uri, subscription.match
    router = session.router
    if router.permissions.names(session.authrole, Action.CALL, GET_EVENTS):
        return True
    if not may_subscribe(session, uri, match):
        return False
    held = session.brokering.subscriptions.get(subscription.id) is subscription
    if held and not session.holds_events(subscription.id):
        return True
    hosted = router.hosted_topics
    if hosted is not None and hosted.life(session, uri, match) is not None:
        return False
    return await _is_authorized(session, uri, match)


async def _is_authorized(session: RouterSession, uri: str, match: Match) -> bool:
    """Ask the realm's authorizer, if it has one."""
    authorizer = session.router.authorizer
    if authorizer is None:
        return True
    try:
        answer = authorizer(session.public(), Action.SUBSCRIBE, uri, {"match": match})
        return decision_from(await answer if isawaitable(answer) else answer).allow
    except Exception as failure:
        logger.exception("session %s: the authorizer failed", session.id)
        raise AuthorizationFailed from failure


def _carried(session: RouterSession, found: list[Any]) -> list[Any]:
    """Leave out what the session's serializer cannot carry, as when it was sent.

    Raises `PayloadSizeExceeded` for more than may wait to be sent to a client: it would
    be cut.
    """
    size = session.encoded_size(found)
    if size is None:
        found = [event for event in found if session.encoded_size(event) is not None]
        size = session.encoded_size(found) or 0
    if size > (session.host.limits.max_pending_bytes or float("inf")):
        raise PayloadSizeExceeded("too much at once: ask for fewer events, with limit")
    return found


def _shown(subscription: int, event: HistoryEvent) -> dict[str, Any]:
    shown = {
        "timestamp": rfc3339(event.timestamp),
        "subscription": subscription,
        "publication": event.publication,
        "details": event.details,
    }
    if event.args:
        shown["args"] = event.args
    if event.kwargs:
        shown["kwargs"] = event.kwargs
    return shown


# --- Filters (REQ-PUB-049) --------------------------------------------------------


def _query(call: MetaCall) -> HistoryQuery:
    """Return the filters that were given (REQ-PUB-050)."""
    filters: dict[str, Any] = {}
    for name, (read, expected) in _FILTERS.items():
        value = call.kwargs.get(name)
        if value is None:
            continue
        try:
            filters[name] = read(value)
        except (TypeError, ValueError):
            raise InvalidArgument(f"{name} is to be {expected}") from None
    return HistoryQuery(**filters)


def _boolean(value: Any) -> bool:
    if type(value) is not bool:
        raise ValueError
    return value


def _positive(value: Any) -> int:
    # JavaScript's codecs make floats of large integers.
    if type(value) is float and value.is_integer():
        value = int(value)
    if type(value) is not int or value < 1:
        raise ValueError
    return value


def _id(value: Any) -> int:
    number = _positive(value)
    if number > MAX_ID:
        raise ValueError
    return number


def _topic(value: Any) -> str:
    if not isinstance(value, str) or not is_valid_uri(value):
        raise ValueError
    return value


_TIME: Final = (rfc3339_nanoseconds, "a date and time of RFC 3339")
_PUBLICATION: Final = (_id, "the id of a publication")
_FILTERS: Final[Mapping[str, tuple[Callable[[Any], Any], str]]] = {
    "reverse": (_boolean, "true or false"),
    "limit": (_positive, "a number of events, 1 or more"),
    "topic": (_topic, "a URI"),
    "from_time": _TIME,
    "after_time": _TIME,
    "before_time": _TIME,
    "until_time": _TIME,
    "from_publication": _PUBLICATION,
    "after_publication": _PUBLICATION,
    "before_publication": _PUBLICATION,
    "until_publication": _PUBLICATION,
}

#: URI → what does it; see `meta.api.PROCEDURES`.
PROCEDURES: Final[Mapping[str, Callable[[MetaCall], Any]]] = {GET_EVENTS: _get_events}
