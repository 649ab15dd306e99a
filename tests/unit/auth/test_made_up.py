"""What unknown users are challenged with could be somebody's: nobody can tell."""

from __future__ import annotations

import base64
import secrets
import string

import pytest

from aiohttp_serverwamp.auth.credentials import (
    AutobahnSCRAMCredential,
    CRACredential,
    Credential,
    SCRAMCredential,
    TicketCredential,
    salt_text,
)
from aiohttp_serverwamp.auth.identity import Identity
from aiohttp_serverwamp.auth.kdf import KDF
from aiohttp_serverwamp.auth.made_up import (
    credential_of_nobody,
    made_up_bytes,
    made_up_text,
)

ANN = Identity("ann")
CHEAP = KDF("argon2id13", iterations=1, memory=64)
SEEDS = [number.to_bytes(32) for number in range(40)]


def test_a_long_salt_repeats_nothing() -> None:
    salt = made_up_bytes(SEEDS[0], 128)

    assert len(salt) == 128
    assert len({salt[start : start + 8] for start in range(0, 128, 8)}) == 16


def test_a_salt_follows_from_its_seed() -> None:
    texts = [made_up_text(seed, like="x" * 22) for seed in (*SEEDS, *SEEDS)]

    assert texts[: len(SEEDS)] == texts[len(SEEDS) :]
    assert len(set(texts)) == len(SEEDS)


@pytest.mark.parametrize("size", [8, 16, 17, 18, 32, 100])
@pytest.mark.parametrize(
    "encode", [base64.b64encode, base64.urlsafe_b64encode], ids=["plain", "urlsafe"]
)
@pytest.mark.parametrize("padded", [False, True])
def test_a_salt_in_base64_is_like_one_that_was_made_of_bytes(
    size: int, encode: object, padded: bool
) -> None:
    """The last of its characters can be a few only."""
    assert callable(encode)
    # It shows in which of the two alphabets it is.
    real = encode((b"\xfb\xff" * size)[:size])
    like = real.decode() if padded else real.decode().rstrip("=")

    for seed in SEEDS:
        made = made_up_text(seed, like=like)
        assert len(made) == len(like)
        assert made.count("=") == like.count("=")
        raw = made.rstrip("=") + "=" * (-len(made.rstrip("=")) % 4)
        others = b"-_" if encode is base64.urlsafe_b64encode else b"+/"
        assert encode(base64.b64decode(raw, others, validate=True)).decode() == raw


@pytest.mark.parametrize(
    ("like", "alphabet"),
    [
        ("4711", string.digits),
        (secrets.token_hex(32) + "af", string.digits + "abcdef"),
        ((secrets.token_hex(32) + "af").upper(), string.digits + "ABCDEF"),
        ("salt of ann", string.ascii_letters + string.digits),
    ],
    ids=["numbers", "hexadecimal", "upper case", "a sentence"],
)
def test_other_salts_get_one_of_their_own_alphabet(like: str, alphabet: str) -> None:
    made = [made_up_text(seed, like=like) for seed in SEEDS]

    assert {len(each) for each in made} == {len(like)}
    assert set("".join(made)) == set(alphabet)


@pytest.mark.parametrize("known", [False, True], ids=["without", "with an example"])
@pytest.mark.parametrize(
    "credential",
    [
        TicketCredential.derive(ANN, "secret", kdf=CHEAP),
        SCRAMCredential.derive(ANN, "secret", kdf=CHEAP, salt=bytes(64)),
        AutobahnSCRAMCredential.derive(ANN, "secret", kdf=CHEAP),
        CRACredential.derive(ANN, "secret", iterations=1000),
        CRACredential(ANN, "a plain secret"),
    ],
    ids=lambda credential: type(credential).__name__,
)
def test_a_made_up_credential_is_of_the_same_class_and_shape(
    credential: Credential, known: bool
) -> None:
    typical = credential if known else None
    made = credential_of_nobody(type(credential), typical, SEEDS[0])

    assert type(made) is type(credential)
    assert made.identity != ANN
    if known:
        for name in ("kdf", "iterations", "keylen"):
            assert getattr(made, name, None) == getattr(credential, name, None)
        salts = [getattr(each, "salt", None) for each in (made, credential)]
        assert len(salts[0] or "") == len(salts[1] or "")


def test_the_last_character_of_a_salt_does_not_say_who_exists() -> None:
    """A real one of 16 bytes ends in one of four characters."""
    ends = {salt_text(secrets.token_bytes(16))[-1] for _ in range(200)}
    made = (credential_of_nobody(CRACredential, None, seed) for seed in SEEDS)

    assert {(each.salt or "")[-1] for each in made} <= ends
