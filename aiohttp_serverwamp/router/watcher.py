"""Who is told what changes in a realm, after it has changed: the meta API.

What the application tells its observers is another matter; see `router.tally`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aiohttp_serverwamp.router.broker import Subscription
    from aiohttp_serverwamp.router.peer import Peer
    from aiohttp_serverwamp.router.registrations import Registration
    from aiohttp_serverwamp.router.session import RouterSession

__all__ = ["Watcher"]


class Watcher:
    """Hears of sessions, subscriptions and registrations; this one does nothing."""

    def joined(self, session: RouterSession) -> None:
        """Take note of a session that was welcomed."""

    def left(self, session: RouterSession) -> None:
        """Take note of a session that has gone, with all that it held."""

    def subscribed(self, peer: Peer, subscription: Subscription) -> None:
        """Take note of a subscriber that was told so, or is about to be."""

    def unsubscribed(self, peer: Peer, subscription: Subscription) -> None:
        """Take note that such a subscriber has gone."""

    def registered(self, peer: Peer, registration: Registration) -> None:
        """Take note of a callee; not of a private one, nor of fallbacks."""

    def unregistered(self, peer: Peer, registration: Registration) -> None:
        """Take note that such a callee has gone."""
