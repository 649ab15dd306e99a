"""The dealer: REGISTER, UNREGISTER, CALL, YIELD and ERROR (specification, 5).

Every method commits its state before it sends, raises `ApplicationError` for a request
that fails and `ProtocolViolation` for a peer that broke the protocol; whoever called it
answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp_serverwamp import uris
from aiohttp_serverwamp.errors import (
    EncodingError,
    FeatureNotSupported,
    NoAvailableCallee,
    NoSuchProcedure,
    ProtocolViolation,
    Unavailable,
)
from aiohttp_serverwamp.messages import (
    Call,
    Error,
    InvokePolicy,
    Register,
    Result,
    Yield,
)
from aiohttp_serverwamp.reports import TRACEPARENT, valid_traceparent
from aiohttp_serverwamp.router.cancelling import leave_calls
from aiohttp_serverwamp.router.observed_call import ObservedCall
from aiohttp_serverwamp.router.passthru import carry
from aiohttp_serverwamp.router.pending_call import Offer, PendingCall
from aiohttp_serverwamp.router.permission_rules import Action
from aiohttp_serverwamp.router.registrations import (
    Callee,
    Choose,
    Registration,
    Registrations,
)
from aiohttp_serverwamp.uris import Match, is_valid_uri

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp_serverwamp.interfaces import TaskRunner
    from aiohttp_serverwamp.limits import Limits
    from aiohttp_serverwamp.router.disclosure import Disclosure
    from aiohttp_serverwamp.router.feature_gates import FeatureGates
    from aiohttp_serverwamp.router.peer import Peer
    from aiohttp_serverwamp.router.tally import Tally
    from aiohttp_serverwamp.router.trust import Trust
    from aiohttp_serverwamp.router.uri_checks import URIChecks
    from aiohttp_serverwamp.router.watcher import Watcher

__all__ = ["Dealer"]


class Dealer:
    """Routes the calls of one realm."""

    def __init__(
        self,
        limits: Limits,
        uri_checks: URIChecks,
        disclosure: Disclosure,
        trust: Trust,
        gates: FeatureGates,
        *,
        now: Callable[[], float],
        choose: Choose,
        watcher: Watcher,
        tally: Tally,
    ) -> None:
        self.registrations = Registrations(limits.max_registrations)
        self._uri_rules = uri_checks
        self._disclosure = disclosure
        self._trust = trust
        self._gates = gates
        self._now = now
        self._choose = choose
        self._watcher = watcher
        self._tally = tally
        self._observers = tally.observers
        self._max_pending = limits.max_pending_calls or float("inf")

    # --- Registering --------------------------------------------------------------

    def check_register(self, peer: Peer, message: Register) -> None:
        """Raise what makes a REGISTER invalid before permission is asked for."""
        match = message.options.get("match", Match.EXACT)
        if peer.trusted:
            self._uri_rules.check(message.procedure, match)
        else:
            self._uri_rules.check_own(message.procedure, match)

    def register(
        self,
        peer: Peer,
        message: Register,
        *,
        own: bool = False,
        time_limit: float = 0.0,
    ) -> Registration:
        """Register a procedure (REQ-RPC-001 to 004).

        With `own` the registration is private: only the application can call it.
        Calls end after `time_limit` seconds unless they ask for a shorter time; 0: as
        they ask.
        """
        options = message.options
        asked = options.get("disclose_caller", False)
        policy = options.get("invoke", InvokePolicy.SINGLE)
        # Hosted code that is alone means what it says to its callers.
        alone = peer.trusted and policy is InvokePolicy.SINGLE
        callee = Callee(
            peer,
            disclose_caller=self._disclosure.applies(peer, asked=asked),
            forward_timeout=options.get("forward_timeout", False),
            time_limit=time_limit,
            reroutes=peer.supports("callee", "call_reroute") and not alone,
        )
        match = options.get("match", Match.EXACT)
        if own:
            if match is not Match.EXACT:
                raise FeatureNotSupported("private registrations are exact")
            return self.registrations.add_own(callee, message.procedure)
        registration = self.registrations.add(callee, message.procedure, match, policy)
        self._watcher.registered(peer, registration)
        return registration

    def unregister(self, peer: Peer, registration_id: int) -> None:
        """End a registration; what was invoked completes (REQ-RPC-005 to 008)."""
        registration = self.registrations.remove(peer, registration_id)
        if registration is not None:
            self._watcher.unregistered(peer, registration)

    # --- Calling ------------------------------------------------------------------

    def check_call(self, caller: Peer, call: Call) -> None:
        """Raise what makes a CALL invalid before permission is asked for."""
        # Hot path.
        if not caller.trusted and not self.has_room(caller):
            raise Unavailable("too many calls in flight")
        if call.options:
            self._gates.check_call(caller, call)

    def has_room(self, caller: Peer) -> bool:
        """Tell whether one more call of a client may be in flight."""
        # Hot path.
        dealing = caller.dealing
        limit = self._max_pending
        return len(dealing.calls) < limit and dealing.running < limit

    def check_procedure(self, uri: str) -> None:
        """Raise `InvalidURI` for what can never be the URI of a procedure."""
        self._uri_rules.check(uri)

    def find(self, uri: str) -> Registration | None:
        """Return what a call of `uri` is routed to, fallbacks included."""
        # Hot path: a URI that is registered exactly needs no check of its own.
        registration = self.registrations.best(uri)
        if registration is None or registration.match is not Match.EXACT:
            self._uri_rules.check(uri)
        return registration or self.registrations.fallback(uri)

    def find_fallback(self, uri: str) -> Registration | None:
        """Return the fallback that a call of `uri` is routed to, if it is one."""
        registration = self.find(uri)
        return registration if self.registrations.best(uri) is None else None

    def find_at(self, peer: Peer, uri: str) -> Registration | None:
        """Return what `peer` itself offers under `uri`, privately or to everybody."""
        own = peer.dealing.own.get(uri)
        if own is not None:
            return own
        registration = self.registrations.best(uri)
        if registration is not None and registration.callee(peer) is not None:
            return registration
        return None

    def call(
        self,
        caller: Peer,
        call: Call,
        *,
        disclose: bool = False,
        at: Peer | None = None,
        tasks: TaskRunner | None = None,
    ) -> None:
        """Route a call: to its registration's next callee, or to the callee `at`.

        `disclose` makes the caller known whatever was asked for. `tasks` owns what
        hosted code runs for this call (default: the caller).

        Raises `NoSuchProcedure`, `DisclosureNotAllowed`, `FeatureNotSupported`, and
        `EncodingError` when the callee's serializer cannot carry the arguments.
        """
        # Hot path.
        uri = call.procedure
        registration = self.find(uri) if at is None else self.find_at(at, uri)
        if registration is None:
            raise NoSuchProcedure(f"no procedure {uri} is registered")
        callee = (
            registration.choose(self._choose) if at is None else registration.callee(at)
        )
        assert callee is not None, "find_at returns what the peer takes part in"
        if call.options:
            self._gates.check_callee(callee.peer, call.options)
        disclose = disclose or self._discloses(caller, call)
        if self._observers.calls:
            pending: PendingCall = ObservedCall(
                caller,
                call,
                registration,
                callee.peer,
                tally=self._tally,
                now=self._now,
            )
        else:
            pending = PendingCall(caller, call, registration, callee.peer)
        if tasks is not None:
            pending.tasks = tasks
        if callee.reroutes and at is None:
            pending.offer = Offer(
                call, callee.peer, disclose=disclose, began=self._now()
            )
        if disclose or callee.disclose_caller:
            pending.disclosed = True
        pending.details = self._details(pending, call, callee)
        pending.start()
        try:
            pending.invoke(call.args, call.kwargs)
        except EncodingError as error:
            pending.more = False
            pending.finish()
            pending.take_back()
            pending.ended("refused", error.uri or "")
            raise

    def _discloses(self, caller: Peer, call: Call) -> bool:
        asked = call.options.get("disclose_me", False) if call.options else False
        return self._disclosure.applies(caller, asked=asked)

    def _details(
        self, pending: PendingCall, call: Call, callee: Callee
    ) -> dict[str, Any]:
        details: dict[str, Any] = {}
        if pending.registration.match is not Match.EXACT:
            details["procedure"] = pending.procedure
        if pending.disclosed:
            self._disclosure.disclose(details, "caller", pending.caller)
        if self._trust.levels is not None:
            self._trust.mark(details, pending.caller, Action.CALL, pending.procedure)
        if call.options or callee.time_limit:
            self._add_options(details, pending, call, callee)
        return details

    def _add_options(
        self,
        details: dict[str, Any],
        pending: PendingCall,
        call: Call,
        callee: Callee,
    ) -> None:
        if pending.receive_progress and self._gates.admits_progress(callee.peer):
            details["receive_progress"] = True
        carry(call.options, details)
        if TRACEPARENT in call.options:
            parent = valid_traceparent(call.options[TRACEPARENT])
            if parent is not None:
                details[TRACEPARENT] = parent
        if callee.time_limit and not 0 < pending.timeout <= callee.time_limit:
            pending.timeout = callee.time_limit
        if pending.timeout and pending.deadline is None:
            self._time(pending, callee, details)

    def _time(
        self, pending: PendingCall, callee: Callee, details: dict[str, Any]
    ) -> None:
        """Have the time of a call looked after, by the callee where it can."""
        forwards = callee.forward_timeout and callee.peer.supports(
            "callee", "call_timeout"
        )
        if forwards:
            details["timeout"] = round(pending.timeout * 1000)
        # What the application was promised does not depend on anybody.
        if not forwards or pending.caller.trusted:
            offer = pending.offer
            pending.arm(self._now() if offer is None else offer.began)

    def _pass_on(self, pending: PendingCall, offer: Offer) -> None:
        """Give a call that its callee declines to another one (REQ-RPC-139 to 144)."""
        call = offer.call
        while callee := pending.registration.choose_other(self._choose, offer.tried):
            offer.tried.append(callee.peer)
            try:
                self._gates.check_callee(callee.peer, call.options)
            except FeatureNotSupported:
                continue
            pending.disclosed = offer.disclose or callee.disclose_caller
            pending.details = self._details(pending, call, callee)
            pending.offer = offer if callee.reroutes else None
            pending.hand_over(callee.peer)
            try:
                pending.invoke(call.args, call.kwargs)
            except EncodingError:
                pending.take_back()
            else:
                return
        pending.fail(NoAvailableCallee("every callee is unavailable"))

    # --- Answering ----------------------------------------------------------------

    def yield_(self, callee: Peer, message: Yield) -> None:
        """Pass a result on, progressive or final (REQ-RPC-012, 032 to 039)."""
        # Hot path.
        pending = self._pending(callee, message.request)
        if pending is None:
            return
        details: dict[str, Any] = {}
        options = message.options
        progress = False
        if options:
            progress = options.get("progress", False)
            if progress and not pending.receive_progress:
                return
            if options.get("ppt_scheme") and not self._carries(pending, message):
                return
            carry(options, details)
        result = Result(pending.request, details, message.args, message.kwargs)
        if progress:
            details["progress"] = True
            pending.report(result, self._now)
        else:
            pending.finish()
            pending.answer(result)

    def _carries(self, pending: PendingCall, message: Yield) -> bool:
        """Tell whether the caller gets a payload passed through, or an error for it."""
        self._gates.check_yield(pending.callee, message)
        try:
            self._gates.check_caller(pending.caller, message.options)
        except FeatureNotSupported as error:
            progress = message.options.get("progress", False)
            pending.fail(error, interrupt=progress)
            return False
        return True

    def error(self, callee: Peer, message: Error) -> None:
        """Pass a callee's error on to the caller (REQ-RPC-013)."""
        if not is_valid_uri(message.error):
            raise ProtocolViolation("ERROR.error is not a URI")
        pending = self._pending(callee, message.request)
        if pending is None:
            return
        if message.error == uris.UNAVAILABLE and pending.offer is not None:
            self._pass_on(pending, pending.offer)
            return
        details: dict[str, Any] = {}
        if message.details:
            carry(message.details, details)
        pending.finish()
        pending.answer(
            Error(
                Call.CODE,
                pending.request,
                details,
                message.error,
                message.args,
                message.kwargs,
            )
        )

    def _pending(self, callee: Peer, invocation: int) -> PendingCall | None:
        """Return the call that is answered, or None for a late answer (PIT-02)."""
        pending = callee.dealing.invocations.get(invocation)
        if pending is None and invocation > callee.dealing.invocation_ids.last:
            raise ProtocolViolation("an answer to an invocation that was never sent")
        return pending

    # --- Leaving ------------------------------------------------------------------

    def leave(self, peer: Peer) -> None:
        """Remove a peer: its registrations, its calls, the invocations it owes."""
        for registration_id in list(peer.dealing.registrations):
            self.unregister(peer, registration_id)
        leave_calls(peer)
