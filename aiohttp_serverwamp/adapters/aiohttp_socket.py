"""The upgrade of an aiohttp request: what is asked for, what is known of the client."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from aiohttp import WSCloseCode, web

from aiohttp_serverwamp.adapters.upgrade import (
    Refusal,
    no_common_subprotocol,
    upgrade_required,
)

if TYPE_CHECKING:
    import asyncio

    from aiohttp_serverwamp.adapters.aiohttp_fast_reader import DirectReading
    from aiohttp_serverwamp.adapters.heartbeat import Heartbeat
    from aiohttp_serverwamp.adapters.outbox import Outbox

__all__ = [
    "UpgradedSocket",
    "accept",
    "http_error",
    "is_unix",
    "keep_unsent",
    "offer",
    "transport_info",
    "websocket",
]

_ERRORS: Final[Mapping[int, type[web.HTTPException]]] = {
    400: web.HTTPBadRequest,
    403: web.HTTPForbidden,
    426: web.HTTPUpgradeRequired,
    503: web.HTTPServiceUnavailable,
}

#: Linux and macOS have it.
_NOTSENT_LOWAT: Final = getattr(socket, "TCP_NOTSENT_LOWAT", None)

#: Not everywhere are there Unix sockets.
_AF_UNIX: Final = getattr(socket, "AF_UNIX", None)


class UpgradedSocket(web.WebSocketResponse):
    """A WebSocket that leaves its end to whoever reads it.

    aiohttp closes the TCP connection right behind its close frame. A client that is
    sending at that moment is answered with a reset, and loses what it has not read yet,
    the close frame first of all.
    """

    #: Who has looked already what becomes of the HTTP session with this response.
    seen_by: object | None = None

    async def close(
        self, *, code: int = WSCloseCode.OK, message: bytes = b"", drain: bool = True
    ) -> bool:
        """Do nothing: also called by `receive` on errors, and when a handler is done.

        `AiohttpConnection.close` is what closes.
        """
        return False

    def read_directly(
        self,
        take: Callable[[str | bytes], None],
        outbox: Outbox,
        heartbeat: Heartbeat,
    ) -> DirectReading | None:
        """Return what gives messages to `take` where they are parsed, if it can."""
        return None


def transport_info(
    request: web.Request, http_session: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return what is known of a client's transport, under the names of serverwamp.

    ``http_cookies`` (dict), ``http_headers_raw`` (pairs of bytes), ``http_path``,
    ``http_path_raw``, ``http_query_string``, ``http_scheme`` ("http" or "https", which
    serverwamp does not tell), ``peer_address`` (an IP address as text, without the
    port), ``peer_certificate`` (a dict, None without one) and
    ``peer_certificate_raw`` (DER), both None without TLS.
    """
    transport = request.transport
    tls = None if transport is None else transport.get_extra_info("ssl_object")
    info = {
        "http_cookies": dict(request.cookies),
        "http_headers_raw": request.raw_headers,
        "http_path": request.path,
        "http_path_raw": request.raw_path,
        "http_query_string": request.query_string,
        "http_scheme": request.scheme,
        "peer_address": request.remote,
        "peer_certificate": tls and tls.getpeercert(),
        "peer_certificate_raw": tls and tls.getpeercert(binary_form=True),
    }
    if http_session is not None:
        info["http_session"] = dict(http_session)
    return info


def is_unix(request: web.Request) -> bool:
    """Tell whether a request has come by a Unix socket, whose peers have no address.

    Not so if its client has gone: then nothing is known of it.
    """
    transport = request.transport
    used = None if transport is None else transport.get_extra_info("socket")
    return used is not None and used.family == _AF_UNIX


def websocket(
    *,
    subprotocols: Sequence[str] = (),
    max_message_size: int | None,
    compress: bool = False,
    kind: type[UpgradedSocket] = UpgradedSocket,
) -> UpgradedSocket:
    """Make a WebSocket for `AiohttpConnection`, which closes it and pings.

    `kind` is what `socket_class` says.
    """
    return kind(
        protocols=subprotocols,
        autoclose=False,
        autoping=False,
        compress=compress,
        # aiohttp refuses what is as large as its limit.
        max_msg_size=max_message_size + 1 if max_message_size else 0,
    )


def keep_unsent(transport: asyncio.Transport | None, size: int) -> None:
    """Have the kernel take about so many bytes beyond what it can send now.

    Else it takes megabytes, which grow old there, and a slow client's taking of them is
    not seen before a third has gone. Where it cannot be told so it goes on as ever.
    """
    used = None if transport is None else transport.get_extra_info("socket")
    if used is not None and used.family != _AF_UNIX and _NOTSENT_LOWAT is not None:
        with suppress(OSError):
            used.setsockopt(socket.IPPROTO_TCP, _NOTSENT_LOWAT, size)


def offer(
    request: web.Request,
    *,
    subprotocols: Sequence[str],
    max_message_size: int | None,
    compress: bool = False,
    kind: type[UpgradedSocket] = UpgradedSocket,
) -> UpgradedSocket:
    """Make the WebSocket that a request asks for, to `accept` it with.

    Raises `Refusal` for an ordinary request (426) and for a client that offers none of
    `subprotocols` (400), and `HTTPBadRequest` for a broken handshake.
    For `kind` see `websocket`.
    """
    if request.headers.get("Upgrade", "").strip().lower() != "websocket":
        raise upgrade_required()
    ws = websocket(
        subprotocols=subprotocols,
        max_message_size=max_message_size,
        compress=compress,
        kind=kind,
    )
    if not _agrees(request, subprotocols):
        raise no_common_subprotocol(subprotocols)
    return ws


def _agrees(request: web.Request, subprotocols: Sequence[str]) -> bool:
    """Tell whether a client offers one of these, as aiohttp looks for it."""
    offered = request.headers.get("Sec-WebSocket-Protocol", "")
    return any(each.strip() in subprotocols for each in offered.split(","))


async def accept(request: web.Request, ws: UpgradedSocket) -> bool:
    """Upgrade a request; False when its client has gone in the middle of it."""
    try:
        await ws.prepare(request)
    except ConnectionResetError:  # the client's going is nobody's fault
        return False
    return True


def http_error(refusal: Refusal) -> web.HTTPException:
    """Return what aiohttp raises to answer with a refusal."""
    error: web.HTTPException = _ERRORS[refusal.status](
        text=refusal.text, headers=refusal.headers
    )
    return error
