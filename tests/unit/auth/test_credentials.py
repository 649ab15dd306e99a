"""Credentials and their stores: what is kept, what is shown, what is refused."""

from __future__ import annotations

import sqlite3
import stat
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from aiohttp_serverwamp import ConfigurationError, Identity
from aiohttp_serverwamp.auth import (
    KDF,
    AutobahnSCRAMCredential,
    CRACredential,
    Credential,
    CryptosignCredential,
    SCRAMCredential,
    SQLiteCredentials,
    StaticCredentials,
    TicketCredential,
)
from aiohttp_serverwamp.auth.credentials import credential_from, record_of
from tests.unit.auth.joining import CHEAP

ANN = Identity("ann", "person", "ldap", {"theme": "dark"}, realm="customers")
SECRET = "hunter2"
PUBLIC_KEY = "1adfc8bfe1d35616e64dffbd900096f23b066f914c8c2ffbb66f6075b96e116d"
EVERY = [
    TicketCredential.derive(ANN, SECRET, kdf=CHEAP),
    CRACredential.derive(ANN, SECRET, iterations=1000),
    SCRAMCredential.derive(ANN, SECRET, kdf=KDF("pbkdf2", 1000)),
    AutobahnSCRAMCredential.derive(ANN, SECRET, kdf=CHEAP),
    CryptosignCredential(ANN, PUBLIC_KEY),
]
NAMED = EVERY[:-1]


def as_json(credential: Credential) -> str:
    return msgspec.json.encode(record_of(credential)).decode()


# --- Credentials ----------------------------------------------------------------------


@pytest.mark.parametrize("credential", EVERY, ids=lambda each: each.authmethod)
def test_a_credential_is_the_same_once_it_has_been_plain_data(
    credential: Credential,
) -> None:
    record = msgspec.json.decode(as_json(credential))

    assert credential_from(record) == credential
    assert credential_from(record).identity == ANN


def test_the_applications_own_user_is_no_plain_data() -> None:
    identity = replace(ANN, user=object())

    record = record_of(CryptosignCredential(identity, PUBLIC_KEY))

    assert credential_from(record).identity == ANN


@pytest.mark.parametrize("credential", NAMED, ids=lambda each: each.authmethod)
def test_no_password_is_kept_and_no_key_is_shown(credential: Any) -> None:
    """REQ-AUTH-012, 039."""
    kept = as_json(credential)
    secrets = [
        value
        for name, value in record_of(credential).items()
        if name in ("hash", "key", "stored_key", "server_key")
    ]

    assert SECRET not in kept
    assert secrets
    assert not any(str(value) in repr(credential) for value in secrets)


@pytest.mark.parametrize(
    "derive",
    [
        lambda: TicketCredential.derive(ANN, SECRET, kdf=CHEAP),
        lambda: CRACredential.derive(ANN, SECRET, iterations=1000),
        lambda: SCRAMCredential.derive(ANN, SECRET, kdf=CHEAP),
    ],
)
def test_each_credential_has_a_salt_of_its_own(derive: Callable[[], Any]) -> None:
    """REQ-AUTH-039."""
    assert derive().salt != derive().salt


def test_a_key_for_wamp_cra_is_derived_as_its_clients_do() -> None:
    """REQ-AUTH-028, 031, 034."""
    made = CRACredential.derive(ANN, SECRET, iterations=1000)

    assert len(made.key) == 44
    assert (made.iterations, made.keylen) == (1000, 32)
    with pytest.raises(ConfigurationError, match="1000 iterations"):
        CRACredential.derive(ANN, SECRET, iterations=999)


@pytest.mark.parametrize("key", ["", "ab", "x" * 64, " " * 64, "ab " * 21 + "a", 5])
def test_a_public_key_is_64_hexadecimal_digits(key: Any) -> None:
    """REQ-AUTH-050."""
    with pytest.raises(ConfigurationError, match="64 hexadecimal digits"):
        CryptosignCredential(ANN, key)


def test_a_credential_says_who_is_let_in() -> None:
    name: Any = "ann"

    with pytest.raises(ConfigurationError, match="Identity first"):
        CRACredential(name, SECRET)


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"authmethod": "magic"},
        {"authmethod": "ticket", "hash": SECRET},
        {"authmethod": "wampcra", "identity": {"authid": "ann"}, "key": [SECRET]},
    ],
    ids=repr,
)
def test_what_is_no_credential_is_refused_without_being_shown(
    record: dict[str, Any],
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        credential_from(record)

    assert SECRET not in str(caught.value)


# --- Stores ---------------------------------------------------------------------------


def static(tmp_path: Path) -> Any:
    return StaticCredentials(EVERY)


def from_json(tmp_path: Path) -> Any:
    return StaticCredentials.from_json("\n\n".join(map(as_json, EVERY)))


def in_file(tmp_path: Path) -> Any:
    store = SQLiteCredentials(tmp_path / "credentials.db")
    for credential in EVERY:
        store.add(credential)
    return store


@pytest.fixture(params=[static, from_json, in_file])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    return request.param(tmp_path)


def test_a_store_finds_by_method_and_name(store: Any) -> None:
    for credential in NAMED:
        assert store.find(credential.authmethod, "ann") == credential
    for method, name in (("ticket", "bob"), ("magic", "ann"), ("ticket", "\ud800")):
        assert store.find(method, name) is None


def test_a_store_finds_by_public_key(store: Any) -> None:
    assert list(store.holders(PUBLIC_KEY)) == [EVERY[-1]]
    for nobodys in ("", "ab" * 32):
        assert list(store.holders(nobodys)) == []


def test_a_store_has_an_example_for_what_it_makes_up(store: Any) -> None:
    for credential in NAMED:
        assert store.example(credential.authmethod) == credential
    assert store.example("magic") is None


def test_a_static_store_has_one_credential_for_each_name_and_method() -> None:
    bob = CryptosignCredential(Identity("bob"), PUBLIC_KEY)
    for double in EVERY:
        with pytest.raises(ConfigurationError, match="two .* credentials of 'ann'"):
            StaticCredentials([*EVERY, double])

    both = StaticCredentials([*EVERY, bob])

    assert both.holders(PUBLIC_KEY) == [EVERY[-1], bob]


@pytest.mark.parametrize("line", [SECRET, "[]", '{"authmethod": "hunter2"}'])
def test_what_is_no_line_of_credentials_is_refused_without_being_shown(
    line: str,
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        StaticCredentials.from_json(line)

    assert SECRET not in str(caught.value)


def test_what_is_no_credential_is_refused() -> None:
    wrong: Any = [("ann", SECRET)]

    with pytest.raises(ConfigurationError, match="takes credentials"):
        StaticCredentials(wrong)


# --- The store in a file --------------------------------------------------------------


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "credentials.db"


def test_a_new_credential_takes_the_place_of_the_old_one(path: Path) -> None:
    store = SQLiteCredentials(path)
    old, new = (TicketCredential.derive(ANN, each, kdf=CHEAP) for each in ("a", "b"))
    keys = [CryptosignCredential(ANN, digit * 64) for digit in "ab"]

    for credential in (old, new, *keys):
        store.add(credential)

    assert store.credentials() == [*keys, new]


def test_what_is_removed_is_gone(path: Path) -> None:
    store = SQLiteCredentials(path)
    for credential in EVERY:
        store.add(credential)

    assert store.remove("ann", "ticket") == 1
    assert store.find("ticket", "ann") is None
    assert store.remove("ann") == 4
    assert store.remove("ann") == 0
    assert store.credentials() == []


def test_a_file_is_readable_for_its_owner_only(path: Path) -> None:
    SQLiteCredentials(path).add(EVERY[0])

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_may_be_used_in_any_thread(path: Path) -> None:
    store, found = SQLiteCredentials(path), []
    store.add(EVERY[0])
    thread = threading.Thread(target=lambda: found.append(store.find("ticket", "ann")))
    thread.start()
    thread.join()

    assert found == [EVERY[0]]


def test_looking_for_somebody_makes_no_file(path: Path) -> None:
    """A wrong path is a failure, and not a realm that nobody can join."""
    with pytest.raises(sqlite3.OperationalError):
        SQLiteCredentials(path).find("ticket", "ann")

    assert not path.exists()


@pytest.mark.parametrize("version", [0, 7])
def test_a_file_of_something_else_is_left_alone(path: Path, version: int) -> None:
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE precious (value)")
    database.execute(f"PRAGMA user_version = {version}")
    database.close()

    store = SQLiteCredentials(path)

    with pytest.raises(ConfigurationError, match="holds no credentials"):
        store.add(EVERY[0])
    with pytest.raises(ConfigurationError, match="holds no credentials"):
        store.remove("ann")


@pytest.mark.parametrize("path", ["", ":memory:"])
def test_a_store_in_a_file_needs_a_file(path: str) -> None:
    with pytest.raises(ConfigurationError, match="StaticCredentials"):
        SQLiteCredentials(path)
