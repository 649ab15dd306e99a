"""The client's certificate, as the TLS extension of ASGI gives it.

That is text (PEM); with aiohttp it is what Python's ``ssl`` reads there, which has no
public function for it. So it is read here, into the same shape.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["peer_certificate"]

_NAMES: Final = {
    NameOID.COMMON_NAME: "commonName",
    NameOID.COUNTRY_NAME: "countryName",
    NameOID.DOMAIN_COMPONENT: "domainComponent",
    NameOID.EMAIL_ADDRESS: "emailAddress",
    NameOID.GIVEN_NAME: "givenName",
    NameOID.LOCALITY_NAME: "localityName",
    NameOID.ORGANIZATIONAL_UNIT_NAME: "organizationalUnitName",
    NameOID.ORGANIZATION_NAME: "organizationName",
    NameOID.SERIAL_NUMBER: "serialNumber",
    NameOID.STATE_OR_PROVINCE_NAME: "stateOrProvinceName",
    NameOID.STREET_ADDRESS: "streetAddress",
    NameOID.SURNAME: "surname",
    NameOID.TITLE: "title",
    NameOID.USER_ID: "userId",
}


def peer_certificate(
    scope: Mapping[str, Any],
) -> tuple[Mapping[str, Any] | None, bytes | None]:
    """Return a verified certificate as ``getpeercert()`` does, and in DER.

    Two times None where the server does not tell, or could not verify it.
    """
    tls = (scope.get("extensions") or {}).get("tls") or {}
    chain = tls.get("client_cert_chain")
    if not chain or tls.get("client_cert_error"):
        return None, None
    certificate = x509.load_pem_x509_certificate(chain[0].encode())
    return _details(certificate), certificate.public_bytes(Encoding.DER)


def _details(certificate: x509.Certificate) -> dict[str, Any]:
    details: dict[str, Any] = {
        "subject": _name(certificate.subject),
        "issuer": _name(certificate.issuer),
        "version": certificate.version.value + 1,
        "serialNumber": _serial(certificate.serial_number),
        "notBefore": _moment(certificate.not_valid_before_utc),
        "notAfter": _moment(certificate.not_valid_after_utc),
    }
    try:
        names = certificate.extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        )
    except x509.ExtensionNotFound:
        return details
    return {**details, "subjectAltName": tuple(_alternatives(names.value))}


def _serial(number: int) -> str:
    """Return a serial number in whole bytes, as OpenSSL writes it."""
    digits = f"{number:X}"
    return "0" * (len(digits) % 2) + digits


def _name(name: x509.Name) -> tuple[tuple[tuple[str, Any], ...], ...]:
    return tuple(
        tuple(
            (_NAMES.get(each.oid, each.oid.dotted_string), each.value) for each in rdn
        )
        for rdn in name.rdns
    )


def _alternatives(names: x509.SubjectAlternativeName) -> Iterator[tuple[str, str]]:
    for name in names:
        match name:
            case x509.DNSName():
                yield "DNS", name.value
            case x509.RFC822Name():
                yield "email", name.value
            case x509.UniformResourceIdentifier():
                yield "URI", name.value
            case x509.IPAddress():
                yield "IP Address", str(name.value)


def _moment(moment: datetime) -> str:
    # English whatever the locale, and a day of two places.
    months = "JanFebMarAprMayJunJulAugSepOctNovDec"
    day = f"{months[3 * moment.month - 3 : 3 * moment.month]} {moment.day:2}"
    return f"{day} {moment:%H:%M:%S %Y} GMT"
