"""A WAMP client for tests, and a way to serve an aiohttp application in one.

::

    async def test_adding_up() -> None:
        async with serving(make_app()) as http:
            await http.post("/login", data={"name": "ann"})
            async with connect(http, realm="customers") as client:
                assert await client.call("math.add", 1, 2) == 3

`connect` also takes the ``TestClient`` of pytest-aiohttp. Whatever a client waits for
comes within `PATIENCE` seconds, or a `TimeoutError` is raised.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from inspect import isawaitable
from itertools import count
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar
from weakref import WeakKeyDictionary

import aiohttp
from aiohttp import web

from aiohttp_serverwamp import messages, uris
from aiohttp_serverwamp.errors import (
    ApplicationError,
    Canceled,
    ConfigurationError,
    ConnectionClosed,
    RuntimeFailure,
    SessionRejected,
)
from aiohttp_serverwamp.hosting.invocation import RPCResult
from aiohttp_serverwamp.hosting.procedures import result_arguments
from aiohttp_serverwamp.serializers import messages_in, serializer_for

if TYPE_CHECKING:
    from aiohttp.test_utils import TestClient

    from aiohttp_serverwamp.interfaces import Serializer

__all__ = [
    "PATIENCE",
    "Event",
    "JoinRejected",
    "PendingCall",
    "Subscription",
    "WAMPClient",
    "another_browser",
    "connect",
    "serving",
]

T = TypeVar("T")

#: Seconds after which a test is told that what it waits for does not come.
PATIENCE: Final = 10.0

_ROLES: Final[Mapping[str, Any]] = {
    "caller": {
        "features": {
            "call_canceling": True,
            "progressive_call_invocations": True,
            "progressive_call_results": True,
        }
    },
    "callee": {"features": {"call_canceling": True}},
    "publisher": {},
    "subscriber": {},
}
_ANSWERS: Final = frozenset(
    {
        messages.Published.CODE,
        messages.Subscribed.CODE,
        messages.Unsubscribed.CODE,
        messages.Result.CODE,
        messages.Registered.CODE,
        messages.Unregistered.CODE,
    }
)


class JoinRejected(SessionRejected):
    """The server has answered HELLO with ABORT; `reason` and `message` say why."""


@dataclass(slots=True)
class Event:
    """What was published, as one subscription received it (specification, EVENT)."""

    args: Sequence[Any]
    kwargs: Mapping[str, Any]
    #: With pattern subscriptions ``topic`` is among them.
    details: Mapping[str, Any]
    publication: int


class _Inbox(Generic[T]):
    """What arrives, until somebody takes it; closed with the connection."""

    def __init__(self) -> None:
        self._items: asyncio.Queue[tuple[T] | None] = asyncio.Queue()

    def put(self, item: T) -> None:
        self._items.put_nowait((item,))

    def close(self) -> None:
        self._items.put_nowait(None)

    def empty(self) -> bool:
        return self._items.empty()

    async def take(self) -> T:
        item = await _patiently(self._items.get())
        if item is None:
            self.close()
            raise ConnectionClosed("the connection is closed")
        return item[0]


class Subscription:
    """One subscription of a client; its events wait here in the order received."""

    def __init__(self, client: WAMPClient, id: int) -> None:
        #: The id in SUBSCRIBED.
        self.id = id
        self.events: _Inbox[Event] = _Inbox()
        self._client = client

    async def next(self) -> Event:
        """Wait for the next event; `ConnectionClosed` when there will be none."""
        return await self.events.take()

    def empty(self) -> bool:
        """Tell whether every event that has arrived was taken."""
        return self.events.empty()

    async def unsubscribe(self) -> None:
        """Send UNSUBSCRIBE and wait until it is done."""
        await self._client.request(messages.Unsubscribe, self.id)


class PendingCall:
    """A request that was sent; a call can be cancelled, and sent in chunks."""

    def __init__(
        self,
        client: WAMPClient,
        request: int,
        fields: Sequence[Any],
        read: Callable[[list[Any]], Any],
        on_progress: Callable[[Any], object] | None,
    ) -> None:
        #: The id in CALL.
        self.request = request
        self.on_progress = on_progress
        self.answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        # Nobody has to wait for the answer.
        self.answer.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._client = client
        self._fields = fields
        self._read = read

    async def result(self) -> Any:
        """Wait for the answer; as `WAMPClient.call`."""
        return await _patiently(self.answer)

    async def cancel(self, mode: str = "killnowait") -> None:
        """Send CANCEL: "skip", "kill" or "killnowait" (specification, 5.4)."""
        await self._client.send([messages.Cancel.CODE, self.request, {"mode": mode}])

    async def send(self, *args: Any, **kwargs: Any) -> None:
        """Send a chunk of a progressive call, not the last one (specification, 5.3).

        Raises `ConfigurationError` unless the call was begun with the option
        ``progress``.
        """
        await self._chunk(args, kwargs, more=True)

    async def finish(self, *args: Any, **kwargs: Any) -> None:
        """Send the last chunk of a progressive call; as `send`."""
        await self._chunk(args, kwargs, more=False)

    async def _chunk(
        self, args: Sequence[Any], kwargs: Mapping[str, Any], *, more: bool
    ) -> None:
        options, procedure = self._fields[:2]
        if not options.get("progress"):
            raise ConfigurationError(
                "the last chunk of this call has been sent: begin it with "
                "begin_call(..., options={'progress': True}), send() all chunks but "
                "the last, and that one by finish()"
            )
        options = {**options, "progress": more}
        self._fields = (options, procedure)
        fields = (options, procedure, [*args], {**kwargs})
        await self._client.send([messages.Call.CODE, self.request, *fields])

    def succeed(self, message: list[Any]) -> None:
        """Take the answer."""
        if not self.answer.done():
            self.answer.set_result(self._read(message))

    def fail(self, error: Exception) -> None:
        """Take an ERROR, or that there will be no answer."""
        if not self.answer.done():
            self.answer.set_exception(error)


class WAMPClient:
    """One WAMP session over a WebSocket; `connect` makes it."""

    def __init__(
        self, ws: aiohttp.ClientWebSocketResponse, serializer: Serializer
    ) -> None:
        #: The WebSocket, for tests that send what is no message.
        self.ws = ws
        #: The details of WELCOME.
        self.welcome: Mapping[str, Any] = {}
        #: The session id; 0 before WELCOME.
        self.id = 0
        #: The reason of the server's GOODBYE or ABORT, once there was one.
        self.ended: str | None = None
        #: Whether the server's GOODBYE is answered.
        self.answers_goodbye = True
        self._serializer = serializer
        self._inbox: _Inbox[list[Any]] = _Inbox()
        self._ids = count(1)
        self._requests: dict[int, PendingCall] = {}
        self._subscriptions: dict[int, Subscription] = {}
        self._procedures: dict[int, Callable[..., Any]] = {}
        self._invocations: dict[int, asyncio.Task[None]] = {}
        self._reader = asyncio.create_task(self._read())

    # --- Messages -----------------------------------------------------------------

    async def send(self, message: Sequence[Any]) -> None:
        """Send a message as it stands, the code first.

        Raises `ConnectionClosed` when there is nobody to send it to.
        """
        data = self._serializer.encode([*message])
        try:
            if self._serializer.binary:
                await self.ws.send_bytes(data)
            else:
                await self.ws.send_str(data.decode())
        except ConnectionResetError:
            raise self._closed() from None

    def _closed(self) -> ConnectionClosed:
        code = self.ws.close_code
        said = "" if self.ended is None else f" after {self.ended}"
        closed = "" if code is None else f", close code {code}"
        return ConnectionClosed(f"the connection is closed{said}{closed}")

    async def receive(self) -> list[Any]:
        """Wait for the next message that nothing else waits for.

        Raises `ConnectionClosed` when there will be none.
        """
        return await self._inbox.take()

    async def request(self, kind: type[messages.Message], *fields: Any) -> list[Any]:
        """Send a request under a new id and return its answer.

        Raises `ApplicationError` for ERROR.
        """
        answer: list[Any] = await (await self._send(kind, fields)).result()
        return answer

    async def _send(
        self,
        kind: type[messages.Message],
        fields: Sequence[Any],
        read: Callable[[list[Any]], Any] = list,
        on_progress: Callable[[Any], object] | None = None,
    ) -> PendingCall:
        number = next(self._ids)
        request = PendingCall(self, number, fields, read, on_progress)
        self._requests[number] = request
        if self._reader.done():
            self._fail_all()
        await self.send([kind.CODE, number, *fields])
        return request

    # --- Joining and leaving ------------------------------------------------------

    async def join(
        self, realm: str, *, ticket: str | None = None, **details: Any
    ) -> None:
        """Send HELLO with these details and wait for WELCOME.

        A challenge is answered with `ticket`. Raises `JoinRejected` for ABORT.
        """
        hello = {"roles": _ROLES, **details}
        if ticket is not None:
            hello.setdefault("authmethods", ["ticket"])
        await self.send([messages.Hello.CODE, realm, hello])
        answer = await self.receive()
        if answer[0] == messages.Challenge.CODE and ticket is not None:
            await self.send([messages.Authenticate.CODE, ticket, {}])
            answer = await self.receive()
        if answer[0] == messages.Abort.CODE:
            raise JoinRejected(answer[2], answer[1].get("message", ""))
        assert answer[0] == messages.Welcome.CODE, answer
        self.id, self.welcome = answer[1], answer[2]

    async def leave(self) -> None:
        """Say GOODBYE, wait for the answer and close; nothing if it has ended."""
        if self.id and self.ended is None and not self._reader.done():
            self.answers_goodbye = False
            with suppress(ConnectionError, ConnectionClosed):
                await self.send([messages.Goodbye.CODE, {}, "wamp.close.close_realm"])
                while (await self.receive())[0] != messages.Goodbye.CODE:
                    pass
        await self.drop()

    async def drop(self) -> None:
        """Close the WebSocket without a word of WAMP."""
        await self.ws.close()
        await asyncio.wait([self._reader])
        for task in [*self._invocations.values()]:
            task.cancel()

    async def close_code(self) -> int | None:
        """Wait until the server has closed the connection; return its code."""
        await _patiently(asyncio.shield(self._reader))
        return self.ws.close_code

    # --- Calling and being called -------------------------------------------------

    async def call(
        self,
        procedure: str,
        /,
        *args: Any,
        on_progress: Callable[[Any], object] | None = None,
        timeout: float | None = None,
        **kwargs: Any,
    ) -> Any:
        """Call a procedure and return its result, as `Realm.call` does.

        `on_progress` is given every progressive result; `timeout` is in seconds and the
        server's to keep. Raises `ApplicationError` or its subclass for ERROR.
        """
        options = {} if timeout is None else {"timeout": round(timeout * 1000)}
        call = await self.begin_call(
            procedure, args, kwargs, options=options, on_progress=on_progress
        )
        return await call.result()

    async def begin_call(
        self,
        procedure: str,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        options: Mapping[str, Any] | None = None,
        on_progress: Callable[[Any], object] | None = None,
    ) -> PendingCall:
        """Send CALL and return at once, with what can be awaited and cancelled.

        With ``options={"progress": True}`` it is the first chunk of several, and
        `PendingCall.send` and `PendingCall.finish` send the others.
        """
        given = dict(options or {})
        if on_progress is not None:
            given["receive_progress"] = True
        fields = (given, procedure, [*args], dict(kwargs or {}))
        return await self._send(messages.Call, fields, _result, on_progress)

    async def register(
        self, procedure: str, handler: Callable[..., Any], **options: Any
    ) -> int:
        """Let ``handler(*args, **kwargs)``, sync or async, answer calls; return the id.

        `options` are those of REGISTER, such as ``match="prefix"``. The handler may
        raise `ApplicationError` and is cancelled by INTERRUPT.
        """

        def registered(answer: list[Any]) -> int:
            # At once: an invocation may follow in the same read.
            registration: int = answer[2]
            self._procedures[registration] = handler
            return registration

        sent = await self._send(messages.Register, (options, procedure), registered)
        registration: int = await sent.result()
        return registration

    # --- Publishing and subscribing -----------------------------------------------

    async def publish(
        self,
        topic: str,
        /,
        *args: Any,
        acknowledge: bool = True,
        options: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> int | None:
        """Publish; return the publication's id, None without `acknowledge`.

        `options` are further ones of PUBLISH. Raises `ApplicationError` for ERROR.
        """
        fields = ({**(options or {}), "acknowledge": acknowledge}, topic, args, kwargs)
        if not acknowledge:
            await self.send([messages.Publish.CODE, next(self._ids), *fields])
            return None
        answer = await self.request(messages.Publish, *fields)
        publication: int = answer[2]
        return publication

    async def subscribe(
        self, topic: str, *, match: str = "exact", get_retained: bool = False
    ) -> Subscription:
        """Subscribe to a topic or pattern. Raises `ApplicationError` for ERROR."""

        def subscribed(answer: list[Any]) -> Subscription:
            # At once: an event may follow in the same read.
            return self._subscriptions.setdefault(
                answer[2], Subscription(self, answer[2])
            )

        fields = ({"match": match, "get_retained": get_retained}, topic)
        sent = await self._send(messages.Subscribe, fields, subscribed)
        subscription: Subscription = await sent.result()
        return subscription

    # --- Reading ------------------------------------------------------------------

    async def _read(self) -> None:
        try:
            async for frame in self.ws:
                for data in messages_in(frame.data, self._serializer):
                    self._take(self._serializer.decode(data))
        finally:
            self._inbox.close()
            for subscription in self._subscriptions.values():
                subscription.events.close()
            self._fail_all()

    def _fail_all(self) -> None:
        for request in self._requests.values():
            request.fail(self._closed())
        self._requests.clear()

    def _take(self, message: list[Any]) -> None:
        code = message[0]
        if code == messages.Error.CODE and message[2] in self._requests:
            request = self._requests.pop(message[2])
            request.fail(ApplicationError.from_uri(message[4], *message[5:7]))
        elif code in _ANSWERS and message[1] in self._requests:
            self._answered(message)
        elif code == messages.Event.CODE and message[1] in self._subscriptions:
            args, kwargs = _payload(message, 4)
            event = Event(args, kwargs, message[3], message[2])
            self._subscriptions[message[1]].events.put(event)
        elif code == messages.Invocation.CODE and message[2] in self._procedures:
            self._invoked(message)
        elif code == messages.Interrupt.CODE and message[1] in self._invocations:
            self._invocations[message[1]].cancel()
        else:
            self._note_end(message)
            self._inbox.put(message)

    def _answered(self, message: list[Any]) -> None:
        request = self._requests[message[1]]
        if message[0] == messages.Result.CODE and message[2].get("progress"):
            if request.on_progress is not None:
                request.on_progress(_result(message))
            return
        del self._requests[message[1]]
        request.succeed(message)

    def _note_end(self, message: list[Any]) -> None:
        if message[0] in (messages.Goodbye.CODE, messages.Abort.CODE):
            self.ended = message[2]
        if message[0] == messages.Goodbye.CODE and self.answers_goodbye:
            reply = [messages.Goodbye.CODE, {}, uris.GOODBYE_AND_OUT]
            self._start(0, self.send(reply))

    # --- Answering ----------------------------------------------------------------

    def _invoked(self, message: list[Any]) -> None:
        self._start(message[1], self._run(message))

    def _start(self, number: int, work: Awaitable[None]) -> None:
        task = asyncio.create_task(_unless_closed(work))
        self._invocations[number] = task
        task.add_done_callback(lambda _: self._invocations.pop(number, None))

    async def _run(self, message: list[Any]) -> None:
        number, handler = message[1], self._procedures[message[2]]
        given, named = _payload(message, 4)
        try:
            result = handler(*given, **named)
            if isawaitable(result):
                result = await result
            args, kwargs = result_arguments(result, spread=False)
        except asyncio.CancelledError:
            await self._refuse(number, Canceled())
        except ApplicationError as error:
            await self._refuse(number, error)
        except Exception as error:
            await self._refuse(number, RuntimeFailure(repr(error)))
        else:
            await self.send([messages.Yield.CODE, number, {}, [*args], {**kwargs}])

    async def _refuse(self, invocation: int, error: ApplicationError) -> None:
        code, kind = messages.Error.CODE, messages.Invocation.CODE
        payload = ([*error.args], error.kwargs)
        await self.send([code, kind, invocation, {}, error.uri, *payload])


async def _patiently(awaitable: Awaitable[T]) -> T:
    async with asyncio.timeout(PATIENCE):
        return await awaitable


async def _unless_closed(work: Awaitable[None]) -> None:
    with suppress(ConnectionError):
        await work


def _payload(message: list[Any], at: int) -> tuple[list[Any], dict[str, Any]]:
    """Return the positional and keyword arguments, both of which may be left out."""
    args, kwargs = [*message[at : at + 2], None, None][:2]
    return args or [], kwargs or {}


def _result(message: list[Any]) -> Any:
    args, kwargs = _payload(message, 3)
    if kwargs or len(args) > 1:
        return RPCResult(args, kwargs)
    return args[0] if args else None


@asynccontextmanager
async def connect(
    http: TestClient[Any, Any] | aiohttp.ClientSession,
    url: str = "/ws",
    *,
    realm: str | None,
    serializer: str | Serializer = "json",
    ticket: str | None = None,
    authmethods: Sequence[str] | None = None,
    authid: str | None = None,
    details: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> AsyncIterator[WAMPClient]:
    """Open a WebSocket with the cookies that `http` has, join, and leave at the end.

    With ``realm=None`` the connection is open only: `WAMPClient.join` later, or `send`
    what you like. `serializer` is what follows ``wamp.2.`` in a subprotocol, or a
    `Serializer`; `details` are further ones of HELLO; `headers` go with the upgrade.

    Raises `aiohttp.WSServerHandshakeError` when the upgrade is refused and
    `JoinRejected` when the server answers HELLO with ABORT.
    """
    if isinstance(serializer, str):
        serializer = serializer_for(f"wamp.2.{serializer}")
    ws = await http.ws_connect(
        url, protocols=[f"wamp.2.{serializer.name}"], headers=headers, max_msg_size=0
    )
    client = WAMPClient(ws, serializer)
    named = {"authmethods": authmethods, "authid": authid}
    given = {key: value for key, value in named.items() if value is not None}
    try:
        if realm is not None:
            await client.join(realm, ticket=ticket, **given, **(details or {}))
        yield client
        await client.leave()
    finally:
        await client.drop()


#: Where the clients that were made here send their requests.
_urls: WeakKeyDictionary[aiohttp.ClientSession, str] = WeakKeyDictionary()


@asynccontextmanager
async def _browser(url: str) -> AsyncIterator[aiohttp.ClientSession]:
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(url, cookie_jar=jar) as http:
        _urls[http] = url
        yield http


@asynccontextmanager
async def another_browser(
    http: TestClient[Any, Any] | aiohttp.ClientSession,
) -> AsyncIterator[aiohttp.ClientSession]:
    """Open an HTTP client of the same server that has no cookies yet.

    Whoever signs in as somebody else in *one* browser has signed out first, and loses
    the sockets; two people are two browsers. Raises `ConfigurationError` for an HTTP
    client that `serving` did not make.
    """
    if isinstance(http, aiohttp.ClientSession):
        url = _urls.get(http)
        if url is None:
            raise ConfigurationError(
                "another_browser() takes what serving() yields, or a TestClient"
            )
    else:
        url = str(http.make_url("/"))
    async with _browser(url) as another:
        yield another


@asynccontextmanager
async def serving(
    app: web.Application, *, shutdown_timeout: float = 1.0
) -> AsyncIterator[aiohttp.ClientSession]:
    """Serve an application on a free port of this machine, and stop it at the end.

    Yields an HTTP client, cookies kept, whose URLs may be paths. Unlike aiohttp's test
    server this one lets handlers of clients that leave run on, as ``web.run_app`` does.
    """
    listening = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    runner = web.AppRunner(app, shutdown_timeout=shutdown_timeout)
    # The server goes first: its clients are there to hear how it takes its leave.
    with listening:
        async with _browser(url) as http:
            try:
                await runner.setup()
                await web.SockSite(runner, listening).start()
                yield http
            finally:
                await runner.cleanup()
