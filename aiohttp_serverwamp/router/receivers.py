"""Who receives a publication: exclusion, black- and whitelists (6.3, 6.4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from aiohttp_serverwamp.router.peer import Peer

__all__ = ["receiver_filter"]

_ID: Final = attrgetter("id")
_AUTHID: Final = attrgetter("authid")
_AUTHROLE: Final = attrgetter("authrole")

#: Option → what of the subscriber it lists, and whether the listed ones receive.
_LISTS: Final = {
    "exclude": (_ID, False),
    "exclude_authid": (_AUTHID, False),
    "exclude_authrole": (_AUTHROLE, False),
    "eligible": (_ID, True),
    "eligible_authid": (_AUTHID, True),
    "eligible_authrole": (_AUTHROLE, True),
}


def receiver_filter(
    publisher: Peer, options: Mapping[str, Any]
) -> Callable[[Peer], bool] | None:
    """Return a test for receivers, or None when only the publisher is excluded.

    All conditions given must hold; an empty whitelist admits nobody (REQ-PUB-021 to
    031).
    """
    # Hot path: most publications have no options at all.
    if not options:
        return None
    lists = [
        (of, frozenset(options[name]), admits)
        for name, (of, admits) in _LISTS.items()
        if name in options
    ]
    exclude_me = options.get("exclude_me", True)
    if not lists and exclude_me:
        return None

    def receives(peer: Peer) -> bool:
        if exclude_me and peer is publisher:
            return False
        return all((of(peer) in listed) is admits for of, listed, admits in lists)

    return receives
