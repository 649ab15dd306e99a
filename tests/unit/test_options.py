"""Every option has the default that is promised, and says what it does not take."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web

import aiohttp_serverwamp as serverwamp
from aiohttp_serverwamp import Application, Limits, Realm, SessionBinding, setup_wamp
from aiohttp_serverwamp.errors import ConfigurationError
from aiohttp_serverwamp.router.disclosure import Disclosure

#: The design's table of options and their defaults, copied by hand: not to be mended
#: where it disagrees with the code.
TABLE = """
allowed_origins      setup_wamp    same origin
trusted_proxies      setup_wamp    none
hello_timeout        Limits        5 s
auth_timeout         Limits        10 s
heartbeat            Limits        20 s
close_timeout        Limits        2 s
shutdown_timeout     Limits        5 s
max_sessions         Limits        unlimited
compress             setup_wamp    False
disclosure           Realm         deny
revalidate_interval  SessionBinding  60 s
max_message_size     Limits        1 MiB
max_depth            Limits        the codec's own
max_pending_bytes    Limits        8 MiB
write_deadline       Limits        10 s
max_pending_calls    Limits        1,000
max_subscriptions    Limits        1,000
max_registrations    Limits        1,000
max_uri_length       Limits        1,024
max_uri_components   Limits        32
max_unauthenticated  Limits        1,000
strict_request_ids   Application   False
debug                Application   False
cancel_on_disconnect  Application  True
"""

ROWS = [
    (name, where, " ".join(default))
    for name, where, *default in map(str.split, TABLE.strip().splitlines())
]

OWNERS: dict[str, Callable[..., Any]] = {
    "Application": Application,
    "Limits": Limits,
    "Realm": Realm,
    "SessionBinding": SessionBinding,
    "setup_wamp": setup_wamp,
}

#: What the words of the table are in Python.
WORDS: dict[str, Any] = {
    "same origin": None,
    "none": (),
    "unlimited": None,
    "the codec's own": None,
    "deny": None,  # and what that means is another test's
    "False": False,
    "True": True,
}


def meant(default: str) -> Any:
    if default in WORDS:
        return WORDS[default]
    number, *unit = default.replace(",", "").split()
    return int(number) * {"s": 1, "MiB": 2**20}.get("".join(unit), 1)


@pytest.mark.parametrize(("name", "where", "default"), ROWS)
def test_an_option_has_the_default_that_is_promised(
    name: str, where: str, default: str
) -> None:
    parameter = inspect.signature(OWNERS[where]).parameters[name]

    assert parameter.default == meant(default)
    assert type(parameter.default) in (type(meant(default)), float)


def test_identities_are_not_disclosed_unless_the_realm_is_open() -> None:
    assert Realm("r")._disclosure is Disclosure.DENY
    assert Realm("r", permissions=serverwamp.OPEN)._disclosure is Disclosure.ALLOW


def make_application(name: str, value: Any) -> object:
    return Application(**{name: value})


def make_realm(name: str, value: Any) -> object:
    return Realm("r", **{name: value})


def make_binding(name: str, value: Any) -> object:
    return SessionBinding(**{name: value})


def set_up(name: str, value: Any) -> object:
    return setup_wamp(web.Application(), **{name: value})


FLAGS = [
    *((make_application, name) for name in ("debug", "strict_request_ids")),
    *((make_application, name) for name in ("cancel_on_disconnect",)),
    *((make_application, n) for n in ("synchronize_requests", "allow_default_realm")),
    *((make_realm, name) for name in ("strict_uris", "strict_features")),
    (make_realm, "camel_snake_conversion"),
    (set_up, "compress"),
]


@pytest.mark.parametrize(("make", "name"), FLAGS)
@pytest.mark.parametrize("value", ["false", "", 1, 0, None])
def test_a_flag_is_true_or_false(
    make: Callable[[str, object], object], name: str, value: Any
) -> None:
    with pytest.raises(ConfigurationError, match=f"{name}=.*: give True or False"):
        make(name, value)


@pytest.mark.parametrize(
    ("make", "name", "value"),
    [
        (make_realm, "disclosure", "sometimes"),
        (make_realm, "slow_consumer", "drop"),
        (make_realm, "slow_consumer", None),
        (make_realm, "on_slow_consumer", "print"),
        (make_application, "on_slow_consumer", 5),
        (make_binding, "revalidate_interval", 0),
        (make_binding, "revalidate_interval", "60"),
        (set_up, "allowed_origins", ["app.example"]),
        (set_up, "trusted_proxies", ["everybody"]),
    ],
)
def test_what_an_option_does_not_take_is_refused_at_set_up(
    make: Callable[[str, object], object], name: str, value: Any
) -> None:
    with pytest.raises(ConfigurationError, match=name):
        make(name, value)


async def told_later(session: object, report: object) -> None: ...


@pytest.mark.parametrize("make", [make_realm, make_application])
def test_a_hook_is_no_coroutine_function(
    make: Callable[[str, object], object],
) -> None:
    with pytest.raises(ConfigurationError, match="a plain function"):
        make("on_slow_consumer", told_later)


def test_every_limit_of_the_table_is_a_limit_and_can_be_switched_off() -> None:
    limits = {name for name, where, _ in ROWS if where == "Limits"}

    assert limits <= {field.name for field in dataclasses.fields(Limits)}
    for name in limits - {"close_timeout", "shutdown_timeout"}:
        given: dict[str, Any] = {name: None}
        assert getattr(Limits(**given), name) is None
    assert Limits(**dict.fromkeys(limits, 0)).max_sessions == 0
