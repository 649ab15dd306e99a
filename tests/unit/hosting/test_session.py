"""The public view of a client: who it is, and data of the application's own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

import aiohttp_serverwamp as serverwamp
from aiohttp_serverwamp import Session
from aiohttp_serverwamp.adapters.asyncio import AsyncioAsyncSupport
from aiohttp_serverwamp.adapters.memory import MemoryConnection, linked_connections
from aiohttp_serverwamp.messages import Goodbye, Hello, Message, marshal
from aiohttp_serverwamp.serializers import serializer_for
from aiohttp_serverwamp.serializers.frame import SerializerCodec
from tests.sites import until

CODEC = SerializerCodec(serializer_for("wamp.2.json"))


class Client:
    """The other end of a session, by hand."""

    def __init__(self, end: MemoryConnection) -> None:
        self.end = end

    def send(self, message: Message) -> None:
        self.end.write(CODEC.encode(marshal(message)))

    async def receive(self) -> Any:
        data = await self.end.receive()
        return None if data is None else CODEC.serializer.decode(data)


@pytest.fixture
async def joined() -> AsyncIterator[tuple[Session, Client]]:
    realm = serverwamp.Realm("r", permissions=serverwamp.OPEN)
    wamp = serverwamp.Application()
    wamp.add_realm(realm)
    support = AsyncioAsyncSupport()
    info = {"http_session": {"user_id": 7}}
    server, end = linked_connections(support, CODEC, transport_info=info)
    client = Client(end)
    async with wamp.run(), support.task_group() as tasks:
        tasks.start(wamp.serve, server)
        client.send(Hello("r", {"roles": {"caller": {}}}))
        assert (await client.receive())[0] == 2
        (session,) = realm.sessions()
        yield session, client


async def test_it_says_who_the_client_is(joined: tuple[Session, Client]) -> None:
    session, _ = joined

    assert session.authid == session.auth_id != ""
    assert session.authrole == session.authmethod == "anonymous"
    assert session.authprovider == "static"
    assert session.authextra == {}
    assert session.realm.uri == "r"
    assert session.is_open
    assert session.http_session == {"user_id": 7}
    assert session.connection.transport_info["http_session"] == {"user_id": 7}
    assert str(session.id) in repr(session)
    assert repr(session.authid) in repr(session)


async def test_it_is_one_object_and_equals_itself(
    joined: tuple[Session, Client],
) -> None:
    session, _ = joined

    assert session.realm.sessions()[0] is session
    assert session == Session(session.peer, session.realm)
    assert len({session, Session(session.peer, session.realm)}) == 1
    assert session != session.id


async def test_it_holds_data_and_is_true_without_any(
    joined: tuple[Session, Client],
) -> None:
    session, _ = joined

    assert session
    assert len(session) == 0
    assert dict(session) == {}
    session["cart"] = [1]
    session.update(theme="dark")
    assert session["cart"] == [1]
    assert dict(session.realm.sessions()[0]) == {"cart": [1], "theme": "dark"}
    del session["cart"]
    assert session.get("cart") is None
    with pytest.raises(KeyError):
        session["cart"]


async def test_closing_says_goodbye_and_leaves_at_once(
    joined: tuple[Session, Client],
) -> None:
    session, client = joined

    await session.close("shop.close.kicked", "out")

    assert not session.is_open
    assert not session.realm.sessions()
    assert await client.receive() == [6, {"message": "out"}, "shop.close.kicked"]
    client.send(Goodbye({}, "wamp.close.goodbye_and_out"))
    assert await client.receive() is None
    await session.close()
    with pytest.raises(serverwamp.ConnectionClosed):
        await session.call("anything")
    # Nobody is there to get it, which is no mistake of the sender's.
    assert session.send_event("t", [1]).id


@pytest.mark.parametrize("reason", ["", "not a uri", "a..b"])
async def test_a_reason_is_a_uri(joined: tuple[Session, Client], reason: str) -> None:
    session, _ = joined

    with pytest.raises(serverwamp.ConfigurationError, match="reason="):
        await session.close(reason)
    assert session.is_open


async def test_data_outlives_the_session_for_its_clean_up(
    joined: tuple[Session, Client],
) -> None:
    session, client = joined
    session["cart"] = [1]

    await client.end.close(1000, "")

    await until(lambda: not session.is_open)
    assert session["cart"] == [1]


async def test_it_is_closed_in_the_thread_of_the_loop(
    joined: tuple[Session, Client],
) -> None:
    session, _ = joined

    with pytest.raises(serverwamp.ConfigurationError, match="run_coroutine_threadsafe"):
        await asyncio.to_thread(lambda: asyncio.run(session.close()))
    assert session.is_open
