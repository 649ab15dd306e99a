"""The request ids of a client that is held to count them (3.1).

By default nobody is: some clients go on counting when they join anew (PIT-01).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from aiohttp_serverwamp.errors import ProtocolViolation
from aiohttp_serverwamp.messages import Call

if TYPE_CHECKING:
    from aiohttp_serverwamp.messages import Message

__all__ = ["RequestIds"]

#: Progressive calls whose last chunk may still come; the oldest are forgotten first.
_REMEMBERED: Final = 10_000


class RequestIds:
    """One counter for all requests of a session, and the chunks of its calls."""

    __slots__ = ("_open", "_watermark")

    def __init__(self) -> None:
        self._watermark = 0
        self._open: dict[int, None] = {}

    def check(self, message: Any) -> None:
        """Raise `ProtocolViolation` unless the id is the next one, or goes on.

        A CALL may have the id of a progressive call whose last chunk has not come
        (REQ-RPC-057 to 063), whether or not that is still in flight.
        """
        request: int = message.request
        if request in self._open and isinstance(message, Call):
            if not _progressive(message):
                del self._open[request]
            return
        expected = self._watermark + 1
        if request != expected:
            raise ProtocolViolation(
                f"request id {request} received; expected {expected}"
            )
        self._watermark = expected
        if _progressive(message):
            self._open[request] = None
            if len(self._open) > _REMEMBERED:
                del self._open[next(iter(self._open))]


def _progressive(message: Message) -> bool:
    return isinstance(message, Call) and bool(message.options.get("progress"))
