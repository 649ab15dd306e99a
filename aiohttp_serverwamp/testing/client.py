"""The WAMP client of `aiohttp_serverwamp.testing`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from inspect import isawaitable
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from aiohttp_serverwamp import messages, uris
from aiohttp_serverwamp.errors import (
    ApplicationError,
    Canceled,
    ConnectionClosed,
    RuntimeFailure,
    SessionRejected,
)
from aiohttp_serverwamp.hosting.invocation import RPCResult
from aiohttp_serverwamp.hosting.procedures import result_arguments
from aiohttp_serverwamp.serializers import messages_in, serializer_for
from aiohttp_serverwamp.testing.waiting import (
    Event,
    Inbox,
    PendingCall,
    Subscription,
    patiently,
)

if TYPE_CHECKING:
    import aiohttp
    from aiohttp.test_utils import TestClient

    from aiohttp_serverwamp.interfaces import Serializer

__all__ = ["JoinRejected", "WAMPClient", "connect"]

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
        self._inbox: Inbox[list[Any]] = Inbox()
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
        await patiently(asyncio.shield(self._reader))
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
