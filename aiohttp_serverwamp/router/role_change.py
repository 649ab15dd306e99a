"""A joined session with another role: what it may keep, and what it loses.

The rules decide at once. Whether the realm's authorizer agrees is asked by whoever
renews the session, since it may have to be waited for: `Held` says about what.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from aiohttp_serverwamp import uris
from aiohttp_serverwamp.messages import Unregistered, Unsubscribed
from aiohttp_serverwamp.router.authorization import Verdict
from aiohttp_serverwamp.router.expiry import follow_identity
from aiohttp_serverwamp.router.permission_rules import Action
from aiohttp_serverwamp.router.requests import may_subscribe

if TYPE_CHECKING:
    from aiohttp_serverwamp.auth.identity import Identity
    from aiohttp_serverwamp.router.broker import Subscription
    from aiohttp_serverwamp.router.registrations import Registration
    from aiohttp_serverwamp.router.session import RouterSession
    from aiohttp_serverwamp.uris import Match

__all__ = ["Held", "renew"]

_REASON: Final = uris.NOT_AUTHORIZED


@dataclass(frozen=True, slots=True)
class Held:
    """A subscription or registration that the rules let a session keep."""

    action: Action
    uri: str
    match: Match
    #: Takes it away after all; harmless when it has ended.
    revoke: Callable[[], None]

    @property
    def options(self) -> dict[str, Any]:
        """What an authorizer is told of it."""
        return {"match": self.match}


def renew(session: RouterSession, identity: Identity) -> list[Held]:
    """Give a joined session another identity, and revoke what its role may not have.

    Returns what is left, in the order it was asked for.
    """
    session.renewals += 1
    session.identity = identity
    session.authrole = identity.authrole
    session.authprovider = identity.authprovider or session.authprovider
    session.authextra = dict(identity.authextra)
    follow_identity(session)
    session.router.decisions.drop(session)
    kept = []
    for held, allowed in [*_subscriptions(session), *_registrations(session)]:
        if allowed:
            kept.append(held)
        else:
            held.revoke()
    return kept


def _subscriptions(session: RouterSession) -> Iterator[tuple[Held, bool]]:
    for each in session.brokering.subscriptions.values():
        held = Held(
            Action.SUBSCRIBE, each.uri, each.match, _unsubscriber(session, each)
        )
        yield held, may_subscribe(session, each.uri, each.match)


def _registrations(session: RouterSession) -> Iterator[tuple[Held, bool]]:
    dealing, permissions = session.dealing, session.router.permissions
    for each in dealing.registrations.values():
        verdict = permissions.decide(
            session.authrole, Action.REGISTER, each.uri, each.match
        )
        own = dealing.own.get(each.uri) is each
        held = Held(Action.REGISTER, each.uri, each.match, _unregisterer(session, each))
        yield held, verdict is (Verdict.ALLOWED_OWN if own else Verdict.ALLOWED)


def _unsubscriber(
    session: RouterSession, subscription: Subscription
) -> Callable[[], None]:
    def revoke() -> None:
        """Take it away, and tell who can hear it (REQ-PUB-067 to 071).

        Whose handler has not agreed yet has no SUBSCRIBED, and gets ERROR instead.
        """
        if session.brokering.subscriptions.get(subscription.id) is not subscription:
            return
        session.router.broker.unsubscribe(session, subscription.id)
        known = not session.holds_events(subscription.id)
        session.drop_events(subscription.id)
        if known and _hears_revocation(session):
            details = {"subscription": subscription.id, "reason": _REASON}
            session.send(Unsubscribed(0, details))
        session.companions.end(subscription.id)

    return revoke


def _hears_revocation(session: RouterSession) -> bool:
    # Autobahn|Python announces it, and fails its connection on it (PIT-22). It is known
    # by a feature that is in no specification.
    return session.supports(
        "subscriber", "subscription_revocation"
    ) and not session.supports("subscriber", "payload_transparency")


def _unregisterer(
    session: RouterSession, registration: Registration
) -> Callable[[], None]:
    def revoke() -> None:
        """Take it away, and tell who can hear it (REQ-RPC-134 to 138)."""
        if session.dealing.registrations.get(registration.id) is not registration:
            return
        session.router.dealer.unregister(session, registration.id)
        if session.supports("callee", "registration_revocation"):
            details = {"registration": registration.id, "reason": _REASON}
            session.send(Unregistered(0, details))

    return revoke
