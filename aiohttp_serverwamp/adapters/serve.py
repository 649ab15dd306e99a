"""Serve one connection: its frames, its tasks, its deadlines.

The only loop of the package. It holds no WAMP semantics: what a frame means is the
session's affair, how it travels the connection's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiohttp_serverwamp.router import endings
from aiohttp_serverwamp.router.batch import receive_batch
from aiohttp_serverwamp.router.session import RouterSession
from aiohttp_serverwamp.serializers.batched import BatchedSerializer

if TYPE_CHECKING:
    from aiohttp_serverwamp.interfaces import AsyncSupport, Connection
    from aiohttp_serverwamp.router.host import RouterHost

__all__ = ["serve"]

#: Messages of a batch that are handled before everybody else has a turn.
MESSAGES_A_TURN: Final = 50


async def serve(
    connection: Connection, host: RouterHost, support: AsyncSupport
) -> None:
    """Serve a connection until it has closed and its handlers have ended.

    Its client may join, leave and join again. Handlers that the client's leaving does
    not cancel, the rest of its subscription and lifespan handlers, get
    `Limits.close_timeout` seconds once the connection has closed.
    """
    # Hot path.
    batched = isinstance(connection.codec.serializer, BatchedSerializer)
    async with support.task_group() as tasks:
        gone = False
        last_words = endings.NORMAL_CLOSURE, ""

        def close(code: int, reason: str) -> None:
            nonlocal last_words
            if not gone:  # otherwise no task is needed for it
                last_words = code, reason
                tasks.start(connection.close, code, reason)

        def expire() -> None:
            # Not the timer's name here: the two would keep each other, and the session.
            session.deadlines.expire(support.now())

        def begin(after: RouterSession | None) -> RouterSession:
            new = RouterSession(host, connection, tasks, close, after=after)
            timer.set(new.deadlines.next())
            new.deadlines.on_earlier = timer.set
            host.opened(new)
            return new

        def let_go(old: RouterSession) -> None:
            old.deadlines.on_earlier = None
            endings.connection_lost(old)

        def next_after(left: RouterSession) -> RouterSession:
            # Before the other is closed: the host always knows of the connection.
            new = begin(left)
            let_go(left)
            host.closed(left)
            return new

        timer = support.timer(tasks, expire)
        session = begin(None)

        def take(data: str | bytes) -> None:
            nonlocal session
            session.receive(data)
            if session.left:
                session = next_after(session)

        async def read_batches() -> None:
            nonlocal session
            handled = 0
            while (data := await connection.receive()) is not None:
                for current in receive_batch(session, data, next_after):
                    session = current
                    handled += 1
                    if not handled % MESSAGES_A_TURN:
                        await support.sleep(0)
                    await connection.wait_for_room()

        try:
            if batched:
                await read_batches()
            else:
                # Not every connection has it; see `Connection`.
                deliver = getattr(connection, "deliver", None)
                if deliver is not None:
                    deliver(take)
                while (data := await connection.receive()) is not None:
                    take(data)
            gone = True
        finally:
            timer.set(None)
            let_go(session)
            try:
                if gone:
                    await connection.close(*last_words)
                await tasks.join(host.limits.close_timeout or None)
            finally:
                host.closed(session)
