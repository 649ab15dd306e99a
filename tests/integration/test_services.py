"""Classes as services: built once per realm and start, called like functions."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest

import aiohttp_serverwamp as serverwamp
from aiohttp_serverwamp import ConfigurationError, procedure, topic
from aiohttp_serverwamp.errors import InvalidArgument, NotAuthorized
from aiohttp_serverwamp.testing import connect
from tests.sites import running, site


def counter_api(**options: Any) -> serverwamp.RPCRouteSet:
    api = serverwamp.RPCRouteSet(**options)

    @api.service("counter.")
    class Counter:
        made = 0

        def __init__(self, start: int = 0) -> None:
            type(self).made += 1
            self.value = start

        @procedure("up")
        async def up(self, by: int = 1, *, session: serverwamp.Session) -> int:
            assert session.realm is not None
            self.value += by
            return self.value

        @procedure("both")
        def both(self) -> list[int]:
            return [self.value, type(self).made]

        @procedure("thread", thread=True)
        def thread(self) -> bool:
            return threading.current_thread() is threading.main_thread()

        @procedure("count")
        async def count(self, to: int) -> AsyncIterator[int]:
            for number in range(to):
                yield number

        @procedure("name")
        @classmethod
        def name(cls) -> str:
            return cls.__name__

        @procedure("twice")
        @staticmethod
        def twice(number: int) -> int:
            return 2 * number

    return api


async def test_calls_share_one_instance_and_bind_like_functions() -> None:
    async with running(counter_api()) as realm:
        assert await realm.call("counter.up") == 1
        assert await realm.call("counter.up", by=4) == 5
        with pytest.raises(InvalidArgument, match="by"):
            await realm.call("counter.up", "many")
        assert await realm.call("counter.both") == [5, 1]


async def test_methods_of_every_kind_serve() -> None:
    async with site(counter_api()) as server, server.client() as client:
        progress: list[Any] = []

        assert await client.call("counter.thread") is False
        assert await client.call("counter.name") == "Counter"
        assert await client.call("counter.twice", 4) == 8
        await client.call("counter.count", 3, on_progress=progress.append)

    assert progress == [0, 1, 2]


async def test_default_args_build_the_instance_at_start_up() -> None:
    realm = serverwamp.Realm("r")
    realm.add_routes(counter_api())
    realm.set_default_arg("start", 40)
    async with running(realm=realm):
        assert await realm.call("counter.up", 2) == 42


async def test_a_missing_constructor_argument_keeps_the_application_from_starting() -> (
    None
):
    api = serverwamp.RPCRouteSet()

    @api.service()
    class Shop:
        def __init__(self, db: object) -> None:
            self.db = db

        @procedure("sell")
        def sell(self) -> None: ...

    with pytest.raises(ConfigurationError, match="Shop needs 'db'"):
        async with running(api):
            raise AssertionError("it started")


async def test_two_realms_with_one_set_have_an_instance_each() -> None:
    api = counter_api()
    wamp = serverwamp.Application()
    one, two = serverwamp.Realm("one"), serverwamp.Realm("two")
    for realm in (one, two):
        realm.add_routes(api)
        wamp.add_realm(realm)
    async with wamp.run():
        await one.call("counter.up", 5)

        assert await two.call("counter.up") == 1


async def test_a_realm_that_starts_again_has_a_new_instance() -> None:
    realm = serverwamp.Realm("r")
    realm.add_routes(counter_api())
    wamp = serverwamp.Application()
    wamp.add_realm(realm)
    async with wamp.run():
        await realm.call("counter.up", 5)
    async with wamp.run():
        assert await realm.call("counter.both") == [0, 2]


async def test_an_instance_serves_every_realm_and_start() -> None:
    class Shop:
        sold = 0

        @procedure("sell")
        def sell(self) -> int:
            self.sold += 1
            return self.sold

    api = serverwamp.RPCRouteSet()
    shop = api.service("shop.")(Shop())
    async with running(api) as realm:
        await realm.call("shop.sell")

    assert shop.sold == 1


async def test_a_service_is_added_to_a_running_realm() -> None:
    async with running() as realm:
        realm.add_routes(counter_api())

        assert await realm.call("counter.up") == 1


async def test_the_instance_of_a_subclass_runs_its_own_methods() -> None:
    class Base:
        @procedure("hello")
        def hello(self) -> str:
            return "base"

    api = serverwamp.RPCRouteSet()

    @api.service()
    class Derived(Base):
        def hello(self) -> str:
            return "derived, " + super().hello()

    async with running(api) as realm:
        assert await realm.call("hello") == "derived, base"


async def test_spread_results_holds_for_services() -> None:
    async with running(counter_api(spread_results=True)) as realm:
        result = await realm.call("counter.both")

    assert list(result.args) == [0, 1]


async def test_topics_of_a_service_accompany_subscriptions_by_role() -> None:
    api = serverwamp.RPCRouteSet()
    seen: list[object] = []

    @api.service("shop.")
    class Shop:
        def __init__(self) -> None:
            self.watching = 0

        @topic("sold", publish=True)
        async def sold(self, session: serverwamp.Session) -> AsyncIterator[None]:
            self.watching += 1
            yield
            seen.append(("left", session.authrole))

        @topic("secret", roles=["boss"])
        async def secret(self) -> AsyncIterator[None]:
            yield

        @procedure("watching")
        def count(self) -> int:
            return self.watching

        @procedure("burn", roles=["boss"])
        def burn(self) -> None: ...

    async with site(api) as server, server.client() as client:
        subscription = await client.subscribe("shop.sold")
        assert await client.call("shop.watching") == 1
        with pytest.raises(NotAuthorized):
            await client.subscribe("shop.secret")
        with pytest.raises(NotAuthorized):
            await client.call("shop.burn")
        async with connect(server.http, realm="r") as other:
            await other.publish("shop.sold", "tea")
        assert (await subscription.next()).args == ["tea"]
        await subscription.unsubscribe()

    assert seen == [("left", "anonymous")]


async def test_a_topic_that_is_no_async_generator_is_refused() -> None:
    class Shop:
        @topic("sold")
        async def sold(self) -> None: ...

    api = serverwamp.RPCRouteSet()
    api.service("shop.")(Shop)

    with pytest.raises(ConfigurationError, match="async generator"):
        serverwamp.Realm("r").add_routes(api)
