"""Addresses of RawSocket, and sockets that listen there."""

from __future__ import annotations

import os
import socket
import ssl
import stat
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

import aiohttp_serverwamp as serverwamp
from aiohttp_serverwamp import ConfigurationError, RawSocket
from aiohttp_serverwamp.adapters.rawsocket_endpoint import (
    checked_rawsockets,
    listening,
)
from aiohttp_serverwamp.adapters.trio import TrioAsyncSupport
from tests.rawsocket_client import free_listener, port_of


def tls_context() -> ssl.SSLContext:
    return ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("", "write an address"),
        ("8081", "write an address"),
        ("127.0.0.1:8081", "write an address"),
        ("ws://127.0.0.1:8081", "write an address"),
        ("rs://127.0.0.1:8081", "write an address"),
        ("tcp://127.0.0.1", "write host and port"),
        ("tcp://:8081", "write host and port"),
        ("tcp://127.0.0.1:8081/ws", "write host and port"),
        ("tcp://joe@127.0.0.1:8081", "write host and port"),
        ("tcp://127.0.0.1:99999", "out of range"),
        ("tcp://127.0.0.1:http", "could not be cast"),
        ("tcp://[::1:8081", "Invalid IPv6"),
        ("tls://127.0.0.1:8081", "TLS takes both"),
        ("unix://wamp.sock", "write the whole path"),
        ("unix:/run/wamp.sock", "write an address"),
        (8081, "give an address"),
        (None, "give an address"),
    ],
)
def test_an_address_that_makes_no_sense_is_refused(address: Any, told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        RawSocket(address)


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:0", "unix:///run/wamp.sock"])
def test_tls_is_written_into_the_address(address: str) -> None:
    with pytest.raises(ConfigurationError, match="TLS takes both"):
        RawSocket(address, ssl=tls_context())


def test_the_context_of_tls_is_one() -> None:
    with pytest.raises(ConfigurationError, match="SSLContext"):
        RawSocket("tls://127.0.0.1:0", ssl="cert.pem")  # type: ignore[arg-type] # wrong


def test_a_context_for_clients_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="Purpose.CLIENT_AUTH"):
        RawSocket("tls://127.0.0.1:0", ssl=ssl.create_default_context())


@pytest.mark.parametrize("mode", [600, 660, 666, 777, -1, "660", None, 384.0, True])
def test_permissions_that_are_none_are_refused(mode: Any) -> None:
    with pytest.raises(ConfigurationError, match="as mode=0o660"):
        RawSocket("unix:///run/wamp.sock", mode=mode)


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:0", "unix"])
def test_permissions_are_for_files_that_are_made(address: str, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "wamp.sock"))
        listener.listen()
        given: Any = listener if address == "unix" else address
        with pytest.raises(ConfigurationError, match="only 'unix:///path' makes a"):
            RawSocket(given, mode=0o660)


def test_pings_are_wanted_or_not() -> None:
    with pytest.raises(ConfigurationError, match="give True or False"):
        RawSocket("tcp://127.0.0.1:0", pings=20)  # type: ignore[arg-type] # wrong


def test_a_socket_that_was_closed_is_refused() -> None:
    listener = free_listener()
    given = RawSocket(listener)
    with listening([given]):
        pass

    with pytest.raises(ConfigurationError, match="that listens"):
        RawSocket(listener)
    with pytest.raises(ConfigurationError, match="was closed"), listening([given]):
        pass


def test_an_address_that_is_given_twice_is_refused() -> None:
    with free_listener() as listener:
        for address in (listener, "tcp://127.0.0.1:8081", "unix:///run/wamp.sock"):
            with pytest.raises(ConfigurationError, match="is given twice"):
                checked_rawsockets([address, RawSocket(address)])
    # Two free ports are two addresses.
    assert len(checked_rawsockets(["tcp://127.0.0.1:0"] * 2)) == 2


def test_a_socket_that_does_not_listen_is_refused() -> None:
    with (
        socket.socket() as silent,
        pytest.raises(ConfigurationError, match="that listens"),
    ):
        RawSocket(silent)


def test_a_socket_of_datagrams_is_refused() -> None:
    with (
        socket.socket(type=socket.SOCK_DGRAM) as datagrams,
        pytest.raises(ConfigurationError, match="that listens"),
    ):
        RawSocket(datagrams)


@pytest.mark.parametrize("given", [8081, None, [8081], ["tcp://127.0.0.1:0", None]])
def test_what_setup_is_given_is_checked_at_once(given: Any) -> None:
    with pytest.raises(ConfigurationError, match="rawsocket|RawSocket"):
        serverwamp.setup_wamp(web.Application(), rawsocket=given)


def test_no_rawsocket_is_for_aiohttp_on_trio() -> None:
    application = serverwamp.Application(async_support=TrioAsyncSupport)

    with pytest.raises(ConfigurationError, match="aiohttp runs on asyncio"):
        serverwamp.setup_wamp(
            web.Application(), application, rawsocket="tcp://127.0.0.1:0"
        )


def test_one_address_is_as_good_as_several() -> None:
    one = checked_rawsockets("tcp://127.0.0.1:0")

    assert one == (RawSocket("tcp://127.0.0.1:0"),)
    assert checked_rawsockets([*one, "tcp://[::1]:0"])[0] is one[0]
    assert checked_rawsockets(()) == ()


# Listening.


def test_it_listens_and_does_not_block() -> None:
    with listening(checked_rawsockets(["tcp://127.0.0.1:0"])) as [listener]:
        assert str(listener) == f"tcp://127.0.0.1:{port_of(listener.socket)}"
        assert not listener.socket.getblocking()
        socket.create_connection(listener.socket.getsockname()).close()

    assert listener.socket.fileno() == -1


def test_a_socket_of_tls_says_so() -> None:
    secured = RawSocket("tls://127.0.0.1:0", ssl=tls_context())

    with listening([secured]) as [listener]:
        assert str(listener).startswith("tls://127.0.0.1:")


def test_a_name_is_every_address_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
    found = [(*stream, ("127.0.0.1", 0)), (*stream, ("127.0.0.2", 0))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: [*found, *found])

    with listening(checked_rawsockets("tcp://shop.example:0")) as listeners:
        hosts = [each.socket.getsockname()[0] for each in listeners]

    assert hosts == ["127.0.0.1", "127.0.0.2"]


def test_where_one_address_is_taken_none_is_served() -> None:
    with free_listener() as taken:
        addresses = ["tcp://127.0.0.1:0", f"tcp://127.0.0.1:{port_of(taken)}"]

        with (
            pytest.raises(ConfigurationError, match="another program listens there"),
            listening(checked_rawsockets(addresses)),
        ):
            raise AssertionError("it listens")


def test_a_host_that_is_unknown_is_said_plainly(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def unknown(*args: Any, **kwargs: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)

    with (
        pytest.raises(ConfigurationError, match="not known"),
        listening(checked_rawsockets("tcp://nowhere.invalid:8081")),
    ):
        raise AssertionError("it listens")


def test_the_directory_of_a_unix_socket_has_to_be_there(tmp_path: Path) -> None:
    with (
        pytest.raises(ConfigurationError, match="No such file"),
        listening(checked_rawsockets(f"unix://{tmp_path}/run/wamp.sock")),
    ):
        raise AssertionError("it listens")


@pytest.mark.parametrize("mode", [0o600, 0o660, 0o666])
def test_the_permissions_of_a_unix_socket_are_as_told(
    tmp_path: Path, mode: int
) -> None:
    path = tmp_path / "wamp.sock"

    with listening([RawSocket(f"unix://{path}", mode=mode)]) as [listener]:
        assert stat.S_IMODE(path.stat().st_mode) == mode
        assert str(listener) == f"unix://{path}"

    assert not path.exists()


def test_the_file_goes_before_the_socket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After it, a file that another server makes may look like ours."""
    path = tmp_path / "wamp.sock"
    still_open = []
    unlink = os.unlink

    with listening([RawSocket(f"unix://{path}")]) as [listener]:

        def noticed(file: str) -> None:
            still_open.append(listener.socket.fileno() != -1)
            unlink(file)

        monkeypatch.setattr(os, "unlink", noticed)

    assert still_open == [True]
    assert listener.socket.fileno() == -1


def test_a_unix_socket_that_cannot_be_served_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(path: str, mode: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "chmod", refused)
    path = tmp_path / "wamp.sock"

    with (
        pytest.raises(ConfigurationError, match="Operation not permitted"),
        listening([RawSocket(f"unix://{path}")]),
    ):
        pass

    assert not path.exists()


def test_an_address_of_one_interface_is_that_of_this_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("fe80::1", 8081, 0, 7))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **options: [found])
    asked: list[Any] = []

    def refused(where: Any, **options: Any) -> None:
        asked.append(where)
        raise OSError(99, "not here")

    monkeypatch.setattr(socket, "create_server", refused)

    with (
        pytest.raises(ConfigurationError, match="not here"),
        listening([RawSocket("tcp://[fe80::1%eth0]:8081")]),
    ):
        pass

    assert asked == [("fe80::1", 8081, 0, 7)]


def test_the_permissions_hold_before_anybody_can_connect(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "wamp.sock"
    refused = []

    def chmod(name: str, mode: int) -> None:
        with socket.socket(socket.AF_UNIX) as client:
            refused.append(client.connect_ex(name))
        set_mode(name, mode)

    set_mode = os.chmod
    monkeypatch.setattr(os, "chmod", chmod)

    with listening([RawSocket(f"unix://{path}")]):
        pass

    assert refused
    assert 0 not in refused


def test_a_path_that_is_too_long_is_said_plainly(tmp_path: Path) -> None:
    path = f"{tmp_path}/{'x' * 200}.sock"

    with (
        pytest.raises(ConfigurationError, match="too long"),
        listening(checked_rawsockets(f"unix://{path}")),
    ):
        raise AssertionError("it listens")
