"""Ticket authentication: the client sends a secret, and it is right or not (7.3)."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from inspect import isawaitable
from typing import TYPE_CHECKING, Any

from aiohttp_serverwamp.auth.credentials import (
    TicketCredential,
    is_unicode,
    password_bytes,
)
from aiohttp_serverwamp.auth.identity import Identity
from aiohttp_serverwamp.auth.lookup import Identify, Lookup
from aiohttp_serverwamp.errors import ConfigurationError

if TYPE_CHECKING:
    from aiohttp_serverwamp.auth.authenticator import Attempt
    from aiohttp_serverwamp.interfaces import CredentialStore

__all__ = ["Ticket", "TicketVerifier"]

#: ``fn(session, ticket) -> Identity | truthy | None``, or an awaitable of it.
TicketVerifier = Callable[[Any, str], Any]


class Ticket:
    """The ``ticket`` method.

    Over a `CredentialStore` of `TicketCredential`, or judged by a function
    ``verify(session, ticket)``, which compares with `hmac.compare_digest`. Serve it
    over TLS only: the ticket is sent as it is.

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
        if self._lookup is not None:
            return _StoredTicketAttempt(self._lookup, session, authid)
        assert self._verify is not None, "either a store or a function"
        return _TicketAttempt(self._verify, session, authid)


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
