"""Serve one connection: its frames, its tasks, its deadlines.

The only loop of the package. It holds no WAMP semantics: what a frame means is the
session's affair, how it travels the connection's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from aiohttp_serverwamp.limits import MESSAGES_A_TURN
from aiohttp_serverwamp.router import endings
from aiohttp_serverwamp.router.batch import receive_batch
from aiohttp_serverwamp.router.session import RouterSession
from aiohttp_serverwamp.serializers.batched import BatchedSerializer

if TYPE_CHECKING:
    from aiohttp_serverwamp.interfaces import AsyncSupport, Connection, TaskRunner
    from aiohttp_serverwamp.router.host import RouterHost

__all__ = ["serve"]


async def serve(
    connection: Connection, host: RouterHost, support: AsyncSupport
) -> None:
    """Serve a connection until it has closed and its handlers have ended.

    Its client may join, leave and join again. Handlers that the client's leaving does
    not cancel, the rest of its subscription and lifespan handlers, get
    `Limits.close_timeout` seconds once the connection has closed.
    """
    async with support.task_group() as tasks:
        served = _Served(connection, host, support, tasks)
        timer = support.timer(tasks, served.expire)
        served.begin(None, timer.set)
        try:
            if isinstance(connection.codec.serializer, BatchedSerializer):
                await served.read_batches()
            else:
                # Not every connection has it; see `Connection`.
                deliver = getattr(connection, "deliver", None)
                if deliver is not None:
                    deliver(served.take)
                await served.read()
            served.gone = True
        finally:
            timer.set(None)
            served.let_go(served.session)
            try:
                if served.gone:
                    await connection.close(*served.last_words)
                await tasks.join(host.limits.close_timeout or None)
            finally:
                host.closed(served.session)


class _Served:
    """A connection and the session on it, of which there may be several in turn."""

    __slots__ = (
        "_connection",
        "_host",
        "_support",
        "_tasks",
        "gone",
        "last_words",
        "session",
    )

    session: RouterSession

    def __init__(
        self,
        connection: Connection,
        host: RouterHost,
        support: AsyncSupport,
        tasks: TaskRunner,
    ) -> None:
        self._connection = connection
        self._host = host
        self._support = support
        self._tasks = tasks
        #: Whether nothing more comes.
        self.gone = False
        #: What the connection is closed with.
        self.last_words = endings.NORMAL_CLOSURE, ""

    def begin(
        self,
        after: RouterSession | None,
        set_timer: Callable[[float | None], None] | None,
    ) -> None:
        """Wait for a HELLO; `set_timer` is told when to `expire`."""
        session = self.session = RouterSession(
            self._host, self._connection, self._tasks, self._close, after=after
        )
        if set_timer is not None:
            set_timer(session.deadlines.next())
        session.deadlines.on_earlier = set_timer
        self._host.opened(session)

    def take(self, data: str | bytes) -> None:
        """Take one message."""
        # Hot path.
        session = self.session
        session.receive(data)
        if session.left:
            self._next_after(session)

    async def read(self) -> None:
        """Read from a connection whose messages come one by one."""
        # Hot path.
        connection = self._connection
        left = MESSAGES_A_TURN
        while (data := await connection.receive()) is not None:
            self.take(data)
            left -= 1
            if not left:
                left = MESSAGES_A_TURN
                await self._support.sleep(0)

    async def read_batches(self) -> None:
        """Read from a connection whose messages come in batches."""
        connection = self._connection
        handled = 0
        while (data := await connection.receive()) is not None:
            for _ in receive_batch(self.session, data, self._next_after):
                handled += 1
                if not handled % MESSAGES_A_TURN:
                    await self._support.sleep(0)
                await connection.wait_for_room()

    def _next_after(self, left: RouterSession) -> RouterSession:
        # Before the other is closed: the host always knows of the connection.
        self.begin(left, left.deadlines.on_earlier)
        self.let_go(left)
        self._host.closed(left)
        return self.session

    def let_go(self, session: RouterSession) -> None:
        """End a session without a word."""
        session.deadlines.on_earlier = None
        endings.connection_lost(session)
        # The two refer to each other: without this only the garbage collector frees
        # them.
        session.on_closing = _ignore

    def expire(self) -> None:
        """Let what is due happen."""
        self.session.deadlines.expire(self._support.now())

    def _close(self, code: int, reason: str) -> None:
        if not self.gone:  # otherwise no task is needed for it
            self.last_words = code, reason
            self._tasks.start(self._connection.close, code, reason)


def _ignore(code: int, reason: str) -> None:
    """Do nothing: who is asked to close it has done so."""
