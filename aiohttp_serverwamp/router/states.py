"""The states of a session, as the router sees them (specification, 2.1)."""

from __future__ import annotations

from enum import Enum

__all__ = ["Departure", "State"]


class State(Enum):
    """Where a session stands."""

    # Looked up for every message; Enum's own hash is a Python function.
    __hash__ = object.__hash__

    #: Open connection, no HELLO yet.
    CLOSED = "waiting for HELLO"
    #: HELLO received; whether to welcome the client is being decided.
    ESTABLISHING = "joining"
    #: CHALLENGE sent.
    AUTHENTICATING = "authenticating"
    #: WELCOME sent.
    ESTABLISHED = "joined"
    #: The client has said GOODBYE, and may say HELLO again.
    BETWEEN = "between two sessions"
    #: GOODBYE sent first; only the reply matters.
    SHUTTING_DOWN = "shutting down"
    #: Over; the connection is being closed and nothing it still brings is looked at.
    ENDED = "ended"


class Departure(Enum):
    """What the others in a realm get to hear of a session that ends."""

    #: Its testaments, and that it has left.
    TOLD = "told"
    #: Its testaments; the realm ends, and everybody leaves.
    WITH_THE_REALM = "with the realm"
    #: Nothing (REQ-META-030).
    UNTOLD = "untold"
