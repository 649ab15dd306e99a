"""Handlers that run as tasks, each for one invocation."""

from __future__ import annotations

from inspect import iscoroutine
from typing import TYPE_CHECKING, Any, Final

from aiohttp_serverwamp.errors import EncodingError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp_serverwamp.hosting.invocation import Invocation
    from aiohttp_serverwamp.hosting.session import Session
    from aiohttp_serverwamp.interfaces import TaskHandle
    from aiohttp_serverwamp.messages import Call
    from aiohttp_serverwamp.messages import Invocation as InvocationMessage
    from aiohttp_serverwamp.router.pending_call import PendingCall
    from aiohttp_serverwamp.router.session import RouterSession

__all__ = ["SIMPLE", "Context", "PlainRun", "Run"]

#: Results that `Peer.answer_call` takes.
SIMPLE: Final = frozenset({type(None), bool, int, str})


class Context:
    """What handlers that take nothing else of an `Invocation` may know of it."""

    __slots__ = ("_caller",)

    def __init__(self, caller: RouterSession) -> None:
        self._caller = caller

    @property
    def session(self) -> Session:
        """The calling session."""
        session: Session = self._caller.public()
        return session


class Run:
    """A handler that runs as a task, or is about to."""

    __slots__ = (
        "awaitable",
        "context",
        "id",
        "invocation",
        "message",
        "over",
        "pending",
        "started",
        "task",
    )

    def __init__(
        self,
        message: InvocationMessage | Call,
        context: Invocation | Context | None,
        awaitable: Awaitable[Any] | None = None,
    ) -> None:
        #: The arguments of the call, and what its handler's parameters are bound with.
        self.message = message
        self.context = context
        #: What a plain function has returned to be awaited.
        self.awaitable = awaitable
        self.started = self.over = False
        self.task: TaskHandle | None = None
        self.invocation: Invocation | None = None
        self.pending: PendingCall | None = None
        #: Of the invocation; that of the pending call may become another callee's.
        self.id = 0

    def take_up(self, invocation: Invocation, pending: PendingCall) -> None:
        """Be the run of an invocation, which can be interrupted."""
        self.invocation = invocation
        self.pending = pending
        self.id = pending.invocation

    def invoked(self) -> Invocation:
        """Return the invocation."""
        assert self.invocation is not None, "given by `take_up`"
        return self.invocation

    def answer(self, result: Any) -> bool:
        """Answer without an invocation, if that can be; tell whether it was done."""
        return False

    def cancel(self) -> None:
        """Cancel the task."""
        if self.task is not None:
            self.task.cancel()
        if not self.started and iscoroutine(self.awaitable):
            # It never will be, and would say so in a warning.
            self.awaitable.close()


class PlainRun(Run):
    """A run that has no invocation before it waits, or before one is missed."""

    __slots__ = ("_caller", "_invoke")

    message: Call

    def __init__(
        self,
        call: Call,
        caller: RouterSession,
        context: Context | None,
        invoke: Callable[[RouterSession, Call], tuple[Invocation, PendingCall]],
    ) -> None:
        super().__init__(call, context)
        self._caller = caller
        self._invoke = invoke

    def invoked(self) -> Invocation:
        """Return the invocation, made now if there is none."""
        if self.invocation is None:
            self.take_up(*self._invoke(self._caller, self.message))
        assert self.invocation is not None, "just taken up"
        return self.invocation

    def answer(self, result: Any) -> bool:
        """Answer with what is answered most."""
        # Hot path.
        if self.invocation is not None or type(result) not in SIMPLE:
            return False
        args = [] if result is None else [result]
        try:
            self._caller.answer_call(self.message.request, args)
        except EncodingError:
            return False
        return True
