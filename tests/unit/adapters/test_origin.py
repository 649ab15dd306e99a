"""Which pages may open a WebSocket, header by header."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest

from aiohttp_serverwamp.adapters.origin import (
    OriginPolicy,
    Site,
    TrustedProxies,
    site_of,
)
from aiohttp_serverwamp.errors import ConfigurationError

# --- What an origin names -------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "site"),
    [
        ("https://shop.example", Site("https", "shop.example", 443)),
        ("https://shop.example:443", Site("https", "shop.example", 443)),
        ("http://shop.example", Site("http", "shop.example", 80)),
        ("http://shop.example:8080", Site("http", "shop.example", 8080)),
        ("https://SHOP.Example", Site("https", "shop.example", 443)),
        ("wss://shop.example", Site("https", "shop.example", 443)),
        ("ws://shop.example", Site("http", "shop.example", 80)),
        ("http://127.0.0.1:1", Site("http", "127.0.0.1", 1)),
        ("http://[::1]:8080", Site("http", "::1", 8080)),
        ("http://[::1]", Site("http", "::1", 80)),
    ],
)
def test_an_origin_is_scheme_host_and_port(text: str, site: Site) -> None:
    assert site_of(text) == site


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "shop.example",
        "//shop.example",
        "https://",
        "https://:443",
        "https://shop.example/",
        "https://shop.example/path",
        "https://shop.example?x",
        "https://shop.example#x",
        "https://shop.example:",
        "https://shop.example:port",
        "https://shop.example:99999",
        "https://shop.example:-1",
        "https://shop.example:0",
        "https://shop.example:٤٤٣",
        "https://ſhop.example",
        "https://user@shop.example",
        "https://user:password@shop.example",
        "https://shop.example, https://evil.example",
        "https://shop.example https://evil.example",
        " https://shop.example",
        "https://shop.example\n",
        "https://sh\top.example",
        "https://shöp.example",
        "file://",
        "file:///etc/passwd",
        "data:text/html,x",
        "chrome-extension://abcdef",
        "javascript:alert(1)",
        "http://[::1",
    ],
)
def test_anything_else_names_no_site(text: str) -> None:
    assert site_of(text) is None


@pytest.mark.parametrize(
    "text",
    ["https://shop.example", "http://shop.example:8080", "http://[::1]:8080"],
)
def test_a_site_is_written_as_its_origin(text: str) -> None:
    assert str(site_of(text)) == text


def test_a_default_port_is_not_written() -> None:
    assert str(Site("https", "shop.example", 443)) == "https://shop.example"
    assert str(Site("http", "shop.example", 443)) == "http://shop.example:443"


# --- Who may upgrade ------------------------------------------------------------------

OWN = Site("https", "shop.example", 443)


@pytest.mark.parametrize(
    ("origins", "admitted"),
    [
        ([], True),
        (["https://shop.example"], True),
        (["https://shop.example:443"], True),
        (["https://Shop.Example"], True),
        ([""], False),
        (["null"], False),
        (["https://evil.example"], False),
        (["https://shop.example:8443"], False),
        (["http://shop.example"], False),
        (["https://shop.example.evil.example"], False),
        (["https://evil.example/https://shop.example"], False),
        (["https://shop.example@evil.example"], False),
        (["https://shop.example", "https://shop.example"], False),
        (["https://evil.example", "https://shop.example"], False),
        (["https://shop.example, https://evil.example"], False),
    ],
)
def test_only_the_own_site_may(origins: list[str], admitted: bool) -> None:
    assert OriginPolicy().admits(origins, OWN) is admitted


def test_without_a_usable_host_every_origin_is_foreign() -> None:
    policy = OriginPolicy()

    assert not policy.admits(["https://shop.example"], None)
    assert policy.admits([], None)


def test_listed_origins_may_as_well() -> None:
    policy = OriginPolicy(["https://App.example", "http://localhost:3000"])

    assert policy.admits(["https://app.example:443"], OWN)
    assert policy.admits(["http://localhost:3000"], None)
    assert not policy.admits(["http://app.example"], OWN)
    assert not policy.admits(["http://localhost:3001"], OWN)
    assert not policy.admits(["https://app.example", "https://app.example"], OWN)


def test_a_star_is_every_origin() -> None:
    policy = OriginPolicy(["*"])

    for origins in (["https://evil.example"], ["null"], [""], ["a", "b"]):
        assert policy.admits(origins, OWN)


@pytest.mark.parametrize(
    "allowed",
    ["https://app.example", ["app.example"], ["https://app.example/"], ["https://*"]],
)
def test_what_is_no_origin_cannot_be_listed(allowed: Any) -> None:
    with pytest.raises(ConfigurationError, match="allowed_origins"):
        OriginPolicy(allowed)


# --- Whose X-Forwarded-* counts -------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "trusted"),
    [
        ("10.1.2.3", True),
        ("127.0.0.1", True),
        ("::ffff:10.1.2.3", True),
        ("fe80::1%eth0", True),
        ("192.168.0.1", False),
        ("2001:db8::1", False),
        ("", False),
        ("unix:", False),
        (None, False),
    ],
)
def test_a_proxy_is_trusted_by_its_network(address: str | None, trusted: bool) -> None:
    given = TrustedProxies.of(["10.0.0.0/8", "127.0.0.1", ip_network("fe80::/10")])

    assert given.trusts(address) is trusted
    assert not given.unix


def test_nobody_is_trusted_by_default() -> None:
    assert not TrustedProxies.of(()).trusts("127.0.0.1")
    assert not TrustedProxies.of(()).unix


def test_trusting_unix_sockets_trusts_no_address() -> None:
    given = TrustedProxies.of(["unix"])

    assert given.unix
    assert not given.trusts("")
    assert not given.trusts("127.0.0.1")
    assert given.client(["198.51.100.1, 203.0.113.9"]) == "203.0.113.9"


@pytest.mark.parametrize(
    "proxies", ["10.0.0.0/8", "unix", ["proxy.example"], ["10.0.0.1/8"], ["unix:/run"]]
)
def test_what_is_no_network_is_refused(proxies: Any) -> None:
    with pytest.raises(ConfigurationError, match="trusted_proxies"):
        TrustedProxies.of(proxies)


@pytest.mark.parametrize(
    ("headers", "client"),
    [
        ([], None),
        (["203.0.113.9"], "203.0.113.9"),
        (["203.0.113.9, 10.0.0.2"], "203.0.113.9"),
        (["203.0.113.9", "10.0.0.2"], "203.0.113.9"),
        # Whatever the client itself wrote stands to the left of it.
        (["198.51.100.1, 203.0.113.9, 10.0.0.2"], "203.0.113.9"),
        (["2001:db8::1"], "2001:db8::1"),
        (["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        (["unknown, 10.0.0.2"], "10.0.0.2"),
        (["unknown"], None),
    ],
)
def test_the_last_that_is_no_trusted_proxy_is_the_client(
    headers: list[str], client: str | None
) -> None:
    assert TrustedProxies.of(["10.0.0.0/8"]).client(headers) == client
