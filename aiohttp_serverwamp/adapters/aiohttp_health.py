"""The health route of an aiohttp application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from aiohttp_serverwamp.adapters.health import HealthHost, health_answer

__all__ = ["health_handler"]


def health_handler(
    host: HealthHost,
) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Return a handler for ``app.router.add_get``."""

    async def health(request: web.Request) -> web.Response:
        answer = health_answer(host)
        return web.Response(
            status=answer.status, text=answer.text, headers=answer.headers
        )

    return health
