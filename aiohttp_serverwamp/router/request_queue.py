"""The requests of one session that cannot be handled yet.

A request may need a decision that takes time: an authorizer, a subscription handler.
The session then waits for it as a task of its connection and later requests queue up
behind it, which keeps their order; nothing of this ever stops the reading.
"""

from __future__ import annotations

import inspect
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from weakref import ref

from aiohttp_serverwamp.errors import (
    ApplicationError,
    Canceled,
    ProtocolViolation,
    RateLimited,
    RuntimeFailure,
    SessionRejected,
    TimedOut,
    Unavailable,
)
from aiohttp_serverwamp.limits import MESSAGES_A_TURN
from aiohttp_serverwamp.messages import Call, Error, Message, Result
from aiohttp_serverwamp.router import endings
from aiohttp_serverwamp.router.pending_call import timeout_of

if TYPE_CHECKING:
    from aiohttp_serverwamp.interfaces import TaskHandle
    from aiohttp_serverwamp.limits import Limits
    from aiohttp_serverwamp.router.deadlines import Deadline
    from aiohttp_serverwamp.router.session import RouterSession

__all__ = ["RequestQueue", "Resume"]

#: How many times its size on the wire a decoded message is taken to need.
_DECODED: Final = 8

logger = logging.getLogger("aiohttp_serverwamp.router")

#: Goes on with a value, or with what kept it from coming.
Resume = Callable[[Any, Exception | None], None]


class _Deferral:
    """The one thing that a session waits for."""

    __slots__ = ("awaitable", "request", "resume", "task")

    def __init__(self, request: Message | None, resume: Resume) -> None:
        #: Gets an ERROR if `resume` raises one; None while joining.
        self.request = request
        self.resume = resume
        self.awaitable: Awaitable[Any] | None = None
        #: What awaits it for a client that is joining.
        self.task: TaskHandle | None = None

    def drop(self) -> None:
        """Give up; a coroutine whose task never ran is closed without a warning."""
        if self.task is not None:
            # Nobody is there any more to be let in.
            self.task.cancel()
        coroutine = self.awaitable
        if (
            inspect.iscoroutine(coroutine)
            and inspect.getcoroutinestate(coroutine) == inspect.CORO_CREATED
        ):
            coroutine.close()


class RequestQueue:
    """What a session waits for, and the requests behind it."""

    __slots__ = (
        "_bytes",
        "_deferral",
        "_limit",
        "_max_bytes",
        "_reference",
        "_refusing",
        "_timed",
        "_waiting",
        "_working_off",
    )

    def __init__(self, session: RouterSession, limits: Limits) -> None:
        # The session owns the queue; the other way round a strong reference would leave
        # every session that has ended to the garbage collector.
        self._reference = ref(session)
        self._limit = limits.max_pending_calls or float("inf")
        # What waits is decoded already, and takes several times its size on the wire.
        self._max_bytes = (limits.max_pending_bytes or float("inf")) / _DECODED
        self._deferral: _Deferral | None = None
        #: Requests with their sizes on the wire.
        # Made when there is one: an empty one takes more than all the rest.
        self._waiting: deque[tuple[Message, int]] | None = None
        self._bytes = 0
        self._refusing = False
        self._working_off = False
        #: Of CALLs with a timeout that wait: when they came, and when that is over.
        self._timed: dict[int, tuple[float, Deadline]] = {}

    @property
    def _session(self) -> RouterSession:
        session = self._reference()
        assert session is not None, "drop() has let go of all that comes back here"
        return session

    @property
    def busy(self) -> bool:
        """Whether a request has to wait."""
        return self._deferral is not None

    def put(self, message: Message, size: int) -> None:
        """Queue a request of so many bytes; refuse it when too many wait.

        The first one always finds room.
        """
        waiting = self._waiting
        if waiting is None:
            waiting = self._waiting = deque()
        count = len(waiting)
        if count >= self._limit or (count and self._bytes + size > self._max_bytes):
            self._log_refusing()
            error = Unavailable("too many requests wait for a decision")
            self._turn_away(message, error)
            return
        waiting.append((message, size))
        self._bytes += size
        self.limit_time(message)

    def is_early(self, message: Message) -> bool:
        """Refuse a request that comes too early for its realm; tell whether it does."""
        limits = self._session.router.rate_limits
        assert limits is not None, "without a limit nothing is early"
        try:
            limits.check(self._session)
        except RateLimited as error:
            self._turn_away(message, error)
            return True
        return False

    def _turn_away(self, message: Message, error: ApplicationError) -> None:
        """Refuse a request that has just come; one answer for all chunks of a call."""
        if isinstance(message, Call):
            if self._is_answered(message.request):
                return
            self._withdraw(message.request)
        self._session.refuse(message, error)

    def _log_refusing(self) -> None:
        # Once a session: a PUBLISH that nobody acknowledges is lost without a word.
        if not self._refusing:
            self._refusing = True
            logger.warning(
                "session %s: too many requests wait for a decision; more are refused",
                self._session.id,
            )

    def drop(self) -> None:
        """Forget everything: the session has ended."""
        deferral, self._deferral = self._deferral, None
        if deferral is not None:
            deferral.drop()
        self._waiting = None
        self._bytes = 0
        self._timed.clear()

    def spare(self) -> None:
        """Let what is awaited for a joining client run to its end, come what may."""
        if self._deferral is not None:
            self._deferral.task = None

    # --- Waiting ------------------------------------------------------------------

    def defer(self, request: Message | None, resume: Resume) -> Resume:
        """Wait until the returned function is called, with a value or an error.

        It then calls `resume` and works off what has queued up. Calls after the first,
        and after the end of the session, do nothing. What `resume` raises is answered
        like what a request raises.
        """
        deferral = self._deferral = _Deferral(request, resume)
        return lambda value, error: self._resolve(deferral, value, error)

    def await_for(
        self,
        request: Message | None,
        awaitable: Awaitable[Any],
        resume: Resume | None = None,
    ) -> None:
        """Await as a task of the connection, then go on with `resume`."""
        resolve = self.defer(request, resume or _raise)
        deferral = self._deferral
        assert deferral is not None, "just made"
        deferral.awaitable = awaitable
        assert self._session.tasks is not None, "a wire peer has its connection's tasks"
        task = self._session.tasks.start(wait, awaitable, resolve)
        if request is None:
            deferral.task = task

    def _resolve(
        self, deferral: _Deferral, value: Any, error: Exception | None
    ) -> None:
        session = self._reference()
        if session is None or deferral is not self._deferral:
            return
        self._deferral = None
        try:
            if session.joined:
                session.router.run(self._resume, deferral, value, error)
                self._work_off()
            else:
                deferral.resume(value, error)
        except Exception as failure:
            endings.fail(session, failure)

    def _resume(self, deferral: _Deferral, value: Any, error: Exception | None) -> None:
        try:
            deferral.resume(value, error)
        except (ProtocolViolation, SessionRejected):
            raise
        except Exception as failure:
            if not isinstance(failure, ApplicationError):
                logger.exception("session %s: a request failed", self._session.id)
                failure = RuntimeFailure()
            if deferral.request is not None:
                self._session.refuse(deferral.request, failure)
        else:
            call = deferral.request
            if isinstance(call, Call):
                self._count_time(call)
                if self._session.host.synchronize_requests:
                    self.await_answer(call)

    def _work_off(self) -> None:
        # An eager task resolves its deferral before `perform` returns: the outermost
        # call goes on then, or a long queue would end in RecursionError.
        if self._working_off:
            return
        session = self._session
        self._working_off = True
        left = MESSAGES_A_TURN
        try:
            while self._waiting and self._deferral is None and session.joined:
                if not left:
                    self._pause()
                    break
                left -= 1
                message, size = self._waiting.popleft()
                self._bytes -= size
                session.router.run(self._perform, message)
            if not self._waiting:
                self._waiting = None
        except (ProtocolViolation, SessionRejected) as failure:
            endings.fail(session, failure)
        finally:
            self._working_off = False

    def _pause(self) -> None:
        """Let other clients have their turn; until then, this one's requests wait."""
        session = self._session
        resolve = self.defer(None, _raise)
        session.deadlines.add(session.host.now(), partial(resolve, None, None))

    def _perform(self, message: Message) -> None:
        self._session.perform(message)
        if isinstance(message, Call):
            self._count_time(message)

    def run_beside(self, message: Message, awaitable: Awaitable[Any]) -> None:
        """Await what nothing waits for: the handling of an answer, or of CANCEL."""
        session = self._session

        def done(value: Any, error: Exception | None) -> None:
            if isinstance(error, ProtocolViolation | SessionRejected):
                endings.fail(session, error)
            elif error is not None:
                name = type(message).__name__.upper()
                logger.error("session %s: %s failed", session.id, name, exc_info=error)

        assert session.tasks is not None, "a wire peer has its connection's tasks"
        session.tasks.start(wait, awaitable, done)

    # --- Cancelling what waits ----------------------------------------------------

    def cancel(self, request: int) -> bool:
        """Cancel a CALL that was not routed yet, if there is one (REQ-RPC-081)."""
        if request in self._session.dealing.calls or self._is_answered(request):
            return False  # routed; only its answer or a chunk of it waits here
        withdrawn = self._withdraw(request)
        if withdrawn is None:
            return False
        self._session.refuse(withdrawn, Canceled("the caller cancelled"))
        return True

    def _is_answered(self, request: int) -> bool:
        """Tell whether a call has had its answer, and what comes of it is too late."""
        return request in self._session.dealing.unfinished

    def _withdraw(self, request: int) -> Call | None:
        """Forget a CALL with all of its chunks; return the last of them, or None."""
        last = None
        deferral = self._deferral
        if (
            deferral is not None
            and _is_call(deferral.request, request)
            and request not in self._session.dealing.calls
        ):
            self._deferral = None
            last = deferral.request
        kept: deque[tuple[Message, int]] = deque()
        for message, size in self._waiting or ():
            if _is_call(message, request):
                last = message
                self._bytes -= size
            else:
                kept.append((message, size))
        self._waiting = kept
        if self._deferral is None:
            self._session.router.later(self._work_off)
        assert last is None or isinstance(last, Call)
        return last

    # --- The time of calls that wait ----------------------------------------------

    def limit_time(self, message: Message) -> None:
        """Have a CALL that must wait end in its time, which has begun (REQ-RPC-088)."""
        session = self._session
        if not isinstance(message, Call) or Call in session.host.request_handlers:
            return
        request, timeout = message.request, timeout_of(message)
        known = request in self._timed or request in session.dealing.calls
        if not timeout or known or self._is_answered(request):
            return
        began = session.host.now()
        deadline = session.deadlines.add(
            began + timeout, partial(self._time_out, request)
        )
        self._timed[request] = began, deadline

    def _time_out(self, request: int) -> None:
        withdrawn = self._withdraw(request)
        assert withdrawn is not None, "what is timed waits"
        self._session.refuse(withdrawn, TimedOut("the call took too long"))

    def _count_time(self, call: Call) -> None:
        """Count the timeout of a call from when it came, unless it waits anew."""
        pending = self._session.dealing.calls.get(call.request)
        if pending is not None and call.request in self._timed:
            pending.count_from(self._timed[call.request][0])
            self.forget_time(call.request)

    def forget_time(self, request: int) -> None:
        """Time a CALL no longer: it is routed, or refused."""
        timed = self._timed.pop(request, None)
        if timed is not None:
            self._session.deadlines.cancel(timed[1])

    # --- With synchronize_requests, a call in flight holds up what is behind it ---

    def await_answer(self, call: Call) -> None:
        """Wait for the answer of a call that was just routed, unless it has come.

        As long as chunks of a progressive call are to come nothing waits behind it.
        """
        pending = self._session.dealing.calls.get(call.request)
        if self._deferral is None and pending is not None and not pending.more:
            self.defer(call, _raise)

    def note_answer(self, message: Message) -> None:
        """Go on if this is the final answer that is waited for."""
        if isinstance(message, Result):
            final = not message.details.get("progress")
        elif isinstance(message, Error):
            final = message.request_type == Call.CODE
        else:
            return
        deferral = self._deferral
        if (
            final
            and deferral is not None
            and _is_call(deferral.request, message.request)
        ):
            self._session.router.later(self._resolve, deferral, None, None)


async def wait(awaitable: Awaitable[Any], resolve: Resume) -> None:
    """Await, as a task, and tell `resolve` the value or what was raised."""
    try:
        value = await awaitable
    except Exception as error:
        resolve(None, error)
    except GeneratorExit:
        raise  # the loop has ended, and everything with it
    except BaseException:
        # Cancelled: with the session, which hears nothing any more, or because what was
        # awaited was cancelled by somebody else. Then nobody but us knows.
        resolve(None, RuntimeError("what was awaited has been cancelled"))
        raise
    else:
        resolve(value, None)


def _raise(value: Any, error: Exception | None) -> None:
    """Have an error answered; a value means nothing more is to be done."""
    if error is not None:
        raise error


def _is_call(message: Message | None, request: int) -> bool:
    return isinstance(message, Call) and message.request == request
