"""Sockets obey the HTTP session: one contract for every storage of aiohttp-session."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import aiohttp_session
import pytest
from aiohttp import web

import aiohttp_serverwamp as serverwamp
from aiohttp_serverwamp.testing import (
    JoinRejected,
    WAMPClient,
    another_browser,
    connect,
    serving,
)
from tests.integration.http_storages import (
    COOKIE_NAME,
    STORAGES,
    Servers,
    storage_of,
)
from tests.sites import until

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

LOGGED_OUT = ("wamp.close.logout", 4401)
KILLED = ("wamp.close.killed", 4403)
EXPIRED = ("wamp.close.expired", 4408)


#: Which middleware is the outer one makes no difference between storages of one sort.
PLACES = [
    *((kind, "ours inside") for kind in STORAGES),
    *((kind, "ours outside") for kind in ("encrypted", "redis")),
]
SORTS = ("encrypted", "redis")


# --- A site where people sign in ----------------------------------------------------


async def login(request: web.Request) -> web.Response:
    http_session = await aiohttp_session.new_session(request)
    http_session["user_id"] = request.query["user"]
    return web.Response()


async def login_in_the_old_session(request: web.Request) -> web.Response:
    http_session = await aiohttp_session.get_session(request)
    http_session["user_id"] = request.query["user"]
    return web.Response()


async def write(request: web.Request) -> web.Response:
    (await aiohttp_session.get_session(request))["visits"] = request.query["n"]
    return web.Response()


async def read(request: web.Request) -> web.Response:
    http_session = await aiohttp_session.get_session(request)
    return web.Response(text=str(http_session.get("user_id", "nobody")))


async def leave_alone(request: web.Request) -> web.Response:
    return web.Response()


async def invalidate(request: web.Request) -> web.Response:
    (await aiohttp_session.get_session(request)).invalidate()
    return web.Response()


async def invalidate_and_redirect(request: web.Request) -> web.Response:
    (await aiohttp_session.get_session(request)).invalidate()
    raise web.HTTPSeeOther("/")


async def start_anew(request: web.Request) -> web.Response:
    (await aiohttp_session.new_session(request))["flash"] = "good bye"
    return web.Response()


async def start_anew_with_nothing(request: web.Request) -> web.Response:
    await aiohttp_session.new_session(request)
    return web.Response()


async def move_into_a_new_one(request: web.Request) -> web.Response:
    old = dict(await aiohttp_session.get_session(request))
    (await aiohttp_session.new_session(request)).update(old)
    return web.Response()


async def remove_the_key(request: web.Request) -> web.Response:
    del (await aiohttp_session.get_session(request))["user_id"]
    return web.Response()


async def invalidate_and_say_so(request: web.Request) -> web.Response:
    http_session = await aiohttp_session.get_session(request)
    http_session.invalidate()
    http_session["flash"] = "good bye"
    return web.Response()


async def become_somebody_else(request: web.Request) -> web.Response:
    (await aiohttp_session.get_session(request))["user_id"] = "eve"
    return web.Response()


async def stream(request: web.Request) -> web.StreamResponse:
    (await aiohttp_session.get_session(request)).invalidate()
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write_eof(b"good bye")
    return response


async def fail(request: web.Request) -> web.Response:
    (await aiohttp_session.get_session(request))["visits"] = "many"
    raise RuntimeError("broken")


HANDLERS: dict[str, Handler] = {
    name.strip("_"): handler
    for name, handler in list(globals().items())
    if asyncio.iscoroutinefunction(handler)
}
WAYS_OUT = [
    invalidate,
    invalidate_and_redirect,
    start_anew,
    start_anew_with_nothing,
    remove_the_key,
    invalidate_and_say_so,
    become_somebody_else,
    stream,
]


class Site:
    """A running site, and the browsers that visit it."""

    def __init__(self, app: web.Application, http: aiohttp.ClientSession):
        self.wamp: serverwamp.Application = app["wamp"]
        self.http = http
        self._watch: Any = app.on_response_prepare[0]

    def bound(self) -> list[Any]:
        """Return the sockets that are bound now, each once for each of its ids."""
        sockets = self._watch.__self__.sockets._sockets.values()
        return [*{socket: None for each in sockets for socket in each}]

    @asynccontextmanager
    async def browser(self, user: str = "") -> AsyncIterator[aiohttp.ClientSession]:
        """Open a browser with cookies of its own; sign in as somebody."""
        async with another_browser(self.http) as http:
            if user:
                await http.post("/login", params={"user": user})
            yield http


@asynccontextmanager
async def site(
    storage: aiohttp_session.AbstractStorage,
    *,
    session_middleware_first: bool = True,
    **binding: Any,
) -> AsyncIterator[Site]:
    app = web.Application()
    options = serverwamp.SessionBinding(**binding)
    if session_middleware_first:
        aiohttp_session.setup(app, storage)
    wamp = serverwamp.setup_wamp(app, session_binding=options)
    if not session_middleware_first:
        aiohttp_session.setup(app, storage)
    for name, handler in HANDLERS.items():
        app.router.add_post(f"/{name}", handler)
    members = serverwamp.Realm("members")
    members.add_transport_authenticator(serverwamp.session_authenticator("user_id"))
    api = serverwamp.RPCRouteSet()
    api.route("whoami")(whoami)
    members.add_routes(api)
    wamp.add_realm(members)
    async with serving(app) as http:
        made = Site(app, http)
        yield made
    assert made.bound() == []


def whoami(session: serverwamp.Session) -> list[Any]:
    return [session.authid, session.authrole, dict(session.http_session or {})]


@pytest.fixture(params=PLACES, ids=", ".join)
async def board(
    request: pytest.FixtureRequest, storage_servers: Servers
) -> AsyncIterator[Site]:
    kind, place = request.param
    async with (
        storage_of(kind, storage_servers, max_age=3600) as storage,
        site(storage, session_middleware_first=place == "ours inside") as running,
    ):
        yield running


def cookie_of(browser: aiohttp.ClientSession) -> str:
    (cookie,) = [each for each in browser.cookie_jar if each.key == COOKIE_NAME]
    return cookie.value


async def ended(client: WAMPClient) -> tuple[str | None, int | None]:
    """Wait until the client was sent away, and return how."""
    code = await client.close_code()
    return client.ended, code


async def goes_on(client: WAMPClient) -> bool:
    """Tell whether a client can still call."""
    await client.call("whoami")
    return client.ended is None


# --- The contract ---------------------------------------------------------------------


@pytest.mark.parametrize("way_out", WAYS_OUT, ids=lambda way: way.__name__)
async def test_who_signs_out_loses_all_sockets_and_nobody_else_does(
    board: Site, way_out: Handler
) -> None:
    async with (
        board.browser("ann") as ann,
        board.browser("ann") as anns_phone,
        board.browser("bob") as bob,
        connect(ann, realm="members") as tab,
        connect(ann, realm="members", serializer="msgpack") as other_tab,
        connect(anns_phone, realm="members") as phone,
        connect(bob, realm="members") as bobs,
    ):
        await ann.post(f"/{way_out.__name__}", allow_redirects=False)

        assert await ended(tab) == await ended(other_tab) == LOGGED_OUT
        assert await goes_on(phone)
        assert await goes_on(bobs)


async def test_ordinary_use_of_the_http_session_leaves_sockets_open(
    board: Site,
) -> None:
    async with board.browser("ann") as ann, connect(ann, realm="members") as tab:
        for number in range(3):
            await ann.post("/write", params={"n": str(number)})
            await ann.post("/read")
            await ann.post("/leave_alone")
            async with connect(ann, realm="members") as another:
                assert await goes_on(another)
        assert await goes_on(tab)
        await ann.post("/invalidate")
        assert await ended(tab) == LOGGED_OUT


@pytest.mark.usefixtures("allow_logged_errors")
async def test_a_handler_that_fails_signs_nobody_out(board: Site) -> None:
    async with board.browser("ann") as ann, connect(ann, realm="members") as tab:
        assert (await ann.post("/fail")).status == 500
        assert await goes_on(tab)
        async with connect(ann, realm="members") as another:
            assert await goes_on(another)


async def test_a_socket_opened_after_many_writes_ends_with_the_others(
    board: Site,
) -> None:
    async with board.browser("ann") as ann, connect(ann, realm="members") as first:
        await ann.post("/write", params={"n": "1"})
        async with connect(ann, realm="members") as second:
            await ann.post("/write", params={"n": "2"})
            await ann.post("/invalidate")
            assert await ended(first) == await ended(second) == LOGGED_OUT


async def test_ten_tabs_end_together(board: Site) -> None:
    async with board.browser("ann") as ann:
        tabs = [connect(ann, realm="members") for _ in range(10)]
        clients = [await tab.__aenter__() for tab in tabs]
        await ann.post("/invalidate")
        assert {await ended(client) for client in clients} == {LOGGED_OUT}
        for tab in tabs:
            await tab.__aexit__(None, None, None)
        await until(lambda: not board.wamp._open)


async def test_two_users_in_one_browser_are_two(board: Site) -> None:
    async with (
        board.browser("ann") as browser,
        connect(browser, realm="members") as anns,
    ):
        await browser.post("/login", params={"user": "bob"})
        assert await ended(anns) == LOGGED_OUT
        async with connect(browser, realm="members") as bobs:
            assert (await bobs.call("whoami"))[0] == "bob"


async def test_a_socket_from_before_the_sign_in_is_not_touched_by_it(
    board: Site,
) -> None:
    """It belongs to nobody; signing in takes nothing from anybody."""
    async with board.browser() as browser, connect(browser, realm="lobby") as guest:
        await browser.post("/write", params={"n": "1"})
        await browser.post("/login_in_the_old_session", params={"user": "ann"})
        with pytest.raises(serverwamp.ApplicationError, match="no_such_procedure"):
            await guest.call("whoami")
        assert guest.ended is None


@pytest.mark.parametrize("kind", [name for name, inside in STORAGES.items() if inside])
async def test_a_planted_cookie_does_not_share_the_victims_fate(
    kind: str, storage_servers: Servers
) -> None:
    """Fixation: what a stranger has prepared is another login than the victim's.

    A server-side storage has one HTTP session for one cookie, so there it is the same.
    """
    async with (
        storage_of(kind, storage_servers, max_age=3600) as storage,
        site(storage) as board,
        board.browser() as stranger,
        board.browser() as victim,
    ):
        await stranger.post("/write", params={"n": "1"})
        victim.cookie_jar.update_cookies({COOKIE_NAME: cookie_of(stranger)})
        await victim.post("/login_in_the_old_session", params={"user": "ann"})
        async with connect(victim, realm="members") as client:
            await stranger.post("/invalidate")
            assert await goes_on(client)


async def test_an_old_cookie_does_not_open_a_socket_after_sign_out(
    board: Site,
) -> None:
    async with board.browser("ann") as ann, board.browser() as thief:
        await ann.post("/write", params={"n": "1"})
        stolen = cookie_of(ann)
        await ann.post("/write", params={"n": "2"})
        thief.cookie_jar.update_cookies({COOKIE_NAME: stolen})
        async with connect(thief, realm="members") as before:
            await ann.post("/invalidate")
            assert await ended(before) == LOGGED_OUT
        with pytest.raises(JoinRejected, match="authentication_required"):
            async with connect(thief, realm="members"):
                pass
        # Whoever signs in anew is let in.
        await ann.post("/login", params={"user": "ann"})
        async with connect(ann, realm="members") as again:
            assert await goes_on(again)


@pytest.mark.parametrize("way", ["invalidate_and_say_so", "remove_the_key"])
async def test_who_signs_in_again_after_signing_out_under_the_same_cookie_is_let_in(
    board: Site, way: str
) -> None:
    async with board.browser("ann") as ann:
        await ann.post(f"/{way}")
        await ann.post("/login_in_the_old_session", params={"user": "ann"})
        async with connect(ann, realm="members") as client:
            assert await goes_on(client)
            await ann.post("/invalidate")
            assert await ended(client) == LOGGED_OUT


@pytest.mark.parametrize("kind", SORTS)
async def test_who_moves_into_a_new_http_session_leaves_the_old_cookie_worthless(
    kind: str, storage_servers: Servers
) -> None:
    async with (
        storage_of(kind, storage_servers, max_age=3600) as storage,
        site(storage) as running,
        running.browser("ann") as ann,
        running.browser() as thief,
        connect(ann, realm="members") as old,
    ):
        thief.cookie_jar.update_cookies({COOKIE_NAME: cookie_of(ann)})

        await ann.post("/move_into_a_new_one")

        assert await ended(old) == LOGGED_OUT
        with pytest.raises(JoinRejected):
            async with connect(thief, realm="members"):
                pass
        async with connect(ann, realm="members") as new:
            assert await goes_on(new)


async def test_signing_in_anew_ends_what_was_open_under_the_old_sign_in(
    board: Site,
) -> None:
    async with board.browser("ann") as ann, connect(ann, realm="members") as old:
        await ann.post("/login", params={"user": "ann"})
        assert await ended(old) == LOGGED_OUT
        async with connect(ann, realm="members") as new:
            assert await goes_on(new)


async def test_the_id_of_the_http_session_is_the_servers_affair(board: Site) -> None:
    async with board.browser("ann") as ann, connect(ann, realm="members") as client:
        assert (await client.call("whoami"))[2] == {"user_id": "ann"}


async def test_a_client_that_left_and_signed_out_cannot_join_again(
    board: Site,
) -> None:
    """Its connection is bound, not only what is joined on it."""
    async with board.browser("ann") as ann, connect(ann, realm="members") as client:
        client.answers_goodbye = False
        await client.send([6, {}, "wamp.close.close_realm"])
        await client.receive()
        await ann.post("/invalidate")
        assert await client.close_code() == 4401


async def test_a_client_that_has_not_joined_yet_is_told_as_well(board: Site) -> None:
    async with board.browser("ann") as ann, connect(ann, realm=None) as client:
        await ann.post("/invalidate")
        assert await ended(client) == LOGGED_OUT


@pytest.mark.parametrize("kind", SORTS)
async def test_the_http_session_expires_and_its_sockets_with_it(
    kind: str, storage_servers: Servers
) -> None:
    async with (
        storage_of(kind, storage_servers, max_age=2) as storage,
        site(storage) as board,
        board.browser("ann") as ann,
        connect(ann, realm="members") as client,
    ):
        began = asyncio.get_running_loop().time()
        assert await ended(client) == EXPIRED
        assert asyncio.get_running_loop().time() - began > 0.9


@pytest.mark.parametrize("kind", SORTS)
async def test_a_write_to_the_http_session_puts_its_expiry_off(
    kind: str, storage_servers: Servers
) -> None:
    async with (
        storage_of(kind, storage_servers, max_age=3) as storage,
        site(storage) as board,
        board.browser("ann") as ann,
        connect(ann, realm="members") as client,
    ):
        for number in range(3):
            await asyncio.sleep(1.2)
            await ann.post("/write", params={"n": str(number)})
        assert await goes_on(client)
        assert await ended(client) == EXPIRED


# --- What does not depend on the storage ----------------------------------------------


@pytest.fixture
async def storage(
    storage_servers: Servers,
) -> AsyncIterator[aiohttp_session.AbstractStorage]:
    async with storage_of("encrypted", storage_servers, max_age=3600) as made:
        yield made


async def test_policies_can_be_switched_off(
    storage: aiohttp_session.AbstractStorage,
) -> None:
    async with (
        site(storage, on_invalidate="ignore", on_expiry="ignore") as board,
        board.browser("ann") as ann,
        connect(ann, realm="members") as client,
    ):
        stolen = cookie_of(ann)
        await ann.post("/invalidate")
        assert await goes_on(client)
        ann.cookie_jar.update_cookies({COOKIE_NAME: stolen})
        async with connect(ann, realm="members") as again:
            assert await goes_on(again)


async def test_a_cookie_from_before_this_server_knew_of_ids_binds_as_well(
    storage: aiohttp_session.AbstractStorage,
) -> None:
    old = web.Application()
    aiohttp_session.setup(old, storage)
    old.router.add_post("/login", login)
    async with (
        serving(old) as before,
        site(storage) as board,
        board.browser() as ann,
        board.browser() as thief,
    ):
        answer = await before.post("/login", params={"user": "ann"})
        stolen = answer.cookies[COOKIE_NAME].value
        for browser in (ann, thief):
            browser.cookie_jar.update_cookies({COOKIE_NAME: stolen})
        async with (
            connect(ann, realm="members") as tab,
            connect(ann, realm="members") as other_tab,
        ):
            # The first write gives it an id, under which the open tabs are known.
            await ann.post("/write", params={"n": "1"})
            assert await goes_on(tab)
            await ann.post("/write", params={"n": "2"})
            await ann.post("/invalidate")
            assert await ended(tab) == await ended(other_tab) == LOGGED_OUT
        with pytest.raises(JoinRejected, match="authentication_required"):
            async with connect(thief, realm="members"):
                pass


async def test_a_cookie_with_an_id_that_was_minted_for_another_is_a_new_login(
    storage: aiohttp_session.AbstractStorage,
) -> None:
    async with (
        site(storage) as board,
        board.browser("ann") as ann,
        connect(ann, realm="members") as anns,
    ):
        await ann.post("/become_somebody_else")
        assert await ended(anns) == LOGGED_OUT
        async with connect(ann, realm="members") as eves:
            assert (await eves.call("whoami"))[0] == "eve"
            await ann.post("/write", params={"n": "1"})
            assert await goes_on(eves)
            await ann.post("/remove_the_key")
            assert await ended(eves) == LOGGED_OUT


async def test_a_request_that_does_not_touch_its_http_session_costs_one_look_up(
    storage: aiohttp_session.AbstractStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads = list[str]()
    load = storage.load_session

    async def counted(request: web.Request) -> aiohttp_session.Session:
        loads.append(request.path)
        return await load(request)

    monkeypatch.setattr(storage, "load_session", counted)
    async with site(storage) as board, board.browser("ann") as ann:
        await ann.post("/leave_alone")
        await ann.post("/read")
        assert loads == ["/read"]
        await ann.post("/write", params={"n": "1"})
        # What the browser has sent is read once more to be compared.
        assert loads == ["/read", "/write", "/write"]


async def test_signing_out_during_the_upgrade_is_not_missed(
    storage: aiohttp_session.AbstractStorage,
) -> None:
    class SlowList:
        def __init__(self) -> None:
            self.asked, self.answer = asyncio.Event(), asyncio.Event()

        async def revoke(self, binding_id: str, seconds: float | None) -> None:
            pass

        async def is_revoked(self, binding_id: str) -> bool:
            self.asked.set()
            await self.answer.wait()
            return False

    slow = SlowList()
    async with site(storage, revocations=slow) as board, board.browser("ann") as ann:

        async def join() -> str:
            try:
                async with connect(ann, realm="members"):
                    return "joined"
            except JoinRejected as refusal:
                return refusal.reason

        joining = asyncio.create_task(join())
        await slow.asked.wait()
        await ann.post("/invalidate")
        slow.answer.set()
        assert await joining == "wamp.error.authentication_required"


@pytest.mark.usefixtures("allow_logged_errors")
async def test_a_list_of_revocations_that_is_out_of_order_lets_nobody_in(
    storage: aiohttp_session.AbstractStorage,
) -> None:
    class Broken:
        async def revoke(self, binding_id: str, seconds: float | None) -> None:
            raise OSError("no connection")

        async def is_revoked(self, binding_id: str) -> bool:
            if self.works:
                return False
            raise OSError("no connection")

        works = True

    broken = Broken()
    async with site(storage, revocations=broken) as board, board.browser("ann") as ann:
        async with connect(ann, realm="members") as client:
            assert (await ann.post("/invalidate")).status == 200
            assert await ended(client) == LOGGED_OUT
        await ann.post("/login", params={"user": "ann"})
        broken.works = False
        with pytest.raises(JoinRejected, match="authentication_required"):
            async with connect(ann, realm="members"):
                pass


async def test_a_sub_application_binds_and_its_parent_can_be_watched(
    storage: aiohttp_session.AbstractStorage,
) -> None:
    parent, sub = web.Application(), web.Application()
    aiohttp_session.setup(parent, storage)
    members = serverwamp.Realm("members")
    members.add_transport_authenticator(serverwamp.session_authenticator("user_id"))
    binding = serverwamp.SessionBinding(apps=[parent])
    serverwamp.setup_wamp(sub, session_binding=binding).add_realm(members)
    sub.router.add_post("/invalidate", invalidate)
    parent.router.add_post("/login", login)
    parent.router.add_post("/invalidate", invalidate)
    parent.add_subapp("/live", sub)
    async with serving(parent) as http:
        for path in ("/live/invalidate", "/invalidate"):
            await http.post("/login", params={"user": "ann"})
            async with connect(http, "/live/ws", realm="members") as client:
                await http.post(path)
                assert await ended(client) == LOGGED_OUT


async def test_the_parent_of_a_sub_application_binds_what_its_sub_does(
    storage: aiohttp_session.AbstractStorage,
) -> None:
    parent, sub = web.Application(), web.Application()
    aiohttp_session.setup(parent, storage)
    members = serverwamp.Realm("members")
    members.add_transport_authenticator(serverwamp.session_authenticator("user_id"))
    serverwamp.setup_wamp(parent).add_realm(members)
    sub.router.add_post("/login", login)
    sub.router.add_post("/invalidate", invalidate)
    parent.add_subapp("/account", sub)
    async with serving(parent) as http:
        await http.post("/account/login", params={"user": "ann"})
        async with connect(http, realm="members") as client:
            await http.post("/account/invalidate")
            assert await ended(client) == LOGGED_OUT


async def test_aiohttp_security_forgets_and_the_sockets_end(
    storage: aiohttp_session.AbstractStorage,
) -> None:
    import aiohttp_security

    class Anything(aiohttp_security.AbstractAuthorizationPolicy):
        async def authorized_userid(self, identity: str) -> str:
            return identity

        async def permits(
            self, identity: Any, permission: Any, context: Any = None
        ) -> bool:
            return True

    async def sign_in(request: web.Request) -> web.Response:
        response = web.Response()
        await aiohttp_security.remember(request, response, "ann")
        return response

    async def sign_out(request: web.Request) -> web.Response:
        response = web.Response()
        await aiohttp_security.forget(request, response)
        return response

    app = web.Application()
    aiohttp_session.setup(app, storage)
    policy = aiohttp_security.SessionIdentityPolicy()
    aiohttp_security.setup(app, policy, Anything())
    app.router.add_post("/in", sign_in)
    app.router.add_post("/out", sign_out)
    members = serverwamp.Realm("members")
    authenticator = serverwamp.session_authenticator("AIOHTTP_SECURITY")
    members.add_transport_authenticator(authenticator)
    serverwamp.setup_wamp(app).add_realm(members)
    async with serving(app) as http:
        await http.post("/in")
        async with connect(http, realm="members") as client:
            await http.post("/out")
            assert await ended(client) == LOGGED_OUT


# --- Revalidation ---------------------------------------------------------------------


async def test_who_may_no_longer_go_on_is_sent_away_at_the_next_look(
    storage: aiohttp_session.AbstractStorage,
) -> None:
    welcome = {"ann", "bob"}

    async def still_there(session: serverwamp.Session) -> bool:
        return session.authid in welcome

    async with (
        site(storage, revalidate=still_there, revalidate_interval=0.05) as board,
        board.browser("ann") as ann,
        board.browser("bob") as bob,
        connect(ann, realm="members") as anns,
        connect(bob, realm="members") as bobs,
    ):
        await asyncio.sleep(0.2)
        assert await goes_on(anns)
        welcome.discard("ann")
        assert await ended(anns) == KILLED
        assert await goes_on(bobs)


async def test_a_changed_role_takes_effect_without_a_new_connection(
    storage: aiohttp_session.AbstractStorage,
) -> None:
    role = "user"

    def ask(session: serverwamp.Session) -> serverwamp.Identity:
        return serverwamp.Identity(session.authid, role)

    async with (
        site(storage, revalidate=ask, revalidate_interval=0.05) as board,
        board.browser("ann") as ann,
        connect(ann, realm="members") as client,
    ):
        (session,) = board.wamp.sessions()
        assert session.authrole == "user"
        role = "admin"
        await until(lambda: session.authrole == "admin")
        assert (await client.call("whoami"))[1] == "admin"


@pytest.mark.parametrize(
    "answer",
    [False, None, 1, "yes", serverwamp.Identity("somebody.else"), RuntimeError],
    ids=repr,
)
@pytest.mark.usefixtures("allow_logged_errors")
async def test_whatever_is_not_a_clear_yes_ends_the_session(
    storage: aiohttp_session.AbstractStorage, answer: Any
) -> None:
    def ask(session: serverwamp.Session) -> Any:
        if answer is RuntimeError:
            raise RuntimeError("the database is down")
        return answer

    async with (
        site(storage, revalidate=ask, revalidate_interval=0.02) as board,
        board.browser("ann") as ann,
        connect(ann, realm="members") as client,
    ):
        assert await ended(client) == KILLED


async def test_who_leaves_and_joins_again_does_not_escape_a_no(
    storage: aiohttp_session.AbstractStorage,
) -> None:
    asked, answered = asyncio.Event(), asyncio.Event()

    async def ask(session: serverwamp.Session) -> bool:
        asked.set()
        await answered.wait()
        return False

    async with (
        site(storage, revalidate=ask, revalidate_interval=10) as board,
        board.browser("ann") as ann,
        connect(ann, realm="members") as client,
    ):
        (bound,) = board.bound()
        bound.revalidation.ask_now()
        await asked.wait()
        await client.send([6, {}, "wamp.close.close_realm"])
        assert (await client.receive())[0] == 6
        await client.send([1, "members", {"roles": {"caller": {}}}])
        assert (await client.receive())[0] == 2
        answered.set()
        assert await ended(client) == KILLED


async def test_who_leaves_during_a_good_answer_may_join_again(
    storage: aiohttp_session.AbstractStorage,
) -> None:
    asked, answered = asyncio.Event(), asyncio.Event()

    async def ask(session: serverwamp.Session) -> serverwamp.Identity:
        asked.set()
        await answered.wait()
        return serverwamp.Identity(session.authid, "admin")

    async with (
        site(storage, revalidate=ask, revalidate_interval=10) as board,
        board.browser("ann") as ann,
        connect(ann, realm="members") as client,
    ):
        (bound,) = board.bound()
        bound.revalidation.ask_now()
        await asked.wait()
        await client.send([6, {}, "wamp.close.close_realm"])
        assert (await client.receive())[0] == 6
        answered.set()
        await until(lambda: bound.revalidation.due)
        await client.send([1, "members", {"roles": {"caller": {}}}])
        assert (await client.receive())[0] == 2
        assert (await client.call("whoami"))[0] == "ann"


async def test_who_was_told_no_and_comes_back_is_asked_about_at_once(
    storage: aiohttp_session.AbstractStorage,
) -> None:
    welcome = set[str]()

    def ask(session: serverwamp.Session) -> bool:
        return session.authid in welcome

    async with (
        site(storage, revalidate=ask, revalidate_interval=1000) as board,
        board.browser("ann") as ann,
    ):
        async with connect(ann, realm="members") as client:
            assert await goes_on(client)
            (bound,) = board.bound()
            bound.revalidation.ask_now()
            assert await ended(client) == KILLED
        async with connect(ann, realm="members") as client:
            assert await ended(client) == KILLED
        welcome.add("ann")
        async with connect(ann, realm="members") as client:
            (bound,) = board.bound()
            await until(lambda: (bound.revalidation.due or 0) > loop_time() + 100)
            assert await goes_on(client)


def loop_time() -> float:
    return asyncio.get_running_loop().time()


@pytest.mark.usefixtures("allow_logged_errors")
async def test_a_revalidation_that_hangs_ends_the_session(
    storage: aiohttp_session.AbstractStorage,
) -> None:
    async def hang(session: serverwamp.Session) -> bool:
        await asyncio.sleep(60)
        return True

    async with (
        site(storage, revalidate=hang, revalidate_interval=0.05) as board,
        board.browser("ann") as ann,
        connect(ann, realm="members") as client,
    ):
        assert await ended(client) == KILLED


async def test_a_revalidation_ends_with_its_socket(
    storage: aiohttp_session.AbstractStorage,
) -> None:
    asked, cancelled = asyncio.Event(), asyncio.Event()

    async def hang(session: serverwamp.Session) -> bool:
        asked.set()
        try:
            await asyncio.sleep(60)
        finally:
            cancelled.set()
        return True

    async with (
        site(storage, revalidate=hang, revalidate_interval=10) as board,
        board.browser("ann") as ann,
    ):
        async with connect(ann, realm="members") as client:
            (bound,) = board.bound()
            bound.revalidation.ask_now()
            await asked.wait()
            await client.leave()
        await cancelled.wait()


# --- Wrong use ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"identity_key": ""},
        {"identity_key": 5},
        {"on_invalidate": "drop"},
        {"on_expiry": None},
        {"revalidate": "often"},
        {"revalidate_interval": 0},
        {"revalidate_interval": True},
        {"secret": b"short"},
        {"apps": ["app"]},
    ],
    ids=repr,
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(serverwamp.ConfigurationError, match="SessionBinding"):
        serverwamp.SessionBinding(**options)


def test_setup_takes_a_session_binding_and_nothing_like_it() -> None:
    wrong: Any = "close"
    app = web.Application()
    with pytest.raises(serverwamp.ConfigurationError, match="give a SessionBinding"):
        serverwamp.setup_wamp(app, session_binding=wrong)
    assert "wamp" not in app
    assert len(app.on_response_prepare) == 0


def test_an_application_that_is_frozen_cannot_be_watched() -> None:
    parent = web.Application()
    parent.freeze()
    binding = serverwamp.SessionBinding(apps=[parent])
    with pytest.raises(serverwamp.ConfigurationError, match="too late"):
        serverwamp.setup_wamp(web.Application(), session_binding=binding)


def test_without_binding_no_response_is_looked_at() -> None:
    app = web.Application()
    serverwamp.setup_wamp(app, session_binding=False)
    assert len(app.on_response_prepare) == 0
