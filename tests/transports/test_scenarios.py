"""The same scenarios over every transport and codec, and what comes out of each."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import aiohttp
import pytest

from aiohttp_serverwamp import ApplicationError, ConnectionClosed
from aiohttp_serverwamp.errors import Canceled, InvalidArgument, NoSuchProcedure
from aiohttp_serverwamp.serializers import serializer_for
from aiohttp_serverwamp.testing import PATIENCE, JoinRejected, WAMPClient
from tests.transports.conftest import Mortal
from tests.transports.matrix import (
    BATCHED,
    JSON_ONLY,
    RAW_SERVERS,
    Cell,
    Differing,
    scenario,
)
from tests.transports.places import Place, joined, send_bytes
from tests.transports.site import LARGEST_MESSAGE

NAMES = {3: "ABORT", 6: "GOODBYE"}
NO_CODE = "RawSocket has no close codes"
IN_MEMORY = "no message is on a wire, so none is measured"


def without_code(outcome: str) -> Differing:
    """Return what comes out where there are no close codes."""
    return dict.fromkeys(RAW_SERVERS, (outcome, NO_CODE))


async def the_end(client: WAMPClient) -> str:
    """Return what a client is told at its end: a message, and the close code."""
    message = await client.receive()
    return f"{NAMES[message[0]]}, {await how_it_closed(client)}"


async def how_it_closed(client: WAMPClient) -> str:
    code = await client.close_code()
    return "closed" if code is None else f"closed with {code}"


async def count_falls_to(client: WAMPClient, number: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while await client.call("wamp.session.count") != number:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


# Joining.


@scenario("Joining with a ticket; refused with a wrong one")
async def test_a_ticket_signs_in(place: Place, cell: Cell, outcome: str) -> None:
    who: dict[str, Any] = {"authid": "bob", "authmethods": ["ticket"]}
    options = {"realm": "members", "ticket": "open sesame", **who}
    async with joined(place, cell.codec, **options) as client:
        assert (await client.call("my.name")) == "bob"
    with pytest.raises(JoinRejected, match="authentication"):
        async with joined(place, cell.codec, **{**options, "ticket": "wrong"}):
            pass


# Calls.


@scenario("Calls, errors of the application, errors of the router")
async def test_calls_are_answered(place: Place, cell: Cell, outcome: str) -> None:
    async with joined(place, cell.codec) as client:
        assert await client.call("math.add", 2, 3) == 5
        with pytest.raises(ApplicationError) as failed:
            await client.call("always.fails")
        assert failed.value.uri == "site.error.no"
        assert (failed.value.args, failed.value.kwargs) == (
            (1,),
            {"reason": "because"},
        )
        with pytest.raises(InvalidArgument):
            await client.call("math.add", "two", 3)
        with pytest.raises(NoSuchProcedure):
            await client.call("nowhere")


@scenario("Progressive results, in order")
async def test_progress_comes_in_order(place: Place, cell: Cell, outcome: str) -> None:
    progress: list[int] = []
    async with joined(place, cell.codec) as client:
        last = await client.call("count.to", 20, on_progress=progress.append)
    assert [*progress, last] == [*range(1, 21)]


@scenario("A canceled call, and its handler, end")
async def test_a_call_is_canceled(place: Place, cell: Cell, outcome: str) -> None:
    async with joined(place, cell.codec) as client:
        begun = await client.subscribe("sleep.begun")
        ended = await client.subscribe("sleep.ended")
        call = await client.begin_call("sleep")
        await begun.next()
        await call.cancel()
        with pytest.raises(Canceled):
            await call.result()
        await ended.next()


@scenario("A hundred calls in flight, answered as they are done")
async def test_many_calls_are_in_flight(place: Place, cell: Cell, outcome: str) -> None:
    async with joined(place, cell.codec) as client:
        held = await client.begin_call("hold")
        sums = [client.call("math.add", 1, n) for n in range(99)]
        assert await asyncio.gather(*sums) == [1 + n for n in range(99)]
        await client.call("let.go", 7)
        assert await held.result() == 7


@scenario("A client's procedure, called by another client")
async def test_clients_call_each_other(place: Place, cell: Cell, outcome: str) -> None:
    async with joined(place, cell.codec) as callee, joined(place, "json") as caller:
        procedure = f"double.{cell.codec}"
        await callee.register(procedure, lambda number: 2 * number)
        assert await caller.call(procedure, 21) == 42


# Events.


@scenario("Events in the order published")
async def test_events_arrive_in_their_order(
    place: Place, cell: Cell, outcome: str
) -> None:
    async with joined(place, cell.codec) as reader, joined(place, "json") as writer:
        news = await reader.subscribe("news")
        for number in range(50):
            await writer.publish("news", number, acknowledge=False)
        assert [(await news.next()).args for _ in range(50)] == [
            [number] for number in range(50)
        ]


@scenario("Prefix subscriptions")
async def test_a_prefix_is_subscribed(place: Place, cell: Cell, outcome: str) -> None:
    async with joined(place, cell.codec) as client:
        below = await client.subscribe("prices.", match="prefix")
        options = {"exclude_me": False}
        for topic in ("prices.tea", "prizes.first", "prices.milk.skimmed"):
            await client.publish(topic, topic, options=options)
        events = [await below.next(), await below.next()]
    assert [event.args for event in events] == [["prices.tea"], ["prices.milk.skimmed"]]
    assert [event.details["topic"] for event in events] == [
        "prices.tea",
        "prices.milk.skimmed",
    ]


# What is sent.


@scenario("Several messages in one batch, handled in order", BATCHED)
async def test_a_batch_is_handled_in_order(
    place: Place, cell: Cell, outcome: str
) -> None:
    encode = serializer_for(f"wamp.2.{cell.codec}").encode
    async with joined(place, cell.codec) as client:
        news = await client.subscribe("news")
        options = {"exclude_me": False}
        batch = [[16, 100 + n, options, "news", [n]] for n in range(20)]
        await send_bytes(client, b"".join(map(encode, batch)), cell.codec)
        assert [(await news.next()).args for _ in batch] == [[n] for n in range(20)]


@scenario("Messages as large as may be")
async def test_a_message_near_the_limit_is_answered(
    place: Place, cell: Cell, outcome: str
) -> None:
    async with joined(place, cell.codec) as client:
        size = LARGEST_MESSAGE - 100
        assert await client.call("text.size", "x" * size) == size
        assert await client.call("text.long", 2 * size) == "x" * 2 * size


@scenario(
    "A larger message",
    outcome="closed with 1009",
    differing={**without_code("closed"), "memory": ("answered", IN_MEMORY)},
)
async def test_a_larger_message(place: Place, cell: Cell, outcome: str) -> None:
    async with joined(place, cell.codec) as client:
        call = await client.begin_call("text.size", ["x" * LARGEST_MESSAGE])
        try:
            await call.result()
        except ConnectionClosed:
            assert await how_it_closed(client) == outcome
        else:
            assert outcome == "answered"


#: Damaged, not UTF-8, no list, no message of WAMP; WebSockets find bad UTF-8 in text
#: themselves.
GARBAGE: dict[str, list[bytes]] = {
    "json": [b"[48, 1, {", b"{}", b"[99, 1]"],
    "msgpack": [b"\xc1", b"\x91\xa1\xff", b"\x80", b"\x92\x63\x01"],
    "cbor": [b"\xff", b"\x81\x61\xff", b"\xa0", b"\x82\x18\x63\x01"],
}


def garbage_for(cell: Cell) -> list[bytes]:
    name, _, batched = cell.codec.partition(".")
    found = [*GARBAGE[name]]
    if name == "json" and cell.transport in RAW_SERVERS:
        found.append(b'["\xff"]')
    if not batched:
        return found
    if name == "json":
        return [b"[99, 1]", *(each + b"\x1e" for each in found)]
    return [b"\0\0\0", *(len(each).to_bytes(4, "big") + each for each in found)]


@scenario(
    "What is no message",
    outcome="ABORT, closed with 1002",
    differing=without_code("ABORT, closed"),
)
async def test_what_is_no_message(place: Place, cell: Cell, outcome: str) -> None:
    for garbage in garbage_for(cell):
        async with joined(place, cell.codec) as client:
            await send_bytes(client, garbage, cell.codec)
            assert await the_end(client) == outcome, garbage
            assert client.ended == "wamp.error.protocol_violation"


@scenario(
    "A message that is not legal now",
    outcome="ABORT, closed with 1002",
    differing=without_code("ABORT, closed"),
)
async def test_a_message_out_of_place(place: Place, cell: Cell, outcome: str) -> None:
    async with joined(place, cell.codec) as client:
        await client.send([1, "lab", {"roles": {"caller": {}}}])
        assert await the_end(client) == outcome
        assert client.ended == "wamp.error.protocol_violation"


# Ends.


@scenario("GOODBYE of the client is answered, and it may join again")
async def test_who_has_left_may_join_again(
    place: Place, cell: Cell, outcome: str
) -> None:
    async with joined(place, cell.codec) as client:
        first = client.id
        client.answers_goodbye = False
        await client.send([6, {}, "wamp.close.close_realm"])
        assert (await client.receive())[::2] == [6, "wamp.close.goodbye_and_out"]
        client.answers_goodbye, client.ended = True, None
        await client.join("lab")
        assert client.id != first
        assert await client.call("math.add", 2, 3) == 5


@scenario(
    "Closed by the application",
    outcome="GOODBYE, closed with 4403",
    differing=without_code("GOODBYE, closed"),
)
async def test_who_is_closed_is_told(place: Place, cell: Cell, outcome: str) -> None:
    async with joined(place, cell.codec) as client:
        await client.begin_call("session.kick")
        assert await the_end(client) == outcome
        assert client.ended == "wamp.close.killed"


@scenario("A client that vanishes leaves its realm")
async def test_a_client_that_vanishes_leaves_its_realm(
    place: Place, cell: Cell, outcome: str
) -> None:
    async with joined(place, "json") as witness:
        await count_falls_to(witness, 1)
        async with joined(place, cell.codec) as client:
            await count_falls_to(witness, 2)
            place.vanish(client)
            await count_falls_to(witness, 1)


@scenario("A client that does not read is cut, and delays nobody", JSON_ONLY)
async def test_a_client_that_does_not_read_is_cut(
    place: Place, cell: Cell, outcome: str
) -> None:
    async with (
        joined(place, cell.codec) as writer,
        joined(place, cell.codec) as reader,
        joined(place, cell.codec) as slow,
    ):
        await slow.subscribe("news")
        news = await reader.subscribe("news")
        await count_falls_to(writer, 3)
        place.stop_reading(slow)
        for number in range(300):
            await writer.publish("news", number, "x" * 90_000)
            assert (await news.next()).args[0] == number
        await count_falls_to(writer, 2)
        place.vanish(slow)


#: Servers of asyncio wait for their connections from 3.12 on; Hypercorn waits for them.
HYPERCORN_WAITS = sys.version_info >= (3, 12)


@scenario(
    "The server stops",
    JSON_ONLY,
    outcome="GOODBYE, closed with 1001",
    differing={
        **without_code("GOODBYE, closed"),
        "hypercorn": (
            "GOODBYE, closed with 1001 before Python 3.12",
            "from then on it waits until all clients have left, and tells nobody",
        ),
        "granian": ("closed with 1006", "it cuts connections before it tells anybody"),
    },
)
async def test_the_server_stops(mortal: Mortal, cell: Cell, outcome: str) -> None:
    async with joined(mortal.place, cell.codec) as client:
        await mortal.stop()
        if outcome.endswith("3.12") and HYPERCORN_WAITS:
            await nobody_is_let_in(mortal.place)
            assert await client.call("math.add", 2, 3) == 5
        elif outcome == "closed with 1006":
            assert await how_it_closed(client) == outcome
        else:
            assert await the_end(client) == outcome.removesuffix(" before Python 3.12")
            assert client.ended == "wamp.close.system_shutdown"


async def nobody_is_let_in(place: Place) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                await (await place.open("json")).drop()
            except aiohttp.ClientConnectionError:
                return
            await asyncio.sleep(0.02)
