"""Serve one connection: its frames, its tasks, its deadlines.

The only loop of the package. It holds no WAMP semantics: what a frame means is the
session's affair, how it travels the connection's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp_serverwamp.router.session import RouterSession

if TYPE_CHECKING:
    from aiohttp_serverwamp.interfaces import AsyncSupport, Connection
    from aiohttp_serverwamp.router.host import RouterHost

__all__ = ["serve"]


async def serve(
    connection: Connection, host: RouterHost, support: AsyncSupport
) -> None:
    """Serve a connection until it has closed and its handlers have ended.

    Handlers that the client's leaving does not cancel, the rest of its subscription and
    lifespan handlers, get `Limits.close_timeout` seconds.
    """
    async with support.task_group() as tasks:

        def close(code: int, reason: str) -> None:
            tasks.start(connection.close, code, reason)

        def expire() -> None:
            # Not the timer's name here: the two would keep each other, and the session.
            session.deadlines.expire(support.now())

        session = RouterSession(host, connection, tasks, close)
        timer = support.timer(tasks, expire)
        timer.set(session.deadlines.next())
        session.deadlines.on_earlier = timer.set
        host.opened(session)
        try:
            while (data := await connection.receive()) is not None:
                session.receive(data)
        finally:
            timer.set(None)
            session.deadlines.on_earlier = None
            session.connection_lost()
            try:
                await tasks.join(host.limits.close_timeout or None)
            finally:
                host.closed(session)
