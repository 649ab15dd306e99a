"""Who a client is once its authenticators are content, and what WELCOME says of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiohttp_serverwamp.auth.identity import Identity
from aiohttp_serverwamp.messages import Welcome
from aiohttp_serverwamp.router.features import welcome_roles

if TYPE_CHECKING:
    from aiohttp_serverwamp.router.session import RouterSession

__all__ = ["Member", "welcome"]


@dataclass(slots=True)
class Member:
    """Who a client is by its first factor, and becomes once all of them are content."""

    #: What the authenticator found: an `Identity`, or a value of the application's own.
    found: Any
    #: The authmethod.
    method: str
    #: What the client is called if it is the latter.
    default: Identity
    #: What WELCOME says besides, such as the proof of the server.
    authextra: Mapping[str, Any]

    @property
    def identity(self) -> Identity:
        """What the client is called."""
        return self.found if isinstance(self.found, Identity) else self.default

    def lend_identity(self, session: RouterSession) -> None:
        """Say it to the session."""
        identity = self.identity
        session.identity = self.found
        session.authid = identity.authid
        session.authrole = identity.authrole
        session.authmethod = self.method
        session.authprovider = identity.authprovider or self.default.authprovider or ""
        session.authextra = {**identity.authextra, **self.authextra}


def welcome(session: RouterSession, realm_uri: str) -> Welcome:
    """Return WELCOME for a session that knows who it is (specification, 2.3)."""
    details: dict[str, Any] = {
        "realm": realm_uri,
        "authid": session.authid,
        "authrole": session.authrole,
        "authmethod": session.authmethod,
        "authprovider": session.authprovider,
        "agent": session.host.agent,
        "roles": welcome_roles(),
    }
    if session.authextra:
        details["authextra"] = session.authextra
    return Welcome(session.id, details)
