"""Messages that are small on the wire and may cost much: each alone, then the next."""

from __future__ import annotations

import asyncio
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from benchmarks.wire import PING, frame
from tests.soak.codecs import encode, opcode
from tests.soak.doors import Door, connect, join
from tests.soak.peer import CALL, RESULT, Peer
from tests.soak.process import Server, serving
from tests.soak.rawsocket_peer import PING as RAW_PING
from tests.soak.rawsocket_peer import PONG as RAW_PONG
from tests.soak.rawsocket_peer import raw_frame
from tests.soak.row import Outcome, Row, scaled

ROUNDS: Final = 6
#: Bytes that the server takes in one message.
SIZE: Final = 2**20 - 100
DEPTH: Final = 100_000
#: Seconds that the event loop may be away, and MiB of memory.
STALL, MEMORY = 1.0, 96
#: Seconds after which the next one comes, whatever the answer to this one.
PATIENCE: Final = 2.0
#: The request id of the call that follows each.
LATER: Final = 2**40
#: The modulus of the hash of numbers: its multiples collide.
PRIME: Final = 2**61 - 1


@dataclass(frozen=True, slots=True)
class Bomb:
    """A message; or, `framed`, bytes that are written as they are."""

    name: str
    serializer: str
    payload: bytes
    framed: bool = False

    def sent_through(self, door: Door) -> bytes:
        """Return what is written."""
        if self.framed:
            return self.payload
        if door.rawsocket:
            return raw_frame(self.payload)
        return frame(self.payload, opcode(self.serializer))


def filled(start: bytes, item: bytes, end: bytes = b"") -> bytes:
    """Return as many items as a message holds."""
    return start + item * ((SIZE - len(start) - len(end)) // len(item)) + end


def json_bombs() -> Iterator[Bomb]:
    """Yield those in JSON."""
    call = b'[48,1,{},"echo",['
    texts = {
        "depth": call + b"[" * DEPTH + b"]" * DEPTH + b"]]",
        "depth of dicts": call + b'{"a":' * DEPTH + b"0" + b"}" * DEPTH + b"]]",
        "unclosed depth": b"[" * SIZE,
        "giant integer": filled(call, b"9", b"]]"),
        "giant negative integer": filled(call + b"-", b"9", b"]]"),
        "giant id": filled(b"[48,", b"9", b',{},"echo"]'),
        "giant fraction": filled(call + b"0.", b"9", b"]]"),
        "giant exponent": filled(call + b"1e", b"9", b"]]"),
        "many integers": filled(call, b"4294967296,", b"0]]"),
        "many large integers": filled(call, b"9" * 400 + b",", b"0]]"),
        "many empty lists": filled(call, b"[],", b"0]]"),
        "many empty dicts": filled(call, b"{},", b"0]]"),
        "many small lists": filled(call, b"[0],", b"0]]"),
        "many keys": b'[48,1,{},"echo",[],{'
        + b",".join(b'"k%d":0' % number for number in range(90_000))[
            : SIZE - 40
        ].rpartition(b",")[0]
        + b"}]",
        "one key again and again": filled(b'[48,1,{"k":0', b',"k":0', b'},"echo"]'),
        "many byte strings": filled(call, b'"\\u0000AAAA",', b"0]]"),
        "many escapes": filled(call + b'"', b"\\ud83d\\ude00", b'"]]'),
        "long URI": filled(b'[48,1,{},"', b"a.", b'a"]'),
        "many exclusions": filled(b'[16,1,{"exclude":[', b"1,", b'1]},"t"]'),
        "many eligible": filled(b'[16,1,{"eligible_authid":[', b'"",', b'""]},"t"]'),
        "long wildcard": b'[32,1,{"match":"wildcard"},"' + b"." * 31 + b'"]',
    }
    for name, text in texts.items():
        yield Bomb(name, "json", text)


def msgpack_bombs() -> Iterator[Bomb]:
    """Yield those in MessagePack."""
    call = b"\x95\x30\x01\x80\xa4echo"
    payloads = {
        "depth": call + b"\x91" * DEPTH + b"\x90",
        "depth of dicts": call + b"\x91" + b"\x81\xa1a" * DEPTH + b"\x00",
        "unclosed depth": b"\x91" * SIZE,
        "length of a list": call + b"\xdd\xff\xff\xff\xff",
        "length of a dict": call + b"\xdf\xff\xff\xff\xff",
        "length of a text": call + b"\x91\xdb\xff\xff\xff\xff",
        "length of bytes": call + b"\x91\xc6\xff\xff\xff\xff",
        "length of an extension": call + b"\x91\xc9\xff\xff\xff\xff\x01",
        "lengths in lengths": filled(call, b"\xdd\x00\xff\xff\xff"),
        "many lengths": call + b"\xdc\xff\xff" + b"\xdd\x00\xff\xff\xff" * 200,
        "many empty lists": filled(call + b"\xdd\x00\x0f\x00\x00", b"\x90"),
        "many empty dicts": filled(call + b"\xdd\x00\x0f\x00\x00", b"\x80"),
        "many empty texts": filled(call + b"\xdd\x00\x0f\x00\x00", b"\xa0"),
        "colliding keys": call
        + b"\x91\xdf\x00\x01\x00\x00"
        + b"".join(
            b"\xcb" + _float(PRIME * number) + b"\x00" for number in range(65_536)
        ),
        "many extensions": filled(call + b"\xdd\x00\x05\x00\x00", b"\xd4\x01\x00"),
        "timestamps": filled(
            call + b"\xdd\x00\x02\x00\x00", b"\xd6\xff\xff\xff\xff\xff"
        ),
    }
    for name, payload in payloads.items():
        yield Bomb(name, "msgpack", payload)


def _float(number: int) -> bytes:
    return struct.pack(">d", number)


def cbor_bombs() -> Iterator[Bomb]:
    """Yield those in CBOR."""
    call = b"\x85\x18\x30\x01\xa0\x64echo"
    colliding = b"".join(
        _bignum(PRIME * number * 2**8) + b"\x00" for number in range(1, 40_000)
    )
    payloads = {
        "depth": call + b"\x81" * DEPTH + b"\x80",
        "depth of dicts": call + b"\x81" + b"\xa1\x61a" * DEPTH + b"\x00",
        "unclosed depth": b"\x81" * SIZE,
        "unclosed endless lists": b"\x9f" * SIZE,
        "depth of tags": filled(call + b"\x81", b"\xc1", b"\x00"),
        "length of a list": call + b"\x9b" + b"\xff" * 8,
        "length of a dict": call + b"\xbb\x00\x00\x00\xff" + b"\xff" * 4,
        "length of a text": call + b"\x81\x7b\x7f" + b"\xff" * 7,
        "length of bytes": call + b"\x81\x5a\xff\xff\xff\xff",
        "many lengths": filled(call, b"\x9a\x00\xff\xff\xff"),
        "giant integer": filled(call + b"\x81\xc2\x5a\x00\x0f\xff\x00", b"\xff"),
        "many large integers": filled(call + b"\x9f", _bignum(2**2000), b"\xff"),
        "colliding keys": call + b"\x81\xba\x00\x00\x9c\x3f" + colliding,
        "giant exponent": call + b"\x81\xc4\x82\x1a\x3b\x9a\xca\x00\x01",
        "giant binary exponent": call + b"\x81\xc5\x82\x1a\x3b\x9a\xca\x00\x01",
        "shared references": call + b"\x81\xd8\x1c\x81\xd8\x1d\x00",
        "sets": call + b"\x81\xd9\x01\x02\x82\x81\x00\x81\x00",
        "many empty lists": filled(call + b"\x9f", b"\x80", b"\xff"),
        "many empty endless lists": filled(call + b"\x9f", b"\x9f\xff", b"\xff"),
        "endless bytes of nothing": filled(call + b"\x81\x5f", b"\x40", b"\xff"),
        "endless text of nothing": filled(call + b"\x81\x7f", b"\x60", b"\xff"),
    }
    for name, payload in payloads.items():
        yield Bomb(name, "cbor", payload)


def _bignum(number: int) -> bytes:
    data = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return encode("cbor", number) if len(data) < 9 else b"\xc2" + encode("cbor", data)


def batch_bombs() -> Iterator[Bomb]:
    """Yield batches."""
    publish = encode("msgpack", [16, 1, {}, "t"])
    call = encode("json.batched", [CALL, 1, {}, "echo", []])
    subscribe = encode("cbor.batched", [32, 1, {}, "t"])
    yield Bomb("many empty messages", "json.batched", filled(b"", b"\x1e"))
    yield Bomb("no end", "json.batched", filled(b"", b"["))
    yield Bomb("many calls", "json.batched", filled(b"", call))
    yield Bomb("length of a message", "msgpack.batched", b"\xff" * 4)
    yield Bomb("many empty messages", "msgpack.batched", filled(b"", b"\0\0\0\0"))
    one = len(publish).to_bytes(4, "big") + publish
    yield Bomb("many events", "msgpack.batched", filled(b"", one))
    yield Bomb("many subscriptions", "cbor.batched", filled(b"", subscribe))


def frame_bombs() -> Iterator[Bomb]:
    """Yield what is wrong in WebSocket already."""
    mask = b"\0\0\0\0"
    begun, empty, one = b"\x01\x80" + mask, b"\x00\x80" + mask, b"\x00\x81" + mask
    for name, data in {
        "length of a frame": b"\x81\xff\x7f" + b"\xff" * 7 + mask,
        "impossible length": b"\x81\xff" + b"\xff" * 8 + mask,
        "just too long": b"\x81\xff" + (2**20 + 1).to_bytes(8, "big") + mask,
        "endless empty fragments": begun + empty * 200_000,
        "endless fragments": begun + (one + b" ") * 1_100_000,
        "many pings": frame(b"x" * 125, PING) * 50_000,
        "a long ping": b"\x89\xfe\x00\x7e" + mask + b"x" * 126,
        "compressed without leave": b"\xc1\x81" + mask + b"x",
        "not masked": b"\x81\x02[]",
    }.items():
        yield Bomb(name, "json", data, framed=True)


def rawsocket_bombs() -> Iterator[Bomb]:
    """Yield what is wrong in RawSocket already."""
    for name, data in {
        "length of a frame": b"\0\xff\xff\xff",
        "greatest length": b"\x08\0\0\0",
        "just too long": b"\0\x10\0\x01",
        "length of a ping": b"\1\xff\xff\xff",
        "many pings": raw_frame(b"x" * 125, RAW_PING) * 50_000,
        "many pongs": raw_frame(b"x" * 125, RAW_PONG) * 50_000,
        "many empty messages": b"\0\0\0\0" * 250_000,
        "reserved kind": b"\7\0\0\0",
        "reserved bits": b"\xf0\0\0\0",
    }.items():
        yield Bomb(name, "json", data, framed=True)


def deflate_bombs() -> Iterator[Bomb]:
    """Yield compressed frames that become a gibibyte of spaces, or of lists."""
    for name, text in (("spaces", b" " * 2**20), ("lists", b"[" * 2**20)):
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        # Each block can be unpacked by itself, so that it can come again and again.
        block = packer.compress(text) + packer.flush(zlib.Z_FULL_FLUSH)
        count = min(1_024, SIZE // len(block))
        data = bytearray(frame(block * count))
        data[0] |= 0x40  # compressed
        yield Bomb(f"a deflated gibibyte of {name}", "json", bytes(data), framed=True)


DEFLATE: Final = "Sec-WebSocket-Extensions: permessage-deflate"


async def throw(server: Server, data: bytes, peer: Peer) -> None:
    """Send it and wait until the server has had enough, or answers what comes next."""
    peer.write(data)
    peer.send(CALL, LATER, {}, "echo")
    heard = asyncio.ensure_future(peer.receive(PATIENCE))
    ended = asyncio.ensure_future(peer.end(PATIENCE))
    await asyncio.wait({heard, ended}, return_when=asyncio.FIRST_COMPLETED)
    # All of it has been taken when the server has another turn.
    await server.ask("sessions")
    peer.reset()
    await asyncio.gather(heard, ended, return_exceptions=True)


class Damage:
    """The worst that was seen, and by what."""

    def __init__(self) -> None:
        self.thrown = 0
        self.clock = self.cpu = 0.0
        self.slowest = ""

    async def look(self, server: Server, bomb: Bomb, outcome: Outcome) -> None:
        """Ask for the longest stall, and whether others are still served."""
        self.thrown += 1
        clock, cpu = await server.ask("stalls")
        self.clock = max(self.clock, clock)
        if cpu > self.cpu:
            self.cpu, self.slowest = cpu, f"{bomb.name}, {bomb.serializer}"
        outcome.require(
            cpu <= STALL,
            f"{bomb.name} ({bomb.serializer}): the loop was away for {clock:.1f} s, "
            f"{cpu:.1f} s of CPU time",
        )


@dataclass(frozen=True, slots=True)
class Attack:
    """What is thrown at one server."""

    bombs: Sequence[Bomb]
    rawsocket: bool = False
    headers: Sequence[str] = ()
    setup: Mapping[str, Any] = field(default_factory=dict)


def attacks() -> Sequence[Attack]:
    """Return what is thrown at a WebSocket, a RawSocket and one that inflates."""
    messages = [*json_bombs(), *msgpack_bombs(), *cbor_bombs()]
    return (
        Attack([*messages, *batch_bombs(), *frame_bombs()]),
        Attack([*messages, *rawsocket_bombs()], rawsocket=True),
        Attack([*deflate_bombs()], headers=(DEFLATE,), setup={"compress": True}),
    )


async def throw_all(
    server: Server, attack: Attack, damage: Damage, outcome: Outcome
) -> None:
    """Throw each before and after HELLO; a bystander calls in between."""
    door = server.raw_door if attack.rawsocket else server.door
    bystander = await join(server.door)
    await server.ask("stalls")
    for bomb in attack.bombs:
        for joined in (False, True):
            peer = await connect(door, bomb.serializer, *attack.headers)
            peer.uninterested = True
            if joined:
                await peer.hello("open")
            await throw(server, bomb.sent_through(door), peer)
            await damage.look(server, bomb, outcome)
        answer = await bystander.request(CALL, {}, "echo", [bomb.name])
        assert answer[0] == RESULT, answer
    bystander.reset()


async def run(effort: float) -> Outcome:
    rounds = scaled(ROUNDS, effort)
    outcome, damage = Outcome(), Damage()
    kinds, grown = 0, []
    for attack in attacks():
        kinds += len(attack.bombs)
        async with serving(setup=attack.setup) as server:
            # What is loaded only once is not what a bomb costs.
            await (await join(server.door)).request(CALL, {}, "echo")
            async with server.memory() as memory:
                for _ in range(rounds):
                    await throw_all(server, attack, damage, outcome)
            grown.append(memory.grown)
            server.require_no_traceback(outcome)
    outcome.require(max(grown) <= MEMORY, f"RSS has grown by {max(grown):.0f} MiB")
    outcome.done = (
        f"{damage.thrown:,} thrown, {kinds} kinds in all serializers, batches, frames "
        "of WebSocket and RawSocket, and deflate, before and after HELLO"
    )
    outcome.seen = (
        f"longest stall {damage.cpu:.2f} s of CPU time ({damage.slowest}), "
        f"{damage.clock:.2f} s on the clock; RSS {max(grown):+.0f} MiB"
    )
    return outcome


ROW = Row(
    "bombs",
    "depth 100,000, lengths, fragments, giant integers, colliding keys",
    f"the loop never stalled above {STALL:g} s of its CPU time; RSS +{MEMORY} MiB at "
    "most",
    run,
)
