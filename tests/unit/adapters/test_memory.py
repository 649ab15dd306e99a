"""Two linked ends within one process."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import anyio
import pytest
import trio

from aiohttp_serverwamp.adapters.anyio import AnyioAsyncSupport
from aiohttp_serverwamp.adapters.asyncio import AsyncioAsyncSupport
from aiohttp_serverwamp.adapters.memory import MemoryConnection, linked_connections
from aiohttp_serverwamp.adapters.trio import TrioAsyncSupport
from aiohttp_serverwamp.interfaces import AsyncSupport
from aiohttp_serverwamp.limits import SlowConsumer
from aiohttp_serverwamp.serializers.frame import SerializerCodec
from aiohttp_serverwamp.serializers.json import JSONSerializer
from aiohttp_serverwamp.serializers.msgpack import MsgPackSerializer

JSON = SerializerCodec(JSONSerializer())


def ends(
    support: AsyncSupport | None = None,
    codec: SerializerCodec = JSON,
    **options: Any,
) -> tuple[MemoryConnection, MemoryConnection]:
    return linked_connections(support or AsyncioAsyncSupport(), codec, **options)


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_text_arrives_as_text_and_binary_as_bytes() -> None:
    server, client = ends()
    server.write(server.codec.encode([1, "é"]))
    assert await client.receive() == '[1,"é"]'

    binary = SerializerCodec(MsgPackSerializer())
    server, client = ends(codec=binary)
    server.write(binary.encode([1]))
    assert await client.receive() == b"\x91\x01"


async def converse(support: AsyncSupport) -> None:
    server, client = ends(support)

    async def echo() -> None:
        while (message := await server.receive()) is not None:
            assert isinstance(message, str)
            server.write(message.encode())

    async with support.task_group() as tasks:
        tasks.start(echo)
        for text in ("one", "two"):
            client.write(text.encode())
            assert await client.receive() == text
        await client.close(1000, "enough")
        await tasks.join(None)

    assert server.close_code == 1000
    assert server.close_reason == "enough"


def test_it_works_under_every_async_library() -> None:
    asyncio.run(converse(AsyncioAsyncSupport()))
    trio.run(converse, TrioAsyncSupport())
    anyio.run(converse, AnyioAsyncSupport())


async def test_closing_one_end_ends_the_other_after_what_was_sent() -> None:
    server, client = ends()
    server.write(b"last words")
    await server.close(1001, "going away")

    assert await client.receive() == "last words"
    assert await client.receive() is None
    assert await client.receive() is None
    assert await server.receive() is None
    assert (client.close_code, client.close_reason) == (1001, "going away")


async def test_closing_ends_a_receive_that_waits_at_either_end() -> None:
    server, client = ends()
    waiting = [asyncio.create_task(end.receive()) for end in (server, client)]
    await turns()
    await client.close(1000, "")

    assert await asyncio.gather(*waiting) == [None, None]


async def test_aborting_loses_what_has_not_been_read() -> None:
    server, client = ends()
    server.write(b"lost")
    client.write(b"lost too")
    server.abort()

    assert await client.receive() is None
    assert await server.receive() is None
    assert client.close_code is None


async def test_a_closed_connection_takes_no_offence_at_anything() -> None:
    server, client = ends()
    await server.close(1000, "first")
    await server.close(1011, "second")
    await client.close(1011, "third")
    server.write(b"dropped")
    client.write(b"dropped")
    server.abort()

    assert await client.receive() is None
    assert client.close_code == 1000
    assert server.close_code is None


async def test_a_client_that_does_not_read_is_cut(
    caplog: pytest.LogCaptureFixture,
) -> None:
    server, client = ends(max_pending_bytes=100)

    for _ in range(30):
        server.write(bytes(10))

    assert await client.receive() is None
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


async def test_a_client_that_does_not_read_is_not_read_from() -> None:
    server, client = ends(max_pending_bytes=100)
    for _ in range(6):
        server.write(b"0123456789")
    client.write(b"more work")
    reader = asyncio.create_task(server.receive())
    await turns()
    assert not reader.done()

    await client.receive()
    assert await reader == "more work"


async def test_the_servers_end_carries_the_transport_info() -> None:
    server, client = ends(transport_info={"http_session": {"user_id": 7}})

    assert server.transport_info["http_session"] == {"user_id": 7}
    assert client.transport_info == {}


async def test_events_are_dropped_for_an_end_that_is_behind_and_nothing_else_is() -> (
    None
):
    server, client = ends(max_pending_bytes=100, max_droppable_bytes=30)

    def offer(data: bytes) -> int | None:
        dropped = server.offer(data, SlowConsumer.DROP_OLDEST, "t")
        return None if dropped is None else len(dropped)

    fates = [offer(b"event %d..." % number) for number in range(7)]
    server.write(b"reply")
    fates.append(offer(b"event 7..."))
    assert fates == [None, None, None, 0, 0, 0, 1, 1]
    assert [await client.receive() for _ in range(7)] == [
        "event 0...",
        "event 1...",
        "event 2...",
        "event 5...",
        "event 6...",
        "reply",
        "event 7...",
    ]
    assert offer(b"all is well") is None
    assert await client.receive() == "all is well"
    for _ in range(50):
        offer(b"an event..")
    cut = []
    for _ in range(2):
        server.write(bytes(60))
        cut.append(server.cut)
    assert cut == [False, True]
    assert offer(b"lost") is None
    assert await client.receive() is None
