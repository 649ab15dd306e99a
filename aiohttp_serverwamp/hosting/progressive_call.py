"""A call by the application whose progress, and whose chunks, are taken one by one."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from functools import partial
from threading import get_ident
from typing import TYPE_CHECKING, Any

from aiohttp_serverwamp.errors import (
    ApplicationError,
    Canceled,
    ConfigurationError,
    Unavailable,
)
from aiohttp_serverwamp.hosting.plain_data import plain_args, plain_kwargs
from aiohttp_serverwamp.messages import Call, Cancel, CancelMode
from aiohttp_serverwamp.router.cancelling import cancel
from aiohttp_serverwamp.router.progressive_calls import continue_call
from aiohttp_serverwamp.serializers.payload_size import payload_size

if TYPE_CHECKING:
    from types import TracebackType

    from aiohttp_serverwamp.hosting.invocation import RPCResult
    from aiohttp_serverwamp.hosting.local_session import LocalSession
    from aiohttp_serverwamp.interfaces import Waiter
    from aiohttp_serverwamp.router.peer import Peer

__all__ = ["ProgressiveCall", "Receipts", "value_of"]


def value_of(result: RPCResult) -> Any:
    """Return None for no result, the value of a single positional one, else it all."""
    if result.kwargs or len(result.args) > 1 or result.passthru:
        return result
    return result.args[0] if result.args else None


class Receipts:
    """What has come back for one progressive call; the router's side of it."""

    def __init__(self, local: LocalSession, request: int) -> None:
        self._local = local
        self._request = request
        limits = local.limits
        self._limit = limits.max_pending_chunks or float("inf")
        self._max_bytes = limits.max_pending_chunk_bytes or float("inf")
        #: With the memory that each takes, roughly.
        self._reports: deque[tuple[Any, int]] = deque()
        self._bytes = 0
        #: Whether anybody takes them.
        self.wanted = True
        self.result: RPCResult | None = None
        self.error: BaseException | None = None
        self._waiters: list[Waiter[None]] = []

    @property
    def complete(self) -> bool:
        """Whether the final answer has come."""
        return self.result is not None or self.error is not None

    def report(self, result: RPCResult) -> None:
        """Take a progressive result; too many that nobody takes end the call."""
        if not self.wanted or self.complete:
            return
        size = payload_size([*result.args], dict(result.kwargs))
        count = len(self._reports)
        if count >= self._limit or (count and self._bytes + size > self._max_bytes):
            self.drop()
            self.set_error(Unavailable("too much progress waits to be taken"))
            self.cancel(CancelMode.KILLNOWAIT)
            return
        self._reports.append((value_of(result), size))
        self._bytes += size
        self._tell()

    @property
    def any_waits(self) -> bool:
        """Whether there are progressive results to take."""
        return bool(self._reports)

    def take(self) -> Any:
        """Take the first one that waits."""
        value, size = self._reports.popleft()
        self._bytes -= size
        return value

    def drop(self) -> None:
        """Forget those that wait."""
        self._reports.clear()
        self._bytes = 0

    def set_result(self, value: RPCResult) -> None:
        """Take the final result."""
        if not self.complete:
            self.result = value
            self._tell()

    def set_error(self, error: BaseException) -> None:
        """Take what the call has failed with."""
        if not self.complete:
            self.error = error
            self._tell()

    def cancel(self, mode: CancelMode) -> None:
        """Cancel the call; harmless when it has ended."""
        message = Cancel(self._request, {"mode": mode})
        self._local.router.run(cancel, self._local, message)

    async def news(self) -> None:
        """Wait until something comes; who is cancelled meanwhile cancels the call."""
        waiter = self._local.runtime.support.waiter()
        self._waiters.append(waiter)
        try:
            await waiter.wait()
        except BaseException:
            self.cancel(CancelMode.KILLNOWAIT)
            raise

    def _tell(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            waiter.set_result(None)


class ProgressiveCall:
    """One call, made by `Realm.call_progressively` or `Session.call_progressively`.

    Iterate over its progress: each item is what `Realm.call` would return for it. The
    iteration ends with the final answer, which `result` returns; if that is an error it
    is raised. The call is made when the iteration begins, or on the first use of
    another method.

    Leaving early cancels the call: when the iteration is left and nothing refers to the
    call any more, at the end of an ``async with``, and by `cancel`.
    """

    def __init__(self, local: LocalSession, call: Call, at: Peer | None) -> None:
        self._local = local
        self._call = call
        self._at = at
        self._started = False
        self._more = call.options.get("progress", False)
        self._receipts = Receipts(local, call.request)

    def _start(self) -> Receipts:
        """Make the call, once."""
        if not self._started:
            self._started = True
            local, call = self._local, self._call
            local.runtime.check_thread("call_progressively()")
            local.calls[call.request] = self._receipts
            try:
                local.router.run(local.router.dealer.call, local, call, at=self._at)
            except ApplicationError as error:
                del local.calls[call.request]
                self._receipts.set_error(error)
        return self._receipts

    # --- What comes back ----------------------------------------------------------

    def __aiter__(self) -> ProgressiveCall:
        self._start()
        return self

    async def __anext__(self) -> Any:
        receipts = self._start()
        while not receipts.any_waits:
            if receipts.error is not None:
                raise receipts.error
            if receipts.complete:
                raise StopAsyncIteration
            await receipts.news()
        return receipts.take()

    async def result(self) -> Any:
        """Wait for the final result and return it as `Realm.call` does.

        Progress that has not been taken is dropped. Raises `ApplicationError` or its
        subclass for the error's URI; `Canceled` for a call that was cancelled.
        """
        receipts = self._start()
        receipts.wanted = False
        receipts.drop()
        while not receipts.complete:
            await receipts.news()
        if receipts.result is None:
            assert receipts.error is not None, "it is complete"
            raise receipts.error
        return value_of(receipts.result)

    # --- What is sent -------------------------------------------------------------

    def send(self, *args: Any, **kwargs: Any) -> None:
        """Send a further chunk of arguments; more may follow.

        Only for a call made with ``CallOptions(progress=True)``, whose first chunk are
        its own arguments (specification, 5.3). Acts at once and never waits. What comes
        after the call has ended is dropped. Raises `EncodingError` for what is not
        plain data, and `ConfigurationError` after `finish`.
        """
        self._send(args, kwargs, more=True)

    def finish(self, *args: Any, **kwargs: Any) -> None:
        """Send the last chunk, as `send` does."""
        self._send(args, kwargs, more=False)

    def _send(self, args: Any, kwargs: Any, *, more: bool) -> None:
        local = self._local
        local.runtime.check_thread("send()")
        if not self._more:
            raise ConfigurationError(
                "the last chunk of this call has been sent: make the call with "
                "options=CallOptions(progress=True), send() all chunks but the last, "
                "and that one by finish()"
            )
        given, named = plain_args(args), plain_kwargs(kwargs)
        self._start()
        self._more = more
        request, procedure = self._call.request, self._call.procedure
        if request in local.dealing.calls:
            options = {"progress": True} if more else {}
            chunk = Call(request, options, procedure, given, named)
            local.router.run(continue_call, local, chunk, strict=False)

    # --- Leaving early ------------------------------------------------------------

    def cancel(self, mode: CancelMode | str = CancelMode.KILLNOWAIT) -> None:
        """Cancel the call, as CANCEL does: "skip", "kill" or "killnowait" (5.4).

        With "kill" its callee may still answer. Does nothing when the call has ended.
        Raises `ConfigurationError` for another mode.
        """
        try:
            chosen = CancelMode(mode)
        except ValueError:
            raise ConfigurationError(
                f"cancel({mode!r}): give 'skip', 'kill' or 'killnowait'"
            ) from None
        self._local.runtime.check_thread("cancel()")
        if self._started:
            self._receipts.cancel(chosen)
        else:
            self._started = True
            self._receipts.set_error(Canceled("cancelled before it was made"))

    async def __aenter__(self) -> ProgressiveCall:
        self._start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.cancel()

    def __del__(self) -> None:
        # Collected in whatever thread, and in the middle of whatever happens there.
        receipts = self._receipts
        if not self._started or receipts.complete:
            return
        runtime = self._local.runtime
        give_up = partial(receipts.cancel, CancelMode.KILLNOWAIT)
        later = partial(self._local.router.later, give_up)
        if get_ident() == runtime.thread:
            later()
        else:
            with suppress(ConfigurationError):  # the loop has ended, the call with it
                runtime.from_thread(later)
