"""Registrations: who offers a procedure, and who of them gets the next call."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiohttp_serverwamp.errors import (
    NoSuchRegistration,
    ProcedureAlreadyExists,
    Unavailable,
)
from aiohttp_serverwamp.ids import MAX_ID, Counter
from aiohttp_serverwamp.messages import InvokePolicy
from aiohttp_serverwamp.router.uri_index import UriIndex
from aiohttp_serverwamp.uris import Match, is_reserved

if TYPE_CHECKING:
    from re import Pattern

    from aiohttp_serverwamp.router.peer import Peer

__all__ = ["Callee", "Choose", "Registration", "Registrations"]

#: Picks one of several callees at random; passed in so that tests can decide.
Choose = Callable[[Sequence["Callee"]], "Callee"]


@dataclass(slots=True, eq=False)
class Callee:
    """One peer's part in a registration."""

    peer: Peer
    disclose_caller: bool = False
    forward_timeout: bool = False
    #: Seconds after which a call ends that asked for no shorter time; 0: never.
    time_limit: float = 0.0
    #: Whether another callee gets the calls that it declines (5.12).
    reroutes: bool = False


@dataclass(slots=True, eq=False)
class Registration:
    """A procedure, or a pattern of them, and its callees in the order they came."""

    id: int
    uri: str
    match: Match
    policy: InvokePolicy
    callees: list[Callee] = field(default_factory=list)
    #: Only for fallbacks of hosted code: who may call (None: everybody).
    roles: frozenset[str] | None = None
    #: When its first callee came, in nanoseconds of the epoch.
    created: int = 0
    _turn: int = 0

    @property
    def trusted(self) -> bool:
        """Whether the application itself offers this procedure."""
        return self.callees[0].peer.trusted

    def choose(self, choose: Choose) -> Callee:
        """Return the callee of the next call, by the invocation policy (5.9)."""
        callees = self.callees
        if len(callees) == 1 or self.policy is InvokePolicy.FIRST:
            return callees[0]
        if self.policy is InvokePolicy.LAST:
            return callees[-1]
        if self.policy is InvokePolicy.RANDOM:
            return choose(callees)
        self._turn %= len(callees)
        callee = callees[self._turn]
        self._turn += 1
        return callee

    def choose_other(self, choose: Choose, tried: Collection[Peer]) -> Callee | None:
        """Return the callee that the policy gives a declined call to (5.12), or None.

        Nobody gets a call twice.
        """
        left = [callee for callee in self.callees if callee.peer not in tried]
        if not left:
            return None
        if self.policy is InvokePolicy.LAST:
            return left[-1]
        if self.policy is InvokePolicy.RANDOM:
            return choose(left)
        if self.policy is InvokePolicy.ROUNDROBIN:
            turn = self._turn % len(self.callees)
            queue = self.callees[turn:] + self.callees[:turn]
            callee = next(callee for callee in queue if callee in left)
            self._turn = self.callees.index(callee) + 1
            return callee
        return left[0]

    def callee(self, peer: Peer) -> Callee | None:
        """Return the part that `peer` takes, or None."""
        for callee in self.callees:
            if callee.peer is peer:
                return callee
        return None

    def remove(self, peer: Peer) -> None:
        """Remove a callee; the turn of the others is kept (REQ-RPC-127)."""
        for position, callee in enumerate(self.callees):
            if callee.peer is peer:
                del self.callees[position]
                if position < self._turn:
                    self._turn -= 1
                return


class Registrations:
    """Every registration of one realm: shared, private to a session, and fallbacks."""

    __slots__ = (
        "_fallbacks",
        "_ids",
        "_index",
        "_limit",
        "_reserved_ids",
        "by_id",
        "changes",
    )

    def __init__(self, limit: int | None) -> None:
        self._index: UriIndex[Registration] = UriIndex()
        #: Those of the index, by id.
        self.by_id: dict[int, Registration] = {}
        #: How often those have changed, or their callees.
        self.changes = 0
        self._ids = Counter()
        # Far from the others: these count from 1 whatever the router itself offers.
        self._reserved_ids = Counter(MAX_ID // 2)
        self._limit = limit or float("inf")
        self._fallbacks: list[tuple[Pattern[str], Registration]] = []

    def add(
        self, callee: Callee, uri: str, match: Match, policy: InvokePolicy
    ) -> Registration:
        """Let a callee offer `uri`.

        Raises `ProcedureAlreadyExists` (REQ-RPC-120, 122, 129) and `Unavailable`.
        """
        peer = callee.peer
        self._check_room(peer)
        registration = self._index.get(uri, match)
        if registration is None:
            ids = self._reserved_ids if is_reserved(uri) else self._ids
            registration = Registration(ids.next(), uri, match, policy)
            self._index.set(uri, match, registration)
            self.by_id[registration.id] = registration
        elif (
            policy is InvokePolicy.SINGLE
            or registration.policy is not policy
            or registration.callee(peer) is not None
        ):
            shared = registration.policy is not InvokePolicy.SINGLE
            how = f", with invoke {registration.policy.value!r}" if shared else ""
            raise ProcedureAlreadyExists(f"{uri} is registered already{how}")
        self.changes += 1
        registration.callees.append(callee)
        peer.dealing.registrations[registration.id] = registration
        return registration

    def add_own(self, callee: Callee, uri: str) -> Registration:
        """Let a session offer `uri` to the application, unseen by other clients."""
        peer = callee.peer
        self._check_room(peer)
        if uri in peer.dealing.own:
            raise ProcedureAlreadyExists(f"{uri} is registered already")
        registration = Registration(
            self._ids.next(), uri, Match.EXACT, InvokePolicy.SINGLE, [callee]
        )
        peer.dealing.own[uri] = registration
        peer.dealing.registrations[registration.id] = registration
        return registration

    def add_fallback(
        self, callee: Callee, pattern: Pattern[str], roles: frozenset[str] | None
    ) -> Registration:
        """Let hosted code offer what nothing else matches, in the order added."""
        registration = Registration(
            self._ids.next(),
            pattern.pattern,
            Match.EXACT,
            InvokePolicy.SINGLE,
            [callee],
            roles,
        )
        self._fallbacks.append((pattern, registration))
        return registration

    def remove(self, peer: Peer, registration_id: int) -> Registration | None:
        """End a callee's part in a registration, and return it unless it was private.

        Raises `NoSuchRegistration`.
        """
        registration = peer.dealing.registrations.pop(registration_id, None)
        if registration is None:
            raise NoSuchRegistration("this session holds no such registration")
        if peer.dealing.own.get(registration.uri) is registration:
            del peer.dealing.own[registration.uri]
            return None
        self.changes += 1
        registration.remove(peer)
        if not registration.callees:
            self._index.remove(registration.uri, registration.match)
            del self.by_id[registration.id]
        return registration

    def get(self, uri: str, match: Match) -> Registration | None:
        """Return the registration of exactly this key."""
        return self._index.get(uri, match)

    def best(self, uri: str) -> Registration | None:
        """Return the registration that a call of `uri` is routed to (5.8)."""
        # Hot path.
        registration = self._index.best(uri)
        if registration is not None and not registration.trusted and is_reserved(uri):
            # Patterns of clients never capture the router's own URIs (REQ-URI-012).
            trusted = (one for one in self._index.matches(uri) if one.trusted)
            return next(trusted, None)
        return registration

    def fallback(self, uri: str) -> Registration | None:
        """Return the first fallback whose expression matches the whole of `uri`."""
        for pattern, registration in self._fallbacks:
            if pattern.fullmatch(uri) is not None:
                return registration
        return None

    def __iter__(self) -> Iterator[Registration]:
        return (registration for _, _, registration in self._index)

    def _check_room(self, peer: Peer) -> None:
        if not peer.trusted and len(peer.dealing.registrations) >= self._limit:
            raise Unavailable("too many registrations")
