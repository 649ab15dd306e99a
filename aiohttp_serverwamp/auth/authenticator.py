"""What a challenge method is: `Authenticator`, and one `Attempt` of one client.

A method is sans-I/O. What it returns may be an awaitable; the router waits for it as a
task of the connection. What it raises denies the client and is logged, but for
`SessionRejected` and `ApplicationError`, whose reason the client is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from aiohttp_serverwamp import uris
from aiohttp_serverwamp.errors import ApplicationError, ConfigurationError

if TYPE_CHECKING:
    from aiohttp_serverwamp.auth.identity import Identity

__all__ = [
    "Attempt",
    "Authenticator",
    "CannotTell",
    "SecondFactor",
    "check_authenticator",
]


class CannotTell(ApplicationError):
    """Refuse a client that is right or wrong, nobody knows: no failure of its own."""

    URI = uris.AUTHENTICATION_FAILED


class Attempt(Protocol):
    """One client's attempt to authenticate by one method."""

    @property
    def identity(self) -> Identity:
        """Whom the client claims to be: failures are counted for that authid.

        Asked again after `verify`, what the client becomes if that returned something
        true that is no `Identity`.
        """

    @property
    def authextra(self) -> Mapping[str, Any]:
        """What WELCOME tells the client besides; asked after `verify`."""

    def challenge(self) -> Any:
        """Return ``CHALLENGE.Extra``, a mapping, or an awaitable of it.

        None if the client has nothing to prove: then `verify` is asked at once.
        """

    def verify(self, signature: str, extra: Mapping[str, Any]) -> Any:
        """Return an `Identity` or another truthy value for a good answer, else None.

        Or a `SecondFactor`, or an awaitable of any of these.
        """


class Authenticator(Protocol):
    """One authmethod of one realm."""

    @property
    def authmethod(self) -> str:
        """The name that clients offer it by."""

    def begin(self, session: Any, details: Mapping[str, Any]) -> Attempt | None:
        """Begin an attempt; None when this client cannot use the method.

        `session` is the public Session, not joined yet; `details` are HELLO's,
        untrusted.
        """


@dataclass(frozen=True, slots=True)
class SecondFactor:
    """What an authenticator returns to have the client challenged once more.

    By `authenticator`, which the client must offer among its authmethods too. Once that
    is content, the client becomes `identity`, an `Identity` or another truthy value;
    until then it has proved nothing. While the second factor is asked,
    ``session.authid`` is that of the first.

    Raises `ConfigurationError` for a falsy identity and what is no authenticator.
    """

    authenticator: Authenticator
    identity: Any = field(repr=False)

    def __post_init__(self) -> None:
        check_authenticator(self.authenticator)
        if not self.identity:
            raise ConfigurationError(
                "SecondFactor(identity=...) takes who the client is; return None for a "
                "client that may not come in"
            )


def check_authenticator(authenticator: Any) -> None:
    """Raise `ConfigurationError` for what is no `Authenticator`."""
    authmethod = getattr(authenticator, "authmethod", None)
    begin = getattr(authenticator, "begin", None)
    # A class has both, and takes its store only when it is called.
    is_made = not isinstance(authenticator, type)
    if not (isinstance(authmethod, str) and authmethod and callable(begin) and is_made):
        raise ConfigurationError(
            f"{authenticator!r} is no authenticator: give one of "
            "aiohttp_serverwamp.auth, as Ticket(store), or an object with an "
            "authmethod and begin(session, details); a function that looks at the "
            "transport alone goes into add_transport_authenticator()"
        )
