"""Autobahn and wampy.js, unmodified, sign in by every method that they have."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

import aiohttp_serverwamp as serverwamp
from aiohttp_serverwamp import Identity, auth
from tests.interop.processes import running
from tests.node import require_node
from tests.sites import Site, site, url_of

HERE = Path(__file__).parent
JS = HERE / "js"

PASSWORD = "open sesame 🎉"
#: Autobahn's scram signs ASCII only.
ASCII_PASSWORD = "open sesame"
SEED = "4d57d97a68f555696620a6d849c0ce582568518d729eb753dc7c732de2804510"
PUBLIC_KEY = "1adfc8bfe1d35616e64dffbd900096f23b066f914c8c2ffbb66f6075b96e116d"
OTHER_SEED = "d511fe78e23934b3dadb52fcd022974b80bd92bccc7c5cf404e46cc0a8a2f5cd"
DENIED = "wamp.error.authentication_denied"

CHEAP = auth.KDF("argon2id13", iterations=1, memory=64)


def members() -> serverwamp.Realm:
    api = serverwamp.RPCRouteSet()

    @api.route("who.am.i")
    async def who_am_i(session: serverwamp.Session) -> str:
        return session.authid

    ann = Identity("ann", "person")
    store = auth.StaticCredentials(
        [
            auth.TicketCredential.derive(ann, PASSWORD, kdf=CHEAP),
            auth.CRACredential.derive(ann, PASSWORD, iterations=1000),
            auth.CRACredential(Identity("plain", "person"), PASSWORD),
            auth.AutobahnSCRAMCredential.derive(ann, ASCII_PASSWORD, kdf=CHEAP),
            auth.CryptosignCredential(ann, PUBLIC_KEY),
            auth.TicketCredential.derive(Identity("careful"), PASSWORD, kdf=CHEAP),
        ]
    )

    def ask_for_code(session: Any, identity: Identity) -> Any:
        if identity.authid != "careful":
            return identity
        return auth.SecondFactor(auth.WAMPCRA(codes), identity)

    codes = auth.StaticCredentials([auth.CRACredential(Identity("careful"), "123456")])
    realm = serverwamp.Realm("members")
    realm.add_routes(api)
    for method in (
        auth.Ticket(store, identify=ask_for_code),
        auth.WAMPCRA(store),
        auth.AutobahnSCRAM(store),
        auth.Cryptosign(store),
    ):
        realm.add_authenticator(method)
    return realm


@pytest.fixture
async def server() -> AsyncIterator[Site]:
    async with site(realm=members()) as running:
        yield running


class Client:
    """A program that signs in as often as it is told to."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    async def sign_in(self, server: Site, **order: Any) -> dict[str, Any]:
        """Return what the client has seen until it was gone again."""
        line = json.dumps({"url": url_of(server), **order})
        seen: dict[str, Any] = json.loads(await asyncio.to_thread(self._ask, line))
        return seen

    def _ask(self, line: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline()


@pytest.fixture(scope="module")
def autobahn() -> Iterator[Client]:
    """Run Autobahn|Python for all tests."""
    script = str(HERE / "python" / "sign_in_autobahn.py")
    with running([sys.executable, script]) as process:
        yield Client(process)


@pytest.fixture(scope="module")
def in_javascript(request: pytest.FixtureRequest) -> Iterator[Client]:
    """Run the client that the tests' parameter names."""
    node = require_node(f"{request.param} signing in", JS)
    with running([node, str(JS / f"sign_in_{request.param}.mjs")]) as process:
        yield Client(process)


each_in_javascript = pytest.mark.parametrize(
    "in_javascript", ["wampy", "autobahn"], indirect=True
)


def joined(method: str, *challenges: str, authid: str = "ann") -> dict[str, Any]:
    return {
        "challenges": list(challenges or (method,)),
        "realm": "members",
        "authid": authid,
        "authrole": "user" if authid == "careful" else "person",
        "authmethod": method,
        "called": authid,
    }


def without_farewell(said: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in said.items() if key != "left"}


SCRAM = {"authid": "ann", "password": ASCII_PASSWORD}


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("ticket", {"authid": "ann", "ticket": PASSWORD}),
        ("wampcra", {"authid": "ann", "secret": PASSWORD}),
        ("wampcra", {"authid": "plain", "secret": PASSWORD}),
        ("scram", SCRAM),
        ("cryptosign", {"authid": "ann", "privkey": SEED}),
        ("cryptosign", {"privkey": SEED}),
    ],
)
async def test_autobahn_signs_in_by_every_method_that_it_has(
    server: Site, autobahn: Client, method: str, options: dict[str, str]
) -> None:
    """PIT-28: for scram it checks the server's signature in WELCOME, too."""
    said = await autobahn.sign_in(server, options={method: options})

    authid = options.get("authid", "ann")
    assert without_farewell(said) == joined(method, authid=authid)


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("ticket", {"authid": "ann", "ticket": "open barley"}),
        ("wampcra", {"authid": "ann", "secret": "open barley"}),
        ("scram", {"authid": "ann", "password": "open barley"}),
        ("scram", {"authid": "nobody", "password": ASCII_PASSWORD}),
        ("cryptosign", {"authid": "ann", "privkey": OTHER_SEED}),
        ("cryptosign", {"authid": "nobody", "privkey": SEED}),
    ],
)
async def test_autobahn_is_denied_with_a_wrong_secret(
    server: Site, autobahn: Client, method: str, options: dict[str, str]
) -> None:
    said = await autobahn.sign_in(server, options={method: options})

    assert said == {"challenges": [method], "left": DENIED}


async def test_autobahn_falls_through_to_the_next_method_on_offer(
    server: Site, autobahn: Client
) -> None:
    """REQ-AUTH-001, 002."""
    ticket = {"authid": "ann", "ticket": PASSWORD}

    said = await autobahn.sign_in(
        server, options={"anonymous": {}, "scram": SCRAM, "ticket": ticket}
    )

    assert without_farewell(said) == joined("scram")


async def test_autobahn_is_asked_for_a_second_factor(
    server: Site, autobahn: Client
) -> None:
    """REQ-AUTH-013."""
    options = {
        "ticket": {"authid": "careful", "ticket": PASSWORD},
        "wampcra": {"authid": "careful", "secret": "123456"},
    }

    said = await autobahn.sign_in(server, options=options)

    assert without_farewell(said) == joined(
        "ticket", "ticket", "wampcra", authid="careful"
    )


@each_in_javascript
@pytest.mark.parametrize(
    ("method", "secret"),
    [("ticket", PASSWORD), ("wampcra", PASSWORD), ("cryptosign", SEED)],
)
async def test_clients_in_javascript_sign_in_by_every_method_that_they_have(
    server: Site, in_javascript: Client, method: str, secret: str
) -> None:
    """Client notes 9 and 10."""
    nothing = dict.fromkeys(("trustroot", "challenge", "channel_binding"))
    authextra = {"pubkey": PUBLIC_KEY, **nothing}

    said = await in_javascript.sign_in(
        server, authid="ann", authextra=authextra, secrets={method: secret}
    )

    assert without_farewell(said) == joined(method)


@pytest.mark.parametrize("in_javascript", ["autobahn"], indirect=True)
async def test_a_key_signs_in_whoever_it_belongs_to(
    server: Site, in_javascript: Client
) -> None:
    """REQ-AUTH-055; client notes 10; wampy offers no method without an authid."""
    key = {"pubkey": PUBLIC_KEY}

    said = await in_javascript.sign_in(
        server, authid="", authextra=key, secrets={"cryptosign": SEED}
    )

    assert without_farewell(said) == joined("cryptosign")


@each_in_javascript
@pytest.mark.parametrize(
    ("method", "secret"),
    [("ticket", "no"), ("wampcra", "no"), ("cryptosign", OTHER_SEED)],
)
async def test_clients_in_javascript_are_denied_with_a_wrong_secret(
    server: Site, in_javascript: Client, method: str, secret: str
) -> None:
    key = {"pubkey": PUBLIC_KEY}

    said = await in_javascript.sign_in(
        server, authid="ann", authextra=key, secrets={method: secret}
    )

    assert said == {"challenges": [method], "left": DENIED}
