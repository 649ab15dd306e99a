"""``wamp.session.*``: who is in the realm, and how they are sent away (6.15).

Hosted code and the router's own peers are no sessions here (REQ-EMB-003).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from aiohttp_serverwamp import uris
from aiohttp_serverwamp.errors import InvalidURI, NoSuchSession
from aiohttp_serverwamp.router import endings
from aiohttp_serverwamp.router.joining import Kick
from aiohttp_serverwamp.router.meta.details import session_details
from aiohttp_serverwamp.router.states import Departure
from aiohttp_serverwamp.uris import is_valid_uri

if TYPE_CHECKING:
    from aiohttp_serverwamp.router.meta.call import MetaCall
    from aiohttp_serverwamp.router.peer import Peer
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


def _get(call: MetaCall) -> Sequence[Any]:
    return [session_details(_session(call))]


def _session(call: MetaCall) -> RouterSession:
    """Return the session whose id is asked about."""
    session = call.router.sessions.get(call.id(0, "session"))
    if session is None:
        raise NoSuchSession("there is no such session")
    return session


# --- Killing ----------------------------------------------------------------------


def _kill(call: MetaCall) -> Sequence[Any]:
    session = _session(call)
    if session is call.caller:
        raise NoSuchSession("a session does not kill itself")
    reason, message = _farewell(call)
    endings.goodbye(session, reason, message, code=endings.CLOSE_CODES[uris.KILLED])
    return []


def _kill_by_authid(call: MetaCall) -> Sequence[Any]:
    authid = call.text(0, "authid")
    return [_kill_every(call, lambda peer: peer.authid == authid)]


def _kill_by_authrole(call: MetaCall) -> Sequence[Any]:
    authrole = call.text(0, "authrole")
    return [len(_kill_every(call, lambda peer: peer.authrole == authrole))]


def _kill_all(call: MetaCall) -> Sequence[Any]:
    return [len(_kill_every(call, lambda peer: True, Departure.UNTOLD))]


def _kill_every(
    call: MetaCall, means: Callable[[Peer], bool], departure: Departure = Departure.TOLD
) -> list[int]:
    """End every session that is meant but the caller's; return their ids.

    Whoever is joining, and turns out to be meant, is refused.
    """
    reason, message = _farewell(call)
    code = endings.CLOSE_CODES[uris.KILLED]
    sessions = call.router.sessions.values()
    killed = [each for each in sessions if each is not call.caller and means(each)]
    call.router.joining.note(Kick(call.router, means, reason, message))
    for session in killed:
        endings.goodbye(session, reason, message, code=code, departure=departure)
    return [session.id for session in killed]


def _farewell(call: MetaCall) -> tuple[str, str]:
    """Return what GOODBYE is to say (REQ-META-025, 026)."""
    reason = call.kwargs.get("reason")
    if reason is None:
        reason = uris.KILLED
    if not isinstance(reason, str) or not is_valid_uri(reason):
        raise InvalidURI("reason is to be a URI")
    return reason, call.keyword_text("message") or ""


#: URI → what does it; see `meta.api.PROCEDURES`.
PROCEDURES: Final[Mapping[str, Callable[[MetaCall], Sequence[Any]]]] = {
    "wamp.session.count": _count,
    "wamp.session.list": _list,
    "wamp.session.get": _get,
    "wamp.session.kill": _kill,
    "wamp.session.kill_by_authid": _kill_by_authid,
    "wamp.session.kill_by_authrole": _kill_by_authrole,
    "wamp.session.kill_all": _kill_all,
}
