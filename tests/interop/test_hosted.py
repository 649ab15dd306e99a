"""What an application hosts, as the clients that people use see it."""

from __future__ import annotations

import aiohttp

from tests.interop.clients import each_client, each_library
from tests.interop.drivers import Cast
from tests.interop.processes import Server
from tests.interop.remote_client import ACKNOWLEDGED, Answer, Event, error_of

DENIED = "wamp.error.not_authorized"
BINARY = bytes([0, 255, 128, 13, 10, 0])


@each_client()
async def test_calls_carry_arguments_and_results_of_every_kind(
    cast: Cast, server: Server, client: str
) -> None:
    """REQ-RPC: positional, by keyword, several, Unicode, bytes in each serializer."""
    # given
    caller = await cast.joined(server, client, "demo")
    # when
    one = await caller.call("math.add", 2, 3)
    named = await caller.call("text.greet", name="Zoë 🎉", greeting="Grüß")
    several = await caller.call("text.split", "a-b-c")
    binary = await caller.call("data.reverse", BINARY)
    # then
    assert one == Answer([5])
    assert named == Answer(["Grüß, Zoë 🎉!"])
    assert several == Answer(["a", 2], {"rest": ["b", "c"]})
    assert binary == Answer([BINARY[::-1]])


@each_client()
async def test_a_call_that_fails_says_why_and_costs_no_session(
    cast: Cast, server: Server, client: str
) -> None:
    # given
    caller = await cast.joined(server, client, "demo")
    # when
    invalid = await error_of(caller.call("math.add", "two", 3))
    unknown = await error_of(caller.call("no.such"))
    typed = await error_of(caller.call("text.fail"))
    # then
    assert invalid.uri == "wamp.error.invalid_argument"
    assert unknown.uri == "wamp.error.no_such_procedure"
    assert typed.uri == "demo.error.sold_out"
    assert typed.arguments == ["sku-1"]
    assert typed.keywords == {"left": 0}
    assert await caller.call("math.add", 1, 2) == Answer([3])


@each_client("progress as a caller")
async def test_a_procedure_reports_its_progress(
    cast: Cast, server: Server, client: str
) -> None:
    # given
    caller = await cast.joined(server, client, "demo")
    # when
    answer = await caller.call_with_progress("count.up", 3)
    # then
    assert answer == Answer(["done"], progress=[[1], [2], [3]])


@each_client()
async def test_events_come_from_procedures_and_from_http_until_unsubscribed(
    cast: Cast, server: Server, client: str
) -> None:
    # given
    subscriber = await cast.joined(server, client, "demo")
    await subscriber.subscribe("news")
    # when
    await subscriber.call("news.send", "from a procedure")
    async with aiohttp.ClientSession() as http:
        await http.post(f"http://{server.address}/news", data="from the web 🎉")
    # then
    assert await subscriber.event() == Event(
        "news", ["from a procedure"], {"sender": "a procedure"}
    )
    assert await subscriber.event() == Event(
        "news", ["from the web 🎉"], {"sender": "an HTTP handler"}
    )
    # when
    await subscriber.unsubscribe("news")
    await subscriber.call("news.send", "nobody hears this")
    # then
    assert not subscriber.has_noted("event")


@each_client()
async def test_what_a_client_may_not_do_is_refused_and_costs_no_session(
    cast: Cast, server: Server, client: str
) -> None:
    # given
    intruder = await cast.joined(server, client, "demo")
    await intruder.subscribe("news")
    # when
    await intruder.publish("news", "a rumour")
    refusals = [
        await error_of(intruder.publish("news", "a rumour", options=ACKNOWLEDGED)),
        await error_of(intruder.register("my.own")),
        await error_of(intruder.subscribe("undeclared.topic")),
    ]
    # then
    assert [refusal.uri for refusal in refusals] == [DENIED] * 3
    assert await intruder.call("math.add", 1, 2) == Answer([3])
    assert not intruder.has_noted("event")


@each_library()
async def test_a_hosted_procedure_ends_when_its_time_is_up(
    cast: Cast, server: Server, client: str
) -> None:
    # given
    caller = await cast.joined(server, client, "demo")
    # when
    call = caller.start_call("time.stand.still", options={"timeout": 20})
    error = await error_of(call.answer())
    # then
    assert error.uri == "wamp.error.timeout"
    assert await caller.call("math.add", 1, 2) == Answer([3])


@each_library("cancelling")
async def test_a_hosted_procedure_is_cancelled(
    cast: Cast, server: Server, client: str
) -> None:
    # given
    caller = await cast.joined(server, client, "demo")
    call = caller.start_call("time.stand.still")
    # when
    await call.cancel()
    error = await error_of(call.answer())
    # then
    assert error.uri == "wamp.error.canceled"
    assert await caller.call("math.add", 1, 2) == Answer([3])


@each_library("sending chunks")
async def test_a_hosted_procedure_takes_chunks_and_reports_its_progress(
    cast: Cast, server: Server, client: str
) -> None:
    # given
    caller = await cast.joined(server, client, "demo")
    # when
    options = {"progress": True, "receive_progress": True}
    call = caller.start_call("words.join", "one", "two", options=options)
    await call.send("three")
    await call.send("four", last=True)
    # then
    assert await call.answer() == Answer(
        ["one two three four"], progress=[[2], [3], [4]]
    )


@each_library()
async def test_a_hosted_topic_says_at_once_what_was_said_last(
    cast: Cast, server: Server, client: str
) -> None:
    # given
    subscriber = await cast.joined(server, client, "demo")
    await subscriber.call("weather.tell", "cloudy")
    # when
    await subscriber.subscribe("weather", get_retained=True)
    # then
    event = await subscriber.event()
    assert (event, event.details["retained"]) == (Event("weather", ["cloudy"]), True)
