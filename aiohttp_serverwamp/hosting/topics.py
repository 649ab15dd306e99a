"""The hosted topics of one realm: which handlers accompany which subscription."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp_serverwamp.hosting.lifespans import Life, LifeHandler
from aiohttp_serverwamp.router.patterns import intersect
from aiohttp_serverwamp.router.uri_index import UriIndex
from aiohttp_serverwamp.uris import Match

if TYPE_CHECKING:
    from re import Pattern

    from aiohttp_serverwamp.hosting.runtime import Runtime
    from aiohttp_serverwamp.hosting.session import Session
    from aiohttp_serverwamp.router.session import RouterSession

__all__ = ["HostedTopics", "Occasion"]


@dataclass(frozen=True, slots=True)
class Occasion:
    """What a subscription or lifespan handler can be given."""

    session: Session
    #: The topic or pattern subscribed to; empty for lifespan handlers.
    topic_uri: str = ""


@dataclass(frozen=True, slots=True)
class _Fallback:
    pattern: Pattern[str]
    roles: frozenset[str] | None
    handler: LifeHandler | None


class HostedTopics:
    """Implements `router.host.HostedTopics` for the topic routes of a realm."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        # False: a topic that was declared without a handler.
        self._routes: UriIndex[LifeHandler | bool] = UriIndex()
        self._fallbacks: list[_Fallback] = []

    def add(self, uri: str, match: Match, handler: LifeHandler | None) -> None:
        """Add a route with its handler, or a declared topic without one."""
        self._routes.set(uri, match, handler or False)

    def add_fallback(
        self,
        pattern: Pattern[str],
        roles: frozenset[str] | None,
        handler: LifeHandler | None,
    ) -> None:
        """Add an expression, tried after all routes and in the order added."""
        self._fallbacks.append(_Fallback(pattern, roles, handler))

    def admits(self, session: RouterSession, uri: str, match: Match) -> bool:
        """Tell whether a fallback lets this session subscribe to the topic."""
        fallback = self._fallback(uri) if match is Match.EXACT else None
        return fallback is not None and (
            fallback.roles is None or session.authrole in fallback.roles
        )

    def life(self, session: RouterSession, uri: str, match: Match) -> Life | None:
        """Return what accompanies this subscription, or None."""
        handlers = self._handlers(uri, match)
        if not handlers:
            return None
        assert session.tasks is not None, (
            "a wire peer always has its connection's tasks"
        )
        occasion = Occasion(session.public(), uri)
        return Life(self._runtime, session.tasks, handlers, occasion)

    def _handlers(self, uri: str, match: Match) -> Sequence[LifeHandler]:
        if match is not Match.EXACT:
            # The events of all these topics arrive on one subscription: whatever stands
            # guard over one of them has its say.
            return [
                handler
                for route_uri, route_match, handler in self._routes
                if isinstance(handler, LifeHandler)
                and intersect(route_uri, route_match, uri, match)
            ]
        route = self._routes.best(uri)
        if route is None:
            fallback = self._fallback(uri)
            route = fallback.handler if fallback is not None else None
        return [route] if isinstance(route, LifeHandler) else []

    def _fallback(self, uri: str) -> _Fallback | None:
        for fallback in self._fallbacks:
            if fallback.pattern.fullmatch(uri) is not None:
                return fallback
        return None
