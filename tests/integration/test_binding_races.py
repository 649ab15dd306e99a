"""Signing out is missed by no socket, whatever else goes on at that time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import aiohttp_session
import pytest
from aiohttp import web

import aiohttp_serverwamp as serverwamp
from aiohttp_serverwamp.testing import JoinRejected, another_browser, connect, serving
from tests.integration.http_storages import STORAGES, Servers, storage_of

LOGGED_OUT = 4401


@pytest.fixture(params=STORAGES)
async def storage(
    request: pytest.FixtureRequest, storage_servers: Servers
) -> AsyncIterator[aiohttp_session.AbstractStorage]:
    async with storage_of(request.param, storage_servers, max_age=3600) as made:
        yield made


# --- A site ---------------------------------------------------------------------------


async def set_keys(request: web.Request) -> web.Response:
    """Write what the query says; an empty value removes its key."""
    http_session = await aiohttp_session.get_session(request)
    for key, value in request.query.items():
        if value:
            http_session[key] = value
        else:
            http_session.pop(key, None)
    return web.Response()


async def invalidate(request: web.Request) -> web.Response:
    (await aiohttp_session.get_session(request)).invalidate()
    return web.Response()


async def sign_in_again(request: web.Request) -> web.Response:
    http_session = await aiohttp_session.get_session(request)
    http_session.invalidate()
    http_session["user_id"] = request.query["user_id"]
    return web.Response()


async def show(request: web.Request) -> web.Response:
    http_session = await aiohttp_session.get_session(request)
    return web.Response(text=str(http_session.get("user_id", "nobody")))


class Pause:
    """Where a request waits until it is let go."""

    def __init__(self) -> None:
        self.reached, self.over = asyncio.Event(), asyncio.Event()

    async def wait(self) -> None:
        self.reached.set()
        await self.over.wait()


def wamp_on(app: web.Application, *keys: str, **binding: Any) -> None:
    options = serverwamp.SessionBinding(**binding)
    wamp = serverwamp.setup_wamp(app, session_binding=options)
    members = serverwamp.Realm("members")
    for key in keys:
        members.add_transport_authenticator(
            serverwamp.session_authenticator(key, role_key="role")
        )
    wamp.add_realm(members)


def site(
    storage: aiohttp_session.AbstractStorage, *keys: str, **binding: Any
) -> web.Application:
    """Make a site that knows its users by these keys, by `user_id` without any."""
    app = web.Application()
    aiohttp_session.setup(app, storage)
    for handler in (set_keys, invalidate, sign_in_again):
        app.router.add_post(f"/{handler.__name__}", handler)
    app.router.add_get("/show", show)
    wamp_on(app, *(keys or ("user_id",)), **binding)
    return app


@asynccontextmanager
async def browser(
    http: aiohttp.ClientSession, **keys: str
) -> AsyncIterator[aiohttp.ClientSession]:
    async with another_browser(http) as made:
        await made.post("/set_keys", params=keys)
        yield made


async def joins(http: aiohttp.ClientSession) -> bool:
    try:
        async with connect(http, realm="members"):
            return True
    except JoinRejected:
        return False


async def goes_on(client: Any) -> bool:
    """Tell whether a client is still answered."""
    await client.send([48, 1, {}, "no.such"])
    return bool((await client.receive())[0] == 8)


# --- Keys that name the user ----------------------------------------------------------


async def test_a_key_of_ones_own_is_watched_beside_those_of_the_realms(
    storage: aiohttp_session.AbstractStorage,
) -> None:
    app = site(storage, identity_key="device_id")
    async with (
        serving(app) as http,
        browser(http, user_id="ann") as ann,
        connect(ann, realm="members") as client,
    ):
        await ann.post("/invalidate")
        assert await client.close_code() == LOGGED_OUT
