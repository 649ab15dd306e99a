"""Credentials in memory: for tests, and for a handful of devices."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from aiohttp_serverwamp.auth.credentials import (
    Credential,
    CryptosignCredential,
    credential_from,
)
from aiohttp_serverwamp.errors import ConfigurationError

__all__ = ["StaticCredentials"]


class StaticCredentials:
    """A `CredentialStore` of credentials that are given once.

    Raises `ConfigurationError` for two credentials of one authid and method, other than
    different public keys, of which anybody may have several.
    """

    authprovider = "static"

    def __init__(self, credentials: Iterable[Credential]) -> None:
        self._by_name: dict[tuple[str, str], Credential] = {}
        self._by_key: dict[str, list[CryptosignCredential]] = {}
        for credential in credentials:
            self._take(credential)

    @classmethod
    def from_json(cls, lines: str) -> StaticCredentials:
        """Take what ``python -m aiohttp_serverwamp credentials`` prints, line by line.

        Raises `ConfigurationError` for anything else, and does not show it.
        """
        return cls(_read(line) for line in lines.splitlines() if line.strip())

    def _take(self, credential: Credential) -> None:
        if not isinstance(credential, Credential):
            raise ConfigurationError(
                "StaticCredentials takes credentials, as "
                "[TicketCredential.derive(Identity('lamp'), ticket)]"
            )
        method, authid = credential.authmethod, credential.identity.authid
        if isinstance(credential, CryptosignCredential):
            holders = self._by_key.setdefault(credential.public_key, [])
            double = any(each.identity.authid == authid for each in holders)
            holders.append(credential)
        else:
            double = (method, authid) in self._by_name
            self._by_name[method, authid] = credential
        if double:
            raise ConfigurationError(
                f"there are two {method} credentials of {authid!r}: give one of them"
            )

    def find(self, authmethod: str, authid: str) -> Credential | None:
        """Return the credential of `authid` for a method, or None."""
        return self._by_name.get((authmethod, authid))

    def example(self, authmethod: str) -> Credential | None:
        """Return a credential of a method, whoever's, or None."""
        of_method = (each for (m, _), each in self._by_name.items() if m == authmethod)
        return next(of_method, None)

    def holders(self, public_key: str) -> Sequence[CryptosignCredential]:
        """Return the credentials of a public key, in lower-case hex."""
        return self._by_key.get(public_key, ())


def _read(line: str) -> Credential:
    try:
        record = msgspec.json.decode(line, type=dict)
    except msgspec.MsgspecError:
        raise ConfigurationError(
            "a line of credentials is one JSON object, as "
            "'python -m aiohttp_serverwamp credentials derive' prints it"
        ) from None
    return credential_from(record)
