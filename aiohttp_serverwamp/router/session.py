"""One client's session: bytes in, messages out, and the table of what is legal when.

A `RouterSession` is sans-I/O. Whoever serves a connection must: call `receive` with
each message from it, in order; call `deadlines.expire` when `deadlines.next` has come;
close the connection when `on_closing` asks for it; and call `endings.connection_lost`
once, whatever ended it. None of these waits.

A client that says GOODBYE may say HELLO again on the same connection (specification,
2.1). So when `left` is true after `receive`, the session is over and its connection is
not: what comes next is for a new `RouterSession`, made with ``after=`` the one before.

What has to be waited for (an authenticator, an authorizer, a subscription handler) is
started as a task of the connection; see `RequestQueue`. Until then the session's later
requests queue up; its answers and CANCEL, GOODBYE and ABORT do not.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from aiohttp_serverwamp import uris
from aiohttp_serverwamp.errors import (
    ApplicationError,
    ConfigurationError,
    EncodingError,
    InvalidPayload,
    ProtocolViolation,
    RuntimeFailure,
    SessionRejected,
)
from aiohttp_serverwamp.messages import (
    Abort,
    Authenticate,
    Call,
    Error,
    Goodbye,
    Hello,
    Message,
    Publish,
    Result,
    Welcome,
    marshal,
    parse,
)
from aiohttp_serverwamp.router import endings, expiry
from aiohttp_serverwamp.router.companions import Companions
from aiohttp_serverwamp.router.error_uris import answerable_uri
from aiohttp_serverwamp.router.failed_sign_ins import network_of
from aiohttp_serverwamp.router.handshake import Handshake
from aiohttp_serverwamp.router.held_events import HeldEvents
from aiohttp_serverwamp.router.peer import Peer
from aiohttp_serverwamp.router.progressive_calls import give_up
from aiohttp_serverwamp.router.request_ids import RequestIds
from aiohttp_serverwamp.router.request_queue import RequestQueue
from aiohttp_serverwamp.router.requests import ANSWERS, REQUESTS
from aiohttp_serverwamp.router.slow_consumers import note_dropped
from aiohttp_serverwamp.router.states import Departure, State
from aiohttp_serverwamp.serializers.batched import BatchedSerializer

if TYPE_CHECKING:
    from aiohttp_serverwamp.interfaces import Codec, Connection, TaskRunner
    from aiohttp_serverwamp.limits import SlowConsumer
    from aiohttp_serverwamp.router.deadlines import Deadline
    from aiohttp_serverwamp.router.host import (
        HostedLife,
        JoinableRealm,
        RouterHost,
    )
    from aiohttp_serverwamp.router.router import Router
    from aiohttp_serverwamp.serializers.frame import Frame

__all__ = ["HANDLERS", "RouterSession"]

logger = logging.getLogger("aiohttp_serverwamp.router")

#: Bytes of a message before WELCOME. Decoded it takes many times as much, and the
#: client may be anybody; nginx admits 8 KiB for all headers of a request.
MAX_JOINING_SIZE: Final = 64 * 2**10


class RouterSession(Peer):
    """One client's wire peer, from the opening of its connection to its end."""

    __slots__ = (
        "_codec",
        "_handshake",
        "_held_events",
        "_network",
        "_request_ids",
        "_sent",
        "_sent_before",
        "_serializer",
        "_write",
        "companions",
        "connection",
        "dropping",
        "ended_by",
        "expiry",
        "farewell",
        "host",
        "identity",
        "joined_at",
        "left",
        "lenient",
        "offered",
        "on_closing",
        "realm",
        "received",
        "renewals",
        "requests",
        "router",
        "state",
    )

    router: Router

    def __init__(
        self,
        host: RouterHost,
        connection: Connection,
        tasks: TaskRunner,
        on_closing: Callable[[int, str], None],
        *,
        after: RouterSession | None = None,
    ) -> None:
        super().__init__()
        self.host = host
        self.connection = connection
        self.tasks = tasks
        #: Called once with a close code and reason when the connection is to be closed.
        self.on_closing = on_closing
        self._network: str | None = None
        self.state = State.CLOSED if after is None else State.BETWEEN
        #: Whether the client has said GOODBYE, and may join again on its connection.
        self.left = False
        #: The close code and the reason of the GOODBYE that was said last.
        self.farewell = (endings.NORMAL_CLOSURE, uris.GOODBYE_AND_OUT)
        #: When it was welcomed, until it has left; see `RouterHost.now`.
        self.joined_at: float | None = None
        #: Why it ends, once that is known: the reason, and the cause, which is one of
        #: a few; see `SessionReport`.
        self.ended_by: tuple[str, str] | None = None
        #: Messages received.
        self.received = 0
        # Messages sent, but for answers to plain calls and what others receive as well.
        self._sent = 0
        # Bytes that the connection had sent before.
        self._sent_before = 0 if after is None else connection.traffic.bytes_sent
        self.realm: JoinableRealm | None = None
        self.identity: Any = None
        #: How often it has got another since it joined; who has looked one up for it
        #: can tell by this that a newer one came first.
        self.renewals = 0
        #: The authmethods of HELLO, in the client's order of preference.
        self.offered: tuple[str, ...] = ()
        #: When the identity is looked at, if it expires; see `follow_identity`.
        self.expiry: Deadline | None = None
        self._codec: Codec = connection.codec if after is None else after._codec
        self._serializer = connection.codec.serializer
        #: Whether it can be sent what is nearly plain data; see `Serializer`.
        self.lenient: bool = getattr(self._serializer, "lenient", False)
        self._write: Callable[[bytes], None] = connection.write
        self._handshake: Handshake | None = None
        #: Requests that wait for a decision, or behind one that does.
        self.requests = RequestQueue(self, host.limits)
        #: Events that wait for their SUBSCRIBED, while there are any.
        self._held_events: HeldEvents | None = None
        #: Whether the client is behind, and events have been dropped for it.
        self.dropping = False
        self.companions = Companions()
        self._request_ids = RequestIds() if host.strict_request_ids else None
        hello_timeout = host.limits.hello_timeout
        if hello_timeout:
            self.deadlines.add(
                host.now() + hello_timeout, partial(endings.no_hello, self)
            )

    def __repr__(self) -> str:
        return f"<RouterSession {self.id} {self.state.value}>"

    @property
    def network(self) -> str:
        """Where the client comes from, as far as it is known; see `network_of`."""
        if self._network is None:
            address = self.connection.transport_info.get("peer_address")
            self._network = network_of(address)
        return self._network

    @property
    def joined(self) -> bool:
        """Whether the client is a member of its realm now."""
        return self.state is State.ESTABLISHED

    @property
    def sent(self) -> int:
        """Messages sent, but for those that others receive as well."""
        return self._sent + self.dealing.plain

    @property
    def bytes_sent(self) -> int:
        """Bytes sent, or waiting to be."""
        return self.connection.traffic.bytes_sent - self._sent_before

    def public(self) -> Any:
        """Return the public Session, made on first use."""
        if self.view is None:
            assert self.realm is not None, "only a client that said HELLO has one"
            self.view = self.realm.view(self)
        return self.view

    # --- Receiving ----------------------------------------------------------------

    def receive(self, data: str | bytes) -> None:
        """Take one message from the connection; never raise for what it says."""
        # Hot path.
        if self.state is State.ENDED:
            return
        self.received += 1
        try:
            if isinstance(data, bytes) is not self._serializer.binary:
                raise InvalidPayload("not the kind of frame that the serializer has")
            size = len(data)
            if size > MAX_JOINING_SIZE and self.state is not State.ESTABLISHED:
                raise InvalidPayload("a message too large for a client that is joining")
            self._dispatch(parse(self._serializer.decode(data)), size)
        except Exception as error:
            endings.fail(self, error)

    def open_batch(self, data: str | bytes) -> Iterator[str | bytes]:
        """Return the messages of a batch, for `batch.receive_batch`.

        Raises `InvalidPayload`, also in the middle of them.
        """
        if isinstance(data, bytes) is not self._serializer.binary:
            raise InvalidPayload("not the kind of frame that the serializer has")
        if len(data) > MAX_JOINING_SIZE and self.state is not State.ESTABLISHED:
            raise InvalidPayload("a batch too large for a client that is joining")
        self._codec = self._codec.answering(data)
        assert isinstance(self._serializer, BatchedSerializer), "others are not asked"
        return self._serializer.split(data)

    def _dispatch(self, message: Message, size: int) -> None:
        # Hot path.
        kind = type(message)
        state = self.state
        if state is not State.ESTABLISHED or kind not in HANDLERS[state]:
            self._handle_unjoined(message)
            return
        if kind in REQUESTS:
            if self._request_ids is not None:
                self._request_ids.check(message)
            if self.router.rate_limits is not None and self.requests.is_early(message):
                return
            if self.requests.busy:
                self.requests.put(message, size)
                return
        router = self.router
        if isinstance(message, Call):
            plain_call = router.plain_calls.find(self, message)
            if plain_call is not None:
                router.later(plain_call, self, message)  # and nothing runs: now
                return
        router.run(self.perform, message)

    def _handle_unjoined(self, message: Message) -> None:
        """Handle what comes before or after the client is joined, or is not legal."""
        handler = HANDLERS[self.state].get(type(message))
        if handler is not None:
            handler(self, message)
        elif self.state is not State.BETWEEN:  # it was meant for the session before
            raise ProtocolViolation(
                f"{type(message).__name__.upper()} received while {self.state.value}"
            )

    def perform(self, message: Message) -> None:
        """Do what a joined client's message asks for, as a router operation."""
        # Hot path.
        kind = type(message)
        replaced = self.host.request_handlers.get(kind)
        try:
            if replaced is None:
                HANDLERS[State.ESTABLISHED][kind](self, message)
            elif kind in REQUESTS:
                self.requests.await_for(message, replaced(message, self.public()))
            else:
                self.requests.run_beside(message, replaced(message, self.public()))
        except ApplicationError as error:
            self.refuse(message, error)
        except (ProtocolViolation, SessionRejected):
            raise
        except Exception:
            logger.exception("session %s: %s failed", self.id, kind.__name__.upper())
            self.refuse(message, RuntimeFailure())
        else:
            if self.host.synchronize_requests and isinstance(message, Call):
                self.requests.await_answer(message)

    def refuse(self, message: Any, error: ApplicationError) -> None:
        """Answer a request with ERROR; a PUBLISH only if it asked for an answer."""
        kind = type(message)
        if kind not in REQUESTS:
            logger.debug("session %s: %s: %s", self.id, kind.__name__.upper(), error)
            return
        what = kind.__name__.upper()
        self.router.tally.message_refused(self, what, error.uri)
        if isinstance(message, Publish) and not message.options.get("acknowledge"):
            logger.debug("session %s: PUBLISH dropped: %s", self.id, error)
            return
        if isinstance(message, Call):
            self.dealing.refused += 1
            self.requests.forget_time(message.request)
            give_up(self, message)
        uri = answerable_uri(error.uri, uris.RUNTIME_ERROR, session=self.id, what=what)
        answer = Error(kind.CODE, message.request, {}, uri)
        if uri == error.uri:
            answer.args, answer.kwargs = list(error.args), error.kwargs
        try:
            self.send(answer)
        except EncodingError:
            answer.args = answer.kwargs = None
            self.send(answer)

    # --- Sending ------------------------------------------------------------------

    def send(self, message: Message) -> None:
        """Send one message; nothing once the session has said its last word."""
        # Hot path.
        self._write(self._codec.encode(marshal(message)))
        self._sent += 1
        if self.host.synchronize_requests:
            self.requests.note_answer(message)

    def answer_call(self, request: int, args: list[Any]) -> None:
        """Send what is answered most; see `Peer.answer_call`."""
        # Hot path.
        wire = [Result.CODE, request, {}, args] if args else [Result.CODE, request, {}]
        self._write(self._codec.encode_simple(wire))
        self.dealing.plain += 1
        if self.host.synchronize_requests:
            self.requests.note_answer(Result(request, {}))

    def encoded_size(self, value: Any) -> int | None:
        """Return the bytes that a value takes on the wire; None if it has no form."""
        try:
            return len(self._serializer.encode([value]))
        except EncodingError:
            return None

    def write(self, frame: Frame) -> None:
        """Send a message that other sessions receive as well."""
        # Hot path: with `broker.publish` around it and the connection's `write`, all
        # that is done for each receiver of an event.
        codec = self._codec
        data = frame.wires.get(codec) or frame.wire(codec)
        if self._held_events is None or not self._holds_back(frame, data):
            self._write(data)

    def offer(self, frame: Frame, policy: SlowConsumer, topic: str) -> None:
        """Send an event that may be dropped while the client is behind."""
        if not self.joined:
            return
        data = frame.wire(self._codec)
        event: Any = frame.message
        key = (event.subscription, topic)
        dropped = None
        if self._held_events is not None:
            dropped = self._held_events.offer(event.subscription, data, policy, key)
        if dropped is None:
            dropped = self.connection.offer(data, policy, key)
        if dropped is None:
            self.dropping = False
        elif dropped:
            note_dropped(self, dropped, policy)

    # --- Hosted code beside it ----------------------------------------------------

    def accompany(
        self,
        life: HostedLife,
        request: Message | None,
        settled: Callable[[Exception | None], None],
        subscription: int | None = None,
    ) -> None:
        """Start hosted code that lives as long as a subscription, or as the session.

        The session's next request waits until it has started; then `settled` is called.
        """
        key = self.companions.keep(life, subscription)
        resolve = self.requests.defer(request, lambda _, error: settled(error))

        def started(error: Exception | None) -> None:
            if error is not None:
                self.companions.drop(key)
            resolve(None, error)

        life.start(started)

    # --- Holding events back until SUBSCRIBED -------------------------------------

    def hold_events(self, subscription: int) -> None:
        """Keep the events of a subscription back until `release_events`."""
        if self._held_events is None:
            self._held_events = HeldEvents(self.host.limits)
        self._held_events.hold(subscription)

    def holds_events(self, subscription: int) -> bool:
        """Tell whether the client has yet to hear of a subscription of its own."""
        return self._held_events is not None and subscription in self._held_events

    def release_events(self, subscription: int) -> None:
        """Send what was held back."""
        for data in self._let_go_of(subscription):
            self._write(data)

    def drop_events(self, subscription: int) -> None:
        """Forget what was held back."""
        self._let_go_of(subscription)

    def _let_go_of(self, subscription: int) -> Sequence[bytes]:
        held = self._held_events
        if held is None:
            return ()
        events = held.release(subscription)
        if not held:
            self._held_events = None
        return events

    def _holds_back(self, frame: Frame, data: bytes) -> bool:
        """Keep an event that comes before its SUBSCRIBED, and tell whether it does."""
        event: Any = frame.message
        held = self._held_events
        if held is None or not held.keep(event.subscription, data):
            return False
        if held.overflowed:
            held.overflowed = False
            logger.warning("session %s: too many events are held back; cut", self.id)
            self.ended_by = ("", "cut")
            self.connection.abort()
        return True

    # --- Joining ------------------------------------------------------------------

    def on_hello(self, message: Hello) -> None:
        """Begin the handshake."""
        self.deadlines.clear()
        self._handshake = Handshake(self, message)
        self._handshake.begin()

    def on_authenticate(self, message: Authenticate) -> None:
        """Go on with the handshake."""
        assert self._handshake is not None, "AUTHENTICATING comes after HELLO"
        self._handshake.authenticate(message)

    def challenge(
        self,
        method: str,
        extra: dict[str, Any],
        answered_by: Callable[[str, dict[str, Any]], None],
    ) -> None:
        """Challenge the client, for the authentication handler that runs now.

        Raises `ConfigurationError` when none does.
        """
        if self._handshake is None or self.state is not State.ESTABLISHING:
            raise ConfigurationError(
                "a client is challenged while it joins, by the realm's authentication "
                "handler, and once at a time"
            )
        self._handshake.challenge(method, extra, answered_by)

    def mark_authenticated(self, identity: Any) -> None:
        """Let the client in once the authentication handler that runs now is done.

        Raises `ConfigurationError` when none does.
        """
        if self._handshake is None:
            raise ConfigurationError(
                "a client is authenticated while it joins, by the realm's "
                "authentication handler; what it turns out to be later, keep in the "
                'session: session["user"] = ...'
            )
        self._handshake.mark(identity)

    def approach(self, realm: JoinableRealm) -> None:
        """Take note of the realm that is being joined."""
        if self.realm is None:
            realm.router.joining.add(self)
        self.realm = realm
        self.router = realm.router
        # Made of the realm that was asked for, if an authenticator assigns another.
        self.view = None

    def welcome(self, message: Welcome) -> None:
        """Send WELCOME and become a member of the realm.

        Raises `SessionRejected` for an identity that has expired.
        """
        assert self.realm is not None, "the handshake has approached one"
        if expiry.has_expired(self):
            raise SessionRejected(uris.AUTHENTICATION_DENIED, expiry.MESSAGE)
        self.send(message)
        expiry.follow_identity(self)
        self._handshake = None
        self.state = State.ESTABLISHED
        self.joined_at = self.host.now()
        self.host.joined(self)
        self.router.run(self.router.join, self)
        if not self.joined:
            return  # hosted code that heard of it has sent the client away
        life = self.realm.life(self)
        if life is not None:
            self.accompany(life, None, self._settle_session)

    def _settle_session(self, error: Exception | None) -> None:
        if error is not None:
            # The application relies on what its handler sets up: no session without it.
            endings.goodbye(self, uris.RUNTIME_ERROR)

    # --- Leaving ------------------------------------------------------------------

    def leave(self, departure: Departure = Departure.TOLD) -> None:
        """Say nothing more, leave the realm, and let go of everything that waits.

        For `endings`, which says what the client is told before.
        """
        self._write = _discard
        self.deadlines.clear()
        self.requests.drop()
        self._held_events = None
        self._handshake = None
        if self.realm is not None:
            self.router.run(self.router.leave, self, departure)
        if self.joined_at is not None:
            reason, cause = self.ended_by or ("", "lost")
            self.router.tally.session_left(self, reason, cause)
            self.joined_at = None
        self.companions.end_all()
        self.host.ended(self)


def _discard(data: bytes) -> None:
    """Drop what is sent after the last word."""


#: What each state admits, and what handles it. What is missing is a protocol violation;
#: between two sessions, while shutting down and after the end it is ignored
#: (specification, 1.4).
HANDLERS: Final[
    dict[State, dict[type[Message], Callable[[RouterSession, Any], None]]]
] = {
    State.CLOSED: {
        Hello: RouterSession.on_hello,
        Abort: endings.on_abort,
    },
    State.BETWEEN: {
        Hello: RouterSession.on_hello,
        Abort: endings.on_abort,
    },
    State.ESTABLISHING: {Abort: endings.on_abort},
    State.AUTHENTICATING: {
        Authenticate: RouterSession.on_authenticate,
        Abort: endings.on_abort,
    },
    State.ESTABLISHED: {
        **REQUESTS,
        **ANSWERS,
        Goodbye: endings.on_goodbye,
        Abort: endings.on_abort,
    },
    State.SHUTTING_DOWN: {
        Goodbye: endings.on_goodbye_reply,
        Abort: endings.on_abort,
    },
    State.ENDED: {},
}
