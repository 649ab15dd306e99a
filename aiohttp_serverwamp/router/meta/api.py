"""The meta API: what clients may learn of their realm, and do to it (6.12 to 6.17).

A peer like any other. Its procedures are registered in the dealer, so permissions are
asked, answers routed and calls cancelled as they always are; who offers another one
adds a row to `PROCEDURES`. Closed realms permit none of them until they say so.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from aiohttp_serverwamp.errors import ApplicationError, RuntimeFailure
from aiohttp_serverwamp.messages import Error, Invocation, Message, Register, Yield
from aiohttp_serverwamp.router.meta import (
    history,
    registrations,
    sessions,
    subscriptions,
    testaments,
)
from aiohttp_serverwamp.router.meta.call import MetaCall
from aiohttp_serverwamp.router.peer import Peer

if TYPE_CHECKING:
    from aiohttp_serverwamp.router.pending_call import PendingCall
    from aiohttp_serverwamp.router.router import Router

__all__ = ["PROCEDURES", "MetaAPI"]

logger = logging.getLogger("aiohttp_serverwamp.router")

#: URI → what does it, and returns the arguments of RESULT, none for an empty one; or,
#: where these have to be waited for, a function to await. It raises `ApplicationError`
#: for what is answered with ERROR.
PROCEDURES: Final[Mapping[str, Callable[[MetaCall], Any]]] = {
    **history.PROCEDURES,
    **sessions.PROCEDURES,
    **testaments.PROCEDURES,
    **registrations.PROCEDURES,
    **subscriptions.PROCEDURES,
}


class MetaAPI(Peer):
    """The callee of the meta procedures of one realm."""

    __slots__ = ("_procedures", "_router")

    trusted = True

    def __init__(self, router: Router, session_id: int) -> None:
        super().__init__()
        self.id = session_id
        self.authid = self.authrole = "trusted"
        self.authmethod = self.authprovider = "local"
        self._router = router
        self._procedures = {
            router.dealer.register(self, Register(1, {}, uri)).id: procedure
            for uri, procedure in PROCEDURES.items()
        }

    def public(self) -> Any:
        """Return what the application sees of it, where it asks who publishes."""
        return self.view

    def send(self, message: Message) -> None:
        """Take an INVOCATION; it is answered once the running operation is over."""
        if isinstance(message, Invocation):
            self._router.later(self._answer, message)

    def _answer(self, invocation: Invocation) -> None:
        pending = self.dealing.invocations.get(invocation.request)
        if pending is None:
            return  # the caller has gone meanwhile
        call = MetaCall(
            self._router,
            pending.caller,
            invocation.args or (),
            invocation.kwargs or {},
        )
        request = invocation.request
        try:
            results = self._procedures[invocation.registration](call)
        except Exception as error:
            self._refuse(request, pending, error)
        else:
            if not callable(results):
                self._reply(request, results)
                return
            assert pending.tasks is not None, "every call has an owner of its tasks"
            # Counts for its caller until it ends: CANCEL does not stop it.
            pending.caller.dealing.running += 1
            pending.tasks.start(self._wait, request, pending, results)

    async def _wait(
        self,
        request: int,
        pending: PendingCall,
        find: Callable[[], Awaitable[Sequence[Any]]],
    ) -> None:
        """Answer when the answer is there, if the caller still waits for it."""
        run = self._router.run
        try:
            results = await find()
        except Exception as error:
            run(self._refuse, request, pending, error)
        else:
            run(self._reply, request, results)
        finally:
            pending.caller.dealing.running -= 1

    def _reply(self, request: int, results: Sequence[Any]) -> None:
        if request in self.dealing.invocations:
            answer = Yield(request, {}, [*results] or None)
            self._router.dealer.yield_(self, answer)

    def _refuse(self, request: int, pending: PendingCall, error: Exception) -> None:
        if request not in self.dealing.invocations:
            return
        if not isinstance(error, ApplicationError):
            logger.error("%s failed", pending.procedure, exc_info=error)
            error = RuntimeFailure()
        self._router.dealer.error(self, _error(request, error))


def _error(request: int, error: ApplicationError) -> Error:
    return Error(Invocation.CODE, request, {}, error.uri, [*error.args] or None)
