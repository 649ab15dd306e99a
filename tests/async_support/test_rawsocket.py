"""RawSocket servers under every async library, over real sockets."""

from __future__ import annotations

import errno
import json
import logging
import os
import socket
import ssl
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from aiohttp_serverwamp import (
    Application,
    ConfigurationError,
    Identity,
    Limits,
    RawSocket,
    RPCRouteSet,
    Session,
    TopicRouteSet,
)
from aiohttp_serverwamp.adapters.outbox import Outbox
from aiohttp_serverwamp.adapters.rawsocket import RawSocketServer
from aiohttp_serverwamp.interfaces import AsyncSupport, ByteStream
from tests.certificates import Authority, client_context, server_context
from tests.rawsocket_client import ROLES, free_listener

Run = Callable[[Callable[[AsyncSupport], Awaitable[None]]], None]

#: JSON, and messages of any size.
OPENING = b"\x7f\xf1\x00\x00"
ACCEPTED = b"\x7f\xb1\x00\x00"


class Client:
    """Speaks RawSocket over a stream of the library under test."""

    def __init__(self, stream: ByteStream) -> None:
        self.stream = stream
        self._unread = b""

    async def read(self, size: int) -> bytes:
        """Wait for so many bytes; fewer at the end."""
        while len(self._unread) < size and (data := await self._more()):
            self._unread += data
        read, self._unread = self._unread[:size], self._unread[size:]
        return read

    async def _more(self) -> bytes:
        try:
            return await self.stream.receive()
        except OSError:
            return b""

    async def write(self, data: bytes) -> None:
        await self.stream.send(data)

    async def shake_hands(self, opening: bytes = OPENING) -> bytes:
        await self.write(opening)
        return await self.read(4)

    async def say(self, *message: Any) -> None:
        payload = json.dumps(message).encode()
        await self.write(len(payload).to_bytes(4, "big") + payload)

    async def hear(self) -> Any:
        """Wait for the next message; None at the end."""
        prefix = await self.read(4)
        if not prefix:
            return None
        assert prefix[0] == 0, prefix
        return json.loads(await self.read(int.from_bytes(prefix[1:], "big")))

    async def ask(self, *message: Any) -> Any:
        await self.say(*message)
        return await self.hear()

    async def join(self) -> Any:
        assert await self.shake_hands() == ACCEPTED
        return await self.ask(1, "r", {"roles": ROLES})

    async def vanish(self) -> None:
        self.stream.abort()
        await self.stream.released()


@asynccontextmanager
async def connected(support: AsyncSupport, where: Any) -> AsyncIterator[Client]:
    """Connect to a port of this machine, or to a path."""
    family = socket.AF_UNIX if isinstance(where, str) else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    # It is accepted later: whoever listens has a queue for that.
    made.connect(where)
    made.setblocking(False)
    client = Client(await support.open_stream(made, None))
    try:
        yield client
    finally:
        await client.vanish()


@asynccontextmanager
async def served(application: Application, **options: Any) -> AsyncIterator[Any]:
    """Serve, cancel that at the end, and yield where."""
    listener = free_listener()
    support = application.support
    async with support.task_group() as tasks:
        server = tasks.start(
            application.serve_rawsocket, RawSocket(listener, **options)
        )
        yield listener.getsockname()
        server.cancel()
        await tasks.join(5)
    assert listener.fileno() == -1, "it still listens"


def calculator(support: AsyncSupport, **options: Any) -> Application:
    api = RPCRouteSet()

    @api.route("add")
    async def add(a: int, b: int) -> int:
        await support.sleep(0)
        return a + b

    @api.route("who.am.i")
    def who_am_i(session: Session) -> dict[str, Any]:
        info = dict(session.connection.transport_info)
        der = info.pop("peer_certificate_raw")
        return {**info, "has_certificate": der is not None}

    topics = TopicRouteSet()
    topics.declare("news")
    application = Application(async_support=support, **options)
    application.add_routes(api)
    application.add_routes(topics)
    return application


def test_a_client_calls_and_hears_events(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        application = calculator(support)
        async with (
            served(application) as where,
            connected(support, where) as client,
        ):
            assert (await client.join())[0] == 2
            assert await client.ask(48, 1, {}, "add", [1, 2]) == [50, 1, {}, [3]]
            assert await client.ask(32, 2, {}, "news") == [33, 2, 1]
            application.publish("news", "x" * 300_000)
            event = await client.hear()
            assert (event[0], len(event[4][0])) == (36, 300_000)

    run(body)


def test_the_application_runs_meanwhile_unless_it_runs_already(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        application = calculator(support)
        running = []
        async with served(application) as where, connected(support, where) as client:
            await client.join()
            running.append(application.running)
        running.append(application.running)

        async with application.run():
            async with (
                served(application) as where,
                connected(support, where) as client,
            ):
                await client.join()
            running.append(application.running)

        assert running == [True, False, True]

    run(body)


def test_an_application_that_has_stopped_is_not_served_on(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    async def body(support: AsyncSupport) -> None:
        application = calculator(support)
        listener = free_listener()
        where = listener.getsockname()
        async with support.task_group() as tasks:
            async with application.run():
                server = tasks.start(application.serve_rawsocket, listener)
                async with connected(support, where) as client:
                    await client.join()
            async with connected(support, where) as late:
                assert await late.read(4) == b""
            assert listener.fileno() == -1
            server.cancel()
            await tasks.join(5)

    run(body)

    assert "all addresses at once" in caplog.text


def test_stopping_says_goodbye_before_the_end(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        application = calculator(support)
        listener = free_listener()
        async with (
            support.task_group() as tasks,
            connected(support, listener.getsockname()) as client,
        ):
            server = tasks.start(application.serve_rawsocket, listener)
            await client.join()
            server.cancel()
            assert await client.hear() == [6, {}, "wamp.close.system_shutdown"]
            assert await client.hear() is None
            await client.vanish()
            await tasks.join(5)
        assert application.sessions() == []

    run(body)


def test_stopping_waits_for_nobody_who_has_not_joined(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        application = calculator(support, limits=Limits(hello_timeout=60))
        listener = free_listener()
        async with (
            support.task_group() as tasks,
            connected(support, listener.getsockname()) as silent,
            connected(support, listener.getsockname()) as agreed,
        ):
            server = tasks.start(application.serve_rawsocket, listener)
            assert await agreed.shake_hands() == ACCEPTED
            server.cancel()
            assert (await agreed.hear())[::2] == [3, "wamp.close.system_shutdown"]
            assert await agreed.hear() is None
            assert await silent.read(1) == b""
            await agreed.vanish()
            await tasks.join(5)

    run(body)


def test_stopping_in_the_moment_of_accepting_leaves_no_socket(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    accepted: list[socket.socket] = []

    async def body(support: AsyncSupport) -> None:
        application = calculator(support)
        listener = free_listener()
        server = RawSocketServer(application, [RawSocket(listener)])
        accept = support.accept

        async def noticed(listening: socket.socket) -> socket.socket:
            accepted.append(await accept(listening))
            return accepted[-1]

        monkeypatch.setattr(support, "accept", noticed)
        async with application.run(), server.run():
            await support.sleep(0.01)
            with socket.create_connection(listener.getsockname()):
                while not accepted:
                    await support.sleep(0)
                # Its task may not have begun.
                server.leave()
        assert accepted[0].fileno() == -1

    run(body)


def test_a_handshake_that_is_not_finished_in_time_is_the_end(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        application = calculator(support, limits=Limits(hello_timeout=0.05))
        async with served(application) as where, connected(support, where) as client:
            await client.write(b"\x7f\xf1\x00")
            assert await client.read(1) == b""

    run(body)


def test_hello_has_to_come_in_time_as_well(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        application = calculator(support, limits=Limits(hello_timeout=0.05))
        async with served(application) as where, connected(support, where) as client:
            assert await client.shake_hands() == ACCEPTED
            assert (await client.hear())[::2] == [3, "wamp.error.protocol_violation"]
            assert await client.hear() is None

    run(body)


def test_a_browser_is_dropped_unanswered(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        application = calculator(support)
        async with served(application) as where, connected(support, where) as browser:
            await browser.write(b"POST / HTTP/1.1\r\nHost: shop.example\r\n\r\n")
            assert await browser.read(1) == b""

    run(body)


def test_a_full_server_says_so_and_goes_on(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        application = calculator(support, limits=Limits(max_sessions=1))
        async with (
            served(application) as where,
            connected(support, where) as first,
        ):
            await first.join()
            async with connected(support, where) as second:
                assert await second.shake_hands() == b"\x7f\x40\x00\x00"
                assert await second.read(1) == b""
            assert await first.ask(48, 1, {}, "add", [1, 2]) == [50, 1, {}, [3]]

    run(body)


@pytest.mark.parametrize("close_timeout", [0, 0.1])
def test_who_is_refused_and_goes_on_sending_is_dropped(
    run: Run, close_timeout: float
) -> None:
    async def body(support: AsyncSupport) -> None:
        limits = Limits(close_timeout=close_timeout)
        application = calculator(support, limits=limits)
        async with served(application) as where, connected(support, where) as client:
            assert await client.shake_hands(b"\x7f\xff\x00\x00") == b"\x7f\x10\x00\x00"

            async def go_on() -> None:
                while True:
                    await client.write(b"deaf")
                    await support.sleep(0.01)

            with pytest.raises(ConnectionError):
                await go_on()

    run(body)


def test_a_client_that_only_stops_sending_hears_the_rest(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        application = calculator(support)
        async with served(application) as where, connected(support, where) as client:
            await client.join()
            await client.say(32, 1, {}, "news")
            await client.stream.send_eof()
            assert await client.hear() == [33, 1, 1]
            assert await client.hear() is None

    run(body)


def test_a_client_that_vanishes_within_a_message_leaves_nothing(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        application = calculator(support)
        async with served(application) as where:
            async with connected(support, where) as client:
                await client.join()
                assert len(application.sessions()) == 1
                await client.write(b"\x00\x00\x10\x00[48,")
            while application.sessions():
                await support.sleep(0.001)

    run(body)


def test_what_is_no_frame_ends_the_connection(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        application = calculator(support)
        async with served(application) as where, connected(support, where) as client:
            await client.join()
            await client.write(b"\x03\x00\x00\x00")
            assert await client.hear() is None
            while application.sessions():
                await support.sleep(0.001)

    run(body)


def test_a_client_that_does_not_read_is_cut(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    async def body(support: AsyncSupport) -> None:
        limits = Limits(max_pending_bytes=2**20)
        application = calculator(support, limits=limits)
        async with served(application) as where, connected(support, where) as client:
            await client.join()
            assert await client.ask(32, 1, {}, "news") == [33, 1, 1]
            for _ in range(500):
                application.publish("news", "x" * 2**16)
                await support.sleep(0)
                if not application.sessions():
                    break
            assert application.sessions() == []

    run(body)

    assert "connection cut, more than 1048576 bytes waiting" in caplog.text


def test_a_client_that_is_slow_but_takes_something_is_not_cut(run: Run) -> None:
    """What it takes is seen, for the kernel is given little beyond what it can send."""

    async def body(support: AsyncSupport) -> None:
        limits = Limits(max_pending_bytes=None, write_deadline=1.0)
        application = calculator(support, limits=limits)
        async with served(application) as where, connected(support, where) as client:
            await client.join()
            assert await client.ask(32, 1, {}, "news") == [33, 1, 1]
            for _ in range(100):
                application.publish("news", "x" * 2**17)
            for _ in range(12):
                await support.sleep(0.2)
                await client.read(2**17)
            assert len(application.sessions()) == 1

    run(body)


def test_a_client_that_takes_nothing_for_too_long_is_cut(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    async def body(support: AsyncSupport) -> None:
        limits = Limits(max_pending_bytes=None, write_deadline=0.1)
        application = calculator(support, limits=limits)
        async with served(application) as where, connected(support, where) as client:
            await client.join()
            assert await client.ask(32, 1, {}, "news") == [33, 1, 1]
            for _ in range(100):
                application.publish("news", "x" * 2**17)
            while application.sessions():
                await support.sleep(0.01)

    run(body)

    assert "connection cut, no byte was taken for 0.1 s" in caplog.text


@pytest.mark.parametrize(
    ("heartbeat", "told"),
    [
        # An interval, and half of it: 30 seconds in all.
        (20.0, [1, 20, 5, 2, 30_000]),
        # As long as TCP can wait at most.
        (1e12, [1, 32_767, 8_192, 2, 49_150_500]),
        (None, None),
    ],
)
def test_tcp_finds_out_who_has_gone_without_a_word(
    run: Run,
    heartbeat: float | None,
    told: list[int] | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody can be made to go so in a test; what TCP is told can be seen."""
    accepted: list[socket.socket] = []

    async def body(support: AsyncSupport) -> None:
        accept = support.accept

        async def seen(listener: socket.socket) -> socket.socket:
            accepted.append(await accept(listener))
            return accepted[-1]

        monkeypatch.setattr(support, "accept", seen)
        application = calculator(support, limits=Limits(heartbeat=heartbeat))
        async with served(application) as where, connected(support, where) as client:
            await client.join()
            options = [
                accepted[0].getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE),
                *(
                    accepted[0].getsockopt(socket.IPPROTO_TCP, option)
                    for option in (
                        socket.TCP_KEEPIDLE,
                        socket.TCP_KEEPINTVL,
                        socket.TCP_KEEPCNT,
                        socket.TCP_USER_TIMEOUT,
                    )
                ),
            ]
            if told is None:
                assert options[0] == 0
            else:
                assert options == told

    run(body)


def test_who_pings_without_reading_is_not_read_from(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        limits = Limits(max_pending_bytes=2**17, write_deadline=None)
        application = calculator(support, limits=limits)
        async with served(application) as where, connected(support, where) as client:
            await client.join()
            ping = b"\x01\x00\x40\x00" + bytes(2**14)

            async def ping_for_ever() -> None:
                while True:
                    await client.write(ping)

            # It has to wait, and is not cut: what waits for it is within the limit.
            assert not await support.wait_at_most(0.3, ping_for_ever)
            assert len(application.sessions()) == 1

    run(body)


def test_pongs_that_wait_take_no_more_than_their_bytes(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """REQ-TRN-026: each is answered; those that came together wait together."""
    queued: list[bytes] = []
    put = Outbox.put

    def noticed(outbox: Outbox, data: bytes) -> None:
        queued.append(data)
        put(outbox, data)

    async def body(support: AsyncSupport) -> None:
        async with (
            served(calculator(support)) as where,
            connected(support, where) as client,
        ):
            await client.join()
            queued.clear()
            await client.write(b"\x01\x00\x00\x00" * 10_000)
            assert await client.read(40_000) == b"\x02\x00\x00\x00" * 10_000

    monkeypatch.setattr(Outbox, "put", noticed)
    run(body)

    assert len(queued) < 1000


def test_silent_clients_are_pinged_if_that_is_wanted(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        application = calculator(support, limits=Limits(heartbeat=0.1))
        async with (
            served(application, pings=True) as where,
            connected(support, where) as client,
        ):
            await client.join()
            for _ in range(2):
                assert await client.read(4) == b"\x01\x00\x00\x00"
                await client.write(b"\x02\x00\x00\x00")
            # From now on it says nothing, and is given up.
            while ping := await client.read(4):
                assert ping == b"\x01\x00\x00\x00"
            while application.sessions():
                await support.sleep(0.001)

    run(body)


def test_a_byte_now_and_then_is_no_sign_of_life(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        application = calculator(support, limits=Limits(heartbeat=0.2))
        async with (
            served(application, pings=True) as where,
            connected(support, where) as client,
        ):
            await client.join()
            await client.write(b"\x00\x00\xff\xff")
            for _ in range(500):
                if not application.sessions():
                    break
                await client.write(b" ")
                await support.sleep(0.02)
            assert not application.sessions()

    run(body)


def test_a_unix_socket_knows_its_clients_and_goes_with_its_server(
    run: Run, tmp_path: Path
) -> None:
    path = tmp_path / "wamp.sock"

    async def body(support: AsyncSupport) -> None:
        application = calculator(support)
        async with support.task_group() as tasks:
            server = tasks.start(application.serve_rawsocket, f"unix://{path}")
            while not path.exists():
                await support.sleep(0.001)
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            async with connected(support, str(path)) as client:
                await client.join()
                answer = await client.ask(48, 1, {}, "who.am.i")
                info = answer[3][0]
                assert info["peer_address"] is None
                assert len(info["peer_credentials"]) == 3
            server.cancel()
            await tasks.join(5)
        assert not path.exists()

    run(body)


def exchange_over_tls(where: Any, context: ssl.SSLContext) -> list[bytes]:
    """Join and ask who one is, in the way of a program that blocks."""
    with (
        socket.create_connection(where) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secured,
        secured.makefile("rwb") as file,
    ):
        hello = json.dumps([1, "r", {"roles": ROLES}]).encode()
        call = json.dumps([48, 1, {}, "who.am.i"]).encode()
        file.write(OPENING)
        for message in (hello, call):
            file.write(len(message).to_bytes(4, "big") + message)
        file.flush()
        accepted = file.read(4)
        messages = [file.read(int.from_bytes(file.read(4), "big")) for _ in range(2)]
    return [accepted, *messages]


def test_over_tls_a_client_may_show_a_certificate(run: Run, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    context = server_context(authority, asks=True)
    client = client_context(authority, authority.issue("lamp-1"))

    async def body(support: AsyncSupport) -> None:
        application = calculator(support)
        async with served(application, ssl=context) as where:
            accepted, _, result = await support.run_in_thread(
                exchange_over_tls, where, client
            )
        assert accepted == ACCEPTED
        [info] = json.loads(result)[3]
        assert info["tls"]
        assert info["has_certificate"]
        assert info["peer_certificate"]["subject"] == [[["commonName", "lamp-1"]]]
        assert info["peer_address"] == "127.0.0.1"

    run(body)


@pytest.mark.parametrize("sent", [b"", b"\x16\x03\x01\x02\x00", OPENING])
def test_the_handshake_of_tls_has_to_come_in_time_as_well(
    run: Run, tmp_path: Path, sent: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "aiohttp_serverwamp")
    context = server_context(Authority(tmp_path))

    async def body(support: AsyncSupport) -> None:
        application = calculator(support, limits=Limits(hello_timeout=0.1))
        async with (
            served(application, ssl=context) as where,
            connected(support, where) as client,
        ):
            if sent:
                await client.write(sent)
            while await client.read(1):  # an alert, perhaps
                pass
            assert application.admits_connection()

    run(body)

    # Or the operator would never learn why nobody gets in.
    assert "client 127.0.0.1: RawSocket refused: " in caplog.text


def test_an_authenticator_sees_who_runs_the_client_of_a_unix_socket(
    run: Run, tmp_path: Path
) -> None:
    path = tmp_path / "wamp.sock"

    async def body(support: AsyncSupport) -> None:
        application = calculator(support)

        def by_user(session: Session) -> Identity | None:
            credentials = session.connection.transport_info["peer_credentials"]
            return credentials and Identity(f"uid-{credentials[1]}")

        application.default_realm.add_transport_authenticator(by_user)
        async with support.task_group() as tasks:
            server = tasks.start(application.serve_rawsocket, f"unix://{path}")
            while not path.exists():
                await support.sleep(0.001)
            async with connected(support, str(path)) as client:
                welcome = await client.join()
                assert welcome[2]["authid"] == f"uid-{os.getuid()}"
            server.cancel()
            await tasks.join(5)

    run(body)


def test_a_client_by_unix_socket_that_is_cut_is_named_by_its_process_in_the_log(
    run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "wamp.sock"

    async def body(support: AsyncSupport) -> None:
        limits = Limits(max_pending_bytes=2**16)
        application = calculator(support, limits=limits)
        async with support.task_group() as tasks:
            server = tasks.start(application.serve_rawsocket, f"unix://{path}")
            while not path.exists():
                await support.sleep(0.001)
            async with connected(support, str(path)) as client:
                await client.join()
                assert await client.ask(32, 1, {}, "news") == [33, 1, 1]
                for _ in range(100):
                    application.publish("news", "x" * 2**17)
                while application.sessions():
                    await support.sleep(0.01)
            server.cancel()
            await tasks.join(5)

    run(body)

    assert f"client of process {os.getpid()}: connection cut, " in caplog.text


def test_a_client_by_unix_socket_that_is_refused_is_named_by_its_process_as_well(
    run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "aiohttp_serverwamp")
    path = tmp_path / "wamp.sock"

    async def body(support: AsyncSupport) -> None:
        application = calculator(support)
        async with support.task_group() as tasks:
            server = tasks.start(application.serve_rawsocket, f"unix://{path}")
            while not path.exists():
                await support.sleep(0.001)
            async with connected(support, str(path)) as client:
                await client.write(b"GET / HTTP/1.1\r\n\r\n")
                while await client.read(1):
                    pass
            server.cancel()
            await tasks.join(5)

    run(body)

    assert f"client of process {os.getpid()}: RawSocket refused: " in caplog.text


def test_an_address_that_is_taken_is_said_plainly(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        application = calculator(support)
        with free_listener() as taken:
            port = taken.getsockname()[1]
            with pytest.raises(ConfigurationError, match="another program listens"):
                await application.serve_rawsocket(f"tcp://127.0.0.1:{port}")
        assert not application.running

    run(body)


def test_without_an_address_nothing_is_served(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        with pytest.raises(ConfigurationError, match="give an address"):
            await calculator(support).serve_rawsocket()

    run(body)


def test_where_it_is_served_is_logged(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "aiohttp_serverwamp")

    async def body(support: AsyncSupport) -> None:
        async with served(calculator(support)) as where:
            await support.sleep(0.01)
            assert f"served at tcp://127.0.0.1:{where[1]}" in caplog.text

    run(body)


def test_accepting_goes_on_when_a_client_could_not_be_accepted(
    run: Run, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aiohttp_serverwamp.adapters.rawsocket._PAUSE", 0.01)
    # A client that has gone again; and no descriptors left.
    failures = [ConnectionAbortedError(), OSError(errno.EMFILE, "too many open files")]

    async def body(support: AsyncSupport) -> None:
        remaining = [*failures]
        accept = support.accept

        async def accept_at_last(listener: socket.socket) -> socket.socket:
            if remaining:
                raise remaining.pop(0)
            return await accept(listener)

        monkeypatch.setattr(support, "accept", accept_at_last)
        application = calculator(support)
        async with served(application) as where, connected(support, where) as client:
            assert (await client.join())[0] == 2

    run(body)

    assert caplog.text.count("no client can be accepted") == 1


def test_too_many_who_are_turned_away_are_not_even_told(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aiohttp_serverwamp.adapters.rawsocket._TURNED_AWAY_AT_ONCE", 1)

    async def body(support: AsyncSupport) -> None:
        application = calculator(support, limits=Limits(max_sessions=1))
        async with (
            served(application) as where,
            connected(support, where) as first,
        ):
            await first.join()
            async with connected(support, where) as slow:
                await slow.write(OPENING[:3])
                async with connected(support, where) as other:
                    assert await other.read(1) == b""
                await slow.write(OPENING[3:])
                assert await slow.read(5) == b"\x7f\x40\x00\x00"
            async with connected(support, where) as next_one:
                assert await next_one.shake_hands() == b"\x7f\x40\x00\x00"

    run(body)


def test_who_has_left_makes_room(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        application = calculator(support, limits=Limits(max_unauthenticated=1))
        async with served(application) as where:
            for opening in (b"GET", b"\x7f\xf9\x00\x00", b"\x7f\xf1\x00", OPENING):
                async with connected(support, where) as client:
                    await client.write(opening)
            accepted = False
            while not accepted:  # until they are known to have gone
                async with connected(support, where) as client:
                    accepted = await client.shake_hands() == ACCEPTED

    run(body)
