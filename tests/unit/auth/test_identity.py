from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from aiohttp_serverwamp.auth.identity import Identity
from aiohttp_serverwamp.errors import ConfigurationError


def test_an_identity_needs_no_more_than_an_authid() -> None:
    identity = Identity("7")

    assert identity == Identity("7", "user", None, {}, None)


def test_identities_share_no_authextra() -> None:
    assert Identity("1").authextra is not Identity("2").authextra


def test_an_identity_can_be_a_dictionary_key_whatever_it_carries() -> None:
    one, other = (Identity("7", authextra={"a": [1]}, user=[]) for _ in range(2))

    assert {one: "found"}[other] == "found"


@pytest.mark.parametrize("field", ["authid", "authrole", "authprovider"])
def test_a_name_that_is_no_text_is_refused_with_advice(field: str) -> None:
    fields: dict[str, Any] = {"authid": "7", field: 7}

    with pytest.raises(TypeError, match=rf"write {field}=str\(...\)"):
        Identity(**fields)


@pytest.mark.parametrize("field", ["authid", "authrole", "authprovider"])
def test_an_empty_name_is_refused(field: str) -> None:
    fields: dict[str, Any] = {"authid": "7", field: ""}

    with pytest.raises(ConfigurationError, match=f"non-empty {field}"):
        Identity(**fields)


def test_authextra_is_a_mapping() -> None:
    extra: Any = ["a"]

    with pytest.raises(TypeError, match="authextra"):
        Identity("7", authextra=extra)


@pytest.mark.parametrize("when", [True, "1700000000", datetime.now(UTC)])
def test_a_time_that_is_no_number_is_refused_with_advice(when: Any) -> None:
    with pytest.raises(TypeError, match=r"time\.time\(\)"):
        Identity("7", expires_at=when)


@pytest.mark.parametrize("when", [float("inf"), float("nan")])
def test_a_time_that_never_comes_is_refused(when: float) -> None:
    with pytest.raises(ConfigurationError, match="leave it out"):
        Identity("7", expires_at=when)


def test_the_record_of_a_user_is_in_no_text_of_an_identity() -> None:
    assert "hash of a password" not in repr(Identity("ann", user="hash of a password"))
