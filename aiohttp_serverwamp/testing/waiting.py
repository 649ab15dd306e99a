"""What a client of `aiohttp_serverwamp.testing` waits for: answers and events."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from aiohttp_serverwamp import messages
from aiohttp_serverwamp.errors import ConfigurationError, ConnectionClosed

if TYPE_CHECKING:
    from aiohttp_serverwamp.testing.client import WAMPClient

__all__ = ["PATIENCE", "Event", "Inbox", "PendingCall", "Subscription", "patiently"]

T = TypeVar("T")

#: Seconds after which a test is told that what it waits for does not come.
PATIENCE: Final = 10.0


async def patiently(awaitable: Awaitable[T]) -> T:
    """Return what is awaited; `TimeoutError` after `PATIENCE` seconds."""
    async with asyncio.timeout(PATIENCE):
        return await awaitable


@dataclass(slots=True)
class Event:
    """What was published, as one subscription received it (specification, EVENT)."""

    args: Sequence[Any]
    kwargs: Mapping[str, Any]
    #: With pattern subscriptions ``topic`` is among them.
    details: Mapping[str, Any]
    publication: int


class Inbox(Generic[T]):
    """What arrives, until somebody takes it; closed with the connection."""

    def __init__(self) -> None:
        self._items: asyncio.Queue[tuple[T] | None] = asyncio.Queue()

    def put(self, item: T) -> None:
        """Add what has arrived."""
        self._items.put_nowait((item,))

    def close(self) -> None:
        """Let whoever takes what is left know that nothing follows."""
        self._items.put_nowait(None)

    def empty(self) -> bool:
        """Tell whether everything was taken."""
        return self._items.empty()

    async def take(self) -> T:
        """Wait for the next one; raise `ConnectionClosed` when there will be none."""
        item = await patiently(self._items.get())
        if item is None:
            self.close()
            raise ConnectionClosed("the connection is closed")
        return item[0]


class Subscription:
    """One subscription of a client; its events wait here in the order received."""

    def __init__(self, client: WAMPClient, id: int) -> None:
        #: The id in SUBSCRIBED.
        self.id = id
        self.events: Inbox[Event] = Inbox()
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
        return await patiently(self.answer)

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
