"""What can be done with a realm: one set of methods for `Realm` and `Application`."""

from __future__ import annotations

import re
import warnings
from collections.abc import AsyncIterator, Callable, Iterable
from inspect import isfunction
from typing import TYPE_CHECKING, Any, Final

from aiohttp_serverwamp.auth.authenticator import check_authenticator
from aiohttp_serverwamp.auth.ticket import Ticket, TicketVerifier
from aiohttp_serverwamp.auth.wampcra import (
    CRAAuthenticator,
    IdentityProvider,
    RequirementProvider,
)
from aiohttp_serverwamp.errors import ConfigurationError
from aiohttp_serverwamp.hosting.default_args import DefaultArg
from aiohttp_serverwamp.hosting.handlers import is_async
from aiohttp_serverwamp.hosting.lifespans import check_life_handler
from aiohttp_serverwamp.hosting.route import (
    ProcedureRoute,
    TopicRoute,
    checked_handler,
    checked_uri,
    policy_of,
    warn_of_pattern,
)
from aiohttp_serverwamp.hosting.serverwamp_names import Advising
from aiohttp_serverwamp.limits import RateLimit, SlowConsumer
from aiohttp_serverwamp.realm_events import RealmEvents
from aiohttp_serverwamp.uris import Match

if TYPE_CHECKING:
    from aiohttp_serverwamp.auth.authenticator import Authenticator
    from aiohttp_serverwamp.hosting.invocation import Invocation
    from aiohttp_serverwamp.hosting.progressive_call import ProgressiveCall
    from aiohttp_serverwamp.hosting.publication import (
        CallOptions,
    )
    from aiohttp_serverwamp.hosting.route import Route
    from aiohttp_serverwamp.hosting.routes import RPCRouteSet, TopicRouteSet
    from aiohttp_serverwamp.hosting.session import Session
    from aiohttp_serverwamp.router.decisions import Authorizer
    from aiohttp_serverwamp.router.host import TransportAuthenticator
    from aiohttp_serverwamp.router.permission_rules import Flag
    from aiohttp_serverwamp.router.trust import TrustLevels

__all__ = ["RealmMethods"]

#: What one kind of handler or another is given by name.
_INJECTED: Final = frozenset({"session", "invocation", "request", "topic_uri", "event"})
_EVERYTHING: Final = re.compile(r"(?s:.+)")


def _check_made(given: object, method: str) -> None:
    """Raise `ConfigurationError` for a function of ours that is yet to be called."""
    name = getattr(given, "__name__", "")
    if isfunction(given) and given.__module__.startswith("aiohttp_serverwamp."):
        raise ConfigurationError(
            f"{name} makes what you want to give: write {method}({name}(...))"
        )


class RealmMethods(RealmEvents, Advising):
    """What can be done with a realm; an `Application` does it with its default."""

    # --- What it offers -----------------------------------------------------------

    def add_routes(self, routes: Iterable[Route | RPCRouteSet | TopicRouteSet]) -> None:
        """Host procedures and topics: an `RPCRouteSet`, a `TopicRouteSet`, or any mix.

        May be called while the application runs, in the thread of its loop. Raises
        `ConfigurationError` for a route that exists already, a handler that cannot
        serve, and anything that is no route; nothing has been added then.
        """
        self._target().install_routes(routes)

    #: The names that serverwamp uses.
    add_rpc_routes = add_topic_routes = add_routes

    def set_rpc_handler(self, handler: Callable[[Invocation], Any]) -> None:
        """Let ``handler(invocation)`` serve every procedure that nothing else serves.

        It is of any kind that a procedure may be, and gets the `Invocation` and nothing
        else. Regex routes that were added before it go first. Raises
        `ConfigurationError` when there is one already.
        """
        route = ProcedureRoute(
            uri=_EVERYTHING, handler=checked_handler(handler), whole=True
        )
        self.add_routes([route])

    def set_subscription_handler(
        self, handler: Callable[[str, Session], AsyncIterator[None]]
    ) -> None:
        """Let ``handler(topic_uri, session)`` serve every topic nothing else serves.

        It is an async generator, as those of `TopicRouteSet`; with it clients may
        subscribe to every topic, unless it raises `SubscribeError`. Raises
        `ConfigurationError` when there is one already.
        """
        route = TopicRoute(
            uri=_EVERYTHING, handler=checked_handler(handler), whole=True
        )
        self.add_routes([route])

    def set_default_arg(
        self,
        name: str,
        value: Any = None,
        factory: Callable[[], Any] | None = None,
    ) -> None:
        """Give handlers that have a parameter `name` this value, None by default.

        `factory` is called for each call, with no arguments: sync, async, or returning
        an async context manager, which is closed after the call. Callers cannot
        override it. Raises `ConfigurationError` once the application runs.
        """
        if not isinstance(name, str) or not name.isidentifier():
            raise ConfigurationError(
                f"set_default_arg({name!r}): the name of a parameter comes first"
            )
        if name in _INJECTED:
            raise ConfigurationError(
                f"set_default_arg({name!r}): handlers are given another {name!r} by "
                "that name; choose another name"
            )
        if value is not None and factory is not None:
            raise ConfigurationError(
                f"set_default_arg({name!r}): give a value, or factory=, and not both"
            )
        if factory is not None and not callable(factory):
            raise ConfigurationError(
                f"set_default_arg({name!r}, factory={factory!r}): give a function"
            )
        self._target().install_default_arg(name, DefaultArg(value, factory))

    def add_session_lifespan_handler(
        self, handler: Callable[..., Any], authenticated_only: bool = True
    ) -> None:
        """Let an async generator accompany every session of the realm.

        It runs to its ``yield`` when a session has joined, before the session's first
        request is handled; the rest runs when the session has left. If it raises, the
        session ends.

        With ``authenticated_only=False`` it accompanies whoever says HELLO, and starts
        before the authenticators are asked: what it puts into the session they find
        there.
        """
        check_life_handler(handler, "lifespan handler")
        self._target().install_life_handler(handler, authenticated_only)

    def add_session_state_handler(
        self, handler: Callable[..., Any], authenticated_only: bool = True
    ) -> None:
        """Do as `add_session_lifespan_handler`; the older name, which is deprecated."""
        warnings.warn(
            "add_session_state_handler() is deprecated: write "
            "add_session_lifespan_handler()",
            DeprecationWarning,
            stacklevel=2,
        )
        self.add_session_lifespan_handler(handler, authenticated_only)

    # --- Who may join -------------------------------------------------------------

    def add_transport_authenticator(
        self, authenticator: TransportAuthenticator
    ) -> None:
        """Let ``authenticator(session)`` say who a client is, from its transport alone.

        It may be async, and returns an `Identity`, another truthy value (taken as
        ``session.identity``) or None. The first of several to name somebody wins.
        """
        if not callable(authenticator):
            raise ConfigurationError(
                f"{authenticator!r} is no transport authenticator: give a function of "
                "one argument, the session"
            )
        _check_made(authenticator, "add_transport_authenticator")
        self._target().transport_authenticators.append(authenticator)

    def add_authenticator(self, authenticator: Authenticator) -> None:
        """Offer a method by which clients prove who they are (specification, 7).

        Those of ``aiohttp_serverwamp.auth``, as ``SCRAM(store)`` or ``Ticket(store)``,
        or one of your own, an `Authenticator`. The client's order of preference decides
        among them, after all transport authenticators. Raises `ConfigurationError` for
        what is none, and for a second one of the same authmethod.
        """
        check_authenticator(authenticator)
        authenticators = self._target().authenticators
        method = authenticator.authmethod
        if method in authenticators:
            raise ConfigurationError(
                f"the realm has a {method!r} authenticator already: add one for each "
                "authmethod"
            )
        authenticators[method] = authenticator

    def set_ticket_authenticator(self, authenticator: TicketVerifier) -> None:
        """Let ``authenticator(session, ticket)`` judge tickets (specification, 7.3).

        It may be async, and returns as a transport authenticator does;
        ``session.authid`` is what the client claims to be.
        """
        if not callable(authenticator):
            raise ConfigurationError(
                f"{authenticator!r} is no ticket authenticator: give a function of two "
                "arguments, the session and the ticket"
            )
        self._target().authenticators["ticket"] = Ticket(authenticator)

    def set_authentication_handler(
        self, handler: TransportAuthenticator | None
    ) -> None:
        """Let ``await handler(session)`` do all of the authentication itself.

        It returns as a transport authenticator does, and may challenge the client:
        ``signature, extra = await session.challenge("ticket")``, several times if need
        be. The realm's authenticators are not asked then. None takes it back.
        """
        if handler is not None and not callable(handler):
            raise ConfigurationError(
                f"{handler!r} is no authentication handler: give a function of one "
                "argument, the session"
            )
        self._target().authentication_handler = handler

    def set_cra_handlers(
        self,
        requirement_provider: RequirementProvider,
        identity_provider: IdentityProvider,
    ) -> None:
        """Let clients sign challenges with a shared secret (specification, 7.4).

        ``requirement_provider(session)`` returns a `CRAAuthRequirement`, or None for an
        unknown user, who is challenged all the same: the role of a challenge is "user"
        for everybody, WELCOME says the right one. ``identity_provider(session)`` is
        asked after a right answer, and returns as a transport authenticator does. Both
        may be async.
        """
        for function in (requirement_provider, identity_provider):
            if not callable(function):
                raise ConfigurationError(
                    f"{function!r} is no CRA handler: give two functions of one "
                    "argument, the session"
                )
        self._target().authenticators["wampcra"] = CRAAuthenticator(
            requirement_provider, identity_provider
        )

    # --- Who may do what ----------------------------------------------------------

    def permit(
        self,
        uri: str,
        *,
        match: Match | str = Match.EXACT,
        call: bool | None = None,
        register: Flag | None = None,
        publish: bool | None = None,
        subscribe: bool | None = None,
        retain: bool | None = None,
        roles: Iterable[str] | None = None,
        slow_consumer: SlowConsumer | str | None = None,
        rate_limit: RateLimit | str | None = None,
    ) -> None:
        """Say what clients may do with a URI, or with all that match; None: not said.

        The most specific rule that says something about an action decides alone: exact,
        then the longest prefix, then the best wildcard. `roles` names who is granted
        what is True. ``register="own"`` lets each session register the URI for
        ``session.call`` only; ``retain=True`` has those events retained that who may
        publish asks to be (specification, 6.10), which are only published otherwise.

        `slow_consumer` says what becomes of a topic's events for clients that do not
        keep up, see `SlowConsumer`, and `rate_limit` how often clients may call or
        publish, see `RateLimit`; all that a pattern matches counts together. Both hold
        whatever the roles, may stand alone, and again the most specific one holds.

        Raises `ConfigurationError` for what makes no rule.
        """
        target = self._target()
        policy = None if slow_consumer is None else SlowConsumer.of(slow_consumer)
        limit = None if rate_limit is None else RateLimit.of(rate_limit)
        alone = policy is not None or limit is not None
        flags = (call, register, publish, subscribe, retain)
        if not alone or roles is not None or flags.count(None) < len(flags):
            target.permissions.permit(
                uri,
                match,
                call=call,
                register=register,
                publish=publish,
                subscribe=subscribe,
                retain=retain,
                roles=roles,
            )
        if alone:
            found = policy_of(match)
            target.traffic_rules.permit(checked_uri(uri, found), found, policy, limit)
        else:
            warn_of_pattern(uri)

    def set_authorizer(self, authorizer: Authorizer | None) -> None:
        """Let ``authorizer(session, action, uri, options)`` deny what the rules allow.

        It may be async, and returns a bool or a `Decision`. What it raises denies with
        ``wamp.error.authorization_failed``. None takes it back.
        """
        if authorizer is not None and not callable(authorizer):
            raise ConfigurationError(
                f"{authorizer!r} is no authorizer: give a function of four arguments, "
                "the session, the action, the URI and the options"
            )
        _check_made(authorizer, "set_authorizer")
        self._target().install_authorizer(authorizer)

    def drop_decisions(self, session: Session | None = None) -> None:
        """Forget the authorizer's remembered decisions: of one session, or all."""
        router = self._target().router
        router.decisions.drop(None if session is None else session.peer)

    def set_trust_levels(self, levels: TrustLevels | None) -> None:
        """Let ``levels(session, action, uri)`` say how far calls, events are trusted.

        It returns an int from 0, the lowest level, on, or None to say nothing; its
        argument action is "call" or "publish". Callees and subscribers see it as
        ``trustlevel`` (specification, 5.7 and 6.6). If it fails, that is logged, and
        the level is 0. It is asked for every call and publication, and has to be a
        plain function. None takes it back.
        """
        if levels is not None and (not callable(levels) or is_async(levels)):
            raise ConfigurationError(
                f"set_trust_levels({levels!r}): give a plain function of three "
                "arguments, the session, the action and the URI"
            )
        self._target().install_trust_levels(levels)

    # --- Calling ------------------------------------------------------------------

    async def call(
        self,
        procedure: str,
        /,
        *args: Any,
        options: CallOptions | None = None,
        **kwargs: Any,
    ) -> Any:
        """Call a procedure, hosted or a client's, as the application.

        Returns None for no result, the value of a single positional one, else an
        `RPCResult`. Raises `ApplicationError` or its subclass for the error's URI, and
        `ConfigurationError` while no application runs the realm.
        """
        return await self._target().local.call(procedure, args, kwargs, options=options)

    def call_progressively(
        self,
        procedure: str,
        /,
        *args: Any,
        options: CallOptions | None = None,
        **kwargs: Any,
    ) -> ProgressiveCall:
        """Call a procedure and take its progress: ``async for report in ...``.

        See `ProgressiveCall` for the final result, for leaving early, and for sending
        the arguments in chunks. Raises `EncodingError` for what is not plain data, and
        `ConfigurationError` while no application runs the realm.
        """
        return self._target().local.call_progressively(
            procedure, args, kwargs, options=options
        )
