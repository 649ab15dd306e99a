"""What the router asks of the application around it: protocols, no behaviour.

They stand here and not in `interfaces`, because they speak of the router's own classes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from aiohttp_serverwamp.auth.authenticator import Authenticator
    from aiohttp_serverwamp.history.event import HistoryEvent
    from aiohttp_serverwamp.history.query import HistoryQuery
    from aiohttp_serverwamp.limits import Limits, SlowConsumerReport
    from aiohttp_serverwamp.messages import Message
    from aiohttp_serverwamp.router.failed_sign_ins import FailedSignIns
    from aiohttp_serverwamp.router.router import Router
    from aiohttp_serverwamp.router.session import RouterSession
    from aiohttp_serverwamp.router.tally import Tally
    from aiohttp_serverwamp.uris import Match

__all__ = [
    "EndedLife",
    "HistoryKeeper",
    "HostedLife",
    "HostedTopics",
    "JoinableRealm",
    "RequestHandler",
    "RouterHost",
    "TopicPayloads",
    "TransportAuthenticator",
]

#: ``fn(session) -> Identity | truthy | None``, or an awaitable of it.
TransportAuthenticator = Callable[[Any], Any]

#: ``async fn(message, session)``: replaces what the router does with one message type.
RequestHandler = Callable[[Any, Any], Awaitable[None]]


class EndedLife(Protocol):
    """Hosted code that ends with a subscription or a session."""

    def end(self) -> None:
        """Let the rest of it run, or cancel it if it has not started."""


class HostedLife(EndedLife, Protocol):
    """Hosted code that accompanies a subscription or a session from start to end."""

    def start(self, started: Callable[[Exception | None], None]) -> None:
        """Start it; `started` hears once what kept it from starting, or None.

        An `end` that comes first keeps it from starting, too.
        """


class HostedTopics(Protocol):
    """The hosted topics of one realm."""

    def admits(self, session: RouterSession, uri: str, match: Match) -> bool:
        """Tell whether a fallback, which no rule can name, takes this topic."""

    def life(self, session: RouterSession, uri: str, match: Match) -> HostedLife | None:
        """Return what accompanies this subscription, or None."""


class TopicPayloads(Protocol):
    """What the arguments of some topics' events have to be."""

    def check(
        self,
        topic: str,
        args: Sequence[Any] | None,
        kwargs: Mapping[str, Any] | None,
    ) -> None:
        """Raise `InvalidArgument` unless the arguments are what the topic's are."""


class HistoryKeeper(Protocol):
    """Where the histories of one realm go; a log is one of them, by its name."""

    async def open(self, log: str, limit: int, oldest: int | None) -> None:
        """Let a log be there, within its bounds; raise what keeps it from being."""

    def record(
        self, log: str, event: HistoryEvent, limit: int, oldest: int | None
    ) -> None:
        """Take an event for a log, and the bounds of that; never wait."""

    async def select(self, log: str, query: HistoryQuery) -> Sequence[HistoryEvent]:
        """Return what a query asks of a log, with what has been recorded before."""


class JoinableRealm(Protocol):
    """One realm, as a joining session needs it."""

    uri: str

    @property
    def router(self) -> Router:
        """Its live broker and dealer."""

    @property
    def authentication_handler(self) -> TransportAuthenticator | None:
        """What replaces all authenticators, or None."""

    @property
    def transport_authenticators(self) -> Sequence[TransportAuthenticator]:
        """Who is asked first, in this order."""

    @property
    def authenticators(self) -> Mapping[str, Authenticator]:
        """The challenge methods, by authmethod."""

    def view(self, session: RouterSession) -> Any:
        """Return the public Session of a session."""

    def life(
        self, session: RouterSession, *, joining: bool = False
    ) -> HostedLife | None:
        """Return what accompanies this session while it is joined, or None.

        With `joining`: what accompanies it from HELLO on.
        """


class RouterHost(Protocol):
    """The application, as its sessions need it."""

    limits: Limits
    agent: str
    failed_sign_ins: FailedSignIns
    #: Counts those who have not reached a realm.
    tally: Tally
    strict_request_ids: bool
    synchronize_requests: bool

    @property
    def request_handlers(self) -> Mapping[type[Message], RequestHandler]:
        """What replaces the handling of a message type."""

    def now(self) -> float:
        """Return the monotonic time of deadlines, in seconds."""

    def wall_time(self) -> float:
        """Return the time at which identities expire, in seconds of the epoch."""

    def realm_of(self, uri: str | None) -> JoinableRealm:
        """Return the realm that serves `uri`; raise `SessionRejected` if none does.

        None stands for a client that names no realm, and has to be assigned one.
        """

    def assigned_realm(self, uri: str) -> JoinableRealm:
        """Return a realm that an authenticator has assigned, by its own URI.

        Raises `SessionRejected` if there is none.
        """

    def new_session_id(self) -> int:
        """Draw an id that no live session has (REQ-SES-025)."""

    def new_authid(self) -> str:
        """Draw an authid that cannot be guessed (REQ-AUTH-017)."""

    def opened(self, session: RouterSession) -> None:
        """Take note of a session that begins: its connection waits for HELLO."""

    def closed(self, session: RouterSession) -> None:
        """Take note of a session that has gone: its connection is closed and all tasks
        have ended, or another session has the connection now.
        """

    def joined(self, session: RouterSession) -> None:
        """Take note of a session that was welcomed."""

    def ended(self, session: RouterSession) -> None:
        """Take note of a session that is over, joined or not."""

    def slow_consumer(self, session: RouterSession, report: SlowConsumerReport) -> None:
        """Tell hosted code of a joined client that does not keep up."""
