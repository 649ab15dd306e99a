"""Asking the application, now and then, whether who is on a socket may go on.

For what no cookie can know: that a user was deleted, or has another role.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, Final

from aiohttp_serverwamp import uris
from aiohttp_serverwamp.auth.identity import Identity
from aiohttp_serverwamp.errors import ConfigurationError

if TYPE_CHECKING:
    from aiohttp_serverwamp.adapters.aiohttp_bound_sockets import BoundSocket
    from aiohttp_serverwamp.hosting.session import Session

__all__ = ["Revalidate", "Revalidation", "Revalidator"]

logger = logging.getLogger("aiohttp_serverwamp.adapters")

#: ``fn(session)``, sync or async: True, an `Identity`, or what is false.
Revalidate = Callable[["Session"], Any]

#: How far the pauses between two questions stray, so that clients that came together
#: are not asked about together.
_JITTER: Final = 0.2

#: Seconds after which a socket is looked at again on which nobody was joined.
_SOON: Final = 0.5

#: Ids of HTTP sessions that have been told no; then the first ones are forgotten.
_MAX_DOUBTED: Final = 10_000


class Revalidator:
    """What is asked about the sockets of one application, and who was told no.

    Who was told no can come back as long as the cookie is good: then it is asked at
    once, or a client that always comes back would never be missed.
    """

    def __init__(self, ask: Revalidate, interval: float) -> None:
        self.ask = ask
        self.interval = interval
        self._doubted: dict[str, None] = {}

    def watch(self, socket: BoundSocket) -> Revalidation:
        """Begin to ask about a socket that is connected now."""
        doubted = not socket.ids.isdisjoint(self._doubted)
        return Revalidation(self, socket, doubted=doubted)

    def note(self, socket: BoundSocket, *, good: bool) -> None:
        """Remember what came of a question."""
        for each in socket.ids:
            self._doubted.pop(each, None)
            if not good:
                self._doubted[each] = None
        while len(self._doubted) > _MAX_DOUBTED:
            del self._doubted[next(iter(self._doubted))]


class Revalidation:
    """The questions about one socket, until `stop`."""

    __slots__ = ("_revalidator", "_socket", "_task", "_timer")

    def __init__(
        self, revalidator: Revalidator, socket: BoundSocket, *, doubted: bool
    ) -> None:
        self._revalidator = revalidator
        self._socket = socket
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        if doubted:
            self._ask_in(0.0)
        else:
            self._ask_later()

    def stop(self) -> None:
        """Ask no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()

    @property
    def due(self) -> float | None:
        """When it is asked next, by the clock of the loop; None while it is asked."""
        return None if self._timer is None else self._timer.when()

    def ask_now(self) -> None:
        """Ask about the session that is joined on the socket now."""
        self.stop()
        session = self._socket.session()
        if session is None:
            # No longer than a moment, or who leaves and comes again all the time would
            # be met by chance only.
            self._ask_in(min(_SOON, self._revalidator.interval))
        else:
            self._task = asyncio.create_task(self._ask(session))

    def _ask_later(self) -> None:
        self._ask_in(
            self._revalidator.interval * random.uniform(1 - _JITTER, 1 + _JITTER)
        )

    def _ask_in(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(seconds, self.ask_now)

    async def _ask(self, session: Session) -> None:
        revalidator, renewals = self._revalidator, _renewals(session)
        try:
            async with asyncio.timeout(revalidator.interval):
                answer = revalidator.ask(session)
                if isawaitable(answer):
                    answer = await answer
            outdated = not session.is_open or _renewals(session) != renewals
            good = await _apply(answer, session, outdated=outdated)
        except Exception:
            logger.exception("session %s: revalidation failed", session.id)
            good = False
        self._task = None
        revalidator.note(self._socket, good=good)
        if not good:
            # Also if this session has left by now: what has joined after it on the same
            # socket comes from the same browser.
            self._socket.end(uris.KILLED, "your sign-in is no longer valid")
        elif not self._socket.ended:
            self._ask_later()


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
