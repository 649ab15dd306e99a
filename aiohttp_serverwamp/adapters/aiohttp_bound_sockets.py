"""The sockets of signed-in browsers, by the HTTP sessions that they are bound to."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Iterable, Mapping
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from aiohttp_serverwamp import uris
from aiohttp_serverwamp.auth.identity import Identity
from aiohttp_serverwamp.errors import ConfigurationError

if TYPE_CHECKING:
    from aiohttp_serverwamp.adapters.aiohttp import AiohttpConnection
    from aiohttp_serverwamp.auth.http_session_ids import Standing
    from aiohttp_serverwamp.hosting.session import Session
    from aiohttp_serverwamp.interfaces import Connection

__all__ = ["BoundSocket", "BoundSockets", "HTTPSide", "Revalidate", "SocketHost"]

logger = logging.getLogger("aiohttp_serverwamp.adapters")

#: ``fn(session)``, sync or async: True, an `Identity`, or what is false.
Revalidate = Callable[["Session"], Any]

#: How far the pauses between two revalidations stray, so that clients that came
#: together are not looked at together.
_JITTER: Final = 0.2


#: Seconds after which the clock on the wall is looked at again, at the latest.
_LOOK_AGAIN: Final = 60.0


class SocketHost(Protocol):
    """What is asked of the application."""

    def send_away(self, connection: Connection, reason: str, message: str = "") -> bool:
        """End what there is on a connection; False if it is not served."""

    def session_on(self, connection: Connection) -> Session | None:
        """Return the session that is joined on a connection now, if there is one."""


class BoundSocket:
    """One socket, from before its upgrade to its end.

    `ids` are those of its HTTP session: its binding ids, and that of its cookie. What
    this said at the upgrade is its `standing`, None before that is known.
    """

    __slots__ = (
        "_expiry",
        "_host",
        "_http_session",
        "_revalidation",
        "_task",
        "connection",
        "ended",
        "expires_at",
        "ids",
        "standing",
    )

    def __init__(
        self,
        host: SocketHost,
        ids: frozenset[str],
        standing: Standing | None = None,
    ) -> None:
        self.ids = ids
        self.standing = standing
        #: None before the upgrade.
        self.connection: AiohttpConnection | None = None
        #: Whether its HTTP session has ended.
        self.ended = False
        #: When it expires by the wall clock, None if it does not.
        self.expires_at: float | None = None
        self._host = host
        self._http_session: Mapping[str, Any] | None = None
        self._expiry: asyncio.TimerHandle | None = None
        self._revalidation: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    def belongs_to(self, now: Standing) -> bool:
        """Tell whether it was opened under the login that an HTTP session shows."""
        standing = self.standing
        if standing is None:
            return True
        # Named later, it has got the id of its cookie, which is one of its own.
        own = standing.binding_ids
        named = own <= now.binding_ids <= own | self.ids
        return named and standing.identity == now.identity

    def connect(self, connection: AiohttpConnection) -> None:
        """Take note of the connection that it has become."""
        self.connection = connection
        if self._http_session is not None:
            self.show(self._http_session)

    def show(self, http_session: Mapping[str, Any]) -> None:
        """Let sessions on it see what was written into the HTTP session."""
        self._http_session = http_session
        connection = self.connection
        if connection is not None:
            info = connection.transport_info
            connection.transport_info = {**info, "http_session": http_session}

    def end(self, reason: str, message: str) -> None:
        """Send the client away, whatever it is about to do; once is enough."""
        if self.ended:
            return
        self.ended = True
        self.release()
        connection = self.connection
        if connection is None:
            return  # being upgraded; who does it looks at `ended`
        if not self._host.send_away(connection, reason, message):
            connection.abort()

    def release(self) -> None:
        """Let go of timers and tasks."""
        for timer in (self._expiry, self._revalidation):
            if timer is not None:
                timer.cancel()
        self._expiry = self._revalidation = None
        if self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()

    # --- Expiry -------------------------------------------------------------------

    def expire_at(self, when: float | None) -> None:
        """End at this time of the wall clock, and not when it was said before."""
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
        self.expires_at = when
        if when is None or self.ended:
            return
        # Timers stand still while the machine sleeps: look at the clock now and then.
        left = min(max(0.0, when - time.time()), _LOOK_AGAIN)
        self._expiry = asyncio.get_running_loop().call_later(left, self._look)

    def _look(self) -> None:
        when = self.expires_at
        if when is not None and when <= time.time():
            self.end(uris.EXPIRED, "your sign-in has expired")
        else:
            self.expire_at(when)

    # --- Revalidation -------------------------------------------------------------

    def revalidate(self, ask: Revalidate, interval: float) -> None:
        """Ask now and then whether the joined session may go on."""
        pause = interval * random.uniform(1 - _JITTER, 1 + _JITTER)
        loop = asyncio.get_running_loop()
        self._revalidation = loop.call_later(pause, self._due, ask, interval)

    def _due(self, ask: Revalidate, interval: float) -> None:
        assert self.connection is not None, "only what was upgraded is revalidated"
        session = self._host.session_on(self.connection)
        if session is None:
            self.revalidate(ask, interval)
        else:
            self._task = asyncio.create_task(self._ask(session, ask, interval))

    async def _ask(self, session: Session, ask: Revalidate, interval: float) -> None:
        renewals = _renewals(session)
        try:
            async with asyncio.timeout(interval):
                answer = ask(session)
                if isawaitable(answer):
                    answer = await answer
            outdated = _renewals(session) != renewals
            good = await _apply(answer, session, outdated=outdated)
        except Exception:
            logger.exception("session %s: revalidation failed", session.id)
            good = False
        self._task = None
        if not good and session.is_open:
            self.end(uris.KILLED, "your sign-in is no longer valid")
        elif not self.ended:
            self.revalidate(ask, interval)


def _renewals(session: Session) -> int:
    """Return how often a session has been given a new identity."""
    count: int = getattr(session.peer, "renewals", 0)
    return count


async def _apply(answer: Any, session: Session, *, outdated: bool) -> bool:
    """Tell whether a session may go on; a new identity of the same user is taken on.

    An `outdated` one was asked for before the session got the one that it has.
    """
    if isinstance(answer, Identity):
        if answer.authid != session.authid:
            return False
        if not outdated:
            await session.renew(answer)
        return True
    if isinstance(answer, bool):
        return answer
    # Nothing that is merely true: a forgotten comparison would let everybody go on.
    if answer is None:
        return False
    raise ConfigurationError(
        f"revalidate returns a bool or an Identity, not {type(answer).__name__}"
    )


class HTTPSide(NamedTuple):
    """What the HTTP session of an upgrade request is to the socket."""

    #: A copy of it; None where there are no HTTP sessions.
    http_session: Mapping[str, Any] | None
    #: What binds the socket to it, if it is somebody's.
    bound: BoundSocket | None = None
    #: The CSRF token of its pages, if one was asked for.
    csrf_token: str | None = None


class BoundSockets:
    """Finds the sockets of an HTTP session by any of its ids."""

    def __init__(self) -> None:
        self._sockets: dict[str, dict[BoundSocket, None]] = {}

    def add(self, socket: BoundSocket) -> None:
        """Remember a socket until `remove`."""
        for each in socket.ids:
            self._sockets.setdefault(each, {})[socket] = None

    def remove(self, socket: BoundSocket) -> None:
        """Forget a socket; harmless when it was forgotten."""
        for each in socket.ids:
            others = self._sockets.get(each)
            if others is not None and others.pop(socket, self) is None and not others:
                del self._sockets[each]

    def under(self, ids: Iterable[str]) -> list[BoundSocket]:
        """Return what has one of these ids and goes on, in no particular order."""
        found: dict[BoundSocket, None] = {}
        for each in ids:
            found.update(self._sockets.get(each, {}))
        return [socket for socket in found if not socket.ended]

    def __len__(self) -> int:
        return len(set().union(*self._sockets.values())) if self._sockets else 0
