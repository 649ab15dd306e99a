"""The seams of the package: protocols only, no behaviour.

`Connection` and `AsyncSupport` separate the router from servers and async libraries;
`Serializer` separates messages from bytes; `TaskRunner` says who owns a task. The
others are what an application may bring along itself.
"""

from __future__ import annotations

from collections.abc import (
    Awaitable,
    Callable,
    Coroutine,
    Hashable,
    Mapping,
    Sequence,
)
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    import socket
    import ssl

    from aiohttp_serverwamp.limits import SlowConsumer
    from aiohttp_serverwamp.reports import CallReport, SessionReport
    from aiohttp_serverwamp.stats import Stats

__all__ = [
    "AsyncSupport",
    "ByteStream",
    "Codec",
    "Connection",
    "CredentialStore",
    "HistoryStore",
    "Interruption",
    "RevocationList",
    "Serializer",
    "TaskHandle",
    "TaskRunner",
    "Timer",
    "Traffic",
    "Waiter",
]

T = TypeVar("T")


class Serializer(Protocol):
    """Bytes ↔ message lists, without WAMP semantics.

    What the ``serializers`` of an `Application` are. Instances may be shared between
    applications and used by several threads at a time.

    Two things it may have besides, for speed. ``encode_simple(message)`` does what
    `encode` does for messages without floats and bytes. A class attribute ``lenient =
    True`` says that `encode` takes tuples for lists, and bytearrays and memoryviews for
    bytes.
    """

    #: The last part of the subprotocol, ``wamp.2.<name>``.
    name: str
    #: Whether frames are binary; a frame of the other kind is a protocol violation.
    binary: bool

    def encode(self, message: list[Any]) -> bytes:
        """Return the encoded message; raise `EncodingError` if it cannot.

        The message is plain data: None, bool, int, float, str, bytes, lists, and dicts
        with string keys. What is not binary is UTF-8.
        """

    def decode(self, data: str | bytes) -> Any:
        """Return the decoded value; raise `InvalidPayload` for anything else.

        What it returns is plain data, too, and has been made for this call: it will be
        changed. Nothing else may be raised, whatever the client has sent.
        """


class Codec(Protocol):
    """A serializer with the framing of one kind of connection."""

    @property
    def serializer(self) -> Serializer:
        """What makes bytes of message lists, and back."""

    def encode(self, message: list[Any]) -> bytes:
        """Return the bytes that go to the connection for a marshalled message."""

    def encode_simple(self, message: list[Any]) -> bytes:
        """Return the same for a message without floats and byte strings."""

    def answering(self, batch: str | bytes) -> Codec:
        """Return what writes as the client does that has sent a batch of messages.

        For batched serializers only.
        """


class Traffic(Protocol):
    """What is known of the messages that are sent to one client."""

    @property
    def pending_bytes(self) -> int:
        """Bytes that wait to be sent."""

    @property
    def bytes_sent(self) -> int:
        """Bytes that were sent, or wait to be."""

    @property
    def cut(self) -> bool:
        """Whether the client was given up because it did not keep up."""


class Connection(Protocol):
    """One client's transport. It moves frames and knows no WAMP.

    It may also have a method ``deliver(take)``: then ``take`` is called with messages
    as they come, while `receive` is waited for, and others are returned by that. Either
    way they are in order.
    """

    @property
    def codec(self) -> Codec:
        """How messages become the bytes given to `write`."""

    @property
    def transport_info(self) -> Mapping[str, Any]:
        """What is known of the client's transport; see the docs for the keys."""

    @property
    def traffic(self) -> Traffic:
        """What waits to be sent, and how much was; asked for statistics."""

    async def receive(self) -> str | bytes | None:
        """Wait for the next message: text, binary, or None once closed.

        Waits before reading while too much is waiting to be sent to this client.
        """

    async def wait_for_room(self) -> None:
        """Wait while too much is waiting to be sent to this client.

        As `receive` does; for who has received several messages in one.
        """

    def write(self, data: bytes) -> None:
        """Queue bytes made by `codec`; never wait, drop them once closed."""

    def offer(
        self, data: bytes, policy: SlowConsumer, key: Hashable
    ) -> Sequence[Hashable] | None:
        """Queue an event as `write` does, unless the client is behind.

        Then it waits where it may still be dropped, or conflated with others of its
        `key`. Returns the keys of the events that were dropped for this one; None if
        the client is not behind.
        """

    async def close(self, code: int, reason: str) -> None:
        """Send what is queued, then close with a WebSocket code, in bounded time."""

    def abort(self) -> None:
        """Drop the connection at once; what is queued is lost."""


class ByteStream(Protocol):
    """One client's bytes in both directions, by TCP or a Unix socket, TLS or not.

    Its methods raise `OSError` once the connection is broken, whatever the library has
    for it. One task at a time receives, and one sends.
    """

    @property
    def tls(self) -> Any:
        """What tells of TLS by ``getpeercert()``, as ``ssl.SSLObject``; or None."""

    async def receive(self) -> bytes:
        """Wait for bytes; none once the client has sent its last."""

    async def send(self, data: bytes | memoryview) -> None:
        """Send bytes, and wait until they are the system's."""

    async def send_eof(self) -> None:
        """Say that nothing more comes; TLS, which has no such thing, is closed."""

    def abort(self) -> None:
        """Drop it at once; harmless when repeated."""

    async def released(self) -> None:
        """Wait until the descriptor is free, which `abort` has asked for."""


class CredentialStore(Protocol):
    """Who may sign in, and what each of them has to prove.

    What it hands out are the credentials of ``aiohttp_serverwamp.auth``. Its methods
    may return awaitables. If they block, a class attribute ``blocking = True`` has them
    called in a worker thread. What they raise refuses the client, and is logged.

    Unknown users are challenged like known ones: like whose credential a method
    ``example(authmethod)`` returns, where there is one, else like the first one found.
    """

    def find(self, authmethod: str, authid: str) -> Any:
        """Return the credential of `authid` for a method, or None."""

    def holders(self, public_key: str) -> Any:
        """Return the ``cryptosign`` credentials of a public key, in lower-case hex.

        A sequence: one key may serve several authids, or none.
        """


class HistoryStore(Protocol):
    """Where a realm keeps the events of its topics with history.

    Its methods may return awaitables. If they block, a class attribute ``blocking =
    True`` has them called in a worker thread. A log is the history of one topic or
    pattern of one realm, under a name that is the same ever after. Events are added to
    it in the order published, by one `append` at a time; what that raises is logged,
    and the events are lost for history.

    When the application starts, `append` is called for every log with no events: what
    it raises then keeps the application from starting.
    """

    def append(
        self, log: str, events: Sequence[Any], *, limit: int, oldest: int | None
    ) -> Any:
        """Add every `HistoryEvent`; keep the last `limit` and none before `oldest`.

        `oldest` is a timestamp, in nanoseconds of the epoch; None is no bound.
        """

    def select(self, log: str, query: Any) -> Any:
        """Return a sequence of those that a `HistoryQuery` asks for, in its order.

        Its `select` and `pick` help.
        """


class Observer(Protocol):
    """Hears what happens in an `Application`: derive from it, write what you need.

    Methods are called in the thread of the application's loop, in the midst of what
    they are told of: they have to be quick, and call nothing back. What they raise is
    logged, once for each method, and goes no further. A method that no observer has
    costs nothing.
    """

    def added(self, stats: Callable[[], Stats]) -> None:
        """Be told, once, where the statistics of the application can be asked for.

        What this raises is raised by who adds the observer.
        """
        return

    def session_joined(self, session: SessionReport) -> None:
        """Take note of a session that was welcomed."""
        return

    def session_left(self, session: SessionReport) -> None:
        """Take note of a session that was joined and is over: why, and after what."""
        return

    def session_refused(self, session: SessionReport) -> None:
        """Take note of a client that got ABORT in the place of WELCOME."""
        return

    def sign_in_failed(self, session: SessionReport) -> None:
        """Take note of a client whose credentials were not accepted.

        Its authid is a claim. `session_refused` follows.
        """
        return

    def message_refused(self, realm: str, message: str, error: str) -> None:
        """Take note of a request that the router refuses: its type, the error's URI.

        `message` is as ``"CALL"``; it is empty for what breaks the protocol.
        """
        return

    def client_cut(self, session: SessionReport) -> None:
        """Take note of a client that was given up because it did not keep up."""
        return

    def call_started(self, call: CallReport) -> None:
        """Take note of a call that is about to be sent to its callee."""
        return

    def call_finished(self, call: CallReport) -> None:
        """Take note of how a call has ended."""
        return

    def event_published(
        self, realm: str, topic: str, rule: str, receivers: int
    ) -> None:
        """Take note of a publication, and of how many receive it.

        `rule` is the URI of the route or permission that speaks of the topic; fit for a
        label. It is empty where there is none.
        """
        return

    def event_dropped(self, realm: str, subscription: str) -> None:
        """Take note of an event that one subscriber does not get.

        It is too slow for it, or its serializer cannot carry it. `subscription` is the
        URI that it has subscribed to: its own choice, and nothing for a label.
        """
        return


class RevocationList(Protocol):
    """What is remembered of HTTP sessions that have ended before their cookies did."""

    async def revoke(self, binding_id: str, seconds: float | None) -> None:
        """Remember an id for so many seconds; None: as long as can be."""

    async def is_revoked(self, binding_id: str) -> bool:
        """Tell whether the id was revoked."""


class TaskHandle(Protocol):
    """One running task."""

    def cancel(self) -> None:
        """Ask the task to stop; harmless when it has ended."""


class TaskRunner(Protocol):
    """The owner of a set of tasks, usually one connection."""

    def start(
        self, func: Callable[..., Coroutine[Any, Any, None]], *args: Any
    ) -> TaskHandle:
        """Start ``func(*args)`` as a task of its own and return at once.

        With eager tasks (asyncio on Python 3.12 and later) the task may have ended
        already. What it raises is logged and goes no further. A task started on a
        runner that is closing is cancelled at once.
        """

    async def join(self, timeout: float | None) -> None:
        """Wait for every task; cancel what still runs after `timeout` seconds."""


class Timer(Protocol):
    """One deadline that can be moved."""

    def set(self, when: float | None) -> None:
        """Call back at `when`, in `AsyncSupport.now` time; None disarms."""


class Waiter(Protocol[T]):
    """One result that one task waits for."""

    def set_result(self, value: T) -> None:
        """Give the result; ignored after the first result or error."""

    def set_error(self, error: BaseException) -> None:
        """Give an error for the waiting task to raise; ignored after the first."""

    async def wait(self) -> T:
        """Wait for the result and return it, or raise the error."""


class Interruption(Protocol):
    """Waiting that any other task can end, for good."""

    async def wait(self, func: Callable[[], Awaitable[T]]) -> T | None:
        """Await ``func()`` here and return its result; None once `end` was called."""

    def end(self) -> None:
        """Cancel what is waited for, and everything that would be later."""


class AsyncSupport(Protocol):
    """An async library: tasks, timers, threads. One instance per Application."""

    #: "asyncio", "trio" or "anyio".
    name: str
    #: Whether a task runs until it first waits before `TaskRunner.start` returns; not
    #: where the application makes its tasks itself, by a task factory.
    eager: bool
    #: What a cancelled task sees; it must be raised again.
    cancelled: type[BaseException] | tuple[type[BaseException], ...]

    def is_running(self) -> bool:
        """Tell whether it is this library that runs here."""

    def now(self) -> float:
        """Return the monotonic time in seconds that timers go by."""

    def task_group(self) -> AbstractAsyncContextManager[TaskRunner]:
        """Open an owner of tasks; leaving it cancels and awaits what still runs."""

    def timer(self, tasks: TaskRunner, callback: Callable[[], None]) -> Timer:
        """Make a timer that belongs to `tasks` and is disarmed."""

    def waiter(self) -> Waiter[Any]:
        """Make a waiter for the running task."""

    def interruption(self) -> Interruption:
        """Make one, for one task at a time to wait with."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""

    async def wait_at_most(
        self, seconds: float | None, func: Callable[..., Awaitable[Any]], *args: Any
    ) -> bool:
        """Await ``func(*args)`` here; cancel it and return False after `seconds`."""

    async def run_to_the_end(
        self,
        func: Callable[[], Coroutine[Any, Any, None]],
        on_cancel: Callable[[], None],
    ) -> None:
        """Await ``func()``, which goes on when the waiting task is cancelled.

        ``on_cancel()``, called at that moment, has it end by itself.
        """

    async def run_in_thread(self, func: Callable[..., T], *args: Any) -> T:
        """Run a blocking function in a worker thread.

        When the waiting task is cancelled the thread goes on; its result is dropped.
        """

    def caller_from_thread(self) -> Callable[[Callable[[], object]], None]:
        """Return a function that runs its argument in this loop, from any thread.

        To be called in the loop's own thread. The function returned raises
        `ConfigurationError` when the loop has ended.
        """

    async def accept(self, listener: socket.socket) -> socket.socket:
        """Wait for the next client of a listening socket that does not block."""

    async def open_stream(
        self, connected: socket.socket, tls: ssl.SSLContext | None
    ) -> ByteStream:
        """Make a stream of an accepted socket, after the handshake of TLS.

        The socket is its own from now on, also where this fails. Raises `OSError`.
        """
