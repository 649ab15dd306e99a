"""One handler for all of a realm's authentication, calls or subscriptions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

import aiohttp_serverwamp as serverwamp
from aiohttp_serverwamp import (
    ApplicationError,
    ConfigurationError,
    Identity,
    Invocation,
    Limits,
    Realm,
    Session,
    SessionRejected,
    SubscribeError,
)
from aiohttp_serverwamp.testing import JoinRejected, WAMPClient, connect
from tests.sites import Site, site, until

HELLO = [1, "r", {"roles": {"caller": {}}, "authid": "joe"}]


def realm_with(handler: Callable[..., Any]) -> Realm:
    realm = Realm("r")
    realm.set_authentication_handler(handler)
    return realm


async def rejection(server: Site, **options: Any) -> str:
    with pytest.raises(JoinRejected) as caught:
        async with server.client(**options):
            pass
    return caught.value.reason


async def exchange(client: WAMPClient, message: list[Any]) -> list[Any]:
    await client.send(message)
    return await client.receive()


# --- Authentication -------------------------------------------------------------------


async def test_an_authentication_handler_challenges_as_often_as_it_likes() -> None:
    async def ask(session: Session) -> Identity | None:
        first, extra = await session.challenge("riddle", {"what": "walks on four?"})
        second, _ = await session.challenge("riddle", {"you said": first, **extra})
        return Identity(f"{session.authid} {second}", "guest")

    async with (
        site(realm=realm_with(ask)) as server,
        connect(server.http, realm=None) as client,
    ):
        first = await exchange(client, HELLO)
        second = await exchange(client, [5, "man", {"sure": True}])
        welcome = await exchange(client, [5, "in the morning", {}])

        assert first == [4, "riddle", {"what": "walks on four?"}]
        assert second == [4, "riddle", {"you said": "man", "sure": True}]
        assert welcome[0] == 2
        assert welcome[2]["authid"] == "joe in the morning"
        assert (welcome[2]["authmethod"], welcome[2]["authrole"]) == ("riddle", "guest")


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_it_may_let_clients_in_without_a_challenge(kind: str) -> None:
    """What they call themselves counts for nothing then."""

    def plain(session: Session) -> str:
        return "somebody"

    async def waits(session: Session) -> str:
        return "somebody"

    handler = plain if kind == "sync" else waits
    async with (
        site(realm=realm_with(handler)) as server,
        server.client(authid="root") as client,
    ):
        assert client.welcome["authid"] not in ("", "root")
        assert client.welcome["authmethod"] == "custom"
        assert server.realm.sessions()[0].identity == "somebody"


async def test_the_other_authenticators_are_not_asked_until_it_is_taken_back() -> None:
    realm = realm_with(lambda session: None)
    realm.add_transport_authenticator(lambda session: Identity("by transport"))
    async with site(realm=realm) as server:
        assert await rejection(server) == "wamp.error.authentication_denied"

        realm.set_authentication_handler(None)
        async with server.client() as client:
            assert client.welcome["authid"] == "by transport"


async def test_it_refuses_with_a_reason_of_its_own() -> None:
    def refuse(session: Session) -> None:
        raise SessionRejected("shop.error.closed", "come back tomorrow")

    async with site(realm=realm_with(refuse)) as server:
        assert await rejection(server) == "shop.error.closed"


async def test_it_refuses_after_a_challenge() -> None:
    async def ask(session: Session) -> bool:
        answer, _ = await session.challenge("ticket")
        return answer == "open sesame"

    async with site(realm=realm_with(ask)) as server:
        denied = await rejection(server, ticket="guess", authid="joe")
        async with server.client(ticket="open sesame", authid="joe") as client:
            assert client.welcome["authid"] == "joe"

    assert denied == "wamp.error.authentication_denied"


async def test_what_it_raises_denies_and_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fail(session: Session) -> None:
        await session.challenge("ticket")
        raise RuntimeError("the database is gone")

    async with site(realm=realm_with(fail)) as server:
        reason = await rejection(server, ticket="t", authid="joe")

    assert reason == "wamp.error.authentication_failed"
    assert caplog.text.count("RuntimeError: the database is gone") == 1


async def test_a_client_that_leaves_instead_of_answering_ends_the_handler() -> None:
    """It would otherwise wait for as long as clean-up code may take."""
    trace: list[str] = []

    async def ask(session: Session) -> bool:
        trace.append("asks")
        try:
            await session.challenge("ticket")
        finally:
            trace.append("ends")
        return True

    patient = Limits(close_timeout=60, auth_timeout=60)
    async with site(realm=realm_with(ask), limits=patient) as server:
        async with connect(server.http, realm=None) as client:
            await exchange(client, HELLO)
        await until(lambda: len(trace) == 2)

    assert trace == ["asks", "ends"]


async def test_a_client_that_never_answers_is_sent_away() -> None:
    """REQ-SES-011."""

    async def ask(session: Session) -> bool:
        await session.challenge("ticket")
        return True

    async with (
        site(realm=realm_with(ask), limits=Limits(auth_timeout=0.05)) as server,
        connect(server.http, realm=None) as client,
    ):
        await exchange(client, HELLO)
        refusal = await client.receive()

        assert refusal[:1] + refusal[2:] == [3, "wamp.error.authentication_failed"]


async def test_an_answer_that_nobody_asked_for_is_a_protocol_violation() -> None:
    go_on = asyncio.Event()

    async def think(session: Session) -> bool:
        await go_on.wait()
        return True

    async with (
        site(realm=realm_with(think)) as server,
        connect(server.http, realm=None) as client,
    ):
        await client.send(HELLO)
        refusal = await exchange(client, [5, "unasked", {}])
        go_on.set()

        assert refusal[2] == "wamp.error.protocol_violation"
        assert server.realm.sessions() == []


async def test_a_session_is_challenged_in_an_authentication_handler_only() -> None:
    api = serverwamp.RPCRouteSet()
    seen: list[str] = []

    @api.route("challenge")
    async def challenge(session: Session) -> None:
        try:
            await session.challenge("ticket")
        except ConfigurationError as error:
            seen.append(str(error))

    async with site(api) as server, server.client() as client:
        await client.call("challenge")
        await server.realm.call("challenge")
        assert await client.call("challenge") is None

    assert len(seen) == 3
    assert "while it joins" in seen[0]


async def test_a_transport_authenticator_does_not_challenge(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def wrong(session: Session) -> bool:
        await session.challenge("ticket")
        return True

    realm = Realm("r")
    realm.add_transport_authenticator(wrong)
    async with site(realm=realm) as server:
        reason = await rejection(server, ticket="t", authid="joe")

    assert reason == "wamp.error.authentication_failed"
    assert "authentication handler" in caplog.text


# --- Calls ----------------------------------------------------------------------------


async def test_an_rpc_handler_serves_what_nothing_else_serves() -> None:
    api = serverwamp.RPCRouteSet()
    api.route("exact")(lambda: "exact")
    api.prefix_route("prefix.")(lambda: "prefix")
    api.regex_route(r"regex\d")(lambda: "regex")
    realm = Realm("r")
    realm.add_routes(api)

    async def serve(invocation: Invocation) -> tuple[Any, ...]:
        return invocation.uri, [*invocation.args], invocation.kwargs

    realm.set_rpc_handler(serve)
    async with site(realm=realm) as server, server.client() as client:
        found = [
            await client.call(uri) for uri in ("exact", "prefix.any", "regex1", "regex")
        ]
        result = await client.call("what.ever", 1, sku="tea")

    assert found[:3] == ["exact", "prefix", "regex"]
    assert found[3].args == ["regex", [], {}]
    assert result.args == ["what.ever", [1], {"sku": "tea"}]


async def test_expressions_and_the_handler_are_tried_in_the_order_added() -> None:
    late = serverwamp.RPCRouteSet()
    late.regex_route(r"late\d")(lambda: "regex")
    realm = Realm("r")
    realm.set_rpc_handler(lambda invocation: "handler")
    realm.add_routes(late)
    async with site(realm=realm) as server, server.client() as client:
        assert await client.call("late1") == "handler"


async def test_an_rpc_handler_may_be_of_every_kind_and_raise() -> None:
    async def progress(invocation: Invocation) -> AsyncIterator[Any]:
        yield 1
        if not invocation.args:
            raise ApplicationError("shop.error.empty")
        yield serverwamp.RPCResult(args=["done"])

    realm = Realm("r")
    realm.set_rpc_handler(progress)
    async with site(realm=realm) as server, server.client() as client:
        seen: list[Any] = []
        done = await client.call("any", 1, on_progress=seen.append)
        with pytest.raises(ApplicationError) as caught:
            await client.call("any")

    assert (seen, done, caught.value.uri) == ([1], "done", "shop.error.empty")


async def test_its_parameter_may_have_any_name_and_no_annotation() -> None:
    realm = Realm("r")
    realm.set_rpc_handler(lambda whatever: whatever.uri)
    async with site(realm=realm) as server, server.client() as client:
        assert await client.call("a.b") == "a.b"


# --- Subscriptions --------------------------------------------------------------------


async def test_a_subscription_handler_serves_what_nothing_else_serves() -> None:
    trace: list[Any] = []
    topics = serverwamp.TopicRouteSet()
    topics.declare("declared")

    @topics.regex_route(r"regex\d")
    async def regex(topic_uri: str) -> AsyncIterator[None]:
        trace.append(("regex", topic_uri))
        yield

    realm = Realm("r")
    realm.add_routes(topics)

    async def accompany(uri: str, session: Session) -> AsyncIterator[None]:
        if uri.startswith("private."):
            raise SubscribeError("shop.error.private")
        trace.append((uri, session.id))
        yield
        trace.append(("ends", uri))

    realm.set_subscription_handler(accompany)
    async with site(realm=realm) as server, server.client() as client:
        await client.subscribe("declared")
        await client.subscribe("regex1")
        other = await client.subscribe("what.ever")
        with pytest.raises(ApplicationError) as refused:
            await client.subscribe("private.diary")
        server.realm.publish("what.ever", 5)
        assert (await other.next()).args == [5]
        await other.unsubscribe()
        await until(lambda: len(trace) == 3)

        assert refused.value.uri == "shop.error.private"
        assert trace == [
            ("regex", "regex1"),
            ("what.ever", client.id),
            ("ends", "what.ever"),
        ]


# --- Wrong use ------------------------------------------------------------------------


async def _life(uri: str, session: Session) -> AsyncIterator[None]:
    yield


@pytest.mark.parametrize(
    ("method", "handler"),
    [("set_rpc_handler", lambda call: None), ("set_subscription_handler", _life)],
)
def test_there_is_one_handler_of_a_kind(
    method: str, handler: Callable[..., Any]
) -> None:
    realm = Realm("r")
    getattr(realm, method)(handler)

    with pytest.raises(ConfigurationError):
        getattr(realm, method)(handler)


@pytest.mark.parametrize(
    "method",
    ["set_rpc_handler", "set_subscription_handler", "set_authentication_handler"],
)
def test_a_handler_is_a_function(method: str) -> None:
    with pytest.raises(ConfigurationError):
        getattr(Realm("r"), method)("no function")
