"""Methods over a store: in which thread they work, and at what cost for whom."""

from __future__ import annotations

import hmac
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from aiohttp_serverwamp import Identity
from aiohttp_serverwamp.auth import (
    WAMPCRA,
    CRACredential,
    SQLiteCredentials,
    StaticCredentials,
    Ticket,
    TicketCredential,
    kdf,
    lookup,
    ticket,
    wampcra,
)
from tests.answers import cra_answer
from tests.unit.auth.joining import ANN, CHEAP, Joining

SECRET = "open sesame"
CREDENTIALS = [
    TicketCredential.derive(ANN, SECRET, kdf=CHEAP),
    CRACredential.derive(ANN, SECRET, iterations=1000),
]


async def sign_in(method: Any, session: Any, secret: str = SECRET) -> Any:
    """Play a client; return what came of it, and the challenge."""
    attempt = method.begin(session, {"authid": session.authid})
    extra = attempt.challenge()
    extra = extra if isinstance(extra, dict) else await extra
    answer = secret if method.authmethod == "ticket" else cra_answer(secret, extra)
    found = attempt.verify(answer, {})
    if hasattr(found, "__await__"):
        found = await found
    return found, extra


@pytest.mark.parametrize("kind", [Ticket, WAMPCRA])
async def test_who_knows_the_secret_is_whom_the_credential_names(kind: Any) -> None:
    method = kind(StaticCredentials(CREDENTIALS))

    assert (await sign_in(method, Joining()))[0] == Identity("ann", "person", "static")
    assert (await sign_in(method, Joining(), "no"))[0] is None
    assert (await sign_in(method, Joining("bob")))[0] is None


@pytest.mark.parametrize("kind", [Ticket, WAMPCRA])
async def test_a_store_that_blocks_is_asked_in_a_thread(
    kind: Any, tmp_path: Path
) -> None:
    store = SQLiteCredentials(tmp_path / "credentials.db")
    for credential in CREDENTIALS:
        store.add(credential)
    session = Joining()

    found, _ = await sign_in(kind(store), session)

    names = [function.__name__ for function in session.realm.in_thread]
    assert found == Identity("ann", "person", "dynamic")
    assert names[:2] == ["example", "find"]


async def test_a_ticket_is_hashed_in_a_thread() -> None:
    """Security rule 10: key derivation off the loop."""
    session = Joining()

    await sign_in(Ticket(StaticCredentials(CREDENTIALS)), session)

    assert [function.__name__ for function in session.realm.in_thread] == ["derive"]


@pytest.mark.parametrize("kind", [Ticket, WAMPCRA])
async def test_unknown_users_and_wrong_secrets_cost_the_same(
    kind: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """REQ-AUTH-010; security rule 10: HMACs and derivations, and the latters' cost."""
    done: Counter[Any] = Counter()
    derive = kdf.argon2id

    def counted(*args: Any) -> bytes:
        done["hmac"] += 1
        return hmac.digest(*args)

    def derived(password: bytes, salt: bytes, *cost: int) -> bytes:
        done["argon2id", len(salt), *cost] += 1
        return derive(password, salt, *cost)

    counting = SimpleNamespace(digest=counted, compare_digest=hmac.compare_digest)
    for module in (lookup, ticket, wampcra):
        monkeypatch.setattr(module, "hmac", counting)
    monkeypatch.setattr(kdf, "argon2id", derived)
    method, work = kind(StaticCredentials(CREDENTIALS)), []
    for name in ("nobody", "ann", "nobody"):
        done.clear()
        await sign_in(method, Joining(name), "open barley")
        work.append(dict(done))

    assert work[0]
    assert work[0] == work[1] == work[2]


async def test_a_challenge_of_wamp_cra_tells_nothing_of_its_user() -> None:
    """REQ-AUTH-010: neither salt nor role, which it names before anything is proved."""
    made = CRACredential.derive(Identity("root", "admin", "vault"), SECRET)
    method = WAMPCRA(StaticCredentials([made]))
    told = []
    for name in ("nobody", "root", "nobody", "no one"):
        _, extra = await sign_in(method, Joining(name))
        text = extra.pop("challenge")
        told.append((len(text) - len(name), len(extra.pop("salt")), extra))
        assert '"authrole":"user"' in text
        assert '"authprovider":"dynamic"' in text

    assert told[0] == told[1] == told[2] == told[3]


async def test_a_plain_secret_can_be_kept_for_wamp_cra() -> None:
    """REQ-AUTH-027: then nobody's challenge has a salt."""
    method = WAMPCRA(StaticCredentials([CRACredential(ANN, SECRET)]))

    found, extra = await sign_in(method, Joining())
    _, unknown = await sign_in(method, Joining("nobody"))

    assert found == Identity("ann", "person", "static")
    assert extra.keys() == unknown.keys() == {"challenge"}
