"""Route tables: which handler serves which URI.

Made in the manner of `aiohttp.web.RouteTableDef`: fill one with decorators, give it to
`Realm.add_routes`. One table may be given to several realms.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, overload

from aiohttp_serverwamp.errors import ConfigurationError
from aiohttp_serverwamp.uris import Match, is_valid_uri

__all__ = ["ProcedureRoute", "RPCRouteSet", "Route", "TopicRoute", "TopicRouteSet"]

F = TypeVar("F", bound=Callable[..., Any])
R = TypeVar("R", "ProcedureRoute", "TopicRoute")


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


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicRoute(Route):
    """One route of a `TopicRouteSet`."""

    handler: Callable[..., Any] | None = None
    #: Whether clients may publish to it; None says nothing.
    publish: bool | None = None


class _RouteSet(Sequence[R], Generic[R]):
    """The routes of one table, in the order added."""

    def __init__(self) -> None:
        self._routes: list[R] = []

    def __repr__(self) -> str:
        return f"<{type(self).__name__} count={len(self)}>"

    @overload
    def __getitem__(self, index: int) -> R: ...
    @overload
    def __getitem__(self, index: slice) -> list[R]: ...
    def __getitem__(self, index: int | slice) -> R | list[R]:
        return self._routes[index]

    def __iter__(self) -> Iterator[R]:
        return iter(self._routes)

    def __len__(self) -> int:
        return len(self._routes)


class RPCRouteSet(_RouteSet[ProcedureRoute]):
    """A table of procedures.

    A handler is ``async def``, an async generator (each ``yield`` is progress) or a
    plain function, which runs inline or, with ``thread=True``, in a worker thread. Its
    parameters are filled from the call and converted to their annotations. `roles`
    names who may call it.

    With `spread_results` a returned list or tuple becomes the positional arguments of
    the result and a mapping its keyword arguments, as in serverwamp; otherwise it is
    one argument.

    Every method raises `ConfigurationError` for a malformed URI or expression.
    """

    def __init__(self, *, spread_results: bool = False) -> None:
        super().__init__()
        self._spread_results = spread_results

    def route(
        self, uri: str, *, thread: bool = False, roles: Iterable[str] | None = None
    ) -> Callable[[F], F]:
        """Let the decorated handler serve exactly `uri`."""
        return self._add(_checked(uri, Match.EXACT), Match.EXACT, thread, roles)

    def prefix_route(
        self,
        uri_prefix: str,
        *,
        thread: bool = False,
        roles: Iterable[str] | None = None,
    ) -> Callable[[F], F]:
        """Serve every URI that begins with `uri_prefix`, compared as a string (5.8)."""
        uri = _checked(uri_prefix, Match.PREFIX)
        return self._add(uri, Match.PREFIX, thread, roles)

    def wildcard_route(
        self, uri: str, *, thread: bool = False, roles: Iterable[str] | None = None
    ) -> Callable[[F], F]:
        """Serve every URI that equals ``a..c`` but for the empty components (5.8)."""
        return self._add(_checked(uri, Match.WILDCARD), Match.WILDCARD, thread, roles)

    def regex_route(
        self,
        uri_pattern: str | re.Pattern[str],
        *,
        thread: bool = False,
        roles: Iterable[str] | None = None,
    ) -> Callable[[F], F]:
        """Serve every URI that the expression matches as a whole.

        Expressions are tried in the order added, after every registration.
        """
        return self._add(_compiled(uri_pattern), Match.EXACT, thread, roles)

    def _add(
        self,
        uri: str | re.Pattern[str],
        match: Match,
        thread: bool,
        roles: Iterable[str] | None,
    ) -> Callable[[F], F]:
        role_names = _role_names(roles)

        def decorate(handler: F) -> F:
            self._routes.append(
                ProcedureRoute(
                    uri=uri,
                    match=match,
                    roles=role_names,
                    handler=_callable(handler),
                    thread=thread,
                    spread_results=self._spread_results,
                )
            )
            return handler

        return decorate


class TopicRouteSet(_RouteSet[TopicRoute]):
    """A table of topics that clients may subscribe to.

    A handler is an async generator that accompanies one client's subscription:
    SUBSCRIBED goes out at its ``yield``, what follows runs when the subscription ends.
    `roles` names who may subscribe; ``publish=True`` lets them publish, too. A pattern
    route lets clients subscribe to exact topics beneath it, and to patterns that it
    covers wholly.

    Every method raises `ConfigurationError` for a malformed URI or expression.
    """

    def route(
        self,
        uri: str,
        *,
        roles: Iterable[str] | None = None,
        publish: bool | None = None,
    ) -> Callable[[F], F]:
        """Let the decorated handler accompany subscriptions to exactly `uri`."""
        return self._add(_checked(uri, Match.EXACT), Match.EXACT, roles, publish)

    def prefix_route(
        self,
        uri_prefix: str,
        *,
        roles: Iterable[str] | None = None,
        publish: bool | None = None,
    ) -> Callable[[F], F]:
        """Serve every topic that begins with `uri_prefix`, as a string (6.7)."""
        uri = _checked(uri_prefix, Match.PREFIX)
        return self._add(uri, Match.PREFIX, roles, publish)

    def wildcard_route(
        self,
        uri: str,
        *,
        roles: Iterable[str] | None = None,
        publish: bool | None = None,
    ) -> Callable[[F], F]:
        """Serve every topic that equals ``a..c`` but for the empty components (6.7)."""
        uri = _checked(uri, Match.WILDCARD)
        return self._add(uri, Match.WILDCARD, roles, publish)

    def regex_route(
        self,
        uri_pattern: str | re.Pattern[str],
        *,
        roles: Iterable[str] | None = None,
    ) -> Callable[[F], F]:
        """Serve every topic that the expression matches as a whole.

        Expressions are tried in the order added, after every other route.
        """
        return self._add(_compiled(uri_pattern), Match.EXACT, roles, None)

    def declare(
        self,
        uri: str,
        *,
        match: Match | str = Match.EXACT,
        roles: Iterable[str] | None = None,
        publish: bool | None = None,
    ) -> None:
        """Let clients subscribe to `uri` without a handler."""
        policy = _policy(match)
        self._routes.append(
            TopicRoute(
                uri=_checked(uri, policy),
                match=policy,
                roles=_role_names(roles),
                publish=publish,
            )
        )

    def _add(
        self,
        uri: str | re.Pattern[str],
        match: Match,
        roles: Iterable[str] | None,
        publish: bool | None,
    ) -> Callable[[F], F]:
        role_names = _role_names(roles)

        def decorate(handler: F) -> F:
            self._routes.append(
                TopicRoute(
                    uri=uri,
                    match=match,
                    roles=role_names,
                    handler=_callable(handler),
                    publish=publish,
                )
            )
            return handler

        return decorate


def _checked(uri: str, match: Match) -> str:
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


def _policy(match: Match | str) -> Match:
    try:
        return Match(match)
    except ValueError:
        raise ConfigurationError(
            f'match= takes "exact", "prefix" or "wildcard", not {match!r}'
        ) from None


def _compiled(pattern: str | re.Pattern[str]) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except (re.error, TypeError) as error:
        raise ConfigurationError(
            f"{pattern!r} is no regular expression: {error}"
        ) from None


def _role_names(roles: Iterable[str] | None) -> frozenset[str] | None:
    if roles is None:
        return None
    if isinstance(roles, str):
        raise ConfigurationError(f"write roles=[{roles!r}]: roles= takes several names")
    return frozenset(roles)


def _callable(handler: F) -> F:
    if not callable(handler):
        raise ConfigurationError(f"{handler!r} cannot be called: decorate a function")
    return handler
