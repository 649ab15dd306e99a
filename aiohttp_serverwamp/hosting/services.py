"""Class-based services: a class whose methods are procedures and topics."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from aiohttp_serverwamp.errors import ConfigurationError
from aiohttp_serverwamp.hosting.route import (
    ProcedureRoute,
    Route,
    TopicRoute,
    call_options,
    checked_uri,
    policy_of,
)
from aiohttp_serverwamp.hosting.signatures import read_signature
from aiohttp_serverwamp.messages import InvokePolicy
from aiohttp_serverwamp.router.permission_rules import role_names
from aiohttp_serverwamp.uris import Match

if TYPE_CHECKING:
    from aiohttp_serverwamp.hosting.default_args import DefaultArg
    from aiohttp_serverwamp.limits import RateLimit, SlowConsumer

__all__ = ["Service", "ServiceMethod", "procedure", "topic"]

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")

_MARKS = "__wamp_marks__"


@dataclass(frozen=True, slots=True)
class _Mark:
    """What a decorator says of a method; the service's prefix is still missing."""

    kind: type[ProcedureRoute] | type[TopicRoute]
    uri: str
    match: Match
    options: Mapping[str, Any]


def procedure(
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
    """Mark a service's method as a procedure, served under the prefix and `uri`.

    The other options are those of `RPCRouteSet.route`. A method that overrides a marked
    one without a mark of its own serves under the marks of that one.

    Raises `ConfigurationError` for options that make no sense.
    """
    options = call_options(
        invoke=invoke,
        disclose_caller=disclose_caller,
        timeout=timeout,
        thread=thread,
        roles=roles,
        rate_limit=rate_limit,
    )
    return _marked(_Mark(ProcedureRoute, uri, policy_of(match), options))


def topic(
    uri: str,
    *,
    match: Match | str = Match.EXACT,
    roles: Iterable[str] | None = None,
    publish: bool | None = None,
    retain: bool | None = None,
    payload: Any = None,
    slow_consumer: SlowConsumer | str | None = None,
    rate_limit: RateLimit | str | None = None,
) -> Callable[[F], F]:
    """Mark a service's method as a subscription handler, under the prefix and `uri`.

    The other options are those of `TopicRouteSet.route`. Raises `ConfigurationError`
    for options that make no sense.
    """
    options = {
        "roles": role_names(roles),
        "publish": publish,
        "retain": retain,
        "payload": payload,
        "slow_consumer": slow_consumer,
        "rate_limit": rate_limit,
    }
    return _marked(_Mark(TopicRoute, uri, policy_of(match), options))


def _marked(mark: _Mark) -> Callable[[F], F]:
    uri: object = mark.uri
    if not isinstance(uri, str):
        name = "topic" if mark.kind is TopicRoute else "procedure"
        raise ConfigurationError(
            f"@{name} takes the URI behind the service's prefix: write "
            f'@{name}("add"), or @{name}("") for the prefix itself'
        )

    def decorate(method: F) -> F:
        member: object = method
        if not callable(member) and not isinstance(member, classmethod):
            raise ConfigurationError(f"{method!r} is no method: mark a function")
        setattr(method, _MARKS, (*getattr(method, _MARKS, ()), mark))
        return method

    return decorate


class ServiceMethod:
    """A method of a service that may not have been built yet; see `Service.bound`."""

    def __init__(self, service: Service, name: str, function: Any) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.service = service
        self.name = name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Fail: a method is called on its instance."""
        raise TypeError(f"{self.name} was not bound to its service")


class Service:
    """A class, to be built when its realm starts, or an instance; and its routes.

    Raises `ConfigurationError` for a class without a marked method and a malformed
    prefix.
    """

    def __init__(self, prefix: str, target: Any, *, spread_results: bool) -> None:
        self._prefix = prefix
        self._target = target
        self._spread_results = spread_results
        if not list(self.routes()):
            name = getattr(target, "__qualname__", type(target).__qualname__)
            raise ConfigurationError(
                f"service {name} offers nothing: mark its methods with "
                "@procedure(...) or @topic(...)"
            )

    def routes(self) -> Iterator[Route]:
        """Yield the routes of the marked methods, in the order they are defined."""
        owner = self._target if inspect.isclass(self._target) else type(self._target)
        for name, function, marks in _members(owner):
            for mark in marks:
                uri = checked_uri(self._prefix + mark.uri, mark.match)
                handler = ServiceMethod(self, name, function)
                route = mark.kind(
                    uri=uri,
                    match=mark.match,
                    handler=handler,
                    **mark.options,
                )
                if isinstance(route, ProcedureRoute) and self._spread_results:
                    route = dataclasses.replace(route, spread_results=True)
                yield route

    def build(self, default_args: Mapping[str, DefaultArg]) -> Any:
        """Return the instance; a class is called with the default args it names.

        Raises `ConfigurationError` for a parameter that no default arg supplies.
        """
        if not inspect.isclass(self._target):
            return self._target
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        for parameter in read_signature(self._target).parameters.values():
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                continue
            default = default_args.get(parameter.name)
            if default is None:
                self._check_optional(parameter)
            elif parameter.kind is parameter.POSITIONAL_ONLY:
                args.append(self._value(parameter.name, default))
            else:
                kwargs[parameter.name] = self._value(parameter.name, default)
        return self._target(*args, **kwargs)

    def taken(self, default_args: Mapping[str, DefaultArg]) -> set[str]:
        """Return the names of the default args that building it takes."""
        if not inspect.isclass(self._target):
            return set()
        return default_args.keys() & read_signature(self._target).parameters.keys()

    def _check_optional(self, parameter: inspect.Parameter) -> None:
        if parameter.default is parameter.empty:
            raise ConfigurationError(
                f"service {self._target.__qualname__} needs {parameter.name!r}: "
                f"give the realm set_default_arg({parameter.name!r}, ...), or the "
                "route set an instance"
            )

    def _value(self, name: str, default: DefaultArg) -> Any:
        if default.factory is None:
            return default.value
        value = default.factory()
        if inspect.isawaitable(value) or hasattr(type(value), "__aenter__"):
            if inspect.iscoroutine(value):
                value.close()
            raise ConfigurationError(
                f"service {self._target.__qualname__} is built once, at start-up, "
                f"but the default arg {name!r} is made anew for each call: give its "
                f"methods the parameter {name!r} instead"
            )
        return value


def _members(owner: type) -> Iterator[tuple[str, Any, Sequence[_Mark]]]:
    """Yield name, function and marks of what the class has, inherited or its own."""
    for name in _names(owner):
        found = [vars(base)[name] for base in owner.__mro__ if name in vars(base)]
        function = getattr(found[0], "__func__", found[0])
        if callable(function):
            yield name, function, next(filter(None, map(_marks, found)), ())


def _names(owner: type) -> Iterable[str]:
    """Return the names in the order they are defined, those of base classes first."""
    return dict.fromkeys(
        name for base in reversed(owner.__mro__) for name in vars(base)
    )


def _marks(member: Any) -> Sequence[_Mark]:
    # On a static or class method the mark is where it was written: inside or outside.
    inside = getattr(member, "__func__", member)
    marks: Sequence[_Mark] = getattr(member, _MARKS, ()) or getattr(inside, _MARKS, ())
    return marks
