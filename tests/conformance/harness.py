"""A realm with clients, and no socket, clock or event loop: bytes in, messages out.

`World` is the host of the sessions; time passes when a test says so, and the tasks that
a session starts run when a test looks at what came out. Nothing here knows what the
router is expected to answer.
"""

from __future__ import annotations

import json
import sys
from collections.abc import (
    Callable,
    Coroutine,
    Generator,
    Hashable,
    Iterable,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager
from threading import get_ident
from typing import Any
from weakref import WeakSet

import cbor2
import msgspec

from aiohttp_serverwamp import OPEN, Identity, Limits, Realm
from aiohttp_serverwamp.errors import SessionRejected
from aiohttp_serverwamp.hosting.runtime import Runtime
from aiohttp_serverwamp.ids import random_id
from aiohttp_serverwamp.interfaces import TaskHandle, TaskRunner
from aiohttp_serverwamp.limits import SlowConsumer, SlowConsumerReport
from aiohttp_serverwamp.messages import Message
from aiohttp_serverwamp.router import endings
from aiohttp_serverwamp.router.batch import receive_batch
from aiohttp_serverwamp.router.failed_sign_ins import FailedSignIns
from aiohttp_serverwamp.router.host import RequestHandler
from aiohttp_serverwamp.router.session import RouterSession
from aiohttp_serverwamp.router.tally import Tally
from aiohttp_serverwamp.serializers import serializer_for
from aiohttp_serverwamp.serializers.batched import BatchedSerializer
from aiohttp_serverwamp.serializers.frame import SerializerCodec

ROLES = ("caller", "callee", "publisher", "subscriber")

#: How a session may end; see `Client.end`.
ENDINGS = ("GOODBYE", "ABORT", "connection lost", "protocol violation", "killed")


class Cancelled(BaseException):
    """What a cancelled task sees."""


class Gate:
    """What a task waits for until the test, or the code under test, opens it."""

    def __init__(self) -> None:
        self.opened = False
        self._value: Any = None
        self._error: BaseException | None = None

    def open(self, value: Any = None) -> None:
        """Let whoever waits go on with `value`."""
        if not self.opened:
            self.opened, self._value = True, value

    def fail(self, error: BaseException) -> None:
        """Let whoever waits go on with an exception."""
        if not self.opened:
            self.opened, self._error = True, error

    set_result, set_error = open, fail

    async def wait(self) -> Any:
        return await self

    def __await__(self) -> Generator[Gate, None, Any]:
        while not self.opened:
            yield self
        if self._error is not None:
            raise self._error
        return self._value


class Task:
    """One coroutine, run from gate to gate."""

    def __init__(self, coroutine: Coroutine[Any, Any, None]) -> None:
        self._coroutine = coroutine
        self._gate: Gate | None = None
        self._cancelled = False
        self.done = False

    def cancel(self) -> None:
        self._cancelled = True

    @property
    def ready(self) -> bool:
        waiting = self._gate is not None and not self._gate.opened
        return not self.done and (self._cancelled or not waiting)

    def step(self) -> None:
        cancelled, self._cancelled = self._cancelled, False
        try:
            if cancelled:
                self._gate = self._coroutine.throw(Cancelled())
            else:
                self._gate = self._coroutine.send(None)
        except (StopIteration, Cancelled):
            self.done = True
        except BaseException:
            self.done = True
            raise


class Tasks:
    """Owns tasks; with `eager` they start at once, as asyncio's do from 3.12 on."""

    def __init__(self, *, eager: bool = False) -> None:
        self._eager = eager
        self._tasks: list[Task] = []

    def start(
        self, func: Callable[..., Coroutine[Any, Any, None]], *args: Any
    ) -> TaskHandle:
        task = Task(func(*args))
        self._tasks.append(task)
        if self._eager:
            task.step()
        return task

    def settle(self) -> bool:
        """Run what can run; tell whether anything did."""
        ready = [task for task in self._tasks if task.ready]
        for task in ready:
            task.step()
        self._tasks = [task for task in self._tasks if not task.done]
        return bool(ready)

    def cancel(self) -> None:
        for task in self._tasks:
            task.cancel()

    async def join(self, timeout: float | None) -> None:
        raise NotImplementedError("nothing here waits")


class Timer:
    """One deadline that `World.advance` may pass."""

    def __init__(self, callback: Callable[[], None]) -> None:
        self._callback = callback
        self._when: float | None = None

    def set(self, when: float | None) -> None:
        self._when = when

    def advance(self, now: float) -> None:
        if self._when is not None and self._when <= now:
            self._when = None
            self._callback()


class Support:
    """The async library of a world without time."""

    name = "none"
    cancelled: type[BaseException] | tuple[type[BaseException], ...] = Cancelled

    def __init__(self, world: World, *, eager: bool) -> None:
        self._world = world
        self.eager = eager

    def is_running(self) -> bool:
        return True

    def now(self) -> float:
        return self._world.time

    def waiter(self) -> Gate:
        return Gate()

    def interruption(self) -> Any:
        raise NotImplementedError("connections here never wait")

    @asynccontextmanager
    async def task_group(self) -> Any:
        tasks = self._world.new_tasks()
        try:
            yield tasks
        finally:
            tasks.cancel()

    async def wait_at_most(
        self, seconds: float | None, func: Callable[..., Any], *args: Any
    ) -> bool:
        await func(*args)
        return True

    def timer(self, tasks: TaskRunner, callback: Callable[[], None]) -> Timer:
        timer = Timer(callback)
        self._world.timers.append(timer)
        return timer

    async def sleep(self, seconds: float) -> None:
        if seconds:
            raise NotImplementedError("wait for a Gate")

    async def run_to_the_end(
        self, func: Callable[[], Any], on_cancel: Callable[[], None]
    ) -> None:
        await func()

    async def run_in_thread(self, func: Callable[..., Any], *args: Any) -> Any:
        return func(*args)

    def caller_from_thread(self) -> Callable[[Callable[[], object]], None]:
        raise NotImplementedError("there is one thread")

    async def accept(self, listener: Any) -> Any:
        raise NotImplementedError("there are no sockets")

    async def open_stream(self, connected: Any, tls: Any) -> Any:
        raise NotImplementedError("there are no sockets")


class Wire:
    """A client's connection: keeps what is written to it."""

    def __init__(self, codec: SerializerCodec, transport_info: Mapping[str, Any]):
        self.codec = codec
        self.transport_info = transport_info
        self.written: list[bytes] = []
        self.aborted = self.cut = False
        self.pending_bytes = 0
        #: Whether events that may be dropped are dropped, and which they were.
        self.behind = False
        self.offered: list[tuple[SlowConsumer, Hashable]] = []

    @property
    def traffic(self) -> Wire:
        return self

    @property
    def bytes_sent(self) -> int:
        return sum(map(len, self.written))

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def offer(
        self, data: bytes, policy: SlowConsumer, key: Hashable
    ) -> Sequence[Hashable] | None:
        """Keep an event, or drop it if the client is `behind`; say which one."""
        self.offered.append((policy, key))
        if self.behind:
            return (key,)
        self.write(data)
        return None

    def abort(self) -> None:
        self.aborted = True

    async def receive(self) -> str | bytes | None:
        raise NotImplementedError("the test hands messages in")

    async def wait_for_room(self) -> None:
        raise NotImplementedError("nothing here waits")

    async def close(self, code: int, reason: str) -> None:
        raise NotImplementedError("the session asks its on_closing")


class Client:
    """One client: what it sends goes straight into its session."""

    def __init__(self, world: World, serializer: str, info: Mapping[str, Any]) -> None:
        self.world = world
        self.serializer = serializer
        self.wire = Wire(world.codec(serializer), info)
        self.tasks = world.new_tasks()
        #: The WebSocket close code that the server asked for, None while it is open.
        self.closed: int | None = None
        self.session = RouterSession(world, self.wire, self.tasks, self._on_closing)
        #: How often it has said GOODBYE, and kept its connection.
        self.farewells = 0
        self._read = 0
        self._written_at_close = 0

    def _on_closing(self, code: int, reason: str) -> None:
        assert self.closed is None, "closed twice"
        self.closed = code
        self._written_at_close = len(self.wire.written)

    @property
    def id(self) -> int:
        return self.session.id

    def send(self, message: Any) -> None:
        """Send one message, encoded by a codec that is not the server's."""
        self.send_raw(encoded(message, self.serializer))

    def send_raw(self, data: str | bytes) -> None:
        """Send one frame as it is."""
        # As whoever serves a connection does.
        if isinstance(self.wire.codec.serializer, BatchedSerializer):
            for _ in receive_batch(self.session, data, self._next_after):
                pass
            return
        self.session.receive(data)
        if self.session.left:
            self._next_after(self.session)

    def _next_after(self, left: RouterSession) -> RouterSession:
        self.session = RouterSession(
            self.world, self.wire, self.tasks, self._on_closing, after=left
        )
        endings.connection_lost(left)
        self.farewells += 1
        return self.session

    def received(self) -> list[Any]:
        """Let the tasks run and return the messages that came since the last time."""
        self.world.settle()
        if self.closed is not None:
            assert len(self.wire.written) == self._written_at_close, "spoke after close"
        new = self.wire.written[self._read :]
        self._read = len(self.wire.written)
        return [decoded(data, self.serializer) for data in new]

    def request(self, message: list[Any]) -> list[Any]:
        """Send and return the one message that answers."""
        self.send(message)
        [answer] = self.received()
        assert isinstance(answer, list)
        return answer

    def hello(self, realm: str | None = "realm1", **details: Any) -> None:
        self.send([1, realm, {"roles": {role: {} for role in ROLES}, **details}])

    def join(self, *features: str, **details: Any) -> dict[str, Any]:
        """Join, with features as "callee.call_timeout"; return WELCOME's details."""
        roles: dict[str, Any] = {role: {"features": {}} for role in ROLES}
        for feature in features:
            role, name = feature.split(".")
            roles[role]["features"][name] = True
        self.hello(roles=roles, **details)
        [welcome] = self.received()
        assert welcome[:2] == [2, self.id], welcome
        answered: dict[str, Any] = welcome[2]
        return answered

    def lose(self) -> None:
        """Drop the connection."""
        endings.connection_lost(self.session)

    def end(self, how: str) -> None:
        """End the session in one of `ENDINGS`, and forget what it is told about it."""
        if how == "GOODBYE":
            self.send([6, {}, "wamp.close.close_realm"])
        elif how == "ABORT":
            self.send([3, {}, "com.enough"])
        elif how == "connection lost":
            self.lose()
        elif how == "protocol violation":
            self.send([999])
        else:
            endings.goodbye(self.session, "wamp.close.killed")
        self.received()

    # What most tests need before they come to the point.

    def subscribe(self, topic: str, request: int = 900, **options: Any) -> int:
        answer = self.request([32, request, options, topic])
        assert answer[:2] == [33, request], answer
        subscription: int = answer[2]
        return subscription

    def register(self, procedure: str, request: int = 901, **options: Any) -> int:
        answer = self.request([64, request, options, procedure])
        assert answer[:2] == [65, request], answer
        registration: int = answer[2]
        return registration


def encoded(message: Any, serializer: str) -> str | bytes:
    """Encode for the wire without the package's own serializers."""
    name, _, batched = serializer.partition(".")
    if name == "json":
        return json.dumps(message) + ("\x1e" if batched else "")
    data = (
        msgspec.msgpack.encode(message) if name == "msgpack" else cbor2.dumps(message)
    )
    return len(data).to_bytes(4) + data if batched else data


def _from_json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except RecursionError:
        # What is written may be nested deeper than Python likes: 1,024 levels.
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(limit + 2_000)
        try:
            return json.loads(data)
        finally:
            sys.setrecursionlimit(limit)


def decoded(data: bytes, serializer: str) -> Any:
    """Decode what the server wrote without the package's own serializers."""
    name, _, batched = serializer.partition(".")
    if name == "json":
        if batched:
            assert data.endswith((b"\x1e", b"\x18")), data
            data = data[:-1]
        return _from_json(data)
    if batched:
        assert data[:4] == (len(data) - 4).to_bytes(4), data
        data = data[4:]
    return msgspec.msgpack.decode(data) if name == "msgpack" else cbor2.loads(data)


class World:
    """One realm and its host."""

    agent = "a world of its own"

    def __init__(
        self,
        realm: Realm | None = None,
        *,
        limits: Limits | None = None,
        strict_request_ids: bool = False,
        synchronize_requests: bool = False,
        request_handlers: Mapping[type[Message], RequestHandler] | None = None,
        cancel_on_disconnect: bool = True,
        eager: bool = False,
    ) -> None:
        self.realm = Realm("realm1", permissions=OPEN) if realm is None else realm
        self.limits = Limits() if limits is None else limits
        self.strict_request_ids = strict_request_ids
        self.synchronize_requests = synchronize_requests
        self.request_handlers = dict(request_handlers or {})
        self.time = 1000.0
        self.failed_sign_ins = FailedSignIns(self.limits, lambda: self.time)
        self.tally = Tally()
        #: What clocks on the wall show beyond `time`; they may be set.
        self.wall = 1_700_000_000.0
        self.clients: list[Client] = []
        self.timers: list[Timer] = []
        #: What hosted code was told of clients that do not keep up.
        self.reports: list[tuple[int, SlowConsumerReport]] = []
        #: The sessions that have joined and not ended.
        self.members: list[RouterSession] = []
        #: Those that have ended, joined or not, and that somebody still holds.
        self.past: WeakSet[RouterSession] = WeakSet()
        self._eager = eager
        self._codecs: dict[str, SerializerCodec] = {}
        self._tasks: list[Tasks] = []
        self.runtime = Runtime(
            support=Support(self, eager=eager),
            tasks=self.new_tasks(),
            thread=get_ident(),
            from_thread=lambda operation: None,
            debug=False,
            cancel_on_disconnect=cancel_on_disconnect,
            close_timeout=self.limits.close_timeout,
            injections={},
        )
        self.realm.start(self.runtime, self.limits)

    # --- Clients ------------------------------------------------------------------

    def connect(self, serializer: str = "json", **info: Any) -> Client:
        """Open a connection; nothing has been said on it."""
        client = Client(self, serializer, info)
        self.clients.append(client)
        return client

    def join(
        self,
        *features: str,
        authid: str | None = None,
        authrole: str = "user",
        serializer: str = "json",
    ) -> Client:
        """Open a connection and join, under an identity or anonymously."""
        info = {} if authid is None else {"identity": Identity(authid, authrole)}
        if info and _by_transport not in self.realm.transport_authenticators:
            self.realm.add_transport_authenticator(_by_transport)
        client = self.connect(serializer, **info)
        client.join(*features)
        return client

    def codec(self, serializer: str) -> SerializerCodec:
        codec = self._codecs.get(serializer)
        if codec is None:
            codec = SerializerCodec(serializer_for(f"wamp.2.{serializer}"))
            self._codecs[serializer] = codec
        return codec

    # --- Tasks and time -----------------------------------------------------------

    def new_tasks(self) -> Tasks:
        tasks = Tasks(eager=self._eager)
        self._tasks.append(tasks)
        return tasks

    def settle(self) -> None:
        """Let every task run until it waits for something."""
        while sum(tasks.settle() for tasks in self._tasks):
            pass

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.settle()
        self.time += seconds
        for client in self.clients:
            client.session.deadlines.expire(self.time)
        for timer in self.timers:
            timer.advance(self.time)
        self.settle()

    # --- As the host of the sessions (`router.host.RouterHost`) -------------------

    def now(self) -> float:
        return self.time

    def wall_time(self) -> float:
        return self.wall + self.time

    def realm_of(self, uri: str | None) -> Realm:
        return self.realm if uri is None else self.assigned_realm(uri)

    def assigned_realm(self, uri: str) -> Realm:
        if uri != self.realm.uri:
            raise SessionRejected("wamp.error.no_such_realm", "no such realm")
        return self.realm

    def new_session_id(self) -> int:
        return random_id()

    def new_authid(self) -> str:
        return f"{random_id():x}"

    def opened(self, session: RouterSession) -> None:
        pass

    def slow_consumer(self, session: RouterSession, report: SlowConsumerReport) -> None:
        self.reports.append((session.id, report))

    def closed(self, session: RouterSession) -> None:
        pass

    def joined(self, session: RouterSession) -> None:
        self.members.append(session)

    def ended(self, session: RouterSession) -> None:
        self.past.add(session)
        if session in self.members:
            self.members.remove(session)


def _by_transport(session: Any) -> Identity:
    info = session.connection.transport_info
    known: Identity = info.get("identity") or Identity("somebody", "anonymous")
    return known


def pair(*features: str, serializer: str = "json") -> tuple[Client, Client]:
    """Return a caller, and a callee who announces features, in a world of their own."""
    world = World()
    return world.join(), world.join(*features, serializer=serializer)


# --- Comparing -------------------------------------------------------------------


def is_violation(messages: Iterable[Any]) -> bool:
    """Tell whether these are just one ABORT for a protocol violation (REQ-MSG-022)."""
    match [*messages]:
        case [[3, {"message": str(text)}, "wamp.error.protocol_violation"]]:
            return bool(text)
    return False


def is_error(message: Any, kind: int, request: int, uri: str) -> bool:
    """Tell whether this is the ERROR to a request, text aside (REQ-ERR-004)."""
    match message:
        case [8, int(of), int(to), {}, str(error), *payload]:
            same = (of, to, error) == (kind, request, uri) and message[3] == {}
            return same and all(isinstance(part, list) for part in payload)
    return False
