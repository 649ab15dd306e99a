"""Which topics and patterns of one realm have history, and where it is kept."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from aiohttp_serverwamp.errors import ConfigurationError
from aiohttp_serverwamp.history.memory import MemoryHistory
from aiohttp_serverwamp.hosting.history_keeper import StoreKeeper
from aiohttp_serverwamp.router.history import TopicHistory

if TYPE_CHECKING:
    from aiohttp_serverwamp.history.event import History
    from aiohttp_serverwamp.hosting.runtime import Runtime
    from aiohttp_serverwamp.interfaces import HistoryStore
    from aiohttp_serverwamp.router.router import Router
    from aiohttp_serverwamp.uris import Match

__all__ = ["Histories"]


class Histories:
    """The histories of one realm, before it runs and while it does."""

    def __init__(self, realm: str) -> None:
        self._realm = realm
        self._histories: dict[tuple[str, Match], History] = {}
        self._store: HistoryStore | None = None
        #: While the realm runs.
        self._router: Router | None = None
        self._keeper: StoreKeeper | None = None
        self._kept: list[TopicHistory] = []

    def check(self, uri: object, match: Match) -> None:
        """Raise `ConfigurationError` for what has history already."""
        if (uri, match) in self._histories:
            raise ConfigurationError(
                f"<Realm {self._realm!r}> keeps the history of {uri!r} already: say "
                "once how much"
            )

    def add(self, uri: str, match: Match, history: History) -> None:
        """Keep a history, from now on if the realm runs."""
        self.check(uri, match)
        self._histories[uri, match] = history
        if self._router is not None and self._keeper is not None:
            self._keep(self._router, self._keeper, uri, match, history)

    def keep_in(self, store: HistoryStore) -> None:
        """Set the store; raise `ConfigurationError` while the realm runs."""
        if self._router is not None:
            raise ConfigurationError(
                f"set_history_store() comes too late, <Realm {self._realm!r}> runs: "
                "call it before start-up"
            )
        self._store = store

    def start(self, runtime: Runtime, router: Router) -> None:
        """Keep all histories from now on."""
        self._router = router
        store = self._store or MemoryHistory()
        self._keeper = StoreKeeper(runtime, store, router.later)
        for (uri, match), history in self._histories.items():
            self._keep(router, self._keeper, uri, match, history)

    def _keep(
        self,
        router: Router,
        keeper: StoreKeeper,
        uri: str,
        match: Match,
        history: History,
    ) -> None:
        kept = TopicHistory(self._realm, uri, match, history, keeper, time.time)
        router.broker.keep_history(kept)
        self._kept.append(kept)

    async def open(self) -> None:
        """Return when the store has shown that it works; else `ConfigurationError`."""
        for kept in self._kept:
            try:
                await kept.open()
            except Exception as error:
                raise ConfigurationError(
                    f"<Realm {self._realm!r}>: {self._store!r} cannot keep the history "
                    f"of {kept.uri!r}: {error!r}"
                ) from error

    async def flush(self) -> None:
        """Return when everything is in the store that is to be there."""
        if self._keeper is not None:
            await self._keeper.flush()

    def stop(self) -> None:
        """Keep nothing any more."""
        self._router = self._keeper = None
        self._kept = []
