"""Statements of section 4.2: what errors of the router look like."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest

from aiohttp_serverwamp import OPEN, Limits, Realm, RPCRouteSet
from tests.conformance.harness import Client, World

#: The catalogue of section 4.1, those that are carried in ERROR.
PREDEFINED: Final = {
    f"wamp.error.{name}"
    for name in (
        "invalid_uri",
        "no_such_procedure",
        "procedure_already_exists",
        "no_such_registration",
        "no_such_subscription",
        "invalid_argument",
        "canceled",
        "timeout",
        "payload_size_exceeded",
        "network_failure",
        "feature_not_supported",
        "unavailable",
        "no_available_callee",
        "option_disallowed.disclose_me",
        "not_authorized",
        "authorization_failed",
    )
}


def denying() -> World:
    realm = Realm("realm1", permissions=OPEN, disclosure="deny")
    realm.permit("com.denied", call=False, publish=False, register=False)
    return World(realm, limits=Limits(max_subscriptions=1))


def calling(end: Callable[[World, Client, Client], object]) -> Callable[[World], Any]:
    """Return what makes a call that ends in some way, and the caller's last answer."""

    def play(world: World) -> Any:
        caller, callee = world.join(), world.join()
        callee.register("com.p")
        caller.send([48, 1, {"timeout": 5}, "com.p"])
        callee.received()
        end(world, caller, callee)
        return caller.received()[-1]

    return play


def asking(*messages: list[Any]) -> Callable[[World], Any]:
    """Return what sends some messages; the answer to the last one counts."""

    def play(world: World) -> Any:
        client = world.join()
        for message in messages:
            client.send(message)
        return client.received()[-1]

    return play


FAILURES: Final[dict[str, tuple[Callable[[World], Any], str]]] = {
    "no procedure": (asking([48, 1, {}, "com.none"]), "no_such_procedure"),
    "malformed": (asking([48, 1, {}, "com..none"]), "invalid_uri"),
    "reserved": (asking([64, 1, {}, "wamp.x"]), "invalid_uri"),
    "registered": (
        asking([64, 1, {}, "com.p"], [64, 2, {}, "com.p"]),
        "procedure_already_exists",
    ),
    "no registration": (asking([66, 1, 7]), "no_such_registration"),
    "no subscription": (asking([34, 1, 7]), "no_such_subscription"),
    "denied": (asking([48, 1, {}, "com.denied"]), "not_authorized"),
    "denied publication": (
        asking([16, 1, {"acknowledge": True}, "com.denied"]),
        "not_authorized",
    ),
    "undisclosed": (
        asking([64, 1, {}, "com.p"], [48, 2, {"disclose_me": True}, "com.p"]),
        "option_disallowed.disclose_me",
    ),
    "too many": (asking([32, 1, {}, "com.t"], [32, 2, {}, "com.u"]), "unavailable"),
    "cancelled": (
        calling(lambda world, caller, _: caller.send([49, 1, {}])),
        "canceled",
    ),
    "callee lost": (calling(lambda world, _, callee: callee.lose()), "canceled"),
    "callee left": (
        calling(lambda world, _, callee: callee.end("GOODBYE")),
        "canceled",
    ),
    "timeout": (calling(lambda world, *_: world.advance(1)), "timeout"),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_errors_of_the_router_are_predefined_and_say_why(failure: str) -> None:
    """REQ-ERR-001, 002, 003, 004; REQ-MSG-020: details are a dict, a text follows."""
    play, uri = FAILURES[failure]

    code, _, _, details, error, args = play(denying())

    assert (code, details) == (8, {})
    assert error == f"wamp.error.{uri}"
    assert error in PREDEFINED
    assert isinstance(args[0], str)
    assert args[0]


def test_what_may_not_be_called_is_not_said_to_exist() -> None:
    """REQ-ERR-005: permission is asked before anybody looks."""
    api = RPCRouteSet()
    api.route("com.there", roles=["admin"])(lambda: 1)
    realm = Realm("realm1")
    realm.add_routes(api)
    realm.permit("com.not.there", call=True, roles=["admin"])
    client = World(realm).join()

    answers = [
        client.request([48, 1, {}, uri])[4:] for uri in ("com.there", "com.not.there")
    ]

    assert [answer[0] for answer in answers] == ["wamp.error.not_authorized"] * 2
    assert [answer[1][0].replace("com.not.", "com.") for answer in answers][
        0:1
    ] * 2 == [answer[1][0].replace("com.not.", "com.") for answer in answers]
