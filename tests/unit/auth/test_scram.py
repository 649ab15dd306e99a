"""SCRAM: the published numbers, what is refused, and what unknown users are told."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from aiohttp_serverwamp import ConfigurationError, Identity, SessionRejected
from aiohttp_serverwamp.auth import (
    KDF,
    SCRAM,
    AutobahnSCRAM,
    AutobahnSCRAMCredential,
    SCRAMCredential,
    StaticCredentials,
    kdf,
    lookup,
    scram,
)
from tests.answers import SCRAMClient, b64
from tests.unit.auth.joining import ANN, CHEAP, Joining

PASSWORD = "open sesame"
PENCIL = {"iterations": 4096, "salt": "W22ZaJ0SNY7soEsUEjb6gQ=="}
SAMPLE = {"iterations": 4096, "salt": "aBc+fx0NAVA="}
CHANNEL = bytes.fromhex(
    "62e935ae755f3d48f80d4d59f6121358c435722a67e859cc0caa8b539027f2ff"
)
RFC_NONCE = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"


def store(credential: type[SCRAMCredential] = SCRAMCredential) -> StaticCredentials:
    return StaticCredentials([credential.derive(ANN, PASSWORD, kdf=CHEAP)])


def begun(method: SCRAM, client: SCRAMClient) -> Any:
    attempt = method.begin(Joining(client.authid), client.hello)
    assert attempt is not None
    return attempt


async def outcome(method: SCRAM, client: SCRAMClient, **changed: Any) -> Any:
    """Let a client sign in, its answer changed; return what came of it."""
    attempt = begun(method, client)
    signature, extra = client.answer(await attempt.challenge())
    found = attempt.verify(signature, {**extra, **changed})
    if found:
        assert client.trusts(attempt.authextra)
    return found


# --- Published vectors ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("cost", "salt", "stored_key", "server_key"),
    [
        (
            KDF("pbkdf2", 4096),
            PENCIL["salt"],
            "586e5df283e6dceb5c3e791d8b8528ec191e664045ce971792e2e6b5bb13e2a6",
            "c1f3cbc1c13a9d35a14c0990eed97629ea225863e566a4314ab99f3f00e5d9d5",
        ),
        (
            KDF("pbkdf2", 4096),
            SAMPLE["salt"],
            "d1f0abec4618f18c284b455032d112ed804607b0e510b7c2b0521e3af953ce47",
            "682b71788a06b87566b32779d102f34976563e0608f6b8d9a8667b95dc8d99ce",
        ),
        (
            KDF("argon2id13", 4, 512),
            SAMPLE["salt"],
            "2e336707fe698cd2d2bef545431d881a37c1679cda703009f94891ee430b4667",
            "65fb954f6e2626ea7e112edbebd625fadf753df50fd2911ddb7e196aae00c069",
        ),
    ],
    ids=["RFC 7677", "sample", "argon2"],
)
def test_the_keys_that_are_kept_are_the_published_ones(
    cost: KDF, salt: Any, stored_key: str, server_key: str
) -> None:
    """REQ-AUTH-039, 042, 043, 049."""
    made = SCRAMCredential.derive(ANN, "pencil", kdf=cost, salt=base64.b64decode(salt))

    assert (made.stored_key.hex(), made.server_key.hex()) == (stored_key, server_key)


@pytest.mark.parametrize(
    ("cost", "client_nonce", "nonce", "binding", "proof", "signature"),
    [
        (
            {"kdf": KDF("pbkdf2", 4096), **PENCIL},
            "rOprNGfwEbeRWgbNEkqO",
            RFC_NONCE,
            None,
            "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
            "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
        ),
        (
            {"kdf": KDF("pbkdf2", 4096), **SAMPLE},
            "egVDf3DMJh0=",
            "egVDf3DMJh0=SBmkFIh7sSo=",
            None,
            "L1uwjEEL7BdbtlWMKxNcQ1A/CmNjct+7xdAguB/rpnA=",
            "AyTAljdPHv74Zx+gn+6DqiFnl4XOZUXpC7k/pSkjBOg=",
        ),
        (
            {"kdf": KDF("pbkdf2", 4096), **SAMPLE},
            "egVDf3DMJh0=",
            "egVDf3DMJh0=SBmkFIh7sSo=",
            "tls-unique",
            "b+laP4O7eiIrsJjlF0zs+k1vJ+KzRWsdsZflaIKDn+Y=",
            "QzEhef8908jxKe6JDLp8MC33+MYYg985XScceyqZV5E=",
        ),
        (
            {"kdf": KDF("argon2id13", 4, 512), **SAMPLE, "iterations": 4},
            "egVDf3DMJh0=",
            "egVDf3DMJh0=SBmkFIh7sSo=",
            None,
            "znneG0ll8GrYuOzMOMesmu8lr9GnSWG6QTgmygZzCdk=",
            "4cb5r64XThXgdUZTn0dIFPd+7o2hyQIe+VK5/6iMtEc=",
        ),
    ],
    ids=["RFC 7677", "sample", "bound", "argon2"],
)
async def test_the_published_proofs_are_accepted_and_answered(
    cost: dict[str, Any],
    client_nonce: str,
    nonce: str,
    binding: str | None,
    proof: str,
    signature: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """REQ-AUTH-044, 045, 046, 049."""
    # given the user of the published exchanges, and the server's part of the nonce
    salt = base64.b64decode(cost["salt"])
    user = SCRAMCredential.derive(
        Identity("user"), "pencil", kdf=cost["kdf"], salt=salt
    )
    method = SCRAM(StaticCredentials([user]), channel_id=lambda *_: CHANNEL)
    monkeypatch.setattr(method, "nonce", lambda: nonce.removeprefix(client_nonce))
    client = SCRAMClient("user", "pencil", nonce=client_nonce, binding=binding)
    attempt = begun(method, client)
    # when
    sent = await attempt.challenge()
    data = b64(CHANNEL) if binding else None
    extra = {"nonce": nonce, "channel_binding": binding, "cbind_data": data}
    found = attempt.verify(proof, extra)
    # then
    assert sent["nonce"] == nonce
    assert (sent["salt"], sent["iterations"]) == (cost["salt"], cost["iterations"])
    assert found == Identity("user", authprovider="static")
    assert attempt.authextra == {"verifier": signature}


def test_the_text_that_is_signed_is_the_published_one() -> None:
    """REQ-AUTH-045, 049."""
    sent = {"nonce": RFC_NONCE, **PENCIL}

    text = scram.auth_message("user", "rOprNGfwEbeRWgbNEkqO", sent, "biws")

    assert scram.channel_text(None, b"") == "biws"
    assert scram.channel_text("tls-unique", CHANNEL) == (
        "cD10bHMtdW5pcXVlLCxi6TWudV89SPgNTVn2EhNYxDVyKmfoWcwMqotTkCfy/w=="
    )
    assert text.decode() == (
        f"n=user,r=rOprNGfwEbeRWgbNEkqO,r={RFC_NONCE},"
        f"s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r={RFC_NONCE}"
    )


# --- Signing in -----------------------------------------------------------------------


async def test_a_challenge_says_how_to_derive_and_goes_on_from_the_clients_nonce() -> (
    None
):
    """REQ-AUTH-038, 040, 042, 043."""
    client = SCRAMClient("ann", PASSWORD)
    first = await begun(SCRAM(store()), client).challenge()
    second = await begun(SCRAM(store()), client).challenge()

    assert first.keys() == {"nonce", "salt", "kdf", "iterations", "memory"}
    assert (first["kdf"], first["iterations"], first["memory"]) == ("argon2id13", 1, 8)
    assert first["nonce"].startswith(client.nonce)
    assert first["nonce"] != second["nonce"]
    servers = first["nonce"].removeprefix(client.nonce)
    assert len(base64.b64decode(servers, validate=True)) >= 16


async def test_a_challenge_for_pbkdf2_has_no_memory() -> None:
    """REQ-AUTH-042."""
    made = SCRAMCredential.derive(ANN, PASSWORD, kdf=KDF("pbkdf2", 1000))
    method = SCRAM(StaticCredentials([made]))

    sent = await begun(method, SCRAMClient("ann", PASSWORD)).challenge()

    assert (sent["kdf"], sent["memory"]) == ("pbkdf2", None)


async def test_both_sides_prove_that_they_know_the_password() -> None:
    """REQ-AUTH-046."""
    found = await outcome(SCRAM(store()), SCRAMClient("ann", PASSWORD))

    assert found == Identity("ann", "person", "static")


async def test_a_wrong_password_is_denied_and_learns_nothing_of_the_server() -> None:
    client = SCRAMClient("ann", "open barley")
    attempt = begun(SCRAM(store()), client)

    found = attempt.verify(*client.answer(await attempt.challenge()))

    assert found is None
    assert attempt.authextra == {}


@pytest.mark.parametrize(
    "changed",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"channel_binding": "tls-unique"},
        {"cbind_data": b64(CHANNEL)},
        {"cbind_data": ""},
    ],
    ids=repr,
)
async def test_an_answer_about_something_else_is_denied(
    changed: dict[str, Any],
) -> None:
    """REQ-AUTH-044."""
    assert not await outcome(SCRAM(store()), SCRAMClient("ann", PASSWORD), **changed)


async def test_a_proof_for_one_challenge_is_no_good_for_another() -> None:
    method, client = SCRAM(store()), SCRAMClient("ann", PASSWORD)
    signature, extra = client.answer(await begun(method, client).challenge())
    attempt = begun(method, client)
    sent = await attempt.challenge()

    assert attempt.verify(signature, {**extra, "nonce": sent["nonce"]}) is None


@pytest.mark.parametrize(
    "garbled",
    [
        lambda proof: "",
        lambda proof: proof + "\n",
        lambda proof: proof.rstrip("="),
        lambda proof: b64(base64.b64decode(proof) + b"x"),
        lambda proof: b64(base64.b64decode(proof)[:-1]),
        lambda proof: "ü" * 44,
    ],
)
async def test_a_proof_is_canonical_base64_of_32_bytes(garbled: Any) -> None:
    """REQ-AUTH-040."""
    client = SCRAMClient("ann", PASSWORD)
    attempt = begun(SCRAM(store()), client)
    proof, extra = client.answer(await attempt.challenge())

    assert attempt.verify(garbled(proof), extra) is None
    assert attempt.verify(proof, extra)


async def test_names_are_prepared_and_escaped() -> None:
    """REQ-AUTH-041."""
    name = "a=b,c"
    made = SCRAMCredential.derive(Identity(name), PASSWORD, kdf=CHEAP)
    method = SCRAM(StaticCredentials([made]))

    found = await outcome(method, SCRAMClient(name, PASSWORD))

    assert scram.escaped(name) == "a=3Db=2Cc"
    assert found.authid == name
    # A soft hyphen is nothing, and the password's no-break space is a space.
    soft = SCRAM(
        StaticCredentials([SCRAMCredential.derive(ANN, "open\u00a0sesame", kdf=CHEAP)])
    )
    claimed = SCRAMClient("a\u00adnn", PASSWORD)
    attempt = begun(soft, claimed)
    claimed.authid = "ann"
    assert attempt.verify(*claimed.answer(await attempt.challenge()))


@pytest.mark.parametrize(
    "details",
    [
        {"authid": "ann"},
        {"authid": "ann", "authextra": {}},
        {"authextra": {"nonce": "AAAA"}},
        {"authid": "", "authextra": {"nonce": "AAAA"}},
    ],
    ids=repr,
)
def test_who_gives_no_name_or_nonce_cannot_use_it(details: dict[str, Any]) -> None:
    """REQ-AUTH-036."""
    assert SCRAM(store()).begin(Joining(), details) is None


@pytest.mark.parametrize(
    "details",
    [
        {"authextra": {"nonce": "A"}},
        {"authextra": {"nonce": ""}},
        {"authextra": {"nonce": "AAA"}},
        {"authextra": {"nonce": "AAAA\n"}},
        {"authextra": {"nonce": "AAAB=="}},
        {"authextra": {"nonce": 5}},
        {"authid": "bell\u0007"},
        {"authid": "\u00ad"},
        {"authextra": {"nonce": "AAAA", "channel_binding": "tls-unique"}},
        {"authextra": {"nonce": "AAAA", "channel_binding": 5}},
    ],
    ids=repr,
)
def test_what_is_malformed_or_cannot_be_bound_is_rejected(
    details: dict[str, Any],
) -> None:
    """REQ-AUTH-036, 037, 040, 041: falling back to less would be a gift."""
    given = {"authid": "ann", "authextra": {"nonce": "AAAA"}, **details}

    with pytest.raises(SessionRejected):
        SCRAM(store()).begin(Joining(), given)


@pytest.mark.parametrize(
    ("theirs", "is_welcome"), [(CHANNEL, True), (bytes(32), False)]
)
async def test_a_bound_proof_holds_on_its_own_channel_only(
    theirs: bytes, is_welcome: bool
) -> None:
    """REQ-AUTH-044."""
    asked: list[str] = []

    def channel_id(session: Any, kind: str) -> bytes:
        asked.append(kind)
        return CHANNEL

    method = SCRAM(store(), channel_id=channel_id)
    client = SCRAMClient("ann", PASSWORD, binding="tls-exporter", channel=theirs)

    found = await outcome(method, client)

    assert bool(found) is is_welcome
    assert asked == ["tls-exporter"]


async def test_the_application_has_the_last_word_on_who_the_client_is() -> None:
    """REQ-AUTH-015."""
    told: list[Any] = []

    def identify(session: Any, identity: Identity) -> str:
        told.append(identity)
        return "a record"

    method = SCRAM(store(), identify=identify)

    assert await outcome(method, SCRAMClient("ann", PASSWORD)) == "a record"
    assert told == [Identity("ann", "person", "static")]


# --- Autobahn's -----------------------------------------------------------------------


async def test_autobahns_scram_has_its_own_name_kdf_and_signature() -> None:
    """Client notes 8; PIT-28: no key but these may be in the challenge."""
    method = AutobahnSCRAM(store(AutobahnSCRAMCredential))
    client = SCRAMClient("ann", PASSWORD, like_autobahn=True)
    attempt = begun(method, client)

    sent = await attempt.challenge()
    found = attempt.verify(*client.answer(sent))

    assert method.authmethod == "scram"
    assert sent.keys() == {"nonce", "salt", "kdf", "iterations", "memory"}
    assert sent["kdf"] == "argon2id-13"
    assert found == Identity("ann", "person", "static")
    assert client.trusts(attempt.authextra)
    assert attempt.authextra.keys() == {"scram_server_signature"}


def test_autobahns_keys_are_of_another_kind() -> None:
    salt = bytes(16)
    one = SCRAMCredential.derive(ANN, PASSWORD, kdf=CHEAP, salt=salt)
    other = AutobahnSCRAMCredential.derive(ANN, PASSWORD, kdf=CHEAP, salt=salt)

    assert one.stored_key != other.stored_key
    with pytest.raises(ConfigurationError, match="Argon2id"):
        AutobahnSCRAMCredential.derive(ANN, PASSWORD, kdf=KDF("pbkdf2", 1000))


# --- Unknown users --------------------------------------------------------------------


class Unexemplary:
    """A store with no more than a store must have."""

    def __init__(self, store: StaticCredentials) -> None:
        self.find = store.find
        self.holders = store.holders


def without_nonce(sent: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in sent.items() if key != "nonce"}


@pytest.mark.parametrize(
    ("method", "credential"),
    [(SCRAM, SCRAMCredential), (AutobahnSCRAM, AutobahnSCRAMCredential)],
)
async def test_an_unknown_user_is_challenged_like_a_known_one(
    method: Any, credential: Any
) -> None:
    """REQ-AUTH-010, 047; security rule 10."""
    scram_method = method(store(credential))
    autobahn = credential is AutobahnSCRAMCredential
    sent = []
    for name in ("ann", "nobody", "nobody", "no one"):
        client = SCRAMClient(name, PASSWORD, like_autobahn=autobahn)
        sent.append(without_nonce(await begun(scram_method, client).challenge()))
    known, unknown, again, other = sent

    assert unknown == again
    assert unknown["salt"] != other["salt"]
    assert len(unknown.pop("salt")) == len(known.pop("salt"))
    assert unknown == known


async def test_before_anybody_is_known_an_unknown_user_is_challenged_by_default() -> (
    None
):
    """As `derive` has it, where the store has no example."""
    made = SCRAMCredential.derive(ANN, PASSWORD)
    method = SCRAM(Unexemplary(StaticCredentials([made])))
    before = without_nonce(
        await begun(method, SCRAMClient("nobody", PASSWORD)).challenge()
    )
    await begun(method, SCRAMClient("ann", PASSWORD)).challenge()
    after = without_nonce(
        await begun(method, SCRAMClient("nobody", PASSWORD)).challenge()
    )

    assert before == after


async def test_what_unknown_users_are_told_does_not_depend_on_who_came_before() -> None:
    method = SCRAM(store())
    before = without_nonce(
        await begun(method, SCRAMClient("nobody", PASSWORD)).challenge()
    )
    await begun(method, SCRAMClient("ann", PASSWORD)).challenge()
    after = without_nonce(
        await begun(method, SCRAMClient("nobody", PASSWORD)).challenge()
    )

    assert before == after
    assert (before["iterations"], before["memory"]) == (1, 8)


async def test_a_masking_key_makes_salts_last_beyond_a_restart() -> None:
    sent = []
    for key in (b"k" * 16, b"k" * 16, b"other key of ours"):
        method = SCRAM(store(), masking_key=key)
        client = SCRAMClient("nobody", PASSWORD)
        sent.append((await begun(method, client).challenge())["salt"])

    assert sent[0] == sent[1] != sent[2]


async def test_unknown_users_and_wrong_passwords_cost_the_same_and_derive_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Security rule 10; REQ-AUTH-047: counted, as time cannot be."""
    digests: list[int] = []

    def counted(*args: Any) -> bytes:
        digests.append(1)
        return hmac.digest(*args)

    def never(*args: Any) -> bytes:
        raise AssertionError("derived at login")

    counting = SimpleNamespace(digest=counted, compare_digest=hmac.compare_digest)
    made = store()
    for module in (scram, lookup):
        monkeypatch.setattr(module, "hmac", counting)
    monkeypatch.setattr(kdf.KDF, "derive", never)
    method, work = SCRAM(made), []
    for name in ("ann", "nobody", "ann"):
        digests.clear()
        client = SCRAMClient(name, "open barley")
        attempt = begun(method, client)
        assert not attempt.verify(*client.answer(await attempt.challenge()))
        work.append(len(digests))

    assert work[0] > 0
    assert set(work) == {work[0]}


@pytest.mark.parametrize(
    ("options", "advice"),
    [
        ({"masking_key": b"short"}, "random bytes"),
        ({"masking_key": "k" * 32}, "random bytes"),
        ({"identify": 5}, "a function of two"),
        ({"channel_id": 5}, "a function of two"),
    ],
)
def test_wrong_options_are_refused_with_advice(
    options: dict[str, Any], advice: str
) -> None:
    with pytest.raises(ConfigurationError, match=advice):
        SCRAM(store(), **options)


def test_what_is_no_store_is_refused_with_advice() -> None:
    users: Any = {"ann": PASSWORD}

    with pytest.raises(ConfigurationError, match="StaticCredentials"):
        SCRAM(users)
