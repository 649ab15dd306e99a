"""LocalSession: the application as a peer of one realm.

Invocations become runs of handlers, their results become YIELD or ERROR. Publishing and
calling from application code goes the other way, through the same broker and dealer as
the clients'.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from threading import get_ident
from typing import TYPE_CHECKING, Any, Final

from aiohttp_serverwamp.errors import ApplicationError, ConfigurationError
from aiohttp_serverwamp.hosting.events import HostedSubscriptions, event_of
from aiohttp_serverwamp.hosting.invocation import RPCResult
from aiohttp_serverwamp.hosting.invocation_runs import HostedProcedures
from aiohttp_serverwamp.hosting.payloads import HostedPayloads
from aiohttp_serverwamp.hosting.plain_data import plain_args, plain_kwargs
from aiohttp_serverwamp.hosting.progressive_call import (
    ProgressiveCall,
    Receipts,
    value_of,
)
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
)
from aiohttp_serverwamp.messages import Invocation as InvocationMessage
from aiohttp_serverwamp.router.cancelling import cancel
from aiohttp_serverwamp.router.passthru import carry
from aiohttp_serverwamp.router.peer import Peer
from aiohttp_serverwamp.timestamps import moment

if TYPE_CHECKING:
    from aiohttp_serverwamp.history.query import HistoryQuery
    from aiohttp_serverwamp.hosting.events import Event as HostedEvent
    from aiohttp_serverwamp.hosting.events import EventHandler
    from aiohttp_serverwamp.hosting.route import EventRoute
    from aiohttp_serverwamp.hosting.runtime import Runtime
    from aiohttp_serverwamp.hosting.session import Session
    from aiohttp_serverwamp.interfaces import Waiter
    from aiohttp_serverwamp.limits import Limits
    from aiohttp_serverwamp.router.plain_calls import PlainCall
    from aiohttp_serverwamp.router.registrations import Registration
    from aiohttp_serverwamp.router.router import Router
    from aiohttp_serverwamp.serializers.frame import Frame
    from aiohttp_serverwamp.uris import Match

__all__ = ["LocalSession"]

logger = logging.getLogger("aiohttp_serverwamp.hosting")


class LocalSession(Peer):
    """The application in one realm (specification checklist, 5.14)."""

    __slots__ = (
        "_make_view",
        "_requests",
        "payloads",
        "calls",
        "limits",
        "procedures",
        "router",
        "runtime",
        "subscriptions",
    )

    trusted = True

    def __init__(
        self,
        router: Router,
        runtime: Runtime,
        make_view: Callable[[Peer], Session],
        *,
        limits: Limits,
    ) -> None:
        super().__init__()
        self.id = random_id()
        self.authid = self.authrole = "trusted"
        self.authmethod = self.authprovider = "local"
        self.router = router
        self.runtime = runtime
        self.tasks = runtime.tasks
        self._make_view = make_view
        self.payloads = HostedPayloads()
        self.subscriptions = HostedSubscriptions(runtime, self.payloads)
        self.procedures = HostedProcedures(self)
        self._requests = Counter()
        #: Calls made by the application, by request id.
        self.calls: dict[int, Waiter[Any] | Receipts] = {}
        #: Of these, how much of a call in chunks or with progress may wait.
        self.limits = limits
        self.deadlines.on_earlier = self._first_deadline

    def _first_deadline(self, when: float | None) -> None:
        """Set the timer for the timeouts of calls, which few realms ever need."""
        if when is None:
            return
        timer = self.runtime.support.timer(self.runtime.tasks, self._expire)
        self.deadlines.on_earlier = timer.set
        timer.set(when)

    def _expire(self) -> None:
        self.deadlines.expire(self.runtime.support.now())

    def public(self) -> Session:
        """Return the application's own public Session."""
        if self.view is None:
            self.view = self._make_view(self)
        session: Session = self.view
        return session

    def supports(self, role: str, feature: str) -> bool:
        """Tell what hosted code can do; timeouts are the dealer's (REQ-EMB-012)."""
        return (role, feature) in _FEATURES

    def plain_call(self, registration: Registration) -> PlainCall | None:
        """Return what answers plain calls of a procedure, if it is so simple."""
        return self.procedures.plain_call(registration)

    def subscribe(self, route: EventRoute, handler: EventHandler) -> int:
        """Subscribe for a handler and return the subscription's id."""
        broker = self.router.broker
        subscription = broker.subscribe(self, route.uri, route.match)
        self.subscriptions.add(subscription.id, route.uri, handler)
        return subscription.id

    def send_retained(self, subscription: int, handler: EventHandler) -> None:
        """Let a handler, and no other one, receive what is retained."""
        held = self.brokering.subscriptions[subscription]
        for frame in self.router.broker.retained(self, held):
            self.router.later(
                self.subscriptions.deliver_retained, handler, frame.message
            )

    def retained(self, topic: str) -> HostedEvent | None:
        """Return the retained event of a topic; see `Realm.retained`."""
        kept = self.router.broker.retention.last(topic)
        if kept is None:
            return None
        event = event_of(topic, kept)
        return replace(event, details={**event.details, "retained": True})

    async def history(
        self, uri: str, match: Match, query: HistoryQuery
    ) -> Sequence[HostedEvent]:
        """Return what a query asks of a topic's history; see `Realm.history`."""
        subscription = self.router.broker.subscriptions.get(uri, match)
        if subscription is None or subscription.history is None:
            raise ConfigurationError(
                f"no history is kept of the {match} topic {uri!r}: say so by "
                "realm.keep_history() or topics.declare(..., history=History())"
            )
        return [
            replace(event_of(kept.topic, kept), timestamp=moment(kept.timestamp))
            for kept in await subscription.history.select(query)
        ]

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
        self.procedures.invoke(message)

    def _interrupted(self, message: Interrupt) -> None:
        self.procedures.interrupt(message)

    def _returned(self, message: Result) -> None:
        details = message.details
        passthru: dict[str, str] = {}
        if details:
            carry(details, passthru)
        result = RPCResult(message.args or (), message.kwargs or {}, passthru)
        if details and details.get("progress"):
            receipts = self.calls.get(message.request)
            if isinstance(receipts, Receipts):
                receipts.report(result)
            return
        waiter = self.calls.pop(message.request, None)
        if waiter is not None:
            waiter.set_result(result)

    def _refused(self, message: Error) -> None:
        waiter = self.calls.pop(message.request, None)
        if waiter is not None:
            waiter.set_error(
                ApplicationError.from_uri(message.error, message.args, message.kwargs)
            )

    def _received(self, message: Event) -> None:
        self.subscriptions.deliver(message)

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
        self.router.broker.check_payload(message)
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
        self.router.broker.check_payload(message)
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
        message = self._call_message(procedure, args, kwargs, options)
        if message.options.get("progress") or message.options.get("receive_progress"):
            raise ConfigurationError(
                "call() sends all arguments at once, and waits for one result: with "
                "progress= or receive_progress= write call_progressively(...)"
            )
        support = self.runtime.support
        request = message.request
        waiter = self.calls[request] = support.waiter()
        # What hosted code runs for this call belongs to the task that called.
        async with support.task_group() as tasks:
            try:
                self.router.run(
                    self.router.dealer.call, self, message, at=at, tasks=tasks
                )
                return value_of(await waiter.wait())
            finally:
                self.calls.pop(request, None)
                self.router.run(cancel, self, Cancel(request, {}))

    def call_progressively(
        self,
        procedure: str,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        options: CallOptions | None = None,
        at: Peer | None = None,
    ) -> ProgressiveCall:
        """Return a call to take progress from; see `Realm.call_progressively`."""
        self.runtime.check_thread("call_progressively()")
        message = self._call_message(procedure, args, kwargs, options)
        message.options["receive_progress"] = True
        return ProgressiveCall(self, message, at)

    def _call_message(
        self,
        procedure: str,
        args: Sequence[Any],
        kwargs: Mapping[str, Any] | None,
        options: CallOptions | None,
    ) -> Call:
        check_name("procedure", procedure)
        given = options_dict(Call, options)
        return Call(
            self._requests.next(),
            given,
            procedure,
            plain_args(args),
            plain_kwargs(kwargs),
        )


_FEATURES: Final = frozenset(
    {
        ("callee", "call_canceling"),
        ("callee", "call_reroute"),
        ("callee", "caller_identification"),
        ("callee", "payload_passthru_mode"),
        ("callee", "progressive_call_invocations"),
        ("callee", "progressive_call_results"),
        ("caller", "payload_passthru_mode"),
        ("caller", "progressive_call_invocations"),
        ("publisher", "payload_passthru_mode"),
    }
)

_RECEIVERS: Final[dict[type[Message], Callable[[LocalSession, Any], None]]] = {
    InvocationMessage: LocalSession._invoked,
    Interrupt: LocalSession._interrupted,
    Result: LocalSession._returned,
    Error: LocalSession._refused,
    Event: LocalSession._received,
}
