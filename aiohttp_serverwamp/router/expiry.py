"""A session ends when its identity no longer holds.

An identity says so in the time of clocks on walls, and deadlines go by a clock that
stands still while a machine sleeps. So one is looked up when the other has come.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from aiohttp_serverwamp import uris
from aiohttp_serverwamp.auth.identity import Identity
from aiohttp_serverwamp.router import endings

if TYPE_CHECKING:
    from aiohttp_serverwamp.router.session import RouterSession

__all__ = ["follow_identity", "has_expired"]

MESSAGE: Final = "your sign-in has expired"

#: Seconds after which the clock on the wall is looked at again, at the latest.
_LOOK_AGAIN: Final = 60.0


def has_expired(session: RouterSession) -> bool:
    """Tell whether the session's identity holds no longer."""
    left = _seconds_left(session)
    return left is not None and left <= 0


def follow_identity(session: RouterSession) -> None:
    """End a joined session when its identity of now expires, and no sooner."""
    if session.expiry is not None:
        session.deadlines.cancel(session.expiry)
        session.expiry = None
    left = _seconds_left(session)
    if left is not None:
        when = session.host.now() + min(left, _LOOK_AGAIN)
        session.expiry = session.deadlines.add(when, partial(_due, session))


def _seconds_left(session: RouterSession) -> float | None:
    identity = session.identity
    if not isinstance(identity, Identity) or identity.expires_at is None:
        return None
    return identity.expires_at - session.host.wall_time()


def _due(session: RouterSession) -> None:
    session.expiry = None
    if has_expired(session):
        endings.goodbye(session, uris.EXPIRED, MESSAGE)
    else:
        follow_identity(session)
