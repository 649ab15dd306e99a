"""Retention against an oracle that keeps every publication and looks through all."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from aiohttp_serverwamp.limits import Limits
from aiohttp_serverwamp.messages import Publish
from aiohttp_serverwamp.router.peer import Peer
from aiohttp_serverwamp.router.receivers import receiver_filter
from aiohttp_serverwamp.router.retention import Retention
from aiohttp_serverwamp.uris import Match
from tests.property.test_uri_index import keys, matching, uris

PEOPLE = [("ann", "user"), ("bob", "user"), ("eve", "admin")]
LISTS: dict[str, list[Any]] = {
    "eligible": [1, 2, 3],
    "exclude": [1, 2, 3],
    "eligible_authid": ["ann", "bob"],
    "exclude_authid": ["ann", "bob"],
    "eligible_authrole": ["user", "admin"],
    "exclude_authrole": ["user", "admin"],
}


def people() -> list[Peer]:
    made = []
    for number, (authid, authrole) in enumerate(PEOPLE, 1):
        peer = Peer()
        peer.id, peer.authid, peer.authrole = number, authid, authrole
        made.append(peer)
    return made


options = st.fixed_dictionaries(
    {},
    optional={
        "exclude_me": st.booleans(),
        **{
            name: st.lists(st.sampled_from(values), unique=True, max_size=2)
            for name, values in LISTS.items()
        },
    },
)
#: Few enough that no topic has more with lists than it keeps.
publications = st.lists(
    st.tuples(uris, st.integers(min_value=0, max_value=2), options), max_size=15
)


def receives(peer: Peer, publisher: Peer, given: dict[str, Any]) -> bool:
    test = receiver_filter(publisher, given)
    return peer is not publisher if test is None else test(peer)


def for_everybody(given: dict[str, Any]) -> bool:
    return not any(
        name in given and (given[name] or name.startswith("eligible")) for name in LISTS
    )


@given(publications, keys, st.integers(min_value=0, max_value=2))
def test_a_subscriber_gets_what_a_look_at_every_publication_finds(
    published: list[tuple[str, int, dict[str, Any]]], key: tuple[str, Match], who: int
) -> None:
    peers = people()
    retention = Retention(Limits())
    history: dict[str, list[tuple[int, Peer, dict[str, Any]]]] = {}
    for number, (topic, by, asked) in enumerate(published, 1):
        retention.retain(peers[by], number, Publish(1, asked, topic), {})
        history.setdefault(topic, []).append((number, peers[by], asked))

    expected = []
    for topic, events in history.items():
        if not matching(key, topic):
            continue
        for number, publisher, asked in reversed(events):
            if receives(peers[who], publisher, asked):
                expected.append(number)
                break
            if for_everybody(asked):
                break  # in the place of all before it
    found = retention.events_for(peers[who], *key)

    assert [event.publication for event in found] == sorted(expected)
    matched = {topic for topic in history if matching(key, topic)}
    assert retention.clear(*key) == len(matched)
    assert len(retention) == len(history.keys() - matched)
