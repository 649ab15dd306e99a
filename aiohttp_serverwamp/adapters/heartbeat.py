"""The heartbeat of a WebSocket on an asyncio server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

__all__ = ["Heartbeat"]


class Heartbeat:
    """Pings a silent client, and gives it up when it stays silent.

    One timer for a connection, every half interval: a ping follows an interval without
    a message, and another half of silence is the end. A message only sets `heard`.
    """

    __slots__ = (
        "_due",
        "_give_up",
        "_half",
        "_handle",
        "_loop",
        "_ping",
        "_silent",
        "heard",
    )

    def __init__(
        self,
        interval: float | None,
        ping: Callable[[], None],
        give_up: Callable[[], None],
    ) -> None:
        #: To be set when a message, pong included, has come.
        self.heard = False
        self._half = (interval or 0.0) / 2
        self._ping = ping
        self._give_up = give_up
        self._silent = 0
        self._due = 0.0
        self._loop = asyncio.get_running_loop()
        self._handle: asyncio.TimerHandle | None = None
        if interval:
            self._arm()

    def stop(self) -> None:
        """Ping no more."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _arm(self) -> None:
        self._due = self._loop.time() + self._half
        self._handle = self._loop.call_at(self._due, self._tick)

    def _tick(self) -> None:
        self._handle = None
        if self.heard:
            self.heard = False
            self._silent = 0
        elif self._loop.time() - self._due < self._half / 2:
            # Otherwise the loop was held up: the client may have answered unheard.
            self._silent += 1
        if self._silent > 2:
            self._give_up()
            return
        if self._silent == 2:
            self._ping()
        self._arm()
