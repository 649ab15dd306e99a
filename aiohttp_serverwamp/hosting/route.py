"""One route: where a handler stands, and the checks of what is written for it."""

from __future__ import annotations

import inspect
import logging
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from aiohttp_serverwamp.errors import ConfigurationError
from aiohttp_serverwamp.history.event import History
from aiohttp_serverwamp.limits import RateLimit, SlowConsumer
from aiohttp_serverwamp.messages import InvokePolicy
from aiohttp_serverwamp.router.permission_rules import role_names
from aiohttp_serverwamp.uris import Match, is_valid_uri, shown

__all__ = [
    "EventRoute",
    "ProcedureRoute",
    "Route",
    "TopicRoute",
    "call_options",
    "check_text",
    "checked_handler",
    "checked_pattern",
    "checked_uri",
    "event_route",
    "policy_of",
    "warn_of_pattern",
]

logger = logging.getLogger("aiohttp_serverwamp.hosting")

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
    invoke: InvokePolicy = InvokePolicy.SINGLE
    disclose_caller: bool = False
    #: Seconds after which a call ends that asked for no shorter time; 0: never.
    timeout: float = 0.0
    #: Run the handler, a plain function, in a worker thread.
    thread: bool = False
    #: How many calls clients may make of it; None: any number.
    rate_limit: RateLimit | str | None = None
    #: serverwamp's reading of results: sequences and mappings are spread.
    spread_results: bool = False
    #: Give the handler its `Invocation` and nothing else.
    whole: bool = False

    def __post_init__(self) -> None:
        _check_flag("thread", self.thread)
        if self.rate_limit is not None:
            RateLimit.of(self.rate_limit)


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicRoute(Route):
    """One route of a `TopicRouteSet`."""

    handler: Callable[..., Any] | None = None
    #: Whether clients may publish to it; None says nothing.
    publish: bool | None = None
    #: Whether what they publish is retained if they ask for it; None says nothing.
    retain: bool | None = None
    #: The type of its events' payload, see `PayloadType`; None: any.
    payload: Any = None
    #: How much of its history is kept; None: nothing.
    history: History | None = None
    #: What becomes of its events for clients that are behind; None says nothing.
    slow_consumer: SlowConsumer | str | None = None
    #: How many events clients may publish to it; None: any number.
    rate_limit: RateLimit | str | None = None
    #: Give the handler the topic and the session, in this order, and nothing else.
    whole: bool = False

    def __post_init__(self) -> None:
        if self.history is not None and not isinstance(self.history, History):
            raise ConfigurationError(
                f"history={self.history!r}: give History(limit=..., max_age=...)"
            )
        if self.slow_consumer is not None:
            SlowConsumer.of(self.slow_consumer)
        if self.rate_limit is not None:
            RateLimit.of(self.rate_limit)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRoute(Route):
    """One handler of the application's own subscriptions."""

    uri: str
    handler: Callable[..., Any]
    #: Run the handler, a plain function, in a worker thread.
    thread: bool = False
    #: Begin with what is retained.
    get_retained: bool = False

    def __post_init__(self) -> None:
        _check_flag("thread", self.thread)
        _check_flag("get_retained", self.get_retained)


def _check_flag(name: str, value: object) -> None:
    if not isinstance(value, bool):
        raise ConfigurationError(f"{name}={value!r}: give True or False")


def call_options(
    *,
    invoke: InvokePolicy | str,
    disclose_caller: bool,
    timeout: float | None,
    thread: bool,
    roles: Iterable[str] | None,
    rate_limit: RateLimit | str | None = None,
) -> dict[str, Any]:
    """Return what is said of a procedure besides its URI, checked, by name.

    Raises `ConfigurationError` for options that make no sense.
    """
    _check_flag("disclose_caller", disclose_caller)
    return {
        "invoke": _invoke_policy_of(invoke),
        "disclose_caller": disclose_caller,
        "timeout": _seconds(timeout),
        "thread": thread,
        "roles": role_names(roles),
        "rate_limit": None if rate_limit is None else RateLimit.of(rate_limit),
    }


def _seconds(timeout: float | None) -> float:
    if timeout is None:
        return 0.0
    # "not >" rather than "<=" also refuses NaN.
    if type(timeout) not in (int, float) or not timeout > 0 or timeout == float("inf"):
        raise ConfigurationError(
            f"timeout={timeout!r}: give seconds, as 2.5, or None for as long as the "
            "caller likes"
        )
    return float(timeout)


def _invoke_policy_of(invoke: InvokePolicy | str) -> InvokePolicy:
    try:
        return InvokePolicy(invoke)
    except ValueError:
        raise ConfigurationError(
            f"invoke={invoke!r}: give 'single', or to share the procedure with other "
            "callees 'first', 'last', 'random' or 'roundrobin'"
        ) from None


def event_route(
    uri: str,
    handler: Callable[..., Any],
    *,
    match: Match | str,
    thread: bool,
    get_retained: bool,
) -> EventRoute:
    """Return the route of an event handler; raise `ConfigurationError`."""
    policy = policy_of(match)
    return EventRoute(
        uri=checked_uri(uri, policy),
        match=policy,
        handler=checked_handler(handler),
        thread=thread,
        get_retained=get_retained,
    )


def policy_of(match: Match | str) -> Match:
    """Return the match policy meant; raise `ConfigurationError`."""
    try:
        return Match(match)
    except ValueError:
        raise ConfigurationError(
            f"match={match!r}: give 'exact', 'prefix' or 'wildcard'"
        ) from None


def check_text(uri: object) -> None:
    """Raise `ConfigurationError` for what is given where a URI belongs."""
    if callable(uri):
        raise ConfigurationError(
            "a decorator is called with its URI first: write @api.route('cart.add'), "
            "@api.service('cart.'), @procedure('add')"
        )
    if not isinstance(uri, str):
        raise ConfigurationError(f"{uri!r} is no URI: write a str, as 'cart.add'")


def checked_uri(uri: str, match: Match) -> str:
    """Return `uri` if it is well-formed for `match`; raise `ConfigurationError`."""
    check_text(uri)
    if not is_valid_uri(uri, match):
        raise ConfigurationError(
            f"{uri!r} is no {match} URI: write components joined by dots, as "
            f"{_EXAMPLES[match]!r}"
        )
    warn_of_pattern(uri)
    return uri


_EXAMPLES = {
    Match.EXACT: "cart.add",
    Match.PREFIX: "cart.",
    Match.WILDCARD: "cart..changed",
}


def checked_pattern(pattern: str | re.Pattern[str]) -> re.Pattern[str]:
    """Return the expression, compiled; raise `ConfigurationError`."""
    given: object = pattern
    if callable(given):
        check_text(given)
    try:
        compiled: re.Pattern[Any] = re.compile(pattern)
    except (re.error, TypeError) as error:
        raise ConfigurationError(
            f"{pattern!r} is no regular expression: {error}"
        ) from None
    if not isinstance(compiled.pattern, str):
        raise ConfigurationError(
            f"{pattern!r} is for bytes, and URIs are text: write a str"
        )
    return compiled


def checked_handler(handler: F) -> F:
    """Return `handler` if it can be called; raise `ConfigurationError`."""
    if inspect.isclass(handler):
        raise ConfigurationError(
            f"{handler.__qualname__} is a class: mark its methods with @procedure(...) "
            "or @topic(...), and write @api.service('prefix.') above it"
        )
    if not callable(handler):
        raise ConfigurationError(f"{handler!r} cannot be called: decorate a function")
    return handler


def warn_of_pattern(uri: str) -> None:
    """Log that a URI which looks like a pattern is none; it is legal all the same."""
    if "*" in uri or "{" in uri or uri.startswith(("/", "^")):
        logger.warning(
            "%s is compared as it stands, it is no pattern: write prefix_route('chat.')"
            " or match='prefix' for all that begins so, wildcard_route('chat..add') or "
            "match='wildcard' for any one component",
            shown(uri),
        )
