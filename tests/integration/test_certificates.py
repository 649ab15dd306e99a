"""Clients sign in by TLS certificate, over real TLS."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from cryptography import x509

import aiohttp_serverwamp as serverwamp
from aiohttp_serverwamp.testing import JoinRejected, connect
from tests.certificates import Authority, client_context


@asynccontextmanager
async def tls_site(authority: Authority, realm: serverwamp.Realm) -> AsyncIterator[str]:
    """Serve a realm to those who may show a certificate; yield its URL."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=authority.file)
    context.verify_mode = ssl.CERT_OPTIONAL
    context.load_cert_chain(authority.issue("the server"))
    app = web.Application()
    serverwamp.setup_wamp(app).add_realm(realm)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        yield f"https://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def visitor(
    url: str, authority: Authority, certificate: Path | None
) -> AsyncIterator[aiohttp.ClientSession]:
    connector = aiohttp.TCPConnector(ssl=client_context(authority, certificate))
    async with aiohttp.ClientSession(url, connector=connector) as http:
        yield http


def devices(**options: Any) -> serverwamp.Realm:
    realm = serverwamp.Realm("devices")
    realm.add_transport_authenticator(serverwamp.certificate_authenticator(**options))
    api = serverwamp.RPCRouteSet()

    @api.route("fingerprint", roles=["device"])
    async def fingerprint(session: serverwamp.Session) -> str:
        text: str = session.identity.user.fingerprint
        return text

    realm.add_routes(api)
    return realm


async def test_a_device_is_whom_its_certificate_is_for(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    lamp = authority.issue("lamp-1")
    realm = devices(role="device")
    async with (
        tls_site(authority, realm) as url,
        visitor(url, authority, lamp) as http,
        connect(http, realm="devices", authid="the boss") as client,
    ):
        certificate = x509.load_pem_x509_certificate(
            lamp.read_bytes()[lamp.read_bytes().index(b"-----BEGIN CERT") :]
        )
        assert client.welcome["authid"] == "lamp-1"
        assert client.welcome["authrole"] == "device"
        assert client.welcome["authmethod"] == "tls"
        assert client.welcome["authprovider"] == "certificate"
        (session,) = realm.sessions()
        expires = certificate.not_valid_after_utc.timestamp()
        assert session.identity.expires_at == expires
        assert len(await client.call("fingerprint")) == 64


async def test_the_application_reads_the_alternative_names(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    names: list[x509.GeneralName] = [
        x509.UniformResourceIdentifier("spiffe://example/lamp")
    ]
    lamp = authority.issue(names=names)
    realm = devices(
        identify=lambda certificate: (certificate.uris or [None])[0], role="device"
    )
    async with (
        tls_site(authority, realm) as url,
        visitor(url, authority, lamp) as http,
        connect(http, realm="devices") as client,
    ):
        assert client.welcome["authid"] == "spiffe://example/lamp"


async def test_who_shows_no_certificate_stays_outside(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with (
        tls_site(authority, devices()) as url,
        visitor(url, authority, None) as http,
    ):
        with pytest.raises(JoinRejected) as rejected:
            async with connect(http, realm="devices"):
                pass
    assert rejected.value.reason == "wamp.error.authentication_required"


async def test_a_certificate_of_a_stranger_does_not_get_as_far_as_that(
    tmp_path: Path,
) -> None:
    authority, stranger = Authority(tmp_path), Authority(tmp_path, "stranger")
    async with (
        tls_site(authority, devices()) as url,
        visitor(url, authority, stranger.issue("lamp-1")) as http,
    ):
        with pytest.raises(aiohttp.ClientError):
            async with connect(http, realm="devices"):
                pass
