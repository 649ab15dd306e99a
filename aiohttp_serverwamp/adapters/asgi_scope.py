"""What an ASGI scope says of a client, in the words that aiohttp has for it.

Pure functions: scope in, plain data out (ASGI: HTTP & WebSocket message format, 2.5).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from http.cookies import SimpleCookie
from typing import Any, Final
from urllib.parse import quote, unquote_plus

from aiohttp_serverwamp.adapters.asgi_certificate import peer_certificate
from aiohttp_serverwamp.adapters.upgrade import UpgradeRequest

__all__ = ["Scope", "has_extension", "path_in_mount", "transport_info", "upgrade_of"]

# Each server has a type of its own for it.
Scope = Any

#: A name and, perhaps, a value, quoted ones with whatever is in them.
_COOKIE: Final = re.compile(
    r'\s*(?P<name>[^\s=;]+)\s*(?:=\s*(?P<value>"(?:[^\\"]|\\.)*"|[^;]*))?\s*(?:;|$)'
)
_unquoted: Final = SimpleCookie().value_decode
_SCHEMES: Final = {"ws": "http", "wss": "https"}


def transport_info(scope: Scope) -> dict[str, Any]:
    """Return what is known of a client's transport, under the names of serverwamp.

    The names and shapes are those of an aiohttp server. ``asgi_scope`` is the scope
    itself, and where a middleware has put a ``session`` into it, as Starlette's
    SessionMiddleware does, its content is the ``http_session``.
    """
    values = _headers(scope)
    certificate, der = peer_certificate(scope)
    info = {
        "asgi_scope": scope,
        "http_cookies": dict(_cookies("; ".join(values("Cookie")))),
        "http_headers_raw": tuple(map(tuple, scope["headers"])),
        "http_path": scope["path"],
        "http_path_raw": _raw_path(scope),
        "http_query_string": _readable(scope.get("query_string", b"")),
        "peer_certificate": certificate,
        "peer_certificate_raw": der,
    }
    if scope.get("session") is not None:
        info["http_session"] = dict(scope["session"])
    return info


def upgrade_of(scope: Scope) -> UpgradeRequest:
    """Return the scope as what is decided by before an upgrade."""
    scheme: str = scope.get("scheme", "ws")
    client, server = scope.get("client"), scope.get("server")
    return UpgradeRequest(
        scheme=_SCHEMES.get(scheme, scheme),
        header=_headers(scope),
        peer_address=client[0] or None if client else None,
        # The path of the socket, and no port.
        is_unix=server is not None and server[1] is None,
    )


def has_extension(scope: Scope, name: str) -> bool:
    """Tell whether the server offers an extension of ASGI."""
    return name in (scope.get("extensions") or {})


def path_in_mount(scope: Scope) -> str:
    """Return the path below where the application is mounted.

    Servers and frameworks put the place of the mount before ``path``; older ones have
    taken it off already.
    """
    path: str = scope["path"]
    root = scope.get("root_path", "").rstrip("/")
    return path.removeprefix(root) if path.startswith(f"{root}/") else path


def _headers(scope: Scope) -> Callable[[str], Sequence[str]]:
    def values(name: str) -> Sequence[str]:
        wanted = name.lower().encode()
        found = [value for key, value in scope["headers"] if key.lower() == wanted]
        if not found and wanted == b"host":
            # HTTP/2 has another name for it, which some servers pass on.
            found = [v for key, v in scope["headers"] if key == b":authority"]
        return [value.decode("latin-1") for value in found]

    return values


def _cookies(header: str) -> Iterator[tuple[str, str]]:
    place = 0
    while place < len(header):
        cookie = _COOKIE.match(header, place)
        if cookie is None:  # what is no cookie ends with the next semicolon
            place = (header.find(";", place) + 1) or len(header)
            continue
        place = cookie.end()
        yield cookie["name"], _unquoted((cookie["value"] or "").strip())[0]


def _raw_path(scope: Scope) -> str:
    raw = scope.get("raw_path")
    path = quote(scope["path"]) if raw is None else raw.decode("latin-1")
    query = scope.get("query_string", b"").decode("latin-1")
    # Some servers have the query in it.
    return f"{path}?{query}" if query and "?" not in path else path


def _readable(query: bytes) -> str:
    """Decode a query string, but for what would change its meaning."""
    parts = re.split(r"(%(?:26|3[BbDd]|2[Bb]|25))", query.decode("latin-1"))
    return "".join(
        part.upper() if number % 2 else _strictly_unquoted(part)
        for number, part in enumerate(parts)
    )


def _strictly_unquoted(text: str) -> str:
    try:
        return unquote_plus(text, errors="strict")
    except UnicodeDecodeError:
        return text
