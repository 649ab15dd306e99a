"""A session lasts as long as the identity it has."""

from __future__ import annotations

from typing import Any

import pytest

from aiohttp_serverwamp import Identity, Realm, Session
from tests.conformance.harness import Client, World

GOODBYE = [6, {"message": "your sign-in has expired"}, "wamp.close.expired"]
DAY = 24 * 3600.0


def world_of(seconds: float | None) -> World:
    """Make a world whose clients are ann for so many seconds."""
    realm = Realm("realm1")
    world = World(realm)

    def authenticate(session: Session) -> Identity:
        until = None if seconds is None else world.wall_time() + seconds
        return Identity("ann", expires_at=until)

    realm.add_transport_authenticator(authenticate)
    return world


def joined(world: World) -> Client:
    client = world.connect()
    client.join()
    return client


def renew(client: Client, seconds: float | None) -> None:
    world = client.world
    until = None if seconds is None else world.wall_time() + seconds
    steps = client.session.public().renew(Identity("ann", expires_at=until))
    with pytest.raises(StopIteration):
        steps.send(None)


def test_a_session_ends_when_its_identity_expires_and_no_sooner() -> None:
    client = joined(world := world_of(60))

    world.advance(59)
    assert client.received() == []
    world.advance(2)

    assert client.received() == [GOODBYE]
    client.send([6, {}, "wamp.close.goodbye_and_out"])
    assert client.closed == 4408


def test_an_identity_without_an_end_lasts() -> None:
    client = joined(world := world_of(None))

    world.advance(400 * DAY)

    assert client.received() == []


def test_who_has_expired_already_does_not_get_in() -> None:
    client = world_of(-1).connect()

    client.hello()

    assert client.received() == [
        [
            3,
            {"message": "your sign-in has expired"},
            "wamp.error.authentication_denied",
        ]
    ]


def test_a_renewed_session_lasts_as_long_as_its_new_identity() -> None:
    client = joined(world := world_of(60))
    world.advance(30)
    renew(client, 60)

    world.advance(59)
    assert client.received() == []
    world.advance(2)

    assert client.received() == [GOODBYE]


def test_a_renewed_session_may_end_sooner_or_never() -> None:
    sooner, never = joined(world := world_of(60)), joined(world)
    renew(sooner, 10)
    renew(never, None)

    world.advance(11)
    assert sooner.received() == [GOODBYE]
    world.advance(DAY)
    assert never.received() == []


def test_a_session_that_is_renewed_too_late_ends_with_the_next_deadline() -> None:
    client = joined(world := world_of(60))
    renew(client, -5)

    world.advance(0)

    assert client.received() == [GOODBYE]


def test_a_machine_that_slept_ends_what_has_expired_meanwhile() -> None:
    client = joined(world := world_of(10 * DAY))
    world.wall += 30 * DAY

    world.advance(3601)

    assert client.received() == [GOODBYE]


def test_a_clock_that_was_set_back_lets_the_session_last() -> None:
    client = joined(world := world_of(60))
    world.wall -= 3600

    world.advance(61)
    assert client.received() == []
    world.advance(3600)

    assert client.received() == [GOODBYE]


def test_a_session_that_has_left_has_no_deadline() -> None:
    client = joined(world_of(60))

    client.lose()

    assert len(client.session.deadlines) == 0


@pytest.mark.parametrize("found", ["a record", {"expires_at": 0}])
def test_what_is_no_identity_does_not_expire(found: Any) -> None:
    realm = Realm("realm1")
    realm.add_transport_authenticator(lambda session: found)
    client = joined(world := World(realm))

    world.advance(400 * DAY)

    assert client.received() == []
