"""The ASGI application without a server, under every async library."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

import aiohttp_serverwamp as serverwamp
from aiohttp_serverwamp.adapters.asgi import ASGIApplication
from aiohttp_serverwamp.adapters.asyncio import AsyncioAsyncSupport
from aiohttp_serverwamp.adapters.trio import TrioAsyncSupport
from aiohttp_serverwamp.interfaces import AsyncSupport, TaskRunner
from tests.async_support.asgi_server import HELLO, Exchange, begin, joined, scope_of

Run = Callable[[Callable[[AsyncSupport], Awaitable[None]]], None]

LONG = 60.0
SYSTEM_SHUTDOWN = [6, {}, "wamp.close.system_shutdown"]


def make(support: AsyncSupport, **options: Any) -> serverwamp.Application:
    wamp = serverwamp.Application(async_support=support, **options)
    realm = serverwamp.Realm("r", permissions=serverwamp.OPEN)
    api = serverwamp.RPCRouteSet()

    @api.route("double")
    async def double(number: int) -> int:
        await support.sleep(0)
        return 2 * number

    @api.route("long")
    async def long() -> str:
        return "x" * 1000

    realm.add_routes(api)
    wamp.add_realm(realm)
    return wamp


@asynccontextmanager
async def started(
    support: AsyncSupport, wamp: serverwamp.Application, **options: Any
) -> AsyncIterator[tuple[ASGIApplication, TaskRunner, Exchange]]:
    """Run an application between lifespan events, and what is begun meanwhile."""
    app = wamp.asgi_application(**options)
    async with support.task_group() as tasks:
        life = begin(support, tasks, app, {"type": "lifespan"})
        await life.until("lifespan.startup.complete")
        yield app, tasks, life
        life.bring(type="lifespan.shutdown")
        await life.until("lifespan.shutdown.complete")
        await tasks.join(None)


# Lifespan.


def test_the_application_runs_between_the_lifespan_events(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        wamp = make(support)
        async with started(support, wamp):
            assert wamp.running
        assert not wamp.running

    run(body)


def test_a_mistake_in_the_application_is_told_at_start_up(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        wamp = make(support)
        topics = serverwamp.TopicRouteSet()

        @topics.route("t")
        async def accompany(unknown: int):  # type: ignore[no-untyped-def]  # as users do
            yield

        wamp.add_routes(topics)
        async with support.task_group() as tasks:
            app = wamp.asgi_application()
            life = begin(support, tasks, app, {"type": "lifespan"})
            failed = await life.until("lifespan.startup.failed")
            await life.ended.wait()
        assert "parameter 'unknown' is supplied by nothing" in failed["message"]

    run(body)


def test_another_async_library_is_refused_at_start_up(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        other: AsyncSupport = AsyncioAsyncSupport()
        if other.is_running():
            other = TrioAsyncSupport()
        app = make(other).asgi_application()
        async with support.task_group() as tasks:
            life = begin(support, tasks, app, {"type": "lifespan"})
            failed = await life.until("lifespan.startup.failed")
            with pytest.raises(serverwamp.ConfigurationError, match="async_support"):
                await app(scope_of(), Exchange(support, CONNECT).receive, _no_send)
        assert f"the Application is on {other.name}" in failed["message"]

    run(body)


CONNECT = {"type": "websocket.connect"}


async def _no_send(event: Any) -> None:
    raise AssertionError(event)


def test_clients_leave_and_the_health_route_tells_while_it_drains(run: Run) -> None:
    async def health(
        support: AsyncSupport, tasks: TaskRunner, app: ASGIApplication
    ) -> tuple[int, str]:
        scope = scope_of("http", path="/healthz", raw_path=b"/healthz")
        asked = begin(support, tasks, app, scope)
        start = await asked.until("http.response.start")
        body = await asked.until("http.response.body")
        return start["status"], json.loads(body["body"])["status"]

    async def body(support: AsyncSupport) -> None:
        wamp = make(support)
        async with started(support, wamp, health_path="/healthz") as (app, tasks, _):
            assert await health(support, tasks, app) == (200, "ok")
            async with joined(support, tasks, app) as client:
                await wamp.drain(0.2)
                code, details, reason = await client.heard()
                assert (code, reason) == (6, "wamp.close.system_shutdown")
                assert 1 <= details["retry_after"] <= 3
                assert await health(support, tasks, app) == (503, "draining")

    run(body)


def test_without_lifespan_asyncio_starts_with_the_first_client(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        app = make(support).asgi_application()
        async with support.task_group() as tasks:
            if support.name != "asyncio":
                receive = Exchange(support, CONNECT).receive
                with pytest.raises(serverwamp.ConfigurationError, match="lifespan"):
                    await app(scope_of(), receive, _no_send)
                return
            for number in range(2):
                async with joined(support, tasks, app) as client:
                    client.say(48, 1, {}, "double", [number])
                    assert await client.heard() == [50, 1, {}, [2 * number]]

    run(body)


def test_authenticators_that_need_aiohttp_are_refused(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        wamp = make(support)
        wamp.realm("r").add_transport_authenticator(
            serverwamp.session_authenticator("user_id", csrf=True)
        )
        with pytest.raises(serverwamp.ConfigurationError, match="setup_wamp"):
            async with wamp.asgi_application().lifespan():
                pass

    run(body)


# Clients.


@pytest.mark.parametrize("form", ["__call__", "legacy"])
def test_a_client_joins_and_calls(run: Run, form: str) -> None:
    async def body(support: AsyncSupport) -> None:
        async with started(support, make(support)) as (app, tasks, _):
            asgi: Any = app
            if form == "legacy":

                async def asgi(scope: Any, receive: Any, send: Any) -> None:
                    await app.legacy(scope)(receive, send)

            async with joined(support, tasks, asgi) as client:
                for number in (1, 2):
                    client.say(48, number, {}, "double", [number])
                    assert await client.heard() == [50, number, {}, [2 * number]]

    run(body)


def test_the_legacy_form_is_made_by_its_own_method() -> None:
    wamp = serverwamp.Application()

    assert callable(wamp.legacy_asgi_application("/ws")({"type": "websocket"}))


def test_shutdown_says_goodbye(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        async with (
            started(support, make(support)) as (app, tasks, life),
            joined(support, tasks, app) as client,
        ):
            life.bring(type="lifespan.shutdown")
            assert await client.heard() == SYSTEM_SHUTDOWN
            closed = await client.until("websocket.close")
            assert closed["code"] == 1001

    run(body)


def test_a_server_that_cancels_its_clients_lets_them_hear_goodbye(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        async with (
            started(support, make(support)) as (app, tasks, _),
            joined(support, tasks, app) as client,
        ):
            client.handle.cancel()
            assert await client.heard() == SYSTEM_SHUTDOWN
            assert (await client.until("websocket.close"))["code"] == 1001
            await client.ended.wait()

    run(body)


def test_what_is_queued_is_sent_before_the_close_frame(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        wamp = make(support)
        async with (
            started(support, wamp) as (app, tasks, _),
            joined(support, tasks, app) as client,
        ):
            client.say(32, 1, {}, "t")
            assert (await client.heard())[0] == 33
            for number in range(20):
                wamp.realm("r").publish("t", number)
            client.say(48, "no id")
            events = [(await client.heard())[4] for _ in range(20)]
            assert events == [[number] for number in range(20)]
            assert (await client.heard())[0] == 3
            closed = await client.until("websocket.close")
            assert closed["code"] == 1002

    run(body)


def test_an_answer_to_no_close_frame_is_not_waited_for_long(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        limits = serverwamp.Limits(close_timeout=0.05)
        async with started(support, make(support, limits=limits)) as (app, tasks, _):
            client = begin(support, tasks, app, scope_of())
            client.say(99)
            await client.until("websocket.close")
            client.say(*HELLO)  # dropped
            await client.ended.wait()
            assert [each["type"] for each in client.sent] == [
                "websocket.accept",
                "websocket.send",
            ]

    run(body)


def test_a_client_that_takes_nothing_is_cut_by_the_write_deadline(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    async def body(support: AsyncSupport) -> None:
        limits = serverwamp.Limits(write_deadline=0.05)
        async with (
            started(support, make(support, limits=limits)) as (app, tasks, _),
            joined(support, tasks, app) as client,
        ):
            client.stalled = True
            client.say(48, 1, {}, "double", [1])
            await client.ended.wait()

    with caplog.at_level(logging.WARNING):
        run(body)
    assert "no byte was taken for 0.05 s" in caplog.text
    assert "client 192.0.2.7" in caplog.text


def test_a_client_that_takes_slowly_is_not_cut(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        limits = serverwamp.Limits(write_deadline=1.0)
        async with (
            started(support, make(support, limits=limits)) as (app, tasks, _),
            joined(support, tasks, app) as client,
        ):
            for number in range(1, 5):
                client.stalled = True
                client.say(48, number, {}, "double", [number])
                await support.sleep(0.3)
                client.stalled = False
                assert await client.heard() == [50, number, {}, [2 * number]]

    run(body)


def test_a_client_that_asks_without_reading_is_not_read_from(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        limits = serverwamp.Limits(max_pending_bytes=8000)
        async with (
            started(support, make(support, limits=limits)) as (app, tasks, _),
            joined(support, tasks, app) as client,
        ):
            client.stalled = True
            for number in range(1, 101):
                client.say(48, number, {}, "long")
            await support.sleep(0.1)
            client.stalled = False
            answers = [await client.heard() for _ in range(100)]
            assert [each[1] for each in answers] == [*range(1, 101)]

    run(body)


def test_too_much_that_waits_cuts_the_client(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    async def body(support: AsyncSupport) -> None:
        limits = serverwamp.Limits(max_pending_bytes=8000)
        wamp = make(support, limits=limits)
        async with (
            started(support, wamp) as (app, tasks, _),
            joined(support, tasks, app) as client,
        ):
            client.say(32, 1, {}, "t")
            assert (await client.heard())[0] == 33
            for _ in range(10):
                wamp.realm("r").publish("t", "x" * 1000)
            await client.ended.wait()

    with caplog.at_level(logging.WARNING):
        run(body)
    assert "more than 8000 bytes waiting" in caplog.text


def test_a_send_that_fails_ends_the_client(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        wamp = make(support)
        async with (
            started(support, wamp) as (app, tasks, _),
            joined(support, tasks, app) as client,
        ):
            client.failure = OSError("on purpose")
            client.say(48, 1, {}, "double", [1])
            await client.ended.wait()
            assert wamp.sessions() == []

    run(body)


@pytest.mark.parametrize(
    ("sent", "fits"),
    [
        ({"text": "x" * 200}, True),
        ({"text": "x" * 201}, False),
        ({"text": "ä" * 100}, True),
        ({"text": "ä" * 101}, False),
        ({"bytes": b"x" * 200, "text": None}, True),
        ({"bytes": b"x" * 201, "text": None}, False),
    ],
)
def test_size_is_counted_in_bytes(run: Run, sent: Any, fits: bool) -> None:
    async def body(support: AsyncSupport) -> None:
        limits = serverwamp.Limits(max_message_size=200)
        async with started(support, make(support, limits=limits)) as (app, tasks, _):
            client = begin(support, tasks, app, scope_of())
            client.bring(type="websocket.receive", **sent)
            closed = await client.until("websocket.close")
            # What fits is no WAMP message.
            assert closed["code"] == (1002 if fits else 1009)
            client.bring(type="websocket.disconnect", code=1000)

    run(body)


# Who is refused.


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"path": "/other"}, 404),
        ({"subprotocols": ["wamp.9.none"]}, 400),
        ({"subprotocols": []}, 400),
        ({"headers": [(b"host", b"a"), (b"origin", b"http://b")]}, 403),
    ],
)
@pytest.mark.parametrize("offers_responses", [True, False])
def test_a_websocket_is_refused(
    run: Run, fields: Any, status: int, offers_responses: bool
) -> None:
    extensions: Any = {"websocket.http.response": {}} if offers_responses else None

    async def body(support: AsyncSupport) -> None:
        wamp = make(support)
        async with started(support, wamp, paths=["/ws"]) as (app, tasks, _):
            scope = scope_of(**fields, extensions=extensions)
            client = begin(support, tasks, app, scope)
            await client.ended.wait()
            if not offers_responses:
                assert client.sent == [{"type": "websocket.close"}]
                return
            start, content = client.sent
            assert start["type"] == "websocket.http.response.start"
            assert start["status"] == status
            assert content["type"] == "websocket.http.response.body"
            assert content["body"].endswith(b"\n")

    run(body)


def test_a_full_application_answers_503(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        limits = serverwamp.Limits(max_sessions=1)
        async with started(support, make(support, limits=limits)) as (app, tasks, _):
            async with joined(support, tasks, app):
                second = begin(support, tasks, app, scope_of())
                start = await second.until("websocket.http.response.start")
                assert start["status"] == 503
            async with joined(support, tasks, app):
                pass

    run(body)


@pytest.mark.parametrize(("path", "status"), [("/ws", 426), ("/other", 404)])
@pytest.mark.parametrize("version", ["1.1", "2"])
def test_an_ordinary_request_is_told_what_lives_here(
    run: Run, path: str, status: int, version: str
) -> None:
    async def body(support: AsyncSupport) -> None:
        app = make(support).asgi_application("/ws")
        scope = scope_of("http", path=path, http_version=version)
        async with support.task_group() as tasks:
            visitor = begin(support, tasks, app, scope)
            start = await visitor.until("http.response.start")
            assert start["status"] == status
            headers = dict(start["headers"])
            # HTTP/2 has no such header.
            upgrades = status == 426 and version == "1.1"
            assert (headers.get(b"upgrade") == b"websocket") is upgrades
            body = (await visitor.until("http.response.body"))["body"]
            assert headers[b"content-length"] == str(len(body)).encode()

    run(body)


def test_other_scopes_are_an_error(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        app = make(support).asgi_application()
        with pytest.raises(serverwamp.ConfigurationError, match="'mqtt'"):
            await app({"type": "mqtt"}, Exchange(support).receive, _no_send)

    run(body)


def test_a_client_that_has_gone_before_it_was_accepted_is_no_error(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        limits = serverwamp.Limits(max_sessions=1)
        async with started(support, make(support, limits=limits)) as (app, tasks, _):
            client = Exchange(support, CONNECT)
            client.failure = OSError("gone")
            await client.run(app, scope_of())
            async with joined(support, tasks, app):
                pass

    run(body)


def test_an_http_session_of_a_middleware_signs_in(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        wamp = make(support)
        wamp.realm("r").add_transport_authenticator(
            serverwamp.session_authenticator("user_id")
        )
        async with (
            started(support, wamp) as (app, tasks, _),
            joined(support, tasks, app, session={"user_id": 7}),
        ):
            assert [each.authid for each in wamp.sessions()] == ["7"]

    run(body)


def test_a_missing_http_session_is_logged_once(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    async def body(support: AsyncSupport) -> None:
        wamp = make(support)
        wamp.realm("r").add_transport_authenticator(
            serverwamp.session_authenticator("user_id")
        )
        async with started(support, wamp) as (app, tasks, _):
            for _ in range(2):
                client = begin(support, tasks, app, scope_of())
                client.say(*HELLO)
                assert (await client.heard())[0] == 3
                client.bring(type="websocket.disconnect", code=1000)
                await client.ended.wait()

    run(body)
    errors = [r.getMessage() for r in caplog.records if r.levelno == logging.ERROR]
    assert len(errors) == 1
    assert "wrap the ASGI application" in errors[0]


@pytest.mark.parametrize("paths", [[], "ws", ["ws"], 7, [7]])
def test_what_is_no_path_is_refused(paths: Any) -> None:
    with pytest.raises(serverwamp.ConfigurationError, match="asgi_application"):
        serverwamp.Application().asgi_application(paths)


def test_events_are_dropped_for_a_client_that_is_behind_and_nothing_else_is(
    run: Run,
) -> None:
    reports: list[serverwamp.SlowConsumerReport] = []

    async def body(support: AsyncSupport) -> None:
        limits = serverwamp.Limits(max_pending_bytes=8000, max_droppable_bytes=3000)
        wamp = make(
            support,
            limits=limits,
            on_slow_consumer=lambda session, report: reports.append(report),
        )
        wamp.realm("r").permit("t", slow_consumer="drop_oldest")
        wamp.realm("r").permit("state", slow_consumer="conflate")
        async with (
            started(support, wamp) as (app, tasks, _),
            joined(support, tasks, app) as client,
        ):
            for request, topic in enumerate(("t", "state"), start=1):
                client.say(32, request, {}, topic)
                assert (await client.heard())[0] == 33
            client.stalled = True
            for number in range(20):
                wamp.realm("r").publish("t", number, "x" * 1000)
                wamp.realm("r").publish("state", number, "x" * 1000)
            client.say(48, 3, {}, "double", [2])
            await support.sleep(0.05)
            client.stalled = False
            events = []
            while (message := await client.heard())[0] == 36:
                events.append((message[1], message[4][0]))
            assert message == [50, 3, {}, [4]]
            # What was on its way when it fell behind, and what is kept.
            assert events[-3:] == [(1, 18), (1, 19), (2, 19)]
            assert events == sorted(events, key=lambda event: event[::-1])
            [session] = wamp.sessions()
            assert session.dropped_events == 40 - len(events) > 30
            assert wamp.stats().events_dropped == session.dropped_events

    run(body)
    assert [report.policy for report in reports] == ["conflate"]


def test_a_client_that_takes_nothing_of_what_may_be_dropped_is_cut_and_reported(
    run: Run,
) -> None:
    reports: list[serverwamp.SlowConsumerReport] = []

    async def body(support: AsyncSupport) -> None:
        wamp = make(
            support,
            limits=serverwamp.Limits(write_deadline=0.05),
            on_slow_consumer=lambda session, report: reports.append(report),
        )
        wamp.realm("r").permit("t", slow_consumer="conflate")
        async with (
            started(support, wamp) as (app, tasks, _),
            joined(support, tasks, app) as client,
        ):
            client.say(32, 1, {}, "t")
            assert (await client.heard())[0] == 33
            client.stalled = True
            wamp.realm("r").publish("t", "x" * 1000)
            await client.ended.wait()

    run(body)
    assert [(each.policy, each.topic) for each in reports] == [("disconnect", None)]
