from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import pytest

from aiohttp_serverwamp.auth.http_session import session_authenticator
from aiohttp_serverwamp.auth.identity import Identity
from aiohttp_serverwamp.errors import ConfigurationError


class Joining:
    """A client that joins, with the HTTP session of its upgrade request."""

    def __init__(self, http_session: Mapping[str, Any] | None) -> None:
        self.http_session = http_session


@pytest.mark.parametrize(("value", "authid"), [(7, "7"), ("ann", "ann"), ("0", "0")])
def test_the_authid_is_the_text_of_what_the_http_session_holds(
    value: object, authid: str
) -> None:
    authenticate = session_authenticator("user_id")

    identity = authenticate(Joining({"user_id": value, "role": "admin"}))

    assert identity == Identity(authid, "user", "http_session")


@pytest.mark.parametrize(
    "http_session",
    [None, {}, {"other": 7}, {"user_id": None}, {"user_id": ""}, {"user_id": 0}],
)
@pytest.mark.parametrize("load", [None, lambda value: pytest.fail("was asked")])
def test_who_is_not_signed_in_is_left_to_the_next_authenticator(
    http_session: Mapping[str, Any] | None, load: Any
) -> None:
    authenticate = session_authenticator("user_id", load=load)

    assert authenticate(Joining(http_session)) is None


@pytest.mark.parametrize("value", [True, 1.5, [7], {"id": 7}, b"7", object()])
def test_what_names_no_user_is_refused_without_showing_it(value: object) -> None:
    authenticate = session_authenticator("user_id")

    with pytest.raises(ConfigurationError, match="load=") as caught:
        authenticate(Joining({"user_id": value}))

    assert repr(value) not in str(caught.value)


@pytest.mark.parametrize(
    ("http_session", "authrole"),
    [
        ({"role": "admin"}, "admin"),
        ({"role": None}, "member"),
        ({}, "member"),
    ],
)
def test_the_role_comes_from_role_key_else_from_role(
    http_session: dict[str, Any], authrole: str
) -> None:
    authenticate = session_authenticator("user_id", role="member", role_key="role")

    identity = authenticate(Joining({"user_id": 7, **http_session}))

    assert identity == Identity("7", authrole, "http_session")


@pytest.mark.parametrize("role", ["", 1, True, ["admin"]])
def test_a_role_that_is_no_name_is_refused_rather_than_replaced(role: object) -> None:
    authenticate = session_authenticator("user_id", role_key="role")

    with pytest.raises(ConfigurationError, match="'role' holds no role name"):
        authenticate(Joining({"user_id": 7, "role": role}))


@pytest.mark.parametrize(
    "loaded", [Identity("ann", "admin"), None, {"name": "Ann"}, False]
)
def test_what_load_returns_is_passed_on_as_it_is(loaded: object) -> None:
    asked: list[object] = []

    def load(value: object) -> object:
        asked.append(value)
        return loaded

    authenticate = session_authenticator("user", load=load)

    assert authenticate(Joining({"user": ["any", "thing"]})) is loaded
    assert asked == [["any", "thing"]]


async def test_load_may_be_async() -> None:
    async def load(value: int) -> Identity:
        return Identity(f"user-{value}")

    authenticate = session_authenticator("user_id", load=load)

    result = authenticate(Joining({"user_id": 7}))

    assert inspect.isawaitable(result)
    assert await result == Identity("user-7")


def test_it_says_what_set_up_and_welcome_need_to_know() -> None:
    authenticate = session_authenticator("user_id")

    assert authenticate.authmethod == "cookie"
    assert authenticate.authprovider == "http_session"
    assert authenticate.requires_http_session is True


@pytest.mark.parametrize(
    ("key", "options", "advice"),
    [
        ("", {}, r'session_authenticator\("user_id"\)'),
        (None, {}, r'session_authenticator\("user_id"\)'),
        ("user_id", {"role": ""}, "role=.*non-empty"),
        ("user_id", {"role": None}, "role=.*non-empty"),
        ("user_id", {"role_key": 5}, "role_key=.*non-empty"),
        ("user_id", {"role_key": ""}, "role_key=.*non-empty"),
        ("user_id", {"load": 5}, "load=.*takes a function"),
        ("user_id", {"role_key": "role", "load": Identity}, "from load"),
        ("user_id", {"role": "admin", "load": Identity}, "from load"),
    ],
)
def test_wrong_set_up_is_refused_with_advice(
    key: Any, options: dict[str, Any], advice: str
) -> None:
    with pytest.raises(ConfigurationError, match=advice):
        session_authenticator(key, **options)
