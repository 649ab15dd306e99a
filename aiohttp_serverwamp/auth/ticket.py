"""Ticket authentication: the client sends a secret, and it is right or not (7.3)."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Callable, Mapping
from inspect import isawaitable
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from aiohttp_serverwamp.auth.credentials import (
    TicketCredential,
    is_unicode,
    password_bytes,
)
from aiohttp_serverwamp.auth.identity import Identity
from aiohttp_serverwamp.auth.lookup import Identify, Lookup
from aiohttp_serverwamp.errors import ConfigurationError
from aiohttp_serverwamp.uris import shown

if TYPE_CHECKING:
    from aiohttp_serverwamp.auth.authenticator import Attempt
    from aiohttp_serverwamp.interfaces import CredentialStore

__all__ = ["Ticket", "TicketVerifier"]

logger = logging.getLogger("aiohttp_serverwamp.auth")

#: ``fn(session, ticket) -> Identity | truthy | None``, or an awaitable of it.
TicketVerifier = Callable[[Any, str], Any]


class Ticket:
    """The ``ticket`` method.

    Over a `CredentialStore` of `TicketCredential`, or judged by a function
    ``verify(session, ticket)``, which compares with `hmac.compare_digest`. Serve it
    over TLS only: the ticket is sent as it is. The first client from another machine
    who comes without is let in, and there is a warning in the log.

    `identify` and `masking_key` are for stores: who the client becomes, and what keeps
    unknown users unknown across restarts and processes. Raises `ConfigurationError` for
    what is neither store nor function.
    """

    authmethod = "ticket"

    def __init__(
        self,
        source: CredentialStore | TicketVerifier,
        *,
        identify: Identify | None = None,
        masking_key: bytes | None = None,
    ) -> None:
        self._verify: TicketVerifier | None = None
        self._lookup: Lookup[TicketCredential] | None = None
        self._warned = False
        if not callable(source):
            self._lookup = Lookup(
                source, TicketCredential, identify=identify, masking_key=masking_key
            )
        elif identify is None and masking_key is None:
            self._verify = source
        else:
            raise ConfigurationError(
                "Ticket(verify) takes neither identify= nor masking_key=: the function "
                "says itself who the client is"
            )

    def begin(self, session: Any, details: Mapping[str, Any]) -> Attempt | None:
        """Begin an attempt; a client without an authid cannot use it (REQ-AUTH-019)."""
        authid = details.get("authid")
        if not authid:
            return None
        self._warn_if_overheard(session)
        if self._lookup is not None:
            return _StoredTicketAttempt(self._lookup, session, authid)
        assert self._verify is not None, "either a store or a function"
        return _TicketAttempt(self._verify, session, authid)

    def _warn_if_overheard(self, session: Any) -> None:
        """Warn, once, where anybody on the way can read the tickets (REQ-AUTH-022)."""
        if self._warned:
            return
        info = session.connection.transport_info
        # By WebSocket there is a scheme, by RawSocket just TLS or none.
        plain = info.get("http_scheme") == "http" or info.get("tls") is False
        if not plain or _is_here(info.get("peer_address")):
            return
        self._warned = True
        logger.warning(
            "session %s: tickets come from %s without TLS, for anybody on the way to "
            "read (%s)",
            session.id,
            shown(str(info["peer_address"])),
            "serve RawSocket at 'tls://host:port'"
            if "tls" in info
            else "if a proxy has taken it off, name it in "
            "setup_wamp(trusted_proxies=[...])",
        )


def _is_here(address: Any) -> bool:
    """Tell whether somebody is on this machine; who has no address came by a file."""
    try:
        return not address or ip_address(str(address).partition("%")[0]).is_loopback
    except ValueError:
        return False


class _TicketAttempt:
    """One that a function judges."""

    authextra: Mapping[str, Any] = {}

    def __init__(self, verify: TicketVerifier, session: Any, authid: str) -> None:
        self._verify = verify
        self._session = session
        self.identity = Identity(authid, authprovider="dynamic")

    def challenge(self) -> Mapping[str, Any]:
        return {}

    def verify(self, signature: str, extra: Mapping[str, Any]) -> Any:
        if not is_unicode(signature):
            return None  # or everybody who encodes it would have to expect this
        return self._verify(self._session, signature)


class _StoredTicketAttempt:
    """One that is held against a store, which is asked once the ticket has come."""

    authextra: Mapping[str, Any] = {}

    def __init__(
        self, lookup: Lookup[TicketCredential], session: Any, authid: str
    ) -> None:
        self._lookup = lookup
        self._session = session
        self._authid = authid
        self.identity = Identity(authid)

    def challenge(self) -> Mapping[str, Any]:
        return {}

    async def verify(self, signature: str, extra: Mapping[str, Any]) -> Any:
        expected, known = await self._lookup.expected(self._session, self._authid)
        key = await self._session.realm.run_in_thread(
            expected.kdf.derive, password_bytes(signature), expected.salt
        )
        if not hmac.compare_digest(key, expected.hash) or not known:
            return None
        self.identity = self._lookup.identity_of(expected)
        answer = self._lookup.identified(self._session, self.identity)
        return await answer if isawaitable(answer) else answer
