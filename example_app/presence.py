"""Who is online: everybody with the board open, each named once."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator

from aiohttp_serverwamp import PublishOptions, RPCRouteSet, Session, topic

__all__ = ["presence_api"]

ONLINE = "board.online"

presence_api = RPCRouteSet()


@presence_api.service("board.")
class Presence:
    """The tabs that watch; they are counted anew when the server starts."""

    def __init__(self) -> None:
        self._tabs: Counter[str] = Counter()

    @topic("online")
    async def accompany(self, session: Session) -> AsyncIterator[None]:
        """Count a tab in, and out again when it leaves."""
        name = session.authextra["name"]
        self._tabs[name] += 1
        if self._tabs[name] == 1:
            self._tell_others(session)
        # Held back until the tab is subscribed.
        session.send_event(ONLINE, [self._names()])
        yield
        self._tabs[name] -= 1
        if self._tabs[name] == 0:
            del self._tabs[name]
            self._tell_others(session)

    def _tell_others(self, session: Session) -> None:
        others = PublishOptions(exclude=[session.id])
        session.realm.publish(ONLINE, self._names(), options=others)

    def _names(self) -> list[str]:
        return sorted(self._tabs)
