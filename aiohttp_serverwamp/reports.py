"""What observers are told: of sessions, and of calls."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["TRACEPARENT", "CallReport", "SessionReport", "valid_traceparent"]

#: The option of CALL, and the detail of INVOCATION, that carries a trace context.
TRACEPARENT: Final = "_traceparent"

#: W3C Trace Context, version 00: trace id, id of the parent span, flags.
_TRACEPARENT: Final = re.compile(
    r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
)


def valid_traceparent(value: object) -> str | None:
    """Return a ``traceparent`` of W3C Trace Context, None for anything else."""
    if isinstance(value, str) and _TRACEPARENT.fullmatch(value):
        return value
    return None


@dataclass(slots=True, kw_only=True, eq=False)
class SessionReport:
    """A session that has joined, left or been refused, as observers see it.

    What comes from the client, such as a claimed `authid`, is as long and as strange as
    the client likes: escape it for a log, and make no label of it.
    """

    #: The session id.
    id: int
    #: The URI of the realm that serves it; "default" is the default realm.
    realm: str
    authid: str
    authrole: str
    authmethod: str
    #: The client's address; empty where it is not known.
    peer_address: str
    #: Seconds since it has joined, 0 until then.
    seconds: float = 0.0
    #: Calls that it has made.
    calls: int = 0
    #: Events that it has published.
    events: int = 0
    #: Messages received from it.
    received: int = 0
    #: Messages sent to it, events apart.
    sent: int = 0
    #: Bytes sent to it, events included.
    bytes: int = 0
    #: Why it has left or was refused, one of a few: ``goodbye`` or ``abort`` (the
    #: client's own), ``lost`` (its connection), ``cut`` (it did not keep up), the
    #: predefined URI that it was sent away with, or ``other``. Fit for a label.
    cause: str = ""
    #: The same in full: the reason URI that was received or sent.
    reason: str = ""


@dataclass(slots=True, kw_only=True, eq=False, weakref_slot=True)
class CallReport:
    """A call from its routing to its end, as observers see it.

    One object for each call. `traceparent` and `around` are for `Observer.call_started`
    to set; the outcome is there once `Observer.call_finished` is called.
    """

    #: The URI of the realm that serves the caller.
    realm: str
    #: The URI of the registration: for a pattern the pattern, for a regex route its
    #: expression.
    uri: str
    #: The same for hosted procedures; for those of clients, who choose their URIs, that
    #: of the permission that speaks of it, or ``other``. So there are few.
    label: str
    #: The procedure that was called. With patterns it is the caller's choice.
    procedure: str
    #: The session id of the caller.
    caller: int
    authid: str
    authrole: str
    #: Whether the application itself called.
    by_application: bool
    #: Whether the application answers it, rather than a client.
    hosted: bool
    #: W3C Trace Context: of the caller, if it has sent a valid one; what an observer
    #: sets is what the callee gets.
    traceparent: str | None = None
    #: Makes the context manager within which a hosted handler is started.
    around: Callable[[], AbstractContextManager[Any]] | None = None
    #: ``ok``, ``error``, ``canceled``, ``timeout``, ``abandoned`` (the caller has left)
    #: or ``refused`` (it could not be sent to the callee).
    outcome: str = ""
    #: The error URI, where the outcome is one. Clients as callees choose theirs.
    error: str = ""
    #: Seconds from its routing to its end.
    seconds: float = 0.0
    #: What a hosted handler has raised.
    exception: Exception | None = None
