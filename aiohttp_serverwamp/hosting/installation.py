"""Taking up the routes of a live realm: all are compiled before the first one acts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from aiohttp_serverwamp.errors import ConfigurationError
from aiohttp_serverwamp.hosting.events import EventHandler
from aiohttp_serverwamp.hosting.injection import (
    compile_event_handler,
    compile_life_handler,
    compile_procedure,
)
from aiohttp_serverwamp.hosting.lifespans import LifeHandler
from aiohttp_serverwamp.hosting.payloads import PayloadType
from aiohttp_serverwamp.hosting.procedures import HostedProcedure
from aiohttp_serverwamp.hosting.route import ProcedureRoute, Route, TopicRoute
from aiohttp_serverwamp.hosting.services import Service, ServiceMethod
from aiohttp_serverwamp.messages import InvokePolicy, Register
from aiohttp_serverwamp.router.registrations import Callee

if TYPE_CHECKING:
    from aiohttp_serverwamp.hosting.default_args import DefaultArg
    from aiohttp_serverwamp.hosting.events import HostedSubscription
    from aiohttp_serverwamp.hosting.local_session import LocalSession
    from aiohttp_serverwamp.hosting.topics import HostedTopics
    from aiohttp_serverwamp.uris import Match

__all__ = ["Installation"]


class Installation:
    """What one realm hosts while it is live."""

    def __init__(
        self,
        local: LocalSession,
        topics: HostedTopics,
        default_args: Mapping[str, DefaultArg],
        *,
        camel_snake: bool = False,
    ) -> None:
        self._local = local
        self._router = local.router
        self._topics = topics
        self._default_args = default_args
        self._camel_snake = camel_snake
        #: The instances of class-based services.
        self._services: dict[Service, Any] = {}
        self._taken: set[str] = set()

    @property
    def idle_default_args(self) -> set[str]:
        """The names of default args that no handler takes."""
        return self._default_args.keys() - self._taken

    def take_up(
        self, routes: Iterable[Route], subscriptions: Iterable[HostedSubscription]
    ) -> None:
        """Host all of these, or none of them.

        Raises `ConfigurationError` for handlers that cannot serve, and for a procedure
        that a client has registered.
        """
        ready = [self._prepare(route) for route in routes]
        ready += [self._prepare_subscription(each) for each in subscriptions]
        for act in ready:
            act()

    def life_handler(
        self, function: Callable[..., Any], *, whole: bool = False
    ) -> LifeHandler:
        """Compile a subscription or lifespan handler."""
        binding = compile_life_handler(
            function, self._local.runtime, self._default_args, whole=whole
        )
        self._taken |= binding.supplied
        return LifeHandler(function, binding)

    def _prepare(self, route: Route) -> Callable[[], None]:
        """Compile a route; what is returned makes it act, and does not fail."""
        if isinstance(route, ProcedureRoute):
            return self._prepare_procedure(route)
        assert isinstance(route, TopicRoute), "a subscription is no such route"
        return self._prepare_topic(route)

    def _prepare_procedure(self, route: ProcedureRoute) -> Callable[[], None]:
        route = replace(route, handler=self._bound(route.handler))
        binding = compile_procedure(
            route.handler,
            self._local.runtime,
            self._default_args,
            whole=route.whole,
            camel_snake=self._camel_snake,
        )
        self._taken |= binding.supplied
        procedure = HostedProcedure(route, binding)
        dealer, uri = self._router.dealer, route.uri
        if not isinstance(uri, str):
            pattern = uri

            def act() -> None:
                registration = dealer.registrations.add_fallback(
                    Callee(self._local, time_limit=route.timeout), pattern, route.roles
                )
                self._local.procedures.add(registration.id, procedure)

            return act
        self._check_free(uri, route)
        options = {
            "match": route.match,
            "invoke": route.invoke,
            "disclose_caller": route.disclose_caller,
        }
        message = Register(1, options, uri)

        def register() -> None:
            registration = dealer.register(
                self._local, message, time_limit=route.timeout
            )
            self._local.procedures.add(registration.id, procedure)

        return register

    def _check_free(self, uri: str, route: ProcedureRoute) -> None:
        held = self._router.dealer.registrations.get(uri, route.match)
        shared = route.invoke is not InvokePolicy.SINGLE
        if held is not None and not (shared and held.policy is route.invoke):
            raise ConfigurationError(
                f"cannot host {uri!r}: a client has registered it already; host it "
                "before clients join, permit them no register= of it, or share it with "
                f"them by the same invoke= (theirs is {held.policy.value!r})"
            )

    def _prepare_topic(self, route: TopicRoute) -> Callable[[], None]:
        handler = None
        if route.handler is not None:
            function = self._bound(route.handler)
            handler = self.life_handler(function, whole=route.whole)
        uri = route.uri
        if isinstance(uri, str):
            payload = None
            if route.payload is not None:
                payload = self._payload_type(uri, route.payload)
            return partial(self._host_topic, uri, route.match, handler, payload)
        return lambda: self._topics.add_fallback(uri, route.roles, handler)

    def _payload_type(self, uri: str, payload: Any) -> PayloadType:
        try:
            return PayloadType(payload, camel_snake=self._camel_snake)
        except ConfigurationError as error:
            raise ConfigurationError(f"topic {uri!r}: {error}") from error

    def _host_topic(
        self,
        uri: str,
        match: Match,
        handler: LifeHandler | None,
        payload: PayloadType | None,
    ) -> None:
        self._topics.add(uri, match, handler)
        if payload is not None:
            self._local.payloads.add(uri, match, payload)
            self._router.broker.payloads = self._local.payloads

    def _prepare_subscription(
        self, subscription: HostedSubscription
    ) -> Callable[[], None]:
        route = subscription.route
        binding = compile_event_handler(
            route.handler, self._default_args, camel_snake=self._camel_snake
        )
        self._taken |= binding.supplied
        handler = EventHandler(route, binding)

        def act() -> None:
            subscription.live = (self._local.subscribe(route, handler), handler)
            if route.get_retained:
                self._local.send_retained(*subscription.live)

        return act

    def _bound(self, handler: Callable[..., Any]) -> Callable[..., Any]:
        """Return a service's method bound to its instance, others as they are."""
        if not isinstance(handler, ServiceMethod):
            return handler
        service = handler.service
        if service not in self._services:
            self._services[service] = service.build(self._default_args)
            self._taken |= service.taken(self._default_args)
        method: Callable[..., Any] = getattr(self._services[service], handler.name)
        return method
