"""The route of an aiohttp application that Prometheus reads."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from aiohttp_serverwamp.observability.prometheus import exposition, import_prometheus

__all__ = ["metrics_handler"]


def metrics_handler(
    registry: Any = None,
) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Return a handler for ``app.router.add_get("/metrics", ...)``.

    It answers with all metrics of a registry of prometheus_client, by default its own.
    Whoever reads them learns much of a site: let the proxy keep strangers out.

    Raises `ConfigurationError` where prometheus-client is not installed.
    """
    import_prometheus("metrics_handler()")

    async def metrics(request: web.Request) -> web.Response:
        body, media_type = exposition(registry, request.headers.get("Accept", ""))
        return web.Response(body=body, headers={"Content-Type": media_type})

    return metrics
