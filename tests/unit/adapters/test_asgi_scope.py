"""What is read from an ASGI scope."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from aiohttp_serverwamp.adapters.asgi_scope import (
    path_in_mount,
    transport_info,
    upgrade_of,
)
from aiohttp_serverwamp.auth.certificate import PeerCertificate
from tests.async_support.asgi_server import scope_of
from tests.certificates import Authority


def with_headers(*headers: tuple[str, str]) -> dict[str, Any]:
    return scope_of(
        headers=[(name.encode(), value.encode()) for name, value in headers]
    )


@pytest.mark.parametrize(
    ("header", "cookies"),
    [
        ("a=1; b=2", {"a": "1", "b": "2"}),
        ("a=1;b=2", {"a": "1", "b": "2"}),
        ('a="x;\\"y\\""; b=2', {"a": 'x;"y"', "b": "2"}),
        ("a=b=c", {"a": "b=c"}),
        ('d={"j": 1}; e=', {"d": '{"j": 1}', "e": ""}),
        ("f; a=1", {"f": "", "a": "1"}),
        ("=x; ; a=1", {"a": "1"}),
        ("a=1; a=2", {"a": "2"}),
        ('a="open; b=1', {"a": '"open', "b": "1"}),
        ("bad name=1; ok=2", {"ok": "2"}),
        (";" * 1000, {}),
        ("", {}),
    ],
)
def test_cookies_are_read_one_by_one(header: str, cookies: dict[str, str]) -> None:
    scope = with_headers(("cookie", header))

    assert transport_info(scope)["http_cookies"] == cookies


def test_cookies_may_come_in_several_headers() -> None:
    scope = with_headers(("Cookie", "a=1"), ("cookie", "b=2"))

    assert transport_info(scope)["http_cookies"] == {"a": "1", "b": "2"}


@pytest.mark.parametrize(
    ("raw", "readable"),
    [
        (b"a=1+2", "a=1 2"),
        (b"a=%C3%A4", "a=ä"),
        (b"a=%26%3d%2B%25", "a=%26%3D%2B%25"),
        (b"a=%ff", "a=%ff"),
        (b"a=%zz", "a=%zz"),
        (b"", ""),
    ],
)
def test_a_query_is_readable_and_means_the_same(raw: bytes, readable: str) -> None:
    info = transport_info(scope_of(query_string=raw))

    assert info["http_query_string"] == readable


def test_the_raw_path_has_the_query_once() -> None:
    assert transport_info(scope_of(query_string=b"a=1"))["http_path_raw"] == "/ws?a=1"
    scope = scope_of(raw_path=b"/ws?a=1", query_string=b"a=1")
    assert transport_info(scope)["http_path_raw"] == "/ws?a=1"
    scope = scope_of(path="/ä b", raw_path=None)
    assert transport_info(scope)["http_path_raw"] == "/%C3%A4%20b"


@pytest.mark.parametrize(
    ("path", "root", "below"),
    [
        ("/ws", "", "/ws"),
        ("/api/ws", "/api", "/ws"),
        ("/api/ws", "/api/", "/ws"),
        ("/ws", "/api", "/ws"),
        ("/apiary/ws", "/api", "/apiary/ws"),
    ],
)
def test_a_path_is_that_below_the_mount(path: str, root: str, below: str) -> None:
    assert path_in_mount(scope_of(path=path, root_path=root)) == below


def test_who_asks_from_where() -> None:
    asked = upgrade_of(scope_of(scheme="wss"))

    assert asked.scheme == "https"
    assert asked.peer_address == "192.0.2.7"
    assert not asked.is_unix
    assert asked.header("Host") == ["shop.example"]
    assert asked.header("Origin") == []


def test_a_unix_socket_has_no_addresses() -> None:
    asked = upgrade_of(scope_of(client=None, server=("/run/shop.sock", None)))

    assert asked.peer_address is None
    assert asked.is_unix
    assert not upgrade_of(scope_of(client=None, server=None)).is_unix


def test_the_host_of_http_2_has_another_name() -> None:
    scope = with_headers((":authority", "shop.example"), ("other", "x"))

    assert upgrade_of(scope).header("host") == ["shop.example"]


# The TLS extension.


def tls(chain: list[str], error: str | None = None) -> dict[str, Any]:
    extension = {"client_cert_chain": chain, "client_cert_error": error}
    return scope_of(extensions={"tls": extension})


#: Of whole bytes, and with half a byte in front.
@pytest.fixture(params=[0x1, 0xAB, 0xF78A630CDDFA2, 2**158])
def issued(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    names: list[x509.GeneralName] = [
        x509.DNSName("lamp.example"),
        x509.RFC822Name("lamp@example.org"),
        x509.UniformResourceIdentifier("urn:lamp:7"),
    ]
    return Authority(tmp_path).issue("lamp 7", names=names, serial=request.param)


def test_a_certificate_is_what_pythons_ssl_makes_of_it(issued: Path) -> None:
    pem = issued.read_text()
    pem = pem[pem.index("-----BEGIN CERTIFICATE-----") :]

    info = transport_info(tls([pem]))

    assert info["peer_certificate_raw"] == ssl.PEM_cert_to_DER_cert(pem)
    # There is no public function that does it.
    expected = ssl._ssl._test_decode_cert(str(issued))  # type: ignore[attr-defined]
    assert info["peer_certificate"] == expected
    certificate = PeerCertificate.of(info)
    assert certificate is not None
    assert certificate.common_name == "lamp 7"
    assert certificate.uris == ["urn:lamp:7"]


def test_a_certificate_that_was_not_verified_is_none(issued: Path) -> None:
    pem = issued.read_text()

    for scope in (tls([pem], "self-signed"), tls([]), scope_of(extensions=None)):
        info = transport_info(scope)
        assert info["peer_certificate"] is None
        assert info["peer_certificate_raw"] is None
