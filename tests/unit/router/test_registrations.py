"""Registrations: whose turn it is, private ones, and fallbacks."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

import pytest

from aiohttp_serverwamp.errors import (
    NoSuchRegistration,
    ProcedureAlreadyExists,
    Unavailable,
)
from aiohttp_serverwamp.messages import InvokePolicy
from aiohttp_serverwamp.router.peer import Peer
from aiohttp_serverwamp.router.registrations import (
    Callee,
    Registration,
    Registrations,
)
from aiohttp_serverwamp.uris import Match


class Trusted(Peer):
    trusted = True


def last(callees: Sequence[Callee]) -> Callee:
    return callees[-1]


def shared(policy: InvokePolicy, *peers: Peer) -> tuple[Registrations, Registration]:
    registrations = Registrations(None)
    for peer in peers:
        registrations.add(Callee(peer), "a", Match.EXACT, policy)
    registration = registrations.best("a")
    assert registration is not None
    return registrations, registration


def test_a_random_choice_is_left_to_whoever_was_given() -> None:
    peers = [Peer(), Peer(), Peer()]
    _, registration = shared(InvokePolicy.RANDOM, *peers)

    assert registration.choose(last).peer is peers[2]


@pytest.mark.parametrize("seed", range(50))
def test_round_robin_is_fair_whoever_comes_and_goes(seed: int) -> None:
    """Nobody is asked twice before all that stay were asked once."""
    chance = random.Random(seed)
    registrations, registration = shared(
        InvokePolicy.ROUNDROBIN, *(Peer() for _ in range(5))
    )
    since: list[Peer] = []
    for _ in range(100):
        present = [callee.peer for callee in registration.callees]
        if len(present) > 2 and chance.random() < 0.2:
            gone = chance.choice(present)
            registrations.remove(gone, registration.id)
            present.remove(gone)
            since = [peer for peer in since if peer is not gone]
        chosen = registration.choose(last).peer
        if chosen in since:
            assert set(since) == set(present)
            since = []
        since.append(chosen)


def test_an_own_registration_is_found_by_its_peer_only() -> None:
    registrations, peer = Registrations(None), Peer()

    registration = registrations.add_own(Callee(peer), "a")

    assert registrations.best("a") is None
    assert [*registrations] == []
    assert peer.dealing.own == {"a": registration}
    with pytest.raises(ProcedureAlreadyExists):
        registrations.add_own(Callee(peer), "a")
    registrations.remove(peer, registration.id)
    assert peer.dealing.own == {}
    assert peer.dealing.registrations == {}


def test_own_and_shared_registrations_of_one_uri_live_side_by_side() -> None:
    registrations, peer = Registrations(None), Peer()
    own = registrations.add_own(Callee(peer), "a")
    open_one = registrations.add(Callee(peer), "a", Match.EXACT, InvokePolicy.SINGLE)

    registrations.remove(peer, open_one.id)

    assert registrations.best("a") is None
    assert peer.dealing.own == {"a": own}


def test_the_application_is_not_limited() -> None:
    registrations = Registrations(1)
    client, application = Peer(), Trusted()

    for uri in ("a", "b"):
        registrations.add(Callee(application), uri, Match.EXACT, InvokePolicy.SINGLE)
    registrations.add_own(Callee(client), "c")

    with pytest.raises(Unavailable):
        registrations.add(Callee(client), "d", Match.EXACT, InvokePolicy.SINGLE)


def test_nobody_ends_what_is_not_theirs() -> None:
    registrations, registration = shared(InvokePolicy.SINGLE, Peer())

    with pytest.raises(NoSuchRegistration):
        registrations.remove(Peer(), registration.id)

    assert registrations.best("a") is registration


def test_fallbacks_match_the_whole_uri_in_the_order_added() -> None:
    registrations, application = Registrations(None), Trusted()
    for pattern in ("a", "a.*", ".*"):
        registrations.add_fallback(Callee(application), re.compile(pattern), None)

    found = [registrations.fallback(uri) for uri in ("a", "ab", "b", "ba", "\n")]

    assert [each and each.uri for each in found] == ["a", "a.*", ".*", ".*", None]


def test_of_the_routers_own_uris_only_trusted_patterns_take_calls() -> None:
    registrations = Registrations(None)
    client, application = Callee(Peer()), Callee(Trusted())
    registrations.add(client, "wamp.s", Match.PREFIX, InvokePolicy.SINGLE)
    assert registrations.best("wamp.session") is None

    mine = registrations.add(application, "", Match.PREFIX, InvokePolicy.SINGLE)

    assert registrations.best("wamp.session") is mine
