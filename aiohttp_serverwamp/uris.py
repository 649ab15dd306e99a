"""URIs: validity, match policies and the predefined names (specification, 3.2 and 4.1).

A URI is a string of components joined by dots; no component holds white space or ``#``.
Which components may be empty depends on the match policy: none (exact), the last
(prefix), any (wildcard). Comparison is by code point, without normalisation.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

__all__ = ["Match", "is_reserved", "is_valid_uri", "shown"]


class Match(StrEnum):
    """How the URI of a registration, subscription or permission is compared."""

    EXACT = "exact"
    PREFIX = "prefix"
    WILDCARD = "wildcard"


# Used with fullmatch only: a trailing "$" would accept a final newline (REQ-URI-004).
_LOOSE = {
    Match.EXACT: re.compile(r"([^\s.#]+\.)*[^\s.#]+"),
    Match.PREFIX: re.compile(r"([^\s.#]+\.)*[^\s.#]*"),
    Match.WILDCARD: re.compile(r"(([^\s.#]+\.)|\.)*([^\s.#]+)?"),
}
_STRICT = {
    Match.EXACT: re.compile(r"([0-9a-z_]+\.)*[0-9a-z_]+"),
    Match.PREFIX: re.compile(r"([0-9a-z_]+\.)*[0-9a-z_]*"),
    Match.WILDCARD: re.compile(r"(([0-9a-z_]+\.)|\.)*([0-9a-z_]+)?"),
}


def is_valid_uri(uri: str, match: Match = Match.EXACT, *, strict: bool = False) -> bool:
    """Tell whether `uri` is well-formed for `match` (REQ-URI-001 to 006)."""
    pattern = (_STRICT if strict else _LOOSE)[match]
    return pattern.fullmatch(uri) is not None


def is_reserved(uri: str) -> bool:
    """Tell whether `uri` lies in the router's own namespace, ``wamp`` (REQ-URI-010)."""
    return uri.startswith("wamp.") or uri == "wamp"


def shown(uri: str) -> str:
    """Return `uri` for a log line: escaped, and cut at 200 characters."""
    return ascii(uri[:200])


INVALID_URI: Final = "wamp.error.invalid_uri"
NO_SUCH_PROCEDURE: Final = "wamp.error.no_such_procedure"
PROCEDURE_ALREADY_EXISTS: Final = "wamp.error.procedure_already_exists"
NO_SUCH_REGISTRATION: Final = "wamp.error.no_such_registration"
NO_SUCH_SUBSCRIPTION: Final = "wamp.error.no_such_subscription"
NO_SUCH_SESSION: Final = "wamp.error.no_such_session"
INVALID_ARGUMENT: Final = "wamp.error.invalid_argument"
CANCELED: Final = "wamp.error.canceled"
TIMEOUT: Final = "wamp.error.timeout"
PAYLOAD_SIZE_EXCEEDED: Final = "wamp.error.payload_size_exceeded"
NETWORK_FAILURE: Final = "wamp.error.network_failure"
FEATURE_NOT_SUPPORTED: Final = "wamp.error.feature_not_supported"
UNAVAILABLE: Final = "wamp.error.unavailable"
NO_AVAILABLE_CALLEE: Final = "wamp.error.no_available_callee"
OPTION_DISALLOWED_DISCLOSE_ME: Final = "wamp.error.option_disallowed.disclose_me"
NOT_AUTHORIZED: Final = "wamp.error.not_authorized"
AUTHORIZATION_FAILED: Final = "wamp.error.authorization_failed"
# Not in the specification, but what deployed routers and clients use (REQ-EMB-008,
# REQ-TYP-005); but for the last, which is ours.
RUNTIME_ERROR: Final = "wamp.error.runtime_error"
INVALID_PAYLOAD: Final = "wamp.error.invalid_payload"
RATE_LIMITED: Final = "wamp.error.rate_limited"

GET_EVENTS: Final = "wamp.subscription.get_events"

NO_SUCH_REALM: Final = "wamp.error.no_such_realm"
NO_SUCH_ROLE: Final = "wamp.error.no_such_role"
NO_MATCHING_AUTH_METHOD: Final = "wamp.error.no_matching_auth_method"
AUTHENTICATION_REQUIRED: Final = "wamp.error.authentication_required"
AUTHENTICATION_DENIED: Final = "wamp.error.authentication_denied"
AUTHENTICATION_FAILED: Final = "wamp.error.authentication_failed"
PROTOCOL_VIOLATION: Final = "wamp.error.protocol_violation"

GOODBYE_AND_OUT: Final = "wamp.close.goodbye_and_out"
SYSTEM_SHUTDOWN: Final = "wamp.close.system_shutdown"
KILLED: Final = "wamp.close.killed"
# Not in the specification; the first is what deployed routers say.
LOGGED_OUT: Final = "wamp.close.logout"
EXPIRED: Final = "wamp.close.expired"
