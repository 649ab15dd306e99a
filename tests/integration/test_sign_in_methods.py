"""Credential stores, assigned realms and failed sign-ins over real sockets."""

from __future__ import annotations

import asyncio
import logging
import threading
from pathlib import Path
from typing import Any

import pytest

import aiohttp_serverwamp as serverwamp
from aiohttp_serverwamp import Identity, Realm, auth
from aiohttp_serverwamp.auth import kdf
from aiohttp_serverwamp.testing import JoinRejected, WAMPClient, connect
from tests.answers import SCRAMClient
from tests.sites import site

CHEAP = auth.KDF("argon2id13", iterations=1, memory=64)
SECRET = "open sesame"
ROLES: dict[str, Any] = {"roles": {"caller": {}}}


class Observed(auth.SQLiteCredentials):
    """A store that notes in which threads it is asked."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.threads: set[int] = set()

    def find(self, authmethod: str, authid: str) -> auth.Credential | None:
        self.threads.add(threading.get_ident())
        return super().find(authmethod, authid)


@pytest.fixture
def store(tmp_path: Path) -> Observed:
    filled = Observed(tmp_path / "credentials.db")
    ann = Identity("ann", "person")
    filled.add(auth.TicketCredential.derive(ann, SECRET, kdf=CHEAP))
    filled.add(auth.SCRAMCredential.derive(ann, SECRET, kdf=CHEAP))
    return filled


def realm_of(*methods: auth.Authenticator) -> Realm:
    realm = Realm("r")
    for method in methods:
        realm.add_authenticator(method)
    return realm


async def test_no_store_is_read_and_no_key_derived_on_the_loops_thread(
    store: Observed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Security rule 10."""
    derive, deriving = kdf.argon2id, set()

    def observed(*args: Any) -> bytes:
        deriving.add(threading.get_ident())
        return derive(*args)

    monkeypatch.setattr(kdf, "argon2id", observed)
    async with site(realm=realm_of(auth.Ticket(store))) as server:
        async with server.client(authid="ann", ticket=SECRET) as client:
            assert client.welcome["authid"] == "ann"
        with pytest.raises(JoinRejected, match="denied"):
            async with server.client(authid="nobody", ticket=SECRET):
                pass

    assert deriving
    assert store.threads
    assert threading.get_ident() not in deriving | store.threads


async def exchange(client: WAMPClient, *message: Any) -> list[Any]:
    await client.send(message)
    return await client.receive()


async def test_somebody_signs_in_by_scram_and_knows_the_server(store: Observed) -> None:
    player = SCRAMClient("ann", SECRET)
    async with (
        site(realm=realm_of(auth.SCRAM(store))) as server,
        connect(server.http, realm=None) as client,
    ):
        challenge = await exchange(client, 1, "r", {**ROLES, **player.hello})
        welcome = await exchange(client, 5, *player.answer(challenge[2]))

    assert welcome[2]["authid"] == "ann"
    assert player.trusts(welcome[2]["authextra"])


async def test_a_credential_that_a_command_removes_is_gone_at_once(
    store: Observed,
) -> None:
    async with site(realm=realm_of(auth.Ticket(store))) as server:
        async with server.client(authid="ann", ticket=SECRET):
            pass
        store.remove("ann", "ticket")
        with pytest.raises(JoinRejected, match="denied"):
            async with server.client(authid="ann", ticket=SECRET):
                pass


async def test_a_missing_store_lets_nobody_in(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """REQ-AUTH-008."""
    missing = auth.SQLiteCredentials(tmp_path / "missing.db")
    async with site(realm=realm_of(auth.Ticket(missing))) as server:
        with pytest.raises(JoinRejected, match="authentication_failed"):
            async with server.client(authid="ann", ticket=SECRET):
                pass

    assert SECRET not in caplog.text


# --- Realms that are assigned ---------------------------------------------------------


def doorman(session: serverwamp.Session) -> Identity | None:
    wanted = session.connection.transport_info["http_query_string"]
    return Identity("ann", "staff", realm=wanted) if wanted else None


@pytest.mark.parametrize("asked", [None, "lobby", "r"])
async def test_the_default_realms_authenticators_receive_who_names_none(
    asked: str | None,
) -> None:
    """REQ-SES-022; REQ-AUTH-009."""
    async with site(realm=realm_of(), open_=True) as server:
        server.wamp.add_realm(tenant := Realm("tenant-7"))
        server.wamp.add_transport_authenticator(doorman)
        server.realm.add_transport_authenticator(doorman)
        hello = (1, asked, ROLES)
        async with connect(server.http, "/ws?tenant-7", realm=None) as client:
            welcome = await exchange(client, *hello)
            assert [each.authid for each in tenant.sessions()] == ["ann"]
        async with connect(server.http, "/ws?no.such", realm=None) as client:
            nowhere = await exchange(client, *hello)
        async with connect(server.http, realm=None) as client:
            stranger = await exchange(client, *hello)

    assert (welcome[2]["realm"], welcome[2]["authrole"]) == ("tenant-7", "staff")
    assert nowhere[2] == "wamp.error.no_such_realm"
    assert stranger[2] == "wamp.error.authentication_required"


@pytest.mark.parametrize("kicked", ["tenant", "lobby", "everywhere"])
async def test_a_kick_meets_who_is_being_assigned_to_its_realm(kicked: str) -> None:
    """Which one that is nobody can know when it comes."""
    asked, answered = asyncio.Event(), asyncio.Event()

    async def slow_doorman(session: serverwamp.Session) -> Identity:
        asked.set()
        await answered.wait()
        return Identity("ann", "staff", realm="tenant-7")

    async with site(realm=realm_of(), open_=True) as server:
        server.wamp.add_realm(tenant := Realm("tenant-7"))
        server.realm.add_transport_authenticator(slow_doorman)
        async with connect(server.http, realm=None) as client:
            await client.send([1, "r", ROLES])
            await asked.wait()
            owners: dict[str, Any] = {"tenant": tenant, "lobby": server.realm}
            owner = owners.get(kicked, server.wamp)
            assert await owner.close_sessions(authid="ann") == 0
            answered.set()
            answer = await client.receive()

    if kicked == "lobby":
        assert (answer[0], answer[2]["realm"]) == (2, "tenant-7")
    else:
        assert (answer[0], answer[2]) == (3, "wamp.close.killed")


@pytest.mark.parametrize("has_default", [True, False])
async def test_without_anybody_to_assign_one_a_client_needs_a_realm(
    has_default: bool,
) -> None:
    async with (
        site(realm=realm_of(), allow_default_realm=has_default) as server,
        connect(server.http, realm=None) as client,
    ):
        refused = await exchange(client, 1, None, ROLES)

    assert refused[0] == 3
    assert refused[2] == "wamp.error.no_such_realm"


# --- Those who fail too often ---------------------------------------------------------


async def test_failures_are_counted_by_the_address_that_a_trusted_proxy_names(
    store: Observed, caplog: pytest.LogCaptureFixture
) -> None:
    """REQ-AUTH-014."""

    async def attempt(server: Any, ticket: str, client: str) -> str:
        headers = {"X-Forwarded-For": client}
        try:
            async with server.client(authid="ann", ticket=ticket, headers=headers):
                return "joined"
        except JoinRejected as refused:
            return refused.message

    caplog.set_level(logging.WARNING)
    limits = serverwamp.Limits(max_failed_sign_ins=2)
    async with site(
        realm=realm_of(auth.Ticket(store)),
        limits=limits,
        setup={"trusted_proxies": ["127.0.0.1"]},
    ) as server:
        wrong = [await attempt(server, "no", "192.0.2.1") for _ in range(2)]
        waiting = await attempt(server, SECRET, "192.0.2.1")
        other = await attempt(server, SECRET, "192.0.2.2")

    assert wrong == ["wrong credentials"] * 2
    assert "later" in waiting
    assert other == "joined"
    assert "192.0.2.1" in caplog.text
