"""Application: realms by URI, the default realm, all sessions, start and stop."""

from __future__ import annotations

import logging
import time
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Iterable,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager
from threading import get_ident
from typing import TYPE_CHECKING, Any, Literal

from aiohttp_serverwamp import uris
from aiohttp_serverwamp.adapters.asyncio import AsyncioAsyncSupport
from aiohttp_serverwamp.adapters.connected_clients import ConnectedClients
from aiohttp_serverwamp.adapters.entry_points import EntryPoints
from aiohttp_serverwamp.adapters.serve import serve

# serverwamp has it in this module only: programs that come from there import it here.
from aiohttp_serverwamp.auth.wampcra import CRAAuthRequirement as CRAAuthRequirement
from aiohttp_serverwamp.errors import ConfigurationError, SessionRejected
from aiohttp_serverwamp.hosting.options import (
    SlowConsumerHook,
    check_flags,
    checked_hook,
    checked_limits,
    checked_request_handlers,
    checked_serializers,
    checked_support,
)
from aiohttp_serverwamp.hosting.runtime import Runtime
from aiohttp_serverwamp.hosting.session_selection import ANY, AnyValue
from aiohttp_serverwamp.ids import random_id
from aiohttp_serverwamp.observability.access_log import access_log_observers
from aiohttp_serverwamp.realm import Realm
from aiohttp_serverwamp.realm_methods import RealmMethods
from aiohttp_serverwamp.router import endings
from aiohttp_serverwamp.router.failed_sign_ins import FailedSignIns
from aiohttp_serverwamp.uris import shown

if TYPE_CHECKING:
    from aiohttp_serverwamp.hosting.publication import Publication, PublishOptions
    from aiohttp_serverwamp.hosting.session import Session
    from aiohttp_serverwamp.interfaces import (
        AsyncSupport,
        Connection,
        Observer,
        Serializer,
        TaskRunner,
    )
    from aiohttp_serverwamp.limits import Limits, SlowConsumerReport
    from aiohttp_serverwamp.messages import Message
    from aiohttp_serverwamp.router.host import RequestHandler
    from aiohttp_serverwamp.router.session import RouterSession

__all__ = ["Application"]

logger = logging.getLogger("aiohttp_serverwamp.application")

#: Names that a client made up are remembered for one log line each, so many at most.
_MAX_LOGGED_NAMES = 100


class Application(RealmMethods, EntryPoints, ConnectedClients):
    """A WAMP application: its realms, and the clients that are connected to them.

    Clients that ask for a realm that was not added get the default realm, on which
    everything works that a `Realm` can do (``application.add_routes(...)``); with
    ``allow_default_realm=False`` they get ABORT ``wamp.error.no_such_realm``.

    `async_support` is the async library, as a class or an instance. With `debug`
    callers see what an unexpected exception says. `strict_request_ids` ends sessions
    whose request ids are not consecutive. `cancel_on_disconnect` cancels the handlers
    of a client that leaves. `synchronize_requests` finishes one request of a session
    before the next one is started. `protocol_request_handlers` replaces what is done
    with one message type of joined sessions: ``{messages.Call: async (message,
    session)}``. `serializers` adds to the built-in ones (JSON, MessagePack, and CBOR
    where the extra ``cbor`` is installed), replaces one, or takes one out:
    ``{"json": OrjsonCodec(), "msgpack": None}``. `observers` hear what happens, see
    `Observer`. `access_log` is what the logger ``aiohttp_serverwamp.access`` gets a
    line for: each session, or each session and each call. ``on_slow_consumer(session,
    report)``, a plain function, is told once when events begin to be dropped for a
    client that does not keep up, or when it has been cut; what it raises is logged.

    Raises `ConfigurationError` for options that make no sense.
    """

    #: How the server calls itself in WELCOME.
    agent = "aiohttp-serverwamp"

    def __init__(
        self,
        allow_default_realm: bool = True,
        async_support: type[AsyncSupport] | AsyncSupport = AsyncioAsyncSupport,
        *,
        limits: Limits | None = None,
        debug: bool = False,
        strict_request_ids: bool = False,
        cancel_on_disconnect: bool = True,
        synchronize_requests: bool = False,
        protocol_request_handlers: Mapping[type[Message], RequestHandler] | None = None,
        serializers: Mapping[str, Serializer | None] | None = None,
        observers: Iterable[Observer] = (),
        access_log: Literal["sessions", "calls"] | None = "sessions",
        on_slow_consumer: SlowConsumerHook | None = None,
    ) -> None:
        super().__init__(checked_limits(limits), checked_support(async_support))
        check_flags(
            allow_default_realm=allow_default_realm,
            debug=debug,
            strict_request_ids=strict_request_ids,
            cancel_on_disconnect=cancel_on_disconnect,
            synchronize_requests=synchronize_requests,
        )
        self.serializers = checked_serializers(serializers, self.limits)
        self.failed_sign_ins = FailedSignIns(self.limits, self.support.now)
        self.strict_request_ids = strict_request_ids
        self.synchronize_requests = synchronize_requests
        self.request_handlers = checked_request_handlers(protocol_request_handlers)
        self._on_slow_consumer = checked_hook("on_slow_consumer", on_slow_consumer)
        self._debug = debug
        self._cancel_on_disconnect = cancel_on_disconnect
        self._realms: dict[str, Realm] = {}
        self._default_realm: Realm | None = None
        if allow_default_realm:
            self._default_realm = Realm("default")
            self._default_realm.owner = self
        self._injections: dict[type, Callable[[Any], Any]] = {}
        self._csrf_tokens: Callable[[Any], Awaitable[str]] | None = None
        self._runtime: Runtime | None = None
        #: The event loop that a request handler has started the application in.
        self._started_in: object | None = None
        self._logged_names: set[str] = set()
        self._logged_deserted = False
        if not isinstance(observers, Iterable):
            raise ConfigurationError(
                f"observers={observers!r}: give several, as observers=[Observer()]"
            )
        # Now that they can ask for statistics.
        for observer in (*observers, *access_log_observers(access_log)):
            self.add_observer(observer)

    def __repr__(self) -> str:
        return f"<Application realms={[*self._realms]}>"

    # --- Realms -------------------------------------------------------------------

    def add_realm(self, realm: Realm) -> None:
        """Serve a realm.

        Raises `ConfigurationError` for a second realm of the same URI, and for a realm
        that belongs to another application.
        """
        if not isinstance(realm, Realm):
            raise ConfigurationError(f"add_realm({realm!r}): give a Realm")
        if realm.owner is self or realm.uri in self._realms:
            raise ConfigurationError(
                f"the application has a realm {realm.uri!r} already"
            )
        if realm.owner is not None:
            raise ConfigurationError(
                f"{realm!r} belongs to another Application: make a Realm for each, and "
                "give both the same route sets"
            )
        if self._runtime is not None:
            realm.start(self._runtime, self.limits)
        realm.owner = self
        self._realms[realm.uri] = realm

    def realm(self, uri: str) -> Realm:
        """Return an added realm; `KeyError` if there is none of this URI."""
        try:
            return self._realms[uri]
        except KeyError:
            raise KeyError(
                f"no realm {uri!r} was added; there are {[*self._realms]}, and the "
                "others' clients are in application.default_realm"
            ) from None

    @property
    def default_realm(self) -> Realm:
        """The realm of clients that ask for one that was not added.

        Raises `ConfigurationError` with ``allow_default_realm=False``.
        """
        if self._default_realm is None:
            raise ConfigurationError(
                "this Application has allow_default_realm=False: use one of its "
                "realms, as application.realm('members')"
            )
        return self._default_realm

    def _target(self) -> Realm:
        return self.default_realm

    def _every_realm(self) -> Sequence[Realm]:
        default = [] if self._default_realm is None else [self._default_realm]
        return [*self._realms.values(), *default]

    def publish(
        self,
        topic: str,
        /,
        *args: Any,
        options: PublishOptions | None = None,
        **kwargs: Any,
    ) -> Publication:
        """Publish an event in the default realm, and in no other; see `Realm.publish`.

        Clients of an added realm get what that one publishes:
        ``application.realm("members").publish(...)``.
        """
        if self._realms and self.default_realm.deserted and not self._logged_deserted:
            self._logged_deserted = True
            logger.warning(
                "published to the default realm, which has neither routes nor clients: "
                "for the clients of another write application.realm(uri).publish(...)"
            )
        return super().publish(topic, *args, options=options, **kwargs)

    def requires_http_session(self) -> bool:
        """Tell whether some realm reads the HTTP session."""
        return any(
            getattr(authenticator, "requires_http_session", False)
            for realm in self._every_realm()
            for authenticator in realm.transport_authenticators
        )

    def identity_keys(self, request: Any) -> Sequence[str]:
        """Return the keys of the HTTP session by which realms know their users.

        `request` is the server's, and whose HTTP session is meant.
        """
        found = (
            authenticator.http_session_key(request)
            for realm in self._every_realm()
            for authenticator in realm.transport_authenticators
            if hasattr(authenticator, "http_session_key")
        )
        return [key for key in found if key]

    def guards(self) -> Sequence[Any]:
        """Return who is asked, in any realm, who a client is and what it may do."""
        return [
            guard
            for realm in self._every_realm()
            for guard in (*realm.transport_authenticators, realm.authorizer)
            if guard is not None
        ]

    # --- Sessions -----------------------------------------------------------------

    def sessions(
        self, *, authid: str | AnyValue = ANY, authrole: str | AnyValue = ANY
    ) -> Sequence[Session]:
        """Return the sessions that are joined now, realm by realm; see `Realm`."""
        return [
            session
            for realm in self._every_realm()
            for session in realm.sessions(authid=authid, authrole=authrole)
        ]

    async def close_sessions(
        self,
        *,
        authid: str | AnyValue = ANY,
        authrole: str | AnyValue = ANY,
        reason: str = uris.KILLED,
        message: str = "",
    ) -> int:
        """End the sessions that match, in all realms; return how many.

        They leave their realms at once and get GOODBYE; see `Session.close`. Whoever is
        joining and turns out to be meant gets ABORT, and is not counted. Raises
        `ConfigurationError` for an `authid` or `authrole` that is no str, or an empty
        one, such as the None of a visitor who is not signed in.
        """
        closed = 0
        for realm in self._every_realm():
            closed += await realm.close_sessions(
                authid=authid, authrole=authrole, reason=reason, message=message
            )
        return closed

    def publish_to(
        self,
        authid: str,
        topic: str,
        /,
        *args: Any,
        options: PublishOptions | None = None,
        **kwargs: Any,
    ) -> Sequence[Publication]:
        """Publish to one user, in every realm; see `Realm.publish_to`."""
        return [
            realm.publish_to(authid, topic, *args, options=options, **kwargs)
            for realm in self._every_realm()
        ]

    # --- Running ------------------------------------------------------------------

    @property
    def running(self) -> bool:
        """Whether the application serves connections now."""
        return self._runtime is not None

    @asynccontextmanager
    async def run(self) -> AsyncIterator[Application]:
        """Run the application inside an ``async with`` block.

        `setup_wamp` does this for an aiohttp application. Raises `ConfigurationError`
        for handlers whose parameters cannot be supplied, for a history store that does
        not work, and when it runs already.
        """
        if self._runtime is not None:
            raise ConfigurationError(
                "the Application runs already: it can be attached once, so make one "
                "for each setup_wamp(...)"
            )
        self.require_library()
        try:
            async with self.support.task_group() as tasks:
                try:
                    await self._start(tasks)
                    yield self
                finally:
                    await self.shutdown()
                    # What still runs may publish and call until it has ended.
                    await tasks.join(self.limits.close_timeout)
                    await self._finish()
        finally:
            self._stop()

    async def _start(self, tasks: TaskRunner) -> None:
        self._runtime = Runtime(
            support=self.support,
            tasks=tasks,
            thread=get_ident(),
            from_thread=self.support.caller_from_thread(),
            debug=self._debug,
            cancel_on_disconnect=self._cancel_on_disconnect,
            close_timeout=self.limits.close_timeout,
            injections=self._injections,
            observers=self.observers,
        )
        self._stopping = False
        self._retry_after = None
        realms = [*self._every_realm()]
        for realm in realms:
            realm.start(self._runtime, self.limits)
        for realm in realms:
            await realm.open_histories()

    async def start_in(self, loop: object) -> None:
        """Run in this event loop until it ends, unless something runs it already.

        For adapters that have nothing to run it in.
        """
        if self._runtime is not None:
            if self._started_in in (None, loop):
                return
            self._stop()  # that loop is over, and its tasks with it
        # Never left: the loop cancels what is still there when it ends.
        tasks = await self.support.task_group().__aenter__()
        try:
            await self._start(tasks)
        except BaseException:
            self._stop()
            raise
        self._started_in = loop

    async def _finish(self) -> None:
        """Let histories be written to the end, as long as closing may take."""
        timeout = self.limits.close_timeout or None
        for realm in self._every_realm():
            if not await self.support.wait_at_most(timeout, realm.finish):
                logger.error("%r: its history store is too slow: events lost", realm)

    def _stop(self) -> None:
        self._runtime = self._started_in = None
        for realm in self._every_realm():
            realm.stop()

    async def csrf_token(self, request: Any) -> str:
        """Return the CSRF token for a page, of the HTTP session of its request.

        The page's script brings it in HELLO: ``authextra: {csrf_token: ...}``; realms
        whose authenticator says ``csrf=True`` demand it. It lasts until the user signs
        out. To be called before the response is prepared.

        Raises `ConfigurationError` where there are no HTTP sessions, or nothing binds
        sockets to them.
        """
        if self._csrf_tokens is None:
            raise ConfigurationError(
                "csrf_token() needs setup_wamp(app), and not with session_binding=False"
            )
        return await self._csrf_tokens(request)

    @property
    def has_csrf_tokens(self) -> bool:
        """Whether `csrf_token` can be answered."""
        return self._csrf_tokens is not None

    def use_csrf_tokens(self, source: Callable[[Any], Awaitable[str]]) -> None:
        """Have `csrf_token` ask `source`; for adapters."""
        self._csrf_tokens = source

    def inject(self, kind: type, getter: Callable[[Session], Any]) -> None:
        """Supply handler parameters annotated `kind` with ``getter(session)``.

        For adapters; applications use `set_default_arg`.
        """
        self._injections[kind] = getter

    # --- Serving ------------------------------------------------------------------

    def serve(self, connection: Connection) -> Coroutine[Any, Any, None]:
        """Serve one client's connection until it has closed; to be awaited."""
        if self._runtime is None:
            raise ConfigurationError(
                "the Application is not running: attach it with setup_wamp(app, "
                "application), or serve inside 'async with application.run()'"
            )
        # Not awaited here: each coroutine on the way takes memory of each connection.
        return serve(connection, self, self.support)

    def end(self, connection: Connection) -> None:
        """End what there is on a connection, because its server stops."""
        session = self._open.get(connection)
        if session is not None:
            endings.shut_down(session)

    def session_on(self, connection: Connection) -> Session | None:
        """Return the session that is joined on a connection now, if there is one."""
        session = self._open.get(connection)
        if session is None or not session.joined:
            return None
        public: Session = session.public()
        return public

    def send_away(self, connection: Connection, reason: str, message: str = "") -> bool:
        """End what there is on a connection, joined or not; False if it is not served.

        Then the connection is closed.
        """
        session = self._open.get(connection)
        if session is None:
            return False
        endings.goodbye(session, reason, message)
        return True

    # --- As the host of its sessions (`router.host.RouterHost`) -------------------

    def now(self) -> float:
        """Return the monotonic time of deadlines, in seconds."""
        return self.support.now()

    def wall_time(self) -> float:
        """Return the time at which identities expire, in seconds of the epoch."""
        return time.time()

    def realm_of(self, uri: str | None) -> Realm:
        """Return the realm that serves `uri`; see `RouterHost`.

        Clients that name none are the default realm's, whose authenticators may assign
        them another.
        """
        realm = None if uri is None else self._realms.get(uri)
        if realm is not None:
            return realm
        if self._default_realm is None:
            raise SessionRejected(uris.NO_SUCH_REALM, "there is no such realm here")
        if uri is not None:
            self._log_default(uri)
        return self._default_realm

    def assigned_realm(self, uri: str) -> Realm:
        """Return a realm that an authenticator has assigned (REQ-AUTH-009)."""
        realm = self._realms.get(uri)
        if realm is None:
            logger.warning(
                "an authenticator has assigned %s, which is no realm", shown(uri)
            )
            raise SessionRejected(uris.NO_SUCH_REALM, "there is no such realm here")
        return realm

    def _log_default(self, uri: str) -> None:
        names = self._logged_names
        if self._realms and uri not in names and len(names) < _MAX_LOGGED_NAMES:
            names.add(uri)
            logger.warning(
                "a client asks for realm %s, which was not added; it gets the default "
                "realm (Application(allow_default_realm=False) refuses it)",
                shown(uri),
            )

    def new_authid(self) -> str:
        """Draw an authid that cannot be guessed (REQ-AUTH-017)."""
        return f"{random_id():014x}"

    def slow_consumer(self, session: RouterSession, report: SlowConsumerReport) -> None:
        """Tell hosted code of a joined client that does not keep up."""
        realm = session.realm
        assert isinstance(realm, Realm), "it has joined one of ours"
        hook = realm.on_slow_consumer or self._on_slow_consumer
        if hook is not None:
            hook(session.public(), report)
