"""HTTP sessions that have ended, remembered until their cookies have expired."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from itertools import islice

__all__ = ["MemoryRevocationList"]

logger = logging.getLogger("aiohttp_serverwamp.auth")


class MemoryRevocationList:
    """Revoked ids in the memory of this process; implements `RevocationList`.

    It forgets them when the process ends. At most `limit` are kept: then the one that
    was revoked first goes, and the log says so once.
    """

    def __init__(
        self, *, limit: int = 100_000, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit = limit
        self._now = now
        #: When each is forgotten, in the order of revocation.
        self._until: dict[str, float] = {}
        self._overflowed = False

    def __len__(self) -> int:
        return len(self._until)

    async def revoke(self, binding_id: str, seconds: float | None) -> None:
        """Remember an id for so many seconds; None: while there is room."""
        self._forget_the_old()
        self._until.pop(binding_id, None)
        if len(self._until) >= self._limit:
            self._make_room()
        lasting = float("inf") if seconds is None else self._now() + seconds
        self._until[binding_id] = lasting

    async def is_revoked(self, binding_id: str) -> bool:
        """Tell whether the id was revoked, and not so long ago."""
        return self._until.get(binding_id, 0.0) > self._now()

    def _forget_the_old(self) -> None:
        # Those of one storage last equally long: the first ones are due first.
        now = self._now()
        for binding_id in [*islice(self._until, 2)]:
            if self._until[binding_id] <= now:
                del self._until[binding_id]

    def _make_room(self) -> None:
        del self._until[next(iter(self._until))]
        if not self._overflowed:
            self._overflowed = True
            logger.warning(
                "more than %s HTTP sessions are revoked; the oldest are forgotten, "
                "whose cookies would be taken again",
                self._limit,
            )
