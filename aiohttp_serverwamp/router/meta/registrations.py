"""``wamp.registration.*``: what is registered in the realm, and by whom (6.16).

What the router offers itself, what hosted code answers by an expression, and what a
client has registered for the application alone is not shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from aiohttp_serverwamp.errors import InvalidURI, NoSuchRegistration
from aiohttp_serverwamp.router.meta.details import registration_details
from aiohttp_serverwamp.uris import Match, is_reserved

if TYPE_CHECKING:
    from aiohttp_serverwamp.router.meta.call import MetaCall
    from aiohttp_serverwamp.router.registrations import Registration

__all__ = ["PROCEDURES"]


def _list(call: MetaCall) -> Sequence[Any]:
    ids: dict[str, list[int]] = {match.value: [] for match in Match}
    for registration in call.router.dealer.registrations:
        if _is_shown(registration):
            ids[registration.match.value].append(registration.id)
    return [ids]


def _lookup(call: MetaCall) -> Sequence[Any]:
    """Compare the key itself; patterns are not evaluated (REQ-META-036)."""
    uri, match = call.text(0, "procedure"), call.match(1)
    return [_id(call.router.dealer.registrations.get(uri, match))]


def _match(call: MetaCall) -> Sequence[Any]:
    """Answer with what a CALL would be routed to (REQ-META-037)."""
    uri = call.text(0, "procedure")
    try:
        # No look-up among patterns with a URI of any length.
        call.router.dealer.check_procedure(uri)
    except InvalidURI:
        return [None]
    return [_id(call.router.dealer.registrations.best(uri))]


def _get(call: MetaCall) -> Sequence[Any]:
    return [registration_details(_registration(call))]


def _list_callees(call: MetaCall) -> Sequence[Any]:
    return [[callee.peer.id for callee in _registration(call).callees]]


def _count_callees(call: MetaCall) -> Sequence[Any]:
    return [len(_registration(call).callees)]


def _registration(call: MetaCall) -> Registration:
    """Return the registration whose id is asked about."""
    registration_id = call.id(0, "registration")
    registration = call.router.dealer.registrations.by_id.get(registration_id)
    if registration is None or not _is_shown(registration):
        raise NoSuchRegistration("there is no such registration")
    return registration


def _id(registration: Registration | None) -> int | None:
    """Return the id of what was found; None goes out as null (REQ-META-038)."""
    if registration is None or not _is_shown(registration):
        return None
    return registration.id


def _is_shown(registration: Registration) -> bool:
    return not is_reserved(registration.uri)


#: URI → what does it; see `meta.api.PROCEDURES`.
PROCEDURES: Final[Mapping[str, Callable[[MetaCall], Sequence[Any]]]] = {
    "wamp.registration.list": _list,
    "wamp.registration.lookup": _lookup,
    "wamp.registration.match": _match,
    "wamp.registration.get": _get,
    "wamp.registration.list_callees": _list_callees,
    "wamp.registration.count_callees": _count_callees,
}
