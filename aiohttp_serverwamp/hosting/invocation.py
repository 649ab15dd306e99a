"""What a procedure sees of its call, and what it may return."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from threading import get_ident
from typing import TYPE_CHECKING, Any

from aiohttp_serverwamp.errors import ConfigurationError, ProtocolViolation
from aiohttp_serverwamp.hosting.chunks import Chunk, Chunks
from aiohttp_serverwamp.hosting.serverwamp_names import Advising
from aiohttp_serverwamp.messages import Yield, check_options
from aiohttp_serverwamp.router.passthru import PASSTHRU_KEYS, carry

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
    "check_passthru",
]


@dataclass(slots=True)
class RPCResult:
    """A result with exactly these positional and keyword arguments.

    ``RPCResult([None])`` is one null; returning None is no argument at all. Raises
    `ConfigurationError` for what is no list of arguments, such as a str.
    """

    args: Sequence[Any] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    #: With payload passthru its keys, as ``{"ppt_scheme": "x_mine"}``; the one argument
    #: is the payload then, as bytes (8.6).
    passthru: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_arguments(type(self).__name__, self.args, self.kwargs)
        if self.passthru:
            check_passthru(type(self).__name__, self.passthru)


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


def check_passthru(what: str, passthru: Mapping[str, str]) -> None:
    """Raise `ConfigurationError` unless these are the keys of payload passthru."""
    try:
        keys = dict(passthru)
        check_options(Yield, keys)
    except (ProtocolViolation, TypeError, ValueError) as error:
        raise ConfigurationError(f"{what}(passthru=...): {error}") from None
    if not keys.get("ppt_scheme") or not all(key in PASSTHRU_KEYS for key in keys):
        raise ConfigurationError(
            f"{what}(passthru={dict(passthru)!r}): give ppt_scheme, and what it needs "
            "of ppt_serializer, ppt_cipher and ppt_keyid"
        )


class Invocation(Advising):
    """One call of a hosted procedure (specification, INVOCATION).

    Ask for it with a parameter annotated `Invocation`, or named ``invocation`` or
    ``request``.
    """

    __slots__ = ("_chunks", "_interrupt", "_local", "message", "_pending")

    def __init__(
        self,
        local: LocalSession,
        pending: PendingCall,
        message: messages.Invocation,
    ) -> None:
        self._local = local
        self._pending = pending
        self.message = message
        # Made now where chunks are to come: a handler may ask in another thread.
        self._chunks: Chunks | None = None
        if pending.more is not None:
            self._chunks = self._chunks_from_here()
            pending.cut_short = self._chunks.end
        self._interrupt: messages.Interrupt | None = None

    # --- For those who run the handler --------------------------------------------

    def take_chunk(self, message: messages.Invocation) -> None:
        """Take a further chunk of a progressive call."""
        chunk = Chunk(message.args or (), message.kwargs or {})
        self.chunks.put(chunk, more=message.details.get("progress", False))

    def note_interrupt(self, message: messages.Interrupt) -> None:
        """Remember how the call was cancelled."""
        self._interrupt = message

    def note_exception(self, error: Exception) -> None:
        """Let observers know what the handler has raised."""
        self._pending.note_exception(error)

    def end_chunks(self) -> None:
        """Let who waits for a chunk know that the call has ended."""
        if self._chunks is not None:
            self._chunks.end()

    # --- For the handler ----------------------------------------------------------

    def __repr__(self) -> str:
        return f"<Invocation {self.id} of {self.uri}>"

    @property
    def id(self) -> int:
        """The invocation's id."""
        return self.message.request

    @property
    def uri(self) -> str:
        """The URI that was called; with pattern routes not the route's own."""
        return self._pending.procedure

    @property
    def args(self) -> Sequence[Any]:
        """The positional arguments of the call, not converted."""
        return self.message.args or ()

    @property
    def kwargs(self) -> Mapping[str, Any]:
        """The keyword arguments of the call, not converted."""
        return self.message.kwargs or {}

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
    def details(self) -> Mapping[str, Any]:
        """``INVOCATION.Details`` of the first chunk (specification, 5.13)."""
        return self.message.details

    @property
    def passthru(self) -> Mapping[str, str]:
        """The ``ppt_`` keys of a call with payload passthru, else nothing (8.6).

        The one argument is the payload then, as bytes.
        """
        keys: dict[str, str] = {}
        carry(self.message.details, keys)
        return keys

    @property
    def progressive(self) -> bool:
        """Whether the arguments come in chunks; see `chunks`."""
        return self._pending.progressive

    @property
    def chunks(self) -> Chunks:
        """The arguments, chunk by chunk, from those the handler was called with on.

        Iterate with ``async for``, and with ``for`` in a handler with ``thread=True``.
        A call that is not progressive is one chunk (5.3).
        """
        if self._chunks is None:
            self._chunks = self._chunks_from_here()
        return self._chunks

    def _chunks_from_here(self) -> Chunks:
        return Chunks(
            self._local.runtime,
            self._pending.caller.dealing,
            Chunk(self.args, self.kwargs),
            more=self.message.details.get("progress", False),
            limits=self._local.limits,
        )

    @property
    def cancel_mode(self) -> str | None:
        """How the call was cancelled: "kill", "killnowait", or None if it was not.

        For the clean-up code of a handler. Only with "kill" does its caller wait for
        what the handler raises or returns after that (5.4).
        """
        return None if self._interrupt is None else self._interrupt.options["mode"]

    @property
    def trust_level(self) -> int | None:
        """How far the call is trusted; see `Realm.set_trust_levels` (5.7)."""
        return self.message.details.get("trustlevel")

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
