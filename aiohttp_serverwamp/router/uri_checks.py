"""Which URIs a client may name: well-formed, not too long, not the router's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp_serverwamp.errors import InvalidURI
from aiohttp_serverwamp.uris import Match, is_reserved, is_valid_uri

if TYPE_CHECKING:
    from aiohttp_serverwamp.limits import Limits

__all__ = ["URIChecks"]


class URIChecks:
    """The URI rules of one realm; `check` raises `InvalidURI` (REQ-URI-003 to 007)."""

    __slots__ = ("_components", "_length", "_strict")

    def __init__(self, limits: Limits, *, strict: bool = False) -> None:
        self._length = limits.max_uri_length or float("inf")
        self._components = limits.max_uri_components or float("inf")
        self._strict = strict

    def check(self, uri: str, match: Match = Match.EXACT) -> None:
        """Raise `InvalidURI` unless `uri` is well-formed and within the limits."""
        # The length comes first: no expression runs on unbounded input.
        if len(uri) > self._length or uri.count(".") >= self._components:
            raise InvalidURI("the URI is longer than this router admits")
        if not is_valid_uri(uri, match, strict=self._strict):
            raise InvalidURI("the URI is malformed")

    def check_own(self, uri: str, match: Match = Match.EXACT) -> None:
        """Like `check`, and refuse the ``wamp`` namespace (REQ-URI-010)."""
        self.check(uri, match)
        if is_reserved(uri):
            raise InvalidURI("URIs that begin with 'wamp' belong to the router")
