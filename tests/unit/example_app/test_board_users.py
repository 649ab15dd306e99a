"""The members in the task board's database."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime

import pytest

from example_app.errors import NoSuchMember
from example_app.store import Store, User


def test_a_user_is_found_by_name_in_any_case_and_by_id(store: Store, ada: User) -> None:
    assert store.users.named("aDa") == ada
    assert store.users.get(ada.id) == ada
    assert store.users.named("nobody") is None
    assert store.users.get(ada.id + 1) is None


def test_a_name_belongs_to_one_user_only(store: Store, ada: User) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        store.users.add("ADA", "hash")


def test_everybody_is_listed_by_name(store: Store, grace: User, ada: User) -> None:
    assert store.users.all() == [ada, grace]


def test_a_user_is_a_member_unless_said_otherwise(store: Store, ada: User) -> None:
    assert ada.role == "member"
    assert store.users.add("Root", "hash", role="admin").role == "admin"


def test_the_password_hash_is_not_in_the_representation(ada: User) -> None:
    assert "hash" not in repr(ada)


def test_ending_the_sign_ins_starts_a_new_generation(store: Store, ada: User) -> None:
    until = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
    store.users.note_sign_in(ada.id, until)
    signed_in = store.users.get(ada.id)
    assert signed_in is not None
    assert signed_in.signed_in_until == until

    ended = store.users.end_sign_ins("ada")

    assert ended.generation > ada.generation
    assert ended.signed_in_until is None
    assert store.users.get(ada.id) == ended


def test_the_sign_ins_of_others_go_on(store: Store, ada: User, grace: User) -> None:
    store.users.end_sign_ins("Ada")

    assert store.users.get(grace.id) == grace


def test_nobody_cannot_be_signed_out(store: Store) -> None:
    with pytest.raises(NoSuchMember):
        store.users.end_sign_ins("nobody")
