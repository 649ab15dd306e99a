"""Autobahn|Python over the batched subprotocols, the only client that speaks them.

It ends each message with 0x18, and does not find the end of one with 0x1E.
"""

from __future__ import annotations

import pytest

from tests.interop.drivers import Cast
from tests.interop.processes import Server
from tests.interop.remote_client import Answer

BINARY = bytes([0, 255, 128, 13, 10, 0, 0x18, 0x1E])


@pytest.mark.parametrize("serializer", ["json", "msgpack", "cbor"])
async def test_calls_and_events_pass_in_batches(
    cast: Cast, server: Server, serializer: str
) -> None:
    # given
    client = f"autobahn_python-{serializer}.batched"
    serving = await cast.joined(server, client, "lab")
    calling = await cast.joined(server, client, "lab")
    await serving.register("lab.echo")
    # when
    calls = [calling.start_call("lab.echo", number, BINARY) for number in range(5)]
    for _ in calls:
        invocation = await serving.invocation()
        await invocation.answer(*invocation.args, end="\x18\x1e")
    # then
    assert [await call.answer() for call in calls] == [
        Answer([number, BINARY], {"end": "\x18\x1e"}) for number in range(5)
    ]
