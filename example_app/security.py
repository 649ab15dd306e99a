"""What every page gets: security headers, and a check of where a form came from.

Also who sent it, where a proxy of ours stands between.
"""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler
from yarl import URL

__all__ = [
    "PROXIES",
    "add_security_headers",
    "address_of",
    "refuse_foreign_posts",
    "security_headers",
]

#: The addresses of proxies whose word is taken.
PROXIES = web.AppKey("proxies", frozenset[str])

# 'self' covers ws: and wss: of the same origin too (CSP level 3).
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        "connect-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)


async def add_security_headers(
    request: web.Request, response: web.StreamResponse
) -> None:
    """Add the headers of every answer (an ``on_response_prepare`` handler)."""
    response.headers.update(security_headers(request.path))


def security_headers(path: str) -> dict[str, str]:
    """Return the headers of every answer for a path."""
    return {
        "Content-Security-Policy": CONTENT_SECURITY_POLICY,
        "X-Content-Type-Options": "nosniff",
        # "no-referrer" would turn the Origin of our own forms into "null".
        "Referrer-Policy": "same-origin",
        # Pages are nobody's but the reader's; static files are asked for anew each
        # time, so that an edited module is what runs.
        "Cache-Control": "no-cache" if path.startswith("/static/") else "no-store",
    }


@web.middleware
async def refuse_foreign_posts(
    request: web.Request, handler: Handler
) -> web.StreamResponse:
    """Refuse a form that another site has sent in the visitor's name.

    The cookie's SameSite=Lax keeps foreign forms from acting as a signed-in user
    already; this also keeps them from signing the visitor in as somebody else.
    """
    if request.method == "POST" and not _is_from_our_pages(request):
        raise web.HTTPForbidden(text="This form was not sent from our own pages.")
    return await handler(request)


def address_of(request: web.Request) -> str:
    """Tell from which address a request comes; empty over a Unix socket."""
    remote = request.remote or ""
    if remote not in request.config_dict[PROXIES]:
        return remote
    # The proxy has added the last one; those before it are what the sender claims.
    claims = request.headers.getall("X-Forwarded-For", [remote])
    return claims[-1].rpartition(",")[2].strip()


def _is_from_our_pages(request: web.Request) -> bool:
    fetch_site = request.headers.get("Sec-Fetch-Site")
    if fetch_site is not None:
        return fetch_site in ("same-origin", "none")
    origin = request.headers.get("Origin")
    # No browser sends a foreign POST without either header.
    return origin is None or _host(origin) == request.host.lower()


def _host(origin: str) -> str | None:
    """The host of an Origin as a browser writes it into Host: no default port."""
    try:
        return URL(origin).host_port_subcomponent
    except ValueError:
        return None
