"""Statements of sections 5.7 and 6.6: how far callers and publishers are trusted."""

from __future__ import annotations

from typing import Any

import pytest

from aiohttp_serverwamp import OPEN, Realm
from tests.conformance.harness import Client, World


def level(session: Any, action: str, uri: str) -> int | None:
    """Trust by role, action and URI; say nothing of what is not secret."""
    if not uri.startswith("com.secret"):
        return None
    return {"staff": 7, "guest": 0}[session.authrole] + (action == "publish")


def clients(role: str) -> tuple[Client, Client]:
    realm = Realm("realm1", permissions=OPEN)
    realm.set_trust_levels(level)
    world = World(realm)
    return world.join(authid="ann", authrole=role), world.join()


@pytest.mark.parametrize(("role", "trusted"), [("staff", 7), ("guest", 0)])
def test_a_callee_is_told_how_far_a_call_is_trusted(role: str, trusted: int) -> None:
    """REQ-RPC-105, 106: whatever the caller says of itself."""
    caller, callee = clients(role)
    secret, open_ = callee.register("com.secret"), callee.register("com.open", 902)

    caller.send([48, 1, {"trustlevel": 99}, "com.secret"])
    caller.send([48, 2, {"trustlevel": 99}, "com.open"])

    assert callee.received() == [
        [68, 1, secret, {"trustlevel": trusted}],
        [68, 2, open_, {}],
    ]


@pytest.mark.parametrize(("role", "trusted"), [("staff", 8), ("guest", 1)])
def test_subscribers_are_told_how_far_a_publication_is_trusted(
    role: str, trusted: int
) -> None:
    """REQ-PUB-036."""
    publisher, subscriber = clients(role)
    subscriber.subscribe("com.secret")
    subscriber.subscribe("com.open", 902)

    publisher.send([16, 1, {"trustlevel": 99}, "com.secret"])
    publisher.send([16, 2, {"trustlevel": 99}, "com.open"])

    assert [event[3] for event in subscriber.received()] == [
        {"trustlevel": trusted},
        {},
    ]


@pytest.mark.usefixtures("allow_logged_errors")
@pytest.mark.parametrize("answer", [-1, "high", True, KeyError("no such role")])
def test_who_cannot_be_judged_is_trusted_least(answer: Any) -> None:
    """REQ-RPC-105: 0 is the lowest trust."""

    def fails(session: Any, action: str, uri: str) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    caller, callee = clients("staff")
    caller.world.realm.set_trust_levels(fails)
    registration = callee.register("com.p")

    caller.send([48, 1, {}, "com.p"])

    assert callee.received() == [[68, 1, registration, {"trustlevel": 0}]]
