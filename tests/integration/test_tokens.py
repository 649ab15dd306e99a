"""Clients sign in by JSON Web Tokens, and their sockets last as long as these."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

import aiohttp_serverwamp as serverwamp
from aiohttp_serverwamp.errors import ApplicationError, NotAuthorized
from aiohttp_serverwamp.testing import JoinRejected, WAMPClient
from tests.jwks import SECRET, jwks_server, private_pem, token
from tests.sites import Site, site

DENIED = "wamp.error.authentication_denied"


@asynccontextmanager
async def shop(
    tokens: Any = None, *, tickets: bool = False, **options: Any
) -> AsyncIterator[Site]:
    """Serve a realm whose clients have tokens, and renew them by a procedure."""
    tokens = tokens or serverwamp.jwt_authenticator(
        SECRET, algorithms=["HS256"], role_claim="role", **options
    )
    realm = serverwamp.Realm("r")
    if tickets:
        realm.set_ticket_authenticator(tokens.ticket)
    else:
        realm.add_transport_authenticator(tokens)
    api = serverwamp.RPCRouteSet()

    @api.route("renew")
    async def renew(token: str, *, session: serverwamp.Session) -> None:
        await tokens.renew(session, token)

    @api.route("whoami")
    async def whoami(session: serverwamp.Session) -> list[Any]:
        return [session.authid, session.authrole, session.identity.user["email"]]

    @api.route("fire", roles=["chief"])
    async def fire() -> str:
        return "fired"

    realm.add_routes(api)
    async with site(realm=realm) as running:
        yield running


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


async def rejection(running: Site, **options: Any) -> JoinRejected:
    with pytest.raises(JoinRejected) as rejected:
        async with running.client(**options):
            pass
    return rejected.value


async def test_a_header_of_the_upgrade_signs_a_client_in() -> None:
    async with shop() as running:
        text = token(email="ann@example.com", role="chief")
        async with running.client(headers=bearer(text), authid="the boss") as client:
            assert client.welcome["authid"] == "ann"
            assert client.welcome["authrole"] == "chief"
            assert client.welcome["authmethod"] == "bearer"
            assert client.welcome["authprovider"] == "jwt"
            assert "authextra" not in client.welcome
            assert await client.call("whoami") == ["ann", "chief", "ann@example.com"]
            assert await client.call("fire") == "fired"
        async with running.client(headers=bearer(token())) as client:
            with pytest.raises(NotAuthorized):
                await client.call("fire")


async def test_a_bad_token_is_worse_than_none() -> None:
    async with shop() as running:
        none = await rejection(running)
        bad = await rejection(running, headers=bearer("no token"))
        old = await rejection(running, headers=bearer(token(exp=time.time() - 5)))

    assert none.reason == "wamp.error.authentication_required"
    assert (bad.reason, bad.message) == (DENIED, "the token is not valid")
    assert (old.reason, old.message) == (DENIED, "the token has expired")


async def test_a_ticket_signs_in_who_its_token_is_for() -> None:
    async with shop(tickets=True) as running:
        text = token(role="chief")
        async with running.client(authid="ann", ticket=text) as client:
            assert client.welcome["authid"] == "ann"
            assert client.welcome["authrole"] == "chief"
            assert client.welcome["authmethod"] == "ticket"
            assert client.welcome["authprovider"] == "jwt"
        other = await rejection(running, authid="bob", ticket=text)
        bad = await rejection(running, authid="ann", ticket=text[:-2])

    assert (other.reason, bad.reason) == (DENIED, DENIED)


async def lapsed(client: WAMPClient) -> tuple[int | None, str | None]:
    return await client.close_code(), client.ended


async def test_a_socket_ends_with_its_token() -> None:
    async with shop() as running:
        short, long = token(exp=time.time() + 2.5), token()
        async with (
            running.client(headers=bearer(short)) as client,
            running.client(headers=bearer(long)) as other,
        ):
            assert await lapsed(client) == (4408, "wamp.close.expired")
            with pytest.raises(ApplicationError):
                await other.call("fire")
            assert other.ended is None


async def test_a_newer_token_lets_the_socket_go_on_with_its_role() -> None:
    async with shop() as running:
        expires = time.time() + 2.5
        async with (
            running.client(headers=bearer(token(exp=expires))) as client,
            running.client(headers=bearer(token(exp=expires))) as witness,
        ):
            await client.call("renew", token(role="chief", email="a@example.com"))
            assert await client.call("whoami") == ["ann", "chief", "a@example.com"]

            assert await lapsed(witness) == (4408, "wamp.close.expired")
            assert await client.call("fire") == "fired"
            (session,) = running.realm.sessions()
            assert session.identity.expires_at > expires + 10


async def test_a_token_that_does_not_renew_changes_nothing() -> None:
    async with (
        shop() as running,
        running.client(headers=bearer(token(role="chief"))) as client,
    ):
        before = running.realm.sessions()[0].identity
        for wrong in ("no token", token(sub="bob"), token(exp=time.time() - 5)):
            with pytest.raises(ApplicationError) as refused:
                await client.call("renew", wrong)
            assert refused.value.uri == DENIED

        assert running.realm.sessions()[0].identity is before
        assert await client.call("fire") == "fired"


async def test_keys_are_fetched_beside_the_loop_and_once() -> None:
    """While they are, other clients are served."""
    with jwks_server(one="ES") as server:
        tokens = serverwamp.jwt_authenticator(
            jwks_url=server.url, algorithms=["ES256"], audience="shop"
        )
        text = token(private_pem("ES"), "ES256", kid="one", aud="shop", email="a@b.c")
        async with shop(tokens) as running:
            async with running.client(headers=bearer(text)) as first:
                server.open.clear()
                unknown = token(private_pem("ES"), "ES256", kid="two", aud="shop")
                await rejection(running, headers=bearer(unknown))
                assert await first.call("whoami") == ["ann", "user", "a@b.c"]
            async with running.client(headers=bearer(text)) as second:
                assert second.welcome["authid"] == "ann"
        assert server.requests == 1


async def test_clients_are_served_while_keys_are_fetched() -> None:
    with jwks_server(one="ES") as server:
        server.open.clear()
        tokens = serverwamp.jwt_authenticator(jwks_url=server.url, algorithms=["ES256"])
        text = token(private_pem("ES"), "ES256", kid="one")
        async with (
            shop(tokens) as running,
            running.http.ws_connect(
                "/ws", protocols=["wamp.2.json"], headers=bearer(text)
            ) as ws,
        ):
            await ws.send_json([1, "r", {"roles": {"caller": {}}}])
            refused = await rejection(running)
            server.open.set()

            assert refused.reason == "wamp.error.authentication_required"
            assert (await ws.receive_json())[0] == 2


async def test_nothing_of_tokens_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    good, other = token(email="ann@example.com"), token(sub="bob")
    async with shop() as running:
        async with running.client(headers=bearer(good)) as client:
            for text in (good, other, "a token of nobody"):
                with suppress(ApplicationError):
                    await client.call("renew", text)
        await rejection(running, headers=bearer("a token of nobody"))
    async with shop(tickets=True) as running:
        await rejection(running, authid="ann", ticket=other)
        await rejection(running, authid="ann", ticket="a token of nobody")

    assert caplog.text.count("a token was refused") == 3
    for part in (*good.split("."), *other.split("."), "of nobody", SECRET.decode()):
        assert part not in caplog.text
