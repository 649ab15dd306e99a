"""Session: the public view of one client."""

from __future__ import annotations

from collections.abc import (
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    MutableMapping,
    Sequence,
)
from functools import partial
from typing import TYPE_CHECKING, Any

from aiohttp_serverwamp import uris
from aiohttp_serverwamp.auth.identity import Identity
from aiohttp_serverwamp.errors import (
    ConfigurationError,
    ConnectionClosed,
    ProtocolViolation,
    SessionRejected,
)
from aiohttp_serverwamp.hosting.invocation import check_arguments
from aiohttp_serverwamp.hosting.plain_data import plain_args
from aiohttp_serverwamp.hosting.serverwamp_names import Advising
from aiohttp_serverwamp.hosting.session_renewal import renew_session
from aiohttp_serverwamp.hosting.spawned_task import SpawnedTask
from aiohttp_serverwamp.messages import parse
from aiohttp_serverwamp.router import endings
from aiohttp_serverwamp.router.session import RouterSession
from aiohttp_serverwamp.router.states import State

if TYPE_CHECKING:
    from aiohttp_serverwamp.hosting.progressive_call import ProgressiveCall
    from aiohttp_serverwamp.hosting.publication import CallOptions, Publication
    from aiohttp_serverwamp.hosting.realm_api import RealmAPI
    from aiohttp_serverwamp.interfaces import Connection
    from aiohttp_serverwamp.router.peer import Peer

__all__ = ["Session", "check_farewell"]


class Session(Advising, MutableMapping[str, Any]):
    """One client's WAMP session.

    As a mapping it holds the application's own data: ``session["cart"] = ...``. That of
    the application's own session, which handlers see in its own calls, lasts as long.
    Handlers get it by a parameter annotated `Session` or named ``session``;
    authenticators get it before the client has joined, when `authid` and `authextra`
    are only what the client claims.
    """

    __slots__ = ("_realm", "peer")

    def __init__(self, peer: Peer, realm: RealmAPI) -> None:
        #: The router's side of the session.
        self.peer = peer
        self._realm = realm

    def __repr__(self) -> str:
        return f"<Session {self.id} authid={self.authid!r} realm={self.realm.uri!r}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Session) and other.peer is self.peer

    def __hash__(self) -> int:
        return hash(self.peer)

    def __bool__(self) -> bool:
        # Without this a session with no data of its own would be false.
        return True

    # --- Who it is ----------------------------------------------------------------

    @property
    def id(self) -> int:
        """The session id (specification, WELCOME)."""
        return self.peer.id

    @property
    def authid(self) -> str:
        """Who the client is."""
        return self.peer.authid

    @property
    def auth_id(self) -> str:
        """The same as `authid`; the name that serverwamp uses."""
        return self.peer.authid

    @property
    def authrole(self) -> str:
        """The role that permissions are given to."""
        return self.peer.authrole

    @property
    def authmethod(self) -> str:
        """How the client was authenticated."""
        return self.peer.authmethod

    @property
    def authprovider(self) -> str:
        """Who vouches for the client's identity."""
        return self.peer.authprovider

    @property
    def authextra(self) -> Mapping[str, Any]:
        """What WELCOME told the client besides; before, what it said in HELLO."""
        return self.peer.authextra

    @property
    def auth_methods(self) -> Sequence[str]:
        """What HELLO offered, in the client's order of preference; often nothing."""
        offered: Sequence[str] = getattr(self.peer, "offered", ())
        return offered

    @property
    def identity(self) -> Any:
        """What the authenticator returned; None for guests, and the application."""
        return getattr(self.peer, "identity", None)

    @property
    def realm(self) -> RealmAPI:
        """The realm that the session belongs to."""
        return self._realm

    @property
    def is_open(self) -> bool:
        """Whether the session is joined to its realm now."""
        return not isinstance(self.peer, RouterSession) or self.peer.joined

    @property
    def dropped_events(self) -> int:
        """How many events were dropped because the client did not keep up."""
        return self.peer.brokering.dropped

    # --- Its transport ------------------------------------------------------------

    @property
    def connection(self) -> Connection:
        """The client's connection, with its `transport_info`.

        Raises `ConfigurationError` for the application's own session, which has none.
        """
        return self._wire("has no connection").connection

    @property
    def http_session(self) -> Mapping[str, Any] | None:
        """The HTTP session as it was at the upgrade, a copy; None without one."""
        if not isinstance(self.peer, RouterSession):
            return None
        http_session: Mapping[str, Any] | None
        http_session = self.peer.connection.transport_info.get("http_session")
        return http_session

    # --- What to do with it -------------------------------------------------------

    def send_event(
        self,
        topic: str,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        trust_level: int | None = None,
    ) -> Publication:
        """Send an event to this session only, on each of its subscriptions that match.

        Acts at once and never waits. Before SUBSCRIBED, in a subscription handler, the
        event is held back and follows it. Once the session has ended nobody receives
        it, which is no error: it may have ended a moment ago.

        Raises `EncodingError` for what is not plain data, whether or not it is
        subscribed, and `ConfigurationError` for `args` that are no list.
        """
        check_arguments("send_event()", args, kwargs)
        return self._realm.local.send_event(
            self.peer, topic, args, kwargs, trust_level=trust_level
        )

    async def call(
        self,
        uri: str,
        /,
        *args: Any,
        options: CallOptions | None = None,
        **kwargs: Any,
    ) -> Any:
        """Call a procedure that this client has registered; results as `Realm.call`.

        Raises `NoSuchProcedure` when it has not, `ConnectionClosed` when it has left,
        or what the client answers.
        """
        if not self.is_open:
            raise ConnectionClosed(f"session {self.id} has left")
        return await self._realm.local.call(
            uri, args, kwargs, options=options, at=self.peer
        )

    def call_progressively(
        self,
        uri: str,
        /,
        *args: Any,
        options: CallOptions | None = None,
        **kwargs: Any,
    ) -> ProgressiveCall:
        """Call a procedure that this client has registered and take its progress.

        As `Realm.call_progressively`; raises `ConnectionClosed` when it has left.
        """
        if not self.is_open:
            raise ConnectionClosed(f"session {self.id} has left")
        return self._realm.local.call_progressively(
            uri, args, kwargs, options=options, at=self.peer
        )

    async def challenge(
        self, authmethod: str, extra: Mapping[str, Any] | None = None
    ) -> tuple[str, Mapping[str, Any]]:
        """Challenge a joining client and return its answer: signature and extra.

        For a realm's authentication handler (specification, CHALLENGE). Raises
        `ConfigurationError` anywhere else.
        """
        waiter = self._realm.waiter()
        self._wire("is not challenged").challenge(
            authmethod,
            dict(extra or {}),
            lambda signature, extra: waiter.set_result((signature, extra)),
        )
        answer: tuple[str, Mapping[str, Any]] = await waiter.wait()
        return answer

    async def mark_authenticated(self, identity: Any = None) -> None:
        """Let a joining client in as `identity`; None: as an anonymous guest.

        For a realm's authentication handler, which may as well return the identity.
        WELCOME goes out when the handler is done. Raises `ConfigurationError` anywhere
        else.
        """
        self._wire("is not authenticated").mark_authenticated(identity)

    async def abort(
        self, reason: str = uris.AUTHENTICATION_DENIED, message: str = ""
    ) -> None:
        """Refuse a joining client, or end the session, by ABORT; then close.

        For authentication; `close` is how a joined client is sent away (specification,
        ABORT). Raises `ConfigurationError` for what is no text.
        """
        peer = self._wire("is not aborted")
        rejection = SessionRejected(reason, message)
        if peer.state is not State.ENDED:
            self._check_thread("session.abort()")
            endings.abort(peer, rejection)

    async def spawn_task(
        self, function: Callable[..., Awaitable[Any]], /, *args: Any, **kwargs: Any
    ) -> None:
        """Run ``function(*args, **kwargs)`` as a task that ends with the session.

        When the session has left it is cancelled. What it raises is logged. Raises
        `ConnectionClosed` once the session has ended.
        """
        peer = self._wire("has no tasks of its own")
        self._check_thread("session.spawn_task()")
        self._check_present()
        name = getattr(function, "__qualname__", repr(function))
        SpawnedTask(name, partial(function, *args, **kwargs)).start(peer)

    async def send_raw(self, message: Iterable[Any]) -> None:
        """Send a WAMP message as it stands, the code first, as ``[50, request, {}]``.

        For the answers of ``protocol_request_handlers``; nothing keeps you from sending
        what makes no sense to the client. Raises `ConfigurationError` for what is no
        message, `EncodingError` for what is not plain data, and `ConnectionClosed` once
        the session has ended.
        """
        peer = self._wire("is sent nothing")
        self._check_thread("session.send_raw()")
        self._check_present()
        try:
            parsed = parse(plain_args([*message]) or [])
        except ProtocolViolation as error:
            raise ConfigurationError(f"send_raw(): {error}") from error
        peer.send(parsed)

    async def renew(self, identity: Identity) -> None:
        """Give the session a new identity of the same user: another role, fresh data.

        The session ends when this one expires, and no longer when the former one does.
        It has its new rights before this returns. Subscriptions and registrations that
        it may not have any more are revoked (specification, 5.11 and 6.11); about those
        that the rules still allow the realm's authorizer is asked anew. Raises
        `ConfigurationError` for another user's identity, for a role that the realm does
        not have, and in another thread than the loop's, and `ConnectionClosed` when the
        session has ended.
        """
        if not isinstance(identity, Identity) or identity.authid != self.authid:
            # Not shown itself: it may be the application's record of a user.
            given = getattr(identity, "authid", type(identity).__name__)
            raise ConfigurationError(
                f"renew() was given {given!r}: give an Identity with the authid of "
                f"this session, {self.authid!r}; for another user close it"
            )
        peer = self._wire("is nobody's to renew")
        if not self.is_open:
            raise ConnectionClosed(f"session {self.id} has left")
        self._check_thread("session.renew()")
        if not peer.router.permissions.knows(identity.authrole):
            raise ConfigurationError(
                f"renew() was given the role {identity.authrole!r}, which the realm "
                "does not have"
            )
        await renew_session(self, peer, identity)

    async def close(self, reason: str = uris.KILLED, message: str = "") -> None:
        """End the session with GOODBYE (specification, 2.4).

        It leaves its realm before this returns; the connection closes when the client
        has replied, or after half of `Limits.close_timeout`. Closing a session that has
        ended does nothing. Raises `ConfigurationError` if `reason` is not a URI, and in
        another thread than the loop's.
        """
        check_farewell(reason, message)
        peer = self._wire("cannot be closed")
        if peer.state is not State.ENDED:
            self._check_thread("session.close()")
            endings.goodbye(peer, reason, message)

    def _check_thread(self, call: str) -> None:
        self._realm.local.runtime.check_thread(call)

    def _check_present(self) -> None:
        peer = self._wire("is always there")
        if peer.state in (State.SHUTTING_DOWN, State.ENDED):
            raise ConnectionClosed(f"session {self.id} has ended")

    def _wire(self, problem: str) -> RouterSession:
        if not isinstance(self.peer, RouterSession):
            raise ConfigurationError(f"the application's own session {problem}")
        return self.peer

    # --- The application's own data -----------------------------------------------

    def _data(self) -> dict[str, Any]:
        peer = self.peer
        if peer.data is None:
            peer.data = {}
        return peer.data

    def __getitem__(self, key: str) -> Any:
        return self._data()[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._data()[key] = value

    def __delitem__(self, key: str) -> None:
        del self._data()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._data())

    def __len__(self) -> int:
        return len(self._data())


def check_farewell(reason: object, message: object) -> None:
    """Raise `ConfigurationError` for what cannot be told to a client that has to go."""
    if not isinstance(message, str):
        raise ConfigurationError(f"message={message!r}: give a text for the client")
    if not isinstance(reason, str) or not uris.is_valid_uri(reason):
        raise ConfigurationError(f"reason={reason!r}: give a URI, as {uris.KILLED}")
