"""How the task board keeps passwords."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from example_app import passwords
from example_app.passwords import hash_password, verify_password


def test_only_the_right_password_is_accepted() -> None:
    stored = hash_password("correct horse")

    assert verify_password("correct horse", stored)
    assert not verify_password("correct horse ", stored)
    assert not verify_password("", stored)


def test_the_same_password_has_two_hashes() -> None:
    assert hash_password("secret") != hash_password("secret")


def test_the_hash_does_not_contain_the_password() -> None:
    assert "secret" not in hash_password("secret")


def test_an_unknown_user_costs_the_same_derivation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stored = hash_password("secret")
    derivations: list[tuple[int, ...]] = []
    scrypt = hashlib.scrypt

    def counting_scrypt(password: bytes, **options: Any) -> bytes:
        derivations.append((options["n"], options["r"], options["p"]))
        return scrypt(password, **options)

    monkeypatch.setattr(hashlib, "scrypt", counting_scrypt)

    assert not verify_password("wrong", stored)
    assert not verify_password("wrong", None)

    assert len(derivations) == 2
    assert derivations[0] == derivations[1]


def test_a_hash_made_with_other_parameters_still_verifies(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as cheaper:
        cheaper.setattr(passwords, "COST", 2**10)
        stored = hash_password("secret")

    assert verify_password("secret", stored)
