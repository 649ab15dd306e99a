"""What a topic with history has kept of each of its publications (6.9)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from aiohttp_serverwamp.history.event import NANOSECONDS, HistoryEvent
from aiohttp_serverwamp.uris import Match

if TYPE_CHECKING:
    from aiohttp_serverwamp.history.event import History
    from aiohttp_serverwamp.history.query import HistoryQuery
    from aiohttp_serverwamp.messages import Publish
    from aiohttp_serverwamp.router.host import HistoryKeeper

__all__ = ["TopicHistory"]

#: Options that admit sessions by an id that means nothing later.
_SESSIONS: Final = ("eligible", "exclude")
#: Options that are asked when the history is read.
_RECEIVERS: Final = (
    "eligible_authid",
    "eligible_authrole",
    "exclude_authid",
    "exclude_authrole",
)


@dataclass(frozen=True, slots=True)
class TopicHistory:
    """The history of one topic or pattern."""

    realm: str
    uri: str
    match: Match
    kept: History
    keeper: HistoryKeeper
    #: The time of clocks on walls, in seconds of the epoch.
    wall_time: Callable[[], float]

    @property
    def log(self) -> str:
        """The name under which a store keeps it."""
        return f"{self.realm} {self.match.value} {self.uri}"

    @property
    def created(self) -> int:
        """The time it is now, in nanoseconds of the epoch."""
        return int(self.wall_time() * NANOSECONDS)

    async def open(self) -> None:
        """Return when the store has shown that it can keep this; raise what it does."""
        oldest = self.kept.oldest(self.wall_time())
        await self.keeper.open(self.log, self.kept.limit, oldest)

    def record(
        self, publication: int, message: Publish, details: dict[str, Any]
    ) -> None:
        """Keep a publication, unless it is for certain sessions (REQ-PUB-053)."""
        options = message.options
        if any(name in options for name in _SESSIONS):
            return
        pattern = self.match is not Match.EXACT
        now = self.wall_time()
        event = HistoryEvent(
            publication,
            round(now * 1_000_000) * (NANOSECONDS // 1_000_000),
            message.topic,
            {**details, "topic": message.topic} if pattern else details,
            message.args,
            message.kwargs,
            {name: options[name] for name in _RECEIVERS if name in options},
        )
        self.keeper.record(self.log, event, self.kept.limit, self.kept.oldest(now))

    async def select(self, query: HistoryQuery) -> Sequence[HistoryEvent]:
        """Return what is asked for, of what is not too old."""
        oldest = self.kept.oldest(self.wall_time())
        return await self.keeper.select(self.log, replace(query, oldest=oldest))
