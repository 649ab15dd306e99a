"""Traces by OpenTelemetry: a span for each call, from the caller's to the callee's."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from aiohttp_serverwamp.errors import ConfigurationError
from aiohttp_serverwamp.interfaces import Observer
from aiohttp_serverwamp.uris import shown

if TYPE_CHECKING:
    from types import ModuleType

    from aiohttp_serverwamp.reports import CallReport

__all__ = ["OpenTelemetryObserver"]

#: Outcomes that are somebody's fault, and not the caller's wish.
_FAULTS: Final = frozenset({"error", "timeout", "refused"})


def _import_trace() -> ModuleType:
    try:
        from opentelemetry import trace
    except ImportError as error:
        raise ConfigurationError(
            "OpenTelemetryObserver needs opentelemetry-api: pip install "
            "aiohttp-serverwamp[opentelemetry]"
        ) from error
    return trace


class OpenTelemetryObserver(Observer):
    """A span for each call, in which hosted handlers run.

    A client says by the CALL option ``_traceparent``, in the format of W3C Trace
    Context, whose child the span is; what is no such context is ignored. The span of
    what the application calls is a child of the present one. Clients that are called
    get the context of the span as ``_traceparent`` of ``INVOCATION.Details``.

    `tracer_provider` is OpenTelemetry's global one if none is given. With
    ``trust_clients=False`` the context of a client does not become the parent, which
    decides whether the trace is recorded, but is linked to.

    Raises `ConfigurationError` where opentelemetry-api is not installed.
    """

    def __init__(
        self, tracer_provider: Any = None, *, trust_clients: bool = True
    ) -> None:
        self._trace = _import_trace()
        self._tracer = self._trace.get_tracer(
            "aiohttp_serverwamp", tracer_provider=tracer_provider
        )
        self._trust_clients = trust_clients
        self._spans: WeakKeyDictionary[CallReport, Any] = WeakKeyDictionary()

    def call_started(self, call: CallReport) -> None:
        """Begin the span of a call."""
        trace = self._trace
        context, links = self._parent(call)
        kind = trace.SpanKind.INTERNAL if call.by_application else trace.SpanKind.SERVER
        span = self._tracer.start_span(
            f"CALL {call.label}",
            context,
            kind=kind,
            links=links,
            attributes={
                "rpc.system": "wamp",
                "rpc.method": call.label,
                "wamp.procedure": call.procedure[:200],
                "wamp.realm": call.realm,
                "wamp.session": call.caller,
                "wamp.authrole": call.authrole[:200],
            },
        )
        self._spans[call] = span
        call.traceparent = _traceparent(span.get_span_context()) or call.traceparent
        call.around = partial(
            trace.use_span,
            span,
            end_on_exit=False,
            record_exception=False,
            set_status_on_exception=False,
        )

    def _parent(self, call: CallReport) -> tuple[Any, list[Any]]:
        """Return the context of the parent, None for the present one, and links."""
        trace = self._trace
        if call.traceparent is None:
            # Not the present one of a client's call: that is of its connection.
            nobody = trace.set_span_in_context(trace.INVALID_SPAN)
            return (None if call.by_application else nobody), []
        _, trace_id, span_id, flags = call.traceparent.split("-")
        remote = trace.SpanContext(
            int(trace_id, 16),
            int(span_id, 16),
            is_remote=True,
            trace_flags=trace.TraceFlags(int(flags, 16) & 1),
        )
        if self._trust_clients or call.by_application:
            parent = trace.NonRecordingSpan(remote)
            return trace.set_span_in_context(parent), []
        return trace.set_span_in_context(trace.INVALID_SPAN), [trace.Link(remote)]

    def call_finished(self, call: CallReport) -> None:
        """End the span of a call, with how it went."""
        span = self._spans.pop(call, None)
        if span is None:
            return
        span.set_attribute("wamp.outcome", call.outcome)
        if call.error:
            span.set_attribute("wamp.error", call.error[:200])
        if call.exception is not None:
            span.record_exception(call.exception)
        if call.outcome in _FAULTS:
            code = self._trace.StatusCode.ERROR
            span.set_status(self._trace.Status(code, shown(call.error)))
        span.end()


def _traceparent(context: Any) -> str | None:
    if not context.is_valid:
        return None
    return (
        f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
    )
