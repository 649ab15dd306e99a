"""The hosted procedures of one realm: invocations become runs of handlers.

What a handler returns or raises becomes YIELD or ERROR, exactly once for each
invocation, whatever state the handler leaves things in.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Mapping
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, Final

from aiohttp_serverwamp import uris
from aiohttp_serverwamp.errors import (
    ApplicationError,
    Canceled,
    EncodingError,
    RuntimeFailure,
)
from aiohttp_serverwamp.hosting.invocation import Invocation, RPCErrorResult, RPCResult
from aiohttp_serverwamp.hosting.plain_calls import (
    PLAIN,
    PlainAnswer,
    PlainInvocation,
    PlainTask,
)
from aiohttp_serverwamp.hosting.plain_data import plain_args, plain_kwargs
from aiohttp_serverwamp.hosting.procedures import HostedProcedure, result_arguments
from aiohttp_serverwamp.hosting.runs import SIMPLE, PlainRun, Run
from aiohttp_serverwamp.messages import Error, Interrupt, Yield
from aiohttp_serverwamp.messages import Invocation as InvocationMessage
from aiohttp_serverwamp.observability.observers import guarded
from aiohttp_serverwamp.router.error_uris import answerable_uri
from aiohttp_serverwamp.router.session import RouterSession
from aiohttp_serverwamp.uris import shown

if TYPE_CHECKING:
    from aiohttp_serverwamp.hosting.local_session import LocalSession
    from aiohttp_serverwamp.router.pending_call import PendingCall
    from aiohttp_serverwamp.router.plain_calls import PlainCall
    from aiohttp_serverwamp.router.registrations import Registration

__all__ = ["HostedProcedures"]

logger = logging.getLogger("aiohttp_serverwamp.hosting")

_NO_KWARGS: Final[Mapping[str, Any]] = {}


class HostedProcedures:
    """The procedures that a realm's `LocalSession` has registered, and their runs."""

    __slots__ = ("_local", "_procedures", "running")

    def __init__(self, local: LocalSession) -> None:
        self._local = local
        self._procedures: dict[int, HostedProcedure] = {}
        #: Handlers that run as tasks, by invocation id.
        self.running: dict[int, Run] = {}

    def add(self, registration: int, procedure: HostedProcedure) -> None:
        """Let `procedure` answer the invocations of a registration."""
        self._procedures[registration] = procedure

    def invoke(self, message: InvocationMessage, *, within: bool = False) -> None:
        """Run the handler of an invocation: at once, or as a task.

        `within` what an observer has put around it.
        """
        # Hot path.
        pending = self._local.dealing.invocations.get(message.request)
        if pending is None:
            return  # cancelled before hosted code saw it
        if pending.more is not None and (run := self.running.get(message.request)):
            run.invoked().take_chunk(message)
            return
        if pending.around is not None and not within:
            with guarded(pending.around):
                self.invoke(message, within=True)
            return
        procedure = self._procedures[message.registration]
        self.run(procedure, Invocation(self._local, pending, message), pending)

    def run(
        self, procedure: HostedProcedure, invocation: Invocation, pending: PendingCall
    ) -> None:
        """Run a handler: at once, or as a task."""
        # Hot path.
        if not procedure.inline:
            self._start(procedure, invocation, pending)
            return
        message = invocation.message
        try:
            args, kwargs = procedure.binding.bind(
                invocation, message.args or (), message.kwargs or _NO_KWARGS
            )
            result = procedure.function(*args, **kwargs)
        except BaseException as error:
            self.raised(invocation, error)
        else:
            self.returned(procedure, invocation, pending, result)

    def raised(self, invocation: Invocation, error: BaseException) -> None:
        """Answer with what a plain function has raised."""
        if isinstance(error, self._local.runtime.support.cancelled):
            # Of something that the function asked for, not of the connection.
            self._send_error(invocation, Canceled("the call was cancelled"))
        elif isinstance(error, Exception):
            self._failed(invocation, error)
        else:
            raise error

    def returned(
        self,
        procedure: HostedProcedure,
        invocation: Invocation,
        pending: PendingCall,
        result: Any,
    ) -> None:
        """Answer with what a plain function has returned."""
        # Hot path.
        if type(result) not in PLAIN and isawaitable(result):
            # A plain function may hand back a coroutine, as functools.partial-like
            # wrappers do; it is waited for like an async handler.
            self._start(procedure, invocation, pending, result)
        else:
            self._answer(procedure, invocation, result)

    def plain_call(self, registration: Registration) -> PlainCall | None:
        """Return what answers the plain calls of a procedure; see `PlainCalls`."""
        procedure = self._procedures[registration.id]
        if procedure.plain:
            return PlainAnswer(self._local, procedure, registration)
        if registration.callees[0].disclose_caller:
            return None  # which its invocations say, and no others
        eager = self._local.runtime.support.eager
        if eager and procedure.awaited and not procedure.needs_invocation:
            return PlainTask(self._local, procedure, registration)
        return PlainInvocation(self._local, procedure, registration)

    # --- Cancelling ---------------------------------------------------------------

    def interrupt(self, message: Interrupt) -> None:
        """Cancel the handler of an invocation, if it runs."""
        run = self.running.get(message.request)
        if run is None:
            return
        invocation = run.invoked()
        invocation.note_interrupt(message)
        assert run.pending is not None, "known by its id"
        caller = run.pending.caller
        left = isinstance(caller, RouterSession) and not caller.joined
        if left and not self._local.runtime.cancel_on_disconnect:
            invocation.end_chunks()
            return
        run.cancel()
        if not run.started:
            # A task that is cancelled before its first step never gets to answer.
            self._ended(run)
            self._send_error(invocation, Canceled("the call was cancelled"))

    # --- Running handlers as tasks ------------------------------------------------

    def _start(
        self,
        procedure: HostedProcedure,
        invocation: Invocation,
        pending: PendingCall,
        awaitable: Awaitable[Any] | None = None,
    ) -> None:
        run = Run(invocation.message, invocation, awaitable)
        run.take_up(invocation, pending)
        runtime = self._local.runtime
        owner = pending.tasks
        if owner is None or not runtime.cancel_on_disconnect:
            owner = runtime.tasks
        elif run.id not in self._local.dealing.invocations:
            # A plain function has sent its own caller away.
            run.cancel()
            return
        self._note(run, pending)
        run.task = owner.start(self._run, procedure, run)

    def start_plainly(
        self, procedure: HostedProcedure, run: PlainRun, caller: RouterSession
    ) -> None:
        """Start the handler of a plain call, with an invocation only if it waits."""
        # Hot path.
        runtime = self._local.runtime
        owner = caller.tasks if runtime.cancel_on_disconnect else runtime.tasks
        assert owner is not None, "a wire peer has its connection's tasks"
        run.task = owner.start(self._run, procedure, run)
        if run.over:
            return  # an eager task that has not waited
        run.invoked()
        assert run.pending is not None, "it has been invoked"
        self._note(run, run.pending)
        if not caller.joined and runtime.cancel_on_disconnect:
            run.cancel()  # the handler has sent its own caller away, and waits

    def _note(self, run: Run, pending: PendingCall) -> None:
        self.running[run.id] = run
        pending.caller.dealing.running += 1

    def _ended(self, run: Run) -> None:
        run.over = True
        if self.running.pop(run.id, None) is run:
            assert run.pending is not None, "known by its id"
            run.invoked().end_chunks()
            run.pending.caller.dealing.running -= 1

    async def _run(self, procedure: HostedProcedure, run: Run) -> None:
        # Hot path.
        if run.over:
            return  # cancelled, and answered, before its first step
        run.started = True
        try:
            if run.awaitable is not None:
                result = await run.awaitable
            elif procedure.awaited:
                message = run.message
                args, kwargs = procedure.binding.bind(
                    run.context, message.args or (), message.kwargs or _NO_KWARGS
                )
                result = await procedure.function(*args, **kwargs)
            else:
                support = self._local.runtime.support
                result = await procedure.run(support, run.invoked(), self.send_progress)
        except self._local.runtime.support.cancelled:
            self._send_error(run.invoked(), Canceled("the call was cancelled"))
            raise
        except Exception as error:
            self._failed(run.invoked(), error)
        else:
            if not run.answer(result):
                self._answer(procedure, run.invoked(), result)
        finally:
            self._ended(run)

    # --- Answering ----------------------------------------------------------------

    def _answer(
        self, procedure: HostedProcedure, invocation: Invocation, result: Any
    ) -> None:
        # Hot path.
        if type(result) in SIMPLE:
            # What `Dealer.yield_` comes to, for what is answered most.
            pending = self._local.dealing.invocations.get(invocation.id)
            if pending is not None:
                pending.answer_simply([] if result is None else [result])
            return
        try:
            if isinstance(result, RPCErrorResult):
                raise ApplicationError.from_uri(
                    result.error_uri, result.args, result.kwargs
                )
            args, kwargs = result_arguments(result, spread=procedure.spread_results)
            answer = Yield(invocation.id, {}, plain_args(args), plain_kwargs(kwargs))
        except Exception as error:
            self._failed(invocation, error)
        else:
            if isinstance(result, RPCResult) and result.passthru:
                answer.options.update(result.passthru)
            self._local.router.run(
                self._local.router.dealer.yield_, self._local, answer
            )

    def send_progress(self, invocation: Invocation, item: Any) -> None:
        """Send one progressive result, if the caller asked for progress.

        Raises `EncodingError` for what is not plain data.
        """
        if not invocation.receive_progress:
            return
        args, kwargs = result_arguments(item, spread=False)
        message = Yield(
            invocation.id, {"progress": True}, plain_args(args), plain_kwargs(kwargs)
        )
        if isinstance(item, RPCResult):
            message.options.update(item.passthru)
        self._local.router.run(self._local.router.dealer.yield_, self._local, message)

    def _failed(self, invocation: Invocation, error: Exception) -> None:
        """Answer with what a handler raised, whatever state that is in."""
        invocation.note_exception(error)
        try:
            self._explain(invocation, error)
        except Exception:
            # An error of the application's own making, without what errors have.
            logger.exception(
                "session %s: the error of procedure %s cannot be told",
                invocation.caller,
                shown(invocation.uri),
            )
            self._send_error(invocation, RuntimeFailure())

    def _explain(self, invocation: Invocation, error: Exception) -> None:
        """Answer with an error; only `ApplicationError` tells more than its URI."""
        # What cannot be encoded is the handler's fault, not an answer to its caller.
        if not isinstance(error, ApplicationError) or type(error) is EncodingError:
            logger.error(
                "session %s: procedure %s failed",
                invocation.caller,
                shown(invocation.uri),
                exc_info=error,
            )
            uri = error.uri if type(error) is EncodingError else None
            details = (str(error) or repr(error),) if self._local.runtime.debug else ()
            error = ApplicationError.from_uri(uri or uris.RUNTIME_ERROR, details)
        self._send_error(invocation, error)

    def _send_error(self, invocation: Invocation, error: ApplicationError) -> None:
        try:
            args, kwargs = plain_args(error.args), plain_kwargs(error.kwargs)
        except EncodingError as unencodable:
            logger.error(
                "session %s: the error of procedure %s cannot be sent whole: %s",
                invocation.caller,
                shown(invocation.uri),
                unencodable,
            )
            args = kwargs = None
        uri = answerable_uri(
            error.uri,
            uris.RUNTIME_ERROR,
            session=invocation.caller,
            what=f"procedure {shown(invocation.uri)}",
        )
        if uri != error.uri:
            # Callers are told nothing of what they were not meant to be told.
            args = kwargs = None
        message = Error(InvocationMessage.CODE, invocation.id, {}, uri, args, kwargs)
        self._local.router.run(self._local.router.dealer.error, self._local, message)
