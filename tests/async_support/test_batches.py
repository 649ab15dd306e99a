"""Batches under every async library: pauses between messages, and back-pressure."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp_serverwamp import Application, RPCRouteSet
from aiohttp_serverwamp.adapters.memory import MemoryConnection, linked_connections
from aiohttp_serverwamp.interfaces import AsyncSupport
from aiohttp_serverwamp.serializers import serializer_for
from aiohttp_serverwamp.serializers.frame import SerializerCodec

Run = Callable[[Callable[[AsyncSupport], Awaitable[None]]], None]

BATCHED = SerializerCodec(serializer_for("wamp.2.json.batched"))
PLAIN = SerializerCodec(serializer_for("wamp.2.json"))
HELLO = [1, "r", {"roles": {"caller": {}}}]


def batch(*messages: Any) -> bytes:
    return b"".join(json.dumps(message).encode() + b"\x1e" for message in messages)


async def answer(end: MemoryConnection) -> Any:
    data = await end.receive()
    assert isinstance(data, str), "the client was cut"
    return json.loads(data.removesuffix("\x1e"))


def test_a_batch_is_held_up_while_its_answers_are_not_read(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        api = RPCRouteSet()
        handled = 0

        @api.route("large")
        def large() -> str:
            nonlocal handled
            handled += 1
            return "x" * 500

        application = Application(async_support=support)
        application.add_routes(api)
        async with application.run(), support.task_group() as tasks:
            server, end = linked_connections(support, BATCHED, max_pending_bytes=10_000)
            tasks.start(application.serve, server)
            calls = [[48, number, {}, "large"] for number in range(1, 201)]
            end.write(batch(HELLO))
            assert (await answer(end))[0] == 2
            end.write(batch(*calls))
            for _ in range(50):
                await support.sleep(0)
            assert 0 < handled < 25
            answers = [await answer(end) for _ in calls]
            assert [each[:2] for each in answers] == [
                [50, number] for number in range(1, 201)
            ]
            end.abort()
            await tasks.join(5)

    run(body)


def test_others_have_a_turn_in_the_middle_of_a_batch(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        api = RPCRouteSet()
        handled = 0
        seen: list[int] = []

        @api.route("count")
        def count() -> None:
            nonlocal handled
            handled += 1
            if handled == 10:
                one.write(b'[48,1,{},"look"]')

        @api.route("look")
        def look() -> None:
            seen.append(handled)

        application = Application(async_support=support)
        application.add_routes(api)
        async with application.run(), support.task_group() as tasks:
            ends = []
            for codec, hello in ((BATCHED, batch(HELLO)), (PLAIN, json.dumps(HELLO))):
                server, end = linked_connections(support, codec)
                tasks.start(application.serve, server)
                end.write(hello if isinstance(hello, bytes) else hello.encode())
                assert (await answer(end))[0] == 2
                ends.append(end)
            many, one = ends
            many.write(batch(*([48, n, {}, "count"] for n in range(1, 2_001))))
            assert await answer(one) == [50, 1, {}]
            assert 10 <= seen[0] < 2_000
            for _ in range(2_000):
                await answer(many)
            many.abort()
            one.abort()
            await tasks.join(5)

    run(body)
