"""What a procedure sees of its call, and what it may return."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from threading import get_ident
from typing import TYPE_CHECKING, Any

from aiohttp_serverwamp.errors import ConfigurationError
from aiohttp_serverwamp.hosting.serverwamp_names import Advising

if TYPE_CHECKING:
    from aiohttp_serverwamp import messages
    from aiohttp_serverwamp.hosting.local_session import LocalSession
    from aiohttp_serverwamp.hosting.session import Session
    from aiohttp_serverwamp.router.pending_call import PendingCall

__all__ = [
    "Invocation",
    "RPCErrorResult",
    "RPCProgressReport",
    "RPCResult",
    "check_arguments",
]


@dataclass(slots=True)
class RPCResult:
    """A result with exactly these positional and keyword arguments.

    ``RPCResult([None])`` is one null; returning None is no argument at all. Raises
    `ConfigurationError` for what is no list of arguments, such as a str.
    """

    args: Sequence[Any] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_arguments(type(self).__name__, self.args, self.kwargs)


@dataclass(slots=True)
class RPCProgressReport(RPCResult):
    """A progressive result; dropped if the caller did not ask for progress (5.2)."""


@dataclass(slots=True)
class RPCErrorResult:
    """An error to return instead of raising `ApplicationError`.

    Raises `ConfigurationError` for what is no list of arguments, such as a str.
    """

    error_uri: str
    args: Sequence[Any] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_arguments(type(self).__name__, self.args, self.kwargs)


def check_arguments(what: str, args: object, kwargs: object) -> None:
    """Raise `ConfigurationError` unless these are arguments for a message.

    Text is a sequence, too: it would be sent letter by letter.
    """
    if args is not None and (
        not isinstance(args, Sequence)
        or isinstance(args, str | bytes | bytearray | memoryview)
    ):
        raise ConfigurationError(
            f"{what} takes its positional arguments as a list: write args=[...] around "
            f"this {type(args).__name__}"
        )
    if kwargs is not None and not isinstance(kwargs, Mapping):
        raise ConfigurationError(
            f"{what} takes its keyword arguments as a dict: write kwargs={{...}}, not "
            f"a {type(kwargs).__name__}"
        )


class Invocation(Advising):
    """One call of a hosted procedure (specification, INVOCATION).

    Ask for it with a parameter annotated `Invocation`, or named ``invocation`` or
    ``request``.
    """

    __slots__ = ("_local", "_message", "_pending")

    def __init__(
        self,
        local: LocalSession,
        pending: PendingCall,
        message: messages.Invocation,
    ) -> None:
        self._local = local
        self._pending = pending
        self._message = message

    def __repr__(self) -> str:
        return f"<Invocation {self.id} of {self.uri}>"

    @property
    def id(self) -> int:
        """The invocation's id."""
        return self._message.request

    @property
    def uri(self) -> str:
        """The URI that was called; with pattern routes not the route's own."""
        return self._pending.procedure

    @property
    def args(self) -> Sequence[Any]:
        """The positional arguments of the call, not converted."""
        return self._message.args or ()

    @property
    def kwargs(self) -> Mapping[str, Any]:
        """The keyword arguments of the call, not converted."""
        return self._message.kwargs or {}

    @property
    def session(self) -> Session:
        """The calling session; for calls by the application, its own."""
        session: Session = self._pending.caller.public()
        return session

    @property
    def caller(self) -> int:
        """The id of the calling session."""
        return self._pending.caller.id

    @property
    def trust_level(self) -> int | None:
        """How far the call is trusted; see `Realm.set_trust_levels` (5.7)."""
        return self._message.details.get("trustlevel")

    @property
    def timeout(self) -> float:
        """Seconds the caller waits for an answer, and for the next one; 0: for ever.

        `CallOptions.timeout`, as on the wire, is in milliseconds.
        """
        return self._pending.timeout

    @property
    def receive_progress(self) -> bool:
        """Whether the caller wants progressive results."""
        return self._pending.receive_progress

    def progress(self, *args: Any, **kwargs: Any) -> Coroutine[Any, Any, None]:
        """Send a progressive result; nothing if the caller did not ask for any (5.2).

        To be awaited, by async handlers; it lets other tasks run, so that a loop that
        reports progress blocks nobody. Raises `EncodingError` for what is not plain
        data, and `ConfigurationError` in a worker thread.
        """
        if get_ident() != self._local.runtime.thread:
            raise ConfigurationError(
                "a handler with thread=True reports no progress: write 'async def', "
                "'await invocation.progress(...)', and run what blocks by "
                "'await asyncio.to_thread(...)'"
            )
        return self._progress(RPCProgressReport(args, kwargs))

    async def _progress(self, report: RPCProgressReport) -> None:
        self._local.procedures.send_progress(self, report)
        await self._local.runtime.support.sleep(0)
