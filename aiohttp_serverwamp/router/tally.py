"""What has happened in one realm, or before any: counted, and told to observers.

Counted on the hot path is next to nothing. Each peer counts what it does, in `Peer`;
when it leaves, that is added up here. The rest is rare.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from aiohttp_serverwamp import uris
from aiohttp_serverwamp.observability.observers import Observers
from aiohttp_serverwamp.reports import SessionReport
from aiohttp_serverwamp.stats import NOTHING, Stats

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp_serverwamp.router.peer import Peer
    from aiohttp_serverwamp.router.router import Router
    from aiohttp_serverwamp.router.session import RouterSession

__all__ = ["Tally", "cause_of", "report_of", "stats_of"]

#: Why a session ends, where no predefined URI says it.
_CAUSES: Final = frozenset({"goodbye", "abort", "lost", "cut"})

_PREDEFINED: Final = frozenset(
    value
    for name, value in vars(uris).items()
    if name.isupper() and isinstance(value, str) and value.startswith("wamp.")
)


def cause_of(reason: str) -> str:
    """Return a reason as one of a few, whatever the application or clients make up."""
    return reason if reason in _PREDEFINED or reason in _CAUSES else "other"


class Tally:
    """The counters of one realm, or of those who have not reached any."""

    __slots__ = (
        "_rule_of",
        "calls",
        "clients_cut",
        "delivered",
        "dropped",
        "failed_sign_ins",
        "joined",
        "left",
        "observers",
        "published",
        "rate_limited",
        "realm",
        "received",
        "refused",
        "sent",
        "violations",
    )

    def __init__(
        self,
        observers: Observers | None = None,
        *,
        realm: str = "",
        rule_of: Callable[[str], str] = lambda topic: "",
    ) -> None:
        self.observers = Observers() if observers is None else observers
        #: The URI of the realm, empty outside of all.
        self.realm = realm
        # Says which rule speaks of a topic.
        self._rule_of = rule_of
        self.joined = 0
        #: Sessions by why they left, and by why they were refused.
        self.left: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        #: What those did who have left.
        self.calls: Counter[str] = Counter()
        self.published = self.received = self.sent = 0
        #: Events that somebody receives; and of them, those that are lost on the way.
        self.delivered = self.dropped = 0
        self.clients_cut = self.violations = 0
        self.failed_sign_ins = self.rate_limited = 0

    def take(self, peer: Peer) -> None:
        """Add up what a peer has done, which is over."""
        self.calls.update(peer.dealing.outcomes())
        self.published += peer.brokering.published

    def session_joined(self, session: RouterSession) -> None:
        """Count a session that was welcomed."""
        self.joined += 1
        observers = self.observers
        if observers.session_joined:
            observers.tell(observers.session_joined, report_of(session))

    def session_left(self, session: RouterSession, reason: str, cause: str) -> None:
        """Count a session that was joined."""
        self.left[cause] += 1
        self.received += session.received
        self.sent += session.sent
        observers = self.observers
        if cause == "cut":
            self.clients_cut += 1
        told = observers.awake(observers.session_left)
        if not (told or observers.client_cut):
            return
        report = report_of(session, reason=reason, cause=cause)
        if cause == "cut":
            observers.tell(observers.client_cut, report)
        observers.tell(told, report)

    def session_refused(self, session: RouterSession, reason: str, cause: str) -> None:
        """Count a client that does not become a session."""
        self.refused[cause] += 1
        observers = self.observers
        if observers.session_refused:
            report = report_of(session, reason=reason, cause=cause)
            observers.tell(observers.session_refused, report)

    def sign_in_failed(self, session: RouterSession) -> None:
        """Count wrong credentials."""
        self.failed_sign_ins += 1
        observers = self.observers
        if observers.sign_in_failed:
            observers.tell(observers.sign_in_failed, report_of(session))

    def message_refused(self, session: RouterSession, kind: str, error: str) -> None:
        """Count a request that is refused, or what breaks the protocol."""
        if error in (uris.UNAVAILABLE, uris.RATE_LIMITED):
            self.rate_limited += 1
        if not kind:
            self.violations += 1
        observers = self.observers
        if observers.message_refused:
            observers.tell(
                observers.message_refused, _realm_of(session), kind, cause_of(error)
            )

    def label(self, uri: str) -> str:
        """Return a URI that a client has chosen as one of a few: that of a rule."""
        return self._rule_of(uri) or "other"

    def event_published(self, topic: str, receivers: int) -> None:
        """Tell observers, who are there, of a publication."""
        if not uris.is_reserved(topic):
            observers = self.observers
            rule = self._rule_of(topic)
            observers.tell(
                observers.event_published, self.realm, topic, rule, receivers
            )

    def event_dropped(self, subscription: str) -> None:
        """Count an event that is lost on its way to one subscriber."""
        self.dropped += 1
        observers = self.observers
        if observers.event_dropped:
            observers.tell(observers.event_dropped, self.realm, subscription)

    def stats(self) -> Stats:
        """Return what is counted here, as the statistics of nobody who is there."""
        return replace(
            NOTHING,
            sessions_joined=self.joined,
            sessions_left=dict(self.left),
            sessions_refused=dict(self.refused),
            events_delivered=self.delivered,
            events_dropped=self.dropped,
            clients_cut=self.clients_cut,
            protocol_violations=self.violations,
            failed_sign_ins=self.failed_sign_ins,
            rate_limited=self.rate_limited,
        )


def _realm_of(session: RouterSession) -> str:
    return "" if session.realm is None else session.realm.uri


def report_of(
    session: RouterSession, *, reason: str = "", cause: str = ""
) -> SessionReport:
    """Return what observers are told of a session."""
    joined_at = session.joined_at
    dealing = session.dealing
    address = session.connection.transport_info.get("peer_address")
    return SessionReport(
        id=session.id,
        realm=_realm_of(session),
        authid=session.authid,
        authrole=session.authrole,
        authmethod=session.authmethod,
        peer_address=str(address or ""),
        seconds=0.0 if joined_at is None else session.host.now() - joined_at,
        calls=sum(dealing.outcomes().values()) + len(dealing.calls),
        events=session.brokering.published,
        received=session.received,
        sent=session.sent,
        bytes=session.bytes_sent,
        cause=cause,
        reason=reason,
    )


def stats_of(
    router: Router, uri: str, *, hosted: Peer | None = None, tasks: int = 0
) -> Stats:
    """Return the statistics of one realm, `hosted` being the application in it."""
    tally = router.tally
    sessions = [*router.sessions.values()]
    peers: list[Peer] = [*sessions, *([] if hosted is None else [hosted])]
    calls = tally.calls.copy()
    for peer in peers:
        calls.update(peer.dealing.outcomes())
    return replace(
        tally.stats(),
        connections=len(sessions),
        sessions={uri: len(sessions)},
        joining=router.joining.at(router),
        subscriptions=sum(len(each.brokering.subscriptions) for each in peers),
        registrations=sum(len(each.dealing.registrations) for each in peers),
        calls_in_flight=sum(len(each.dealing.calls) for each in peers),
        invocations_owed=sum(len(each.dealing.invocations) for each in sessions),
        pending_bytes=sum(each.connection.traffic.pending_bytes for each in sessions),
        tasks=tasks,
        calls=dict(calls),
        events_published=tally.published
        + sum(each.brokering.published for each in peers),
        messages_received=tally.received + sum(each.received for each in sessions),
        messages_sent=tally.sent
        + tally.delivered
        - tally.dropped
        + sum(each.sent for each in sessions),
    )
