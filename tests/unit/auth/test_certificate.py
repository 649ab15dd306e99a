"""A client is whom its verified certificate is for."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from aiohttp_serverwamp.auth.certificate import (
    PeerCertificate,
    certificate_authenticator,
)
from aiohttp_serverwamp.auth.identity import Identity
from aiohttp_serverwamp.errors import ConfigurationError

DER = b"the certificate in DER"
NOT_AFTER = 1_893_456_000.0
ANN: dict[str, Any] = {
    "subject": ((("countryName", "CH"),), (("commonName", "ann"),)),
    "subjectAltName": (
        ("DNS", "ann.example"),
        ("email", "ann@example.com"),
        ("URI", "spiffe://example/ann"),
        ("IP Address", "10.0.0.1"),
    ),
    "notAfter": "Jan  1 00:00:00 2030 GMT",
}


def showing(details: Any, der: bytes | None = DER) -> Any:
    info = {"peer_certificate": details, "peer_certificate_raw": der}
    return SimpleNamespace(connection=SimpleNamespace(transport_info=info))


def certificate(details: Any) -> PeerCertificate:
    shown = PeerCertificate.of(showing(details).connection.transport_info)
    assert shown is not None
    return shown


def test_a_certificate_is_read_name_by_name() -> None:
    shown = certificate(ANN)

    assert shown.common_name == "ann"
    assert shown.dns_names == ["ann.example"]
    assert shown.emails == ["ann@example.com"]
    assert shown.uris == ["spiffe://example/ann"]
    assert shown.not_after == NOT_AFTER
    assert len(bytes.fromhex(shown.fingerprint)) == 32
    assert shown.details is ANN


@pytest.mark.parametrize(
    "subject", [(), ((("commonName", "ann"),), (("commonName", "eve"),))]
)
def test_a_common_name_is_one_or_none(subject: Any) -> None:
    details = {"subject": subject, "notAfter": ANN["notAfter"]}

    assert certificate(details).common_name is None
    assert certificate_authenticator()(showing(details)) is None


@pytest.mark.parametrize(
    ("details", "der"), [(None, None), ({}, DER), (ANN, None), (None, DER)]
)
def test_who_shows_no_verified_certificate_is_left_to_the_next_authenticator(
    details: Any, der: bytes | None
) -> None:
    authenticate = certificate_authenticator(lambda shown: pytest.fail("was asked"))

    assert authenticate(showing(details, der)) is None


def test_who_has_no_tls_at_all_is_left_to_the_next_authenticator() -> None:
    session = SimpleNamespace(connection=SimpleNamespace(transport_info={}))

    assert certificate_authenticator()(session) is None


def test_the_common_name_is_the_authid_until_the_certificate_expires() -> None:
    identity = certificate_authenticator(role="device")(showing(ANN))

    assert identity == Identity(
        "ann", "device", "certificate", user=certificate(ANN), expires_at=NOT_AFTER
    )


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (None, None),
        ("", None),
        ("ann@example.com", ("ann@example.com", "user", "certificate", NOT_AFTER)),
        (Identity("a", "chief"), ("a", "chief", "certificate", NOT_AFTER)),
        (Identity("a", expires_at=5), ("a", "user", "certificate", 5)),
        (Identity("a", "user", "own", expires_at=9e9), ("a", "user", "own", NOT_AFTER)),
    ],
)
async def test_the_application_says_who_a_certificate_is_for(
    kind: str, found: Any, expected: Any
) -> None:
    async def identify_later(shown: PeerCertificate) -> Any:
        return found

    identify: Any = (lambda shown: found) if kind == "sync" else identify_later

    answer = certificate_authenticator(identify)(showing(ANN))
    identity = await answer if kind == "async" else answer

    if expected is None:
        assert identity is None
    else:
        who = identity.authid, identity.authrole, identity.authprovider
        assert (*who, identity.expires_at) == expected


def test_what_is_no_name_is_no_identity() -> None:
    with pytest.raises(ConfigurationError, match="an authid, an Identity or None"):
        certificate_authenticator(lambda shown: True)(showing(ANN))


@pytest.mark.parametrize(
    ("args", "options"), [((5,), {}), ((), {"role": ""}), ((), {"role": None})]
)
def test_wrong_use_says_what_to_write(args: Any, options: Any) -> None:
    with pytest.raises(ConfigurationError, match="certificate_authenticator"):
        certificate_authenticator(*args, **options)
