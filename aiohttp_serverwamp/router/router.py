"""One realm's live router: its broker, its dealer, who is joined, and the run queue.

Broker and dealer commit their state and write to remote peers at once. What they send
to hosted code goes through the run queue instead, which is drained when the outermost
operation returns: hosted code may publish and call as it likes, and never sees, or
changes, a half-finished operation. Without that, a handler that publishes while the
broker is still looping would give two receivers two orders.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar

from aiohttp_serverwamp.router.broker import Broker
from aiohttp_serverwamp.router.dealer import Dealer
from aiohttp_serverwamp.router.decisions import DecisionCache
from aiohttp_serverwamp.router.disclosure import Disclosure
from aiohttp_serverwamp.router.feature_gates import FeatureGates
from aiohttp_serverwamp.router.joining import Joining
from aiohttp_serverwamp.router.meta.api import MetaAPI
from aiohttp_serverwamp.router.meta.events import MetaEvents
from aiohttp_serverwamp.router.plain_calls import PlainCalls
from aiohttp_serverwamp.router.states import Departure
from aiohttp_serverwamp.router.tally import Tally
from aiohttp_serverwamp.router.testaments import Testaments, publish_last
from aiohttp_serverwamp.router.trust import Trust
from aiohttp_serverwamp.router.uri_checks import URIChecks

if TYPE_CHECKING:
    from aiohttp_serverwamp.interfaces import TaskRunner
    from aiohttp_serverwamp.limits import Limits
    from aiohttp_serverwamp.observability.observers import Observers
    from aiohttp_serverwamp.router.authorization import Permissions
    from aiohttp_serverwamp.router.decisions import Authorizer
    from aiohttp_serverwamp.router.host import HostedTopics
    from aiohttp_serverwamp.router.rate_limits import RateLimits
    from aiohttp_serverwamp.router.registrations import Choose
    from aiohttp_serverwamp.router.session import RouterSession

__all__ = ["Router"]

logger = logging.getLogger("aiohttp_serverwamp.router")

#: Said of what broker or dealer have handed to hosted code.
_FAILED: Final = "realm code failed outside of its handlers"

P = ParamSpec("P")
T = TypeVar("T")


class Router:
    """The live part of one realm.

    Everything that changes it enters through `run`.
    """

    def __init__(
        self,
        *,
        limits: Limits,
        permissions: Permissions,
        now: Callable[[], float],
        wall_time_ns: Callable[[], int],
        choose: Choose,
        new_id: Callable[[], int],
        disclosure: Disclosure = Disclosure.DENY,
        strict_uris: bool = False,
        strict_features: bool = False,
        joining: Joining | None = None,
        observers: Observers | None = None,
        uri: str = "",
    ) -> None:
        self.permissions = permissions
        self.authorizer: Authorizer | None = None
        self.tally = tally = Tally(observers, realm=uri, rule_of=permissions.governing)
        self.decisions = DecisionCache()
        uri_checks = URIChecks(limits, strict=strict_uris)
        self.trust = Trust()
        gates = FeatureGates(strict=strict_features)
        self._watcher = watcher = MetaEvents(self, wall_time_ns)
        self.broker = Broker(
            limits,
            uri_checks,
            disclosure,
            self.trust,
            gates,
            new_id=new_id,
            watcher=watcher,
            tally=tally,
        )
        self.dealer = Dealer(
            limits,
            uri_checks,
            disclosure,
            self.trust,
            gates,
            now=now,
            choose=choose,
            watcher=watcher,
            tally=tally,
        )
        #: How many requests clients may make, if that is limited.
        self.rate_limits: RateLimits | None = None
        #: Hosted code that takes part in clients' subscriptions.
        self.hosted_topics: HostedTopics | None = None
        #: Owner of what is waited for when a session has gone.
        self.tasks: TaskRunner | None = None
        self.testaments = Testaments(limits)
        #: Those on the way in, here or elsewhere in the same application.
        self.joining = Joining() if joining is None else joining
        #: Remote sessions by id, in the order they joined.
        self.sessions: dict[int, RouterSession] = {}
        self._run_queue: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()
        #: Whether an operation is running, or hosted code that it has called.
        self.running = False
        self.plain_calls = PlainCalls(self)
        self.meta = MetaAPI(self, new_id())

    def run(self, operation: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do one router operation, then deliver what it sent to hosted code.

        Nested operations run at once and leave the delivery to the outermost one.
        """
        # Hot path.
        if self.running:
            return operation(*args, **kwargs)
        self.running = True
        try:
            return operation(*args, **kwargs)
        finally:
            try:
                if self._run_queue:
                    self._deliver()
            finally:
                self.running = False

    def _deliver(self) -> None:
        # Hot path.
        queue = self._run_queue
        while queue:
            deliver, arguments = queue.popleft()
            try:
                deliver(*arguments)
            except Exception:
                # Not the fault of whoever's operation this is, and no reason to leave
                # undelivered what is queued behind it.
                logger.exception(_FAILED)

    def later(self, deliver: Callable[..., object], *args: Any) -> None:
        """Deliver to hosted code once the running operation is over.

        At once when none is running. What `deliver` raises is logged.
        """
        # Hot path.
        if self.running:
            self._run_queue.append((deliver, args))
            return
        self.running = True
        try:
            deliver(*args)
        except Exception:
            logger.exception(_FAILED)
        finally:
            try:
                if self._run_queue:
                    self._deliver()
            finally:
                self.running = False

    def join(self, peer: RouterSession) -> None:
        """Add a remote session that has been welcomed."""
        self.joining.drop(peer)
        self.sessions[peer.id] = peer
        self.tally.session_joined(peer)
        self._watcher.joined(peer)

    def leave(self, peer: RouterSession, departure: Departure = Departure.TOLD) -> None:
        """Remove a session with all that it holds (REQ-SES-041 to 046).

        The others hear of it what `departure` says (REQ-SES-047).
        """
        self.joining.drop(peer)
        if self.sessions.pop(peer.id, None) is None:
            return
        self.broker.leave(peer)
        self.dealer.leave(peer)
        self.decisions.drop(peer)
        if self.rate_limits is not None:
            self.rate_limits.forget(peer)
        self.tally.take(peer)
        testaments = self.testaments.take(peer)
        told = departure is Departure.TOLD
        done = partial(self._watcher.left, peer) if told else _nothing
        if testaments and departure is not Departure.UNTOLD:
            self.later(publish_last, peer, testaments, done)
        else:
            done()


def _nothing() -> None:
    """Do nothing: what nobody is to hear of."""
