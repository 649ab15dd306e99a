"""The meta events: who comes and goes, and what they hold (6.14, 6.16, 6.17).

They wait in the run queue until the operation that causes them is over. So SUBSCRIBED
and REGISTERED come first (REQ-META-048), and the order is that of what has happened.
What nobody listens to costs a look into the index.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from aiohttp_serverwamp.messages import Publish
from aiohttp_serverwamp.router.meta.details import (
    registration_details,
    session_details,
    subscription_details,
)
from aiohttp_serverwamp.router.watcher import Watcher
from aiohttp_serverwamp.uris import is_reserved

if TYPE_CHECKING:
    from aiohttp_serverwamp.router.broker import Subscription
    from aiohttp_serverwamp.router.peer import Peer
    from aiohttp_serverwamp.router.registrations import Registration
    from aiohttp_serverwamp.router.router import Router
    from aiohttp_serverwamp.router.session import RouterSession

__all__ = ["MetaEvents"]

ON_JOIN: Final = "wamp.session.on_join"
ON_LEAVE: Final = "wamp.session.on_leave"


class MetaEvents(Watcher):
    """Publishes what happens in one realm."""

    def __init__(self, router: Router, wall_time_ns: Callable[[], int]) -> None:
        self._router = router
        self._wall_time_ns = wall_time_ns

    def joined(self, session: RouterSession) -> None:
        """Publish on_join (REQ-META-018)."""
        if self._heard(ON_JOIN):
            self._tell(ON_JOIN, session_details(session))

    def left(self, session: RouterSession) -> None:
        """Publish on_leave (REQ-META-019)."""
        self._tell(ON_LEAVE, session.id, session.authid, session.authrole)

    def subscribed(self, peer: Peer, subscription: Subscription) -> None:
        """Publish on_create for the first, and on_subscribe (REQ-META-042, 045)."""
        if is_reserved(subscription.uri):
            return
        if subscription.audience == 1:
            subscription.created = self._wall_time_ns()
            if self._heard("wamp.subscription.on_create"):
                details = subscription_details(subscription)
                self._tell("wamp.subscription.on_create", peer.id, details)
        self._tell("wamp.subscription.on_subscribe", peer.id, subscription.id)

    def unsubscribed(self, peer: Peer, subscription: Subscription) -> None:
        """Publish on_unsubscribe, and on_delete for the last (REQ-META-043, 044)."""
        if is_reserved(subscription.uri):
            return
        self._tell("wamp.subscription.on_unsubscribe", peer.id, subscription.id)
        if not subscription.audience:
            self._tell("wamp.subscription.on_delete", peer.id, subscription.id)

    def registered(self, peer: Peer, registration: Registration) -> None:
        """Publish on_create for the first, and on_register (REQ-META-033)."""
        if is_reserved(registration.uri):
            return
        if len(registration.callees) == 1:
            registration.created = self._wall_time_ns()
            if self._heard("wamp.registration.on_create"):
                details = registration_details(registration)
                self._tell("wamp.registration.on_create", peer.id, details)
        self._tell("wamp.registration.on_register", peer.id, registration.id)

    def unregistered(self, peer: Peer, registration: Registration) -> None:
        """Publish on_unregister, and on_delete for the last (REQ-META-034, 035)."""
        if is_reserved(registration.uri):
            return
        self._tell("wamp.registration.on_unregister", peer.id, registration.id)
        if not registration.callees:
            self._tell("wamp.registration.on_delete", peer.id, registration.id)

    def _heard(self, topic: str) -> bool:
        """Tell whether anybody would get the event."""
        return bool(self._router.broker.matching(topic))

    def _tell(self, topic: str, *args: Any) -> None:
        """Publish once the running operation is over."""
        if self._heard(topic):
            message = Publish(1, {}, topic, [*args])
            self._router.later(self._router.broker.publish, self._router.meta, message)
