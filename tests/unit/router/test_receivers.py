"""receiver_filter: None where the cheap way will do, else a test for each peer."""

from __future__ import annotations

from typing import Any

import pytest

from aiohttp_serverwamp.router.peer import Peer
from aiohttp_serverwamp.router.receivers import receiver_filter


def peer(number: int, authid: str = "joe", authrole: str = "user") -> Peer:
    made = Peer()
    made.id, made.authid, made.authrole = number, authid, authrole
    return made


@pytest.mark.parametrize("options", [{}, {"exclude_me": True}, {"acknowledge": True}])
def test_the_common_case_needs_no_test_for_each_peer(options: dict[str, Any]) -> None:
    assert receiver_filter(peer(1), options) is None


@pytest.mark.parametrize(
    ("options", "receivers"),
    [
        ({"exclude_me": False}, [1, 2, 3]),
        ({"eligible": [1, 2]}, [2]),
        ({"eligible": [1, 2], "exclude_me": False}, [1, 2]),
        ({"exclude": [2]}, [3]),
        ({"eligible_authid": ["ann"], "eligible_authrole": ["user"]}, []),
        ({"eligible_authid": ["ann"], "eligible_authrole": ["admin"]}, [3]),
        ({"exclude_authid": []}, [2, 3]),
        ({"eligible": []}, []),
    ],
)
def test_every_condition_has_to_hold(
    options: dict[str, Any], receivers: list[int]
) -> None:
    peers = [peer(1), peer(2), peer(3, "ann", "admin")]

    receives = receiver_filter(peers[0], options)

    assert receives is not None
    assert [each.id for each in peers if receives(each)] == receivers
