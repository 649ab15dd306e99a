"""Who is connected to an application: places, statistics, and how all of them leave."""

from __future__ import annotations

import logging
import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from aiohttp_serverwamp.adapters.draining import check_seconds, is_busy
from aiohttp_serverwamp.ids import random_id
from aiohttp_serverwamp.observability.observers import Observers
from aiohttp_serverwamp.router import endings
from aiohttp_serverwamp.router.tally import Tally
from aiohttp_serverwamp.stats import Stats, total

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiohttp_serverwamp.interfaces import (
        AsyncSupport,
        Connection,
        Observer,
        Waiter,
    )
    from aiohttp_serverwamp.limits import Limits
    from aiohttp_serverwamp.realm import Realm
    from aiohttp_serverwamp.router.session import RouterSession

__all__ = ["ConnectedClients"]

logger = logging.getLogger("aiohttp_serverwamp.application")

#: Seconds between two looks at who can be told to leave.
DRAIN_TICK: Final = 0.05


class ConnectedClients:
    """The part of an Application that knows its connections."""

    def __init__(self, limits: Limits, support: AsyncSupport) -> None:
        self.limits = limits
        self.support = support
        self.observers = Observers(self.stats)
        #: Counts those who have not reached a realm.
        self.tally = Tally(self.observers)
        #: The session of each connection, joined or not, until its tasks have ended.
        self._open: dict[Connection, RouterSession] = {}
        self._joining: set[RouterSession] = set()
        #: Connections that have a place and no session yet.
        self._admitted = 0
        self._session_ids: set[int] = set()
        #: Those who wait for the last connection to close.
        self._all_closed: list[Waiter[None]] = []
        # Messages of the connections that are closed.
        self._received = self._sent = 0
        self._stopping = False
        #: Seconds after which clients should come back, while the application drains.
        self._retry_after: float | None = None

    @property
    def running(self) -> bool:
        """Whether the application serves connections now."""
        raise NotImplementedError

    def _every_realm(self) -> Sequence[Realm]:
        raise NotImplementedError

    # --- What operators see -------------------------------------------------------

    def add_observer(self, observer: Observer) -> None:
        """Tell an `Observer` what happens from now on.

        Raises `ConfigurationError` for what is none, and for one that observes already.
        """
        self.observers.add(observer)

    def stats(self) -> Stats:
        """Return what there is now, and what has been since the start; see `Stats`.

        It looks at every session: fit for a look every few seconds.
        """
        if not self.running:
            return total([self.tally.stats()])
        found = total(
            [self.tally.stats(), *(realm.stats() for realm in self._every_realm())]
        )
        sessions = [*self._open.values()]
        return replace(
            found,
            connections=len(sessions),
            joining=len(self._joining),
            pending_bytes=sum(
                connection.traffic.pending_bytes for connection in [*self._open]
            ),
            messages_received=self._received + sum(each.received for each in sessions),
            messages_sent=self._sent
            + found.events_delivered
            - found.events_dropped
            + sum(each.sent for each in sessions),
        )

    def health(self) -> dict[str, Any]:
        """Return the state in a few words, fit for strangers to read.

        ``status`` is ``ok`` as long as new clients are welcome, else ``draining`` or
        ``stopped``; with it come how many are connected, and their calls in flight.
        """
        sessions = [*self._open.values()]
        if not self.running or self._stopping:
            status = "stopped"
        else:
            status = "ok" if self._retry_after is None else "draining"
        return {
            "status": status,
            "connections": len(sessions),
            "calls_in_flight": sum(len(each.dealing.calls) for each in sessions),
        }

    # --- Places -------------------------------------------------------------------

    @property
    def retry_after(self) -> float | None:
        """After how many seconds clients should come back, if they are to go."""
        return self._retry_after

    def admits_connection(self) -> bool:
        """Tell whether another connection is welcome: not stopping, not full."""
        limits = self.limits
        here = len(self._open) + self._admitted
        joining = len(self._joining) + self._admitted
        return not (
            self._stopping
            or self._retry_after is not None
            or (limits.max_sessions and here >= limits.max_sessions)
            or (limits.max_unauthenticated and joining >= limits.max_unauthenticated)
        )

    def admit(self) -> bool:
        """Keep a place for a connection until `release`; False if there is none."""
        admitted = self.admits_connection()
        self._admitted += admitted
        return admitted

    def release(self) -> None:
        """Give back the place of a connection that is served from now on, or never."""
        self._admitted -= 1

    # --- As the host of its sessions (`router.host.RouterHost`) -------------------

    def new_session_id(self) -> int:
        """Draw an id that no live session has (REQ-SES-025)."""
        while (session_id := random_id()) in self._session_ids:
            continue
        self._session_ids.add(session_id)
        return session_id

    def opened(self, session: RouterSession) -> None:
        """Take note of a session that begins: its connection waits for HELLO."""
        self._open[session.connection] = session
        self._joining.add(session)
        if self._stopping:
            # It was admitted just before and took its time to be upgraded.
            endings.shut_down(session)

    def joined(self, session: RouterSession) -> None:
        """Take note of a session that was welcomed."""
        self._joining.discard(session)

    def ended(self, session: RouterSession) -> None:
        """Take note of a session that is over, joined or not."""
        self._joining.discard(session)

    def closed(self, session: RouterSession) -> None:
        """Take note of a session that has gone; see `RouterHost`."""
        self._received += session.received
        self._sent += session.sent
        if self._open.get(session.connection) is session:
            del self._open[session.connection]
        self._session_ids.discard(session.id)
        if not self._open:
            for all_closed in self._all_closed:
                all_closed.set_result(None)
            self._all_closed.clear()

    # --- Leaving ------------------------------------------------------------------

    async def drain(
        self, timeout: float, *, retry_after: float = 2.0, hold: bool = False
    ) -> None:
        """Have the clients leave, little by little, before the application stops.

        From now on `health` says ``draining``, and new connections are refused with 503
        and ``Retry-After``. Sessions go on working. Within `timeout` seconds, evenly
        spread, each of them gets GOODBYE ``wamp.close.system_shutdown``, whose Details
        say in ``retry_after`` after how many seconds to come back: `retry_after`, half
        of it more or less. Those whose calls are in flight wait for the answers.

        Returns when nobody is connected, at the latest after `timeout` seconds; who is
        left then is for `shutdown`. With `hold` it takes the whole time, which a load
        balancer may need to notice. Nothing takes it back.

        Raises `ConfigurationError` for numbers that are none, or negative.
        """
        check_seconds("drain", timeout)
        check_seconds("drain(retry_after=...)", retry_after)
        self._retry_after = retry_after
        self._log_drain(f"draining for {timeout:g} s")
        await self._let_leave(timeout, retry_after, hold)
        self._log_drain("drained")

    async def _let_leave(self, timeout: float, retry_after: float, hold: bool) -> None:
        support = self.support
        end = support.now() + timeout
        due = 0.0
        while (self._open or hold) and (left := end - support.now()) > 0:
            if self._stopping:
                return
            pause = min(DRAIN_TICK, left)
            await support.sleep(pause)
            here = [each for each in self._open.values() if each.joined]
            due = min(due + len(here) * pause / left, len(here))
            ready = [each for each in here if not is_busy(each)]
            for session in random.sample(ready, min(int(due), len(ready))):
                due -= 1
                endings.part(session, retry_after=self._jittered(retry_after))

    def _log_drain(self, what: str) -> None:
        logger.info("%s: connections=%d", what, len(self._open))

    async def shutdown(self) -> None:
        """End every session and wait until its connection has closed.

        New connections are refused from now on. Joined clients get GOODBYE
        ``wamp.close.system_shutdown``, joining ones ABORT, callers ERROR
        ``wamp.error.canceled``. Takes at most `Limits.shutdown_timeout`; whoever is
        still there then is dropped. See `drain` for what may come before.
        """
        self._stopping = True
        for session in [*self._open.values()]:
            endings.shut_down(session, retry_after=self._jittered(self._retry_after))
        if not self._open:
            return
        all_closed = self.support.waiter()
        self._all_closed.append(all_closed)
        timeout = self.limits.shutdown_timeout or None
        await self.support.wait_at_most(timeout, all_closed.wait)
        for session in [*self._open.values()]:
            logger.warning("session %s: still open at shutdown; dropped", session.id)
            session.connection.abort()

    @staticmethod
    def _jittered(seconds: float | None) -> float | None:
        # Clients that leave together would come back together.
        return None if seconds is None else round(seconds * random.uniform(0.5, 1.5), 2)
