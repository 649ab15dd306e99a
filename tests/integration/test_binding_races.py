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
from yarl import URL

import aiohttp_serverwamp as serverwamp
from aiohttp_serverwamp.testing import JoinRejected, another_browser, connect, serving
from tests.integration.http_storages import STORAGES, Servers, storage_of
from tests.sites import until

LOGGED_OUT = 4401
LOCALHOST = URL("http://127.0.0.1")


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


async def fail(request: web.Request) -> web.Response:
    (await aiohttp_session.get_session(request))["theme"] = "none"
    raise RuntimeError("broken")


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


class SlowList:
    """Knows of no revocation, and takes its time to say so for the first time."""

    def __init__(self, pause: Pause) -> None:
        self._pause = pause

    async def revoke(self, binding_id: str, seconds: float | None) -> None:
        pass

    async def is_revoked(self, binding_id: str) -> bool:
        if not self._pause.reached.is_set():
            await self._pause.wait()
        return False


PAUSE = web.AppKey("pause", Pause)


async def write_slowly(request: web.Request) -> web.Response:
    http_session = await aiohttp_session.get_session(request)
    await request.app[PAUSE].wait()
    http_session["seen"] = "yes"
    return web.Response()


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
    app[PAUSE] = Pause()
    aiohttp_session.setup(app, storage)
    for handler in (set_keys, invalidate, sign_in_again, write_slowly, fail):
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


async def shown_to(http: aiohttp.ClientSession) -> str:
    async with http.get("/show") as answer:
        return await answer.text()


async def joins(http: aiohttp.ClientSession) -> bool:
    try:
        async with connect(http, realm="members"):
            return True
    except JoinRejected:
        return False


async def role_of(http: aiohttp.ClientSession) -> str:
    async with connect(http, realm="members") as client:
        return str(client.welcome["authrole"])


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


async def test_two_applications_over_one_http_session_leave_each_others_users_alone(
    storage: aiohttp_session.AbstractStorage,
) -> None:
    app, office = site(storage), web.Application()
    office.router.add_post("/set_keys", set_keys)
    wamp_on(office, "admin_id")
    app.add_subapp("/office", office)
    async with (
        serving(app) as http,
        browser(http, user_id="ann") as ann,
        connect(ann, realm="members") as client,
    ):
        await ann.post("/office/set_keys", params={"admin_id": "root"})
        async with connect(ann, "/office/ws", realm="members") as admin:
            await ann.post("/set_keys", params={"theme": "dark"})
            await ann.post("/office/set_keys", params={"theme": "light"})
            assert await goes_on(client)
            assert await goes_on(admin)
            await ann.post("/office/set_keys", params={"admin_id": ""})
            assert await admin.close_code() == LOGGED_OUT
        assert await goes_on(client)
        await ann.post("/set_keys", params={"user_id": ""})
        assert await client.close_code() == LOGGED_OUT


async def test_a_new_role_holds_for_the_next_session_on_an_open_socket(
    storage: aiohttp_session.AbstractStorage,
) -> None:
    async with (
        serving(site(storage)) as http,
        browser(http, user_id="ann", role="admin") as ann,
        connect(ann, realm="members") as client,
    ):
        assert client.welcome["authrole"] == "admin"
        await ann.post("/set_keys", params={"role": "user"})
        await client.send([6, {}, "wamp.close.close_realm"])
        assert (await client.receive())[0] == 6
        await client.send([1, "members", {"roles": {"caller": {}}}])
        _, _, welcome = await client.receive()
        assert welcome["authrole"] == "user"


async def test_a_role_that_changes_during_an_upgrade_is_not_missed(
    storage: aiohttp_session.AbstractStorage,
) -> None:
    pause = Pause()
    app = site(storage, revocations=SlowList(pause))
    async with serving(app) as http, browser(http, user_id="ann", role="admin") as ann:
        joining = asyncio.create_task(role_of(ann))
        await pause.reached.wait()
        await ann.post("/set_keys", params={"role": "user"})
        pause.over.set()
        assert await joining == "user"


# --- Signing out during an upgrade ----------------------------------------------------


def slow_upgrades(app: web.Application, pause: Pause, *, writes: bool = False) -> None:
    """Let upgrades wait in a middleware that has read the HTTP session."""

    @web.middleware
    async def wait(request: web.Request, handler: Any) -> web.StreamResponse:
        if request.path == "/ws":
            http_session = await aiohttp_session.get_session(request)
            if writes:
                http_session["seen"] = "yes"
            await pause.wait()
        answer: web.StreamResponse = await handler(request)
        return answer

    app.middlewares.append(wait)


@pytest.mark.parametrize("writes", [False, True], ids=["reads", "writes"])
async def test_signing_out_while_a_middleware_delays_the_upgrade_is_not_missed(
    storage: aiohttp_session.AbstractStorage, writes: bool
) -> None:
    pause = Pause()
    app = site(storage)
    slow_upgrades(app, pause, writes=writes)
    async with serving(app) as http, browser(http, user_id="ann") as ann:
        joining = asyncio.create_task(joins(ann))
        await pause.reached.wait()
        await ann.post("/invalidate")
        pause.over.set()
        assert not await joining


@pytest.mark.parametrize("writes", [False, True], ids=["reads", "writes"])
async def test_signing_out_during_before_upgrade_is_not_missed(
    storage: aiohttp_session.AbstractStorage, writes: bool
) -> None:
    pause = Pause()

    async def wait(request: web.Request) -> None:
        http_session = await aiohttp_session.get_session(request)
        if writes:
            http_session["seen"] = "yes"
        await pause.wait()

    app = site(storage, before_upgrade=wait)
    async with serving(app) as http, browser(http, user_id="ann") as ann:
        joining = asyncio.create_task(joins(ann))
        await pause.reached.wait()
        await ann.post("/invalidate")
        pause.over.set()
        assert not await joining
        assert await shown_to(ann) == "nobody"


async def test_writing_during_an_upgrade_disturbs_nobody(
    storage: aiohttp_session.AbstractStorage,
) -> None:
    pause = Pause()
    app = site(storage)
    slow_upgrades(app, pause)
    async with serving(app) as http, browser(http, user_id="ann") as ann:
        joining = asyncio.create_task(joins(ann))
        await pause.reached.wait()
        await ann.post("/set_keys", params={"theme": "dark"})
        pause.over.set()
        assert await joining


async def test_signing_out_and_in_again_at_once_ends_what_was_open(
    storage: aiohttp_session.AbstractStorage,
) -> None:
    async with (
        serving(site(storage)) as http,
        browser(http, user_id="ann") as ann,
        connect(ann, realm="members") as client,
    ):
        await ann.post("/sign_in_again", params={"user_id": "ann"})
        assert await client.close_code() == LOGGED_OUT
        assert await joins(ann)


# --- Writes that come too late --------------------------------------------------------


async def test_writing_with_a_stolen_cookie_does_not_bring_its_login_back(
    storage: aiohttp_session.AbstractStorage,
) -> None:
    async with (
        serving(site(storage)) as http,
        browser(http, user_id="ann") as ann,
        another_browser(http) as thief,
    ):
        for cookie in ann.cookie_jar:
            thief.cookie_jar.update_cookies({cookie.key: cookie.value}, LOCALHOST)
        await ann.post("/invalidate")
        await thief.post("/set_keys", params={"theme": "dark"})
        assert await shown_to(thief) == "nobody"
        assert not await joins(thief)


@pytest.mark.parametrize("then", ["ann", "bob"])
async def test_a_write_that_began_before_the_sign_out_brings_no_login_back(
    storage: aiohttp_session.AbstractStorage, then: str
) -> None:
    app = site(storage)
    async with (
        serving(app) as http,
        browser(http, user_id="ann") as ann,
        connect(ann, realm="members"),
    ):
        writing = asyncio.create_task(ann.post("/write_slowly"))
        await app[PAUSE].reached.wait()
        await ann.post("/invalidate")
        app[PAUSE].over.set()
        await writing
        assert await shown_to(ann) == "nobody"
        await ann.post("/set_keys", params={"user_id": then})
        assert await joins(ann)


async def test_a_write_that_began_under_another_user_does_not_become_them_again(
    storage: aiohttp_session.AbstractStorage,
) -> None:
    app = site(storage)
    async with serving(app) as http, browser(http, user_id="ann") as person:
        writing = asyncio.create_task(person.post("/write_slowly"))
        await app[PAUSE].reached.wait()
        await person.post("/set_keys", params={"user_id": "bob"})
        app[PAUSE].over.set()
        await writing
        assert await shown_to(person) != "ann"


async def test_a_write_that_is_not_saved_puts_no_expiry_off(
    allow_logged_errors: None,
) -> None:
    storage = aiohttp_session.SimpleCookieStorage(max_age=3600)
    app = site(storage)
    watch: Any = getattr(app.on_response_prepare[0], "__self__")  # noqa: B009
    async with (
        serving(app) as http,
        browser(http, user_id="ann") as ann,
        connect(ann, realm="members"),
    ):
        (cookie_id, *_) = watch.sockets._sockets
        (socket,) = watch.sockets.under([cookie_id])
        before = socket.expires_at
        assert before is not None
        await asyncio.sleep(1.1)  # HTTP sessions count in whole seconds
        assert (await ann.post("/fail")).status == 500
        assert socket.expires_at == before
        await ann.post("/set_keys", params={"theme": "dark"})
        assert socket.expires_at > before


@pytest.mark.parametrize("kind", [name for name, inside in STORAGES.items() if inside])
async def test_a_cookie_without_an_id_is_worth_nothing_after_the_sign_out(
    kind: str, storage_servers: Servers
) -> None:
    """It was made before this server knew of ids, or where nobody watches."""
    elsewhere = web.Application()
    async with storage_of(kind, storage_servers, max_age=3600) as storage:
        aiohttp_session.setup(elsewhere, storage)
        elsewhere.router.add_post("/set_keys", set_keys)
        async with (
            serving(elsewhere) as before,
            serving(site(storage)) as http,
            another_browser(http) as ann,
            another_browser(http) as thief,
        ):
            answer = await before.post("/set_keys", params={"user_id": "ann"})
            for each in (ann, thief):
                each.cookie_jar.update_cookies(answer.cookies, LOCALHOST)
            await ann.post("/invalidate")
            assert not await joins(thief)
            await thief.post("/set_keys", params={"theme": "dark"})
            assert not await joins(thief)


# --- What is left behind --------------------------------------------------------------


async def test_an_upgrade_that_is_cancelled_leaves_nothing_bound() -> None:
    pause = Pause()
    app = site(aiohttp_session.SimpleCookieStorage(), revocations=SlowList(pause))
    watch: Any = getattr(app.on_response_prepare[0], "__self__")  # noqa: B009
    handlers = list[asyncio.Task[Any]]()

    @web.middleware
    async def note(request: web.Request, handler: Any) -> web.StreamResponse:
        if request.path == "/ws":
            task = asyncio.current_task()
            assert task is not None
            handlers.append(task)
        answer: web.StreamResponse = await handler(request)
        return answer

    app.middlewares.append(note)
    async with serving(app) as http, browser(http, user_id="ann") as ann:
        upgrading = asyncio.create_task(joins(ann))
        await pause.reached.wait()
        assert len(watch.sockets) > 0
        handlers[0].cancel()
        # Clients differ in whether they try once more.
        await asyncio.gather(upgrading, return_exceptions=True)
        await until(lambda: len(watch.sockets) == 0)
