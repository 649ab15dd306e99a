"""Signing in by WAMP-CRA and by ticket, over sockets."""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

import aiohttp_serverwamp as serverwamp
from aiohttp_serverwamp import CRAAuthRequirement, Identity, Realm
from aiohttp_serverwamp.auth.wampcra import derive_key
from aiohttp_serverwamp.testing import WAMPClient, connect
from tests.sites import Site, site

ROLES: dict[str, Any] = {"roles": {"caller": {}}}
USERS = {
    "plain": CRAAuthRequirement("open sesame", "clerk", "userdb"),
    "salted": CRAAuthRequirement(
        derive_key("open sesame", "pepper", iterations=1000),
        salt="pepper",
        iterations=1000,
    ),
}


def cra_realm(identify: Any = lambda session: session.authid) -> Realm:
    realm = Realm("r")
    realm.set_cra_handlers(lambda session: USERS.get(session.authid), identify)
    return realm


@asynccontextmanager
async def newcomer(server: Site) -> AsyncIterator[WAMPClient]:
    """Open a connection without a word."""
    async with connect(server.http, realm=None) as client:
        yield client


async def challenged(client: WAMPClient, authid: str, *methods: str) -> list[Any]:
    """Say HELLO and return the answer."""
    authmethods = [*(methods or ("wampcra",))]
    details = {**ROLES, "authid": authid, "authmethods": authmethods}
    await client.send([1, "r", details])
    return await client.receive()


async def answered(client: WAMPClient, signature: str) -> list[Any]:
    await client.send([5, signature, {}])
    return await client.receive()


def signature_of(password: str, extra: dict[str, Any]) -> str:
    """Sign as clients do (specification, 7.4), with nothing of the package."""
    key = password.encode()
    if "salt" in extra:
        key = base64.b64encode(
            hashlib.pbkdf2_hmac(
                "sha256",
                key,
                extra["salt"].encode(),
                extra["iterations"],
                extra["keylen"],
            )
        )
    signed = hmac.new(key, extra["challenge"].encode(), hashlib.sha256)
    return base64.b64encode(signed.digest()).decode()


@pytest.mark.parametrize(
    ("name", "role", "provider"),
    [("plain", "clerk", "userdb"), ("salted", "user", "dynamic")],
)
async def test_the_right_password_joins_as_the_requirement_says(
    name: str, role: str, provider: str
) -> None:
    """REQ-AUTH-024, REQ-AUTH-027, REQ-AUTH-028: WELCOME has its role and provider."""
    async with site(realm=cra_realm()) as server, newcomer(server) as client:
        code, method, extra = await challenged(client, name)
        assert (code, method) == (4, "wampcra")
        code, session, details = await answered(
            client, signature_of("open sesame", extra)
        )

        assert code == 2
        assert f'"session":{session}' in extra["challenge"]
        said = [details[f"auth{key}"] for key in ("id", "role", "method", "provider")]
        assert said == [name, role, "wampcra", provider]
        assert server.realm.sessions()[0].identity == name


async def test_an_identity_says_more_than_the_requirement() -> None:
    identity = Identity("Ann", "boss", authextra={"hello": "again"}, user=object())
    async with (
        site(realm=cra_realm(lambda session: identity)) as server,
        newcomer(server) as client,
    ):
        extra = (await challenged(client, "plain"))[2]
        details = (await answered(client, signature_of("open sesame", extra)))[2]

        assert (details["authid"], details["authrole"]) == ("Ann", "boss")
        assert details["authprovider"] == "userdb"
        assert details["authextra"] == {"hello": "again"}
        assert server.realm.sessions()[0].identity is identity


async def test_a_wrong_password_and_an_unknown_user_get_the_same_answer() -> None:
    """Security rule 10: neither challenge nor refusal says who exists."""
    async with site(realm=cra_realm()) as server:
        refusals = []
        for name in ("salted", "plain", "nobody"):
            async with newcomer(server) as client:
                extra = (await challenged(client, name))[2]
                refusals.append(await answered(client, signature_of("guess", extra)))

        assert refusals[0][0] == 3
        assert refusals[0][2] == "wamp.error.authentication_denied"
        assert refusals == [refusals[0]] * 3
        assert server.realm.sessions() == []


async def test_a_recorded_answer_is_no_good_for_the_next_challenge() -> None:
    """REQ-AUTH-032."""
    async with site(realm=cra_realm()) as server:
        async with newcomer(server) as client:
            extra = (await challenged(client, "plain"))[2]
            recorded = signature_of("open sesame", extra)
            assert (await answered(client, recorded))[0] == 2
        async with newcomer(server) as client:
            await challenged(client, "plain")

            assert (await answered(client, recorded))[0] == 3


async def test_a_challenge_is_answered_once() -> None:
    """REQ-AUTH-032: a second guess needs a new connection."""
    async with site(realm=cra_realm()) as server, newcomer(server) as client:
        extra = (await challenged(client, "plain"))[2]
        refusal = await answered(client, "guess")
        assert refusal[2] == "wamp.error.authentication_denied"

        await client.close_code()
        assert signature_of("open sesame", extra)
        assert server.realm.sessions() == []


async def test_who_may_not_come_in_although_the_password_is_right_is_denied() -> None:
    async with (
        site(realm=cra_realm(lambda session: None)) as server,
        newcomer(server) as client,
    ):
        extra = (await challenged(client, "plain"))[2]
        refusal = await answered(client, signature_of("open sesame", extra))

        assert refusal[2] == "wamp.error.authentication_denied"


@pytest.mark.parametrize("secret", ["hunter2", 5])
async def test_a_provider_that_returns_something_else_denies_and_logs_no_secret(
    secret: Any, caplog: pytest.LogCaptureFixture
) -> None:
    realm = Realm("r")
    realm.set_cra_handlers(lambda session: secret, lambda session: True)
    async with site(realm=realm) as server, newcomer(server) as client:
        refusal = await challenged(client, "plain")

    assert refusal[2] == "wamp.error.authentication_failed"
    assert "CRAAuthRequirement" in caplog.text
    assert "hunter2" not in caplog.text


async def test_no_secret_is_logged_whatever_happens(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Security rule 10: at any level, for right and wrong answers."""

    def fail(session: Any) -> Any:
        raise RuntimeError("the database is gone")

    caplog.set_level(logging.DEBUG)
    async with site(realm=cra_realm(fail)) as server:
        for password in ("open sesame", "my guess"):
            async with newcomer(server) as client:
                extra = (await challenged(client, "salted"))[2]
                signature = signature_of(password, extra)
                await answered(client, signature)
                assert signature not in caplog.text
                assert "open sesame" not in caplog.text
                assert str(USERS["salted"].secret) not in caplog.text

    assert "the database is gone" in caplog.text


# --- Several methods ------------------------------------------------------------------


def both_realm() -> Realm:
    realm = cra_realm()
    realm.set_ticket_authenticator(
        lambda session, ticket: ticket == "t" and Identity("by ticket")
    )
    return realm


@pytest.mark.parametrize(
    ("wanted", "taken"),
    [
        (["ticket", "wampcra"], "ticket"),
        (["wampcra", "ticket"], "wampcra"),
        (["anonymous", "scram", "wampcra"], "wampcra"),
    ],
)
async def test_the_clients_order_of_methods_decides(
    wanted: list[str], taken: str
) -> None:
    """REQ-AUTH: the first of the client's methods that the realm offers."""
    async with site(realm=both_realm()) as server, newcomer(server) as client:
        assert (await challenged(client, "plain", *wanted))[:2] == [4, taken]


async def test_a_client_without_a_name_can_use_neither() -> None:
    """REQ-AUTH-019, REQ-AUTH-023."""
    async with site(realm=both_realm()) as server, newcomer(server) as client:
        refusal = await challenged(client, "", "wampcra", "ticket")

        assert refusal[2] == "wamp.error.no_matching_auth_method"


async def test_a_realm_of_tickets_and_challenges_is_not_open_to_anonymous() -> None:
    async with site(realm=both_realm()) as server, newcomer(server) as client:
        await client.send([1, "r", ROLES])

        refusal = await client.receive()
        assert refusal[2] == "wamp.error.authentication_required"


def test_what_cannot_be_called_is_no_handler() -> None:
    wrong: Any = "no function"
    with pytest.raises(serverwamp.ConfigurationError, match="two functions"):
        Realm("r").set_cra_handlers(wrong, wrong)
    with pytest.raises(serverwamp.ConfigurationError, match="two arguments"):
        Realm("r").set_ticket_authenticator(wrong)
