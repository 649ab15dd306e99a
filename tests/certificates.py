"""An authority for TLS certificates, made anew for each test that needs one."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

_SIGNS_CERTIFICATES = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


class Authority:
    """Issues certificates, and says how server and clients use them."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.file = folder / f"{name}.pem"
        certificate = self._build(self._name, self._key.public_key(), 1, [], ca=True)
        self.file.write_bytes(certificate.public_bytes(Encoding.PEM))

    def issue(
        self,
        *common_names: str,
        names: list[x509.GeneralName] | None = None,
        serial: int | None = None,
    ) -> Path:
        """Issue a certificate for a day; return the file of it and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name(
            [x509.NameAttribute(NameOID.COMMON_NAME, each) for each in common_names]
        )
        certificate = self._build(
            subject, key.public_key(), 1, names or [], serial=serial
        )
        file = self._folder / f"{x509.random_serial_number()}.pem"
        file.write_bytes(
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            + certificate.public_bytes(Encoding.PEM)
        )
        return file

    def _build(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePublicKey,
        days: int,
        names: list[x509.GeneralName],
        *,
        ca: bool = False,
        serial: int | None = None,
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(serial or x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), True)
            # From Python 3.13 on, clients insist on what RFC 5280 demands.
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(
                    self._key.public_key()
                ),
                False,
            )
        )
        if ca:
            builder = builder.add_extension(_SIGNS_CERTIFICATES, True)
        if names:
            builder = builder.add_extension(
                x509.SubjectAlternativeName(names), not subject.rdns
            )
        return builder.sign(self._key, hashes.SHA256())


def client_context(trusted: Authority, certificate: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=trusted.file)
    context.check_hostname = False
    if certificate is not None:
        context.load_cert_chain(certificate)
    return context


def server_context(authority: Authority, *, asks: bool = False) -> ssl.SSLContext:
    """Return the context of a server; if it `asks`, clients may show a certificate."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(authority.issue("localhost"))
    if asks:
        context.load_verify_locations(authority.file)
        context.verify_mode = ssl.CERT_OPTIONAL
    return context
