"""The upgrade sets cookies where that is wanted, and asks for a CSRF token."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import aiohttp_session
import pytest
from aiohttp import web
from aiohttp_session.cookie_storage import EncryptedCookieStorage
from yarl import URL

import aiohttp_serverwamp as serverwamp
from aiohttp_serverwamp import ConfigurationError, SessionBinding
from aiohttp_serverwamp.testing import JoinRejected, connect, serving
from tests.integration.http_storages import STORAGES, Servers, storage_of

DENIED = "wamp.error.authentication_denied"


@pytest.fixture(params=STORAGES)
async def storage(
    request: pytest.FixtureRequest, storage_servers: Servers
) -> AsyncIterator[aiohttp_session.AbstractStorage]:
    async with storage_of(request.param, storage_servers, max_age=3600) as made:
        yield made


def encrypted() -> aiohttp_session.AbstractStorage:
    return EncryptedCookieStorage(b"k" * 32)


# --- A site ---------------------------------------------------------------------------


async def login(request: web.Request) -> web.Response:
    http_session = await aiohttp_session.get_session(request)
    http_session["user_id"] = request.query["user"]
    return web.Response()


async def logout(request: web.Request) -> web.Response:
    http_session = await aiohttp_session.get_session(request)
    del http_session["user_id"]
    return web.Response()


async def invalidate(request: web.Request) -> web.Response:
    (await aiohttp_session.get_session(request)).invalidate()
    return web.Response()


async def write(request: web.Request) -> web.Response:
    (await aiohttp_session.get_session(request))["theme"] = secrets.token_hex(2)
    return web.Response()


async def page(request: web.Request) -> web.Response:
    return web.Response(text=await request.app["wamp"].csrf_token(request))


async def pages(request: web.Request) -> web.Response:
    """Show another page between reading the HTTP session and making the token."""
    await aiohttp_session.get_session(request)
    cookies = {"Cookie": request.headers["Cookie"]}
    async with aiohttp.ClientSession(request.url.origin(), headers=cookies) as http:
        other = await text_of(http, "/page")
    return web.json_response([other, await request.app["wamp"].csrf_token(request)])


async def show(request: web.Request) -> web.Response:
    http_session = await aiohttp_session.get_session(request)
    return web.json_response(
        {key: http_session[key] for key in http_session if not key.startswith("_")}
    )


@asynccontextmanager
async def site(
    storage: aiohttp_session.AbstractStorage | None = None,
    *,
    binding: SessionBinding | None | bool = None,
    key: str = "user_id",
    csrf: bool = False,
) -> AsyncIterator[tuple[aiohttp.ClientSession, serverwamp.Realm]]:
    app = web.Application()
    aiohttp_session.setup(app, storage or encrypted())
    for handler in (login, logout, invalidate, write):
        app.router.add_post(f"/{handler.__name__}", handler)
    app.router.add_get("/page", page)
    app.router.add_get("/pages", pages)
    app.router.add_get("/show", show)
    realm = serverwamp.Realm("members")
    realm.add_transport_authenticator(serverwamp.session_authenticator(key, csrf=csrf))
    given: Any = binding
    serverwamp.setup_wamp(app, session_binding=given).add_realm(realm)
    async with serving(app) as http:
        yield http, realm


@asynccontextmanager
async def browser(site: aiohttp.ClientSession) -> AsyncIterator[aiohttp.ClientSession]:
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(str(site._base_url), cookie_jar=jar) as http:
        yield http


async def text_of(http: aiohttp.ClientSession, path: str) -> str:
    async with http.get(path) as response:
        assert response.status == 200
        return await response.text()


# --- Cookies of the upgrade -----------------------------------------------------------


async def name_the_guest(request: web.Request) -> None:
    http_session = await aiohttp_session.get_session(request)
    if "guest_id" not in http_session:
        http_session["guest_id"] = secrets.token_hex(8)


async def test_a_guest_gets_an_http_session_by_its_socket(storage: Any) -> None:
    binding = SessionBinding(before_upgrade=name_the_guest)
    async with (
        site(storage, binding=binding, key="guest_id") as (visitor, _),
        connect(visitor, realm="members") as client,
    ):
        guest = client.welcome["authid"]
        assert f'"guest_id": "{guest}"' in await text_of(visitor, "/show")
        async with connect(visitor, realm="members") as again:
            assert again.welcome["authid"] == guest
        async with browser(visitor) as other, connect(other, realm="members") as one:
            assert one.welcome["authid"] != guest


async def test_a_socket_obeys_the_http_session_that_it_brought(storage: Any) -> None:
    binding = SessionBinding(before_upgrade=name_the_guest)
    async with (
        site(storage, binding=binding, key="guest_id") as (visitor, _),
        connect(visitor, realm="members") as first,
        connect(visitor, realm="members") as second,
    ):
        await visitor.post("/write")
        await first.send([48, 1, {}, "no.such"])
        assert (await first.receive())[0] == 8

        await visitor.post("/invalidate")

        assert await first.close_code() == 4401
        assert await second.close_code() == 4401


async def become_bob(request: web.Request) -> None:
    http_session = await aiohttp_session.get_session(request)
    http_session["user_id"] = request.query.get("become", http_session["user_id"])


async def test_who_becomes_somebody_else_by_an_upgrade_leaves_as_who_they_were(
    storage: Any,
) -> None:
    binding = SessionBinding(before_upgrade=become_bob)
    async with site(storage, binding=binding) as (http, _):
        await http.post("/login", params={"user": "ann"})
        async with connect(http, realm="members") as ann:
            assert ann.welcome["authid"] == "ann"
            async with connect(http, "/ws?become=bob", realm="members") as bob:
                assert bob.welcome["authid"] == "bob"
                assert await ann.close_code() == 4401
                await http.post("/write")
                async with connect(http, realm="members") as other:
                    assert other.welcome["authid"] == "bob"
                await http.post("/logout")
                assert await bob.close_code() == 4401


async def test_a_visitor_of_whom_nothing_is_kept_gets_no_cookie() -> None:
    def look(request: web.Request) -> None:
        seen.append(request.path)

    seen: list[str] = []
    async with site(binding=SessionBinding(before_upgrade=look)) as (http, _):
        with pytest.raises(JoinRejected):
            async with connect(http, realm="members"):
                pass
        assert len(http.cookie_jar) == 0
    assert seen == ["/ws"]


async def test_the_application_may_refuse_an_upgrade() -> None:
    def refuse(request: web.Request) -> None:
        raise web.HTTPForbidden

    async with site(binding=SessionBinding(before_upgrade=refuse)) as (http, _):
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            async with connect(http, realm="members"):
                pass
        assert refused.value.status == 403
        async with http.get("/ws") as response:
            assert response.status == 426


def test_what_is_called_before_an_upgrade_is_a_function() -> None:
    with pytest.raises(ConfigurationError, match="one argument, the request"):
        SessionBinding(before_upgrade=5)  # type: ignore[arg-type]  # wrong use


# --- CSRF tokens ----------------------------------------------------------------------


async def joins(http: aiohttp.ClientSession, token: Any) -> bool:
    authextra = {} if token is None else {"csrf_token": token}
    reason = ""
    try:
        async with connect(http, realm="members", details={"authextra": authextra}):
            pass
    except JoinRejected as rejected:
        reason = rejected.reason
    assert reason in ("", DENIED)
    return not reason


async def test_a_socket_is_let_in_with_the_token_of_its_page(storage: Any) -> None:
    async with site(storage, csrf=True) as (http, realm):
        await http.post("/login", params={"user": "ann"})
        token = await text_of(http, "/page")

        assert await joins(http, token)
        for wrong in (None, "", token[:-1], token.upper(), "ä", "\ud800", 5, [token]):
            assert not await joins(http, wrong)
        details = {"authextra": {"csrf_token": token}}
        async with connect(http, realm="members", details=details) as client:
            assert "authextra" not in client.welcome
            (session,) = realm.sessions()
            assert session.authextra == {}
            assert session.http_session == {"user_id": "ann"}


async def test_a_token_survives_writes_and_dies_with_the_sign_out(storage: Any) -> None:
    async with site(storage, csrf=True) as (http, _):
        await http.post("/login", params={"user": "ann"})
        token = await text_of(http, "/page")
        await http.post("/write")
        assert await text_of(http, "/page") == token
        assert await joins(http, token)

        await http.post("/logout")
        await http.post("/login", params={"user": "ann"})

        assert not await joins(http, token)
        anew = await text_of(http, "/page")
        assert anew != token
        assert await joins(http, anew)


async def test_pages_that_are_opened_at_once_have_the_same_token(storage: Any) -> None:
    async with site(storage, csrf=True) as (http, _):
        await http.post("/login", params={"user": "ann"})
        pages = [text_of(http, "/page") for _ in range(5)]

        (token,) = set(await asyncio.gather(*pages))

        assert await joins(http, token)


async def test_pages_of_a_login_without_an_id_have_the_same_token_too(
    storage: Any,
) -> None:
    """It was made before this server knew of ids, or where nobody watches."""
    async with (
        site(storage, binding=False) as (elsewhere, _),
        site(storage, csrf=True) as (http, _),
        browser(http) as ann,
    ):
        signed_in = await elsewhere.post("/login", params={"user": "ann"})
        ann.cookie_jar.update_cookies(signed_in.cookies, URL("http://127.0.0.1"))
        token, other = json.loads(await text_of(ann, "/pages"))

        assert other == token
        assert await text_of(ann, "/page") == token
        assert await joins(ann, token)
        await ann.post("/write")
        assert await joins(ann, token)
        await ann.post("/logout")
        await ann.post("/login", params={"user": "ann"})
        assert not await joins(ann, token)


@pytest.mark.parametrize("way", ["/invalidate", "/logout"])
async def test_a_token_is_worth_nothing_to_anybody_else(way: str) -> None:
    async with site(csrf=True) as (http, _), browser(http) as other:
        of_a_guest = await text_of(http, "/page")
        await http.post("/login", params={"user": "ann"})
        assert not await joins(http, of_a_guest)
        of_ann = await text_of(http, "/page")
        await other.post("/login", params={"user": "bob"})
        await text_of(other, "/page")
        assert not await joins(other, of_ann)

        await http.post(way)
        await http.post("/login", params={"user": "bob"})
        await text_of(http, "/page")

        assert not await joins(http, of_ann)


async def test_who_is_not_signed_in_is_told_that_and_nothing_of_tokens() -> None:
    async with site(csrf=True) as (http, _):
        await text_of(http, "/page")

        with pytest.raises(JoinRejected, match="authentication_required"):
            async with connect(http, realm="members"):
                pass


async def test_nothing_of_a_token_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with site(csrf=True) as (http, _):
        await http.post("/login", params={"user": "ann"})
        token = await text_of(http, "/page")
        await joins(http, token)
        await joins(http, "a guess at it")

    assert "aiohttp_serverwamp" in {name.name.split(".")[0] for name in caplog.records}
    assert token not in caplog.text
    assert "a guess" not in caplog.text


async def test_tokens_need_what_binds_sockets_to_http_sessions() -> None:
    with pytest.raises(ConfigurationError, match="leave session_binding=False out"):
        async with site(binding=False, csrf=True):
            pass
    with pytest.raises(ConfigurationError, match=r"needs setup_wamp\(app\)"):
        await serverwamp.Application().csrf_token(None)


@pytest.mark.usefixtures("allow_logged_errors")
async def test_tokens_need_http_sessions() -> None:
    app = web.Application()
    app.router.add_get("/page", page)
    wamp = serverwamp.setup_wamp(app)
    failures: list[Exception] = []

    async def ask(request: web.Request) -> web.Response:
        try:
            await wamp.csrf_token(request)
        except ConfigurationError as error:
            failures.append(error)
        return web.Response()

    app.router.add_get("/ask", ask)
    async with serving(app) as http, http.get("/ask"):
        pass
    assert "aiohttp_session.setup(app, storage)" in str(failures[0])
