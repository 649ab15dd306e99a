"""Route tables: which handler serves which URI.

Made in the manner of `aiohttp.web.RouteTableDef`: fill one with decorators, give it to
`Realm.add_routes`. One table may be given to several realms.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from aiohttp_serverwamp.hosting.route import (
    EventRoute,
    ProcedureRoute,
    Route,
    TopicRoute,
    call_options,
    check_text,
    checked_handler,
    checked_pattern,
    checked_uri,
    event_route,
    policy_of,
)
from aiohttp_serverwamp.hosting.services import Service
from aiohttp_serverwamp.messages import InvokePolicy
from aiohttp_serverwamp.router.permission_rules import role_names
from aiohttp_serverwamp.uris import Match

__all__ = ["RPCRouteSet", "TopicRouteSet"]

if TYPE_CHECKING:
    import re

    from aiohttp_serverwamp.history.event import History
    from aiohttp_serverwamp.limits import RateLimit, SlowConsumer

F = TypeVar("F", bound=Callable[..., Any])
R = TypeVar("R", bound=Route)
T = TypeVar("T")


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


class RPCRouteSet(_RouteSet[Route]):
    """A table of procedures.

    A handler is ``async def``, an async generator (each ``yield`` is progress) or a
    plain function, which runs inline or, with ``thread=True``, in a worker thread. Its
    parameters are filled from the call and converted to their annotations. ``roles``
    names who may call it, ``rate_limit`` how often, see `RateLimit`; all that a pattern
    serves counts together.

    With `spread_results` a returned list or tuple becomes the positional arguments of
    the result and a mapping its keyword arguments, as in serverwamp; otherwise it is
    one argument.

    Every method raises `ConfigurationError` for a malformed URI or expression.
    """

    def __init__(self, *, spread_results: bool = False) -> None:
        super().__init__()
        self._spread_results = spread_results

    def route(
        self,
        uri: str,
        *,
        match: Match | str = Match.EXACT,
        invoke: InvokePolicy | str = InvokePolicy.SINGLE,
        disclose_caller: bool = False,
        timeout: float | None = None,
        thread: bool = False,
        roles: Iterable[str] | None = None,
        rate_limit: RateLimit | str | None = None,
    ) -> Callable[[F], F]:
        """Let the decorated handler serve `uri`, or with `match` what it stands for.

        With `invoke`, other callees that give the same policy may offer the procedure
        as well: clients which are permitted to register it (5.9). A handler that raises
        `Unavailable` lets another one of them do it then (5.12). `timeout` is in
        seconds: a call ends with `TimedOut` after that time at the latest, or sooner if
        its caller says so. `disclose_caller` puts the caller's identity into
        `Invocation.details` (5.6); `Invocation.session` knows it in any case.
        """
        policy = policy_of(match)
        options = call_options(
            invoke=invoke,
            disclose_caller=disclose_caller,
            timeout=timeout,
            thread=thread,
            roles=roles,
            rate_limit=rate_limit,
        )
        return self._add(checked_uri(uri, policy), policy, options)

    def prefix_route(
        self,
        uri_prefix: str,
        *,
        invoke: InvokePolicy | str = InvokePolicy.SINGLE,
        disclose_caller: bool = False,
        timeout: float | None = None,
        thread: bool = False,
        roles: Iterable[str] | None = None,
        rate_limit: RateLimit | str | None = None,
    ) -> Callable[[F], F]:
        """Serve every URI that begins with `uri_prefix`, compared as a string (5.8)."""
        return self.route(
            uri_prefix,
            match=Match.PREFIX,
            invoke=invoke,
            disclose_caller=disclose_caller,
            timeout=timeout,
            thread=thread,
            roles=roles,
            rate_limit=rate_limit,
        )

    def wildcard_route(
        self,
        uri: str,
        *,
        invoke: InvokePolicy | str = InvokePolicy.SINGLE,
        disclose_caller: bool = False,
        timeout: float | None = None,
        thread: bool = False,
        roles: Iterable[str] | None = None,
        rate_limit: RateLimit | str | None = None,
    ) -> Callable[[F], F]:
        """Serve every URI that equals ``a..c`` but for the empty components (5.8)."""
        return self.route(
            uri,
            match=Match.WILDCARD,
            invoke=invoke,
            disclose_caller=disclose_caller,
            timeout=timeout,
            thread=thread,
            roles=roles,
            rate_limit=rate_limit,
        )

    def regex_route(
        self,
        uri_pattern: str | re.Pattern[str],
        *,
        timeout: float | None = None,
        thread: bool = False,
        roles: Iterable[str] | None = None,
    ) -> Callable[[F], F]:
        """Serve every URI that the expression matches as a whole.

        Expressions are tried in the order added, after every registration.
        """
        options = call_options(
            invoke=InvokePolicy.SINGLE,
            disclose_caller=False,
            timeout=timeout,
            thread=thread,
            roles=roles,
        )
        return self._add(checked_pattern(uri_pattern), Match.EXACT, options)

    def service(self, prefix: str = "") -> Callable[[T], T]:
        """Add a class whose methods are marked `procedure` or `topic`.

        Their URIs are `prefix` and what the mark says. The class is built once, when a
        realm with this set starts, with the realm's default args as arguments; an
        instance, given as ``api.service("cart.")(CartService(db))``, serves as it is.
        """

        check_text(prefix)

        def decorate(target: T) -> T:
            service = Service(prefix, target, spread_results=self._spread_results)
            self._routes.extend(service.routes())
            return target

        return decorate

    def _add(
        self,
        uri: str | re.Pattern[str],
        match: Match,
        options: Mapping[str, Any],
    ) -> Callable[[F], F]:
        def decorate(handler: F) -> F:
            self._routes.append(
                ProcedureRoute(
                    uri=uri,
                    match=match,
                    handler=checked_handler(handler),
                    spread_results=self._spread_results,
                    **options,
                )
            )
            return handler

        return decorate


class TopicRouteSet(_RouteSet[TopicRoute | EventRoute]):
    """A table of topics that clients may subscribe to.

    A handler is an async generator that accompanies one client's subscription:
    SUBSCRIBED goes out at its ``yield``, what follows runs when the subscription ends.
    ``roles`` names who may subscribe; ``publish=True`` lets them publish, too, and
    ``retain=True`` have what they publish retained if they ask for it. A pattern route
    lets clients subscribe to exact topics beneath it, and to patterns that it covers
    wholly.

    ``payload`` is the type of the one argument that events have, or a function whose
    parameters are those of several. What does not fit is refused: to clients with
    ``wamp.error.invalid_argument``, to the application by raising `InvalidArgument`.
    Clients get events as they were published, the application's handlers converted.
    Of several types for one topic the most specific one counts. So it is with
    ``slow_consumer``, which says what becomes of events for clients that do not keep
    up, see `SlowConsumer`; a pattern route says it of all topics beneath. How often
    clients may publish is said by ``rate_limit``, see `RateLimit`; all that a pattern
    serves counts together.

    Every method raises `ConfigurationError` for a malformed URI or expression.
    """

    def route(
        self,
        uri: str,
        *,
        roles: Iterable[str] | None = None,
        publish: bool | None = None,
        retain: bool | None = None,
        payload: Any = None,
        slow_consumer: SlowConsumer | str | None = None,
        rate_limit: RateLimit | str | None = None,
    ) -> Callable[[F], F]:
        """Let the decorated handler accompany subscriptions to exactly `uri`."""
        return self._add(
            checked_uri(uri, Match.EXACT),
            Match.EXACT,
            roles,
            publish,
            retain,
            payload,
            slow_consumer,
            rate_limit,
        )

    def prefix_route(
        self,
        uri_prefix: str,
        *,
        roles: Iterable[str] | None = None,
        publish: bool | None = None,
        retain: bool | None = None,
        payload: Any = None,
        slow_consumer: SlowConsumer | str | None = None,
        rate_limit: RateLimit | str | None = None,
    ) -> Callable[[F], F]:
        """Serve every topic that begins with `uri_prefix`, as a string (6.7)."""
        uri = checked_uri(uri_prefix, Match.PREFIX)
        return self._add(
            uri,
            Match.PREFIX,
            roles,
            publish,
            retain,
            payload,
            slow_consumer,
            rate_limit,
        )

    def wildcard_route(
        self,
        uri: str,
        *,
        roles: Iterable[str] | None = None,
        publish: bool | None = None,
        retain: bool | None = None,
        payload: Any = None,
        slow_consumer: SlowConsumer | str | None = None,
        rate_limit: RateLimit | str | None = None,
    ) -> Callable[[F], F]:
        """Serve every topic that equals ``a..c`` but for the empty components (6.7)."""
        uri = checked_uri(uri, Match.WILDCARD)
        return self._add(
            uri,
            Match.WILDCARD,
            roles,
            publish,
            retain,
            payload,
            slow_consumer,
            rate_limit,
        )

    def regex_route(
        self,
        uri_pattern: str | re.Pattern[str],
        *,
        roles: Iterable[str] | None = None,
    ) -> Callable[[F], F]:
        """Serve every topic that the expression matches as a whole.

        Expressions are tried in the order added, after every other route.
        """
        return self._add(checked_pattern(uri_pattern), Match.EXACT, roles)

    def declare(
        self,
        uri: str,
        *,
        match: Match | str = Match.EXACT,
        roles: Iterable[str] | None = None,
        publish: bool | None = None,
        retain: bool | None = None,
        payload: Any = None,
        history: History | None = None,
        slow_consumer: SlowConsumer | str | None = None,
        rate_limit: RateLimit | str | None = None,
    ) -> None:
        """Let clients subscribe to `uri` without a handler.

        With `history` its events are kept, as `Realm.keep_history` does.
        """
        policy = policy_of(match)
        self._routes.append(
            TopicRoute(
                uri=checked_uri(uri, policy),
                match=policy,
                roles=role_names(roles),
                publish=publish,
                retain=retain,
                payload=payload,
                history=history,
                slow_consumer=slow_consumer,
                rate_limit=rate_limit,
            )
        )

    def on(
        self,
        uri: str,
        *,
        match: Match | str = Match.EXACT,
        thread: bool = False,
        get_retained: bool = False,
    ) -> Callable[[F], F]:
        """Let the decorated handler receive the events of a topic, as the application.

        It is bound like a procedure, from the event's arguments; `Event` and ``event``
        are injected. What the application itself publishes it receives only with
        ``PublishOptions(exclude_me=False)``. With `get_retained` it first receives what
        is retained, with ``event.retained`` true (specification, 6.10). Clients may not
        subscribe because of this: that is what `route` and `declare` are for.
        """

        check_text(uri)

        def decorate(handler: F) -> F:
            route = event_route(
                uri, handler, match=match, thread=thread, get_retained=get_retained
            )
            self._routes.append(route)
            return handler

        return decorate

    def _add(
        self,
        uri: str | re.Pattern[str],
        match: Match,
        roles: Iterable[str] | None,
        publish: bool | None = None,
        retain: bool | None = None,
        payload: Any = None,
        slow_consumer: SlowConsumer | str | None = None,
        rate_limit: RateLimit | str | None = None,
    ) -> Callable[[F], F]:
        names = role_names(roles)

        def decorate(handler: F) -> F:
            self._routes.append(
                TopicRoute(
                    uri=uri,
                    match=match,
                    roles=names,
                    handler=checked_handler(handler),
                    publish=publish,
                    retain=retain,
                    payload=payload,
                    slow_consumer=slow_consumer,
                    rate_limit=rate_limit,
                )
            )
            return handler

        return decorate
