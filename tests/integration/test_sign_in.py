"""Who a client is: by cookie, ticket or transport, and never by its own word."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import aiohttp
import aiohttp_session
import pytest
from aiohttp import web
from aiohttp_session.cookie_storage import EncryptedCookieStorage
from pytest_aiohttp.plugin import AiohttpClient

import aiohttp_serverwamp as serverwamp
from aiohttp_serverwamp import Identity, Session, SessionRejected, session_authenticator
from aiohttp_serverwamp.errors import NotAuthorized
from aiohttp_serverwamp.testing import (
    JoinRejected,
    WAMPClient,
    another_browser,
    connect,
    serving,
)
from tests.sites import site, until

pytestmark = pytest.mark.filterwarnings("ignore:The SimpleCookieStorage")

Storage = Callable[[], aiohttp_session.AbstractStorage]


def encrypted() -> aiohttp_session.AbstractStorage:
    return EncryptedCookieStorage(b"0123456789abcdef0123456789abcdef")


async def log_in(request: web.Request) -> web.Response:
    """Store whatever was sent in a new HTTP session."""
    http_session = await aiohttp_session.new_session(request)
    http_session.update(await request.json())
    return web.Response()


async def log_out(request: web.Request) -> web.Response:
    http_session = await aiohttp_session.get_session(request)
    authid = str(http_session["user_id"])
    http_session.invalidate()
    await request.app["wamp"].close_sessions(authid=authid)
    return web.Response()


@asynccontextmanager
async def members(
    *authenticators: Any, storage: Storage = encrypted, **realm_options: Any
) -> AsyncIterator[tuple[aiohttp.ClientSession, serverwamp.Realm]]:
    app = web.Application()
    aiohttp_session.setup(app, storage())
    app.router.add_post("/login", log_in)
    app.router.add_post("/logout", log_out)
    realm = serverwamp.Realm("members", **realm_options)
    for each in authenticators:
        realm.add_transport_authenticator(each)
    serverwamp.setup_wamp(app).add_realm(realm)
    async with serving(app) as http:
        yield http, realm


async def rejection(http: aiohttp.ClientSession, realm: str, **options: Any) -> str:
    with pytest.raises(JoinRejected) as caught:
        async with connect(http, realm=realm, **options):
            pass
    return caught.value.reason


async def sign_in(http: aiohttp.ClientSession, **stored: Any) -> None:
    async with http.post("/login", json=stored) as response:
        assert response.status == 200


# --- By cookie ------------------------------------------------------------------------


@pytest.mark.parametrize("storage", [encrypted, aiohttp_session.SimpleCookieStorage])
@pytest.mark.parametrize("user_id", [7, "ann"])
async def test_the_login_of_the_site_signs_in_the_socket(
    storage: Storage, user_id: int | str
) -> None:
    async with members(session_authenticator("user_id"), storage=storage) as (
        http,
        realm,
    ):
        await sign_in(http, user_id=user_id, theme="dark")
        async with connect(http, realm="members") as client:
            welcome = client.welcome
            assert welcome["authid"] == str(user_id)
            assert welcome["authrole"] == "user"
            assert welcome["authmethod"] == "cookie"
            assert welcome["authprovider"] == "http_session"
            (session,) = realm.sessions()
            assert session.http_session == {"user_id": user_id, "theme": "dark"}
            assert session.authid == session.auth_id == str(user_id)
            assert session.id == client.id


async def test_without_a_login_the_realm_is_closed() -> None:
    async with members(session_authenticator("user_id")) as (http, _):
        assert await rejection(http, "members") == (
            "wamp.error.authentication_required"
        )
        await sign_in(http, theme="dark")
        assert await rejection(http, "members") == (
            "wamp.error.authentication_required"
        )


async def test_the_log_says_who_was_refused_and_why(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", logger="aiohttp_serverwamp.router")
    async with members(session_authenticator("user_id")) as (http, _):
        await rejection(http, "members")
    (line,) = [text for text in caplog.messages if "rejected" in text]
    assert line.endswith(
        ": rejected: 'wamp.error.authentication_required' peer='127.0.0.1' "
        "message='sign in before you join this realm'"
    )


async def test_a_client_that_offers_nothing_is_told_both_ways_where_there_are_two() -> (
    None
):
    realm = ticket_realm(verify_secret)
    async with site(realm=realm) as served:
        with pytest.raises(JoinRejected, match="anonymous clients; sign in by: ticket"):
            async with connect(served.http, realm="r"):
                pass
        realm.add_transport_authenticator(lambda session: None)
        with pytest.raises(JoinRejected, match="before you join .* one of: ticket"):
            async with connect(served.http, realm="r"):
                pass


async def test_a_reason_of_the_application_is_escaped_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def refuse(session: Session) -> None:
        raise SessionRejected("lab.error.closed", "two\nlines")

    caplog.set_level("INFO", logger="aiohttp_serverwamp.router")
    async with members(refuse) as (http, _):
        assert await rejection(http, "members") == "lab.error.closed"
    (line,) = [text for text in caplog.messages if "rejected" in text]
    assert line.endswith(r"message='two\nlines'")


async def test_a_forged_cookie_is_no_login() -> None:
    async with members(session_authenticator("user_id")) as (http, _):
        headers = {"Cookie": "AIOHTTP_SESSION=gAAAAABforged"}
        assert await rejection(http, "members", headers=headers) == (
            "wamp.error.authentication_required"
        )


async def test_the_role_comes_from_its_key_else_the_default() -> None:
    authenticator = session_authenticator("user_id", role="guest", role_key="role")
    async with members(authenticator) as (http, _):
        await sign_in(http, user_id=1, role="admin")
        async with connect(http, realm="members") as client:
            assert client.welcome["authrole"] == "admin"
        await sign_in(http, user_id=1)
        async with connect(http, realm="members") as client:
            assert client.welcome["authrole"] == "guest"


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_load_finds_the_user_or_nobody(kind: str) -> None:
    users = {1: Identity("ann", "admin", authextra={"name": "Ann"}, user="row 1")}

    async def load_later(value: int) -> Identity | None:
        await asyncio.sleep(0)
        return users.get(value)

    load = users.get if kind == "sync" else load_later
    async with members(session_authenticator("user_id", load=load)) as (http, realm):
        await sign_in(http, user_id=1)
        async with connect(http, realm="members") as client:
            assert client.welcome["authid"] == "ann"
            assert client.welcome["authmethod"] == "cookie"
            assert client.welcome["authextra"] == {"name": "Ann"}
            assert realm.sessions()[0].identity.user == "row 1"
        await sign_in(http, user_id=2)
        assert await rejection(http, "members") == (
            "wamp.error.authentication_required"
        )


async def test_a_value_that_names_nobody_denies_and_is_explained_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with members(session_authenticator("user_id")) as (http, _):
        await sign_in(http, user_id=[1, 2])
        assert await rejection(http, "members") == "wamp.error.authentication_failed"
    assert "store the user's id" in caplog.text


# --- By ticket (REQ-AUTH-019 to 023) --------------------------------------------------


def ticket_realm(verify: Any) -> serverwamp.Realm:
    realm = serverwamp.Realm("r")
    realm.set_ticket_authenticator(verify)
    return realm


async def verify_secret(session: Session, ticket: str) -> Any:
    await asyncio.sleep(0)
    return Identity(session.authid, "staff") if ticket == "secret" else None


@pytest.mark.parametrize("serializer", ["json", "msgpack"])
async def test_the_right_ticket_lets_in(serializer: str) -> None:
    async with (
        site(realm=ticket_realm(verify_secret)) as served,
        served.client(authid="ann", ticket="secret", serializer=serializer) as client,
    ):
        assert client.welcome["authid"] == "ann"
        assert client.welcome["authrole"] == "staff"
        assert client.welcome["authmethod"] == "ticket"


async def test_the_wrong_ticket_does_not() -> None:
    async with site(realm=ticket_realm(verify_secret)) as served:
        reason = await rejection(served.http, "r", authid="ann", ticket="wrong")
        assert reason == "wamp.error.authentication_denied"
        assert not served.wamp.sessions()


async def test_a_client_that_offers_nothing_is_told_to_sign_in() -> None:
    async with site(realm=ticket_realm(verify_secret)) as served:
        assert await rejection(served.http, "r") == (
            "wamp.error.authentication_required"
        )
        assert await rejection(served.http, "r", authmethods=["scram"]) == (
            "wamp.error.no_matching_auth_method"
        )


async def test_without_an_authid_there_is_no_ticket_method() -> None:
    async with site(realm=ticket_realm(verify_secret)) as served:
        assert await rejection(served.http, "r", ticket="secret") == (
            "wamp.error.no_matching_auth_method"
        )


async def test_a_verifier_that_raises_denies_and_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def verify(session: Session, ticket: str) -> Any:
        raise OSError("the directory is down")

    async with site(realm=ticket_realm(verify)) as served:
        with pytest.raises(JoinRejected) as caught:
            async with served.client(authid="ann", ticket="secret"):
                pass
        assert caught.value.reason == "wamp.error.authentication_failed"
        assert "directory" not in str(caught.value)
    assert "the directory is down" in caplog.text


async def test_a_verifier_may_choose_the_reason() -> None:
    def verify(session: Session, ticket: str) -> Any:
        raise SessionRejected("shop.error.suspended", "ask the office")

    async with site(realm=ticket_realm(verify)) as served:
        assert await rejection(served.http, "r", authid="a", ticket="t") == (
            "shop.error.suspended"
        )


async def test_a_truthy_value_is_the_identity_under_the_authid_of_hello() -> None:
    row = {"id": 7}
    async with (
        site(realm=ticket_realm(lambda session, ticket: row)) as served,
        served.client(authid="ann", ticket="secret") as client,
    ):
        assert client.welcome["authid"] == "ann"
        assert served.realm.sessions()[0].identity is row


# --- By the transport -----------------------------------------------------------------


async def test_transport_authenticators_are_asked_in_order_until_one_knows() -> None:
    asked = []

    def authenticator(name: str, answer: Any) -> Any:
        async def ask(session: Session) -> Any:
            asked.append(name)
            return answer

        return ask

    realm = serverwamp.Realm("r")
    realm.add_transport_authenticator(authenticator("first", None))
    realm.add_transport_authenticator(authenticator("second", Identity("bob")))
    realm.add_transport_authenticator(authenticator("third", Identity("eve")))
    async with site(realm=realm) as served, served.client() as client:
        assert asked == ["first", "second"]
        assert client.welcome["authid"] == "bob"


async def test_one_that_raises_denies_whatever_the_next_would_say(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(session: Session) -> Any:
        raise KeyError("oops")

    realm = serverwamp.Realm("r")
    realm.add_transport_authenticator(broken)
    realm.add_transport_authenticator(lambda session: Identity("bob"))
    async with site(realm=realm) as served:
        assert await rejection(served.http, "r") == "wamp.error.authentication_failed"
    assert "oops" in caplog.text


async def test_challenges_come_after_the_transport() -> None:
    realm = ticket_realm(verify_secret)
    realm.add_transport_authenticator(
        lambda session: session.connection.transport_info["http_cookies"].get("who")
    )
    async with site(realm=realm) as served:
        async with served.client(headers={"Cookie": "who=ann"}) as client:
            assert client.welcome["authmethod"] == "transport"
            assert served.realm.sessions()[0].identity == "ann"
        async with served.client(authid="bob", ticket="secret") as client:
            assert client.welcome["authmethod"] == "ticket"


# --- Never by its own word ------------------------------------------------------------

CLAIMS: dict[str, Any] = {
    "authid": "root",
    "authrole": "trusted",
    "authprovider": "me",
    "authextra": {"authrole": "admin"},
    "session": 1,
    "transport": {"auth": {"authid": "root"}},
}


async def test_what_hello_claims_is_not_who_the_client_is() -> None:
    who: list[tuple[str, str, str]] = []
    api = serverwamp.RPCRouteSet()

    @api.route("who")
    async def handler(session: Session) -> None:
        who.append((session.authid, session.authrole, session.authmethod))

    async with site(api) as served, served.client(details=CLAIMS) as client:
        assert client.welcome["authid"] != "root"
        assert client.welcome["authrole"] == "anonymous"
        await client.call("who")
    assert who == [(client.welcome["authid"], "anonymous", "anonymous")]


async def test_a_truthy_identity_of_a_transport_gets_a_random_authid() -> None:
    realm = serverwamp.Realm("r")
    realm.add_transport_authenticator(lambda session: {"id": 7})
    async with (
        site(realm=realm) as served,
        served.client(details=CLAIMS) as one,
        served.client(details=CLAIMS) as other,
    ):
        assert "root" != one.welcome["authid"] != other.welcome["authid"]
        assert one.welcome["authrole"] == "user"


# --- Realms ---------------------------------------------------------------------------


async def test_realms_are_apart() -> None:
    app = web.Application()
    wamp = serverwamp.setup_wamp(app)
    for name in ("left", "right"):
        realm = serverwamp.Realm(name, permissions=serverwamp.OPEN)
        wamp.add_realm(realm)
    async with (
        serving(app) as http,
        connect(http, realm="left") as left,
        connect(http, realm="right") as right,
    ):
        heard_left, heard_right = await left.subscribe("t"), await right.subscribe("t")
        wamp.realm("left").publish("t", "left")
        wamp.realm("right").publish("t", "right")
        assert (await heard_left.next()).args == ["left"]
        assert (await heard_right.next()).args == ["right"]
        await left.register("mine", lambda: "left")
        with pytest.raises(serverwamp.ApplicationError, match="no_such_procedure"):
            await right.call("mine")


async def test_the_default_realm_has_the_name_that_was_asked_for(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with site() as served:
        for _ in range(2):
            async with connect(served.http, realm="whatever") as client:
                assert client.welcome["realm"] == "whatever"
                (session,) = served.wamp.sessions()
                assert session.id == client.id
        with pytest.raises(KeyError):
            served.wamp.realm("whatever")
    lines = [r for r in caplog.records if "asks for realm" in r.getMessage()]
    assert len(lines) == 1


async def test_without_a_default_realm_an_unknown_one_is_refused() -> None:
    async with site(allow_default_realm=False) as served:
        assert await rejection(served.http, "whatever") == "wamp.error.no_such_realm"
        assert await rejection(served.http, "no realm") == "wamp.error.invalid_uri"


# --- Signing out ----------------------------------------------------------------------


async def test_logging_out_closes_that_users_sockets_and_no_others() -> None:
    async with members(session_authenticator("user_id")) as (ann_http, realm):
        base = str(ann_http._base_url)
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(base, cookie_jar=jar) as bob_http:
            await sign_in(ann_http, user_id="ann")
            await sign_in(bob_http, user_id="bob")
            async with (
                connect(ann_http, realm="members") as ann,
                connect(ann_http, realm="members", serializer="msgpack") as tablet,
                connect(bob_http, realm="members") as bob,
            ):
                await ann_http.post("/logout")

                assert {s.authid for s in realm.sessions()} == {"bob"}
                for gone in (ann, tablet):
                    assert await gone.close_code() == 4403
                    assert gone.ended == "wamp.close.killed"
                with pytest.raises(serverwamp.ApplicationError):
                    await bob.call("nothing")
                assert bob.ended is None


async def test_sessions_are_found_by_authid_and_role() -> None:
    async with (
        site(realm=ticket_realm(verify_secret)) as served,
        served.client(authid="ann", ticket="secret") as ann,
        served.client(authid="bob", ticket="secret") as bob,
    ):
        found = served.wamp.sessions(authid="ann")
        assert [session.id for session in found] == [ann.id]
        assert len(served.wamp.sessions(authrole="staff")) == 2
        assert not served.wamp.sessions(authid="ann", authrole="other")
        assert await served.wamp.close_sessions(authid="nobody") == 0
        assert (
            await served.realm.close_sessions(
                authid="bob", reason="shop.close.kicked", message="out"
            )
            == 1
        )
        assert await bob.receive() == [6, {"message": "out"}, "shop.close.kicked"]
        assert [s.id for s in served.realm.sessions()] == [ann.id]
        assert found[0].is_open


async def test_a_client_that_does_not_answer_goodbye_is_closed_all_the_same() -> None:
    limits = serverwamp.Limits(close_timeout=0.2)
    async with site(limits=limits) as served, served.client() as client:
        client.answers_goodbye = False
        (session,) = served.realm.sessions()
        await session.close()
        assert not session.is_open
        assert await client.close_code() == 4403
        await until(lambda: not served.wamp._open)
        await session.close()


async def test_one_user_is_told_in_every_realm_and_nobody_else() -> None:
    realms = [serverwamp.Realm(uri) for uri in ("club", "shop")]
    topics = serverwamp.TopicRouteSet()
    topics.declare("notice")
    for realm in realms:
        realm.set_ticket_authenticator(verify_secret)
        realm.add_routes(topics)
    async with site(realm=serverwamp.Realm("r")) as served:
        for realm in realms:
            served.wamp.add_realm(realm)

        def member(realm: str, authid: str) -> AbstractAsyncContextManager[WAMPClient]:
            return connect(served.http, realm=realm, authid=authid, ticket="secret")

        async with (
            member("club", "ann") as one,
            member("shop", "ann") as two,
            member("shop", "bob") as bob,
        ):
            heard = [await client.subscribe("notice") for client in (one, two, bob)]
            published = served.wamp.publish_to("ann", "notice", "hello", kind="all")
            assert len({int(each) for each in published}) == 4
            for subscription in heard[:2]:
                event = await subscription.next()
                assert (event.args, event.kwargs) == (["hello"], {"kind": "all"})
            realms[1].publish_to(
                "ann",
                "notice",
                options=serverwamp.PublishOptions(exclude_authrole=["staff"]),
            )
            realms[1].publish("notice", "everybody")
            assert (await heard[1].next()).args == ["everybody"]
            assert (await heard[2].next()).args == ["everybody"]


@pytest.mark.parametrize("nobody", [None, "", 7, b"ann"])
async def test_an_event_to_nobody_in_particular_is_refused(nobody: Any) -> None:
    async with site() as served:
        for target in (served.wamp, served.realm):
            with pytest.raises(serverwamp.ConfigurationError, match="authid="):
                target.publish_to(nobody, "notice")


async def test_another_browser_of_the_test_client_has_cookies_of_its_own(
    aiohttp_client: AiohttpClient,
) -> None:
    async def visit(request: web.Request) -> web.Response:
        known = request.cookies.get("name", "nobody")
        response = web.Response(text=known)
        response.set_cookie("name", request.query["name"])
        return response

    app = web.Application()
    app.router.add_get("/", visit)

    async def seen_by(http: Any, name: str) -> str:
        async with http.get("/", params={"name": name}) as response:
            text: str = await response.text()
            return text

    async with serving(app) as http, another_browser(http) as other:
        seen = [await seen_by(http, "ann"), await seen_by(other, "bob")]
        seen += [await seen_by(http, "ann"), await seen_by(other, "bob")]
        async with another_browser(other) as third:
            seen.append(await seen_by(third, "cleo"))
    assert seen == ["nobody", "nobody", "ann", "bob", "nobody"]

    second = web.Application()
    second.router.add_get("/", visit)
    client = await aiohttp_client(second)
    await seen_by(client, "ann")
    async with another_browser(client) as other:
        assert await seen_by(other, "bob") == "nobody"
    async with aiohttp.ClientSession() as unknown:
        with pytest.raises(serverwamp.ConfigurationError, match="what serving"):
            async with another_browser(unknown):
                pass


async def test_a_record_that_load_returns_keeps_the_authid_of_the_http_session() -> (
    None
):
    """Or each tab would be somebody else to all that goes by ``session.authid``."""

    async def load(user_id: str) -> dict[str, str]:
        return {"name": user_id.title()}

    async with members(session_authenticator("user_id", load=load)) as (http, realm):
        await sign_in(http, user_id="ann")
        async with (
            connect(http, realm="members") as tab,
            connect(http, realm="members") as another,
        ):
            assert tab.welcome["authid"] == another.welcome["authid"] == "ann"
            assert [s.identity for s in realm.sessions()] == [{"name": "Ann"}] * 2


async def test_what_may_not_be_done_is_named_and_the_log_says_why(
    caplog: pytest.LogCaptureFixture,
) -> None:
    realm = serverwamp.Realm("r")
    realm.permit("news.", match="prefix", publish=True, roles=["editor"])
    realm.permit("open", publish=True)
    realm.set_authorizer(lambda session, action, uri, options: False)
    caplog.set_level("DEBUG", logger="aiohttp_serverwamp.router")
    async with site(realm=realm) as served, served.client() as client:
        for topic in ("news.today", "open"):
            with pytest.raises(NotAuthorized, match=f"to publish {topic}"):
                await client.publish(topic)
    told = [r.getMessage() for r in caplog.records]
    said = [each for each in told if "may not publish" in each]
    assert len(said) == 2
    assert "role 'anonymous' may not publish 'news.today': no rule allows it" in said[0]
    assert "the authorizer denies it" in said[1]


async def test_a_test_is_told_how_its_client_was_sent_away() -> None:
    async with site(open_=True) as served, served.client() as client:
        await served.realm.close_sessions(reason="shop.close.moved")
        await client.close_code()
        for _ in range(2):
            with pytest.raises(
                serverwamp.ConnectionClosed, match=r"shop\.close\.moved"
            ):
                await client.call("anything")
