"""The chunks of a progressive call, as its handler takes them (specification, 5.3)."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from threading import Condition, Lock, get_ident
from typing import TYPE_CHECKING, Any, Final

from aiohttp_serverwamp.errors import (
    ApplicationError,
    Canceled,
    ConfigurationError,
    Unavailable,
)
from aiohttp_serverwamp.serializers.payload_size import payload_size

if TYPE_CHECKING:
    from aiohttp_serverwamp.hosting.runtime import Runtime
    from aiohttp_serverwamp.interfaces import Waiter
    from aiohttp_serverwamp.limits import Limits
    from aiohttp_serverwamp.router.peer import DealerState

__all__ = ["Chunk", "Chunks"]

#: Calls of one caller may run in several threads.
_counting: Final = Lock()


@dataclass(frozen=True, slots=True)
class Chunk:
    """The arguments of one of the CALLs that make up a progressive call."""

    #: The positional arguments, not converted.
    args: Sequence[Any]
    #: The keyword arguments, not converted.
    kwargs: Mapping[str, Any]


class Chunks:
    """What the caller has sent, from the first chunk on; each is given out once.

    Ask for it with a parameter annotated `Chunks`, or by `Invocation.chunks`; both are
    the same, and whoever iterates again goes on where the last one stopped.

    An async handler iterates with ``async for``, a handler with ``thread=True`` with
    ``for``. Iterating waits for the next chunk, and ends after the last one. It raises
    `Unavailable` when more chunks of the caller were waiting than
    `Limits.max_pending_chunks` and `Limits.max_pending_chunk_bytes` admit, and
    `Canceled` when the call has ended before its last chunk came.
    """

    __slots__ = (
        "_caller",
        "_complete",
        "_counted",
        "_error",
        "_limit",
        "_max_bytes",
        "_news",
        "_queue",
        "_runtime",
        "_waiters",
    )

    def __init__(
        self,
        runtime: Runtime,
        caller: DealerState,
        first: Chunk,
        *,
        more: bool,
        limits: Limits,
    ) -> None:
        self._runtime = runtime
        self._caller = caller
        #: With the memory that each takes, roughly, as it counts for the caller: the
        #: first of the call does not.
        self._queue = deque([(first, 0)])
        #: How many of the queue count for the caller.
        self._counted = 0
        self._limit = limits.max_pending_chunks or float("inf")
        self._max_bytes = limits.max_pending_chunk_bytes or float("inf")
        self._complete = not more
        self._error: ApplicationError | None = None
        self._waiters: list[Waiter[None]] = []
        # Threads wait for it, and the loop never does for long.
        self._news = Condition()

    def put(self, chunk: Chunk, *, more: bool) -> None:
        """Take a chunk from the caller."""
        size = payload_size([*chunk.args], dict(chunk.kwargs))
        with self._news:
            too_much = self._too_much(size)
            if too_much is not None:
                # A gap would be worse than an end.
                self._fail(
                    Unavailable(
                        f"more than {too_much} wait to be taken: await progress before "
                        "sending more (Limits.max_pending_chunks, "
                        "max_pending_chunk_bytes)"
                    )
                )
            elif self._error is None:
                self._queue.append((chunk, size))
                self._count(1, size)
                self._complete = not more
            self._tell()

    def _too_much(self, size: int) -> str | None:
        """Tell what a chunk of so many bytes would be too much of."""
        caller = self._caller
        if caller.waiting_chunks >= self._limit:
            return f"{self._limit} chunks"
        waiting = caller.waiting_chunk_bytes
        if caller.waiting_chunks and waiting + size > self._max_bytes:
            return f"{self._max_bytes} bytes of chunks"
        return None

    def end(self) -> None:
        """Let who waits know that the call has ended; harmless after the last chunk."""
        with self._news:
            if not self._complete:
                self._fail(Canceled("the call has ended before its last chunk came"))
            # What is left may still be taken, and weighs on nobody.
            self._uncount()
            self._tell()

    def _fail(self, error: ApplicationError) -> None:
        self._uncount()
        self._queue.clear()
        if self._error is None:
            self._error = error

    def _count(self, chunks: int, size: int) -> None:
        with _counting:
            self._counted += chunks
            self._caller.waiting_chunks += chunks
            self._caller.waiting_chunk_bytes += size

    def _uncount(self) -> None:
        if self._counted:
            self._count(-self._counted, -sum(size for _, size in self._queue))

    def _take(self) -> Chunk:
        chunk, size = self._queue.popleft()
        if self._counted > len(self._queue):
            self._count(-1, -size)
        return chunk

    def _tell(self) -> None:
        self._news.notify_all()
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            waiter.set_result(None)

    def _finished(self) -> bool:
        """Tell whether nothing more comes; raise what has kept it from coming."""
        if self._error is not None:
            raise self._error
        return self._complete

    def __aiter__(self) -> AsyncIterator[Chunk]:
        return self

    async def __anext__(self) -> Chunk:
        while not self._queue:
            if self._finished():
                raise StopAsyncIteration
            waiter = self._runtime.support.waiter()
            self._waiters.append(waiter)
            await waiter.wait()
        return self._take()

    def __iter__(self) -> Iterator[Chunk]:
        return self

    def __next__(self) -> Chunk:
        if get_ident() == self._runtime.thread:
            raise ConfigurationError(
                "waiting for a chunk would block everybody: write 'async for chunk in "
                "invocation.chunks' in an async handler, or mark the route thread=True"
            )
        with self._news:
            while not self._queue:
                if self._finished():
                    raise StopIteration
                self._news.wait()
            return self._take()
