"""Whether a WebSocket upgrade comes from a page of this site (RFC 6454, RFC 6455 10.2).

Browsers send cookies along whoever opens the WebSocket, so a foreign page could act in
the user's name; they also send Origin, which says whose page it is. Pure functions:
headers in, verdict out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final

from aiohttp_serverwamp.errors import ConfigurationError

__all__ = [
    "Network",
    "OriginPolicy",
    "Site",
    "TrustedProxies",
    "site_of",
]

Network = IPv4Network | IPv6Network

#: What stands for the peers at Unix sockets, which have no address.
UNIX: Final = "unix"

# Stricter than urlsplit, which drops tabs and takes almost anything for a host.
_ORIGIN = re.compile(
    r"(?P<scheme>https?|wss?)://"
    r"(?P<host>[a-z0-9._~-]+|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{1,5}))?",
    re.IGNORECASE | re.ASCII,
)
_MAX_PORT = 65_535
_DEFAULT_PORTS = {"http": 80, "https": 443}
_SECURE = {"wss": "https", "ws": "http"}


@dataclass(frozen=True, slots=True)
class Site:
    """A scheme, host and port, as in Origin; the port is always given."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if _DEFAULT_PORTS.get(self.scheme) == self.port else f":{self.port}"
        return f"{self.scheme}://{host}{port}"


def site_of(text: str) -> Site | None:
    """Return the site that an Origin names, or None for anything but one."""
    named = _ORIGIN.fullmatch(text)
    if named is None:
        return None
    scheme = named["scheme"].lower()
    scheme = _SECURE.get(scheme, scheme)
    port = int(named["port"] or _DEFAULT_PORTS[scheme])
    if not 0 < port <= _MAX_PORT:
        return None
    return Site(scheme, named["host"].strip("[]").lower(), port)


class OriginPolicy:
    """Which origins may upgrade: the site's own, and those listed.

    `allowed` holds origins such as ``https://app.example.com``, or "*" for every
    origin. Raises `ConfigurationError` for anything else.
    """

    def __init__(self, allowed: Iterable[str] | None = None) -> None:
        if isinstance(allowed, str):
            raise ConfigurationError(
                f"allowed_origins={allowed!r}: give a list, as [{allowed!r}]"
            )
        if allowed is not None and not isinstance(allowed, Iterable):
            raise ConfigurationError(
                f"allowed_origins={allowed!r}: give a list of origins, or ['*'] for "
                "every origin"
            )
        listed = [] if allowed is None else [*allowed]
        self._any = "*" in listed
        self._sites = frozenset(_listed(origin) for origin in listed if origin != "*")

    def admits(self, origins: Sequence[str], own: Site | None) -> bool:
        """Tell whether a request with these Origin headers may upgrade.

        `own` is where the request went to. A request without Origin is not a browser's.
        """
        if self._any or not origins:
            return True
        if len(origins) > 1:
            return False
        site = site_of(origins[0])
        if site is None:
            return False
        if site in self._sites:
            return True
        return own is not None and (site.host, site.port) == (own.host, own.port)


@dataclass(frozen=True, slots=True)
class TrustedProxies:
    """Whose word on where a request comes from, and went to, is taken."""

    networks: tuple[Network, ...] = ()
    #: Whether whoever can connect to a Unix socket of the server is one of them.
    unix: bool = False

    @classmethod
    def of(cls, given: Iterable[str | Network]) -> TrustedProxies:
        """Take addresses, networks and "unix".

        Raises `ConfigurationError` for what is none of them.
        """
        if isinstance(given, str) or not isinstance(given, Iterable):
            raise ConfigurationError(
                f"trusted_proxies={given!r}: give a list of addresses or networks, as "
                "['10.0.0.0/8'], or ['unix'] for Unix sockets"
            )
        listed = [*given]
        try:
            networks = tuple(_network(each) for each in listed if each != UNIX)
        except ValueError as error:
            raise ConfigurationError(
                f"trusted_proxies: {error}; give addresses or networks, as "
                "'10.0.0.0/8', or 'unix' for Unix sockets"
            ) from None
        return cls(networks, UNIX in listed)

    def trusts(self, address: str | None) -> bool:
        """Tell whether a peer address belongs to one of them."""
        if not self.networks or address is None:
            return False
        try:
            peer = ip_address(address.partition("%")[0])
        except ValueError:
            return False
        mapped = getattr(peer, "ipv4_mapped", None)
        return any((mapped or peer) in network for network in self.networks)

    def client(self, headers: Sequence[str]) -> str | None:
        """Return the client that ``X-Forwarded-For`` names, or None.

        Each proxy adds whom it has heard from at the right end, so the last entry that
        is no trusted proxy is the client; what stands before that a client may have
        made up.
        """
        client = None
        for entry in reversed(",".join(headers).split(",")):
            try:
                client = str(ip_address(entry.strip()))
            except ValueError:
                break
            if not self.trusts(client):
                break
        return client


def _network(given: str | Network) -> Network:
    # A number would be an address as well, and nobody's proxy.
    if not isinstance(given, str | Network):
        raise ValueError(f"{given!r} is no address")
    return ip_network(given)


def _listed(origin: str) -> Site:
    site = site_of(origin) if isinstance(origin, str) else None
    if site is None:
        raise ConfigurationError(
            f"allowed_origins: {origin!r} is no origin; give scheme, host and port, as "
            "'https://app.example.com', or '*' for every origin"
        )
    return site
