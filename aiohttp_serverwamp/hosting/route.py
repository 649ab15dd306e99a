"""One route: where a handler stands, and the checks of what is written for it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from aiohttp_serverwamp.errors import ConfigurationError
from aiohttp_serverwamp.uris import Match, is_valid_uri

__all__ = [
    "EventRoute",
    "ProcedureRoute",
    "Route",
    "TopicRoute",
    "checked_handler",
    "checked_pattern",
    "checked_uri",
    "event_route",
    "policy_of",
    "role_names",
]

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where a handler stands: a URI with its match policy, or an expression."""

    #: An expression is tried after every registration and matches whole URIs.
    uri: str | re.Pattern[str]
    match: Match = Match.EXACT
    #: Who may use it; None: everybody who may join the realm.
    roles: frozenset[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcedureRoute(Route):
    """One route of an `RPCRouteSet`."""

    handler: Callable[..., Any]
    #: Run the handler, a plain function, in a worker thread.
    thread: bool = False
    #: serverwamp's reading of results: sequences and mappings are spread.
    spread_results: bool = False
    #: Give the handler its `Invocation` and nothing else.
    whole: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicRoute(Route):
    """One route of a `TopicRouteSet`."""

    handler: Callable[..., Any] | None = None
    #: Whether clients may publish to it; None says nothing.
    publish: bool | None = None
    #: Give the handler the topic and the session, in this order, and nothing else.
    whole: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRoute(Route):
    """One handler of the application's own subscriptions."""

    uri: str
    handler: Callable[..., Any]
    #: Run the handler, a plain function, in a worker thread.
    thread: bool = False


def event_route(
    uri: str, handler: Callable[..., Any], *, match: Match | str, thread: bool
) -> EventRoute:
    """Return the route of an event handler; raise `ConfigurationError`."""
    policy = policy_of(match)
    return EventRoute(
        uri=checked_uri(uri, policy),
        match=policy,
        handler=checked_handler(handler),
        thread=thread,
    )


def policy_of(match: Match | str) -> Match:
    """Return the match policy meant; raise `ConfigurationError`."""
    try:
        return Match(match)
    except ValueError:
        raise ConfigurationError(
            f"match={match!r}: give 'exact', 'prefix' or 'wildcard'"
        ) from None


def checked_uri(uri: str, match: Match) -> str:
    """Return `uri` if it is well-formed for `match`; raise `ConfigurationError`."""
    if not isinstance(uri, str) or not is_valid_uri(uri, match):
        raise ConfigurationError(
            f"{uri!r} is no {match} URI: write components joined by dots, as "
            f"{_EXAMPLES[match]!r}"
        )
    return uri


_EXAMPLES = {
    Match.EXACT: "cart.add",
    Match.PREFIX: "cart.",
    Match.WILDCARD: "cart..changed",
}


def checked_pattern(pattern: str | re.Pattern[str]) -> re.Pattern[str]:
    """Return the expression, compiled; raise `ConfigurationError`."""
    try:
        return re.compile(pattern)
    except (re.error, TypeError) as error:
        raise ConfigurationError(
            f"{pattern!r} is no regular expression: {error}"
        ) from None


def role_names(roles: Iterable[str] | None) -> frozenset[str] | None:
    """Return the roles named, None for everybody; raise `ConfigurationError`."""
    if roles is None:
        return None
    if isinstance(roles, str):
        raise ConfigurationError(f"write roles=[{roles!r}]: roles= takes several names")
    return frozenset(roles)


def checked_handler(handler: F) -> F:
    """Return `handler` if it can be called; raise `ConfigurationError`."""
    if not callable(handler):
        raise ConfigurationError(f"{handler!r} cannot be called: decorate a function")
    return handler
