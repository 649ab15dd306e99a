"""Cancelling calls: CANCEL and its modes, and callers and callees that leave (5.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp_serverwamp.errors import Canceled
from aiohttp_serverwamp.messages import Cancel, CancelMode

if TYPE_CHECKING:
    from aiohttp_serverwamp.router.peer import Peer

__all__ = ["cancel", "cancel_all", "leave_calls"]


def cancel(caller: Peer, message: Cancel) -> None:
    """Cancel a call by the mode table of 5.4 (REQ-RPC-067 to 084)."""
    pending = caller.dealing.calls.get(message.request)
    if pending is None:
        return
    mode = message.options.get("mode", CancelMode.KILLNOWAIT)
    if not pending.can_interrupt:
        mode = CancelMode.SKIP
    if mode is CancelMode.KILL:
        if not pending.killed:
            pending.killed = True
            pending.offer = None
            pending.interrupt(mode)
        return
    interrupt = mode is CancelMode.KILLNOWAIT and not pending.killed
    pending.fail(Canceled("the caller cancelled"), interrupt=interrupt)


def cancel_all(caller: Peer) -> None:
    """Cancel every call of a caller, which is told (the server stops)."""
    for pending in list(caller.dealing.calls.values()):
        pending.fail(Canceled("the server shuts down"), interrupt=not pending.killed)


def leave_calls(peer: Peer) -> None:
    """End the calls that a leaving peer made, and those it was to answer (2.5)."""
    for pending in list(peer.dealing.calls.values()):
        pending.finish()
        peer.dealing.abandoned += 1
        pending.ended("abandoned")
        if not pending.killed and pending.callee is not peer:
            pending.interrupt(CancelMode.KILLNOWAIT)
    for pending in list(peer.dealing.invocations.values()):
        pending.fail(Canceled("the callee left"))
