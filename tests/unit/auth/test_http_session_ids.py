"""When two looks at an HTTP session have seen the same sign-in."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Any
from uuid import UUID

import pytest

from aiohttp_serverwamp.auth.http_session_ids import BINDING, BindingIds, Standing

IDS = BindingIds(b"s" * 32)
KEYS = ("user_id",)


def standing(**http_session: Any) -> Standing:
    return IDS.standing(http_session, KEYS)


def signed_in(user: Any, *, under: str | None = None) -> dict[str, Any]:
    entries = IDS.entries({}, standing(user_id=user), under)
    return {"user_id": user, BINDING: entries}


def test_a_minted_id_is_read_again() -> None:
    first, second = signed_in("ann"), signed_in("ann")

    assert len(standing(**first).binding_ids) == 1
    assert standing(**first).binding_ids == standing(**first).kept_ids
    assert standing(**first).binding_ids != standing(**second).binding_ids


def test_a_login_can_be_minted_under_the_id_it_is_known_by() -> None:
    assert standing(**signed_in("ann", under="known")).binding_ids == {"known"}


class Person(StrEnum):
    ANN = "ann"


@pytest.mark.parametrize(
    "user", [Person.ANN, ("ann", 7), {"b": 1, "a": (2,)}, {7: "ann"}, UUID(int=7)]
)
def test_an_id_belongs_to_who_comes_back_from_the_storage(user: Any) -> None:
    login = signed_in(user)
    text = json.dumps(login, default=str)

    assert standing(**json.loads(text)).goes_on_from(standing(**login))


def test_an_id_belongs_to_what_is_no_json() -> None:
    login = signed_in({1: "ann", "b": 2})

    assert standing(**login).binding_ids


@pytest.mark.parametrize("user", ["bob", "", None, 7])
def test_an_id_does_not_belong_to_anybody_else(user: Any) -> None:
    found = standing(**{**signed_in("ann"), "user_id": user})

    assert not found.binding_ids
    assert found.kept_ids


@pytest.mark.parametrize("kept", [None, 5, "", ".", "id", "id.", ".tag", "id.ü", b"x"])
def test_what_is_no_id_of_ours_is_none(kept: Any) -> None:
    for entries in (kept, {"user_id": kept}):
        assert not standing(user_id="ann", **{BINDING: entries}).binding_ids


def test_the_same_id_of_the_same_user_is_the_same_login() -> None:
    login = signed_in("ann")

    assert standing(**login, visits=2).goes_on_from(standing(**login, visits=1))


@pytest.mark.parametrize(
    ("now", "before"),
    [
        ({}, signed_in("ann")),
        (signed_in("ann"), signed_in("ann")),
        ({"user_id": "ann"}, signed_in("ann")),
        (signed_in("ann"), {"user_id": "ann"}),
        ({"user_id": "ann"}, {}),
        ({"user_id": "ann"}, {"user_id": "bob"}),
    ],
)
def test_everything_else_is_another_login(
    now: dict[str, Any], before: dict[str, Any]
) -> None:
    assert not standing(**now).goes_on_from(standing(**before))


def test_a_login_from_before_there_were_ids_goes_on_under_its_name() -> None:
    ann = standing(user_id="ann")

    assert ann.goes_on_from(standing(user_id="ann"))


def test_a_key_that_is_added_later_does_not_end_what_is_signed_in() -> None:
    login = signed_in("ann")

    found = IDS.standing(login, ("another_id", "user_id"))

    assert found.binding_ids == standing(**login).binding_ids


def test_ids_of_other_keys_are_left_alone() -> None:
    login = {**signed_in("ann"), "admin_id": "root"}
    before = standing(**login)
    admin = IDS.standing(login, ("admin_id",))

    login[BINDING] = IDS.entries(login, admin)

    assert set(login[BINDING]) == {"user_id", "admin_id"}
    assert standing(**login).goes_on_from(before)
    del login["admin_id"]
    signed_out = IDS.standing(login, ("admin_id",))
    assert IDS.entries(login, signed_out) == {"user_id": login[BINDING]["user_id"]}


def test_a_cookie_has_one_id_for_everybody_who_knows_the_secret() -> None:
    assert IDS.of_cookie("abc") == BindingIds(b"s" * 32).of_cookie("abc")
    assert IDS.of_cookie("abc") != BindingIds(b"t" * 32).of_cookie("abc")
    assert IDS.of_cookie("abc") != IDS.of_cookie("abd")
    assert "abc" not in IDS.of_cookie("abc")
