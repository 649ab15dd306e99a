"""What clients and servers say to each other, one protocol a module.

The rows know none of it: they send numbered requests and count the messages that begin
as a dialect says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from benchmarks.wire import Client, Opening

__all__ = ["Dialect", "Request", "expect"]


@dataclass(frozen=True, slots=True)
class Request:
    """A message without its request id, which stands between two fixed parts."""

    head: bytes
    tail: bytes

    def numbered(self, request_id: int) -> bytes:
        """Return the message."""
        return b"%b%d%b" % (self.head, request_id, self.tail)


class Dialect(Protocol):
    """How clients of a contestant speak. Messages are the payloads of text frames."""

    opening: Opening
    #: How the result of a call begins, and an event.
    result: bytes
    event: bytes

    async def join(self, client: Client) -> None:
        """Do what comes between the upgrade and the first request.

        Raises `RuntimeError` where the server does not let it in.
        """

    async def leave(self, client: Client) -> None:
        """Say farewell; closing the connection is the caller's business."""

    async def subscribe(self, client: Client) -> None:
        """Have the client sent the events of the one topic."""

    def call(self, procedure: str, *arguments: Any) -> Request:
        """Return the request that calls a procedure."""

    def results(self, message: bytes) -> list[Any]:
        """Return the values in the result of a call."""


def expect(opening: bytes, message: bytes) -> None:
    """Raise `RuntimeError` for a message that does not begin so."""
    if not message.startswith(opening):
        raise RuntimeError(f"expected {opening.decode()}…, got {message!r}")
