"""Who receives a publication: exclusion, black- and whitelists (6.3, 6.4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from aiohttp_serverwamp.router.peer import Peer

__all__ = ["LaterReceivers", "receiver_filter"]

_ID: Final = attrgetter("id")
_AUTHID: Final = attrgetter("authid")
_AUTHROLE: Final = attrgetter("authrole")

#: What of the subscriber is looked up, where, and whether those found receive.
_List: TypeAlias = "tuple[Callable[[Peer], Any], frozenset[Any], bool]"

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
    lists = _lists(options)
    exclude_me = options.get("exclude_me", True)
    if not lists and exclude_me:
        return None

    def receives(peer: Peer) -> bool:
        if exclude_me and peer is publisher:
            return False
        return _on_lists(peer, lists)

    return receives


class LaterReceivers:
    """Who would have received a publication, asked when it is over (REQ-PUB-059).

    The publisher is known by its id: its session may have ended by then.
    """

    __slots__ = ("_excluded", "_lists")

    def __init__(self, publisher: Peer, options: Mapping[str, Any]) -> None:
        exclude_me = options.get("exclude_me", True)
        self._excluded = publisher.id if exclude_me else None
        self._lists = [
            (of, listed, admits)
            for of, listed, admits in _lists(options)
            if listed or admits
        ]

    @property
    def restricted(self) -> bool:
        """Whether a white- or blacklist keeps anybody out."""
        return bool(self._lists)

    def admit(self, peer: Peer) -> bool:
        """Tell whether `peer` would have received it."""
        return peer.id != self._excluded and _on_lists(peer, self._lists)


def _lists(options: Mapping[str, Any]) -> list[_List]:
    return [
        (of, frozenset(options[name]), admits)
        for name, (of, admits) in _LISTS.items()
        if name in options
    ]


def _on_lists(peer: Peer, lists: list[_List]) -> bool:
    return all((of(peer) in listed) is admits for of, listed, admits in lists)
