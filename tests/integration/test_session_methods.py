"""What the application does with one session besides calling it and sending events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

import aiohttp_serverwamp as serverwamp
from aiohttp_serverwamp import (
    ConfigurationError,
    ConnectionClosed,
    Identity,
    Realm,
    Session,
    messages,
)
from aiohttp_serverwamp.testing import JoinRejected, WAMPClient, connect
from tests.sites import Site, site, until


async def session_of(served: Site) -> Session:
    (session,) = served.realm.sessions()
    return session


async def refused(served: Site, **options: Any) -> str:
    with pytest.raises(JoinRejected) as caught:
        async with served.client(**options):
            pass
    return str(caught.value)


def handled_by(handler: Any) -> Realm:
    realm = Realm("r")
    realm.set_authentication_handler(handler)
    return realm


# --- Authentication handlers that say it instead of returning it ----------------------


async def test_a_handler_marks_the_session_as_authenticated() -> None:
    async def handler(session: Session) -> None:
        await session.mark_authenticated(Identity("ann", "clerk"))
        assert not session.is_open

    async with site(realm=handled_by(handler)) as served, served.client() as client:
        assert (client.welcome["authid"], client.welcome["authrole"]) == (
            "ann",
            "clerk",
        )


async def test_marked_without_an_identity_a_client_is_a_guest() -> None:
    """Its claim to a name is worth nothing then (REQ-AUTH-017)."""

    async def handler(session: Session) -> None:
        await session.mark_authenticated()

    async with (
        site(realm=handled_by(handler)) as served,
        served.client(authid="root") as client,
    ):
        assert client.welcome["authrole"] == "anonymous"
        assert client.welcome["authid"] != "root"
        assert (await session_of(served)).identity is None


@pytest.mark.parametrize("identity", [0, "", {}])
async def test_marked_with_something_false_it_is_let_in_all_the_same(
    identity: Any,
) -> None:
    async def handler(session: Session) -> None:
        await session.mark_authenticated(identity)

    async with site(realm=handled_by(handler)) as served, served.client():
        assert (await session_of(served)).identity == identity


async def test_what_a_handler_raises_after_marking_denies(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def handler(session: Session) -> None:
        await session.mark_authenticated("ann")
        raise RuntimeError("the audit log is full")

    async with site(realm=handled_by(handler)) as served:
        assert "authentication_failed" in await refused(served)
    assert "the audit log is full" in caplog.text


async def test_a_handler_that_aborts_runs_on_to_its_end() -> None:
    trace = []

    async def handler(session: Session) -> None:
        await session.abort("shop.error.closed", "come back tomorrow")
        await asyncio.sleep(0)
        trace.append("logged")

    async with site(realm=handled_by(handler)) as served:
        assert await refused(served) == "shop.error.closed: come back tomorrow"
        await until(lambda: trace)


async def test_a_transport_authenticator_aborts_as_well() -> None:
    async def authenticator(session: Session) -> None:
        await session.abort("shop.error.closed")

    realm = Realm("r")
    realm.add_transport_authenticator(authenticator)
    async with site(realm=realm) as served:
        assert await refused(served) == "shop.error.closed"


async def test_a_transport_authenticator_does_not_mark(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def authenticator(session: Session) -> None:
        await session.mark_authenticated("ann")

    realm = Realm("r")
    realm.add_transport_authenticator(authenticator)
    async with site(realm=realm) as served:
        assert "authentication_failed" in await refused(served)
    assert "let it return the identity" in caplog.text


async def test_a_session_is_authenticated_while_it_joins_only() -> None:
    async with site() as served, served.client():
        session = await session_of(served)
        with pytest.raises(ConfigurationError, match=r'session\["user"\]'):
            await session.mark_authenticated("ann")


async def test_auth_methods_are_those_that_hello_offered() -> None:
    async with site() as served:
        async with served.client(authmethods=["anonymous", "cookie"]):
            offered = (await session_of(served)).auth_methods
            assert [*offered] == ["anonymous", "cookie"]
        async with served.client():
            assert [*(await session_of(served)).auth_methods] == []


# --- Ending ---------------------------------------------------------------------------


async def test_who_is_aborted_without_a_reason_is_denied() -> None:
    async def handler(session: Session) -> None:
        await session.abort()

    async with site(realm=handled_by(handler)) as served:
        assert await refused(served) == "wamp.error.authentication_denied"


async def test_abort_ends_a_joined_session() -> None:
    async with site() as served, served.client() as client:
        session = await session_of(served)
        await session.abort("shop.error.banned", "no more")

        assert (await client.receive())[1:] == [
            {"message": "no more"},
            "shop.error.banned",
        ]
        await client.close_code()
        assert not session.is_open
        await session.abort("shop.error.banned")  # which is nothing any more


async def test_the_reason_of_an_abort_is_text() -> None:
    async with site() as served, served.client():
        session: Any = await session_of(served)
        with pytest.raises(ConfigurationError, match="SessionRejected"):
            await session.abort(7)


# --- Tasks ----------------------------------------------------------------------------


async def test_a_task_ends_with_its_session_and_not_with_others() -> None:
    trace = []

    async def work(name: str, *, shout: bool) -> None:
        trace.append(f"{name} {shout}")
        try:
            await asyncio.sleep(60)
        finally:
            trace.append(f"{name} ends")

    api = serverwamp.RPCRouteSet()

    @api.route("work")
    async def start(name: str, session: Session) -> None:
        await session.spawn_task(work, name, shout=True)

    async with site(api) as served, served.client() as other:
        await other.call("work", "other")
        async with served.client() as client:
            await client.call("work", "one")
        await until(lambda: "one ends" in trace)
        assert trace == ["other True", "one True", "one ends"]
    assert trace[-1] == "other ends"


async def test_what_a_task_raises_is_logged_and_ends_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fail() -> None:
        await asyncio.sleep(0)
        raise RuntimeError("no ink")

    async def leave() -> None:
        raise ConnectionClosed("the other one has left")

    async with site() as served, served.client() as client:
        session = await session_of(served)
        await session.spawn_task(leave)
        await session.spawn_task(fail)
        await until(lambda: "no ink" in caplog.text)
        assert session.is_open
        assert str(client.id) in caplog.text
    assert "has left" not in caplog.text


async def test_a_task_may_end_its_own_session() -> None:
    async def close(session: Session) -> None:
        await session.close()
        await asyncio.sleep(60)

    async with site() as served, served.client() as client:
        session = await session_of(served)
        await session.spawn_task(close, session)
        await client.close_code()


async def test_an_ended_session_starts_no_task_and_sends_nothing() -> None:
    ran = []

    async def work() -> None:
        ran.append("work")

    async with site() as served:
        async with served.client():
            session = await session_of(served)
        await until(lambda: not session.is_open)
        with pytest.raises(ConnectionClosed):
            await session.spawn_task(work)
        with pytest.raises(ConnectionClosed):
            await session.send_raw([50, 1, {}])
    assert ran == []


# --- Messages as they stand -----------------------------------------------------------


async def test_a_request_handler_answers_by_send_raw() -> None:
    async def answer(message: messages.Call, session: Session) -> None:
        for details in ({"progress": True}, {}):
            await session.send_raw((50, message.request, details, (message.args,)))

    handlers: dict[type, Any] = {messages.Call: answer}
    async with (
        site(protocol_request_handlers=handlers) as served,
        served.client() as client,
    ):
        progress: list[Any] = []
        assert await client.call("any", 1, 2, on_progress=progress.append) == [1, 2]
        assert progress == [[1, 2]]


@pytest.mark.parametrize(
    "message", [[], [7777, 1], [50], [50, "one", {}], [48, 1, {}, "p", {}]]
)
async def test_what_is_no_message_is_not_sent(message: list[Any]) -> None:
    async with site() as served, served.client():
        session = await session_of(served)
        with pytest.raises(ConfigurationError, match="send_raw"):
            await session.send_raw(message)


async def test_what_is_no_plain_data_is_not_sent() -> None:
    async with site() as served, served.client():
        session = await session_of(served)
        with pytest.raises(serverwamp.errors.EncodingError):
            await session.send_raw([50, 1, {}, [object()]])


async def test_the_application_has_a_session_and_none_of_this() -> None:
    api = serverwamp.RPCRouteSet()

    @api.route("try")
    async def try_all(session: Session) -> int:
        attempts = [
            session.abort("a.b"),
            session.mark_authenticated("ann"),
            session.send_raw([50, 1, {}]),
            session.spawn_task(asyncio.sleep, 0),
        ]
        found = await asyncio.gather(*attempts, return_exceptions=True)
        return sum(isinstance(each, ConfigurationError) for each in found)

    async with site(api) as served:
        assert await served.realm.call("try") == 4


@pytest.mark.parametrize("method", ["abort", "send_raw", "spawn_task"])
async def test_other_threads_leave_sessions_alone(method: str) -> None:
    arguments: dict[str, Any] = {
        "abort": "a.b",
        "send_raw": [50, 1, {}],
        "spawn_task": asyncio.sleep,
    }
    async with site() as served, served.client():
        session = await session_of(served)

        def from_thread() -> None:
            asyncio.run(getattr(session, method)(arguments[method]))

        with pytest.raises(ConfigurationError, match=method):
            await asyncio.to_thread(from_thread)
        assert session.is_open


# --- Lifespan handlers of clients that are not authenticated yet ----------------------


async def test_a_client_that_leaves_while_it_is_received_ends_the_handler() -> None:
    trace = []

    async def receive(session: Session) -> AsyncIterator[None]:
        trace.append("begins")
        try:
            await asyncio.sleep(60)
        finally:
            trace.append("ends")
        yield

    realm = Realm("r")
    realm.add_session_lifespan_handler(receive, authenticated_only=False)
    async with site(realm=realm) as served:
        async with connect(served.http, realm=None) as client:
            await client.send([1, "r", {"roles": {"caller": {}}}])
            await until(lambda: trace)
        await until(lambda: len(trace) == 2)

    assert trace == ["begins", "ends"]


async def test_a_refused_client_s_handler_runs_to_its_end() -> None:
    trace = []

    async def receive(session: Session) -> AsyncIterator[None]:
        session["db"] = "open"
        yield
        trace.append("closed")

    async def look(session: Session) -> None:
        trace.append(session["db"])

    realm = Realm("r")
    realm.add_session_lifespan_handler(receive, False)
    realm.add_transport_authenticator(look)
    async with site(realm=realm) as served:
        assert "authentication_required" in await refused(served)
        await until(lambda: len(trace) == 2)

    assert trace == ["open", "closed"]


async def test_a_handler_that_is_added_later_counts_from_then_on() -> None:
    trace = []

    async def receive(session: Session) -> AsyncIterator[None]:
        trace.append("hello" if not session.is_open else "welcome")
        yield

    async with site() as served, served.client():
        served.realm.add_session_lifespan_handler(receive)
        served.realm.add_session_lifespan_handler(receive, authenticated_only=False)
        async with served.client() as client:
            await in_order(client)

    assert trace == ["hello", "welcome"]


async def in_order(client: WAMPClient) -> None:
    """Wait until what came before a request has been done."""
    with pytest.raises(serverwamp.ApplicationError):
        await client.call("no.such.procedure")


def test_the_older_name_is_deprecated() -> None:
    async def receive(session: Session) -> AsyncIterator[None]:
        yield

    for each in (Realm("r"), serverwamp.Application()):
        with pytest.warns(DeprecationWarning, match="add_session_lifespan_handler"):
            each.add_session_state_handler(receive, authenticated_only=False)
