"""The dealer: REGISTER, UNREGISTER, CALL, YIELD and ERROR (specification, 5).

Every method commits its state before it sends, raises `ApplicationError` for a request
that fails and `ProtocolViolation` for a peer that broke the protocol; whoever called it
answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp_serverwamp.errors import (
    EncodingError,
    FeatureNotSupported,
    NoSuchProcedure,
    ProtocolViolation,
    Unavailable,
)
from aiohttp_serverwamp.messages import (
    Call,
    Error,
    Invocation,
    InvokePolicy,
    Register,
    Result,
    Yield,
)
from aiohttp_serverwamp.router.cancelling import leave_calls
from aiohttp_serverwamp.router.pending_call import PendingCall
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
    from aiohttp_serverwamp.router.observer import Observer
    from aiohttp_serverwamp.router.peer import Peer
    from aiohttp_serverwamp.router.trust import Trust
    from aiohttp_serverwamp.router.uri_checks import URIChecks

__all__ = ["Dealer"]


class Dealer:
    """Routes the calls of one realm."""

    def __init__(
        self,
        limits: Limits,
        uri_checks: URIChecks,
        disclosure: Disclosure,
        trust: Trust,
        *,
        now: Callable[[], float],
        choose: Choose,
        observer: Observer,
    ) -> None:
        self.registrations = Registrations(limits.max_registrations)
        self._uri_rules = uri_checks
        self._disclosure = disclosure
        self._trust = trust
        self._now = now
        self._choose = choose
        self._observer = observer
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
        self, peer: Peer, message: Register, *, own: bool = False
    ) -> Registration:
        """Register a procedure (REQ-RPC-001 to 004).

        With `own` the registration is private: only the application can call it.
        """
        options = message.options
        asked = options.get("disclose_caller", False)
        callee = Callee(
            peer,
            disclose_caller=self._disclosure.applies(peer, asked=asked),
            forward_timeout=options.get("forward_timeout", False),
        )
        match = options.get("match", Match.EXACT)
        if own:
            if match is not Match.EXACT:
                raise FeatureNotSupported("private registrations are exact")
            return self.registrations.add_own(callee, message.procedure)
        policy = options.get("invoke", InvokePolicy.SINGLE)
        registration = self.registrations.add(callee, message.procedure, match, policy)
        self._observer.registered(peer, registration)
        return registration

    def unregister(self, peer: Peer, registration_id: int) -> None:
        """End a registration; what was invoked completes (REQ-RPC-005 to 008)."""
        registration = self.registrations.remove(peer, registration_id)
        if registration is not None:
            self._observer.unregistered(peer, registration)

    # --- Calling ------------------------------------------------------------------

    def check_call(self, caller: Peer, call: Call) -> None:
        """Raise what makes a CALL invalid before permission is asked for."""
        # Hot path.
        if call.request in caller.dealing.calls:
            raise ProtocolViolation("CALL.request is the id of a call in flight")
        dealing = caller.dealing
        in_flight = max(len(dealing.calls), dealing.running)
        if in_flight >= self._max_pending and not caller.trusted:
            raise Unavailable("too many calls in flight")
        options = call.options
        if options and (options.get("progress") or options.get("ppt_scheme")):
            raise FeatureNotSupported(
                "progressive invocations and payload passthru are not offered"
            )

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

        Raises `NoSuchProcedure`, `DisclosureNotAllowed`, and `EncodingError` when the
        callee's serializer cannot carry the arguments.
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
        pending = PendingCall(caller, call, callee.peer)
        pending.disclosed = disclose or self._discloses(caller, call, callee)
        if tasks is not None:
            pending.tasks = tasks
        details = self._details(pending, registration, callee)
        pending.start()
        try:
            callee.peer.send(
                Invocation(
                    pending.invocation,
                    registration.id,
                    details,
                    call.args,
                    call.kwargs,
                )
            )
        except EncodingError:
            pending.take_back()
            raise

    def _discloses(self, caller: Peer, call: Call, callee: Callee) -> bool:
        asked = call.options.get("disclose_me", False) if call.options else False
        return self._disclosure.applies(caller, asked=asked) or callee.disclose_caller

    def _details(
        self, pending: PendingCall, registration: Registration, callee: Callee
    ) -> dict[str, Any]:
        details: dict[str, Any] = {}
        if registration.match is not Match.EXACT:
            details["procedure"] = pending.procedure
        if pending.disclosed:
            self._disclosure.disclose(details, "caller", pending.caller)
        if self._trust.levels is not None:
            self._trust.mark(details, pending.caller, Action.CALL, pending.procedure)
        if pending.receive_progress:
            # Sent whatever the callee announced: wampy announces nothing and yields
            # progressively all the same (PIT-26).
            details["receive_progress"] = True
        if pending.timeout:
            if callee.forward_timeout and callee.peer.supports(
                "callee", "call_timeout"
            ):
                details["timeout"] = round(pending.timeout * 1000)
            else:
                pending.arm(self._now())
        return details

    # --- Answering ----------------------------------------------------------------

    def yield_(self, callee: Peer, message: Yield) -> None:
        """Pass a result on, progressive or final (REQ-RPC-012, 032 to 039)."""
        # Hot path.
        pending = self._pending(callee, message.request)
        if pending is None:
            return
        options = message.options
        if options:
            if options.get("ppt_scheme"):
                pending.fail(FeatureNotSupported("payload passthru is not offered"))
                return
            if options.get("progress"):
                self._progress(pending, message)
                return
        pending.finish()
        pending.answer(Result(pending.request, {}, message.args, message.kwargs))

    def error(self, callee: Peer, message: Error) -> None:
        """Pass a callee's error on to the caller (REQ-RPC-013)."""
        if not is_valid_uri(message.error):
            raise ProtocolViolation("ERROR.error is not a URI")
        pending = self._pending(callee, message.request)
        if pending is not None:
            pending.finish()
            pending.answer(
                Error(
                    Call.CODE,
                    pending.request,
                    {},
                    message.error,
                    message.args,
                    message.kwargs,
                ),
            )

    def _pending(self, callee: Peer, invocation: int) -> PendingCall | None:
        """Return the call that is answered, or None for a late answer (PIT-02)."""
        pending = callee.dealing.invocations.get(invocation)
        if pending is None and invocation > callee.dealing.invocation_ids.last:
            raise ProtocolViolation("an answer to an invocation that was never sent")
        return pending

    def _progress(self, pending: PendingCall, message: Yield) -> None:
        if pending.receive_progress:
            details = {"progress": True}
            result = Result(pending.request, details, message.args, message.kwargs)
            pending.report(result, self._now)

    # --- Leaving ------------------------------------------------------------------

    def leave(self, peer: Peer) -> None:
        """Remove a peer: its registrations, its calls, the invocations it owes."""
        for registration_id in list(peer.dealing.registrations):
            self.unregister(peer, registration_id)
        leave_calls(peer)
