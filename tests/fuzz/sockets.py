"""The same over sockets: WebSockets and RawSockets, with clients that vanish.

`attack` puts seeded inputs to a server that somebody else has started; `besiege` starts
one, attacks it and looks what is left, and is what others call. Each connection comes
from one of nine addresses and has random numbers of its own; how they interleave is the
event loop's affair.
"""

from __future__ import annotations

import asyncio
import base64
import random
import socket
import struct
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from aiohttp import web

from aiohttp_serverwamp import (
    OPEN,
    Application,
    Chunks,
    Identity,
    Invocation,
    Limits,
    RawSocket,
    Realm,
    RPCResult,
    RPCRouteSet,
    Session,
    TopicRouteSet,
    auth,
    setup_wamp,
)
from aiohttp_serverwamp.router.states import State
from aiohttp_serverwamp.testing import connect, serving
from tests.fuzz.attackers import Attacker
from tests.fuzz.campaign import Result, invented
from tests.fuzz.encoders import ENCODERS, SERIALIZERS, frame_of
from tests.fuzz.grounds import STORE
from tests.fuzz.rounds import watched
from tests.tables import grown, sizes

ADDRESSES: Final = tuple(f"127.0.0.{number}" for number in range(1, 10))
#: How many connections there are at a time.
CROWD: Final = 12
#: Seconds to wait for what has to come.
PATIENCE: Final = 20.0

TEXT, BINARY, CLOSE, PING = 1, 2, 8, 9


# --- A site -----------------------------------------------------------------------


def site(listener: socket.socket) -> tuple[web.Application, Application]:
    """Make a site with something of everything, and its WAMP application.

    RawSocket is served on the listener.
    """
    application = Application(
        allow_default_realm=False,
        limits=Limits(hello_timeout=2.0, auth_timeout=2.0, close_timeout=1.0),
    )
    open_realm = Realm("realm1", permissions=OPEN)
    for method in (auth.Anonymous(), auth.Ticket(STORE), auth.WAMPCRA(STORE)):
        open_realm.add_authenticator(method)
    members = Realm("members")
    members.add_transport_authenticator(_by_transport)
    members.set_authorizer(_authorize)
    for realm in (open_realm, members):
        realm.add_routes(_procedures())
        realm.add_routes(_topics())
        realm.keep_history("topic.kept", limit=10)
        application.add_realm(realm)
    app = web.Application()
    setup_wamp(app, application, rawsocket=RawSocket(listener))
    return app, application


async def _by_transport(session: Session) -> Identity:
    await asyncio.sleep(0)
    return Identity("ann")


async def _authorize(session: Session, action: str, uri: str, options: Any) -> bool:
    await asyncio.sleep(0.001)
    return uri != "com.c.b"


def _procedures() -> RPCRouteSet:
    api = RPCRouteSet()

    @api.route("fuzz.echo")
    def echo(*args: Any, **kwargs: Any) -> RPCResult:
        return RPCResult([*args], kwargs)

    @api.route("fuzz.slow")
    async def slow(*args: Any) -> int:
        await asyncio.sleep(0.02)
        return len(args)

    @api.route("fuzz.progress")
    async def progress(*args: Any) -> AsyncIterator[Any]:
        for number in range(3):
            yield number
            await asyncio.sleep(0.001)
        yield RPCResult([*args])

    @api.route("fuzz.chunks")
    async def chunks(*args: Any, chunks: Chunks, invocation: Invocation) -> int:
        count = 0
        async for _ in chunks:
            count += 1
            await invocation.progress(count)
        return count

    @api.route("fuzz.kick")
    async def kick(*args: Any, session: Session) -> None:
        await session.close()

    @api.route("fuzz.thread", thread=True)
    def thread(*args: Any) -> int:
        return len(args)

    return api


def _topics() -> TopicRouteSet:
    topics = TopicRouteSet()

    @topics.route("topic.slow", publish=True, retain=True)
    async def slow() -> AsyncIterator[None]:
        await asyncio.sleep(0.005)
        yield
        await asyncio.sleep(0.005)

    topics.declare("topic.plain", publish=True)
    return topics


# --- One connection -----------------------------------------------------------------


class SocketAttacker(Attacker):
    """A client behind a socket, which guesses its state from what it hears."""

    def __init__(self, serializer: str, rng: random.Random) -> None:
        super().__init__(serializer, rng)
        self._written: list[bytes] = []
        self._state = State.CLOSED
        #: The code that the server closed with.
        self.closed: int | None = None

    @property
    def state(self) -> State:
        return self._state

    @property
    def written(self) -> Sequence[bytes]:
        return self._written

    def hear(self, payload: bytes) -> None:
        """Take a message of the server."""
        self._written.append(payload)
        for message in self.listen():
            self._state = {
                2: State.ESTABLISHED,
                4: State.AUTHENTICATING,
                6: State.BETWEEN,
            }.get(message[0], self._state)


def header(
    opcode: int, length: int, *, first: int = 0x80, masked: bool = True
) -> bytes:
    """Return what stands before a payload, the mask left out."""
    mask = 0x80 if masked else 0
    if length < 126:
        return bytes([first | opcode, mask | length])
    if length < 2**16:
        return struct.pack("!BBH", first | opcode, mask | 126, length)
    return struct.pack("!BBQ", first | opcode, mask | 127, length)


def framed(payload: bytes, opcode: int, *, first: int = 0x80) -> bytes:
    """Return a frame of a client; its mask is nothing but zeros."""
    return header(opcode, len(payload), first=first) + bytes(4) + payload


class Visit(ABC):
    """One connection, from its opening to whichever end."""

    serializers: Sequence[str]

    def __init__(self, rng: random.Random, host: str, port: int) -> None:
        self.rng = rng
        self.host, self.port = host, port
        self.attacker = SocketAttacker(rng.choice(self.serializers), rng)
        self.inputs = 0
        self.other = b"[48,1]"
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter

    async def make(self, most: int) -> str:
        """Connect, say up to so much, and go; return what came of it."""
        address = (self.rng.choice(ADDRESSES), 0)
        async with asyncio.timeout(PATIENCE):
            self._reader, self._writer = await asyncio.open_connection(
                self.host, self.port, local_addr=address
            )
            try:
                return await self._visit(most)
            except (ConnectionError, asyncio.IncompleteReadError):
                return "connection lost"
            finally:
                self._leave()

    async def _visit(self, most: int) -> str:
        self.inputs += 1
        refused = await self._open()
        if refused:
            return refused
        listening = asyncio.create_task(self._listen())
        try:
            for _ in range(min(most, 1 + int(self.rng.expovariate(1 / 12)))):
                if listening.done():
                    break
                self._writer.write(self._input())
                self.inputs += 1
                if self.rng.random() < 0.7:
                    await self._writer.drain()
                    await asyncio.sleep(0.001)
            if self.rng.random() < 0.5 and not listening.done():
                self._take_leave()
                await asyncio.wait([listening], timeout=3.0)
        finally:
            listening.cancel()
            heard = await asyncio.gather(listening, return_exceptions=True)
        for error in heard:
            if isinstance(error, AssertionError):
                raise error
        closed = self.attacker.closed
        assert closed != 1011, "an internal error"
        return "left" if closed is None else f"closed with {closed}"

    @abstractmethod
    async def _open(self) -> str:
        """Have the server take the connection; return why it does not."""

    @abstractmethod
    def _framed(self, payload: bytes, *, text: bool) -> bytes:
        """Return a message in a frame, or something that is near one."""

    @abstractmethod
    def _take_leave(self) -> None:
        """Begin to close in good order."""

    @abstractmethod
    async def _listen(self) -> None:
        """Read until the server closes."""

    def _input(self) -> bytes:
        """Return the bytes of one input."""
        attacker, rng = self.attacker, self.rng
        if attacker.state is State.AUTHENTICATING and rng.random() < 0.7:
            answer = attacker.authenticate(right=rng.random() < 0.7)
            encode = ENCODERS[attacker.serializer.partition(".")[0]]
            data = frame_of([encode(answer)], attacker.serializer)
        else:
            data, _, self.other = invented(rng, attacker, self.other)
        payload = data.encode("utf-8", "replace") if isinstance(data, str) else data
        return self._framed(payload, text=isinstance(data, str))

    def _leave(self) -> None:
        """Go by closing, or without a word."""
        if self.rng.random() < 0.4:
            used = self._writer.get_extra_info("socket")
            if used is not None:
                with suppress(OSError):
                    # Closing is a reset then.
                    linger = struct.pack("ii", 1, 0)
                    used.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self._writer.transport.abort()
        else:
            self._writer.close()


class WebSocketVisit(Visit):
    """One that begins with an upgrade."""

    serializers = SERIALIZERS

    async def _open(self) -> str:
        name = f"wamp.2.{self.attacker.serializer}"
        chance = self.rng.random()
        fields = {
            "Host": f"{self.host}:{self.port}",
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": base64.b64encode(self.rng.randbytes(16)).decode(),
            "Sec-WebSocket-Protocol": name,
        }
        if chance < 0.02:
            fields["Sec-WebSocket-Protocol"] = "wamp.9.none"
        elif chance < 0.04:
            fields["Origin"] = "http://elsewhere.example"
        elif chance < 0.06:
            fields["Sec-WebSocket-Key"] = "short"
        elif chance < 0.08:
            del fields["Upgrade"]
        lines = [f"{field}: {value}" for field, value in fields.items()]
        head = "\r\n".join(["GET /ws HTTP/1.1", *lines, "", ""])
        self._writer.write(head.encode())
        answer = await self._reader.readuntil(b"\r\n\r\n")
        status = int(answer.split()[1])
        return "" if status == 101 else f"status {status}"

    def _take_leave(self) -> None:
        self._writer.write(framed(struct.pack("!H", 1000), CLOSE))

    def _framed(self, payload: bytes, *, text: bool) -> bytes:
        rng, opcode = self.rng, TEXT if text else BINARY
        chance = rng.random()
        if chance > 0.1:
            return framed(payload, opcode)
        if chance > 0.07:
            middle = rng.randint(0, len(payload))
            return (
                framed(payload[:middle], opcode, first=0)
                + framed(b"?", PING) * rng.randint(0, 2)
                + framed(payload[middle:], 0)
            )
        return self._broken(payload, opcode)

    def _broken(self, payload: bytes, opcode: int) -> bytes:
        """Return a frame that RFC 6455 forbids, or its beginning."""
        rng = self.rng
        return rng.choice(
            (
                header(opcode, len(payload), masked=False) + payload,
                framed(payload, opcode, first=0xC0),
                framed(payload, rng.choice((3, 7, 11, 15))),
                framed(payload, 0),
                framed(payload[:200], PING),
                framed(payload[:1], CLOSE),
                framed(struct.pack("!H", rng.choice((0, 999, 1005, 2999))), CLOSE),
                framed(b"\xff\xfe\xed", TEXT),
                header(opcode, 2**21) + bytes(4),
                struct.pack("!BBQ", 0x80 | opcode, 0xFF, 2**63 - 1) + bytes(4),
                framed(payload, opcode)[: rng.randint(1, len(payload) + 6)],
                rng.randbytes(40),
            )
        )

    async def _listen(self) -> None:
        while True:
            first, length = await self._reader.readexactly(2)
            if length == 126:
                (length,) = struct.unpack("!H", await self._reader.readexactly(2))
            elif length == 127:
                (length,) = struct.unpack("!Q", await self._reader.readexactly(8))
            payload = await self._reader.readexactly(length)
            opcode = first & 0x0F
            if opcode in (TEXT, BINARY):
                self.attacker.hear(payload)
            elif opcode == CLOSE:
                (self.attacker.closed,) = struct.unpack("!H", payload[:2])
                return


class RawSocketVisit(Visit):
    """One without HTTP."""

    serializers = ("json", "msgpack", "cbor")

    async def _open(self) -> str:
        rng = self.rng
        number = 1 + self.serializers.index(self.attacker.serializer)
        chance = rng.random()
        hello = bytes((0x7F, 0xF0 | number, 0, 0))
        if chance < 0.06:
            hello = rng.choice((b"GET ", rng.randbytes(4), hello[:2], b"\x7f\x01\0\0"))
        self._writer.write(hello)
        if len(hello) < 4:
            self._writer.write_eof()
        answer = await self._reader.readexactly(4)
        return "" if answer[1] & 0x0F else f"error {answer[1] >> 4}"

    def _take_leave(self) -> None:
        self._writer.write_eof()

    def _framed(self, payload: bytes, *, text: bool) -> bytes:
        rng = self.rng
        whole = len(payload).to_bytes(4) + payload
        chance = rng.random()
        if chance > 0.1:
            return whole
        if chance > 0.06:
            return bytes((rng.choice((1, 2)), 0, 0, 3)) + b"png" + whole
        return rng.choice(
            (
                bytes((rng.randrange(3, 256),)) + whole[1:],
                b"\x08\0\0\0" + payload,
                b"\0\xff\xff\xff" + payload,
                whole[: rng.randint(0, len(whole))],
                whole[1:],
                rng.randbytes(20),
            )
        )

    async def _listen(self) -> None:
        with suppress(asyncio.IncompleteReadError):
            while True:
                prefix = await self._reader.readexactly(4)
                payload = await self._reader.readexactly(int.from_bytes(prefix[1:]))
                if prefix[0] == 0:
                    self.attacker.hear(payload)
        self.attacker.closed = 0


# --- All of them --------------------------------------------------------------------


async def attack(
    host: str,
    port: int,
    *,
    rawsocket: int | None = None,
    seed: int = 1,
    inputs: int = 2_000,
) -> Result:
    """Put so many inputs to a server; what fails is in the result.

    `rawsocket` is the port of a RawSocket, to which every third connection goes.
    """
    result = Result(seed, ["over sockets"])
    loop = asyncio.get_running_loop()
    started = loop.time()

    async def keep_visiting() -> None:
        while result.inputs < inputs and not result.failure:
            name = f"{seed}/{result.rounds}"
            result.rounds += 1
            rng = random.Random(name)
            visit: Visit
            if rawsocket is not None and rng.random() < 1 / 3:
                visit = RawSocketVisit(rng, host, rawsocket)
            else:
                visit = WebSocketVisit(rng, host, port)
            try:
                outcome = await visit.make(inputs - result.inputs)
            except Exception as error:
                result.failure = f"connection {name!r}: {error!r}"
                raise
            finally:
                result.inputs += visit.inputs
            result.outcomes[outcome] += 1

    crowd = [keep_visiting() for _ in range(CROWD)]
    await asyncio.gather(*crowd, return_exceptions=True)
    result.seconds = loop.time() - started
    return result


async def besiege(seed: int = 1, inputs: int = 2_000) -> Result:
    """Serve a site, attack it, and find it empty and healthy after that."""
    listener = socket.create_server(("127.0.0.1", 0))
    app, application = site(listener)
    with watched() as log:
        async with serving(app) as http:
            before = sizes(application)
            url = http._build_url("/")
            assert url.host
            assert url.port
            result = await attack(
                url.host,
                url.port,
                rawsocket=listener.getsockname()[1],
                seed=seed,
                inputs=inputs,
            )
            left = await _left(application, before)
            async with connect(http, realm="realm1") as client:
                echo = await client.call("fuzz.echo", "ping")
    faults = [*log.faults, *([f"left behind: {left}"] if left else [])]
    if echo != "ping":
        faults.append(f"a newcomer was answered {echo}")
    if faults and not result.failure:
        result.failure = faults[0]
    return result


async def _left(
    application: Application, before: Mapping[str, int]
) -> Mapping[str, int]:
    """Return what is there once the last connection has had time to end."""
    loop = asyncio.get_running_loop()
    end = loop.time() + PATIENCE
    while True:
        more = grown(before, sizes(application))
        if not more or loop.time() > end:
            return more
        await asyncio.sleep(0.05)
