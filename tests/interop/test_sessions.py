"""How the clients that people use come and go."""

from __future__ import annotations

import pytest

import aiohttp_serverwamp as serverwamp
from tests.interop.clients import DRIVERS, SERIALIZERS, each_client, serializer_of
from tests.interop.drivers import Cast
from tests.interop.processes import Server
from tests.interop.remote_client import Answer, error_of
from tests.sites import site, url_of

TICKET, PASSWORD = "open sesame", "open sesame 🎉"

each_method = pytest.mark.parametrize(
    ("authid", "authmethod", "secret"),
    [
        pytest.param("joe", "ticket", TICKET, id="ticket"),
        pytest.param("joe", "wampcra", PASSWORD, id="wampcra"),
        pytest.param("zoë", "wampcra", PASSWORD, id="wampcra-salted"),
    ],
)


@each_client()
async def test_a_client_joins_anonymously_and_leaves(
    cast: Cast, server: Server, client: str
) -> None:
    # given
    guest = await cast.client(client)
    # when
    welcome = await guest.join(server.url, "demo", serializer=serializer_of(client))
    await guest.leave()
    # then
    assert welcome.pop("authid")
    assert welcome.pop("session")
    assert welcome == {
        "realm": "demo",
        "authrole": "anonymous",
        "authmethod": "anonymous",
    }


@each_method
@each_client()
async def test_a_client_signs_in(
    cast: Cast, server: Server, client: str, authid: str, authmethod: str, secret: str
) -> None:
    """REQ-AUTH-027, REQ-AUTH-028: WELCOME and the procedures see who signed in."""
    # given
    member = await cast.client(client)
    # when
    welcome = await member.join(
        server.url,
        "members",
        serializer=serializer_of(client),
        authid=authid,
        authmethod=authmethod,
        secret=secret,
    )
    # then
    assert welcome.pop("session")
    assert welcome == {
        "realm": "members",
        "authid": authid,
        "authrole": "member",
        "authmethod": authmethod,
    }
    assert await member.call("who.am.i") == Answer([authid])


@each_method
@each_client()
async def test_a_client_with_a_wrong_secret_is_told_why_it_cannot_join(
    cast: Cast, server: Server, client: str, authid: str, authmethod: str, secret: str
) -> None:
    # given
    stranger = await cast.client(client)
    # when
    refusal = await error_of(
        stranger.join(
            server.url,
            "members",
            serializer=serializer_of(client),
            authid=authid,
            authmethod=authmethod,
            secret=f"not {secret}",
        )
    )
    # then
    assert refusal.uri == "wamp.error.authentication_denied"


@pytest.mark.parametrize("name", DRIVERS)
async def test_a_client_is_sent_away_when_the_server_shuts_down(
    cast: Cast, name: str
) -> None:
    async with site(realm=serverwamp.Realm("demo")) as mortal:
        # given a client over each serializer
        clients = [await cast.client(f"{name}-{each}") for each in SERIALIZERS]
        for client, serializer in zip(clients, SERIALIZERS, strict=True):
            await client.join(url_of(mortal), "demo", serializer=serializer)
        # when the site ends
    reasons = [await client.sent_away() for client in clients]
    # then
    assert reasons == ["wamp.close.system_shutdown"] * len(SERIALIZERS)
