"""Clients that people use with each other, also across libraries and serializers."""

from __future__ import annotations

import pytest

from tests.interop.clients import each_client, each_neighbour, each_pair, lacks
from tests.interop.drivers import Cast
from tests.interop.processes import Server
from tests.interop.remote_client import ACKNOWLEDGED, Answer, Event, error_of

BINARY = bytes([0, 255, 128, 13, 10, 0])


@each_pair()
async def test_a_call_reaches_the_callee_and_its_answer_the_caller(
    cast: Cast, server: Server, callee: str, caller: str
) -> None:
    # given
    serving = await cast.joined(server, callee, "lab")
    calling = await cast.joined(server, caller, "lab")
    await serving.register("lab.echo")
    # when
    call = calling.start_call("lab.echo", 1, "zwei 🎉", [3.5, None], BINARY, key=True)
    invocation = await serving.invocation()
    await invocation.answer(*invocation.args, **invocation.kwargs)
    # then
    sent = [1, "zwei 🎉", [3.5, None], BINARY]
    assert (invocation.args, invocation.kwargs) == (sent, {"key": True})
    assert await call.answer() == Answer(sent, {"key": True})
    # when
    await serving.unregister("lab.echo")
    # then
    gone = await error_of(calling.call("lab.echo"))
    assert gone.uri == "wamp.error.no_such_procedure"


@each_neighbour(callee=("error keywords",))
async def test_a_callees_error_reaches_the_caller_whole(
    cast: Cast, server: Server, callee: str, caller: str
) -> None:
    # given
    serving = await cast.joined(server, callee, "lab")
    calling = await cast.joined(server, caller, "lab")
    await serving.register("lab.fail")
    # when
    call = calling.start_call("lab.fail")
    await (await serving.invocation()).fail("lab.error.refused", "not today", code=7)
    error = await error_of(call.answer())
    # then
    assert error.uri == "lab.error.refused"
    assert error.arguments == ["not today"]
    assert error.keywords == {"code": 7}


@each_neighbour(callee=("progress as a callee",), caller=("progress as a caller",))
async def test_progressive_results_come_in_order_and_before_the_answer(
    cast: Cast, server: Server, callee: str, caller: str
) -> None:
    # given
    serving = await cast.joined(server, callee, "lab")
    calling = await cast.joined(server, caller, "lab")
    await serving.register("lab.count")
    # when
    call = calling.start_call("lab.count", options={"receive_progress": True})
    invocation = await serving.invocation()
    for number in (1, 2, 3):
        await invocation.progress(number)
    await invocation.answer("done")
    # then
    assert await call.answer() == Answer(["done"], progress=[[1], [2], [3]])


@each_neighbour(caller=("cancelling",))
async def test_a_cancelled_call_is_answered_whatever_its_callee_understands(
    cast: Cast, server: Server, callee: str, caller: str
) -> None:
    """PIT-13: INTERRUPT goes only to whom it does not cost the session."""
    # given
    serving = await cast.joined(server, callee, "lab")
    calling = await cast.joined(server, caller, "lab")
    await serving.register("lab.slow")
    call = calling.start_call("lab.slow")
    invocation = await serving.invocation()
    # when
    await call.cancel()
    error = await error_of(call.answer())
    # then
    assert error.uri == "wamp.error.canceled"
    # and both may go on, even if the callee has not learnt of it
    if lacks(callee, "interruption"):
        await invocation.answer("too late")
    call = calling.start_call("lab.slow")
    await (await serving.invocation()).answer("at last")
    assert await call.answer() == Answer(["at last"])


@each_neighbour(callee=("interruption",), caller=("cancelling",))
async def test_a_callee_learns_that_its_call_has_been_given_up(
    cast: Cast, server: Server, callee: str, caller: str
) -> None:
    # given
    serving = await cast.joined(server, callee, "lab")
    calling = await cast.joined(server, caller, "lab")
    await serving.register("lab.slow")
    call = calling.start_call("lab.slow")
    await serving.invocation()
    # when
    await call.cancel()
    await error_of(call.answer())
    # then, before anything else reaches it
    call = calling.start_call("lab.slow")
    next_invocation = await serving.invocation()
    assert serving.has_noted("interrupted")
    await next_invocation.answer()
    await call.answer()


@each_pair()
async def test_an_event_reaches_a_subscriber_in_order_and_whole(
    cast: Cast, server: Server, callee: str, caller: str
) -> None:
    # given
    listening = await cast.joined(server, callee, "lab")
    telling = await cast.joined(server, caller, "lab")
    await listening.subscribe("lab.topic")
    # when
    await telling.publish("lab.topic", "one", BINARY, options=ACKNOWLEDGED)
    await telling.publish("lab.topic", "zwei 🎉", n=2)
    # then
    assert await listening.event() == Event("lab.topic", ["one", BINARY])
    assert await listening.event() == Event("lab.topic", ["zwei 🎉"], {"n": 2})


each_pattern = pytest.mark.parametrize(
    ("match", "pattern"), [("prefix", "lab.shelf"), ("wildcard", "lab..box")]
)


@each_pattern
@each_neighbour()
async def test_who_asks_for_a_pattern_learns_which_uri_was_used(
    cast: Cast, server: Server, callee: str, caller: str, match: str, pattern: str
) -> None:
    # given
    serving = await cast.joined(server, callee, "lab")
    using = await cast.joined(server, caller, "lab")
    await serving.register(pattern, match=match)
    await serving.subscribe(pattern, match=match)
    # when
    call = using.start_call("lab.shelf.box", 1)
    invocation = await serving.invocation()
    await invocation.answer(2)
    await using.publish("lab.elsewhere.bin", 3, options=ACKNOWLEDGED)
    await using.publish("lab.shelf.box", 4, options=ACKNOWLEDGED)
    # then
    assert await call.answer() == Answer([2])
    assert (invocation.procedure, invocation.args) == ("lab.shelf.box", [1])
    assert await serving.event() == Event("lab.shelf.box", [4])
    unmatched = await error_of(using.call("lab.elsewhere.bin"))
    assert unmatched.uri == "wamp.error.no_such_procedure"


@each_pattern
@each_client("giving back a pattern")
async def test_a_pattern_can_be_given_back(
    cast: Cast, server: Server, client: str, match: str, pattern: str
) -> None:
    # given
    serving = await cast.joined(server, client, "lab")
    using = await cast.joined(server, client, "lab")
    await serving.register(pattern, match=match)
    await serving.subscribe(pattern, match=match)
    # when
    await serving.unregister(pattern)
    await serving.unsubscribe(pattern)
    # then
    await using.publish("lab.shelf.box", 1, options=ACKNOWLEDGED)
    error = await error_of(using.call("lab.shelf.box"))
    assert error.uri == "wamp.error.no_such_procedure"
    # and an event would have come before this answer
    await error_of(serving.call("lab.shelf.box"))
    assert not serving.has_noted("event")
