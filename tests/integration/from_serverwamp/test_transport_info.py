"""Every key of ``transport_info`` has the value and the type that serverwamp gives."""

from __future__ import annotations

import base64
import datetime
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.integration.from_serverwamp.both import (
    LIBRARIES,
    make_app,
    served,
    talking,
)

#: The keys of product.md; "http_session" is of this library alone.
KEYS = (
    "http_cookies",
    "http_headers_raw",
    "http_path",
    "http_path_raw",
    "http_query_string",
    "peer_address",
    "peer_certificate",
    "peer_certificate_raw",
)
URL = "/a%20place?q=%C3%A4&r"
HEADERS = {"Cookie": "color=blue; size=L", "X-Header": "value"}


async def reflected(http: aiohttp.ClientSession, **options: Any) -> dict[str, Any]:
    """Ask the program ``mirror`` for the type and the value of every key."""
    async with talking(http, URL, headers=HEADERS, **options) as talk:
        await talk.hello()
        return {key: (await talk.call("mirror", key))[1] for key in KEYS}


def without_key_of_handshake(headers: list[Any]) -> list[Any]:
    """Leave out what is drawn at random, and the port."""
    kind, pairs = headers
    told = [
        p for p in pairs if "sec-websocket-key" not in p.lower() and "Host" not in p
    ]
    return [kind, told]


async def test_every_key_is_as_in_serverwamp() -> None:
    found: dict[str, dict[str, Any]] = {}
    for library in LIBRARIES:
        async with served("mirror", library) as http:
            found[library] = await reflected(http)
            found[library]["http_headers_raw"] = without_key_of_handshake(
                found[library]["http_headers_raw"]
            )

    ours, theirs = found["aiohttp_serverwamp"], found["serverwamp"]
    # A dict can be written to, which harms nobody.
    assert (ours["http_cookies"][0], theirs["http_cookies"][0]) == (
        "dict",
        "mappingproxy",
    )
    ours["http_cookies"][0] = theirs["http_cookies"][0]
    assert ours == theirs
    assert ours["http_cookies"][1] == {"color": "blue", "size": "L"}
    assert ours["http_headers_raw"][0] == "tuple"
    assert "(b'X-Header', b'value')" in ours["http_headers_raw"][1]
    assert ours["http_path"] == ["str", "/a place"]
    assert ours["http_path_raw"] == ["str", "/a%20place?q=%C3%A4&r"]
    assert ours["http_query_string"] == ["str", "q=ä&r"]
    assert ours["peer_address"] == ["str", "127.0.0.1"]
    assert (
        ours["peer_certificate"] == ours["peer_certificate_raw"] == ["NoneType", None]
    )


async def test_no_key_of_serverwamp_is_missing() -> None:
    names: dict[str, set[str]] = {}
    for library in LIBRARIES:
        async with served("mirror", library) as http, talking(http, URL) as talk:
            await talk.hello()
            (listed,) = (await talk.call("names"))[1]
            names[library] = set(listed)

    assert names["serverwamp"] == {*KEYS} - {"peer_certificate_raw"}
    assert names["aiohttp_serverwamp"] >= {*KEYS}


# --- TLS ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Certificates:
    """Files of an authority, a server and a client that it has signed."""

    authority: Path
    server: Path
    client: Path
    client_der: bytes


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


def _certificate(
    name: str, folder: Path, signer: tuple[Any, Any] | None
) -> tuple[Path, x509.Certificate, Any]:
    """Make a certificate, signed by itself without a signer, and write it to a file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    local = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    public = key.public_key()
    issuer, signs_with = signer or (None, key)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.BasicConstraints(issuer is None, None), critical=True)
        # Python is strict from 3.13 on: keys are identified, and their use is said.
        .add_extension(_usage(signs=issuer is None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signs_with.public_key()),
            critical=False,
        )
        .add_extension(x509.SubjectAlternativeName([local]), critical=False)
    )
    made = builder.sign(signs_with, hashes.SHA256())
    path = folder / f"{name}.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path, made, key


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    folder = tmp_path_factory.mktemp("certificates")
    authority, root, key = _certificate("authority", folder, None)
    server, _, _ = _certificate("server", folder, (root, key))
    client, made, _ = _certificate("client", folder, (root, key))
    der = made.public_bytes(serialization.Encoding.DER)
    return Certificates(authority, server, client, der)


@asynccontextmanager
async def serving_over_tls(
    app: web.Application, certificates: Certificates
) -> AsyncIterator[aiohttp.ClientSession]:
    """Serve with a certificate, and ask clients for theirs."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificates.server)
    context.load_verify_locations(certificates.authority)
    context.verify_mode = ssl.CERT_OPTIONAL
    runner = web.AppRunner(app, shutdown_timeout=1)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"https://127.0.0.1:{listening.getsockname()[1]}"
        async with aiohttp.ClientSession(url) as http:
            await runner.setup()
            try:
                await web.SockSite(runner, listening, ssl_context=context).start()
                yield http
            finally:
                await runner.cleanup()


@pytest.mark.parametrize("shown", [True, False], ids=["shown", "not shown"])
async def test_a_client_certificate_is_found_in_both_shapes(
    shown: bool, certificates: Certificates
) -> None:
    client = ssl.create_default_context(cafile=certificates.authority)
    if shown:
        client.load_cert_chain(certificates.client)
    found: dict[str, Mapping[str, Any]] = {}
    for library in LIBRARIES:
        app = make_app("mirror", library)
        async with serving_over_tls(app, certificates) as http:
            everything = await reflected(http, ssl=client)
            found[library] = {key: everything[key] for key in KEYS[-2:]}

    ours, theirs = found["aiohttp_serverwamp"], found["serverwamp"]
    assert ours == theirs
    (kind, decoded), (_, raw) = ours.values()
    if shown:
        assert kind == "dict"
        assert decoded["subject"] == [[["commonName", "client"]]]
        assert base64.b64decode(raw) == certificates.client_der
    else:
        assert (decoded, raw) == (None, None)
