"""A peer: any participant of a realm, remote or hosted.

Broker and dealer know peers only. A browser's session, the application's own code and
the meta API differ in what `send` does, and in nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp_serverwamp.ids import Counter
from aiohttp_serverwamp.messages import Result
from aiohttp_serverwamp.router.deadlines import Deadlines

if TYPE_CHECKING:
    from aiohttp_serverwamp.interfaces import TaskRunner
    from aiohttp_serverwamp.limits import SlowConsumer
    from aiohttp_serverwamp.messages import Message
    from aiohttp_serverwamp.router.broker import Subscription
    from aiohttp_serverwamp.router.pending_call import PendingCall
    from aiohttp_serverwamp.router.plain_calls import PlainCall
    from aiohttp_serverwamp.router.registrations import Registration
    from aiohttp_serverwamp.serializers.frame import Frame

__all__ = ["BrokerState", "DealerState", "Peer"]


class BrokerState:
    """What the broker keeps about one peer."""

    __slots__ = ("dropped", "lost", "published", "subscriptions")

    def __init__(self) -> None:
        #: Events that the peer was too slow for.
        self.dropped = 0
        #: Events that the peer's serializer could not carry.
        self.lost = 0
        #: Events that it has published.
        self.published = 0
        self.subscriptions: dict[int, Subscription] = {}


class DealerState:
    """What the dealer keeps about one peer."""

    __slots__ = (
        "abandoned",
        "calls",
        "canceled",
        "failed",
        "invocation_ids",
        "invocations",
        "own",
        "plain",
        "refused",
        "registrations",
        "running",
        "succeeded",
        "timed_out",
        "unfinished",
        "waiting_chunk_bytes",
        "waiting_chunks",
    )

    def __init__(self) -> None:
        #: Calls made, by the caller's request id.
        self.calls: dict[int, PendingCall] = {}
        #: Invocations to answer, by the id in this callee's own sequence (REQ-ID-005).
        self.invocations: dict[int, PendingCall] = {}
        self.invocation_ids = Counter()
        self.registrations: dict[int, Registration] = {}
        #: What runs for this caller as a task, also for calls that it has given up.
        self.running = 0
        #: Private registrations, which only the application can call; by URI.
        self.own: dict[str, Registration] = {}
        #: Progressive calls that ended before their last chunk came, oldest first.
        self.unfinished: dict[int, None] = {}
        #: Chunks of its calls that hosted code has not taken yet.
        self.waiting_chunks = 0
        #: The memory that they take, roughly.
        self.waiting_chunk_bytes = 0
        # How its calls have ended; see `outcomes`.
        self.succeeded = self.failed = self.canceled = self.timed_out = 0
        self.abandoned = self.refused = 0
        #: Calls that succeeded and were answered by `RouterSession.answer_call`.
        self.plain = 0

    def outcomes(self) -> dict[str, int]:
        """Return how often the peer's calls ended how, in the words of `CallReport`."""
        return {
            "ok": self.succeeded + self.plain,
            "error": self.failed,
            "canceled": self.canceled,
            "timeout": self.timed_out,
            "abandoned": self.abandoned,
            "refused": self.refused,
        }


class Peer:
    """One participant of a realm: an identity, and a way in.

    Subclasses implement `send` and `write`. Both act at once and never wait, and both
    raise `EncodingError` when this peer's serializer cannot carry the message.
    """

    __slots__ = (
        "__weakref__",
        "authextra",
        "authid",
        "authmethod",
        "authprovider",
        "authrole",
        "brokering",
        "data",
        "deadlines",
        "dealing",
        "features",
        "id",
        "tasks",
        "view",
    )

    #: Whether the router trusts this peer: no permissions asked, ``wamp.`` URIs
    #: allowed.
    trusted = False

    def __init__(self) -> None:
        self.id = 0
        self.authid = ""
        self.authrole = ""
        self.authmethod = ""
        self.authprovider = ""
        self.authextra: dict[str, Any] = {}
        #: Features announced in HELLO, as (role, feature) pairs.
        self.features: frozenset[tuple[str, str]] = frozenset()
        self.brokering = BrokerState()
        self.dealing = DealerState()
        self.deadlines = Deadlines()
        #: The application's own data about this session; made on first use.
        self.data: dict[str, Any] | None = None
        #: The public Session, once it was asked for.
        self.view: Any = None
        #: Owner of the tasks that hosted code runs for this peer.
        self.tasks: TaskRunner | None = None

    def send(self, message: Message) -> None:
        """Deliver one message to this peer."""
        raise NotImplementedError

    def answer_call(self, request: int, args: list[Any]) -> None:
        """Deliver a RESULT with no argument or one: an int, text, a bool or None.

        It counts as a call that has succeeded.
        """
        self.send(Result(request, {}, args or None))
        self.dealing.succeeded += 1

    def write(self, frame: Frame) -> None:
        """Deliver a message that several peers share; encoded once per codec."""
        raise NotImplementedError

    def offer(self, frame: Frame, policy: SlowConsumer, topic: str) -> None:
        """Deliver an event of a topic, or drop it, or others, as `policy` has it."""
        self.write(frame)

    def public(self) -> Any:
        """Return what the application sees of this peer, made on first use."""
        raise NotImplementedError

    def plain_call(self, registration: Registration) -> PlainCall | None:
        """Return what answers plain calls of a registration of this peer, if any."""
        return None

    def supports(self, role: str, feature: str) -> bool:
        """Tell whether the peer announced the feature for the role (REQ-SES-021)."""
        return (role, feature) in self.features
