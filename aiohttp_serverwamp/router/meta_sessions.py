"""``wamp.session.*``: who is in the realm, and how they are sent away (6.15).

Hosted code and the router's own peers are no sessions here (REQ-EMB-003).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from aiohttp_serverwamp.router.meta_call import MetaCall
    from aiohttp_serverwamp.router.session import RouterSession

__all__ = ["PROCEDURES"]


def _count(call: MetaCall) -> Sequence[Any]:
    return [len(_filtered(call))]


def _list(call: MetaCall) -> Sequence[Any]:
    return [[session.id for session in _filtered(call)]]


def _filtered(call: MetaCall) -> list[RouterSession]:
    """Return the sessions of the roles that are asked for, the caller's included."""
    roles = call.texts(0, "filter_authroles")
    sessions = call.router.sessions.values()
    if roles is None:
        return [*sessions]
    wanted = frozenset(roles)
    return [session for session in sessions if session.authrole in wanted]


#: URI → what does it; see `meta.PROCEDURES`.
PROCEDURES: Final[Mapping[str, Callable[[MetaCall], Sequence[Any]]]] = {
    "wamp.session.count": _count,
    "wamp.session.list": _list,
}
