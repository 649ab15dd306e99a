"""Plain calls: the quick way of the calls that most are.

A call is plain if it has no options, and its procedure is hosted code whose invocations
say nothing but the arguments. What it needs besides is decided by the ordinary rules,
once for a role and a URI, until rules or registrations change; it does without the
dealer, and the callee takes it as it comes.

If the handler is called at once and takes nothing of its invocation, such a call is
over before anything else can happen: nobody can cancel it, nobody sees its invocation.
So it has none, nor a place among the pending calls.

Nothing here refuses a call: all that is not plain, and all that goes wrong, goes the
ordinary way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeAlias

from aiohttp_serverwamp.router.authorization import Verdict
from aiohttp_serverwamp.router.permission_rules import Action
from aiohttp_serverwamp.uris import Match

if TYPE_CHECKING:
    from aiohttp_serverwamp.messages import Call
    from aiohttp_serverwamp.router.router import Router
    from aiohttp_serverwamp.router.session import RouterSession

__all__ = ["PlainCall", "PlainCalls"]

#: Takes a plain call and has it answered, now or later.
PlainCall: TypeAlias = "Callable[[RouterSession, Call], None]"

#: Roles and URIs to remember; more of them, and all are forgotten.
_REMEMBERED: Final = 10_000


class PlainCalls:
    """The plain calls of one realm."""

    __slots__ = ("_changes", "_known", "_router")

    def __init__(self, router: Router) -> None:
        self._router = router
        #: By role and URI; None: not plain. Of exact registrations only.
        self._known: dict[tuple[str, str], PlainCall | None] = {}
        #: What the sum of all changes was when these were found out.
        self._changes = 0

    def find(self, session: RouterSession, call: Call) -> PlainCall | None:
        """Return what takes a call, if it is plain now."""
        # Hot path.
        router = self._router
        if (
            call.options
            or router.running
            or router.authorizer is not None
            or router.trust.levels is not None
            or router.tally.observers.calls
            or session.host.request_handlers
            or session.host.synchronize_requests
        ):
            return None
        dealing = session.dealing
        if (dealing.calls or dealing.running or dealing.unfinished) and (
            call.request in dealing.calls
            or call.request in dealing.unfinished
            or not router.dealer.has_room(session)
        ):
            return None
        changes = router.permissions.changes + router.dealer.registrations.changes
        if changes != self._changes:
            self._known.clear()
            self._changes = changes
        key = (session.authrole, call.procedure)
        try:
            return self._known[key]
        except KeyError:
            return self._find_out(key)

    def _find_out(self, key: tuple[str, str]) -> PlainCall | None:
        authrole, uri = key
        registration = self._router.dealer.registrations.get(uri, Match.EXACT)
        if registration is None:
            return None
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        found = None
        verdict = self._router.permissions.decide(authrole, Action.CALL, uri)
        callee = registration.callees[0]
        limits = self._router.rate_limits
        if (
            verdict is Verdict.ALLOWED
            and len(registration.callees) == 1
            and not callee.reroutes
            and not callee.time_limit
            and not (limits is not None and limits.limits_calls_of(uri))
        ):
            found = callee.peer.plain_call(registration)
        self._known[key] = found
        return found
