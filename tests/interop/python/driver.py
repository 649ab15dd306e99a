"""Has a WAMP client do what a test says; the clients in Python share it.

`serve` is told how to make a client. It prints one JSON object with the port on which
it listens, and each connection to that port is one client of its own. What is said
there stands in ``remote_client.py``; ``js/driver.mjs`` is the same for JavaScript.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from itertools import count
from typing import Any


class WampError(Exception):
    """An error as the client's user sees it."""

    def __init__(self, uri: str, args: Any = (), kwargs: Any = None) -> None:
        super().__init__(uri)
        self.uri = uri
        self.arguments = list(args or ())
        self.keywords = dict(kwargs or {})


@dataclass(slots=True)
class Payload:
    """Positional and keyword arguments, or results."""

    args: list[Any] = field(default_factory=list)
    kwargs: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Reply(Payload):
    """A result and its options."""

    options: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Joining:
    """What a client joins, and as whom: anonymously without a method."""

    url: str
    realm: str
    serializer: str
    authid: str | None = None
    authmethod: str | None = None
    secret: str = ""


@dataclass(slots=True)
class Joined:
    """What WELCOME has told the client."""

    session: int
    realm: str
    authid: str | None
    authrole: str | None
    authmethod: str | None


#: By their WAMP names.
Options = dict[str, Any]

#: Called with progressive results, by the client or by the procedure it serves.
Progress = Callable[[Payload], None]
#: Serves a call: the procedure's URI, the arguments, the details that the client shows,
#: and where progress may go.
Procedure = Callable[[str, Payload, Options, Progress | None], Awaitable["Reply"]]
#: Takes an event: the topic's URI, the arguments and the details that the client shows.
Listener = Callable[[str, Payload, Options], None]
#: Ends a registration or a subscription.
Undo = Callable[[], Awaitable[object]]


class StartedCall(ABC):
    """A call that may be waited for and cancelled."""

    @abstractmethod
    async def result(self) -> Payload:
        """Wait for the answer. Raises WampError."""

    @abstractmethod
    def cancel(self, mode: str | None) -> None:
        """Send CANCEL; without a mode, in one that is safe with the library."""

    def send(self, payload: Payload, *, last: bool) -> None:
        """Send another chunk of arguments."""
        raise NotImplementedError("the library sends no second chunk")


class Client(ABC):
    """What a library is asked to do, in words that are the same for all of them."""

    #: Whether it leaves WAMP's form of bytes in JSON, a NUL and base64, to its user.
    leaves_binary_to_its_user = False

    @abstractmethod
    async def join(self, joining: Joining, sent_away: Callable[[str], None]) -> Joined:
        """Join; `sent_away` is told the reason when the router says GOODBYE."""

    @abstractmethod
    async def leave(self) -> None:
        """Say GOODBYE and close. Called once, and after that nothing else is."""

    @abstractmethod
    async def call(
        self,
        procedure: str,
        payload: Payload,
        options: Options,
        progress: Progress | None,
    ) -> StartedCall:
        """Send CALL; `progress` stands for the option ``receive_progress``."""

    @abstractmethod
    async def register(self, uri: str, options: Options, procedure: Procedure) -> Undo:
        """Register."""

    @abstractmethod
    async def subscribe(self, uri: str, options: Options, listener: Listener) -> Undo:
        """Subscribe."""

    @abstractmethod
    async def publish(self, topic: str, payload: Payload, options: Options) -> None:
        """Publish, and wait for the acknowledgement if it is asked for."""


class Conversation:
    """One client, and the connection over which a test speaks with it."""

    def __init__(self, client: Client, writer: asyncio.StreamWriter) -> None:
        self._client = client
        self._writer = writer
        self._numbers = count(1)
        self._tasks: set[asyncio.Task[None]] = set()
        self._calls: dict[int, StartedCall] = {}
        self._serving: dict[int, tuple[asyncio.Future[Reply], Progress | None]] = {}
        self._undo: dict[tuple[str, str], Undo] = {}
        self._is_joined = False
        self._packs_binary = False
        self._orders: dict[str, Callable[..., Awaitable[Any]]] = {
            "join": self._join,
            "leave": self._leave,
            "call": self._call,
            "chunk": self._chunk,
            "cancel": self._cancel,
            "register": self._register,
            "unregister": lambda uri: self._undo.pop(("register", uri))(),
            "yield": self._yield,
            "fail": self._fail,
            "subscribe": self._subscribe,
            "unsubscribe": lambda uri: self._undo.pop(("subscribe", uri))(),
            "publish": self._publish,
        }

    async def hold(self, reader: asyncio.StreamReader) -> None:
        """Obey until there are no more orders; then let the client leave."""
        async for line in reader:
            task = asyncio.create_task(self._obey(**json.loads(line)))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        try:
            await self._leave()
        finally:
            for task in self._tasks:
                task.cancel()
            self._writer.close()

    async def _obey(self, id: int, order: str, **details: Any) -> None:
        try:
            answer = await self._orders[order](**details)
        except WampError as error:
            self._say(
                id=id,
                error=error.uri,
                args=self._outward(error.arguments),
                kwargs=self._outward(error.keywords),
            )
        except Exception as error:
            # Such as what the library cannot do; for the test's report.
            self._say(id=id, error=f"not a WAMP error: {error!r}", args=[], kwargs={})
        else:
            self._say(id=id, answer=answer)

    def _say(self, **line: Any) -> None:
        self._writer.write(json.dumps(line).encode() + b"\n")

    # --- Orders -----------------------------------------------------------------------

    async def _join(self, **details: Any) -> dict[str, Any]:
        joining = Joining(**details)
        self._packs_binary = (
            self._client.leaves_binary_to_its_user and joining.serializer == "json"
        )
        joined = await self._client.join(joining, self._sent_away)
        self._is_joined = True
        return asdict(joined)

    async def _leave(self) -> None:
        if self._is_joined:
            self._is_joined = False
            await self._client.leave()

    def _sent_away(self, reason: str) -> None:
        self._is_joined = False
        self._say(note="sent away", reason=reason)

    async def _call(
        self, call: int, procedure: str, args: Any, kwargs: Any, options: Options
    ) -> dict[str, Any]:
        progress = options.pop("receive_progress", False)
        reports: list[Any] = []

        def report(payload: Payload) -> None:
            reports.append(self._outward(payload.args))

        payload = self._read(args, kwargs)
        started = await self._client.call(
            procedure, payload, options, report if progress else None
        )
        self._calls[call] = started
        try:
            result = await started.result()
        finally:
            del self._calls[call]
        return self._told(result) | {"progress": reports}

    async def _chunk(self, call: int, args: Any, kwargs: Any, last: bool) -> None:
        self._calls[call].send(self._read(args, kwargs), last=last)

    async def _cancel(self, call: int, mode: str | None) -> None:
        self._calls[call].cancel(mode)

    async def _register(self, uri: str, options: Options) -> None:
        undo = await self._client.register(uri, options, self._serve)
        self._undo["register", uri] = undo

    async def _serve(
        self,
        procedure: str,
        payload: Payload,
        details: Options,
        progress: Progress | None,
    ) -> Reply:
        number = next(self._numbers)
        answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._serving[number] = answer, progress
        self._say(
            note="invocation",
            invocation=number,
            procedure=procedure,
            details=details,
            **self._told(payload),
        )
        try:
            return await answer
        except asyncio.CancelledError:
            self._say(note="interrupted", invocation=number)
            raise
        finally:
            del self._serving[number]

    async def _yield(
        self, invocation: int, args: Any, kwargs: Any, options: Options
    ) -> None:
        answer, report = self._serving[invocation]
        payload = self._read(args, kwargs)
        if not options.get("progress"):
            answer.set_result(Reply(payload.args, payload.kwargs, options))
        elif report is not None:
            report(payload)
        else:
            raise NotImplementedError("nowhere to send progressive results to")

    async def _fail(self, invocation: int, error: str, args: Any, kwargs: Any) -> None:
        payload = self._read(args, kwargs)
        answer, _ = self._serving[invocation]
        answer.set_exception(WampError(error, payload.args, payload.kwargs))

    async def _subscribe(self, uri: str, options: Options) -> None:
        undo = await self._client.subscribe(uri, options, self._hear)
        self._undo["subscribe", uri] = undo

    def _hear(self, topic: str, payload: Payload, details: Options) -> None:
        self._say(note="event", topic=topic, details=details, **self._told(payload))

    async def _publish(
        self, topic: str, args: Any, kwargs: Any, options: Options
    ) -> None:
        await self._client.publish(topic, self._read(args, kwargs), options)

    # --- Bytes ------------------------------------------------------------------------

    def _read(self, args: Any, kwargs: Any) -> Payload:
        return Payload(self._inward(args), self._inward(kwargs))

    def _told(self, payload: Payload) -> dict[str, Any]:
        return {
            "args": self._outward(payload.args),
            "kwargs": self._outward(payload.kwargs),
        }

    def _inward(self, value: Any) -> Any:
        match value:
            case {"hex": text}:
                data = bytes.fromhex(text)
                if self._packs_binary:
                    return "\0" + base64.b64encode(data).decode()
                return data
            case dict():
                return {key: self._inward(each) for key, each in value.items()}
            case list():
                return [self._inward(each) for each in value]
        return value

    def _outward(self, value: Any) -> Any:
        match value:
            case bytes():
                return {"hex": value.hex()}
            case str() if self._packs_binary and value.startswith("\0"):
                return {"hex": base64.b64decode(value[1:]).hex()}
            case dict():
                return {key: self._outward(each) for key, each in value.items()}
            case list() | tuple():
                return [self._outward(each) for each in value]
        return value


def serve(make_client: Callable[[], Client]) -> None:
    """Serve until the process is ended."""
    asyncio.run(_serve(make_client))


async def _serve(make_client: Callable[[], Client]) -> None:
    async def converse(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await Conversation(make_client(), writer).hold(reader)

    server = await asyncio.start_server(converse, "127.0.0.1", 0)
    sys.stdout.write(json.dumps({"port": server.sockets[0].getsockname()[1]}) + "\n")
    sys.stdout.flush()
    # The port is all that is read there, and xconn prints.
    sys.stdout = sys.stderr
    await server.serve_forever()
