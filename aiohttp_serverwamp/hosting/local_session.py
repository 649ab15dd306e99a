"""LocalSession: the application as a peer of one realm.

Invocations become runs of handlers, their results become YIELD or ERROR. Publishing and
calling from application code goes the other way, through the same broker and dealer as
the clients'.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from inspect import isawaitable, iscoroutine
from threading import get_ident
from typing import TYPE_CHECKING, Any, Final

from aiohttp_serverwamp import uris
from aiohttp_serverwamp.errors import (
    ApplicationError,
    Canceled,
    EncodingError,
    RuntimeFailure,
    TimedOut,
)
from aiohttp_serverwamp.hosting.events import HostedSubscriptions
from aiohttp_serverwamp.hosting.invocation import Invocation, RPCErrorResult, RPCResult
from aiohttp_serverwamp.hosting.plain import plain_args, plain_kwargs
from aiohttp_serverwamp.hosting.procedures import HostedProcedure, result_arguments
from aiohttp_serverwamp.hosting.publication import (
    CallOptions,
    Publication,
    PublishOptions,
    check_name,
    options_dict,
)
from aiohttp_serverwamp.ids import Counter, random_id
from aiohttp_serverwamp.messages import (
    Call,
    Cancel,
    Error,
    Event,
    Interrupt,
    Message,
    Publish,
    Result,
    Yield,
)
from aiohttp_serverwamp.messages import Invocation as InvocationMessage
from aiohttp_serverwamp.router.answerable import answerable_uri
from aiohttp_serverwamp.router.peer import Peer
from aiohttp_serverwamp.router.session import RouterSession
from aiohttp_serverwamp.uris import shown

if TYPE_CHECKING:
    from aiohttp_serverwamp.hosting.events import EventHandler
    from aiohttp_serverwamp.hosting.route import EventRoute
    from aiohttp_serverwamp.hosting.runtime import Runtime
    from aiohttp_serverwamp.hosting.session import Session
    from aiohttp_serverwamp.interfaces import TaskHandle, Waiter
    from aiohttp_serverwamp.router.dealer import PendingCall
    from aiohttp_serverwamp.router.router import Router
    from aiohttp_serverwamp.serializers.frame import Frame

__all__ = ["LocalSession"]

logger = logging.getLogger("aiohttp_serverwamp.hosting")


class _Run:
    """A handler that runs as a task, or is about to."""

    __slots__ = ("awaitable", "invocation", "pending", "started", "task")

    def __init__(
        self,
        invocation: Invocation,
        pending: PendingCall,
        awaitable: Awaitable[Any] | None,
    ) -> None:
        self.invocation = invocation
        self.pending = pending
        #: What a plain function has returned to be awaited.
        self.awaitable = awaitable
        self.started = False
        self.task: TaskHandle | None = None

    def cancel(self) -> None:
        if self.task is not None:
            self.task.cancel()
        if not self.started and iscoroutine(self.awaitable):
            # It never will be, and would say so in a warning.
            self.awaitable.close()


class LocalSession(Peer):
    """The application in one realm (specification checklist, 5.14)."""

    __slots__ = (
        "_calls",
        "_make_view",
        "_procedures",
        "_requests",
        "_running",
        "router",
        "runtime",
        "subscriptions",
    )

    trusted = True

    def __init__(
        self, router: Router, runtime: Runtime, make_view: Callable[[Peer], Session]
    ) -> None:
        super().__init__()
        self.id = random_id()
        self.authid = self.authrole = "trusted"
        self.authmethod = self.authprovider = "local"
        self.router = router
        self.runtime = runtime
        self.tasks = runtime.tasks
        self._make_view = make_view
        self.subscriptions = HostedSubscriptions(runtime)
        self._procedures: dict[int, HostedProcedure] = {}
        #: Handlers that run as tasks, by invocation id.
        self._running: dict[int, _Run] = {}
        self._requests = Counter()
        #: Calls made by the application, by request id.
        self._calls: dict[int, Waiter[Any]] = {}

    def public(self) -> Session:
        """Return the application's own public Session."""
        if self.view is None:
            self.view = self._make_view(self)
        session: Session = self.view
        return session

    def supports(self, role: str, feature: str) -> bool:
        """Tell that hosted code can be interrupted; timeouts are the dealer's."""
        return (role, feature) == ("callee", "call_canceling")

    def host(self, registration: int, procedure: HostedProcedure) -> None:
        """Let `procedure` answer the invocations of a registration."""
        self._procedures[registration] = procedure

    def subscribe(self, route: EventRoute, handler: EventHandler) -> int:
        """Subscribe for a handler and return the subscription's id."""
        broker = self.router.broker
        subscription = broker.subscribe(self, route.uri, route.match)
        self.subscriptions.add(subscription.id, route.uri, handler)
        return subscription.id

    def unsubscribe(self, subscription: int, handler: EventHandler) -> None:
        """Take a handler's subscription back."""
        if self.subscriptions.remove(subscription, handler):
            self.router.broker.unsubscribe(self, subscription)

    # --- As a peer: what the router sends -----------------------------------------

    def send(self, message: Message) -> None:
        """Take a message from broker or dealer; it is acted on when they are done."""
        self.router.later(_RECEIVERS[type(message)], self, message)

    def write(self, frame: Frame) -> None:
        """Take an event that others receive, too."""
        self.send(frame.message)

    def _invoked(self, message: InvocationMessage) -> None:
        # Hot path.
        pending = self.dealing.invocations.get(message.request)
        if pending is None:
            return  # cancelled before hosted code saw it
        procedure = self._procedures[message.registration]
        invocation = Invocation(self, pending, message)
        if not procedure.inline:
            self._start(procedure, invocation, pending)
            return
        try:
            args, kwargs = procedure.binding.bind(
                invocation, message.args or (), message.kwargs or _NO_KWARGS
            )
            result = procedure.function(*args, **kwargs)
        except self.runtime.support.cancelled:
            # Of something that the function asked for, not of the client's connection.
            self._send_error(invocation, Canceled("the call was cancelled"))
            return
        except Exception as error:
            self._failed(invocation, error)
            return
        if type(result) not in _PLAIN and isawaitable(result):
            # A plain function may hand back a coroutine, as functools.partial-like
            # wrappers do; it is waited for like an async handler.
            self._start(procedure, invocation, pending, result)
        else:
            self._answer(procedure, invocation, result)

    def _interrupted(self, message: Interrupt) -> None:
        run = self._running.get(message.request)
        if run is None:
            return
        caller = run.pending.caller
        left = isinstance(caller, RouterSession) and not caller.joined
        if left and not self.runtime.cancel_on_disconnect:
            return
        run.cancel()
        if not run.started:
            # A task that is cancelled before its first step never gets to answer.
            self._ended(run)
            self._send_error(run.invocation, Canceled("the call was cancelled"))

    def _returned(self, message: Result) -> None:
        waiter = self._calls.pop(message.request, None)
        if waiter is not None:
            waiter.set_result(RPCResult(message.args or (), message.kwargs or {}))

    def _refused(self, message: Error) -> None:
        waiter = self._calls.pop(message.request, None)
        if waiter is not None:
            waiter.set_error(
                ApplicationError.from_uri(message.error, message.args, message.kwargs)
            )

    def _received(self, message: Event) -> None:
        self.subscriptions.deliver(message)

    # --- Running handlers as tasks ------------------------------------------------

    def _start(
        self,
        procedure: HostedProcedure,
        invocation: Invocation,
        pending: PendingCall,
        awaitable: Awaitable[Any] | None = None,
    ) -> None:
        run = _Run(invocation, pending, awaitable)
        owner = pending.tasks
        if owner is None or not self.runtime.cancel_on_disconnect:
            owner = self.runtime.tasks
        elif invocation.id not in self.dealing.invocations:
            # A plain function has sent its own caller away.
            run.cancel()
            return
        self._running[invocation.id] = run
        pending.caller.dealing.running += 1
        run.task = owner.start(self._run, procedure, run)

    def _ended(self, run: _Run) -> None:
        if self._running.pop(run.invocation.id, None) is run:
            run.pending.caller.dealing.running -= 1

    async def _run(self, procedure: HostedProcedure, run: _Run) -> None:
        invocation = run.invocation
        if self._running.get(invocation.id) is not run:
            return  # cancelled, and answered, before its first step
        run.started = True
        awaitable = run.awaitable
        if awaitable is None:
            support = self.runtime.support
            awaitable = procedure.run(support, invocation, self.send_progress)
        try:
            result = await awaitable
        except self.runtime.support.cancelled:
            self._send_error(invocation, Canceled("the call was cancelled"))
            raise
        except Exception as error:
            self._failed(invocation, error)
        else:
            self._answer(procedure, invocation, result)
        finally:
            self._ended(run)

    # --- Answering ----------------------------------------------------------------

    def _answer(
        self, procedure: HostedProcedure, invocation: Invocation, result: Any
    ) -> None:
        # Hot path.
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
            self.router.run(self.router.dealer.yield_, self, answer)

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
        self.router.run(self.router.dealer.yield_, self, message)

    def _failed(self, invocation: Invocation, error: Exception) -> None:
        """Answer with what a handler raised, whatever state that is in."""
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
        if not isinstance(error, ApplicationError) or isinstance(error, EncodingError):
            logger.error(
                "session %s: procedure %s failed",
                invocation.caller,
                shown(invocation.uri),
                exc_info=error,
            )
            uri = error.uri if isinstance(error, EncodingError) else None
            details = (str(error) or repr(error),) if self.runtime.debug else ()
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
        self.router.run(self.router.dealer.error, self, message)

    # --- Publishing ---------------------------------------------------------------

    def publish(
        self,
        topic: str,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        options: PublishOptions | None = None,
    ) -> Publication:
        """Publish an event; see `Realm.publish`."""
        message = self._publish_message(topic, args, kwargs, options)
        self.router.broker.check_publish(self, message)
        publication = random_id()
        self._in_loop(
            partial(self.router.broker.publish, self, message, publication=publication)
        )
        return Publication(publication)

    def send_event(
        self,
        peer: Peer,
        topic: str,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        trust_level: int | None = None,
    ) -> Publication:
        """Send an event to one peer; see `Session.send_event`."""
        message = self._publish_message(topic, args, kwargs, None)
        self.router.broker.check_publish(self, message)
        publication = random_id()
        self._in_loop(
            partial(
                self.router.broker.send_event,
                peer,
                message,
                publication=publication,
                trust_level=trust_level,
            )
        )
        return Publication(publication)

    @staticmethod
    def _publish_message(
        topic: str,
        args: Sequence[Any],
        kwargs: Mapping[str, Any] | None,
        options: PublishOptions | None,
    ) -> Publish:
        check_name("topic", topic)
        return Publish(
            1,
            options_dict(Publish, options),
            topic,
            plain_args(args),
            plain_kwargs(kwargs),
        )

    def _in_loop(self, operation: Callable[[], object]) -> None:
        """Do a router operation now, or hand it to the loop from another thread."""
        if get_ident() == self.runtime.thread:
            self.router.run(operation)
        else:
            self.runtime.from_thread(partial(self.router.run, operation))

    # --- Calling ------------------------------------------------------------------

    async def call(
        self,
        procedure: str,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        options: CallOptions | None = None,
        at: Peer | None = None,
    ) -> Any:
        """Call a procedure; see `Realm.call` and `Session.call`."""
        self.runtime.check_thread("call()")
        check_name("procedure", procedure)
        given = options_dict(Call, options)
        timeout = given.pop("timeout", 0) / 1000
        request = self._requests.next()
        message = Call(
            request, given, procedure, plain_args(args), plain_kwargs(kwargs)
        )
        support = self.runtime.support
        waiter = self._calls[request] = support.waiter()
        # What hosted code runs for this call belongs to the task that called.
        async with support.task_group() as tasks:
            try:
                self.router.run(
                    self.router.dealer.call, self, message, at=at, tasks=tasks
                )
                return await self._result(waiter, timeout)
            finally:
                self._calls.pop(request, None)
                self.router.run(self.router.dealer.cancel, self, Cancel(request, {}))

    async def _result(self, waiter: Waiter[RPCResult], timeout: float) -> Any:
        outcome: list[RPCResult] = []

        async def wait() -> None:
            outcome.append(await waiter.wait())

        await self.runtime.support.wait_at_most(timeout or None, wait)
        if not outcome:
            raise TimedOut("the call took too long")
        result = outcome[0]
        if result.kwargs or len(result.args) > 1:
            return result
        return result.args[0] if result.args else None


#: What a plain function's result cannot be awaited for; asked first because it is
#: cheap.
_PLAIN: Final = frozenset({type(None), bool, int, float, str, bytes, list, dict, tuple})
_NO_KWARGS: Final[Mapping[str, Any]] = {}

_RECEIVERS: Final[dict[type[Message], Callable[[LocalSession, Any], None]]] = {
    InvocationMessage: LocalSession._invoked,
    Interrupt: LocalSession._interrupted,
    Result: LocalSession._returned,
    Error: LocalSession._refused,
    Event: LocalSession._received,
}
