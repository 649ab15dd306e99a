"""A span for each call, current in its handler, under every async library."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import aiohttp_serverwamp as serverwamp
from aiohttp_serverwamp import ConfigurationError, OpenTelemetryObserver
from aiohttp_serverwamp.interfaces import AsyncSupport, TaskRunner
from tests.async_support.asgi_server import Exchange, begin, joined

Run = Callable[[Callable[[AsyncSupport], Awaitable[None]]], None]

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"


def current() -> str:
    """Return the id of the present span."""
    return f"{trace.get_current_span().get_span_context().span_id:016x}"


class Traced:
    """An application whose spans are kept."""

    def __init__(self, support: AsyncSupport, **options: Any) -> None:
        self._exporter = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.wamp = serverwamp.Application(
            async_support=support,
            observers=[OpenTelemetryObserver(provider, **options)],
        )
        self.realm = serverwamp.Realm("r", permissions=serverwamp.OPEN)
        self.realm.add_routes(self._routes(support))
        self.wamp.add_realm(self.realm)

    @property
    def spans(self) -> dict[str, ReadableSpan]:
        """The spans that have ended, by name."""
        return {span.name: span for span in self._exporter.get_finished_spans()}

    def _routes(self, support: AsyncSupport) -> serverwamp.RPCRouteSet:
        api = serverwamp.RPCRouteSet()

        @api.route("plain")
        def plain() -> str:
            return current()

        @api.route("later")
        async def later() -> str:
            await support.sleep(0)
            return current()

        @api.route("thread", thread=True)
        def thread() -> str:
            return current()

        @api.route("generator")
        async def generator() -> AsyncIterator[serverwamp.RPCResult]:
            await support.sleep(0)
            yield serverwamp.RPCResult((current(),))

        @api.route("outer")
        async def outer(session: serverwamp.Session) -> list[str]:
            return [current(), await session.realm.call("plain")]

        @api.route("broken")
        async def broken() -> None:
            raise ValueError("no such thing")

        @api.route("refusing")
        async def refusing() -> None:
            raise serverwamp.ApplicationError("shop.error.sold_out")

        return api

    @asynccontextmanager
    async def clients(
        self, support: AsyncSupport, number: int = 1
    ) -> AsyncIterator[list[Exchange]]:
        app = self.wamp.asgi_application()
        async with support.task_group() as tasks:
            life = begin(support, tasks, app, {"type": "lifespan"})
            await life.until("lifespan.startup.complete")
            async with self._joined(support, tasks, app, number) as exchanges:
                yield exchanges
            life.bring(type="lifespan.shutdown")
            await life.until("lifespan.shutdown.complete")
            await tasks.join(None)

    @asynccontextmanager
    async def _joined(
        self, support: AsyncSupport, tasks: TaskRunner, app: Any, number: int
    ) -> AsyncIterator[list[Exchange]]:
        if not number:
            yield []
            return
        async with (
            joined(support, tasks, app) as first,
            self._joined(support, tasks, app, number - 1) as others,
        ):
            yield [first, *others]


def id_of(span: ReadableSpan) -> str:
    assert span.context is not None
    return f"{span.context.span_id:016x}"


def parent_of(span: ReadableSpan) -> str | None:
    return None if span.parent is None else f"{span.parent.span_id:016x}"


@pytest.mark.parametrize("kind", ["plain", "later", "thread", "generator"])
def test_a_span_is_current_in_its_handler(run: Run, kind: str) -> None:
    async def body(support: AsyncSupport) -> None:
        traced = Traced(support)
        async with traced.clients(support) as [client]:
            client.say(48, 1, {"_traceparent": PARENT}, kind)
            answer = await client.heard()

        span = traced.spans[f"CALL {kind}"]
        assert answer == [50, 1, {}, [id_of(span)]]
        assert span.context is not None
        assert f"{span.context.trace_id:032x}" == TRACE
        assert parent_of(span) == "b7ad6b7169203331"
        assert dict(span.attributes or {}) == {
            "rpc.system": "wamp",
            "rpc.method": kind,
            "wamp.procedure": kind,
            "wamp.realm": "r",
            "wamp.session": span.attributes and span.attributes["wamp.session"],
            "wamp.authrole": "anonymous",
            "wamp.outcome": "ok",
        }
        assert trace.get_current_span() is trace.INVALID_SPAN

    run(body)


def test_what_a_handler_calls_is_a_child_of_its_span(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        traced = Traced(support)
        async with traced.clients(support) as [client]:
            client.say(48, 1, {}, "outer")
            _, _, _, [[outer, inner]] = await client.heard()

        assert id_of(traced.spans["CALL outer"]) == outer
        assert id_of(traced.spans["CALL plain"]) == inner
        assert parent_of(traced.spans["CALL plain"]) == outer
        assert parent_of(traced.spans["CALL outer"]) is None

    run(body)


def test_a_client_that_is_called_gets_the_context_of_the_span(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        traced = Traced(support)
        async with traced.clients(support, 2) as [callee, caller]:
            callee.say(64, 1, {}, "mine")
            await callee.heard()
            caller.say(48, 1, {"_traceparent": PARENT}, "mine")
            _, invocation, _, details = await callee.heard()
            callee.say(70, invocation, {})
            await caller.heard()

        [span] = traced.spans.values()
        assert details == {"_traceparent": f"00-{TRACE}-{id_of(span)}-01"}
        assert parent_of(span) == "b7ad6b7169203331"

    run(body)


@pytest.mark.parametrize(
    "given",
    [
        "nonsense",
        PARENT.upper(),
        PARENT.replace("00-", "ff-", 1),
        f"00-{'0' * 32}-b7ad6b7169203331-01",
        f"00-{TRACE}-{'0' * 16}-01",
        PARENT + "-more",
        PARENT + "\n",
        7,
        [PARENT],
        None,
    ],
)
def test_what_is_no_trace_context_is_ignored(run: Run, given: Any) -> None:
    async def body(support: AsyncSupport) -> None:
        traced = Traced(support)
        async with traced.clients(support) as [client]:
            client.say(48, 1, {"_traceparent": given}, "plain")
            assert (await client.heard())[0] == 50

        assert parent_of(traced.spans["CALL plain"]) is None

    run(body)


def test_clients_that_are_not_trusted_are_linked_to(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        traced = Traced(support, trust_clients=False)
        async with traced.clients(support) as [client]:
            client.say(48, 1, {"_traceparent": PARENT}, "plain")
            await client.heard()

        span = traced.spans["CALL plain"]
        assert parent_of(span) is None
        [link] = span.links
        assert f"{link.context.trace_id:032x}" == TRACE

    run(body)


@pytest.mark.usefixtures("allow_logged_errors")
def test_errors_are_recorded(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        traced = Traced(support)
        async with traced.clients(support) as [client]:
            for number, procedure in enumerate(["broken", "refusing"], 1):
                client.say(48, number, {}, procedure)
                assert (await client.heard())[0] == 8

        broken = traced.spans["CALL broken"]
        assert broken.status.status_code is trace.StatusCode.ERROR
        [event] = broken.events
        assert (event.attributes or {})["exception.message"] == "no such thing"
        refusing = traced.spans["CALL refusing"]
        assert (refusing.attributes or {})["wamp.error"] == "shop.error.sold_out"
        assert (refusing.attributes or {})["wamp.outcome"] == "error"

    run(body)


def test_without_an_observer_a_context_is_passed_on_as_it_came(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        traced = Traced(support)
        traced.wamp = serverwamp.Application(async_support=support)
        traced.wamp.add_realm(serverwamp.Realm("r", permissions=serverwamp.OPEN))
        async with traced.clients(support, 2) as [callee, caller]:
            callee.say(64, 1, {}, "mine")
            await callee.heard()
            for number, given in enumerate([PARENT, "nonsense"], 1):
                caller.say(48, number, {"_traceparent": given}, "mine")
            heard = [(await callee.heard())[3] for _ in range(2)]

        assert heard == [{"_traceparent": PARENT}, {}]

    run(body)


def test_the_error_names_the_extra_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)

    with pytest.raises(
        ConfigurationError, match=r"pip install aiohttp-serverwamp\[opentelemetry\]"
    ):
        OpenTelemetryObserver()
