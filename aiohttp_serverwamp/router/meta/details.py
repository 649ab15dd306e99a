"""What the meta API says of a session, a subscription and a registration.

Of a session only what its identity is (REQ-META-020): what its connection has brought,
cookies, headers, addresses and certificates, and ``authextra``, in which authenticators
may leave what they like, are the application's own business.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp_serverwamp.timestamps import rfc3339

if TYPE_CHECKING:
    from aiohttp_serverwamp.router.broker import Subscription
    from aiohttp_serverwamp.router.registrations import Registration
    from aiohttp_serverwamp.router.session import RouterSession

__all__ = ["registration_details", "session_details", "subscription_details"]


def session_details(session: RouterSession) -> dict[str, Any]:
    """Return what on_join and ``wamp.session.get`` say."""
    return {
        "session": session.id,
        "authid": session.authid,
        "authrole": session.authrole,
        "authmethod": session.authmethod,
        "authprovider": session.authprovider,
    }


def subscription_details(subscription: Subscription) -> dict[str, Any]:
    """Return what on_create and ``wamp.subscription.get`` say."""
    return {
        "id": subscription.id,
        "created": rfc3339(subscription.created),
        "uri": subscription.uri,
        "match": subscription.match.value,
    }


def registration_details(registration: Registration) -> dict[str, Any]:
    """Return what on_create and ``wamp.registration.get`` say (REQ-META-039)."""
    return {
        "id": registration.id,
        "created": rfc3339(registration.created),
        "uri": registration.uri,
        "match": registration.match.value,
        "invoke": registration.policy.value,
    }
