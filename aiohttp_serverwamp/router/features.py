"""What WELCOME announces, beside the module that honours it (REQ-SES-027, 028).

A feature stands here if and only if it is implemented; one that is not is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

__all__ = [
    "BROKER_FEATURES",
    "CLIENT_FEATURES",
    "DEALER_FEATURES",
    "announced",
    "welcome_roles",
]

#: Feature of the broker role → module that honours it.
BROKER_FEATURES: Final = {
    "publisher_identification": "router.broker",
    "publisher_exclusion": "router.broker",
    "subscriber_blackwhite_listing": "router.broker",
    "pattern_based_subscription": "router.broker",
    "subscription_revocation": "router.role_change",
    "session_meta_api": "router.meta.sessions",
    "subscription_meta_api": "router.meta.subscriptions",
    "publication_trustlevels": "router.trust",
    "event_retention": "router.retention",
    "payload_passthru_mode": "router.passthru",
    "event_history": "router.meta.history",
}

#: Feature of the dealer role → module that honours it.
DEALER_FEATURES: Final = {
    "caller_identification": "router.dealer",
    "pattern_based_registration": "router.dealer",
    "shared_registration": "router.dealer",
    "progressive_call_results": "router.dealer",
    "call_canceling": "router.cancelling",
    "call_timeout": "router.pending_call",
    "registration_revocation": "router.role_change",
    "session_meta_api": "router.meta.sessions",
    "registration_meta_api": "router.meta.registrations",
    "testament_meta_api": "router.testaments",
    "call_trustlevels": "router.trust",
    "progressive_call_invocations": "router.progressive_calls",
    "call_reroute": "router.dealer",
    "payload_passthru_mode": "router.passthru",
}

#: What a client may announce that changes what the router does, by role.
CLIENT_FEATURES: Final = (
    ("callee", "call_canceling"),
    ("callee", "call_reroute"),
    ("callee", "call_timeout"),
    ("callee", "payload_passthru_mode"),
    ("callee", "progressive_call_invocations"),
    ("callee", "progressive_call_results"),
    ("callee", "registration_revocation"),
    ("caller", "payload_passthru_mode"),
    ("caller", "progressive_call_invocations"),
    ("publisher", "payload_passthru_mode"),
    ("subscriber", "payload_transparency"),
    ("subscriber", "subscription_revocation"),
)


_FEATURES_OF: Final[Mapping[str, Sequence[str]]] = {
    role: [feature for of, feature in CLIENT_FEATURES if of == role]
    for role, _ in CLIENT_FEATURES
}
_NOTHING: Final[frozenset[tuple[str, str]]] = frozenset()

_BROKER: Final = dict.fromkeys(BROKER_FEATURES, True)
_DEALER: Final = dict.fromkeys(DEALER_FEATURES, True)


def welcome_roles() -> dict[str, Any]:
    """Return ``WELCOME.Details.roles``."""
    return {
        "broker": {"features": _BROKER.copy()},
        "dealer": {"features": _DEALER.copy()},
    }


def announced(roles: dict[str, Any]) -> frozenset[tuple[str, str]]:
    """Return the features of HELLO's roles that matter: nothing else is kept."""
    found = [
        (role, feature)
        for role, features in _FEATURES_OF.items()
        if (given := roles.get(role, {}).get("features"))
        for feature in features
        if given.get(feature) is True
    ]
    return frozenset(found) if found else _NOTHING
