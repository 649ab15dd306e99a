"""Subprotocols over real sockets: what is offered, chosen, replaced, and batched."""

from __future__ import annotations

import json
from typing import Any

import aiohttp
import pytest

import aiohttp_serverwamp as serverwamp
from aiohttp_serverwamp.errors import ConfigurationError, InvalidPayload
from aiohttp_serverwamp.serializers import JSONSerializer
from aiohttp_serverwamp.testing import connect
from tests.sites import Site, site

EVERY = [
    f"{name}{batched}"
    for name in ("json", "msgpack", "cbor")
    for batched in ("", ".batched")
]
HELLO = [1, "r", {"roles": {"caller": {}, "subscriber": {}}}]


@pytest.fixture
def api() -> serverwamp.RPCRouteSet:
    routes = serverwamp.RPCRouteSet()

    @routes.route("echo")
    async def echo(value: Any) -> Any:
        return value

    return routes


async def chosen(served: Site, *offered: str) -> str | None:
    """Return the subprotocol that the server picks."""
    async with served.http.ws_connect("/ws", protocols=offered) as ws:
        return ws.protocol


@pytest.mark.parametrize(
    ("offered", "expected"),
    [
        (("cbor", "msgpack", "json"), "cbor"),
        (("msgpack", "json.batched"), "msgpack"),
        (("json.batched", "json"), "json.batched"),
        (("ubjson", "cbor.batched", "cbor"), "cbor.batched"),
        (("flatbuffers.batched", "json"), "json"),
    ],
)
async def test_the_clients_order_decides(
    offered: tuple[str, ...], expected: str
) -> None:
    """What the server does not know is passed over."""
    async with site() as served:
        protocol = await chosen(served, *(f"wamp.2.{name}" for name in offered))

    assert protocol == f"wamp.2.{expected}"


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("serializer", EVERY)
async def test_each_one_carries_calls_and_events(
    serializer: str, compress: bool, api: serverwamp.RPCRouteSet
) -> None:
    value = {"text": "é\x1e\x18", "bytes": b"\x00\xff", "list": [1, -1.5, None, True]}

    async with (
        site(api, open_=True, setup={"compress": compress}) as served,
        served.client(serializer=serializer) as client,
        served.client() as other,
    ):
        assert await client.call("echo", value) == value
        news = await client.subscribe("com.news")
        await other.publish("com.news", value)
        event = await news.next()
        assert event.args == [value]


async def test_the_answers_to_a_batch_come_in_any_number_of_frames(
    api: serverwamp.RPCRouteSet,
) -> None:
    calls = [[48, number, {}, "echo", [number]] for number in range(1, 501)]
    batch = "".join(f"{json.dumps(message)}\x18" for message in (HELLO, *calls))
    answers: list[Any] = []

    async with (
        site(api) as served,
        served.http.ws_connect("/ws", protocols=["wamp.2.json.batched"]) as ws,
    ):
        await ws.send_str(batch)
        while len(answers) < 501:
            text = await ws.receive_str()
            assert text.endswith("\x18")
            answers += [json.loads(each) for each in text.split("\x18")[:-1]]

    assert answers[0][0] == 2
    assert sorted(answer[1] for answer in answers[1:]) == [*range(1, 501)]
    assert all(answer[3] == [answer[1]] for answer in answers[1:])


async def test_a_batch_larger_than_a_message_may_be_is_refused() -> None:
    limits = serverwamp.Limits(max_message_size=10_000)
    small = [16, 1, {}, "com.t", ["x" * 900]]

    async with (
        site(open_=True, limits=limits) as served,
        served.client(serializer="json.batched") as client,
    ):
        await client.ws.send_str(f"{json.dumps(small)}\x1e" * 20)
        assert await client.close_code() == 1009


# --- Serializers of one's own ---------------------------------------------------------


class Counting(JSONSerializer):
    """JSON that counts."""

    def __init__(self, name: str = "json") -> None:
        super().__init__()
        self.name = name
        self.decoded = 0

    def decode(self, data: str | bytes) -> Any:
        self.decoded += 1
        return super().decode(data)


@pytest.mark.parametrize("batched", ["", ".batched"])
async def test_a_serializer_is_replaced(
    batched: str, api: serverwamp.RPCRouteSet
) -> None:
    own = Counting()

    async with (
        site(api, serializers={"json": own}) as served,
        served.client(serializer=f"json{batched}") as client,
        served.client(serializer="msgpack") as other,
    ):
        assert await client.call("echo", 1) == 1
        before = own.decoded
        assert await other.call("echo", 1) == 1
        assert own.decoded == before >= 2


async def test_a_serializer_is_added_and_one_taken_out(
    api: serverwamp.RPCRouteSet,
) -> None:
    own = Counting("x-lines")

    async with site(api, serializers={"x-lines": own, "cbor": None}) as served:
        async with served.client(serializer=Counting("x-lines")) as client:
            assert client.ws.protocol == "wamp.2.x-lines"
            assert await client.call("echo", b"\0") == b"\0"
        assert await chosen(served, "wamp.2.x-lines.batched") is not None
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await chosen(served, "wamp.2.cbor", "wamp.2.cbor.batched")


async def test_what_its_decoder_refuses_is_a_violation() -> None:
    class Refusing(JSONSerializer):
        def decode(self, data: str | bytes) -> Any:
            raise InvalidPayload("not today")

    async with (
        site(serializers={"json": Refusing()}) as served,
        connect(served.http, realm=None) as client,
    ):
        await client.send([1, "r", {}])
        abort = await client.receive()

    assert abort == [3, {"message": "not today"}, "wamp.error.protocol_violation"]


@pytest.mark.parametrize(
    ("serializers", "hint"),
    [
        ([JSONSerializer()], "give a dict"),
        ({"json": JSONSerializer}, "give an instance"),
        ({"json": json}, "is no Serializer"),
        ({"ujson": JSONSerializer()}, "the two have to be the same"),
        ({"json.batched": Counting("json.batched")}, "letters, digits"),
        ({"a b": Counting("a b")}, "letters, digits"),
        ({"json": None, "msgpack": None, "cbor": None}, "at least one"),
        ({"wamp.2.json": None}, "not offered anyway"),
        ({"messagepack": None}, "'json', 'msgpack', 'cbor'"),
    ],
)
def test_what_makes_no_sense_is_a_configuration_error(
    serializers: Any, hint: str
) -> None:
    with pytest.raises(ConfigurationError, match=hint):
        serverwamp.Application(serializers=serializers)
