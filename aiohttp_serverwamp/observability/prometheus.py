"""Metrics for Prometheus: the statistics of an application, and how long calls take."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from aiohttp_serverwamp.errors import ConfigurationError
from aiohttp_serverwamp.interfaces import Observer

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from aiohttp_serverwamp.reports import CallReport
    from aiohttp_serverwamp.stats import Stats

__all__ = ["PrometheusObserver", "exposition", "import_prometheus"]

#: Seconds: from a hosted ``def`` to what people give up waiting for.
BUCKETS: Final = (
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1,
    2.5,
    5,
    10,
)

#: Gauges by the field of `Stats`, and what they are.
_GAUGES: Final = {
    "connections": "Connections that are served, joined or not",
    "joining": "Clients that have connected and not joined yet",
    "subscriptions": "Subscriptions that are held",
    "registrations": "Registrations that are held",
    "calls_in_flight": "Calls that wait for their answers",
    "invocations_owed": "Calls that clients are to answer",
    "pending_bytes": "Bytes that wait to be sent to clients",
    "tasks": "Handlers of calls that run as tasks",
}

#: Counters likewise.
_COUNTERS: Final = {
    "sessions_joined": "Sessions that have joined",
    "events_published": "Events that were published",
    "events_delivered": "Events, one for each receiver",
    "events_dropped": "Events that a receiver was too slow for, or cannot be sent",
    "clients_cut": "Clients that did not keep up",
    "messages_received": "Messages received",
    "messages_sent": "Messages sent",
    "protocol_violations": "Clients that broke the protocol",
    "failed_sign_ins": "Sign-ins with wrong credentials",
    "rate_limited": "Requests and sign-ins refused because there were too many",
}

#: Metrics with a label: their field, and the name of the label.
_LABELLED: Final = {
    "sessions": ("realm", "Joined sessions"),
    "sessions_left": ("cause", "Sessions that have left"),
    "sessions_refused": ("cause", "Clients that were not let in"),
    "calls": ("outcome", "Calls that have ended"),
}


def import_prometheus(who: str) -> ModuleType:
    """Return prometheus_client; raise `ConfigurationError` where it is missing."""
    try:
        import prometheus_client.core
        import prometheus_client.exposition
    except ImportError as error:
        raise ConfigurationError(
            f"{who} needs prometheus-client: pip install aiohttp-serverwamp[prometheus]"
        ) from error
    return prometheus_client


class PrometheusObserver(Observer):
    """Metrics of an `Application`, in a registry of prometheus_client.

    Those of `Stats` are read when they are asked for, and cost nothing before. Besides
    there are ``wamp_call_seconds``, a histogram by realm, procedure and outcome,
    ``wamp_publications_total`` by realm and topic, and ``wamp_refusals_total`` by
    realm, message and error. Procedures and topics are those of routes and rules: what
    clients make up is no label.

    `registry` is prometheus_client's own if none is given; `buckets` are the seconds of
    the histogram. Observing calls makes the quickest of them, those of plain functions,
    about as slow as the others.

    Raises `ConfigurationError` where prometheus-client is not installed, and, when it
    is added to an application, if the registry has such metrics already.
    """

    def __init__(
        self, registry: Any = None, *, buckets: Sequence[float] = BUCKETS
    ) -> None:
        self._library = library = import_prometheus("PrometheusObserver")
        self._registry = library.REGISTRY if registry is None else registry
        self._buckets = buckets
        self._stats: Callable[[], Stats] | None = None
        self._seconds: Any = None
        self._publications: Any = None
        self._refusals: Any = None

    def added(self, stats: Callable[[], Stats]) -> None:
        """Register the metrics."""
        if self._stats is not None:
            raise ConfigurationError(
                "a PrometheusObserver is for one Application: make another one, with a "
                "registry of its own"
            )
        library, registry = self._library, self._registry
        try:
            # These first: one application's metrics stand in the way of another's
            # before anything of them is registered.
            self._seconds = library.Histogram(
                "wamp_call_seconds",
                "Seconds from the routing of a call to its end",
                ["realm", "procedure", "outcome"],
                buckets=self._buckets,
                registry=registry,
            )
            self._publications = library.Counter(
                "wamp_publications",
                "Publications by topic route or rule",
                ["realm", "topic"],
                registry=registry,
            )
            self._refusals = library.Counter(
                "wamp_refusals",
                "Requests that the router has refused, and violations",
                ["realm", "message", "error"],
                registry=registry,
            )
            self._stats = stats
            registry.register(self)
        except ValueError as error:
            # Without the fifty names that prometheus_client enumerates.
            what, _, _ = str(error).partition(":")
            raise ConfigurationError(
                f"PrometheusObserver: {what}; give each Application a registry of its "
                "own, PrometheusObserver(CollectorRegistry())"
            ) from error

    def collect(self) -> Iterator[Any]:
        """Yield the metrics of `Stats`; for the registry."""
        assert self._stats is not None, "it is registered once it has them"
        stats = self._stats()
        core = self._library.core
        for name, text in _GAUGES.items():
            yield core.GaugeMetricFamily(f"wamp_{name}", text, getattr(stats, name))
        for name, text in _COUNTERS.items():
            yield core.CounterMetricFamily(f"wamp_{name}", text, getattr(stats, name))
        for name, (label, text) in _LABELLED.items():
            gauge = name == "sessions"
            family = core.GaugeMetricFamily if gauge else core.CounterMetricFamily
            metric = family(f"wamp_{name}", text, labels=[label])
            for key, value in getattr(stats, name).items():
                metric.add_metric([key], value)
            yield metric

    def call_finished(self, call: CallReport) -> None:
        """Take note of the seconds of a call."""
        self._seconds.labels(call.realm, call.label, call.outcome).observe(call.seconds)

    def event_published(
        self, realm: str, topic: str, rule: str, receivers: int
    ) -> None:
        """Count a publication."""
        self._publications.labels(realm, rule or "other").inc()

    def message_refused(self, realm: str, message: str, error: str) -> None:
        """Count a refusal."""
        self._refusals.labels(realm, message, error).inc()


def exposition(registry: Any, accept: str) -> tuple[bytes, str]:
    """Return what Prometheus reads, in a format that it accepts, and the media type.

    Raises `ConfigurationError` where prometheus-client is not installed.
    """
    library = import_prometheus("metrics_handler()")
    encode, media_type = library.exposition.choose_encoder(accept)
    return encode(library.REGISTRY if registry is None else registry), media_type
