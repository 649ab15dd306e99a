"""Serve one connection: its frames, its tasks, its deadlines.

The only loop of the package. It holds no WAMP semantics: what a frame means is the
session's affair, how it travels the connection's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp_serverwamp.router import endings
from aiohttp_serverwamp.router.session import RouterSession

if TYPE_CHECKING:
    from aiohttp_serverwamp.interfaces import AsyncSupport, Connection
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

        def close(code: int, reason: str) -> None:
            tasks.start(connection.close, code, reason)

        def expire() -> None:
            # Not the timer's name here: the two would keep each other, and the session.
            session.deadlines.expire(support.now())

        def begin(*, again: bool) -> RouterSession:
            new = RouterSession(host, connection, tasks, close, again=again)
            timer.set(new.deadlines.next())
            new.deadlines.on_earlier = timer.set
            host.opened(new)
            return new

        def let_go(old: RouterSession) -> None:
            old.deadlines.on_earlier = None
            endings.connection_lost(old)

        def next_after(left: RouterSession) -> RouterSession:
            # Before the other is closed: the host always knows of the connection.
            new = begin(again=True)
            let_go(left)
            host.closed(left)
            return new

        timer = support.timer(tasks, expire)
        session = begin(again=False)
        try:
            while (data := await connection.receive()) is not None:
                session.receive(data)
                if session.left:
                    session = next_after(session)
        finally:
            timer.set(None)
            let_go(session)
            try:
                await tasks.join(host.limits.close_timeout or None)
            finally:
                host.closed(session)
