"""Who is on the way into a realm, and which kicks they have met there.

A kick ends the sessions of somebody. Whoever is between HELLO and WELCOME may turn out
to be meant: by what an authenticator has read before the kick, and says after it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aiohttp_serverwamp.router.peer import Peer

__all__ = ["Joining", "Kick"]


@dataclass(frozen=True, slots=True)
class Kick:
    """Whom to send away, and what they are told."""

    means: Callable[[Peer], bool]
    reason: str
    message: str


class Joining:
    """The sessions that are joining one realm."""

    __slots__ = ("_kicks",)

    def __init__(self) -> None:
        #: The kicks since each of them has come.
        self._kicks: dict[Peer, list[Kick]] = {}

    def __len__(self) -> int:
        """Return how many are joining."""
        return len(self._kicks)

    def add(self, peer: Peer) -> None:
        """Take note of a session that begins to join."""
        self._kicks[peer] = []

    def drop(self, peer: Peer) -> None:
        """Forget a session that has joined, or given up."""
        self._kicks.pop(peer, None)

    def hand_over(self, peer: Peer, other: Joining) -> None:
        """Let a session join another realm; what it has met goes with it."""
        other._kicks[peer] = self._kicks.pop(peer, [])

    def note(self, kick: Kick) -> None:
        """Remember a kick, for those who are joining now."""
        for kicks in self._kicks.values():
            kicks.append(kick)

    def kick_of(self, peer: Peer) -> Kick | None:
        """Return a kick that means a session, as who it has turned out to be."""
        kicks = self._kicks.get(peer, ())
        return next((kick for kick in kicks if kick.means(peer)), None)
