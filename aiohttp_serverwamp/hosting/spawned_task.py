"""SpawnedTask: a task of the application's own that lives as long as a session."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from aiohttp_serverwamp.errors import ConnectionClosed

if TYPE_CHECKING:
    from aiohttp_serverwamp.interfaces import TaskHandle
    from aiohttp_serverwamp.router.session import RouterSession

__all__ = ["SpawnedTask"]

logger = logging.getLogger("aiohttp_serverwamp.hosting")


class SpawnedTask:
    """One task; implements `router.host.EndedLife`."""

    __slots__ = ("_ended", "_function", "_handle", "_name")

    def __init__(self, name: str, function: Callable[[], Awaitable[Any]]) -> None:
        self._name = name
        self._function = function
        self._handle: TaskHandle | None = None
        self._ended = False

    def start(self, peer: RouterSession) -> None:
        """Start it, as a task of the client's connection."""
        assert peer.tasks is not None, "a wire peer always has its connection's tasks"
        key = peer.companions.keep(self)
        self._handle = peer.tasks.start(self._run, peer, key)
        if self._ended:
            # Its first steps, run at once, have ended the session.
            self._handle.cancel()

    def end(self) -> None:
        """Cancel it: the session has left."""
        self._ended = True
        if self._handle is not None:
            self._handle.cancel()

    async def _run(self, peer: RouterSession, key: int) -> None:
        try:
            await self._function()
        except ConnectionClosed as error:
            logger.debug("session %s: %s ended: %s", peer.id, self._name, error)
        except Exception:
            logger.exception("session %s: %s failed", peer.id, self._name)
        finally:
            peer.companions.drop(key)
