from __future__ import annotations

from typing import Any

import pytest

from aiohttp_serverwamp import ConfigurationError
from aiohttp_serverwamp.auth.kdf import KDF, argon2id, pbkdf2


def test_the_published_keys_are_derived() -> None:
    """REQ-AUTH-042, 043, 049."""
    given = (b"p4ssw0rd", b"1234567890abcdef")

    assert argon2id(*given, iterations=32, memory=512).hex() == (
        "ee4a8acf9d5958354fb79a95ae20692d05e42591ba49fae85eb6700e8b0ed293"
    )
    assert pbkdf2(*given, iterations=8).hex() == (
        "f6991a28c75f43751e0d75499fd7b8649f659118ddc1d61cee5883af547d15f5"
    )


def test_a_kdf_derives_by_its_name_and_cost() -> None:
    given = (b"p4ssw0rd", b"1234567890abcdef")

    assert KDF("argon2id13", 2, 16).derive(*given) == argon2id(*given, 2, 16)
    assert KDF("pbkdf2", 1000).derive(*given) == pbkdf2(*given, 1000)


@pytest.mark.parametrize(
    "wrong",
    [
        ("md5", 1, 8),
        ("argon2id13", 1),
        ("argon2id13", 0, 8),
        ("argon2id13", 1, 7),
        ("argon2id13", True, 8),
        ("argon2id13", 1, "8"),
        ("pbkdf2", 999),
        ("pbkdf2", 1000, 8),
        ("pbkdf2", "1000"),
    ],
    ids=repr,
)
def test_what_costs_nothing_or_is_unknown_is_refused(wrong: Any) -> None:
    with pytest.raises(ConfigurationError):
        KDF(*wrong)


@pytest.mark.parametrize("kdf", [KDF("argon2id13", 1, 8), KDF("pbkdf2", 1000)])
def test_a_short_salt_is_refused(kdf: KDF) -> None:
    with pytest.raises(ConfigurationError, match="8 bytes"):
        kdf.derive(b"password", b"1234567")
