"""Hosted procedures answering plain calls; see `router.plain_calls`.

Where a handler takes nothing of its invocation, it runs and its result is sent without
one.
"""

from __future__ import annotations

from collections.abc import Mapping
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, Final

from aiohttp_serverwamp.hosting.invocation import Invocation, RPCErrorResult, RPCResult
from aiohttp_serverwamp.hosting.plain_data import (
    lenient_args,
    plain_args,
    plain_kwargs,
)
from aiohttp_serverwamp.hosting.procedures import HostedProcedure, result_arguments
from aiohttp_serverwamp.hosting.runs import SIMPLE, Context, PlainRun
from aiohttp_serverwamp.messages import Invocation as InvocationMessage
from aiohttp_serverwamp.messages import Result
from aiohttp_serverwamp.router.pending_call import PendingCall

if TYPE_CHECKING:
    from aiohttp_serverwamp.hosting.local_session import LocalSession
    from aiohttp_serverwamp.messages import Call
    from aiohttp_serverwamp.router.registrations import Registration
    from aiohttp_serverwamp.router.session import RouterSession

__all__ = ["PLAIN", "PlainAnswer", "PlainInvocation", "PlainTask"]

#: What a plain function's result cannot be awaited for; asked first because it is
#: cheap.
PLAIN: Final = frozenset({type(None), bool, int, float, str, bytes, list, dict, tuple})
_SPECIAL: Final = (RPCResult, RPCErrorResult)
_NO_KWARGS: Final[Mapping[str, Any]] = {}


class PlainInvocation:
    """Takes up the plain calls of one procedure that needs invocations.

    The dealer would make the same of them, with more words.
    """

    __slots__ = ("_local", "_procedure", "_registration")

    def __init__(
        self,
        local: LocalSession,
        procedure: HostedProcedure,
        registration: Registration,
    ) -> None:
        self._local = local
        self._procedure = procedure
        self._registration = registration

    def __call__(self, caller: RouterSession, call: Call) -> None:
        """Run the handler, at once or as a task."""
        # Hot path.
        invocation, pending = self._invoke(caller, call)
        self._local.procedures.run(self._procedure, invocation, pending)

    def _invoke(
        self, caller: RouterSession, call: Call
    ) -> tuple[Invocation, PendingCall]:
        # Hot path.
        registration = self._registration
        pending = PendingCall(caller, call, registration, self._local)
        pending.details = details = dict[str, Any]()
        pending.start()
        message = InvocationMessage(
            pending.invocation, registration.id, details, call.args, call.kwargs
        )
        return Invocation(self._local, pending, message), pending

    def _made_up(
        self, caller: RouterSession, call: Call
    ) -> tuple[Invocation, PendingCall]:
        """Make up for what the call was spared."""
        invocation, pending = self._invoke(caller, call)
        if not caller.joined:
            pending.finish()  # the handler has sent its own caller away
        return invocation, pending


class PlainAnswer(PlainInvocation):
    """Answers the plain calls of one procedure that needs no invocations.

    Where one is missed after all, it is made up, and the rest is left to others.
    """

    __slots__ = ()

    def __call__(self, caller: RouterSession, call: Call) -> None:
        """Run the handler and answer."""
        # Hot path.
        procedure = self._procedure
        binding = procedure.binding
        context = Context(caller) if binding.getters else None
        try:
            args, kwargs = binding.bind(
                context, call.args or (), call.kwargs or _NO_KWARGS
            )
            result = procedure.function(*args, **kwargs)
        except BaseException as error:
            invocation, _ = self._made_up(caller, call)
            self._local.procedures.raised(invocation, error)
            return
        kind = type(result)
        try:
            if kind in SIMPLE:
                caller.answer_call(call.request, [] if result is None else [result])
                return
            if kind in PLAIN or not (
                isawaitable(result) or isinstance(result, _SPECIAL)
            ):
                self._send(caller, call.request, result)
                return
        except Exception:
            pass  # the ordinary way finds it again, and tells the caller and the log
        invocation, pending = self._made_up(caller, call)
        self._local.procedures.returned(procedure, invocation, pending, result)

    def _send(self, caller: RouterSession, request: int, result: Any) -> None:
        # Hot path.
        given, named = result_arguments(result, spread=self._procedure.spread_results)
        args = lenient_args(given) if caller.lenient else plain_args(given)
        caller.send(Result(request, {}, args, plain_kwargs(named)))
        caller.dealing.succeeded += 1


class PlainTask(PlainInvocation):
    """Takes up the plain calls of a coroutine function that needs no invocations."""

    __slots__ = ()

    def __call__(self, caller: RouterSession, call: Call) -> None:
        """Run the handler as a task."""
        # Hot path.
        context = Context(caller) if self._procedure.binding.getters else None
        run = PlainRun(call, caller, context, self._made_up)
        self._local.procedures.start_plainly(self._procedure, run, caller)
