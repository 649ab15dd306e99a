"""Stats: gauges and counters of an application, or of one realm."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Final

__all__ = ["NOTHING", "Stats", "total"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """What there is now, and what has been since the application has started.

    `Application.stats` and `Realm.stats` make one when asked. Of a realm it counts the
    sessions that have joined it, and those refused there.
    """

    # --- Now ---
    #: Connections that are served, joined or not; of a realm, its sessions.
    connections: int
    #: Joined sessions by the URI of the realm that serves them.
    sessions: Mapping[str, int]
    #: Clients that have connected and not joined yet; of a realm, those at its door.
    joining: int
    #: Subscriptions that clients and the application hold.
    subscriptions: int
    #: Registrations that clients and the application hold.
    registrations: int
    #: Calls that wait for their answers.
    calls_in_flight: int
    #: Those of them that clients are to answer.
    invocations_owed: int
    #: Bytes that wait to be sent to clients.
    pending_bytes: int
    #: Handlers of calls that run as tasks.
    tasks: int

    # --- Since the start ---
    sessions_joined: int
    #: By why they left; see `SessionReport.cause`.
    sessions_left: Mapping[str, int]
    #: By the URI of ABORT; ``other`` for one that is not predefined.
    sessions_refused: Mapping[str, int]
    #: By outcome: those of `CallReport`; ``refused`` counts what reached no callee.
    calls: Mapping[str, int]
    #: By clients and the application.
    events_published: int
    #: One for each event and receiver, meta events included.
    events_delivered: int
    #: Of them, those that the receiver's serializer could not carry, or that it was too
    #: slow for.
    events_dropped: int
    #: Clients whose connection was cut because they did not keep up.
    clients_cut: int
    messages_received: int
    messages_sent: int
    protocol_violations: int
    failed_sign_ins: int
    #: Requests and sign-ins that were refused because there were too many of them.
    rate_limited: int

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain data, ready for JSON."""
        return asdict(self)


_MAPPINGS: Final = frozenset(
    each.name for each in fields(Stats) if str(each.type).startswith("Mapping")
)


def total(parts: Sequence[Stats]) -> Stats:
    """Return the sums of several statistics."""
    sums: dict[str, Any] = {}
    for field in fields(Stats):
        values = [getattr(part, field.name) for part in parts]
        if field.name in _MAPPINGS:
            found: Counter[str] = Counter()
            for value in values:
                found.update(value)
            sums[field.name] = dict(found)
        else:
            sums[field.name] = sum(values)
    return Stats(**sums)


#: The statistics of what is not there.
NOTHING: Final = total([])
