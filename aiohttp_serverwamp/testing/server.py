"""Serving an aiohttp application to the clients of `aiohttp_serverwamp.testing`."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import aiohttp
from aiohttp import web

from aiohttp_serverwamp.errors import ConfigurationError

if TYPE_CHECKING:
    from aiohttp.test_utils import TestClient

__all__ = ["another_browser", "serving"]

#: Where the clients that were made here send their requests.
_urls: WeakKeyDictionary[aiohttp.ClientSession, str] = WeakKeyDictionary()


@asynccontextmanager
async def _browser(url: str) -> AsyncIterator[aiohttp.ClientSession]:
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(url, cookie_jar=jar) as http:
        _urls[http] = url
        yield http


@asynccontextmanager
async def another_browser(
    http: TestClient[Any, Any] | aiohttp.ClientSession,
) -> AsyncIterator[aiohttp.ClientSession]:
    """Open an HTTP client of the same server that has no cookies yet.

    Whoever signs in as somebody else in *one* browser has signed out first, and loses
    the sockets; two people are two browsers. Raises `ConfigurationError` for an HTTP
    client that `serving` did not make.
    """
    if isinstance(http, aiohttp.ClientSession):
        url = _urls.get(http)
        if url is None:
            raise ConfigurationError(
                "another_browser() takes what serving() yields, or a TestClient"
            )
    else:
        url = str(http.make_url("/"))
    async with _browser(url) as another:
        yield another


@asynccontextmanager
async def serving(
    app: web.Application, *, shutdown_timeout: float = 1.0
) -> AsyncIterator[aiohttp.ClientSession]:
    """Serve an application on a free port of this machine, and stop it at the end.

    Yields an HTTP client, cookies kept, whose URLs may be paths. Unlike aiohttp's test
    server this one lets handlers of clients that leave run on, as ``web.run_app`` does.
    """
    listening = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    runner = web.AppRunner(app, shutdown_timeout=shutdown_timeout)
    # The server goes first: its clients are there to hear how it takes its leave.
    with listening:
        async with _browser(url) as http:
            try:
                await runner.setup()
                await web.SockSite(runner, listening).start()
                yield http
            finally:
                await runner.cleanup()
