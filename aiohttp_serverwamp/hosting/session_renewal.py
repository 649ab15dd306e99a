"""A joined session gets another identity, and the authorizer a say in what it keeps."""

from __future__ import annotations

import logging
from inspect import isawaitable
from typing import TYPE_CHECKING

from aiohttp_serverwamp.router.decisions import decision_from
from aiohttp_serverwamp.router.role_change import Held, renew

if TYPE_CHECKING:
    from aiohttp_serverwamp.auth.identity import Identity
    from aiohttp_serverwamp.hosting.session import Session
    from aiohttp_serverwamp.router.session import RouterSession

__all__ = ["renew_session"]

logger = logging.getLogger("aiohttp_serverwamp.hosting")


async def renew_session(
    session: Session, peer: RouterSession, identity: Identity
) -> None:
    """Renew, and revoke what the realm's authorizer does not agree to any more."""
    for held in peer.router.run(renew, peer, identity):
        if not await _authorized(session, peer, held):
            peer.router.run(held.revoke)


async def _authorized(session: Session, peer: RouterSession, held: Held) -> bool:
    authorizer = peer.router.authorizer
    if authorizer is None:
        return True
    try:
        answer = authorizer(session, held.action, held.uri, held.options)
        if isawaitable(answer):
            answer = await answer
        return decision_from(answer).allow
    except Exception:
        logger.exception("session %s: the authorizer failed", session.id)
        return False
