"""Who is on the way into a realm, and which kicks they have met on it.

A kick ends the sessions of somebody in one realm. Whoever is between HELLO and WELCOME
may turn out to be meant: by what an authenticator has read before the kick, and says
after it. Which realm they will join is not certain either before that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aiohttp_serverwamp.router.peer import Peer
    from aiohttp_serverwamp.router.router import Router
    from aiohttp_serverwamp.router.session import RouterSession

__all__ = ["Joining", "Kick"]


@dataclass(frozen=True, slots=True)
class Kick:
    """Whom to send away from which realm, and what they are told."""

    #: That realm's.
    router: Router
    means: Callable[[Peer], bool]
    reason: str
    message: str


class Joining:
    """The sessions that are joining the realms of one application."""

    __slots__ = ("_kicks",)

    def __init__(self) -> None:
        #: The kicks since each of them has come.
        self._kicks: dict[RouterSession, list[Kick]] = {}

    def __len__(self) -> int:
        """Return how many are joining."""
        return len(self._kicks)

    def at(self, router: Router) -> int:
        """Return how many are joining one realm, as far as is known."""
        return sum(peer.router is router for peer in self._kicks)

    def add(self, peer: RouterSession) -> None:
        """Take note of a session that begins to join."""
        self._kicks[peer] = []

    def drop(self, peer: RouterSession) -> None:
        """Forget a session that has joined, or given up."""
        self._kicks.pop(peer, None)

    def note(self, kick: Kick) -> None:
        """Remember a kick, for those who are joining now."""
        for kicks in self._kicks.values():
            kicks.append(kick)

    def kick_of(self, peer: RouterSession) -> Kick | None:
        """Return a kick that means a session, as who it has turned out to be."""
        met = self._kicks.get(peer, ())
        kicks = (kick for kick in met if kick.router is peer.router)
        return next((kick for kick in kicks if kick.means(peer)), None)
