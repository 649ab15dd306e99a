"""The application as a subscriber: handlers of events, and the runs they make."""

from __future__ import annotations

import functools
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from inspect import CORO_CREATED, getcoroutinestate, isawaitable, iscoroutine
from typing import TYPE_CHECKING, Any

from aiohttp_serverwamp.errors import ConfigurationError, InvalidArgument
from aiohttp_serverwamp.hosting.handlers import HandlerKind, handler_kind
from aiohttp_serverwamp.hosting.plain_data import plain_args, plain_kwargs
from aiohttp_serverwamp.router.passthru import carry
from aiohttp_serverwamp.uris import shown

if TYPE_CHECKING:
    from datetime import datetime

    from aiohttp_serverwamp import messages
    from aiohttp_serverwamp.history.event import HistoryEvent
    from aiohttp_serverwamp.hosting.binding import Binding
    from aiohttp_serverwamp.hosting.payloads import HostedPayloads
    from aiohttp_serverwamp.hosting.route import EventRoute
    from aiohttp_serverwamp.hosting.runtime import Runtime
    from aiohttp_serverwamp.router.retention import RetainedEvent

__all__ = [
    "Event",
    "EventHandler",
    "HostedSubscription",
    "HostedSubscriptions",
    "event_of",
]

logger = logging.getLogger("aiohttp_serverwamp.hosting")


@dataclass(frozen=True, slots=True)
class Event:
    """One event, as the application's handlers receive it (specification, EVENT).

    Ask for it with a parameter annotated `Event`, or named ``event``.
    """

    #: The topic published to; with patterns not the handler's own.
    topic: str
    #: The id of the publication.
    publication: int
    #: The positional arguments, not converted.
    args: Sequence[Any]
    #: The keyword arguments, not converted.
    kwargs: Mapping[str, Any]
    #: ``EVENT.Details``.
    details: Mapping[str, Any]
    #: When it was published, in UTC, if it comes from `Realm.history`.
    timestamp: datetime | None = None

    @property
    def retained(self) -> bool:
        """Whether it was published, and retained, before the subscription."""
        return self.details.get("retained") is True

    @property
    def publisher(self) -> int | None:
        """The publisher's session id, if it is disclosed."""
        return self.details.get("publisher")

    @property
    def publisher_authid(self) -> str | None:
        """The publisher's authid, if it is disclosed."""
        return self.details.get("publisher_authid")

    @property
    def publisher_authrole(self) -> str | None:
        """The publisher's role, if it is disclosed."""
        return self.details.get("publisher_authrole")

    @property
    def passthru(self) -> Mapping[str, str]:
        """The ``ppt_`` keys of an event with payload passthru, else nothing (8.6).

        The one argument is the payload then, as bytes.
        """
        keys: dict[str, str] = {}
        carry(dict(self.details), keys)
        return keys

    @property
    def trust_level(self) -> int | None:
        """How far the publication is trusted; see `Realm.set_trust_levels` (6.6)."""
        return self.details.get("trustlevel")


def event_of(
    topic: str, message: messages.Event | RetainedEvent | HistoryEvent
) -> Event:
    """Return an event that shares nothing with the message."""
    return Event(
        topic,
        message.publication,
        plain_args(message.args) or (),
        plain_kwargs(message.kwargs) or {},
        dict(message.details),
    )


class EventHandler:
    """One handler with its compiled parameters.

    Raises `ConfigurationError` for an async generator, which has nobody to report to.
    """

    __slots__ = ("binding", "function", "kind")

    def __init__(self, route: EventRoute, binding: Binding) -> None:
        self.function = route.handler
        self.binding = binding
        self.kind = handler_kind(route.handler, thread=route.thread)
        if self.kind is HandlerKind.GENERATOR:
            name = getattr(route.handler, "__qualname__", route.handler)
            raise ConfigurationError(
                f"event handler {name!r} is an async generator: an event has no caller "
                "to report to, so write 'async def' without 'yield'"
            )


class HostedSubscription:
    """A handler's subscription; `unsubscribe` ends it."""

    __slots__ = ("_end", "live", "route")

    def __init__(
        self, route: EventRoute, end: Callable[[HostedSubscription], None]
    ) -> None:
        self.route = route
        self._end = end
        #: The subscription's id and compiled handler, while the realm is live.
        self.live: tuple[int, EventHandler] | None = None

    def unsubscribe(self) -> None:
        """End the subscription; once is enough."""
        self._end(self)


class HostedSubscriptions:
    """The application's subscriptions in one realm, by subscription id."""

    def __init__(self, runtime: Runtime, payloads: HostedPayloads) -> None:
        self._runtime = runtime
        self._payloads = payloads
        cancelled = runtime.support.cancelled
        self._raised: tuple[type[BaseException], ...] = (
            Exception,
            *(cancelled if isinstance(cancelled, tuple) else (cancelled,)),
        )
        self._topics: dict[int, str] = {}
        self._handlers: dict[int, list[EventHandler]] = {}

    def add(self, subscription: int, topic: str, handler: EventHandler) -> None:
        """Let a handler receive the events of a subscription."""
        self._topics[subscription] = topic
        self._handlers.setdefault(subscription, []).append(handler)

    def remove(self, subscription: int, handler: EventHandler) -> bool:
        """Remove a handler; tell whether it was the last one."""
        handlers = self._handlers[subscription]
        handlers.remove(handler)
        if handlers:
            return False
        del self._handlers[subscription], self._topics[subscription]
        return True

    def deliver(self, message: messages.Event) -> None:
        """Run the handlers of an event, in the order they were added."""
        handlers = self._handlers.get(message.subscription, ())
        topic = message.details.get("topic") or self._topics.get(message.subscription)
        if topic is None:
            return  # unsubscribed while the event was on its way
        for handler in [*handlers]:
            if handler not in handlers:
                continue  # unsubscribed by one before it
            # A copy for each: what one of them changes is no affair of the others.
            self._run(handler, event_of(topic, message))

    def deliver_retained(self, handler: EventHandler, message: messages.Event) -> None:
        """Run one handler with what was retained when it was added."""
        if handler in self._handlers.get(message.subscription, ()):
            topic = message.details.get("topic") or self._topics[message.subscription]
            self._run(handler, event_of(topic, message))

    def _arguments(self, event: Event) -> tuple[Sequence[Any], Mapping[str, Any]]:
        """Return what the handlers of an event get: of the topic's type, if it has one.

        Raises `InvalidArgument` for what was published before it had. What is passed
        through is as it came.
        """
        if event.passthru:
            return event.args, event.kwargs
        return self._payloads.converted(event.topic, event.args, event.kwargs)

    def _run(self, handler: EventHandler, event: Event) -> None:
        if handler.kind is not HandlerKind.PLAIN or handler.binding.needs_task:
            self._runtime.tasks.start(self._guard, handler, event, self._call)
            return
        try:
            args, kwargs = handler.binding.bind(event, *self._arguments(event))
        except InvalidArgument as error:
            _log_misfit(handler, event, error)
            return
        try:
            result = handler.function(*args, **kwargs)
        except self._raised as error:
            # Cancelled is what the function asked for, not who delivers the event.
            _log_failure(handler, event, error)
            return
        if isawaitable(result):
            returned = _Returned(result)
            self._runtime.tasks.start(self._guard, handler, event, returned)

    async def _guard(
        self,
        handler: EventHandler,
        event: Event,
        call: Callable[[EventHandler, Event], Awaitable[Any]],
    ) -> None:
        try:
            await call(handler, event)
        except Exception as error:
            _log_failure(handler, event, error)

    async def _call(self, handler: EventHandler, event: Event) -> None:
        async with AsyncExitStack() as stack:
            try:
                args, kwargs = await handler.binding.bind_async(
                    event, *self._arguments(event), stack
                )
            except InvalidArgument as error:
                _log_misfit(handler, event, error)
                return
            call = functools.partial(handler.function, *args, **kwargs)
            if handler.kind is HandlerKind.THREAD:
                await self._runtime.support.run_in_thread(call)
                return
            result = call()
            if isawaitable(result):
                await result


class _Returned:
    """What a plain function has returned to be awaited.

    A task that is cancelled before its first step never gets to it: it is closed then,
    rather than complain that nobody awaited it.
    """

    __slots__ = ("_awaitable",)

    def __init__(self, awaitable: Awaitable[Any]) -> None:
        self._awaitable = awaitable

    def __call__(self, handler: EventHandler, event: Event) -> Awaitable[Any]:
        return self._awaitable

    def __del__(self) -> None:
        coroutine = self._awaitable
        if iscoroutine(coroutine) and getcoroutinestate(coroutine) == CORO_CREATED:
            coroutine.close()


def _log_misfit(handler: EventHandler, event: Event, error: InvalidArgument) -> None:
    # The publisher's fault, not the handler's: no traceback.
    logger.warning(
        "event of %s does not fit the parameters of %s: %s",
        shown(event.topic),
        _name(handler),
        error,
    )


def _log_failure(handler: EventHandler, event: Event, error: BaseException) -> None:
    logger.error(
        "%s failed for an event of %s",
        _name(handler),
        shown(event.topic),
        exc_info=error,
    )


def _name(handler: EventHandler) -> object:
    return getattr(handler.function, "__qualname__", handler.function)
