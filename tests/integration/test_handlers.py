"""Procedures over real sockets: what a handler gets, returns, raises and outlives."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp import web

import aiohttp_serverwamp as serverwamp
from aiohttp_serverwamp import (
    ApplicationError,
    Invocation,
    RPCErrorResult,
    RPCProgressReport,
    RPCResult,
    Session,
)
from aiohttp_serverwamp.errors import (
    Canceled,
    EncodingError,
    InvalidArgument,
    NoSuchProcedure,
    NotAuthorized,
    RuntimeFailure,
    TimedOut,
)
from tests.sites import site, until


@dataclass
class Item:
    sku: str
    quantity: int = 1


# --- What a handler gets --------------------------------------------------------------


async def test_everything_that_is_injected() -> None:
    api = serverwamp.RPCRouteSet()

    @api.route("who")
    async def who(
        first: int,
        caller: Session,
        call: Invocation,
        http: web.Request,
        session: Any,
        invocation: Any,
        request: Any,
    ) -> list[Any]:
        assert caller is session or caller == session
        assert call is invocation is request
        return [first, caller.id, call.uri, http.headers["X-Test"], http.path]

    headers = {"X-Test": "yes"}
    async with site(api) as served, served.client(headers=headers) as client:
        assert await client.call("who", 3) == [3, client.id, "who", "yes", "/ws"]
        with pytest.raises(InvalidArgument, match="session"):
            await client.call("who", 3, session="forged")
        with pytest.raises(InvalidArgument):
            await client.call("who", 3, "forged")


@pytest.mark.parametrize("serializer", ["json", "msgpack", "cbor"])
async def test_arguments_are_converted_and_checked(serializer: str) -> None:
    api = serverwamp.RPCRouteSet()

    @api.route("order")
    async def order(item: Item, *, express: bool = False) -> Item:
        assert isinstance(item, Item)
        return Item(item.sku, item.quantity + express)

    async with site(api) as served, served.client(serializer=serializer) as client:
        answer = await client.call("order", {"sku": "a", "quantity": 2.0}, express=True)
        assert answer == {"sku": "a", "quantity": 3}
        with pytest.raises(InvalidArgument, match="express"):
            await client.call("order", {"sku": "a"}, express="yes")
        with pytest.raises(InvalidArgument, match="item"):
            await client.call("order")
        with pytest.raises(InvalidArgument, match="at most 1"):
            await client.call("order", {"sku": "a"}, 2)


async def test_default_args_are_a_value_or_made_for_each_call() -> None:
    api, made = serverwamp.RPCRouteSet(), []

    @api.route("all")
    async def all_of_them(n: int, value: str, fresh: int, slow: int) -> list[Any]:
        return [n, value, fresh, slow]

    def fresh() -> int:
        made.append("fresh")
        return len(made)

    async def slow() -> int:
        await asyncio.sleep(0)
        made.append("slow")
        return len(made)

    realm = serverwamp.Realm("r")
    realm.set_default_arg("value", "given")
    realm.set_default_arg("fresh", factory=fresh)
    realm.set_default_arg("slow", factory=slow)
    async with site(api, realm=realm) as served, served.client() as client:
        assert await client.call("all", 0) == [0, "given", 1, 2]
        assert await client.call("all", 0) == [0, "given", 3, 4]
        with pytest.raises(InvalidArgument, match="value"):
            await client.call("all", 0, value="overridden")
        with pytest.raises(InvalidArgument):
            await client.call("all")
        assert len(made) == 4, "a wrong call opens nothing"


async def test_a_context_manager_closes_before_the_result_is_sent_and_rolls_back() -> (
    None
):
    api, log = serverwamp.RPCRouteSet(), []

    @contextlib.asynccontextmanager
    async def transaction() -> AsyncIterator[str]:
        log.append("begin")
        try:
            yield "connection"
        except BaseException as error:
            log.append(f"rollback {type(error).__name__}")
            raise
        await asyncio.sleep(0.02)
        log.append("commit")

    @api.route("save")
    async def save(db: str, fail: bool = False) -> str:
        if fail:
            raise ApplicationError("shop.error.sold_out")
        return db

    @api.route("hang")
    async def hang(db: str) -> None:
        await asyncio.sleep(60)

    realm = serverwamp.Realm("r")
    realm.set_default_arg("db", factory=transaction)
    async with site(api, realm=realm) as served, served.client() as client:
        assert await client.call("save") == "connection"
        assert log == ["begin", "commit"]

        with pytest.raises(ApplicationError, match="sold_out"):
            await client.call("save", fail=True)
        assert log[2:] == ["begin", "rollback ApplicationError"]

        call = await client.begin_call("hang")
        await until(lambda: len(log) == 5)
        await call.cancel("kill")
        with pytest.raises(Canceled):
            await call.result()
        assert log[4:] == ["begin", "rollback CancelledError"]


async def test_a_commit_that_fails_is_an_error_and_not_a_result(
    caplog: pytest.LogCaptureFixture,
) -> None:
    api = serverwamp.RPCRouteSet()

    @contextlib.asynccontextmanager
    async def transaction() -> AsyncIterator[None]:
        yield
        raise OSError("disk full")

    @api.route("save")
    async def save(db: Any) -> str:
        return "saved"

    realm = serverwamp.Realm("r")
    realm.set_default_arg("db", factory=transaction)
    async with site(api, realm=realm) as served, served.client() as client:
        with pytest.raises(RuntimeFailure):
            await client.call("save")
    assert "disk full" in caplog.text


# --- What a handler returns -----------------------------------------------------------

RESULTS = [
    (None, [], {}),
    ((1, 2), [1, 2], {}),
    ((), [], {}),
    ([1], [[1]], {}),
    ([1, 2], [[1, 2]], {}),
    ({"a": 1}, [{"a": 1}], {}),
    (Item("a"), [{"sku": "a", "quantity": 1}], {}),
    (RPCResult((1,), {"b": 2}), [1], {"b": 2}),
    (RPCResult([None]), [None], {}),
]
SPREAD = [
    ([1, 2], [1, 2], {}),
    ({"a": 1}, [], {"a": 1}),
    ((1, 2), [1, 2], {}),
    ("text", ["text"], {}),
    (None, [], {}),
]


@pytest.mark.parametrize(
    ("spread", "results"), [(False, RESULTS), (True, SPREAD)], ids=["one", "spread"]
)
async def test_results_as_they_are_on_the_wire(spread: bool, results: Any) -> None:
    api = serverwamp.RPCRouteSet(spread_results=spread)

    @api.route("give")
    async def give(number: int) -> Any:
        return results[number][0]

    async with site(api) as served, served.client() as client:
        for number, (_, args, kwargs) in enumerate(results):
            await client.send([48, 100 + number, {}, "give", [number]])
            code, request, details, *payload = await client.receive()
            assert (code, request, details) == (50, 100 + number, {})
            assert (payload + [[], {}])[0] == args, payload
            assert (payload[1:] or [{}])[0] == kwargs, payload


async def test_an_error_result_is_an_error() -> None:
    api = serverwamp.RPCRouteSet()

    @api.route("fail")
    async def fail() -> RPCErrorResult:
        return RPCErrorResult("shop.error.sold_out", ("sku-1",), {"left": 0})

    async with site(api) as served, served.client() as client:
        with pytest.raises(ApplicationError) as caught:
            await client.call("fail")
        assert caught.value.uri == "shop.error.sold_out"
        assert caught.value.args == ("sku-1",)
        assert caught.value.kwargs == {"left": 0}


@pytest.mark.parametrize("value", [object(), float("nan"), {"x": {object()}}])
async def test_a_result_that_cannot_be_encoded_is_an_error_and_one_log_line(
    value: object, caplog: pytest.LogCaptureFixture
) -> None:
    api = serverwamp.RPCRouteSet()

    @api.route("give")
    async def give() -> object:
        return value

    @api.route("ping")
    async def ping() -> str:
        return "pong"

    async with site(api) as served, served.client() as client:
        with pytest.raises(ApplicationError) as caught:
            await client.call("give")
        assert caught.value.uri == EncodingError.URI
        assert await client.call("ping") == "pong"
        assert not served.realm.local.dealing.invocations
    assert [r.levelno for r in caplog.records].count(logging.ERROR) == 1
    # Records hold the error, its traceback the session.
    caplog.clear()


# --- What a handler raises ------------------------------------------------------------


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize("uri", ["async", "plain", "thread", "generator"])
async def test_an_unexpected_exception_is_logged_once_and_tells_nothing(
    uri: str, debug: bool, caplog: pytest.LogCaptureFixture
) -> None:
    api = serverwamp.RPCRouteSet()

    @api.route("async")
    async def coroutine() -> None:
        raise ValueError("secret")

    @api.route("plain")
    def plain() -> None:
        raise ValueError("secret")

    @api.route("thread", thread=True)
    def thread() -> None:
        raise ValueError("secret")

    @api.route("generator")
    async def generator() -> AsyncIterator[int]:
        yield 1
        raise ValueError("secret")

    async with site(api, debug=debug) as served, served.client() as client:
        with pytest.raises(RuntimeFailure) as caught:
            await client.call(uri)
        assert (caught.value.args == ("secret",)) is debug
        assert ("secret" in str(caught.value)) is debug
    (record,) = [r for r in caplog.records if r.levelno >= logging.ERROR]
    assert record.exc_info is not None
    assert record.exc_info[0] is ValueError


# --- Progress (5.2) -------------------------------------------------------------------


async def test_progress_by_a_generator() -> None:
    api = serverwamp.RPCRouteSet()
    closed = []

    @api.route("count")
    async def count(n: int) -> AsyncIterator[Any]:
        try:
            for number in range(n):
                yield number
            yield RPCProgressReport(("almost",), {"left": 0})
            yield RPCResult(("done",))
            yield "never seen"
        finally:
            closed.append(n)

    @api.route("quiet")
    async def quiet() -> AsyncIterator[Any]:
        yield 1

    async with site(api) as served, served.client() as client:
        seen: list[Any] = []
        assert await client.call("count", 3, on_progress=seen.append) == "done"
        assert seen == [0, 1, 2, RPCResult(["almost"], {"left": 0})]
        # Not asked for: dropped (REQ-RPC-033).
        assert await client.call("count", 2) == "done"
        assert await client.call("quiet") is None
        assert closed == [3, 2]


async def test_progress_by_the_invocation() -> None:
    api = serverwamp.RPCRouteSet()

    @api.route("count")
    async def count(n: int, *, invocation: Invocation) -> list[Any]:
        for number in range(n):
            await invocation.progress(number)
        await invocation.progress("half", of=n)
        return [invocation.receive_progress, invocation.timeout]

    async with site(api) as served, served.client() as client:
        seen: list[Any] = []
        answer = await client.call("count", 2, on_progress=seen.append, timeout=9)
        assert answer == [True, 9]
        assert seen == [0, 1, RPCResult(["half"], {"of": 2})]
        assert await client.call("count", 2) == [False, 0]


async def test_a_generator_that_never_waits_does_not_block_the_others() -> None:
    api = serverwamp.RPCRouteSet()

    @api.route("spin")
    async def spin() -> AsyncIterator[int]:
        while True:
            yield 1

    @api.route("ping")
    async def ping() -> str:
        return "pong"

    async with site(api) as served, served.client() as client:
        call = await client.begin_call("spin")
        assert await client.call("ping") == "pong"
        await call.cancel("kill")
        with pytest.raises(Canceled):
            await call.result()


# --- Plain functions and threads ------------------------------------------------------


async def test_plain_functions_run_in_the_loop_and_threaded_ones_do_not() -> None:
    api = serverwamp.RPCRouteSet()

    @api.route("plain")
    def plain() -> int:
        return threading.get_ident()

    @api.route("thread", thread=True)
    def thread(session: Session) -> int:
        # From another thread too (product: handed to the loop).
        session.realm.publish("news", "from a thread")
        session.send_event("news", ["to you"])
        return threading.get_ident()

    async with site(api, open_=True) as served, served.client() as client:
        news = await client.subscribe("news")
        assert await client.call("plain") == threading.get_ident()
        assert await client.call("thread") != threading.get_ident()
        assert [(await news.next()).args for _ in range(2)] == [
            ["from a thread"],
            ["to you"],
        ]


async def test_calling_from_a_thread_says_what_to_do_instead() -> None:
    api = serverwamp.RPCRouteSet()

    @api.route("thread", thread=True)
    def thread(session: Session) -> str:
        try:
            session.realm.call("plain").send(None)
        except serverwamp.ConfigurationError as error:
            return str(error)
        return "nothing was said"

    async with site(api) as served, served.client() as client:
        assert "run_coroutine_threadsafe" in await client.call("thread")


async def test_progress_from_a_thread_fails_loudly(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A coroutine that nobody awaits would report nothing, and say nothing."""
    api = serverwamp.RPCRouteSet()

    @api.route("thread", thread=True)
    def thread(invocation: Invocation) -> None:
        invocation.progress(1)  # type: ignore[unused-coroutine]  # the mistake

    async with site(api) as served, served.client() as client:
        with pytest.raises(RuntimeFailure):
            await client.call("thread")
    assert "thread=True reports no progress" in caplog.text


# --- Cancelling -----------------------------------------------------------------------


class Hanging:
    """A procedure that takes note of how it ends."""

    def __init__(self, *, stubborn: bool = False) -> None:
        self.api = serverwamp.RPCRouteSet()
        self.api.route("hang")(self.hang)
        self.events: list[str] = []
        self.go_on = asyncio.Event()
        self.stubborn = stubborn

    async def hang(self) -> str:
        self.events.append("started")
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.events.append("cancelled")
            if self.stubborn:
                return "all the same"
            raise
        self.events.append("finished")
        return "done"


async def test_a_test_sends_its_call_in_chunks_and_is_told_how() -> None:
    api = serverwamp.RPCRouteSet()

    @api.route("join")
    async def join(first: str, *, end: str = "", chunks: serverwamp.Chunks) -> str:
        return "".join([chunk.args[0] async for chunk in chunks])

    async with site(api) as served, served.client() as client:
        heard: list[object] = []
        call = await client.begin_call(
            "join", ["a"], options={"progress": True}, on_progress=heard.append
        )
        await call.send("b")
        await call.finish("c", end="ignored")
        assert await call.result() == "abc"

        for begun in (call, await client.begin_call("join", ["a"])):
            with pytest.raises(serverwamp.ConfigurationError, match="'progress': True"):
                await begun.send("d")
            assert await begun.result() in ("a", "abc")


@pytest.mark.parametrize("mode", ["kill", "killnowait"])
async def test_cancel_stops_the_handler(mode: str) -> None:
    hanging = Hanging()
    async with site(hanging.api) as served, served.client() as client:
        call = await client.begin_call("hang")
        await until(lambda: hanging.events == ["started"])
        await call.cancel(mode)
        with pytest.raises(Canceled):
            await call.result()
        await until(lambda: hanging.events == ["started", "cancelled"])
        assert not served.realm.local.dealing.invocations


async def test_cancel_with_skip_lets_the_handler_finish() -> None:
    hanging = Hanging()
    async with site(hanging.api) as served, served.client() as client:
        call = await client.begin_call("hang")
        await until(lambda: hanging.events == ["started"])
        await call.cancel("skip")
        with pytest.raises(Canceled):
            await call.result()
        hanging.go_on.set()
        await until(lambda: hanging.events == ["started", "finished"])
        with pytest.raises(NoSuchProcedure):
            await client.call("still.here")


async def test_a_handler_may_answer_all_the_same_when_killed() -> None:
    hanging = Hanging(stubborn=True)
    async with site(hanging.api) as served, served.client() as client:
        call = await client.begin_call("hang")
        await until(lambda: hanging.events == ["started"])
        await call.cancel("kill")
        assert await call.result() == "all the same"


async def test_a_timeout_ends_the_call_and_the_handler() -> None:
    hanging = Hanging()
    async with site(hanging.api) as served, served.client() as client:
        with pytest.raises(TimedOut):
            await client.call("hang", timeout=0.05)
        await until(lambda: hanging.events == ["started", "cancelled"])


@pytest.mark.parametrize("way", ["leave", "drop"])
async def test_a_caller_that_leaves_cancels_its_handlers(way: str) -> None:
    hanging = Hanging()
    async with site(hanging.api) as served, served.client() as client:
        await client.begin_call("hang")
        await until(lambda: hanging.events == ["started"])
        await getattr(client, way)()
        await until(lambda: hanging.events == ["started", "cancelled"])


@pytest.mark.parametrize("way", ["leave", "drop"])
async def test_without_cancel_on_disconnect_the_handler_finishes(way: str) -> None:
    hanging = Hanging()
    async with site(hanging.api, cancel_on_disconnect=False) as served:
        async with served.client() as client:
            await client.begin_call("hang")
            await until(lambda: hanging.events == ["started"])
            await getattr(client, way)()
        await until(lambda: not served.wamp._open)
        hanging.go_on.set()
        await until(lambda: hanging.events == ["started", "finished"])


async def test_a_handler_may_close_its_own_caller() -> None:
    api = serverwamp.RPCRouteSet()

    @api.route("out")
    async def out(session: Session) -> str:
        await session.close("shop.close.enough", "go home")
        return "unheard"

    async with site(api) as served, served.client() as client:
        call = await client.begin_call("out")
        assert await client.receive() == [
            6,
            {"message": "go home"},
            "shop.close.enough",
        ]
        with pytest.raises(serverwamp.ConnectionClosed):
            await call.result()
        assert await client.close_code() == 1000


# --- Routes ---------------------------------------------------------------------------


async def test_patterns_and_expressions_tell_the_uri_that_was_called() -> None:
    api = serverwamp.RPCRouteSet()

    def answering(name: str) -> Any:
        async def handler(*args: Any, invocation: Invocation) -> list[str]:
            return [name, invocation.uri]

        return handler

    api.route("a.b.c")(answering("exact"))
    api.prefix_route("a.b")(answering("prefix"))
    api.prefix_route("a.")(answering("shorter"))
    api.wildcard_route("x..z")(answering("wildcard"))
    api.regex_route(r"r\.\d+")(answering("number"))
    api.regex_route(r"r\..*")(answering("anything"))

    async with site(api) as served, served.client() as client:
        for uri, name in {
            "a.b.c": "exact",
            "a.b.cd": "prefix",
            "a.bb": "prefix",
            "a.c": "shorter",
            "x.y.z": "wildcard",
            "r.12": "number",
            "r.12a": "anything",
        }.items():
            assert await client.call(uri) == [name, uri]
        for uri in ("x.y.q", "xr.12", "a", "x.y.z.z"):
            with pytest.raises(NoSuchProcedure):
                await client.call(uri)


async def test_routes_may_be_added_while_the_server_runs() -> None:
    late = serverwamp.RPCRouteSet()

    @late.route("late")
    async def handler() -> str:
        return "better than never"

    async with site() as served, served.client() as client:
        with pytest.raises(NoSuchProcedure):
            await client.call("late")
        served.realm.add_routes(late)
        assert await client.call("late") == "better than never"


# --- Permissions ----------------------------------------------------------------------


def two_roles() -> serverwamp.Realm:
    realm = serverwamp.Realm("r")

    async def verify(session: Session, ticket: str) -> serverwamp.Identity:
        return serverwamp.Identity(session.authid, authrole=ticket)

    realm.set_ticket_authenticator(verify)
    return realm


async def test_roles_of_routes_are_kept() -> None:
    api = serverwamp.RPCRouteSet()

    @api.route("open")
    async def open_() -> str:
        return "open"

    @api.route("admin", roles=["admin"])
    async def admin() -> str:
        return "admin"

    @api.regex_route(r"admin\.\w+", roles=["admin"])
    async def admin_too() -> str:
        return "admin too"

    async with site(api, realm=two_roles()) as served:
        async with served.client(authid="ann", ticket="user") as user:
            assert await user.call("open") == "open"
            for uri in ("admin", "admin.x"):
                with pytest.raises(NotAuthorized):
                    await user.call(uri)
        async with served.client(authid="bob", ticket="admin") as admin_client:
            assert await admin_client.call("admin") == "admin"
            assert await admin_client.call("admin.x") == "admin too"


async def test_by_default_clients_only_call_and_subscribe_what_is_hosted() -> None:
    topics = serverwamp.TopicRouteSet()
    topics.declare("news")
    topics.declare("wall", publish=True)

    async with site(topics) as served, served.client() as client:
        await client.subscribe("news")
        await client.publish("wall", "hi")
        for refused in (
            client.publish("news", "hi"),
            client.register("mine", lambda: 1),
            client.subscribe("secrets"),
            client.subscribe("n", match="prefix"),
        ):
            with pytest.raises(NotAuthorized):
                await refused
        with pytest.raises(NoSuchProcedure):
            await client.call("wamp.session.count")


async def test_permit_says_more_and_an_explicit_no_wins() -> None:
    api = serverwamp.RPCRouteSet()

    @api.route("closed")
    async def closed() -> None: ...

    realm = serverwamp.Realm("r")
    realm.permit("chat.", match="prefix", publish=True, subscribe=True)
    realm.permit("chat.admin.", match="prefix", subscribe=False, publish=False)
    realm.permit("closed", call=False)
    async with site(api, realm=realm) as served, served.client() as client:
        await client.subscribe("chat.room")
        await client.publish("chat.room", 1)
        for refused in (
            client.publish("chat.admin.room", 1),
            client.subscribe("chat.admin.room"),
            client.call("closed"),
        ):
            with pytest.raises(NotAuthorized):
                await refused


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_an_authorizer_denies_and_never_grants(kind: str) -> None:
    api, asked = serverwamp.RPCRouteSet(), []

    @api.route("a")
    async def a() -> str:
        return "a"

    @api.route("b")
    async def b() -> str:
        return "b"

    def sync(session: Session, action: str, uri: str, options: Any) -> bool:
        asked.append((str(action), uri))
        return uri != "b"

    async def asynchronous(*args: Any) -> bool:
        await asyncio.sleep(0)
        return sync(*args)

    async with site(api) as served, served.client() as client:
        served.realm.set_authorizer(sync if kind == "sync" else asynchronous)
        assert await client.call("a") == "a"
        with pytest.raises(NotAuthorized):
            await client.call("b")
        with pytest.raises(NoSuchProcedure):
            await client.call("c")
        with pytest.raises(NotAuthorized):
            await client.subscribe("d")
        assert asked == [("call", "a"), ("call", "b")]


@pytest.mark.parametrize("answer", [ValueError, "yes", None])
async def test_an_authorizer_that_fails_grants_nothing(
    answer: Any, caplog: pytest.LogCaptureFixture
) -> None:
    api = serverwamp.RPCRouteSet()

    @api.route("a")
    async def a() -> str:
        return "a"

    async def authorizer(*args: Any) -> Any:
        if answer is ValueError:
            raise ValueError("broken")
        return answer

    async with site(api) as served, served.client() as client:
        served.realm.set_authorizer(authorizer)
        with pytest.raises(ApplicationError) as caught:
            await client.call("a")
        assert caught.value.uri == "wamp.error.authorization_failed"
        assert caught.value.args == ()
    assert "the authorizer failed" in caplog.text


async def test_decisions_are_kept_until_they_are_dropped() -> None:
    api, asked = serverwamp.RPCRouteSet(), []

    @api.route("a")
    async def a() -> str:
        return "a"

    async def authorizer(
        session: Session, action: str, uri: str, options: Any
    ) -> serverwamp.Decision:
        asked.append(uri)
        return serverwamp.Decision(True, cache=True)

    async with site(api) as served, served.client() as client:
        served.realm.set_authorizer(authorizer)
        for _ in range(3):
            await client.call("a")
        assert len(asked) == 1
        (session,) = served.realm.sessions()
        served.realm.drop_decisions(session)
        await client.call("a")
        assert len(asked) == 2
        served.realm.drop_decisions()
        await client.call("a")
        assert len(asked) == 3


async def test_requests_keep_their_order_behind_a_slow_authorizer() -> None:
    api, called = serverwamp.RPCRouteSet(), []

    @api.prefix_route("call.")
    async def handler(invocation: Invocation) -> None:
        called.append(invocation.uri)

    async def authorizer(session: Any, action: str, uri: str, options: Any) -> bool:
        await asyncio.sleep(0.02 if uri == "call.slow" else 0)
        return True

    async with site(api) as served, served.client() as client:
        served.realm.set_authorizer(authorizer)
        uris = ["call.slow", "call.1", "call.2", "call.3"]
        calls = [await client.begin_call(uri) for uri in uris]
        for call in calls:
            await call.result()
        assert called == uris


# --- Options of the application -------------------------------------------------------


async def test_synchronize_requests_finishes_one_before_the_next() -> None:
    api, log = serverwamp.RPCRouteSet(), []

    @api.route("step")
    async def step(n: int) -> None:
        log.append(f"{n} begins")
        await asyncio.sleep(0.02 / n)
        log.append(f"{n} ends")

    options: dict[str, Any] = {"synchronize_requests": True}
    async with site(api, **options) as served, served.client() as client:
        calls = [await client.begin_call("step", [n]) for n in (1, 2)]
        for call in calls:
            await call.result()
    assert log == ["1 begins", "1 ends", "2 begins", "2 ends"]


async def test_a_message_type_can_be_taken_over() -> None:
    seen = []

    async def on_call(message: Any, session: Session) -> None:
        seen.append((message.procedure, session.id))
        raise ApplicationError("shop.error.closed")

    handlers = {serverwamp.messages.Call: on_call}
    options: dict[str, Any] = {"protocol_request_handlers": handlers}
    async with site(**options) as served, served.client() as client:
        with pytest.raises(ApplicationError, match=r"shop\.error\.closed"):
            await client.call("anything")
        assert seen == [("anything", client.id)]


@pytest.mark.parametrize("cancel", [True, False])
async def test_what_a_plain_handler_returns_is_awaited_though_its_caller_has_left(
    cancel: bool,
) -> None:
    # With cancel_on_disconnect it is cancelled instead, before it has begun.
    api, rest = serverwamp.RPCRouteSet(), []

    async def go_on() -> None:
        await asyncio.sleep(0.01)
        rest.append("ran")

    @api.route("out")
    def out(session: Session) -> Any:
        closing = session.close()
        with contextlib.suppress(StopIteration):
            closing.send(None)
        return go_on()

    async with site(api, cancel_on_disconnect=cancel) as served:
        async with served.client() as client:
            await client.begin_call("out")
            assert await client.close_code() == 4403
        await until(lambda: not served.wamp._open)
        if not cancel:
            await until(lambda: rest == ["ran"])
    assert rest == ([] if cancel else ["ran"])
