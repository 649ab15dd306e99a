"""Statements of section 8.2, over real sockets, with a client that counts its bytes."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest

import aiohttp_serverwamp as serverwamp
from tests.certificates import Authority, client_context, server_context
from tests.rawsocket_client import (
    MESSAGE,
    PING,
    PONG,
    RawSocketClient,
    free_listener,
    port_of,
    rawsocket_to,
    serving_rawsocket,
)
from tests.sites import until

MIB: Final = 2**20
SERIALIZERS: Final = ("json", "msgpack", "cbor")
TOO_LARGE: Final = "wamp.error.payload_size_exceeded"


def open_realm(**limits: Any) -> serverwamp.Application:
    """Make an application in whose realm ``r`` everybody may do everything."""
    application = serverwamp.Application(limits=serverwamp.Limits(**limits))
    application.add_realm(serverwamp.Realm("r", permissions=serverwamp.OPEN))
    return application


@asynccontextmanager
async def answered(opening: bytes, **limits: Any) -> AsyncIterator[RawSocketClient]:
    """Connect and send an opening handshake, or what is none."""
    async with (
        serving_rawsocket(open_realm(**limits)) as port,
        rawsocket_to(port) as client,
    ):
        client.write(opening)
        yield client


class Realm:
    """A realm that is served, and its clients."""

    def __init__(self, port: int, stack: AsyncExitStack) -> None:
        self._port = port
        self._stack = stack

    async def connect(self, serializer: str = "json") -> RawSocketClient:
        return await self._stack.enter_async_context(
            rawsocket_to(self._port, serializer)
        )

    async def join(
        self, serializer: str = "json", *, exponent: int = 15
    ) -> RawSocketClient:
        """Join as a client that takes 2 ** (9 + exponent) bytes."""
        client = await self.connect(serializer)
        await client.shake_hands(exponent=exponent)
        assert (await client.hello())[0] == 2
        return client


@pytest.fixture
async def realm() -> AsyncIterator[Realm]:
    async with (
        serving_rawsocket(open_realm()) as port,
        AsyncExitStack() as stack,
    ):
        yield Realm(port, stack)


# The opening handshake.


@pytest.mark.parametrize("first", [b"\x00", b"\x16\x03\x01", b"GET / HTTP/1.1\r\n\r\n"])
async def test_what_does_not_begin_with_7f_is_dropped_unanswered(first: bytes) -> None:
    """REQ-TRN-017: a browser that is led here learns nothing."""
    async with answered(first) as client:
        assert await client.has_ended()


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize(("size", "exponent"), [(MIB, 11), (2**24, 15), (512, 0)])
async def test_the_reply_repeats_the_serializer_and_tells_our_limit(
    number: int, size: int, exponent: int
) -> None:
    """REQ-TRN-018."""
    opening = bytes((0x7F, 0x50 | number, 0, 0))
    async with answered(opening, max_message_size=size) as client:
        assert await client.read(4) == bytes((0x7F, exponent << 4 | number, 0, 0))


@pytest.mark.parametrize("number", [4, 5, 6, 10, 15])
async def test_a_serializer_that_is_not_offered_is_refused(number: int) -> None:
    """REQ-TRN-019."""
    async with answered(bytes((0x7F, 0xF0 | number, 0, 0))) as client:
        assert await client.read(5) == b"\x7f\x10\x00\x00"


async def test_serializer_zero_is_the_end() -> None:
    """REQ-TRN-019."""
    async with answered(b"\x7f\xf0\x00\x00") as client:
        assert await client.has_ended()


@pytest.mark.parametrize("octets", [b"\x01\x00", b"\x00\x01", b"\x80\x80"])
async def test_reserved_octets_are_refused(octets: bytes) -> None:
    """REQ-TRN-020."""
    async with answered(b"\x7f\xf1" + octets) as client:
        assert await client.read(5) == b"\x7f\x30\x00\x00"


async def test_a_client_beyond_the_last_one_is_refused() -> None:
    """REQ-TRN-021."""
    async with (
        serving_rawsocket(open_realm(max_sessions=1)) as port,
        rawsocket_to(port) as first,
        rawsocket_to(port) as second,
    ):
        await first.join()

        assert await second.shake_hands() == b"\x7f\x40\x00\x00"

        assert await second.has_ended()


@pytest.mark.parametrize("exponent", [0, 1])
async def test_a_client_that_takes_too_little_is_refused(exponent: int) -> None:
    """REQ-TRN-021: WELCOME has about a thousand octets."""
    async with answered(bytes((0x7F, exponent << 4 | 1, 0, 0))) as client:
        assert await client.read(5) == b"\x7f\x20\x00\x00"


@pytest.mark.usefixtures("allow_logged_errors")
async def test_the_examples_of_the_specification_are_answered() -> None:
    """REQ-TRN-022."""
    async with answered(b"\x7f\xf1\x00\x00", max_message_size=2**24) as client:
        assert await client.read(4) == b"\x7f\xf1\x00\x00"
    async with answered(b"\x7f\x73\x00\x00", max_message_size=2**24) as client:
        assert await client.read(4) == b"\x7f\xf3\x00\x00"
        client.serializer = "cbor"
        assert (await client.hello())[0] == 2
        # It takes 65536 octets; an event for itself of that many does not fit.
        assert (await client.ask(32, 1, {}, "com.t"))[0] == 33
        for size in (70_000, 60_000):
            client.say(16, 2, {"exclude_me": False}, "com.t", ["x" * size])
        assert len((await client.hear())[4][0]) == 60_000


@pytest.mark.parametrize("sent", [b"", b"\x7f", b"\x7f\xf1\x00"])
async def test_a_handshake_has_to_come_in_time(sent: bytes) -> None:
    """REQ-TRN-031."""
    async with answered(sent, hello_timeout=0.05) as client:
        assert await client.has_ended()


async def test_dribbling_extends_no_handshake() -> None:
    """REQ-TRN-031."""
    async with answered(b"\x7f", hello_timeout=0.2) as client:

        async def dribble() -> None:
            for byte in (0xF1, 0, 0):
                await asyncio.sleep(0.15)
                client.write(bytes((byte,)))

        dribbling = asyncio.create_task(dribble())
        assert await client.has_ended()
        dribbling.cancel()


# Messages.


@pytest.mark.parametrize("serializer", SERIALIZERS)
async def test_a_message_is_a_frame(realm: Realm, serializer: str) -> None:
    """REQ-TRN-030: there are no batches."""
    client = await realm.join(serializer)

    client.say(32, 1, {}, "com.a")
    client.say(32, 2, {}, "com.b")

    kinds_and_answers = [await client.next_frame() for _ in range(2)]
    assert [each and each[0] for each in kinds_and_answers] == [MESSAGE, MESSAGE]


async def test_clients_of_all_serializers_understand_each_other(realm: Realm) -> None:
    """REQ-SER-001: binary included."""
    clients = [await realm.join(serializer) for serializer in SERIALIZERS[1:]]
    for client in clients:
        assert (await client.ask(32, 1, {}, "com.t"))[0] == 33

    clients[0].say(16, 2, {"exclude_me": False}, "com.t", [b"\x00\xff", "é"])

    for client in clients:
        assert (await client.hear())[4] == [b"\x00\xff", "é"]


async def test_frames_may_come_in_any_pieces(realm: Realm) -> None:
    """REQ-TRN-030: it is a stream of octets."""
    client = await realm.connect()
    hello = json.dumps([1, "r", {"roles": {"subscriber": {}}}]).encode()
    whole = b"\x7f\xf1\x00\x00" + len(hello).to_bytes(4, "big") + hello

    for byte in whole:
        client.write(bytes((byte,)))
        await client.writer.drain()

    assert (await client.read(4))[:1] == b"\x7f"
    assert (await client.hear())[0] == 2


async def test_messages_may_be_sent_with_the_handshake(realm: Realm) -> None:
    """REQ-TRN-030: it is a stream of octets."""
    client = await realm.connect()

    client.write(b"\x7f\xf1\x00\x00")
    client.say(1, "r", {"roles": {"subscriber": {}}})
    client.say(32, 1, {}, "com.t")

    assert await client.read(4) == b"\x7f\xb1\x00\x00"
    assert [(await client.hear())[0], (await client.hear())[0]] == [2, 33]


@pytest.mark.parametrize("kind", [MESSAGE, PING, PONG])
async def test_a_frame_beyond_our_limit_is_the_end(kind: int) -> None:
    """REQ-TRN-024, 027."""
    async with (
        serving_rawsocket(open_realm(max_message_size=4096)) as port,
        rawsocket_to(port) as client,
    ):
        await client.join()
        client.frame(PING, bytes(4096))
        assert await client.next_frame() == (PONG, bytes(4096))

        client.write(bytes((kind, 0, 0x10, 0x01)))

        assert await client.has_ended()


async def test_just_sixteen_mebibytes_have_a_bit_of_their_own() -> None:
    """REQ-TRN-025, PIT-47."""
    limits = {"max_message_size": None, "max_pending_bytes": None}
    async with (
        serving_rawsocket(open_realm(**limits)) as port,
        rawsocket_to(port) as client,
    ):
        await client.join()

        client.write(b"\x09\x00\x00\x00" + bytes(2**24))
        assert await client.next_frame() == (0x08 | PONG, bytes(2**24))

        client.write(b"\x01\xff\xff\xff" + bytes(2**24 - 1))
        assert await client.next_frame() == (PONG, bytes(2**24 - 1))


async def test_the_bit_is_for_nothing_else() -> None:
    """REQ-TRN-025."""
    async with answered(b"\x7f\xf1\x00\x00", max_message_size=None) as client:
        await client.read(4)

        client.write(b"\x08\x00\x00\x01x")

        assert await client.has_ended()


# Pings.


@pytest.mark.parametrize("payload", [b"", b"\x00", b"who is there?", bytes(70_000)])
async def test_a_ping_is_answered_by_one_pong_of_the_same_payload(
    realm: Realm, payload: bytes
) -> None:
    """REQ-TRN-026, 027."""
    client = await realm.join()

    client.frame(PING, payload)
    client.frame(PING, b"the last")

    assert await client.next_frame() == (PONG, payload)
    assert await client.next_frame() == (PONG, b"the last")


async def test_pings_may_come_before_hello_and_between_messages(realm: Realm) -> None:
    """REQ-TRN-026."""
    client = await realm.connect()
    await client.shake_hands()

    client.frame(PING, b"1")
    assert await client.next_frame() == (PONG, b"1")
    assert (await client.hello())[0] == 2
    client.say(32, 1, {}, "com.a")
    client.frame(PING, b"2")
    client.say(32, 2, {}, "com.b")

    frames = [await client.next_frame() for _ in range(3)]
    assert sorted(each[0] for each in frames if each) == [MESSAGE, MESSAGE, PONG]


async def test_a_pong_that_nobody_asked_for_is_ignored(realm: Realm) -> None:
    """REQ-TRN-028."""
    client = await realm.join()

    client.frame(PONG, b"surprise")

    assert (await client.ask(32, 1, {}, "com.t"))[0] == 33


@pytest.mark.parametrize("first", [3, 4, 5, 6, 7, 0x10, 0x20, 0x40, 0x80, 0xF1])
async def test_reserved_types_and_bits_are_the_end(realm: Realm, first: int) -> None:
    """REQ-TRN-029."""
    client = await realm.join()

    client.write(bytes((first, 0, 0, 0)))

    assert await client.has_ended()


async def test_what_is_no_message_is_answered_with_abort(realm: Realm) -> None:
    """REQ-SER-013: a frame that is well-formed, of text that is not."""
    for payload in (b"", b"\xff", b'["'):
        client = await realm.join()

        client.frame(MESSAGE, payload)

        abort = await client.hear()
        assert abort[::2] == [3, "wamp.error.protocol_violation"]
        assert await client.has_ended()


# What a client does not take.


async def test_no_frame_is_longer_than_the_client_takes(
    realm: Realm, caplog: pytest.LogCaptureFixture
) -> None:
    """REQ-TRN-023, REQ-ERR-010: an event is lost for whom it does not fit."""
    caplog.set_level(logging.ERROR)
    small, large = await realm.join(exponent=2), await realm.join()
    for client in (small, large):
        assert (await client.ask(32, 1, {}, "com.t"))[0] == 33

    for size in (10, 4000, 20):
        large.say(16, size, {"exclude_me": False}, "com.t", ["x" * size])

    assert [len((await large.hear())[4][0]) for _ in range(3)] == [10, 4000, 20]
    assert [len((await small.hear())[4][0]) for _ in range(2)] == [10, 20]
    assert "the client takes 2048') (1 lost)" in caplog.text


async def test_a_result_that_its_caller_does_not_take_is_an_error(
    realm: Realm, caplog: pytest.LogCaptureFixture
) -> None:
    """REQ-ERR-008: of RESULT, of ERROR and of progress; the call is over then."""
    caplog.set_level(logging.CRITICAL, "aiohttp_serverwamp")
    caller, callee = await realm.join(exponent=2), await realm.join()
    assert (await callee.ask(64, 1, {}, "com.p"))[0] == 65
    big = "x" * 4000
    answers: list[Callable[[int], list[Any]]] = [
        lambda invocation: [70, invocation, {}, [big]],
        lambda invocation: [8, 68, invocation, {}, "com.error", [big]],
        lambda invocation: [70, invocation, {"progress": True}, [big]],
    ]

    for request, answer in enumerate(answers, 1):
        caller.say(48, request, {"receive_progress": True}, "com.p")
        invocation = (await callee.hear())[1]
        callee.say(*answer(invocation))
        error = await caller.hear()
        # What comes later is for nobody.
        callee.say(70, invocation, {}, ["too late"])

        assert error[:5] == [8, 48, request, {}, TOO_LARGE]

    caller.say(48, 9, {}, "com.p")
    callee.say(70, (await callee.hear())[1], {}, ["fits"])
    assert await caller.hear() == [50, 9, {}, ["fits"]]


async def test_a_call_that_its_callee_does_not_take_is_an_error(realm: Realm) -> None:
    """REQ-ERR-009: as if the callee had not been asked."""
    caller, callee = await realm.join(), await realm.join(exponent=2)
    assert (await callee.ask(64, 1, {}, "com.p"))[0] == 65

    error = await caller.ask(48, 1, {}, "com.p", ["x" * 4000])
    caller.say(48, 2, {}, "com.p", ["x"])
    invocation = await callee.hear()
    callee.say(6, {}, "wamp.close.close_realm")
    canceled = await caller.hear()
    answer = await caller.ask(32, 3, {}, "com.t")

    assert error[:5] == [8, 48, 1, {}, TOO_LARGE]
    assert (invocation[0], invocation[1]) == (68, 1)
    assert canceled[:3] == [8, 48, 2]
    assert answer[0] == 33


async def test_a_client_that_cannot_be_welcomed_is_told_why() -> None:
    """REQ-TRN-023: nor is WELCOME longer than it takes."""
    application = serverwamp.Application()
    realm = serverwamp.Realm("r")
    extra = {"notice": "x" * 4000}
    realm.add_transport_authenticator(
        lambda session: serverwamp.Identity("joe", authextra=extra)
    )
    application.add_realm(realm)
    async with serving_rawsocket(application) as port, rawsocket_to(port) as client:
        await client.shake_hands(exponent=2)

        answer = await client.hello()

        assert answer[::2] == [3, TOO_LARGE]
        assert await client.has_ended()


# Sockets of all kinds.


async def test_it_runs_over_tcp_tls_and_unix_sockets(tmp_path: Path) -> None:
    """REQ-TRN-030."""
    authority = Authority(tmp_path)
    plain, secured = free_listener(), free_listener()
    path = tmp_path / "wamp.sock"
    application = open_realm()
    serving = asyncio.create_task(
        application.serve_rawsocket(
            plain,
            serverwamp.RawSocket(secured, ssl=server_context(authority)),
            f"unix://{path}",
        )
    )
    await until(path.exists)
    tls = client_context(authority, None)

    async with (
        rawsocket_to(port_of(plain)) as one,
        rawsocket_to(port_of(secured), "msgpack", tls=tls) as other,
        rawsocket_to(str(path), "cbor") as third,
    ):
        clients = (one, other, third)
        for client in clients:
            await client.join()
            assert (await client.ask(32, 1, {}, "com.t"))[0] == 33
        for size in (10, 500_000):
            one.say(16, size, {"exclude_me": False}, "com.t", ["x" * size])
            for client in clients:
                assert len((await client.hear())[4][0]) == size
    serving.cancel()
    await asyncio.wait([serving])


# Taking leave.


async def test_who_says_goodbye_may_join_again(realm: Realm) -> None:
    """REQ-SES-013, over this transport too."""
    client = await realm.join()

    assert await client.ask(6, {}, "wamp.close.close_realm") == [
        6,
        {},
        "wamp.close.goodbye_and_out",
    ]

    assert (await client.hello())[0] == 2
