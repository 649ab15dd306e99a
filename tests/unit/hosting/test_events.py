"""The application's subscriptions, without broker or loop."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any

import pytest

from aiohttp_serverwamp import messages
from aiohttp_serverwamp.errors import ConfigurationError
from aiohttp_serverwamp.hosting.events import Event, EventHandler, HostedSubscriptions
from aiohttp_serverwamp.hosting.injection import compile_event_handler
from aiohttp_serverwamp.hosting.payloads import HostedPayloads
from aiohttp_serverwamp.hosting.route import EventRoute


class Cancelled(BaseException):
    """What the async library raises."""


RUNTIME: Any = SimpleNamespace(support=SimpleNamespace(cancelled=Cancelled))


def handler_of(function: Callable[..., Any]) -> EventHandler:
    route = EventRoute(uri="a.b", handler=function)
    return EventHandler(route, compile_event_handler(function, {}))


def event(subscription: int = 7, **details: Any) -> messages.Event:
    return messages.Event(subscription, 1, details, [1], {})


def test_an_event_is_delivered_to_the_handlers_of_its_subscription_only() -> None:
    hosted = HostedSubscriptions(RUNTIME, HostedPayloads())
    seen: list[tuple[str, int]] = []
    hosted.add(7, "a.b", handler_of(lambda number: seen.append(("seven", number))))
    hosted.add(8, "a.b", handler_of(lambda number: seen.append(("eight", number))))

    hosted.deliver(event(7))
    hosted.deliver(event(9))

    assert seen == [("seven", 1)]


def test_the_topic_is_the_one_published_to_else_the_one_subscribed_to() -> None:
    hosted = HostedSubscriptions(RUNTIME, HostedPayloads())
    topics: list[str] = []
    hosted.add(7, "a.", handler_of(lambda _, event: topics.append(event.topic)))

    hosted.deliver(event(topic="a.b.c"))
    hosted.deliver(event())

    assert topics == ["a.b.c", "a."]


def test_the_last_handler_that_leaves_is_told_so() -> None:
    hosted = HostedSubscriptions(RUNTIME, HostedPayloads())
    seen: list[int] = []
    first, second = (handler_of(lambda number: seen.append(number)) for _ in "ab")
    hosted.add(7, "a.b", first)
    hosted.add(7, "a.b", second)

    assert hosted.remove(7, first) is False
    assert hosted.remove(7, second) is True
    hosted.deliver(event())
    assert seen == []


@pytest.mark.parametrize("error", [RuntimeError, Cancelled])
def test_what_a_handler_raises_keeps_no_other_from_the_event(
    error: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    def fail(number: int) -> None:
        raise error

    hosted = HostedSubscriptions(RUNTIME, HostedPayloads())
    seen: list[int] = []
    hosted.add(7, "a.b", handler_of(fail))
    hosted.add(7, "a.b", handler_of(lambda number: seen.append(number)))

    hosted.deliver(event())

    assert seen == [1]
    assert len(caplog.records) == 1


def test_an_interrupt_from_the_keyboard_is_nobodys_failure() -> None:
    def interrupted(number: int) -> None:
        raise KeyboardInterrupt

    hosted = HostedSubscriptions(RUNTIME, HostedPayloads())
    hosted.add(7, "a.b", handler_of(interrupted))

    with pytest.raises(KeyboardInterrupt):
        hosted.deliver(event())


def test_an_async_generator_has_nobody_to_report_to() -> None:
    async def reports(number: int) -> AsyncIterator[int]:
        yield number

    with pytest.raises(ConfigurationError, match=r"reports.*without 'yield'"):
        handler_of(reports)


def test_an_event_knows_its_publisher_only_where_that_is_disclosed() -> None:
    details = {"publisher": 5, "publisher_authid": "ann", "publisher_authrole": "user"}
    known, unknown = (Event("a.b", 1, [], {}, each) for each in (details, {}))

    assert known.publisher == 5
    assert (known.publisher_authid, known.publisher_authrole) == ("ann", "user")
    assert (
        unknown.publisher,
        unknown.publisher_authid,
        unknown.publisher_authrole,
    ) == (None, None, None)
