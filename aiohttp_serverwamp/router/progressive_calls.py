"""Progressive call invocations: calls whose arguments come in chunks (5.3).

Every chunk is a CALL with the request id of the first one. That one decides all: its
callee, its options, whether it is permitted. What follows goes the same way, unless the
call has ended before its last chunk came: `DealerState.unfinished` remembers those, so
that a chunk which is under way is not taken for a new call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiohttp_serverwamp.errors import EncodingError, ProtocolViolation
from aiohttp_serverwamp.messages import CancelMode

if TYPE_CHECKING:
    from aiohttp_serverwamp.messages import Call
    from aiohttp_serverwamp.router.peer import Peer
    from aiohttp_serverwamp.router.pending_call import PendingCall

__all__ = ["continue_call", "give_up", "note_unfinished"]

#: Calls of one caller that are remembered; the oldest are forgotten first.
_REMEMBERED: Final = 1_000


def continue_call(caller: Peer, chunk: Call, *, strict: bool) -> None:
    """Take a CALL with the request id of a call in flight, or of an unfinished one.

    It goes on with a progressive call, or is discarded (REQ-RPC-056, 059 to 063).
    Raises `ProtocolViolation` when the call in flight is not progressive, and with
    `strict` when it is, and this is no chunk of it.
    """
    dealing = caller.dealing
    pending = dealing.calls.get(chunk.request)
    more = chunk.options.get("progress", False)
    if pending is None:
        if not more:
            dealing.unfinished.pop(chunk.request, None)
        return
    if not pending.progressive:
        raise ProtocolViolation("CALL.request is the id of a call in flight")
    if pending.procedure != chunk.procedure or not pending.more:
        if strict:
            raise ProtocolViolation("CALL.request is the id of another call in flight")
        return
    pending.more = more
    if not pending.killed:
        _pass_on(pending, chunk)


def _pass_on(pending: PendingCall, chunk: Call) -> None:
    # Only the first callee to be asked can pass a call on (REQ-RPC-143).
    pending.offer = None
    try:
        pending.invoke(chunk.args, chunk.kwargs)
    except EncodingError as error:
        pending.fail(error, interrupt=True)


def give_up(caller: Peer, chunk: Call) -> None:
    """Let a call end because a CALL of it is refused: its caller is told by that."""
    pending = caller.dealing.calls.get(chunk.request)
    if pending is not None:
        pending.more = chunk.options.get("progress", False)
        pending.finish()
        pending.interrupt(CancelMode.KILLNOWAIT)
    elif chunk.options.get("progress"):
        note_unfinished(caller, chunk.request)


def note_unfinished(caller: Peer, request: int) -> None:
    """Remember that chunks of a call may come which has ended."""
    unfinished = caller.dealing.unfinished
    unfinished[request] = None
    if len(unfinished) > _REMEMBERED:
        del unfinished[next(iter(unfinished))]
