"""What a realm says of its traffic: which events may be dropped, how many requests
may come.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp_serverwamp.hosting.route import ProcedureRoute, Route, TopicRoute
from aiohttp_serverwamp.limits import RateLimit, SlowConsumer
from aiohttp_serverwamp.router.rate_limits import RateLimits
from aiohttp_serverwamp.router.slow_consumers import SlowConsumers

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp_serverwamp.router.router import Router
    from aiohttp_serverwamp.uris import Match

__all__ = ["TrafficRules"]


class TrafficRules:
    """The rules of one realm, before it runs and while it does.

    A router is told only of those that there are: others cost it nothing.
    """

    def __init__(
        self, slow_consumer: SlowConsumer | str, rate_limit: RateLimit | str | None
    ) -> None:
        self.slow_consumers = SlowConsumers(SlowConsumer.of(slow_consumer))
        limit = None if rate_limit is None else RateLimit.of(rate_limit)
        self.rate_limits = RateLimits(limit)
        self._router: Router | None = None

    def declare(self, route: Route) -> None:
        """Take what a route says; `permit` under the same key wins."""
        uri = route.uri
        if not isinstance(uri, str):
            return
        if isinstance(route, TopicRoute) and route.slow_consumer is not None:
            policy = SlowConsumer.of(route.slow_consumer)
            self.slow_consumers.set(uri, route.match, policy, explicit=False)
        if isinstance(route, TopicRoute | ProcedureRoute) and route.rate_limit:
            self.rate_limits.set(
                uri,
                route.match,
                RateLimit.of(route.rate_limit),
                calls=isinstance(route, ProcedureRoute),
                publications=isinstance(route, TopicRoute),
                explicit=False,
            )
        self._apply()

    def permit(
        self,
        uri: str,
        match: Match,
        slow_consumer: SlowConsumer | None,
        rate_limit: RateLimit | None,
    ) -> None:
        """Take what is said explicitly of a URI, or of all that match."""
        if slow_consumer is not None:
            self.slow_consumers.set(uri, match, slow_consumer, explicit=True)
        if rate_limit is not None:
            self.rate_limits.set(
                uri, match, rate_limit, calls=True, publications=True, explicit=True
            )
        self._apply()

    def start(self, router: Router, now: Callable[[], float]) -> None:
        """Apply to a router from now on."""
        self._router = router
        self.rate_limits.start(now)
        self._apply()

    def stop(self) -> None:
        """Apply to none any more."""
        self._router = None

    def _apply(self) -> None:
        router = self._router
        if router is None:
            return
        if self.slow_consumers:
            router.broker.slow_consumers = self.slow_consumers
        if self.rate_limits:
            router.rate_limits = self.rate_limits
            # What the router remembers of calls may not hold any more.
            router.permissions.changes += 1
