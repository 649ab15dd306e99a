"""Streams of bytes under every async library: the contract of `ByteStream`."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from aiohttp_serverwamp.interfaces import AsyncSupport, ByteStream
from tests.certificates import Authority, client_context, server_context

Run = Callable[[Callable[[AsyncSupport], Awaitable[None]]], None]


async def stream_and_peer(support: AsyncSupport) -> tuple[ByteStream, socket.socket]:
    """Return a stream of one end of a connection, and the other end, which blocks."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    return await support.open_stream(ours, None), theirs


async def let_go(stream: ByteStream) -> None:
    stream.abort()
    await stream.released()


def test_bytes_pass_in_both_directions_until_each_end_has_said_its_last(
    run: Run,
) -> None:
    async def body(support: AsyncSupport) -> None:
        stream, peer = await stream_and_peer(support)
        with peer:
            peer.sendall(b"question")
            assert await stream.receive() == b"question"
            await stream.send(b"ans")
            await stream.send(memoryview(b"[wer]")[1:4])
            peer.shutdown(socket.SHUT_WR)
            assert await stream.receive() == b""
            await stream.send(b"!")
            await stream.send_eof()
            assert peer.makefile("rb").read() == b"answer!"
            assert stream.tls is None
            await let_go(stream)

    run(body)


def test_sending_waits_for_a_client_that_does_not_read(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        stream, peer = await stream_and_peer(support)
        with peer:
            sent = 0

            async def send() -> None:
                nonlocal sent
                while True:
                    await stream.send(bytes(2**14))
                    sent += 2**14

            assert not await support.wait_at_most(0.1, send)
            held_back = sent
            # The system's buffers, and not what this process would hold.
            assert held_back < 8 * 2**20
            await let_go(stream)

    run(body)


def test_a_broken_connection_is_an_os_error(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        stream, peer = await stream_and_peer(support)
        peer.close()

        async def send_much() -> None:
            for _ in range(100):
                await stream.send(bytes(2**14))

        with pytest.raises(ConnectionError):
            await send_much()
        await let_go(stream)

    run(body)


def test_a_reader_hears_of_the_end_that_another_task_makes(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        stream, peer = await stream_and_peer(support)
        heard: list[bytes | OSError] = []

        async def read() -> None:
            try:
                heard.append(await stream.receive())
            except OSError as error:
                heard.append(error)

        with peer:
            async with support.task_group() as tasks:
                tasks.start(read)
                await support.sleep(0.01)
                stream.abort()
                stream.abort()
                await tasks.join(5)
            assert len(heard) == 1
            assert heard[0] == b"" or isinstance(heard[0], OSError)
            await stream.released()
            assert peer.recv(1) == b""

    run(body)


def test_clients_are_accepted_one_by_one(run: Run) -> None:
    async def body(support: AsyncSupport) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.setblocking(False)
            accepted: list[socket.socket] = []

            async def accept() -> None:
                while True:
                    accepted.append(await support.accept(listener))

            async with support.task_group() as tasks:
                accepting = tasks.start(accept)
                clients = [
                    socket.create_connection(listener.getsockname()) for _ in range(3)
                ]
                while len(accepted) < 3:
                    await support.sleep(0.001)
                accepting.cancel()
            assert {each.getpeername() for each in accepted} == {
                each.getsockname() for each in clients
            }
            assert not any(each.getblocking() for each in accepted)
            for each in (*accepted, *clients):
                each.close()

    run(body)


def tls_exchange(client: socket.socket, context: ssl.SSLContext) -> bytes:
    """Be a client over TLS: ask, and read to the end."""
    with context.wrap_socket(client, server_hostname="localhost") as secured:
        secured.sendall(b"question")
        answer = b""
        while data := secured.recv(100):
            answer += data
        return answer


def test_tls_shakes_hands_and_tells_of_the_client(run: Run, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    server, client = server_context(authority), client_context(authority, None)

    async def body(support: AsyncSupport) -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        answers: list[bytes] = []

        async def ask() -> None:
            answers.append(await support.run_in_thread(tls_exchange, theirs, client))

        async with support.task_group() as tasks:
            tasks.start(ask)
            stream = await support.open_stream(ours, server)
            assert await stream.receive() == b"question"
            await stream.send(b"answer")
            await stream.send_eof()
            await tasks.join(5)
            assert answers == [b"answer"]
            assert stream.tls.getpeercert() is None
            await let_go(stream)

    run(body)


def test_a_client_that_speaks_no_tls_is_an_os_error(run: Run, tmp_path: Path) -> None:
    server = server_context(Authority(tmp_path))

    async def body(support: AsyncSupport) -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with theirs:
            theirs.sendall(b"\x7f\xf1\x00\x00 this is no handshake of TLS")
            with pytest.raises((ssl.SSLError, ConnectionError)):
                await support.open_stream(ours, server)
            theirs.settimeout(5)
            while theirs.recv(100):
                pass

    run(body)
