"""Application: realms by URI, the default realm, running."""

from __future__ import annotations

import asyncio
import functools
from typing import Any

import pytest
from aiohttp import web

import aiohttp_serverwamp as serverwamp
from aiohttp_serverwamp import Application, ConfigurationError, Limits, Realm, messages
from aiohttp_serverwamp.adapters.anyio import AnyioAsyncSupport
from aiohttp_serverwamp.adapters.memory import linked_connections
from aiohttp_serverwamp.adapters.trio import TrioAsyncSupport
from aiohttp_serverwamp.interfaces import AsyncSupport
from aiohttp_serverwamp.serializers import SUBPROTOCOLS
from aiohttp_serverwamp.serializers.frame import SerializerCodec


def test_realms_are_found_by_uri() -> None:
    wamp, realm = Application(), Realm("members")
    wamp.add_realm(realm)

    assert wamp.realm("members") is realm
    with pytest.raises(KeyError, match=r"no realm 'default' .*\['members'\]"):
        wamp.realm("default")
    assert "members" in repr(wamp)


def test_a_uri_has_one_realm() -> None:
    wamp = Application()
    wamp.add_realm(Realm("members"))

    with pytest.raises(ConfigurationError, match="already"):
        wamp.add_realm(Realm("members"))


def test_a_realm_belongs_to_one_application() -> None:
    realm = Realm("members")
    Application().add_realm(realm)

    with pytest.raises(ConfigurationError, match="another Application"):
        Application().add_realm(realm)


def test_a_realm_is_added_once() -> None:
    wamp, realm = Application(), Realm("members")
    wamp.add_realm(realm)

    with pytest.raises(ConfigurationError, match="already"):
        wamp.add_realm(realm)


@pytest.mark.parametrize("realm", ["members", None, Realm])
def test_what_is_no_realm_is_refused(realm: Any) -> None:
    with pytest.raises(ConfigurationError, match="give a Realm"):
        Application().add_realm(realm)


def test_the_default_realm_can_be_switched_off() -> None:
    wamp = Application(allow_default_realm=False)

    for use in (
        lambda: wamp.default_realm,
        lambda: wamp.add_routes(serverwamp.RPCRouteSet()),
        lambda: wamp.publish("t"),
    ):
        with pytest.raises(ConfigurationError, match="allow_default_realm=False"):
            use()


@pytest.mark.parametrize("limits", [{}, 7, Limits])
def test_limits_are_limits(limits: Any) -> None:
    with pytest.raises(ConfigurationError, match="limits="):
        Application(limits=limits)


@pytest.mark.parametrize("support", ["trio", asyncio, None, 7, int])
def test_an_async_library_is_one_of_the_adapters(support: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"trio\.TrioAsyncSupport"):
        Application(async_support=support)


def test_the_adapters_are_found_where_the_advice_says() -> None:
    adapters = serverwamp.adapters

    assert adapters.trio.TrioAsyncSupport is TrioAsyncSupport
    assert adapters.asyncio.AsyncioAsyncSupport.name == "asyncio"
    assert adapters.anyio.AnyioAsyncSupport.name == "anyio"


async def on_call(message: Any, session: Any) -> None: ...


class OnCall:
    async def __call__(self, message: Any, session: Any) -> None: ...


def plain(message: Any, session: Any) -> None: ...


@pytest.mark.parametrize(
    ("handlers", "advice"),
    [
        ([messages.Call], "give a dict"),
        ({"call": on_call}, "classes such as messages.Call"),
        ({messages.Hello: on_call}, "of a joined client"),
        ({messages.Call: None}, "async def handler"),
        ({messages.Call: plain}, "async def handler"),
    ],
)
def test_request_handlers_are_for_what_joined_clients_send(
    handlers: Any, advice: str
) -> None:
    with pytest.raises(ConfigurationError, match=advice):
        Application(protocol_request_handlers=handlers)


@pytest.mark.parametrize("handler", [on_call, OnCall(), functools.partial(on_call)])
def test_any_async_function_handles_requests(handler: Any) -> None:
    wamp = Application(protocol_request_handlers={messages.Call: handler})

    assert wamp.request_handlers == {messages.Call: handler}


async def test_publishing_where_nobody_can_be_is_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    wamp = Application()
    async with wamp.run():
        wamp.publish("t")
        assert not caplog.records
        wamp.add_realm(Realm("members"))
        for _ in range(2):
            wamp.publish("t")
        assert wamp.realm("members").publish("t")
    assert len(caplog.records) == 1
    assert "application.realm(uri).publish" in caplog.text


@pytest.mark.parametrize("support", [TrioAsyncSupport, AnyioAsyncSupport])
def test_another_async_library_is_refused_at_once_where_aiohttp_serves(
    support: type[AsyncSupport],
) -> None:
    application = Application(async_support=support)

    for attach in (
        application.aiohttp_websocket_handler,
        lambda: serverwamp.setup_wamp(web.Application(), application),
    ):
        with pytest.raises(ConfigurationError, match="leave async_support= out"):
            attach()


# --- Running --------------------------------------------------------------------------


async def test_it_runs_inside_the_block() -> None:
    wamp = Application()
    async with wamp.run() as running:
        assert running is wamp
        wamp.publish("t")
        assert wamp.sessions() == []
        assert await wamp.close_sessions() == 0
    assert not wamp.running


async def test_it_says_whether_it_runs() -> None:
    wamp = Application()
    seen = [wamp.running]
    async with wamp.run():
        seen.append(wamp.running)
    assert [*seen, wamp.running] == [False, True, False]


async def test_it_runs_once_at_a_time() -> None:
    wamp = Application()
    async with wamp.run():
        with pytest.raises(ConfigurationError, match="runs already"):
            async with wamp.run():
                pass
        assert wamp.running


async def test_a_realm_added_while_it_runs_is_live_at_once() -> None:
    wamp, realm = Application(), Realm("late")
    async with wamp.run():
        wamp.add_realm(realm)
        realm.publish("t")


async def test_a_realm_that_cannot_start_is_not_added() -> None:
    wamp, realm = Application(), Realm("late")
    routes = serverwamp.RPCRouteSet()

    @routes.route("a")
    async def broken(session: int) -> None: ...

    realm.add_routes(routes)
    async with wamp.run():
        with pytest.raises(ConfigurationError):
            wamp.add_realm(realm)
        with pytest.raises(KeyError):
            wamp.realm("late")
        assert realm.owner is None
        with pytest.raises(ConfigurationError, match="not running"):
            realm.publish("t")


async def test_an_application_that_fails_to_start_is_not_running() -> None:
    wamp = Application()
    routes = serverwamp.RPCRouteSet()

    @routes.route("a")
    async def broken(session: int) -> None: ...

    wamp.add_routes(routes)
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="session"):
            async with wamp.run():
                pass
        assert not wamp.running


async def test_what_the_block_raises_goes_through() -> None:
    wamp = Application()
    with pytest.raises(ValueError, match="mine"):
        async with wamp.run():
            raise ValueError("mine")
    assert not wamp.running


async def test_serving_needs_a_running_application() -> None:
    connection: Any = None
    with pytest.raises(ConfigurationError, match="not running"):
        await Application().serve(connection)


async def test_shutting_down_twice_or_before_the_start_does_nothing() -> None:
    wamp = Application()
    await wamp.shutdown()
    async with wamp.run():
        assert wamp.admits_connection()
        await wamp.shutdown()
        await wamp.shutdown()
        assert not wamp.admits_connection()
    async with wamp.run():
        assert wamp.admits_connection()


async def test_handlers_that_outlive_their_callers_may_publish_until_they_end() -> None:
    """The application stops when what it runs has ended, not before."""
    api, log = serverwamp.RPCRouteSet(), []

    @api.route("slow")
    async def slow(session: serverwamp.Session) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            session.realm.publish("done")
            log.append("published")

    wamp = Application(cancel_on_disconnect=False, limits=Limits(close_timeout=0.01))
    wamp.add_routes(api)
    wamp.default_realm.permit("done", subscribe=True)
    codec = SerializerCodec(SUBPROTOCOLS["wamp.2.json"])
    async with wamp.run(), wamp.support.task_group() as tasks:
        server, client = linked_connections(wamp.support, codec)
        tasks.start(wamp.serve, server)
        client.write(b'[1,"r",{"roles":{"caller":{}}}]')
        await client.receive()
        client.write(b'[48,1,{},"slow"]')
        await asyncio.sleep(0.01)

    assert log == ["published"]


async def test_two_may_wait_for_the_shutdown() -> None:
    wamp = Application()
    codec = SerializerCodec(SUBPROTOCOLS["wamp.2.json"])
    async with wamp.run(), wamp.support.task_group() as tasks:
        server, client = linked_connections(wamp.support, codec)
        tasks.start(wamp.serve, server)
        client.write(b'[1,"r",{"roles":{"caller":{}}}]')
        await client.receive()

        async with asyncio.timeout(5):
            await asyncio.gather(wamp.shutdown(), wamp.shutdown())

        assert wamp.sessions() == []
