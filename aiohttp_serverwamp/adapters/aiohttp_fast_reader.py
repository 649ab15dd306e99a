"""Messages of a WebSocket handled where aiohttp parses them.

aiohttp queues what it has parsed and wakes the task that waits for it. Here the queue
hands a message on at once while that task has nothing to do but wait, and what is
answered leaves when the read is over: no task is woken, and no turn of the loop passes
in between. Everything else (close frames and pings, every message while the connection
is congested or closing, and what is more than others can wait for) takes the way
through the queue, to
`WebSocketResponse.receive`: that is aiohttp's reader with its limits and its
back-pressure, and ours without this module.

It needs more of aiohttp than aiohttp documents, so it is for the versions that it was
tested with; see `aiohttp_readers`.
"""

from __future__ import annotations

import asyncio
from asyncio.tasks import _enter_task, _leave_task
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from aiohttp import WSMessage, WSMsgType
from aiohttp._websocket.reader import WebSocketDataQueue, WebSocketReader
from aiohttp.helpers import DEFAULT_CHUNK_SIZE

from aiohttp_serverwamp.adapters.aiohttp_socket import UpgradedSocket
from aiohttp_serverwamp.limits import MESSAGES_A_TURN

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp import web
    from aiohttp._websocket.writer import WebSocketWriter

    from aiohttp_serverwamp.adapters.heartbeat import Heartbeat
    from aiohttp_serverwamp.adapters.outbox import Outbox

__all__ = ["DirectReading", "FastSocket", "Inbox", "Parser"]


class Inbox(WebSocketDataQueue):
    """The queue between aiohttp's parser and a connection, which it may pass by."""

    __slots__ = ("listener",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.listener: Callable[[WSMessage], bool] | None = None

    def listen(self, listener: Callable[[WSMessage], bool] | None) -> None:
        """Give what comes to `listener`, unless something waits here already.

        It must not raise, and tells whether it has taken the message. After one that it
        has not taken, everything is queued until it listens again.
        """
        self.listener = None if self._buffer else listener

    def feed_data(self, data: Any, size: int) -> None:
        """Take a message from the parser."""
        # Hot path.
        listener = self.listener
        if listener is None or not listener(data):
            self.listener = None
            WebSocketDataQueue.feed_data(self, data, size)


class Parser(WebSocketReader):
    """aiohttp's parser, whose messages may be read directly."""

    __slots__ = ("direct",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.direct: DirectReading | None = None

    def feed_data(self, data: Any) -> tuple[bool, bytes]:
        """Take what was read."""
        # Hot path.
        if self.direct is None or self.direct.inbox.listener is None:
            return WebSocketReader.feed_data(self, data)
        return self.direct.read(self, data)


class FastSocket(UpgradedSocket):
    """A WebSocket whose messages can be handled where they are parsed."""

    def _post_start(
        self, request: web.BaseRequest, protocol: str | None, writer: WebSocketWriter
    ) -> None:
        """Do what aiohttp does here, with another queue and another parser."""
        self._ws_protocol = protocol
        self._writer = writer
        assert self._loop is not None, "it has just been set"
        inbox = Inbox(request.protocol, DEFAULT_CHUNK_SIZE, loop=self._loop)
        parser = Parser(
            inbox,
            self._max_msg_size,
            compress=bool(self._compress),
            decode_text=self._decode_text,
        )
        # Under aiohttp's names, and no others: with more attributes the dict of every
        # socket would be larger by half.
        self._reader, self._parser = inbox, parser
        request.protocol.set_parser(parser)
        request.protocol.keep_alive(False)

    def read_directly(
        self,
        take: Callable[[str | bytes], None],
        outbox: Outbox,
        heartbeat: Heartbeat,
    ) -> DirectReading:
        """Return what gives messages to `take` where they are parsed."""
        inbox, parser = self._reader, self._parser
        assert isinstance(inbox, Inbox), "made by _post_start"
        assert isinstance(parser, Parser), "made by _post_start"
        return DirectReading(inbox, parser, take, outbox, heartbeat)


class DirectReading:
    """How the messages of one connection reach `take` while a task waits for them.

    That task makes it. `take` runs as if the task had called it: as the current task,
    in a context like its own.
    """

    __slots__ = (
        "_context",
        "_failure",
        "_heartbeat",
        "_left",
        "_loop",
        "_outbox",
        "_parser",
        "_take",
        "_task",
        "inbox",
    )

    def __init__(
        self,
        inbox: Inbox,
        parser: Parser,
        take: Callable[[str | bytes], None],
        outbox: Outbox,
        heartbeat: Heartbeat,
    ) -> None:
        task = asyncio.current_task()
        assert task is not None, "made by the task that receives"
        #: Where the messages are that are not read directly.
        self.inbox = inbox
        self._parser = parser
        self._take: Callable[[str | bytes], None] | None = take
        self._outbox = outbox
        self._heartbeat = heartbeat
        self._task = task
        self._loop = task.get_loop()
        self._context = copy_context()
        # What `take` has raised, for the task to raise it.
        self._failure: BaseException | None = None
        # How many more messages of what is being read may be handled at once.
        self._left = 0
        parser.direct = self

    def begin(self) -> None:
        """Read directly from now on, until a message has to be queued."""
        if self._take is not None:
            self.inbox.listen(self._hear)

    def pause(self) -> None:
        """Queue what comes; raise what `take` has raised, if it has."""
        self.inbox.listen(None)
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def stop(self) -> None:
        """Leave everything to the task from now on."""
        self._take = None
        self.inbox.listen(None)
        self._parser.direct = None

    def read(self, parser: Parser, data: bytes) -> tuple[bool, bytes]:
        """Have `parser` take what was read, and what is answered leave at once."""
        # Hot path.
        try:
            _enter_task(self._loop, self._task)
        except RuntimeError:  # read by another task, for whatever reason
            self.inbox.listen(None)
            return WebSocketReader.feed_data(parser, data)
        self._left = MESSAGES_A_TURN
        self._outbox.hold()
        try:
            return self._context.run(WebSocketReader.feed_data, parser, data)
        finally:
            self._outbox.release()
            _leave_task(self._loop, self._task)

    def _hear(self, message: WSMessage) -> bool:
        # Hot path.
        kind = message.type
        if kind is not WSMsgType.TEXT and kind is not WSMsgType.BINARY:
            return False
        if self._take is None or not self._left or self._outbox.is_congested:
            return False
        self._left -= 1
        self._heartbeat.heard = True
        try:
            self._take(message.data)
        except BaseException as error:
            # Raised here it would be lost: the parser cannot pass it on. So the task is
            # woken by the message.
            self._failure = error
            return False
        return True
