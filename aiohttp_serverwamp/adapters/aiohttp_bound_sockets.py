"""The sockets of signed-in browsers, by the HTTP sessions that they are bound to."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from aiohttp_serverwamp import uris

if TYPE_CHECKING:
    from aiohttp_serverwamp.adapters.aiohttp import AiohttpConnection
    from aiohttp_serverwamp.adapters.aiohttp_revalidation import (
        Revalidation,
        Revalidator,
    )
    from aiohttp_serverwamp.auth.http_session_ids import Standing
    from aiohttp_serverwamp.hosting.session import Session
    from aiohttp_serverwamp.interfaces import Connection

__all__ = ["BoundSocket", "BoundSockets", "HTTPSide", "SocketHost"]

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
        "connection",
        "ended",
        "expires_at",
        "ids",
        "revalidation",
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
        #: The questions whether who is on it may go on, if any are asked.
        self.revalidation: Revalidation | None = None

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
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
        if self.revalidation is not None:
            self.revalidation.stop()

    # --- Who is on it -------------------------------------------------------------

    def session(self) -> Session | None:
        """Return the session that is joined on it now, if there is one."""
        if self.connection is None:
            return None
        return self._host.session_on(self.connection)

    def revalidate(self, revalidator: Revalidator) -> None:
        """Have it asked about until it ends, once it is connected."""
        if not self.ended:
            self.revalidation = revalidator.watch(self)

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
