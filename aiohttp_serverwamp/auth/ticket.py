"""Ticket authentication: the client sends a secret, the application judges it (7.3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["TicketAuthenticator", "TicketVerifier"]

#: ``fn(session, ticket) -> Identity | truthy | None``, or an awaitable of it.
TicketVerifier = Callable[[Any, str], Any]


class TicketAuthenticator:
    """The ``ticket`` method; compare secrets with `hmac.compare_digest` in `verify`."""

    authmethod = "ticket"

    def __init__(self, verify: TicketVerifier) -> None:
        self._verify = verify

    def begin(self, session: Any, details: Mapping[str, Any]) -> _TicketAttempt | None:
        """Begin an attempt; a client without an authid cannot use it (REQ-AUTH-019)."""
        if not details.get("authid"):
            return None
        return _TicketAttempt(self._verify, session)


class _TicketAttempt:
    def __init__(self, verify: TicketVerifier, session: Any) -> None:
        self._verify = verify
        self._session = session
        self.authrole = "user"
        self.authprovider = "dynamic"

    def challenge(self) -> Mapping[str, Any]:
        return {}

    def verify(self, signature: str, extra: Mapping[str, Any]) -> Any:
        return self._verify(self._session, signature)
