"""Hosted code that ends with a session, or with one of its subscriptions."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aiohttp_serverwamp.router.host import EndedLife

__all__ = ["Companions"]


class Companions:
    """What one session has to end, by keys; those of subscriptions are their ids."""

    __slots__ = ("_last_key", "_lives")

    def __init__(self) -> None:
        # Ids of subscriptions are positive; the other keys are not.
        self._last_key = 0
        # Made when there are some, which most sessions never have.
        self._lives: dict[int, EndedLife] | None = None

    def keep(self, life: EndedLife, subscription: int | None = None) -> int:
        """Keep `life` until its subscription, or the session, ends; return its key."""
        key = subscription
        if key is None:
            key = self._last_key = self._last_key - 1
        if self._lives is None:
            self._lives = {}
        self._lives[key] = life
        return key

    def drop(self, key: int) -> None:
        """Forget what has ended by itself."""
        if self._lives is not None:
            self._lives.pop(key, None)

    def end(self, key: int) -> None:
        """Let the rest of what was kept under `key` run."""
        life = None if self._lives is None else self._lives.pop(key, None)
        if life is not None:
            life.end()

    def end_all(self) -> None:
        """Let the rest of everything run, the latest first."""
        for key in reversed([*(self._lives or ())]):
            self.end(key)
