"""Who is meant by an authid and an authrole, and who never is."""

from __future__ import annotations

from typing import Any

import pytest

from aiohttp_serverwamp import Application, ConfigurationError, Realm
from aiohttp_serverwamp.hosting.session_selection import ANY, selected
from aiohttp_serverwamp.router.peer import Peer


def peer(authid: str, authrole: str) -> Peer:
    made = Peer()
    made.authid, made.authrole = authid, authrole
    return made


ANN, BOB, EVE = peer("ann", "staff"), peer("bob", "staff"), peer("eve", "guest")


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ({}, [ANN, BOB, EVE]),
        ({"authid": "bob"}, [BOB]),
        ({"authrole": "staff"}, [ANN, BOB]),
        ({"authid": "ann", "authrole": "guest"}, []),
    ],
)
def test_all_that_is_given_must_match(asked: Any, meant: list[Peer]) -> None:
    asked = {"authid": ANY, "authrole": ANY, **asked}

    assert selected([ANN, BOB, EVE], **asked) == meant


@pytest.mark.parametrize("name", ["authid", "authrole"])
@pytest.mark.parametrize("value", [None, ""])
async def test_nobody_is_not_everybody(name: str, value: Any) -> None:
    """A visitor's sign-out, authid=http_session.get("user_id"), ends no session."""
    wamp, realm = Application(), Realm("r")
    for one in (wamp, realm):
        with pytest.raises(ConfigurationError, match=f"leave {name}= out"):
            one.sessions(**{name: value})
        with pytest.raises(ConfigurationError, match="names nobody"):
            await one.close_sessions(**{name: value})


@pytest.mark.parametrize("value", [1, 0, b"ann", True])
async def test_an_authid_is_a_str(value: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"authid=str\(\.\.\.\)"):
        await Application().close_sessions(authid=value)


def test_the_default_is_shown_by_its_name() -> None:
    assert repr(ANY) == "ANY"
