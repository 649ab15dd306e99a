"""One call between CALL and its final answer, and every way for it to end."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from aiohttp_serverwamp import uris
from aiohttp_serverwamp.errors import ApplicationError, EncodingError, TimedOut
from aiohttp_serverwamp.messages import (
    Call,
    CancelMode,
    Error,
    Interrupt,
    Invocation,
    Result,
)
from aiohttp_serverwamp.router.progressive_calls import note_unfinished

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from aiohttp_serverwamp.interfaces import TaskRunner
    from aiohttp_serverwamp.router.deadlines import Deadline
    from aiohttp_serverwamp.router.peer import Peer
    from aiohttp_serverwamp.router.registrations import Registration

__all__ = ["Offer", "PendingCall", "timeout_of"]

logger = logging.getLogger("aiohttp_serverwamp.router")

#: Milliseconds; an integer may be of any size, and a float is made of it.
_LONGEST_TIMEOUT: Final = 2**53


def timeout_of(call: Call) -> float:
    """Return the seconds that a CALL asks for; 0: no limit."""
    milliseconds: float = min(call.options.get("timeout", 0), _LONGEST_TIMEOUT)
    return milliseconds / 1000


class Offer:
    """What is kept of a call that its callee may decline, for another one (5.12)."""

    __slots__ = ("began", "call", "disclose", "tried")

    def __init__(self, call: Call, callee: Peer, *, disclose: bool, began: float):
        self.call = call
        #: Whether the caller is made known whoever the callee is.
        self.disclose = disclose
        #: When the call was made.
        self.began = began
        self.tried = [callee]


class PendingCall:
    """One call between CALL and its final answer.

    From `start` to `finish` both its caller and its callee know of it. Whatever ends it
    finishes it first and tells them then.
    """

    # What few calls need has a default below, and a place once it is set.
    __slots__ = (
        "__dict__",
        "callee",
        "caller",
        "details",
        "invocation",
        "procedure",
        "registration",
        "request",
        "tasks",
    )

    receive_progress = False
    #: Whether chunks of its arguments are to come; None: they come all at once.
    more: bool | None = None
    #: Lets hosted code know that no more chunks come, where it is not told to stop.
    cut_short: Callable[[], None] | None = None
    #: Seconds until the first answer, and between progressive ones; 0: no limit.
    timeout = 0.0
    deadline: Deadline | None = None
    #: Whether the caller's identity is made known to the callee.
    disclosed = False
    #: Whether CANCEL with mode "kill" was passed on; the callee's answer is awaited.
    killed = False
    #: Set while another callee may get the call.
    offer: Offer | None = None
    #: What a hosted handler is started in; see `ObservedCall`.
    around: Callable[[], AbstractContextManager[Any]] | None = None

    def __init__(
        self, caller: Peer, call: Call, registration: Registration, callee: Peer
    ) -> None:
        self.caller = caller
        self.request = call.request
        self.procedure = call.procedure
        self.registration = registration
        self.callee = callee
        #: ``INVOCATION.Details``, but for "progress"; set before `invoke`.
        self.details: dict[str, Any]
        #: The id in the callee's sequence; 0 until the invocation is sent.
        self.invocation = 0
        #: Owner of the task that hosted code runs for this call.
        self.tasks: TaskRunner | None = caller.tasks
        options = call.options
        if options:
            self.receive_progress = options.get("receive_progress", False)
            self.more = options.get("progress") or None
            self.timeout = timeout_of(call)

    def note_exception(self, error: Exception) -> None:
        """Be told what a hosted handler has raised; nobody wants to know."""

    def ended(self, outcome: str, error: str = "") -> None:
        """Be told how the call has ended; see `CallReport`."""

    @property
    def progressive(self) -> bool:
        """Whether the arguments come in chunks."""
        return self.more is not None

    def start(self) -> None:
        """Take the next id in the callee's sequence, and be known to both ends."""
        # Hot path.
        callee = self.callee.dealing
        self.invocation = callee.invocation_ids.next()
        callee.invocations[self.invocation] = self
        self.caller.dealing.calls[self.request] = self

    def invoke(self, args: list[Any] | None, kwargs: dict[str, Any] | None) -> None:
        """Send the callee an INVOCATION: the call, or a chunk of it.

        Raises `EncodingError` when the callee's serializer cannot carry the arguments.
        """
        # Hot path.
        details = self.details
        if self.more:
            details = {**details, "progress": True}
        self.callee.send(
            Invocation(self.invocation, self.registration.id, details, args, kwargs)
        )

    def take_back(self) -> None:
        """Give back the invocation id, because INVOCATION could not be encoded.

        The callee never saw the id, and its sequence has no gaps (REQ-ID-005).
        """
        self.callee.dealing.invocation_ids.last = self.invocation - 1

    def hand_over(self, callee: Peer) -> None:
        """Let another callee answer, under an id of its own (REQ-RPC-141)."""
        del self.callee.dealing.invocations[self.invocation]
        self.callee = callee
        self.start()

    def finish(self) -> None:
        """Be known to neither end any more; what comes from them is late then."""
        # Hot path.
        del self.callee.dealing.invocations[self.invocation]
        del self.caller.dealing.calls[self.request]
        if self.deadline is not None:
            self.caller.deadlines.cancel(self.deadline)
        if self.more and not self.caller.trusted:
            note_unfinished(self.caller, self.request)

    def arm(self, now: float) -> None:
        """End the call by `timeout`, counted from `now`."""
        self.deadline = self.caller.deadlines.add(now + self.timeout, self._time_out)

    def count_from(self, began: float) -> None:
        """Count the timeout from a moment before the call was routed."""
        if self.offer is not None:
            self.offer.began = began
        if self.deadline is not None:
            self.caller.deadlines.cancel(self.deadline)
            self.arm(began)

    def _time_out(self) -> None:
        self.fail(TimedOut("the call took too long"), interrupt=True)

    # --- Telling the caller -------------------------------------------------------

    def answer_simply(self, args: list[Any]) -> None:
        """Finish, and give the caller what `Peer.answer_call` takes."""
        # Hot path.
        self.finish()
        try:
            self.caller.answer_call(self.request, args)
        except EncodingError as error:
            self._log_lost(error)
            self._refuse(error)
        else:
            self.ended("ok")

    def answer(self, message: Result | Error) -> None:
        """Give the caller its final answer, after `finish`."""
        # Hot path.
        try:
            self.caller.send(message)
        except EncodingError as error:
            self._log_lost(error)
            self._refuse(error)
            return
        if isinstance(message, Result):
            self.caller.dealing.succeeded += 1
            self.ended("ok")
        else:
            self._count_error(message.error)

    def report(self, result: Result, now: Callable[[], float]) -> None:
        """Give the caller a progressive result; the time for the next one begins."""
        self.offer = None  # nobody else can go on with it (REQ-RPC-143)
        if self.deadline is not None:
            # The timeout measures the gap between answers (REQ-RPC-043).
            self.caller.deadlines.cancel(self.deadline)
            self.arm(now())
        try:
            self.caller.send(result)
        except EncodingError as error:
            self._log_lost(error)
            self.fail(error, interrupt=True)

    def fail(self, error: ApplicationError, *, interrupt: bool = False) -> None:
        """End the call for the caller; with `interrupt`, tell the callee to stop."""
        self.finish()
        if interrupt:
            self.interrupt(CancelMode.KILLNOWAIT)
        elif self.more and self.cut_short is not None:
            self.cut_short()
        self._refuse(error)

    def _refuse(self, error: ApplicationError) -> None:
        self.caller.send(
            Error(Call.CODE, self.request, {}, error.uri, list(error.args))
        )
        self._count_error(error.uri)

    def _count_error(self, uri: str) -> None:
        dealing = self.caller.dealing
        if uri == uris.CANCELED:
            dealing.canceled += 1
            outcome = "canceled"
        elif uri == uris.TIMEOUT:
            dealing.timed_out += 1
            outcome = "timeout"
        else:
            dealing.failed += 1
            outcome = "error"
        self.ended(outcome, uri)

    def _log_lost(self, error: EncodingError) -> None:
        logger.error(
            "session %s: the answer to its call %s cannot be sent: %s",
            self.caller.id,
            self.request,
            str(error),
        )

    # --- Telling the callee -------------------------------------------------------

    @property
    def can_interrupt(self) -> bool:
        """Whether the callee can be told to stop (REQ-RPC-026, 075).

        To autobahn-js and wampy, which announce nothing, INTERRUPT is fatal (PIT-13).
        """
        return self.callee.supports("callee", "call_canceling")

    def interrupt(self, mode: CancelMode) -> None:
        """Tell the callee to stop, if it can be told."""
        if self.can_interrupt:
            self.callee.send(Interrupt(self.invocation, {"mode": mode.value}))
