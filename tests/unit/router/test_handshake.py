"""The walk through a realm's authenticators; for failures see the conformance tests."""

from __future__ import annotations

from typing import Any

import pytest

from aiohttp_serverwamp import OPEN, Identity, Limits, Realm, SessionRejected
from tests.conformance.harness import Client, Gate, World


def realm_with(*authenticators: Any) -> Realm:
    realm = Realm("realm1", permissions=OPEN)
    for authenticator in authenticators:
        realm.add_transport_authenticator(authenticator)
    return realm


def joined(realm: Realm, **details: Any) -> tuple[Client, dict[str, Any]]:
    client = World(realm).connect()
    return client, client.join(**details)


def test_the_first_transport_authenticator_to_name_somebody_wins() -> None:
    asked: list[str] = []

    def nobody(session: Any) -> None:
        asked.append("sync")

    async def nobody_either(session: Any) -> None:
        asked.append("async")

    def somebody(session: Any) -> Identity:
        asked.append("last")
        return Identity("joe")

    def never(session: Any) -> Identity:
        raise AssertionError("asked although somebody was named")

    realm = realm_with(nobody, nobody_either, somebody, never)

    _, details = joined(realm)

    assert asked == ["sync", "async", "last"]
    assert details["authid"] == "joe"


def test_a_transport_authenticator_names_its_method_and_provider() -> None:
    class ByBadge:
        authmethod = "badge"
        authprovider = "door"

        def __call__(self, session: Any) -> Identity:
            return Identity("joe")

    _, details = joined(realm_with(ByBadge()))
    _, other = joined(realm_with(lambda session: Identity("joe")))

    assert (details["authmethod"], details["authprovider"]) == ("badge", "door")
    assert (other["authmethod"], other["authprovider"]) == ("transport", "dynamic")


def test_any_truthy_value_is_an_identity_under_a_random_name() -> None:
    """The client's own authid counts for nothing where it has proved nothing."""
    client, details = joined(realm_with(lambda session: {"user": 5}), authid="root")

    assert client.session.public().identity == {"user": 5}
    assert details["authid"] not in ("", "root")
    assert details["authrole"] == "user"


def test_who_proves_to_be_somebody_is_that() -> None:
    realm = Realm("realm1")
    realm.set_ticket_authenticator(lambda session, ticket: ["any", "value"])
    client = World(realm).connect()
    client.hello(authid="joe", authmethods=["ticket"])
    client.received()

    client.send([5, "secret", {}])

    [welcome] = client.received()
    assert welcome[2]["authid"] == "joe"
    assert welcome[2]["authmethod"] == "ticket"
    assert client.session.public().identity == ["any", "value"]


def test_where_no_transport_authenticator_knows_the_client_it_is_challenged() -> None:
    realm = realm_with(lambda session: None)
    realm.set_ticket_authenticator(lambda session, ticket: Identity("x"))
    client = World(realm).connect()

    client.hello(authid="joe", authmethods=["ticket"])

    assert client.received() == [[4, "ticket", {}]]


def test_with_transport_authenticators_alone_a_stranger_has_to_sign_in() -> None:
    client = World(realm_with(lambda session: None)).connect()

    client.hello(authmethods=["ticket"], authid="joe")

    [abort] = client.received()
    assert abort[2] == "wamp.error.authentication_required"


@pytest.mark.parametrize(
    ("reason", "given"),
    [
        ("shop.error.closed", "shop.error.closed"),
        ("go away", "wamp.error.authentication_failed"),
        ("", "wamp.error.authentication_failed"),
        (5, "wamp.error.authentication_failed"),
    ],
)
def test_an_authenticator_rejects_with_a_uri_or_fails(
    reason: Any, given: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A reason that is no URI does not go out: clients end the session for it."""

    def closed(session: Any) -> Identity:
        raise SessionRejected(reason)

    client = World(realm_with(closed)).connect()

    client.hello()

    [abort] = client.received()
    assert abort[2] == given
    assert bool(caplog.records) is (reason != given)


def test_a_challenge_gives_the_client_its_own_time() -> None:
    """However long HELLO took to be looked at."""
    gate = Gate()

    async def slow(session: Any) -> Any:
        return await gate

    realm = realm_with(slow)
    realm.set_ticket_authenticator(lambda session, ticket: Identity("x"))
    world = World(realm, limits=Limits(auth_timeout=10))
    client = world.connect()
    client.hello(authid="joe", authmethods=["ticket"])
    world.advance(9)
    gate.open(None)
    assert client.received() == [[4, "ticket", {}]]

    world.advance(9)
    client.send([5, "x", {}])

    assert client.received()[0][0] == 2


@pytest.mark.parametrize("off", [0, None])
def test_the_time_to_authenticate_can_be_unlimited(off: int | None) -> None:
    realm = realm_with(lambda session: Gate())
    client = World(realm, limits=Limits(auth_timeout=off)).connect()
    client.hello()

    client.world.advance(10**6)

    assert client.closed is None


def test_only_features_that_matter_and_are_true_are_kept() -> None:
    client = World().connect()
    features = {"call_canceling": True, "call_timeout": False, "teleport": True}

    client.hello(roles={"callee": {"features": features}, "caller": {}})

    assert client.session.supports("callee", "call_canceling")
    assert not client.session.supports("callee", "call_timeout")
    assert not client.session.supports("caller", "call_canceling")
    assert len(client.session.features) == 1
