"""Keyword arguments in the spelling of JavaScript, where a realm asks for it."""

from __future__ import annotations

import pytest

import aiohttp_serverwamp as serverwamp
from aiohttp_serverwamp.errors import InvalidArgument
from tests.sites import site, until


async def test_a_realm_may_take_keywords_in_the_spelling_of_javascript() -> None:
    api, topics = serverwamp.RPCRouteSet(), serverwamp.TopicRouteSet()
    heard = list[object]()

    @api.route("order")
    async def order(item_id: int, *, deliver_to: str = "home", **more: str) -> object:
        return [item_id, deliver_to, more]

    @api.route("raw")
    async def raw(invocation: serverwamp.Invocation, **_: int) -> object:
        return dict(invocation.kwargs)

    @topics.on("ordered")
    def ordered(item_id: int) -> None:
        heard.append(item_id)

    realm = serverwamp.Realm("r", camel_snake_conversion=True)
    realm.permit("ordered", publish=True)
    async with site(api, topics, realm=realm) as served, served.client() as client:
        result = await client.call("order", itemId=7, deliverTo="work", giftCard="no")
        assert result == [7, "work", {"gift_card": "no"}]
        assert await client.call("order", 7, deliver_to="work") == [7, "work", {}]
        # What the invocation says is what the caller said.
        assert await client.call("raw", itemId=1) == {"itemId": 1}
        for wrong in (
            {"itemId": 1, "item_id": 2},
            {"itemId": "seven"},
            {"itemID": 1.5},
        ):
            with pytest.raises(InvalidArgument, match="item_id"):
                await client.call("order", **wrong)
        await client.publish("ordered", itemId=8)
        await until(lambda: heard)
    assert heard == [8]


async def test_a_realm_that_does_not_ask_for_it_takes_keywords_as_they_are() -> None:
    api = serverwamp.RPCRouteSet()

    @api.route("order")
    async def order(item_id: int = 0) -> int:
        return item_id

    async with site(api) as served, served.client() as client:
        with pytest.raises(InvalidArgument, match="itemId"):
            await client.call("order", itemId=7)


async def test_a_respelled_keyword_does_not_override_what_is_injected() -> None:
    api = serverwamp.RPCRouteSet()

    @api.route("spend")
    async def spend(user_store: str, **_: str) -> str:
        return user_store

    realm = serverwamp.Realm("r", camel_snake_conversion=True)
    realm.set_default_arg("user_store", "ours")
    async with site(api, realm=realm) as served, served.client() as client:
        assert await client.call("spend") == "ours"
        with pytest.raises(InvalidArgument, match="user_store"):
            await client.call("spend", userStore="mine")


async def test_what_is_unknown_is_named_as_the_caller_spells_it() -> None:
    api = serverwamp.RPCRouteSet()

    @api.route("order")
    async def order(item_id: int) -> int:
        return item_id

    realm = serverwamp.Realm("r", camel_snake_conversion=True)
    async with site(api, realm=realm) as served, served.client() as client:
        with pytest.raises(InvalidArgument, match="'itemIdd': unknown"):
            await client.call("order", itemIdd=1)
