"""People with a browser or curl in front of a served board."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Self

import aiohttp

from aiohttp_serverwamp.testing import Event, Subscription, WAMPClient, connect
from example_app.demo import DEMO_PASSWORD
from example_app.store import Store


class Team:
    """The members of a board that is being served, each with cookies of their own."""

    def __init__(self, visitor: aiohttp.ClientSession, store: Store) -> None:
        #: Somebody who has not signed in.
        self.visitor = visitor
        self.store = store
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def browser(self) -> aiohttp.ClientSession:
        """Open one more browser."""
        async with self.visitor.get("/sign-in") as response:
            address = response.url.origin()
        jar = aiohttp.CookieJar(unsafe=True)
        browser = aiohttp.ClientSession(address, cookie_jar=jar)
        return await self._stack.enter_async_context(browser)

    async def sign_in(self, name: str) -> aiohttp.ClientSession:
        """Open a browser and sign in with it."""
        browser = await self.browser()
        form = {"name": name, "password": DEMO_PASSWORD}
        response = await browser.post("/sign-in", data=form, allow_redirects=False)
        assert response.status == 303
        return browser

    @asynccontextmanager
    async def member(self, name: str) -> AsyncIterator[WAMPClient]:
        """Sign in and join."""
        async with connect(await self.sign_in(name), realm="members") as client:
            yield client

    @asynccontextmanager
    async def guest(self) -> AsyncIterator[WAMPClient]:
        """Look in without signing in."""
        async with connect(self.visitor, realm="guests") as client:
            yield client


async def next_argument(subscription: Subscription) -> Any:
    """Wait for an event and return the one argument that it has."""
    event: Event = await subscription.next()
    (argument,) = event.args
    return argument
