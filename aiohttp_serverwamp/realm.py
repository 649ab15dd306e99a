"""Realm: what one realm offers and who may use it, and its live broker and dealer."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from aiohttp_serverwamp import uris
from aiohttp_serverwamp.errors import ConfigurationError
from aiohttp_serverwamp.hosting.events import HostedSubscription
from aiohttp_serverwamp.hosting.histories import Histories
from aiohttp_serverwamp.hosting.installation import Installation
from aiohttp_serverwamp.hosting.lifespans import Life, LifeHandler, check_life_handler
from aiohttp_serverwamp.hosting.local_session import LocalSession
from aiohttp_serverwamp.hosting.options import (
    SlowConsumerHook,
    check_flags,
    checked_hook,
)
from aiohttp_serverwamp.hosting.publication import Publication, PublishOptions
from aiohttp_serverwamp.hosting.route import (
    EventRoute,
    ProcedureRoute,
    Route,
    TopicRoute,
)
from aiohttp_serverwamp.hosting.routes import RPCRouteSet, TopicRouteSet
from aiohttp_serverwamp.hosting.session import Session, check_farewell
from aiohttp_serverwamp.hosting.session_selection import (
    ANY,
    AnyValue,
    named,
    selected,
    selector,
)
from aiohttp_serverwamp.hosting.topics import HostedTopics, Occasion
from aiohttp_serverwamp.hosting.traffic_rules import TrafficRules
from aiohttp_serverwamp.ids import random_id
from aiohttp_serverwamp.limits import RateLimit, SlowConsumer
from aiohttp_serverwamp.realm_methods import RealmMethods
from aiohttp_serverwamp.router.authorization import Permissions, Preset
from aiohttp_serverwamp.router.disclosure import Disclosure
from aiohttp_serverwamp.router.joining import Kick
from aiohttp_serverwamp.router.router import Router
from aiohttp_serverwamp.router.tally import stats_of
from aiohttp_serverwamp.uris import Match, is_valid_uri

if TYPE_CHECKING:
    from aiohttp_serverwamp.auth.authenticator import Authenticator
    from aiohttp_serverwamp.history.event import History
    from aiohttp_serverwamp.hosting.default_args import DefaultArg
    from aiohttp_serverwamp.hosting.runtime import Runtime
    from aiohttp_serverwamp.interfaces import HistoryStore, Waiter
    from aiohttp_serverwamp.limits import Limits
    from aiohttp_serverwamp.router.decisions import Authorizer
    from aiohttp_serverwamp.router.host import TransportAuthenticator
    from aiohttp_serverwamp.router.peer import Peer
    from aiohttp_serverwamp.router.session import RouterSession
    from aiohttp_serverwamp.router.trust import TrustLevels
    from aiohttp_serverwamp.stats import Stats

__all__ = ["Realm"]

logger = logging.getLogger("aiohttp_serverwamp.realm")


class Realm(RealmMethods):
    """One realm of an `Application`.

    `permissions` is `OPEN` for a classic open router, where every client may do
    everything; otherwise clients may call what is hosted here and subscribe to what is
    declared here. `roles` names the roles that there are, besides those of guests: no
    rule may name another one, and nobody joins with one (7.1); None is any.
    `disclosure` is "deny", "allow" or "force" (deny by default, allow with OPEN);
    `strict_uris` admits only lower-case letters, digits and underscores in URIs.
    Clients may use progressive calls and payload passthru without having
    announced them in HELLO, as many do; `strict_features` refuses that, as the
    specification asks (5.2, 5.3 and 8.6). With `camel_snake_conversion` handlers get
    the keyword argument ``userId`` of a call or an event as ``user_id``; what they
    return and publish is left as it is. `slow_consumer` says what becomes of events for
    clients that do not keep up, where nothing else is said of their topic, see
    `SlowConsumer`. ``on_slow_consumer(session, report)``, a plain function, is then
    told once that it begins, by a `SlowConsumerReport`, in place of the application's.
    `rate_limit` is for all requests of a client together, see `RateLimit`.

    Raises `ConfigurationError` for a malformed URI or option.
    """

    def __init__(
        self,
        uri: str,
        *,
        permissions: Preset | None = None,
        roles: Iterable[str] | None = None,
        disclosure: str | None = None,
        strict_uris: bool = False,
        strict_features: bool = False,
        camel_snake_conversion: bool = False,
        slow_consumer: SlowConsumer | str = SlowConsumer.DISCONNECT,
        rate_limit: RateLimit | str | None = None,
        on_slow_consumer: SlowConsumerHook | None = None,
    ) -> None:
        if not isinstance(uri, str) or not is_valid_uri(uri):
            raise ConfigurationError(f"Realm({uri!r}): give a URI, as 'customers'")
        self.uri = uri
        self.permissions = Permissions.starting_from(permissions, roles)
        self.transport_authenticators: list[TransportAuthenticator] = []
        #: What replaces all authenticators.
        self.authentication_handler: TransportAuthenticator | None = None
        self.authenticators: dict[str, Authenticator] = {}
        self._disclosure = _disclosure(disclosure, open_=permissions is not None)
        check_flags(
            strict_uris=strict_uris,
            strict_features=strict_features,
            camel_snake_conversion=camel_snake_conversion,
        )
        self._strict_uris = strict_uris
        self._strict_features = strict_features
        self._camel_snake = camel_snake_conversion
        self.traffic_rules = TrafficRules(slow_consumer, rate_limit)
        #: Who is told of clients that do not keep up; None: whom the application tells.
        self.on_slow_consumer = checked_hook("on_slow_consumer", on_slow_consumer)
        self._routes: dict[tuple[Any, ...], Route] = {}
        #: What handlers get by parameter name.
        self.default_args: dict[str, DefaultArg] = {}
        #: Who is asked what clients may do, once the rules have said yes.
        self.authorizer: Authorizer | None = None
        #: Who says how far calls and publications are trusted.
        self.trust_levels: TrustLevels | None = None
        self._subscriptions: list[HostedSubscription] = []
        self._histories = Histories(uri)
        #: Lifespan handlers with whether they wait for the client to be authenticated.
        self._life_functions: list[tuple[Callable[..., Any], bool]] = []
        self._life_handlers: list[tuple[LifeHandler, bool]] = []
        #: Who runs this realm; a realm belongs to one application.
        self.owner: object | None = None
        self._runtime: Runtime | None = None
        self._router: Router | None = None
        self._local: LocalSession | None = None
        self._installation: Installation | None = None

    def __repr__(self) -> str:
        return f"<Realm {self.uri!r}>"

    def _target(self) -> Realm:
        return self

    # --- Setting up ---------------------------------------------------------------

    def install_routes(
        self, routes: Iterable[Route | RPCRouteSet | TopicRouteSet]
    ) -> None:
        """Add routes, all or none, and host them at once if the realm is live."""
        self._check_thread("add_routes()")
        added: dict[tuple[Any, ...], Route] = {}
        subscriptions = []
        for route in _each_route(routes):
            if isinstance(route, EventRoute):
                subscriptions.append(HostedSubscription(route, self._unsubscribe))
                continue
            kind = "procedure" if isinstance(route, ProcedureRoute) else "topic"
            key = (kind, route.uri, route.match)
            if key in self._routes or key in added:
                raise ConfigurationError(
                    f"{self!r} serves the {kind} {route.uri!r} already: give each its "
                    "own URI, or leave one route out"
                )
            if isinstance(route, TopicRoute):
                self._check_topic(route)
            added[key] = route
        if self._installation is not None:
            self._installation.take_up(added.values(), subscriptions)
        self._routes.update(added)
        self._subscriptions += subscriptions
        for route in added.values():
            self._declare(route)
            if isinstance(route, TopicRoute) and route.history is not None:
                assert isinstance(route.uri, str), "declare() takes no expression"
                self.install_history(route.uri, route.match, route.history)

    def _check_topic(self, route: TopicRoute) -> None:
        if route.handler is not None:
            check_life_handler(route.handler, "subscription handler")
        if route.history is not None:
            self._histories.check(route.uri, route.match)

    def install_history(self, uri: str, match: Match, history: History) -> None:
        """Keep the history of a topic or pattern, from now on if the realm is live."""
        self._check_thread("keep_history()")
        self._histories.add(uri, match, history)

    def install_history_store(self, store: HistoryStore) -> None:
        """Set where histories are kept, before the realm runs."""
        self._histories.keep_in(store)

    def install_subscription(self, route: EventRoute) -> HostedSubscription:
        """Subscribe as the application, at once if the realm is live."""
        self._check_thread("subscribe()")
        subscription = HostedSubscription(route, self._unsubscribe)
        if self._installation is not None:
            self._installation.take_up([], [subscription])
        self._subscriptions.append(subscription)
        return subscription

    def _unsubscribe(self, subscription: HostedSubscription) -> None:
        if subscription in self._subscriptions:
            self._subscriptions.remove(subscription)
        if subscription.live is not None:
            self.local.unsubscribe(*subscription.live)
            subscription.live = None

    def _declare(self, route: Route) -> None:
        """Say by a permission rule that clients may use the route, and how."""
        if not isinstance(route.uri, str):
            return
        self.traffic_rules.declare(route)
        if isinstance(route, TopicRoute):
            self.permissions.declare(
                route.uri,
                route.match,
                subscribe=True,
                publish=route.publish,
                retain=route.retain,
                roles=route.roles,
            )
        else:
            self.permissions.declare(
                route.uri, route.match, call=True, roles=route.roles
            )

    def install_life_handler(
        self, handler: Callable[..., Any], authenticated_only: bool
    ) -> None:
        """Add a lifespan handler, for sessions that join from now on."""
        if self._installation is not None:
            compiled = self._installation.life_handler(handler)
            self._life_handlers.append((compiled, authenticated_only))
        self._life_functions.append((handler, authenticated_only))

    def install_default_arg(self, name: str, supplied: DefaultArg) -> None:
        """Supply handler parameters of one name, before any handler is compiled."""
        if self._runtime is not None:
            raise ConfigurationError(
                f"set_default_arg({name!r}) comes too late, {self!r} runs and its "
                "handlers are compiled: call it before start-up; what only start-up "
                "makes, give by factory=, or make it in a cleanup_ctx that is appended "
                "before setup_wamp(app)"
            )
        self.default_args[name] = supplied

    def install_authorizer(self, authorizer: Authorizer | None) -> None:
        """Set the authorizer, and forget what an earlier one decided."""
        self.authorizer = authorizer
        if self._router is not None:
            self._router.authorizer = authorizer
            self._router.decisions.drop()

    def install_trust_levels(self, levels: TrustLevels | None) -> None:
        """Set who says how far calls and publications are trusted."""
        self.trust_levels = levels
        if self._router is not None:
            self._router.trust.levels = levels

    # --- Running ------------------------------------------------------------------

    def start(self, runtime: Runtime, limits: Limits) -> None:
        """Go live: make broker and dealer, compile handlers, register what is hosted.

        Raises `ConfigurationError` for handlers whose parameters cannot be supplied.
        """
        self._runtime = runtime
        self._router = Router(
            limits=limits,
            permissions=self.permissions,
            now=runtime.support.now,
            wall_time_ns=time.time_ns,
            choose=random.choice,
            new_id=random_id,
            disclosure=self._disclosure,
            strict_uris=self._strict_uris,
            joining=runtime.joining,
            observers=runtime.observers,
            uri=self.uri,
            strict_features=self._strict_features,
        )
        self._router.authorizer = self.authorizer
        self.traffic_rules.start(self._router, runtime.support.now)
        self._router.tasks = runtime.tasks
        self._router.meta.view = self.view(self._router.meta)
        self._router.trust.levels = self.trust_levels
        self._router.hosted_topics = topics = HostedTopics(runtime)
        self._local = LocalSession(self._router, runtime, self.view, limits=limits)
        # First of all subscriptions: their ids are the same whenever it starts.
        self._histories.start(runtime, self._router)
        self._installation = Installation(
            self._local, topics, self.default_args, camel_snake=self._camel_snake
        )
        try:
            self._installation.take_up(self._routes.values(), self._subscriptions)
            self._life_handlers = [
                (self._installation.life_handler(function), authenticated_only)
                for function, authenticated_only in self._life_functions
            ]
        except BaseException:
            # Not only our own: the constructor of a service may raise anything.
            self.stop()
            raise
        self._warn_of_idle_default_args(self._installation.idle_default_args)

    def _warn_of_idle_default_args(self, names: set[str]) -> None:
        if not (self._routes or self._subscriptions or self._life_functions):
            return  # what takes them may come later
        for name in sorted(names):
            logger.warning(
                "%r: no handler has a parameter %r, which set_default_arg() supplies; "
                "a parameter of another name is the caller's to fill",
                self,
                name,
            )

    async def open_histories(self) -> None:
        """Return when the history store has shown that it works.

        Raises `ConfigurationError` when it does not: better now than event by event.
        """
        await self._histories.open()

    async def finish(self) -> None:
        """Return when everything is in the history store that is to be there."""
        await self._histories.flush()

    def stop(self) -> None:
        """Be set up only, as before `start`."""
        self._runtime = self._router = self._local = self._installation = None
        self._histories.stop()
        self.traffic_rules.stop()
        self._life_handlers = []
        for subscription in self._subscriptions:
            subscription.live = None

    def _check_thread(self, call: str) -> None:
        if self._runtime is not None:
            self._runtime.check_thread(call)

    # --- Live ---------------------------------------------------------------------

    @property
    def router(self) -> Router:
        """The live broker and dealer; `ConfigurationError` while nothing runs it."""
        if self._router is None:
            raise self._not_running()
        return self._router

    @property
    def local(self) -> LocalSession:
        """The application as a peer; `ConfigurationError` while nothing runs it."""
        if self._local is None:
            raise self._not_running()
        return self._local

    def _not_running(self) -> ConfigurationError:
        return ConfigurationError(
            f"{self!r} is not running: publish and call after start-up, with the realm "
            "added to an Application by add_realm(), and that served by "
            "setup_wamp(app) or inside 'async with application.run()'"
        )

    @property
    def deserted(self) -> bool:
        """Whether nothing is offered here, and nobody has joined."""
        return not self._routes and not (self._router and self._router.sessions)

    def stats(self) -> Stats:
        """Return what there is here now, and what has been since the start.

        Raises `ConfigurationError` while nothing runs the realm.
        """
        local = self.local
        tasks = len(local.procedures.running)
        return stats_of(self.router, self.uri, hosted=local, tasks=tasks)

    def waiter(self) -> Waiter[Any]:
        """Make a waiter for the running task."""
        assert self._runtime is not None, "clients are challenged while live"
        return self._runtime.support.waiter()

    async def run_in_thread(self, func: Callable[..., Any], *args: Any) -> Any:
        """Run a blocking function in a worker thread, whichever the async library.

        Raises what it raises, and `ConfigurationError` while nothing runs the realm.
        """
        if self._runtime is None:
            raise self._not_running()
        return await self._runtime.support.run_in_thread(func, *args)

    def view(self, peer: Peer) -> Session:
        """Return the public Session of a peer."""
        return Session(peer, self)

    def life(self, session: RouterSession, *, joining: bool = False) -> Life | None:
        """Return what accompanies a session, or None without lifespan handlers.

        That is what waits for the client to be authenticated, and with `joining` what
        does not.
        """
        handlers = [
            handler
            for handler, authenticated_only in self._life_handlers
            if authenticated_only is not joining
        ]
        if not handlers:
            return None
        assert self._runtime is not None, "sessions join while live"
        assert session.tasks is not None, (
            "a wire peer always has its connection's tasks"
        )
        occasion = Occasion(session.public())
        return Life(self._runtime, session.tasks, handlers, occasion)

    def sessions(
        self, *, authid: str | AnyValue = ANY, authrole: str | AnyValue = ANY
    ) -> Sequence[Session]:
        """Return the sessions that are joined now, in the order they joined.

        Raises `ConfigurationError` for an `authid` or `authrole` that is no str, or an
        empty one, such as the None of a visitor who is not signed in.
        """
        joined = [] if self._router is None else [*self._router.sessions.values()]
        chosen = selected(joined, authid=authid, authrole=authrole)
        return [peer.public() for peer in chosen]

    def publish_to(
        self,
        authid: str,
        topic: str,
        /,
        *args: Any,
        options: PublishOptions | None = None,
        **kwargs: Any,
    ) -> Publication:
        """Publish an event to one user: to those of their sessions that subscribed.

        `options` may narrow it further. Raises what `publish` does, and
        `ConfigurationError` for an `authid` that is no str, or an empty one.
        """
        options = replace(options or PublishOptions(), eligible_authid=[named(authid)])
        return self.publish(topic, *args, options=options, **kwargs)

    async def close_sessions(
        self,
        *,
        authid: str | AnyValue = ANY,
        authrole: str | AnyValue = ANY,
        reason: str = uris.KILLED,
        message: str = "",
    ) -> int:
        """End the sessions that match, all of them by default; return how many.

        They leave the realm at once and get GOODBYE; see `Session.close`. Whoever is
        joining and turns out to be meant gets ABORT, and is not counted. Raises
        `ConfigurationError` as `sessions` and `Session.close` do.
        """
        self._check_thread("close_sessions()")
        check_farewell(reason, message)
        chosen = self.sessions(authid=authid, authrole=authrole)
        if self._router is not None:
            means = selector(authid=authid, authrole=authrole)
            kick = Kick(self._router, means, reason, message)
            self._router.joining.note(kick)
        for session in chosen:
            await session.close(reason, message)
        return len(chosen)


def _each_route(routes: Iterable[Any]) -> Iterator[Route]:
    if isinstance(routes, str | Mapping) or not isinstance(routes, Iterable):
        raise ConfigurationError(
            "add_routes() takes an RPCRouteSet, a TopicRouteSet or routes of such, "
            f"not {type(routes).__name__}"
        )
    for route in routes:
        if isinstance(route, Route):
            yield route
        elif isinstance(route, RPCRouteSet | TopicRouteSet):
            yield from route
        else:
            raise ConfigurationError(
                f"{route!r} is no route: fill an RPCRouteSet or a TopicRouteSet with "
                "its decorators and give that"
            )


def _disclosure(policy: str | None, *, open_: bool) -> Disclosure:
    if policy is None:
        return Disclosure.ALLOW if open_ else Disclosure.DENY
    try:
        return Disclosure(policy)
    except ValueError:
        raise ConfigurationError(
            f"disclosure={policy!r}: give 'deny', 'allow' or 'force'"
        ) from None
