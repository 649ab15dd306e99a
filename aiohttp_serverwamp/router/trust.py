"""Trust levels: how far the application trusts callers and publishers (5.7, 6.6)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from aiohttp_serverwamp.uris import shown

if TYPE_CHECKING:
    from aiohttp_serverwamp.router.peer import Peer
    from aiohttp_serverwamp.router.permission_rules import Action

__all__ = ["Trust", "TrustLevels"]

logger = logging.getLogger("aiohttp_serverwamp.router")

#: ``fn(session, action, uri) -> int``, 0 being the lowest level; None says nothing.
TrustLevels: TypeAlias = "Callable[[Any, Action, str], int | None]"


class Trust:
    """What calls and publications of one realm say of who made them."""

    __slots__ = ("levels",)

    def __init__(self) -> None:
        #: Set by the application; None: nothing is said.
        self.levels: TrustLevels | None = None

    def mark(
        self, details: dict[str, Any], peer: Peer, action: Action, uri: str
    ) -> None:
        """Write ``trustlevel`` into `details` (REQ-RPC-105, REQ-PUB-036).

        Whoever cannot be judged, because the application's function fails, is trusted
        least.
        """
        assert self.levels is not None, "asked by whoever calls this"
        try:
            level = self.levels(peer.public(), action, uri)
            if level is None:
                return
            if type(level) is not int or level < 0:
                raise TypeError(f"a trust level is an int from 0 on, not {level!r}")
        except Exception:
            logger.exception(
                "session %s: no trust level for %s of %s", peer.id, action, shown(uri)
            )
            level = 0
        details["trustlevel"] = level
