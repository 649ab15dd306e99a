"""A call whose start and end observers hear of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp_serverwamp.reports import TRACEPARENT, CallReport, valid_traceparent
from aiohttp_serverwamp.router.pending_call import PendingCall

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from aiohttp_serverwamp.messages import Call
    from aiohttp_serverwamp.router.peer import Peer
    from aiohttp_serverwamp.router.registrations import Registration
    from aiohttp_serverwamp.router.tally import Tally

__all__ = ["ObservedCall"]


class ObservedCall(PendingCall):
    """What `PendingCall` is where somebody observes calls."""

    __slots__ = ("_began", "_now", "_report", "_started", "_tally", "around")

    def __init__(
        self,
        caller: Peer,
        call: Call,
        registration: Registration,
        callee: Peer,
        *,
        tally: Tally,
        now: Callable[[], float],
    ) -> None:
        super().__init__(caller, call, registration, callee)
        self._tally = tally
        self._now = now
        self._began = now()
        #: What a hosted handler is started in.
        self.around: Callable[[], AbstractContextManager[Any]] | None = None
        self._started = False
        self._report = CallReport(
            realm=tally.realm,
            uri=registration.uri,
            label=registration.uri if callee.trusted else tally.label(registration.uri),
            procedure=call.procedure,
            caller=caller.id,
            authid=caller.authid,
            authrole=caller.authrole,
            by_application=caller.trusted,
            hosted=callee.trusted,
            traceparent=valid_traceparent(call.options.get(TRACEPARENT)),
        )

    def invoke(self, args: list[Any] | None, kwargs: dict[str, Any] | None) -> None:
        """Send the callee an INVOCATION, with the trace context of the observers."""
        report = self._report
        if not self._started:
            self._started = True
            observers = self._tally.observers
            observers.tell(observers.call_started, report)
            self.around = report.around
        if report.traceparent is not None:
            self.details[TRACEPARENT] = report.traceparent
        super().invoke(args, kwargs)

    def note_exception(self, error: Exception) -> None:
        """Remember what a hosted handler has raised."""
        self._report.exception = error

    def ended(self, outcome: str, error: str = "") -> None:
        """Let observers know of the end."""
        report = self._report
        report.outcome, report.error = outcome, error
        report.seconds = self._now() - self._began
        observers = self._tally.observers
        observers.tell(observers.call_finished, report)
