"""What calls can have besides arguments, as far as each client knows of it."""

from __future__ import annotations

import pytest

from tests.interop.clients import (
    each_library,
    each_neighbour,
    lacks,
    name_of,
)
from tests.interop.drivers import Cast
from tests.interop.processes import Server
from tests.interop.remote_client import Answer, error_of

#: Sends any option and shows every detail.
XCONN = "xconn-msgpack"
#: Understands INTERRUPT.
AUTOBAHN = "autobahn_python-json"
#: Sends chunks, and CANCEL in every mode.
WAMPY = "wampy-json"

PASSTHRU = {"ppt_scheme": "x_tests", "ppt_serializer": "msgpack"}


@each_neighbour()
async def test_a_call_that_takes_too_long_is_answered_for_its_callee(
    cast: Cast, server: Server, callee: str, caller: str
) -> None:
    """PIT-25: in milliseconds, whatever Autobahn says of seconds."""
    # given
    serving = await cast.joined(server, callee, "lab")
    calling = await cast.joined(server, caller, "lab")
    await serving.register("lab.slow")
    # when
    call = calling.start_call("lab.slow", options={"timeout": 20})
    invocation = await serving.invocation()
    error = await error_of(call.answer())
    # then
    assert error.uri == "wamp.error.timeout"
    # and both may go on, even if the callee has not learnt of it
    if lacks(callee, "interruption"):
        await invocation.answer("too late")
    call = calling.start_call("lab.slow", options={"timeout": 10_000})
    await (await serving.invocation()).answer("in time")
    assert await call.answer() == Answer(["in time"])


@each_library("disclosing itself")
async def test_a_caller_makes_itself_known(
    cast: Cast, server: Server, client: str
) -> None:
    # given
    serving = await cast.joined(server, XCONN, "lab")
    calling = await cast.joined(server, client, "lab")
    await serving.register("lab.who")
    # when
    call = calling.start_call("lab.who", options={"disclose_me": True})
    invocation = await call.invocation_at(serving)
    await invocation.answer()
    # then
    assert invocation.details == {
        "caller": calling.welcome["session"],
        "caller_authid": calling.welcome["authid"],
        "caller_authrole": "anonymous",
    }
    assert await call.answer() == Answer()


@each_library()
async def test_a_callee_sees_who_calls_if_they_wish(
    cast: Cast, server: Server, client: str
) -> None:
    # given
    serving = await cast.joined(server, client, "lab")
    calling = await cast.joined(server, XCONN, "lab")
    await serving.register("lab.who")
    seen = []
    # when
    for disclose_me in (True, False):
        call = calling.start_call("lab.who", options={"disclose_me": disclose_me})
        seen.append(await serving.invocation())
        await seen[-1].answer()
        await call.answer()
    # then
    known, unknown = (invocation.details for invocation in seen)
    assert known["caller"] == calling.welcome["session"]
    assert known["caller_authid"] == calling.welcome["authid"]
    assert "caller" not in unknown


@each_library("asking who calls")
async def test_a_callee_asks_who_calls(cast: Cast, server: Server, client: str) -> None:
    # given
    serving = await cast.joined(server, client, "lab")
    calling = await cast.joined(server, AUTOBAHN, "lab")
    await serving.register("lab.who", disclose_caller=True)
    # when
    call = calling.start_call("lab.who")
    invocation = await serving.invocation()
    await invocation.answer()
    await call.answer()
    # then
    assert invocation.details.get("caller") == calling.welcome["session"]


@each_library("trust levels")
async def test_a_callee_sees_how_far_a_call_is_trusted(
    cast: Cast, server: Server, client: str
) -> None:
    # given
    serving = await cast.member(server, client, "joe")
    callers = [await cast.member(server, XCONN, authid) for authid in ("joe", "ann")]
    await serving.register("members.trust")
    levels = []
    # when
    for calling in callers:
        call = calling.start_call("members.trust")
        invocation = await serving.invocation()
        levels.append(invocation.details.get("trustlevel"))
        await invocation.answer()
        await call.answer()
    # then
    assert levels == [5, 1]


@each_neighbour()
async def test_two_clients_take_turns_at_one_procedure(
    cast: Cast, server: Server, callee: str, caller: str
) -> None:
    # given
    first, second = clients = [
        await cast.joined(server, kind, "lab") for kind in (callee, caller)
    ]
    calling = await cast.joined(server, caller, "lab")
    await first.register("lab.shared", invoke="roundrobin")
    conflict = await error_of(second.register("lab.shared", invoke="first"))
    await second.register("lab.shared", invoke="roundrobin")
    # when
    for number, serving in enumerate(clients * 2):
        call = calling.start_call("lab.shared", number)
        await (await serving.invocation()).answer(number)
        # then
        assert await call.answer() == Answer([number])
    assert conflict.uri == "wamp.error.procedure_already_exists"
    # when
    await first.unregister("lab.shared")
    call = calling.start_call("lab.shared")
    await (await second.invocation()).answer("alone")
    # then
    assert await call.answer() == Answer(["alone"])


@pytest.mark.parametrize("mode", ["skip", "killnowait"])
@each_library("cancel modes")
async def test_a_caller_chooses_how_to_cancel(
    cast: Cast, server: Server, client: str, mode: str
) -> None:
    """PIT-10; "kill" is what clients choose in test_open_realm.py."""
    # given
    serving = await cast.joined(server, AUTOBAHN, "lab")
    calling = await cast.joined(server, client, "lab")
    await serving.register("lab.slow")
    call = calling.start_call("lab.slow")
    invocation = await serving.invocation()
    # when
    await call.cancel(mode)
    error = await error_of(call.answer())
    # then
    assert error.uri == "wamp.error.canceled"
    call = calling.start_call("lab.slow")
    another = await serving.invocation()
    assert serving.has_noted("interrupted") is (mode != "skip")
    if mode == "skip":
        await invocation.answer("too late")
    await another.answer("at last")
    assert await call.answer() == Answer(["at last"])


@each_library("sending chunks")
async def test_a_caller_sends_its_arguments_in_chunks(
    cast: Cast, server: Server, client: str
) -> None:
    # given
    serving = await cast.joined(server, XCONN, "lab")
    calling = await cast.joined(server, client, "lab")
    await serving.register("lab.chunks")
    # when
    call = calling.start_call("lab.chunks", 1, options={"progress": True})
    await call.send(2)
    await call.send(3, last=True)
    chunks = [await serving.invocation() for _ in range(3)]
    await chunks[-1].answer("whole")
    # then
    assert [chunk.args for chunk in chunks] == [[1], [2], [3]]
    assert [chunk.details for chunk in chunks] == [{"progress": True}] * 2 + [{}]
    assert await call.answer() == Answer(["whole"])


@each_library("taking chunks")
async def test_a_callee_takes_arguments_in_chunks(
    cast: Cast, server: Server, client: str
) -> None:
    """Client notes 5: wampy and xconn do without announcing it."""
    # given
    serving = await cast.joined(server, client, "lab")
    calling = await cast.joined(server, WAMPY, "lab")
    await serving.register("lab.chunks")
    # when
    call = calling.start_call("lab.chunks", 1, options={"progress": True})
    await call.send(2)
    await call.send(3, last=True)
    chunks = [await call.invocation_at(serving) for _ in range(3)]
    await chunks[-1].answer("whole")
    # then
    assert [chunk.args for chunk in chunks] == [[1], [2], [3]]
    assert await call.answer() == Answer(["whole"])


@each_library()
async def test_chunks_cost_no_callee_its_session(
    cast: Cast, server: Server, client: str
) -> None:
    """REQ-RPC-047: who cannot take them is not sent any."""
    # given
    serving = await cast.joined(server, client, "lab")
    calling = await cast.joined(server, WAMPY, "lab")
    await serving.register("lab.chunks")
    # when
    call = calling.start_call("lab.chunks", 1, options={"progress": True})
    if lacks(client, "taking chunks"):
        error = await error_of(call.answer())
        # then
        assert error.uri == "wamp.error.feature_not_supported"
        assert not serving.has_noted("invocation")
    else:
        await call.send(2, last=True)
        await serving.invocation()
        await (await serving.invocation()).answer()
        await call.answer()
    # then
    call = calling.start_call("lab.chunks", 1)
    await (await serving.invocation()).answer("plain")
    assert await call.answer() == Answer(["plain"])


@each_library("payload passthru")
async def test_payloads_pass_through_that_the_router_does_not_read(
    cast: Cast, server: Server, client: str
) -> None:
    """In both directions; wampy has no form of bytes in JSON, so over MessagePack."""
    # given
    kind = f"{name_of(client)}-msgpack"
    serving = await cast.joined(server, kind, "lab")
    calling = await cast.joined(server, XCONN, "lab")
    await serving.register("lab.sealed")
    # when
    call = calling.start_call("lab.sealed", 1, options=PASSTHRU, key="two")
    invocation = await call.invocation_at(serving)
    await invocation.answer(3, options=PASSTHRU)
    # then
    assert (invocation.args, invocation.kwargs) == ([1], {"key": "two"})
    assert invocation.details == PASSTHRU
    assert await call.answer() == Answer([3])
    # when
    await calling.register("lab.sealed.too")
    call = serving.start_call("lab.sealed.too", 4, options=PASSTHRU)
    invocation = await call.invocation_at(calling)
    await invocation.answer(5, options=PASSTHRU)
    # then
    assert (invocation.args, invocation.details) == ([4], PASSTHRU)
    assert await call.answer() == Answer([5])
