"""Tickets and WAMP-CRA, which serverwamp 2.0 offers and which never worked there."""

from __future__ import annotations

import base64
import hmac
from typing import Any

import pytest

from tests.integration.from_serverwamp.both import Talk, served, talking

#: A second import that names a module has the name at the top instead.
TOP = (
    "from serverwamp.application import CRAAuthRequirement",
    "from aiohttp_serverwamp import CRAAuthRequirement",
)


def sign(secret: str, challenge: list[Any]) -> str:
    text = challenge[2]["challenge"].encode()
    return base64.b64encode(hmac.digest(secret.encode(), text, "sha256")).decode()


async def present(talk: Talk, ticket: str) -> list[Any]:
    """Sign in as the porter."""
    challenge = await talk.hello(authmethods=["ticket"], authid="porter")
    assert challenge == ["CHALLENGE", "ticket"]
    return await talk.answer(ticket)


async def prove(talk: Talk, secret: str) -> list[Any]:
    """Sign in as the owner."""
    challenge = await talk.hello(authmethods=["wampcra", "ticket"], authid="owner")
    assert challenge == ["CHALLENGE", "wampcra"]
    return await talk.answer(sign(secret, talk.last))


async def test_the_right_ticket_and_the_right_secret_open() -> None:
    async with served("vault", "aiohttp_serverwamp", TOP) as http:
        async with talking(http) as talk:
            assert (await present(talk, "of brass"))[0] == "WELCOME"
            assert (await talk.call("who"))[1] == ["porter is a porter"]
        async with talking(http) as talk:
            assert (await prove(talk, "of gold"))[0] == "WELCOME"
            details = talk.last[2]
            assert (await talk.call("who"))[1] == ["owner is an owner, owner"]

    assert details["authrole"] == "keyholder"
    assert details["authprovider"] == "the vault"


async def test_wrong_ones_do_not() -> None:
    refused = ["ABORT", "wamp.error.authentication_denied"]
    async with served("vault", "aiohttp_serverwamp", TOP) as http:
        async with talking(http) as talk:
            assert await present(talk, "of wood") == refused
        async with talking(http) as talk:
            assert await prove(talk, "of lead") == refused


@pytest.mark.parametrize("method", ["ticket", "wampcra"])
async def test_serverwamp_lets_nobody_in(
    method: str, allow_logged_errors: None
) -> None:
    """Should it ever: the program above belongs to those that run under both."""
    async with served("vault", "serverwamp") as http, talking(http) as talk:
        name = {"ticket": "porter", "wampcra": "owner"}[method]
        details = {"roles": {"caller": {}}, "authmethods": [method], "authid": name}
        await talk.client.send(1, "any", details)
        if method == "wampcra":
            # Challenged, but the answer is not waited for.
            assert await talk.hear() == ["CHALLENGE", "wampcra"]

        await talk.client.close_code()
