"""Whole sites for tests over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiohttp import web

import aiohttp_serverwamp as serverwamp
from aiohttp_serverwamp.testing import PATIENCE, WAMPClient, connect, serving


async def until(condition: Callable[[], object]) -> None:
    """Wait until something is the case that nobody sets an event for."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - see above
            await asyncio.sleep(0.005)


class Site:
    """A running server with one realm, ``r``."""

    def __init__(self, realm: serverwamp.Realm, **application: Any) -> None:
        self.app = web.Application()
        self.realm = realm
        self.wamp = serverwamp.Application(**application)
        self.wamp.add_realm(realm)
        self.http: aiohttp.ClientSession

    @asynccontextmanager
    async def client(self, **options: Any) -> AsyncIterator[WAMPClient]:
        """Join the realm."""
        async with connect(self.http, realm="r", **options) as client:
            yield client


def url_of(running: Site) -> str:
    """Return where clients connect that are not ours."""
    return str(running.http._build_url("/ws")).replace("http", "ws", 1)


@asynccontextmanager
async def site(
    *routes: Any,
    realm: serverwamp.Realm | None = None,
    open_: bool = False,
    setup: dict[str, Any] | None = None,
    pages: Iterable[web.RouteDef] = (),
    **application: Any,
) -> AsyncIterator[Site]:
    """Serve a realm with these routes; `setup` are options of `setup_wamp`."""
    realm = realm or serverwamp.Realm(
        "r", permissions=serverwamp.OPEN if open_ else None
    )
    for each in routes:
        realm.add_routes(each)
    made = Site(realm, **application)
    serverwamp.setup_wamp(made.app, made.wamp, **(setup or {}))
    made.app.add_routes(pages)
    async with serving(made.app) as made.http:
        yield made


@asynccontextmanager
async def running(
    *routes: Any,
    realm: serverwamp.Realm | None = None,
    open_: bool = False,
    **application: Any,
) -> AsyncIterator[serverwamp.Realm]:
    """Run a realm with these routes, without a server."""
    realm = realm or serverwamp.Realm(
        "r", permissions=serverwamp.OPEN if open_ else None
    )
    for each in routes:
        realm.add_routes(each)
    wamp = serverwamp.Application(**application)
    wamp.add_realm(realm)
    async with wamp.run():
        yield realm
