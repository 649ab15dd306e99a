"""A real WAMP client in another process, as a test speaks with it.

A driver, one for each client library, is a program in the library's language
(``python/driver.py``, ``js/driver.mjs``). It listens on a local port, and each
connection there is one client, which leaves when the test closes its end. Orders and
what comes back are JSON objects, one a line; each order is answered under its number::

    {"id": 1, "order": "call", "call": 1, "procedure": "math.add", "args": [2, 3], ...}
    {"id": 1, "answer": {"args": [5], "kwargs": {}, "progress": []}}
    {"id": 2, "error": "wamp.error.no_such_procedure", "args": [], "kwargs": {}}

What happens unasked is a note: ``{"note": "event", "topic": "news", ...}``. The note
``crash`` is what a library has thrown where nobody could catch it. Bytes are
``{"hex": "00ff"}`` on the way, whatever the client's serializer. Options and details
have their WAMP names; a library that does not know an option may refuse or lose it.
"""

from __future__ import annotations

import asyncio
import json
from asyncio import FIRST_COMPLETED
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any, TypeAlias

#: By their WAMP names.
Options: TypeAlias = "dict[str, Any] | None"

ACKNOWLEDGED: Options = {"acknowledge": True}

PATIENCE = 15.0


class ClientError(Exception):
    """What went wrong in the client."""


class WampError(ClientError):
    """An error that the client's user got."""

    def __init__(self, uri: str, args: list[Any], kwargs: dict[str, Any]) -> None:
        super().__init__(uri, args, kwargs)
        self.uri = uri
        self.arguments = args
        self.keywords = kwargs


@dataclass(frozen=True, slots=True)
class Answer:
    """The results of a call, progressive ones as their positional arguments."""

    args: list[Any] = field(default_factory=list)
    kwargs: dict[str, Any] = field(default_factory=dict)
    progress: list[list[Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Event:
    """An event that the client has received; equal to one with other details."""

    topic: str
    args: list[Any] = field(default_factory=list)
    kwargs: dict[str, Any] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict, compare=False)


class RemoteClient:
    """One client; `remote_client` makes it."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._numbers = count(1)
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._notes: defaultdict[str, asyncio.Queue[Any]] = defaultdict(asyncio.Queue)
        self._listening = asyncio.create_task(self._listen())
        #: What WELCOME said, once the client has joined.
        self.welcome: dict[str, Any] = {}

    async def join(self, url: str, realm: str, **details: Any) -> dict[str, Any]:
        """Join and return what WELCOME said. Raises WampError with ABORT's reason."""
        self.welcome = await self._order("join", url=url, realm=realm, **details)
        return self.welcome

    async def leave(self) -> None:
        """Say GOODBYE, and wait until it is answered and the connection closed."""
        await self._order("leave")

    async def sent_away(self) -> str:
        """Wait for the router's GOODBYE and return its reason."""
        reason: str = (await self._note("sent away"))["reason"]
        return reason

    # --- Calling ----------------------------------------------------------------------

    async def call(self, procedure: str, *args: Any, **kwargs: Any) -> Answer:
        """Call. Raises WampError."""
        return await self.start_call(procedure, *args, **kwargs).answer()

    async def call_with_progress(self, procedure: str, *args: Any) -> Answer:
        """Call and ask for progressive results. Raises WampError."""
        options = {"receive_progress": True}
        return await self.start_call(procedure, *args, options=options).answer()

    def start_call(
        self, procedure: str, *args: Any, options: Options = None, **kwargs: Any
    ) -> StartedCall:
        """Call without waiting for the answer.

        With the option ``progress`` these arguments are the first chunk of several.
        """
        return StartedCall(self, procedure, args, kwargs, options or {})

    # --- Being called -----------------------------------------------------------------

    async def register(self, uri: str, **options: Any) -> None:
        """Register. Raises WampError."""
        await self._order("register", uri=uri, options=options)

    async def unregister(self, uri: str) -> None:
        """End a registration."""
        await self._order("unregister", uri=uri)

    async def invocation(self) -> Invocation:
        """Wait until a procedure of the client is called."""
        note = await self._note("invocation")
        return Invocation(self, **note)

    # --- Publishing and subscribing ---------------------------------------------------

    async def subscribe(self, uri: str, **options: Any) -> None:
        """Subscribe. Raises WampError."""
        await self._order("subscribe", uri=uri, options=options)

    async def unsubscribe(self, uri: str) -> None:
        """End a subscription."""
        await self._order("unsubscribe", uri=uri)

    async def publish(
        self, topic: str, *args: Any, options: Options = None, **kwargs: Any
    ) -> None:
        """Publish. Raises WampError, if it is to be acknowledged."""
        await self._order(
            "publish", topic=topic, args=args, kwargs=kwargs, options=options or {}
        )

    async def event(self) -> Event:
        """Wait for the next event."""
        return Event(**await self._note("event"))

    def has_noted(self, what: str) -> bool:
        """Say whether there is a note of this kind that no test has asked for yet."""
        return not self._notes[what].empty()

    # --- The conversation -------------------------------------------------------------

    async def close(self) -> None:
        """Have the client leave, unless it has, and wait until it is gone."""
        for answer in self._answers.values():
            answer.cancel()
        self._writer.write_eof()
        try:
            await asyncio.wait_for(self._listening, PATIENCE)
        finally:
            self._writer.close()
            await self._writer.wait_closed()

    async def _order(self, order: str, **details: Any) -> Any:
        return await asyncio.wait_for(self._send(order, **details), PATIENCE)

    def _send(self, order: str, **details: Any) -> asyncio.Future[Any]:
        number = next(self._numbers)
        answer = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        line = json.dumps({"id": number, "order": order, **details}, default=_hex)
        self._writer.write(line.encode() + b"\n")
        return answer

    async def _note(self, kind: str) -> Any:
        return await asyncio.wait_for(self._notes[kind].get(), PATIENCE)

    async def _listen(self) -> None:
        async for line in self._reader:
            said = json.loads(line, object_hook=_bytes)
            if said.get("note") == "crash":
                self._give_up(ClientError(said["error"]))
            elif "note" in said:
                self._notes[said.pop("note")].put_nowait(said)
            elif not (answer := self._answers.pop(said["id"])).done():
                _settle(answer, said)
        self._give_up(ConnectionError("the driver has ended"))

    def _give_up(self, reason: Exception) -> None:
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(reason)


class StartedCall:
    """A call that may be waited for and cancelled."""

    def __init__(
        self,
        client: RemoteClient,
        procedure: str,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        options: dict[str, Any],
    ) -> None:
        self._client = client
        self._number = next(client._numbers)
        self._answer = client._send(
            "call",
            call=self._number,
            procedure=procedure,
            args=args,
            kwargs=kwargs,
            options=options,
        )

    async def send(self, *args: Any, last: bool = False) -> None:
        """Send another chunk of arguments."""
        await self._client._order(
            "chunk", call=self._number, args=args, kwargs={}, last=last
        )

    async def invocation_at(self, callee: RemoteClient) -> Invocation:
        """Wait until a callee is invoked, or raise the error that comes first."""
        arrival = asyncio.ensure_future(callee.invocation())
        await asyncio.wait({arrival, self._answer}, return_when=FIRST_COMPLETED)
        if arrival.done():
            return arrival.result()
        arrival.cancel()
        raise AssertionError(f"no invocation but {await self.answer()}")

    async def answer(self) -> Answer:
        """Wait for the answer. Raises WampError."""
        return Answer(**await asyncio.wait_for(self._answer, PATIENCE))

    async def cancel(self, mode: str | None = None) -> None:
        """Give the call up; without a mode, in one that is safe with the client."""
        await self._client._order("cancel", call=self._number, mode=mode)


@dataclass(frozen=True, slots=True)
class Invocation:
    """A call that the client is to answer."""

    client: RemoteClient
    invocation: int
    procedure: str
    args: list[Any]
    kwargs: dict[str, Any]
    details: dict[str, Any]

    async def answer(self, *args: Any, options: Options = None, **kwargs: Any) -> None:
        """Send the result."""
        await self._order("yield", args=args, kwargs=kwargs, options=options or {})

    async def progress(self, *args: Any, **kwargs: Any) -> None:
        """Send a progressive result."""
        options = {"progress": True}
        await self._order("yield", args=args, kwargs=kwargs, options=options)

    async def fail(self, error: str, *args: Any, **kwargs: Any) -> None:
        """Send an error."""
        await self._order("fail", error=error, args=args, kwargs=kwargs)

    async def _order(self, order: str, **details: Any) -> None:
        await self.client._order(order, invocation=self.invocation, **details)


@asynccontextmanager
async def remote_client(port: int) -> AsyncIterator[RemoteClient]:
    """Have a new client from the driver at `port`, not joined yet."""
    client = RemoteClient(*await asyncio.open_connection("127.0.0.1", port))
    try:
        yield client
    finally:
        await client.close()


async def error_of(request: Awaitable[object]) -> WampError:
    """Wait for what must fail and return its error."""
    try:
        outcome = await request
    except WampError as error:
        return error
    raise AssertionError(f"no error but {outcome}")


def _settle(answer: asyncio.Future[Any], said: dict[str, Any]) -> None:
    if "error" in said:
        answer.set_exception(WampError(said["error"], said["args"], said["kwargs"]))
    else:
        answer.set_result(said["answer"])


def _hex(value: bytes) -> dict[str, str]:
    return {"hex": value.hex()}


def _bytes(value: dict[str, Any]) -> Any:
    return bytes.fromhex(value["hex"]) if list(value) == ["hex"] else value
