"""What is set for URIs and patterns, by routes and by `permit`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from aiohttp_serverwamp.router.uri_index import UriIndex

if TYPE_CHECKING:
    from aiohttp_serverwamp.uris import Match

__all__ = ["UriSettings"]

T = TypeVar("T")


class UriSettings(Generic[T]):
    """One value for each URI or pattern; of several that match the most specific."""

    __slots__ = ("_said",)

    def __init__(self) -> None:
        #: With whether it was said explicitly, and not by a route.
        self._said: UriIndex[tuple[T, bool]] = UriIndex()

    def __len__(self) -> int:
        return len(self._said)

    def set(self, uri: str, match: Match, value: T, *, explicit: bool) -> None:
        """Set a value; an explicit one holds against a route's, whichever is first."""
        said = self._said.get(uri, match)
        if said is None or explicit or not said[1]:
            self._said.set(uri, match, (value, explicit))

    def of(self, uri: str) -> T | None:
        """Return the value for a URI; None if there is none."""
        said = self._said.best(uri)
        return None if said is None else said[0]
