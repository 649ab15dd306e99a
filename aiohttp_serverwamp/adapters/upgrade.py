"""Whether a request may become a WebSocket of an application, whoever serves it.

What can be refused is refused before the upgrade, with an HTTP status: 503 while the
application stops or is full, 403 for a foreign origin, 426 and 400 for what is no WAMP
client. The adapters say what a request is, and put a `Refusal` into their server's
words.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import ceil
from typing import TYPE_CHECKING, Any, Protocol

from aiohttp_serverwamp.adapters.origin import (
    Network,
    OriginPolicy,
    Site,
    TrustedProxies,
    site_of,
)
from aiohttp_serverwamp.uris import shown

if TYPE_CHECKING:
    from aiohttp_serverwamp.interfaces import Connection, Serializer
    from aiohttp_serverwamp.limits import Limits

__all__ = [
    "Answer",
    "Gatekeeper",
    "Refusal",
    "UpgradeHost",
    "UpgradeRequest",
    "no_common_subprotocol",
    "place",
    "upgrade_required",
]

logger = logging.getLogger("aiohttp_serverwamp.adapters")


class UpgradeHost(Protocol):
    """What an adapter needs of the application."""

    limits: Limits
    serializers: Mapping[str, Serializer]

    @property
    def retry_after(self) -> float | None:
        """After how many seconds clients should come back, if they are to go."""

    def admit(self) -> bool:
        """Keep a place for a connection until `release`; False if there is none."""

    def release(self) -> None:
        """Give back the place of a connection that is served from now on, or never."""

    def requires_http_session(self) -> bool:
        """Tell whether some realm reads the HTTP session."""

    async def serve(self, connection: Connection) -> None:
        """Serve a connection until it has closed."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to an ordinary request."""

    status: int
    text: str
    headers: Mapping[str, str]


@dataclass(eq=False)
class Refusal(Exception):
    """A request does not become a WebSocket; `text` says why."""

    status: int
    text: str
    headers: Mapping[str, str] = field(default_factory=dict)


def upgrade_required() -> Refusal:
    """Return the answer to an ordinary request."""
    return Refusal(
        426,
        "This address speaks WAMP over WebSocket only.\n",
        {"Upgrade": "websocket", "Connection": "Upgrade"},
    )


def no_common_subprotocol(subprotocols: Iterable[str]) -> Refusal:
    """Return the answer to a client that offers none of `subprotocols`."""
    offered = ", ".join(subprotocols)
    return Refusal(
        400, f"No WebSocket subprotocol in common. Offered here: {offered}\n"
    )


def _unavailable(retry_after: float | None) -> Refusal:
    if retry_after is None:
        return Refusal(503, "No more connections now.\n")
    seconds = max(1, ceil(retry_after))  # the header has whole ones (RFC 9110, 10.2.3)
    return Refusal(
        503, "This server is about to stop.\n", {"Retry-After": str(seconds)}
    )


@contextmanager
def place(host: UpgradeHost) -> Iterator[None]:
    """Keep a place for a connection in the meantime.

    Others ask for places while this one's request waits for something.
    """
    if not host.admit():
        raise _unavailable(host.retry_after)
    try:
        yield
    finally:
        host.release()


@dataclass(frozen=True, slots=True)
class UpgradeRequest:
    """What is known of a request before it is upgraded."""

    #: "http" or "https".
    scheme: str
    #: All values of a header, in the order received.
    header: Callable[[str], Sequence[str]]
    #: The IP address that the connection comes from.
    peer_address: str | None
    #: Whether it comes by a Unix socket, whose peers have no address.
    is_unix: bool

    def first(self, header: str) -> str:
        """Return the first entry of a list in a header, or nothing."""
        # Of forwarded ones the client's own proxy wrote it.
        values = self.header(header)
        return values[0].partition(",")[0].strip() if values else ""


class Gatekeeper:
    """Says where a request comes from, and refuses it if that is a foreign page.

    `setter` is the function whose arguments `allowed_origins` and `trusted_proxies`
    are, for the log. Raises `ConfigurationError` if they are malformed.
    """

    def __init__(
        self,
        setter: str,
        allowed_origins: Iterable[str] | None,
        trusted_proxies: Iterable[str | Network],
    ) -> None:
        self._setter = setter
        self._origins = OriginPolicy(allowed_origins)
        self._proxies = TrustedProxies.of(trusted_proxies)

    @property
    def trusts_unix(self) -> bool:
        """Whether it matters if a request has come by a Unix socket."""
        return self._proxies.unix

    def check_origin(self, request: UpgradeRequest) -> None:
        """Raise `Refusal` for a page of a foreign site."""
        origins = request.header("Origin")
        if not origins:
            return  # no browser's
        own = self._own_site(request)
        if self._origins.admits(origins, own):
            return
        logger.warning(
            "upgrade refused: Origin %s is foreign to %s; if it is not, list it in "
            "%s(allowed_origins=[...]), or name the proxy in front in "
            "%s(trusted_proxies=[...]) if the host is wrong",
            shown(", ".join(origins)),
            own,
            self._setter,
            self._setter,
        )
        raise Refusal(403, "Cross-origin WebSockets are refused here.\n")

    def client_info(self, request: UpgradeRequest) -> dict[str, Any]:
        """Return who the client is and how it came, as parts of ``transport_info``.

        As the socket says, or a trusted proxy.
        """
        address = request.peer_address
        if self._is_from_proxy(request):
            client = self._proxies.client(request.header("X-Forwarded-For"))
            address = client or address
        return {"http_scheme": self._scheme(request), "peer_address": address}

    def _is_from_proxy(self, request: UpgradeRequest) -> bool:
        proxies = self._proxies
        by_socket = proxies.unix and request.is_unix
        return by_socket or proxies.trusts(request.peer_address)

    def _scheme(self, request: UpgradeRequest) -> str:
        forwarded = self._is_from_proxy(request)
        return (forwarded and request.first("X-Forwarded-Proto")) or request.scheme

    def _own_site(self, request: UpgradeRequest) -> Site | None:
        """Return where the request went to, as its sender sees it."""
        hosts = request.header("Host")
        host = hosts[0] if hosts else ""
        if self._is_from_proxy(request):
            host = request.first("X-Forwarded-Host") or host
        return site_of(f"{self._scheme(request)}://{host}")
