"""The policies of aiohttp-security decide who a client is and what it may do."""

from __future__ import annotations

import enum
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import aiohttp_security
import aiohttp_session
import pytest
from aiohttp import web
from aiohttp_session.cookie_storage import EncryptedCookieStorage

import aiohttp_serverwamp as serverwamp
from aiohttp_serverwamp import ConfigurationError, Identity
from aiohttp_serverwamp.errors import NotAuthorized
from aiohttp_serverwamp.testing import JoinRejected, WAMPClient, connect, serving
from tests.rawsocket_client import free_listener, port_of, rawsocket_to

REQUIRED = "wamp.error.authentication_required"


class Permission(enum.Enum):
    READ = "read"


class People(aiohttp_security.AbstractAuthorizationPolicy):
    """Knows ann, who may read and write, and bob, who may read."""

    def __init__(self) -> None:
        self.permissions: dict[str, set[Any]] = {
            "ann": {Permission.READ, "write"},
            "bob": {Permission.READ},
        }
        self.asked: list[tuple[Any, Any, Any]] = []

    async def authorized_userid(self, identity: str) -> str | None:
        return identity if identity in self.permissions else None

    async def permits(
        self, identity: str | None, permission: Any, context: Any = None
    ) -> bool:
        self.asked.append((identity, permission, context.id))
        return permission in self.permissions.get(identity or "", ())


async def login(request: web.Request) -> web.Response:
    response = web.Response()
    await aiohttp_security.remember(request, response, request.query["user"])
    return response


async def logout(request: web.Request) -> web.Response:
    response = web.Response()
    await aiohttp_security.forget(request, response)
    return response


def permission_for(action: serverwamp.Action, uri: str) -> Any:
    if uri.startswith("public."):
        return None
    return Permission.READ if action in ("call", "subscribe") else "write"


def office(
    *, cache: bool = False, **options: Any
) -> tuple[web.Application, serverwamp.Realm]:
    """Make a site that lacks nothing but aiohttp-security and HTTP sessions."""
    app = web.Application()
    app.router.add_post("/login", login)
    app.router.add_post("/logout", logout)
    realm = serverwamp.Realm("office")
    realm.add_transport_authenticator(serverwamp.security_authenticator(**options))
    realm.set_authorizer(serverwamp.security_authorizer(permission_for, cache=cache))
    topics = serverwamp.TopicRouteSet()
    topics.declare("news", publish=True)
    topics.declare("public.news", publish=True)
    realm.add_routes(topics)
    serverwamp.setup_wamp(app).add_realm(realm)
    return app, realm


@asynccontextmanager
async def open_office(
    policy: aiohttp_security.AbstractIdentityPolicy, **options: Any
) -> AsyncIterator[tuple[aiohttp.ClientSession, serverwamp.Realm, People]]:
    app, realm = office(**options)
    people = People()
    aiohttp_session.setup(app, EncryptedCookieStorage(b"k" * 32))
    aiohttp_security.setup(app, policy, people)
    async with serving(app) as http:
        yield http, realm, people


@asynccontextmanager
async def signed_in(
    http: aiohttp.ClientSession, user: str
) -> AsyncIterator[WAMPClient]:
    await http.post("/login", params={"user": user})
    async with connect(http, realm="office") as client:
        yield client


async def rejection(http: aiohttp.ClientSession, **options: Any) -> str:
    with pytest.raises(JoinRejected) as rejected:
        async with connect(http, realm="office", **options):
            pass
    return rejected.value.reason


POLICIES = [
    aiohttp_security.SessionIdentityPolicy,
    aiohttp_security.CookiesIdentityPolicy,
]


@pytest.mark.parametrize("policy", POLICIES)
async def test_who_the_site_has_authorized_is_signed_in(policy: Any) -> None:
    async with open_office(policy(), role="clerk") as (http, _, _):
        assert await rejection(http) == REQUIRED
        async with signed_in(http, "ann") as client:
            assert client.welcome["authid"] == "ann"
            assert client.welcome["authrole"] == "clerk"
            assert client.welcome["authmethod"] == "http"
            assert client.welcome["authprovider"] == "aiohttp_security"
        await http.post("/login", params={"user": "eve"})
        assert await rejection(http) == REQUIRED


async def test_load_says_who_somebody_is() -> None:
    async def load(user_id: str) -> Identity | None:
        return Identity("Ann", "chief", user=7) if user_id == "ann" else None

    policy = aiohttp_security.SessionIdentityPolicy()
    async with open_office(policy, load=load) as (http, realm, _):
        async with signed_in(http, "ann") as client:
            assert client.welcome["authrole"] == "chief"
            assert realm.sessions()[0].identity.user == 7
        await http.post("/login", params={"user": "bob"})
        assert await rejection(http) == REQUIRED


@pytest.mark.parametrize("key", ["AIOHTTP_SECURITY", "who"])
async def test_forgetting_somebody_ends_their_sockets(key: str) -> None:
    policy = aiohttp_security.SessionIdentityPolicy(key)
    async with (
        open_office(policy) as (http, _, _),
        signed_in(http, "ann") as client,
    ):
        old = http.cookie_jar.filter_cookies(http._base_url)  # type: ignore[arg-type]  # it has one
        cookie = "; ".join(f"{name}={each.value}" for name, each in old.items())

        await http.post("/logout")

        assert await client.close_code() == 4401
        assert client.ended == "wamp.close.logout"
        async with aiohttp.ClientSession(str(http._base_url)) as thief:
            assert await rejection(thief, headers={"Cookie": cookie}) == REQUIRED


async def test_permissions_decide_what_the_rules_allow() -> None:
    policy = aiohttp_security.SessionIdentityPolicy()
    async with (
        open_office(policy) as (http, realm, people),
        signed_in(http, "bob") as client,
    ):
        await client.subscribe("news")
        await client.publish("public.news", "hello")
        with pytest.raises(NotAuthorized):
            await client.publish("news", "hello")
        (session,) = realm.sessions()
        assert people.asked == [
            ("bob", Permission.READ, session.id),
            ("bob", "write", session.id),
        ]

        people.permissions["bob"].add("write")
        await client.publish("news", "hello")
        with pytest.raises(NotAuthorized):
            await client.publish("memos", "what no rule allows")


async def test_answers_are_remembered_only_where_that_is_said() -> None:
    policy = aiohttp_security.SessionIdentityPolicy()
    async with (
        open_office(policy, cache=True) as (http, realm, people),
        signed_in(http, "ann") as client,
    ):
        for _ in range(3):
            await client.publish("news", "hello")
        assert len(people.asked) == 1

        people.permissions["ann"].remove("write")
        realm.drop_decisions()
        with pytest.raises(NotAuthorized):
            await client.publish("news", "hello")


@pytest.mark.usefixtures("allow_logged_errors")
async def test_a_policy_that_fails_lets_nobody_in_and_permits_nothing() -> None:
    policy = aiohttp_security.SessionIdentityPolicy()
    async with (
        open_office(policy) as (http, _, people),
        signed_in(http, "ann") as client,
    ):
        people.permissions = None  # type: ignore[assignment]  # it is broken

        with pytest.raises(serverwamp.ApplicationError) as refused:
            await client.publish("news", "hello")
        assert refused.value.uri == "wamp.error.authorization_failed"
        assert await rejection(http) == "wamp.error.authentication_failed"


# --- Without aiohttp-security ---------------------------------------------------------


async def test_a_site_that_did_not_set_it_up_does_not_start() -> None:
    """permits() would say yes to everything."""
    app, realm = office()
    with pytest.raises(ConfigurationError, match=r"aiohttp_security\.setup\(app"):
        async with serving(app):
            pass

    realm.transport_authenticators.clear()
    app, realm = office()
    realm.transport_authenticators.clear()
    with pytest.raises(ConfigurationError, match=r"security_authorizer\(\) asks"):
        async with serving(app):
            pass


async def test_a_policy_that_reads_http_sessions_needs_them() -> None:
    app, _ = office()
    aiohttp_security.setup(app, aiohttp_security.SessionIdentityPolicy(), People())

    with pytest.raises(ConfigurationError, match=r"aiohttp_session\.setup\(app"):
        async with serving(app):
            pass


async def test_a_sub_application_has_the_policies_of_its_parent() -> None:
    sub, _ = office()
    parent = web.Application()
    aiohttp_session.setup(parent, EncryptedCookieStorage(b"k" * 32))
    aiohttp_security.setup(parent, aiohttp_security.SessionIdentityPolicy(), People())
    parent.add_subapp("/office", sub)
    async with serving(parent) as http:
        await http.post("/office/login", params={"user": "ann"})
        async with connect(http, "/office/ws", realm="office") as client:
            await client.publish("news", "hello")
            await http.post("/office/logout")
            assert await client.close_code() == 4401


async def test_a_sub_application_without_them_is_closed_and_says_why(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sub, realm = office()
    parent = web.Application()
    parent.add_subapp("/office", sub)
    async with serving(parent) as http:
        with pytest.raises(JoinRejected, match="authentication_failed"):
            async with connect(http, "/office/ws", realm="office"):
                pass
        realm.transport_authenticators.clear()
        async with connect(http, "/office/ws", realm="office") as client:
            with pytest.raises(serverwamp.ApplicationError) as refused:
                await client.publish("news", "hello")

    assert refused.value.uri == "wamp.error.authorization_failed"
    assert "aiohttp_security.setup(app" in caplog.text


@pytest.mark.parametrize(
    "make",
    [
        serverwamp.security_authenticator,
        lambda: serverwamp.security_authorizer(permission_for),
    ],
)
def test_the_error_names_the_extra_to_install(
    make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "aiohttp_security", None)

    with pytest.raises(ConfigurationError, match=r"aiohttp-serverwamp\[security\]"):
        make()


@pytest.mark.parametrize(
    ("options", "advice"),
    [
        ({"role": ""}, "role="),
        ({"load": 5}, "takes a function"),
        ({"load": str, "role": "clerk"}, "not both"),
    ],
)
def test_wrong_use_says_what_to_write(options: dict[str, Any], advice: str) -> None:
    with pytest.raises(ConfigurationError, match=advice):
        serverwamp.security_authenticator(**options)


def test_an_authorizer_needs_a_function() -> None:
    with pytest.raises(ConfigurationError, match="returns a permission or None"):
        serverwamp.security_authorizer("write")  # type: ignore[arg-type]  # wrong use


async def test_a_client_without_a_request_is_asked_by_the_next_method() -> None:
    """By RawSocket there is nothing to ask aiohttp-security about."""
    listener = free_listener()
    app = web.Application()
    aiohttp_session.setup(app, EncryptedCookieStorage(b"k" * 32))
    aiohttp_security.setup(app, aiohttp_security.SessionIdentityPolicy(), People())
    realm = serverwamp.Realm("office")
    realm.add_transport_authenticator(serverwamp.security_authenticator())
    realm.set_ticket_authenticator(lambda session, ticket: ticket == "open sesame")
    serverwamp.setup_wamp(app, rawsocket=listener).add_realm(realm)
    async with serving(app), rawsocket_to(port_of(listener)) as device:
        await device.shake_hands()
        challenge = await device.hello("office", authmethods=["ticket"], authid="joe")
        assert challenge[:2] == [4, "ticket"]
        assert (await device.ask(5, "open sesame", {}))[0] == 2
