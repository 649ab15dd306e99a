"""WAMP v2 for aiohttp: typed remote procedures and live events, signed in by cookie."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp_serverwamp import (
    adapters,
    auth,
    errors,
    history,
    messages,
    serializers,
    uris,
)
from aiohttp_serverwamp.adapters.aiohttp_metrics import metrics_handler
from aiohttp_serverwamp.adapters.aiohttp_security import (
    security_authenticator,
    security_authorizer,
)
from aiohttp_serverwamp.adapters.aiohttp_session_options import SessionBinding
from aiohttp_serverwamp.adapters.rawsocket_endpoint import RawSocket
from aiohttp_serverwamp.application import Application
from aiohttp_serverwamp.auth.certificate import (
    PeerCertificate,
    certificate_authenticator,
)
from aiohttp_serverwamp.auth.http_session import session_authenticator
from aiohttp_serverwamp.auth.identity import Identity
from aiohttp_serverwamp.auth.jwt import jwt_authenticator
from aiohttp_serverwamp.auth.wampcra import CRAAuthRequirement
from aiohttp_serverwamp.errors import (
    ApplicationError,
    ConfigurationError,
    ConnectionClosed,
    ProtocolViolation,
    SessionRejected,
    SubscribeError,
    WAMPError,
)
from aiohttp_serverwamp.history.event import History
from aiohttp_serverwamp.hosting.chunks import Chunk, Chunks
from aiohttp_serverwamp.hosting.events import Event
from aiohttp_serverwamp.hosting.invocation import (
    Invocation,
    RPCErrorResult,
    RPCProgressReport,
    RPCResult,
)
from aiohttp_serverwamp.hosting.progressive_call import ProgressiveCall
from aiohttp_serverwamp.hosting.publication import (
    CallOptions,
    Publication,
    PublishOptions,
)
from aiohttp_serverwamp.hosting.realm_api import RealmAPI
from aiohttp_serverwamp.hosting.routes import RPCRouteSet, TopicRouteSet
from aiohttp_serverwamp.hosting.serverwamp_names import MODULES as _MODULES
from aiohttp_serverwamp.hosting.services import procedure, topic
from aiohttp_serverwamp.hosting.session import Session
from aiohttp_serverwamp.interfaces import Observer
from aiohttp_serverwamp.limits import (
    Limits,
    RateLimit,
    SlowConsumer,
    SlowConsumerReport,
)
from aiohttp_serverwamp.observability.opentelemetry import OpenTelemetryObserver
from aiohttp_serverwamp.observability.prometheus import PrometheusObserver
from aiohttp_serverwamp.plugin import WAMP, setup_wamp
from aiohttp_serverwamp.realm import Realm
from aiohttp_serverwamp.reports import CallReport, SessionReport
from aiohttp_serverwamp.router.authorization import OPEN
from aiohttp_serverwamp.router.decisions import Decision
from aiohttp_serverwamp.router.permission_rules import Action
from aiohttp_serverwamp.stats import Stats

#: The name that serverwamp uses.
RPCRequest = Invocation

__version__ = "0.1.0"

__all__ = [
    "OPEN",
    "WAMP",
    "Action",
    "Application",
    "ApplicationError",
    "CRAAuthRequirement",
    "CallOptions",
    "CallReport",
    "Chunk",
    "Chunks",
    "ConfigurationError",
    "ConnectionClosed",
    "Decision",
    "Event",
    "History",
    "Identity",
    "Invocation",
    "Limits",
    "Observer",
    "OpenTelemetryObserver",
    "PeerCertificate",
    "PrometheusObserver",
    "ProtocolViolation",
    "ProgressiveCall",
    "Publication",
    "PublishOptions",
    "RPCErrorResult",
    "RPCProgressReport",
    "RPCRequest",
    "RPCResult",
    "RPCRouteSet",
    "RawSocket",
    "RateLimit",
    "Realm",
    "RealmAPI",
    "Session",
    "SessionBinding",
    "SessionRejected",
    "SessionReport",
    "SlowConsumer",
    "SlowConsumerReport",
    "Stats",
    "SubscribeError",
    "TopicRouteSet",
    "WAMPError",
    "adapters",
    "auth",
    "certificate_authenticator",
    "errors",
    "history",
    "jwt_authenticator",
    "messages",
    "metrics_handler",
    "procedure",
    "security_authenticator",
    "security_authorizer",
    "serializers",
    "session_authenticator",
    "setup_wamp",
    "topic",
    "uris",
]

if not TYPE_CHECKING:  # which would take it for permission to use any name

    def __getattr__(name: str) -> object:
        problem = f"module {__name__!r} has no attribute {name!r}"
        if name in _MODULES:
            problem += f", as serverwamp has: {_MODULES[name]}"
        raise AttributeError(problem)
