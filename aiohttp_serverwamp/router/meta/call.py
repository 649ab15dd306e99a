"""One call of a meta procedure: who asks, and what with.

What is missing or of another type is answered with ``wamp.error.invalid_argument``
(REQ-META-016), what is too much is not looked at (REQ-META-017), null is as good as
left out where something may be left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiohttp_serverwamp.errors import InvalidArgument
from aiohttp_serverwamp.uris import Match

if TYPE_CHECKING:
    from aiohttp_serverwamp.router.peer import Peer
    from aiohttp_serverwamp.router.router import Router

__all__ = ["MetaCall"]


@dataclass(frozen=True, slots=True)
class MetaCall:
    """What a meta procedure is given."""

    #: The realm that the caller is in; there is no way to another.
    router: Router
    #: Always known, whatever is disclosed to others (REQ-RPC-104).
    caller: Peer
    args: Sequence[Any]
    kwargs: Mapping[str, Any]

    def id(self, position: int, name: str) -> int:
        """Return an id; JavaScript's MessagePack sends the large ones as floats."""
        value = self._argument(position)
        if isinstance(value, float) and value.is_integer():
            return int(value)
        if type(value) is not int:
            raise _wrong(name, "an id")
        return value

    def text(self, position: int, name: str) -> str:
        """Return a string, such as a URI that need not be one."""
        value = self._argument(position)
        if not isinstance(value, str):
            raise _wrong(name, "a string")
        return value

    def texts(self, position: int, name: str) -> Sequence[str] | None:
        """Return a list of strings, None if there is none."""
        value = self._argument(position)
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
            raise _wrong(name, "a list of strings")
        return value

    def match(self, position: int) -> Match:
        """Return the match policy that a dict of options names, by default exact."""
        options = self._argument(position)
        if options is None:
            return Match.EXACT
        if not isinstance(options, dict):
            raise _wrong("options", "a dict")
        match = options.get("match")
        try:
            return Match.EXACT if match is None else Match(match)
        except ValueError:
            raise _wrong("options.match", "a match policy") from None

    def sequence(self, position: int, name: str) -> list[Any]:
        """Return a list of anything."""
        value = self._argument(position)
        if not isinstance(value, list):
            raise _wrong(name, "a list")
        return value

    def mapping(self, position: int, name: str) -> dict[str, Any]:
        """Return a dict of anything."""
        value = self._argument(position)
        if not isinstance(value, dict):
            raise _wrong(name, "a dict")
        return value

    def keyword_text(self, name: str) -> str | None:
        """Return a string that is given by keyword, None if it is not."""
        value = self.kwargs.get(name)
        if value is not None and not isinstance(value, str):
            raise _wrong(name, "a string")
        return value

    def _argument(self, position: int) -> Any:
        return self.args[position] if position < len(self.args) else None


def _wrong(name: str, expected: str) -> InvalidArgument:
    return InvalidArgument(f"{name} is to be {expected}")
