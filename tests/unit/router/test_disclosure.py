"""Disclosure: one policy of a realm for callers and publishers."""

from __future__ import annotations

from typing import Any

import pytest

from aiohttp_serverwamp.errors import DisclosureNotAllowed
from aiohttp_serverwamp.router.disclosure import Disclosure
from aiohttp_serverwamp.router.peer import Peer


class Trusted(Peer):
    trusted = True


@pytest.mark.parametrize(
    ("policy", "asked", "applies"),
    [
        (Disclosure.DENY, False, False),
        (Disclosure.ALLOW, False, False),
        (Disclosure.ALLOW, True, True),
        (Disclosure.FORCE, False, True),
        (Disclosure.FORCE, True, True),
    ],
)
def test_the_policy_and_the_wish_decide(
    policy: Disclosure, asked: bool, applies: bool
) -> None:
    assert policy.applies(Peer(), asked=asked) is applies


def test_denying_forbids_to_ask_but_not_to_the_application() -> None:
    with pytest.raises(DisclosureNotAllowed):
        Disclosure.DENY.applies(Peer(), asked=True)

    assert Disclosure.DENY.applies(Trusted(), asked=True)


def test_what_is_disclosed_carries_the_role_in_its_names() -> None:
    peer, details = Peer(), dict[str, Any]()
    peer.id, peer.authid, peer.authrole = 5, "joe", "user"

    Disclosure.disclose(details, "caller", peer)

    assert details == {"caller": 5, "caller_authid": "joe", "caller_authrole": "user"}
