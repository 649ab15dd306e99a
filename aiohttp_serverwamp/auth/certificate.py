"""The authmethod ``tls``: the certificate that a client showed when it connected.

Whether it is genuine was decided by then, by the server's SSL context: a certificate
that was not verified is none.
"""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from inspect import isawaitable
from typing import Any, ClassVar

from aiohttp_serverwamp.auth.identity import Identity
from aiohttp_serverwamp.auth.roles import DEFAULT_ROLE, check_role
from aiohttp_serverwamp.errors import ConfigurationError

__all__ = ["CertificateAuthenticator", "PeerCertificate", "certificate_authenticator"]


@dataclass(frozen=True, slots=True)
class PeerCertificate:
    """What a client's certificate says, verified by the server's SSL context."""

    #: The ``commonName`` of the subject; None without one, or with several.
    common_name: str | None
    #: Of the alternative names, by kind.
    dns_names: Sequence[str]
    emails: Sequence[str]
    uris: Sequence[str]
    #: When it expires, as ``time.time()`` counts.
    not_after: float
    #: SHA-256 of the certificate in DER, 64 hexadecimal digits.
    fingerprint: str
    #: All of it, as Python's ``getpeercert()`` returns it.
    details: Mapping[str, Any] = field(repr=False, hash=False)

    @classmethod
    def of(cls, transport_info: Mapping[str, Any]) -> PeerCertificate | None:
        """Read the certificate of a connection; None if none was verified."""
        details = transport_info.get("peer_certificate")
        der = transport_info.get("peer_certificate_raw")
        if not details or not der:
            return None
        names = details.get("subjectAltName", ())
        common = [
            value
            for part in details.get("subject", ())
            for name, value in part
            if name == "commonName"
        ]
        return cls(
            common_name=common[0] if len(common) == 1 else None,
            dns_names=[value for kind, value in names if kind == "DNS"],
            emails=[value for kind, value in names if kind == "email"],
            uris=[value for kind, value in names if kind == "URI"],
            not_after=float(ssl.cert_time_to_seconds(details["notAfter"])),
            fingerprint=hashlib.sha256(der).hexdigest(),
            details=details,
        )


class CertificateAuthenticator:
    """A transport authenticator; made by `certificate_authenticator`."""

    authmethod: ClassVar[str] = "tls"
    authprovider: ClassVar[str] = "certificate"

    __slots__ = ("_identify", "_role")

    def __init__(
        self, identify: Callable[[PeerCertificate], Any] | None, *, role: str
    ) -> None:
        self._identify = identify
        self._role = role

    def __call__(self, session: Any) -> Any:
        """Return who the client is; None lets the next authenticator try."""
        certificate = PeerCertificate.of(session.connection.transport_info)
        if certificate is None:
            return None
        if self._identify is None:
            return self._identity(certificate.common_name, certificate)
        found = self._identify(certificate)
        if isawaitable(found):
            return self._awaited(found, certificate)
        return self._identity(found, certificate)

    async def _awaited(self, found: Any, certificate: PeerCertificate) -> Any:
        return self._identity(await found, certificate)

    def _identity(self, found: Any, certificate: PeerCertificate) -> Identity | None:
        """Return an identity that holds no longer than the certificate does."""
        if found is None or found == "":
            return None
        if isinstance(found, str):
            found = Identity(found, self._role, user=certificate)
        if not isinstance(found, Identity):
            raise ConfigurationError(
                "certificate_authenticator(identify) returns an authid, an Identity or "
                f"None, not {type(found).__name__}"
            )
        until = certificate.not_after
        if found.expires_at is not None:
            until = min(until, found.expires_at)
        provider = found.authprovider or self.authprovider
        return replace(found, authprovider=provider, expires_at=until)


def certificate_authenticator(
    identify: Callable[[PeerCertificate], Any] | None = None,
    *,
    role: str = DEFAULT_ROLE,
) -> CertificateAuthenticator:
    """Sign clients in by the TLS certificate that they showed, until it expires.

    ``identify(certificate)``, sync or async, is given a `PeerCertificate` and returns
    the authid, an `Identity`, or None for a client that it does not know; by default
    the authid is the common name of the subject. The authrole is `role` unless an
    `Identity` says otherwise.

    The server has to ask for certificates, and to verify them: its SSL context needs
    ``verify_mode`` and the authority that issues them. Raises `ConfigurationError` for
    arguments that make no sense.
    """
    if identify is not None and not callable(identify):
        raise ConfigurationError(
            "certificate_authenticator(identify) takes a function: a PeerCertificate "
            "goes in, an authid or an Identity comes out"
        )
    check_role("certificate_authenticator", role)
    return CertificateAuthenticator(identify, role=role)
