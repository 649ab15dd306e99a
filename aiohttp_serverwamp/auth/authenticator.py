"""What a challenge method is: `Authenticator`, and one `Attempt` of one client.

A method is sans-I/O. What it returns may be an awaitable; the router waits for it as a
task of the connection. What it raises denies the client and is logged, but for
`SessionRejected` and `ApplicationError`, whose reason the client is told.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import Any, Protocol

__all__ = ["Attempt", "Authenticator"]


class Attempt(Protocol):
    """One client's attempt to authenticate by one method."""

    #: What the client becomes when `verify` does not return an `Identity`.
    authrole: str
    authprovider: str

    def challenge(self) -> Mapping[str, Any] | Awaitable[Mapping[str, Any]]:
        """Return ``CHALLENGE.Extra``."""

    def verify(self, signature: str, extra: Mapping[str, Any]) -> Any:
        """Return an `Identity` or another truthy value for a good answer, else None.

        Or an awaitable of it.
        """


class Authenticator(Protocol):
    """One authmethod of one realm."""

    authmethod: str

    def begin(self, session: Any, details: Mapping[str, Any]) -> Attempt | None:
        """Begin an attempt; None when this client cannot use the method.

        `session` is the public Session, not joined yet; `details` are HELLO's,
        untrusted.
        """
