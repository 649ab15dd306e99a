"""Identifiers and their scopes (specification, 3.1).

Global ids (sessions, publications) are random; router ids (subscriptions,
registrations) and session ids (requests) count up from 1, which keeps them below 2^32,
where JavaScript's codecs are exact.
"""

from __future__ import annotations

import secrets
from typing import Final

__all__ = ["MAX_ID", "Counter", "random_id"]

#: The greatest id: the integers up to here are exact in a double.
MAX_ID: Final = 2**53


def random_id() -> int:
    """Draw a global id uniformly from 1 to 2^53 (REQ-ID-002)."""
    return secrets.randbelow(MAX_ID) + 1


class Counter:
    """Ids 1, 2, 3 … that wrap from 2^53 to 1 (REQ-ID-003)."""

    __slots__ = ("last",)

    def __init__(self, last: int = 0) -> None:
        self.last = last

    def next(self) -> int:
        """Return the next id."""
        self.last = 1 if self.last >= MAX_ID else self.last + 1
        return self.last
