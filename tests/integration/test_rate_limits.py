"""Clients that ask for more than a realm, a route or a rule lets them, over sockets."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from typing import Any

import pytest

import aiohttp_serverwamp as serverwamp
from aiohttp_serverwamp import RateLimit
from aiohttp_serverwamp.errors import ConfigurationError, RateLimited
from aiohttp_serverwamp.testing import WAMPClient
from tests.sites import site, until

#: The second and the third have one network.
ADDRESSES = ("198.51.100.7", "2001:db8::1", "2001:db8::2", "2001:db8:1::")


def shop(**realm: Any) -> serverwamp.Realm:
    made = serverwamp.Realm("r", **realm)
    api = serverwamp.RPCRouteSet()

    @api.route("search", rate_limit="2/h")
    def search(text: str) -> str:
        return text

    @api.route("slow_search", rate_limit=RateLimit("2/h", key="ip"))
    async def slow_search(text: str) -> str:
        await asyncio.sleep(0)
        return text

    @api.prefix_route("report.", rate_limit="2/h")
    async def report() -> None: ...

    @api.route("free")
    def free() -> int:
        return 1

    @api.route("upload", rate_limit="1/h")
    async def upload(chunks: serverwamp.Chunks) -> int:
        return len([chunk async for chunk in chunks])

    @api.route("hang")
    async def hang() -> None:
        await asyncio.Event().wait()

    topics = serverwamp.TopicRouteSet()
    topics.declare("chat.", match="prefix", publish=True, rate_limit="2/h")
    topics.declare("news", publish=True)
    made.add_routes([*api, *topics])
    return made


async def refused(work: Any) -> RateLimited:
    with pytest.raises(RateLimited) as caught:
        await work
    return caught.value


async def test_a_procedure_says_how_often_it_is_called_and_when_again() -> None:
    async with site(realm=shop()) as served, served.client() as client:
        assert [await client.call("search", text) for text in "ab"] == ["a", "b"]
        error = await refused(client.call("search", "c"))

        assert 1790 < error.kwargs["retry_after"] <= 1800
        assert [await client.call("free") for _ in range(20)] == [1] * 20
        assert served.wamp.stats().rate_limited == 1
        async with served.client() as other:
            assert await other.call("search", "a") == "a"


async def test_calls_of_what_a_pattern_serves_count_together() -> None:
    async with site(realm=shop()) as served, served.client() as client:
        await client.call("report.a")
        await client.call("report.b")
        await refused(client.call("report.c"))


async def test_the_chunks_of_a_call_are_no_calls() -> None:
    async with site(realm=shop()) as served, served.client() as client:
        call = await client.begin_call("upload", options={"progress": True})
        for _ in range(5):
            await call.send()
        await call.finish()
        assert await call.result() == 7
        await refused(client.call("upload"))


async def test_a_topic_says_how_often_clients_publish() -> None:
    async with (
        site(realm=shop()) as served,
        served.client() as client,
        served.client() as other,
    ):
        heard = await other.subscribe("chat.a")
        for number in range(4):
            await client.publish("chat.a", number, acknowledge=False)
        await refused(client.publish("chat.b"))
        await client.publish("news")
        # Only clients are limited.
        for number in range(10, 15):
            served.realm.publish("chat.a", number)

        numbers = [(await heard.next()).args[0] for _ in range(7)]
        assert numbers == [0, 1, *range(10, 15)]
        assert served.realm.stats().rate_limited == 3


async def test_addresses_are_those_behind_trusted_proxies() -> None:
    async with (
        site(realm=shop(), setup={"trusted_proxies": ["127.0.0.0/8"]}) as served,
        contextlib.AsyncExitStack() as stack,
    ):
        clients = [
            await stack.enter_async_context(
                served.client(headers={"X-Forwarded-For": address})
            )
            for address in ADDRESSES
        ]
        answers = [await outcome(each.call("slow_search", "a")) for each in clients]
        answers += [await outcome(each.call("slow_search", "a")) for each in clients]

        assert answers == ["a", "a", "a", "a", "a", None, None, "a"]


async def outcome(work: Any) -> Any:
    try:
        return await work
    except RateLimited:
        return None


async def test_a_realm_limits_all_requests_together_and_nothing_else() -> None:
    realm = shop(rate_limit="4/h", permissions=serverwamp.OPEN)
    async with (
        site(realm=realm) as served,
        served.client() as client,
        served.client() as callee,
    ):
        await callee.register("echo", lambda text: text)
        pending = await client.begin_call("hang")
        news = await client.subscribe("news")
        assert await client.call("echo", "a") == "a"
        await client.publish("elsewhere")
        for request in (
            client.call("free"),
            client.publish("news"),
            client.subscribe("more"),
            client.register("mine", print),
            news.unsubscribe(),
        ):
            error = await refused(request)
            assert 890 < error.kwargs["retry_after"] <= 900
        # CANCEL goes through, and so do events, answers and GOODBYE.
        await pending.cancel()
        with pytest.raises(serverwamp.ApplicationError, match="canceled"):
            await pending.result()
        served.realm.publish("news", 1)
        assert (await news.next()).args == [1]
        for _ in range(10):
            assert await served.realm.call("echo", "b") == "b"
        await client.leave()
        assert client.ended == "wamp.close.goodbye_and_out"
        rules = served.realm.traffic_rules.rate_limits
        await until(lambda: rules.remembered == 1)


async def test_a_chunk_beyond_a_realms_limit_ends_its_call() -> None:
    async with site(realm=shop(rate_limit="2/h")) as served, served.client() as client:
        call = await client.begin_call("upload", options={"progress": True})
        await call.send()
        await call.send()
        await call.finish()
        await refused(call.result())
        assert served.wamp.stats().rate_limited == 1


async def test_a_rule_limits_what_clients_offer_each_other() -> None:
    realm = serverwamp.Realm("r", permissions=serverwamp.OPEN)
    async with (
        site(realm=realm) as served,
        served.client() as client,
        served.client() as callee,
    ):
        await callee.register("echo", lambda text: text)
        await client.call("echo", "a")
        served.realm.permit("echo", rate_limit="1/h")
        served.realm.permit("chat.", match="prefix", publish=True, rate_limit="1/h")
        assert await client.call("echo", "a") == "a"
        await refused(client.call("echo", "a"))
        await client.publish("chat.a")
        await refused(client.publish("chat.b"))
        # What the realm permits is what it was.
        await client.publish("elsewhere")


async def test_a_limit_that_comes_later_holds_for_what_was_called_before() -> None:
    async with site(realm=shop()) as served, served.client() as client:
        for _ in range(5):
            await client.call("free")
        served.realm.permit("free", rate_limit=RateLimit("5/h", burst=1, key="authid"))
        await client.call("free")
        await refused(client.call("free"))


async def test_denied_requests_take_nothing() -> None:
    realm = shop()
    realm.permit("search", call=True, roles=["member"])
    realm.permit("other", rate_limit="1/h")
    async with site(realm=realm) as served, served.client() as client:
        for _ in range(3):
            with pytest.raises(serverwamp.errors.NotAuthorized):
                await client.call("search", "a")


async def test_services_have_limits_too() -> None:
    api = serverwamp.RPCRouteSet()

    @api.service("cart.")
    class Cart:
        @serverwamp.procedure("add", rate_limit="1/h")
        def add(self) -> None: ...

        @serverwamp.topic("changed", publish=True, rate_limit="1/h")
        async def changed(self) -> Any:
            yield

    async with site(api) as served, served.client() as client:
        await client.call("cart.add")
        await refused(client.call("cart.add"))
        await client.publish("cart.changed")
        await refused(client.publish("cart.changed"))


@pytest.mark.parametrize("given", ["often", 5, ["1/s"]])
def test_what_is_no_limit_is_a_configuration_error(given: Any) -> None:
    topics = serverwamp.TopicRouteSet()
    api = serverwamp.RPCRouteSet()

    def declare_route() -> None:
        topics.declare("t", rate_limit=given)

    def add_route() -> None:
        api.route("p", rate_limit=given)(print)

    def permit() -> None:
        serverwamp.Realm("r").permit("p", rate_limit=given)

    def make_realm() -> None:
        serverwamp.Realm("r", rate_limit=given)

    for mistake in (declare_route, add_route, permit, make_realm):
        with pytest.raises(ConfigurationError, match="'100/min'"):
            mistake()


def test_a_limit_alone_is_no_permission_and_is_for_a_uri() -> None:
    realm = serverwamp.Realm("r")
    realm.permit("a.", match="prefix", rate_limit="1/s")

    with pytest.raises(ConfigurationError, match="grants nothing|says nothing"):
        realm.permit("a", rate_limit="1/s", roles=["x"])
    with pytest.raises(ConfigurationError, match="no exact URI"):
        realm.permit("a..b", rate_limit="1/s")


async def many(client: WAMPClient, numbers: Iterable[int]) -> list[Any]:
    calls = [await client.begin_call("search", [str(number)]) for number in numbers]
    return [await outcome(call.result()) for call in calls]


async def test_calls_that_come_at_once_are_counted_each() -> None:
    async with site(realm=shop()) as served, served.client() as client:
        assert await many(client, range(5)) == ["0", "1", None, None, None]
