"""Where RawSocket is served: addresses as an application writes them, and sockets."""

from __future__ import annotations

import errno
import os
import socket
import ssl
import stat
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from aiohttp_serverwamp.errors import ConfigurationError

__all__ = ["Listener", "RawSocket", "checked_rawsockets", "listening"]

#: Clients that may wait to be accepted, as with aiohttp's servers.
BACKLOG: Final = 128

_OWNER_ONLY: Final = 0o600
_ALL_PERMISSIONS: Final = 0o777

#: Not everywhere are there Unix sockets.
_AF_UNIX: Final[int | None] = getattr(socket, "AF_UNIX", None)

_EXAMPLES: Final = (
    "'tcp://127.0.0.1:8081', 'tls://[::]:8443', 'unix:///run/shop/wamp.sock', or a "
    "socket that listens"
)


@dataclass(frozen=True, slots=True)
class RawSocket:
    """An address to serve RawSocket at: what ``rawsocket=`` takes, and says no more.

    `address` is ``"tcp://host:port"``, ``"tls://host:port"``, ``"unix:///path"``, or a
    stream socket that listens already, such as one that systemd has passed on. Port 0
    is a free one, which the log names. A host that has several addresses is served on
    all of them.

    `ssl` is the server's context, for ``tls://`` and for sockets. `mode` are the
    permissions of the Unix socket's file, as ``0o660``. With `pings`, clients
    are pinged every `Limits.heartbeat` seconds, and given up without an answer.
    Without, as many clients cannot answer, silent ones are found by TCP's own
    keep-alive, as often.

    Raises `ConfigurationError` for what makes no sense.
    """

    address: str | socket.socket
    ssl: ssl.SSLContext | None = field(default=None, kw_only=True)
    mode: int = field(default=_OWNER_ONLY, kw_only=True)
    pings: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        _check_tls(self.ssl)
        if not isinstance(self.pings, bool):
            raise ConfigurationError(
                f"RawSocket(pings={self.pings!r}): give True or False"
            )
        if isinstance(self.address, socket.socket):
            if not _listens(self.address):
                raise ConfigurationError(
                    f"RawSocket({self.address!r}): give a stream socket that listens"
                )
        elif not isinstance(self.address, str):
            raise ConfigurationError(
                f"RawSocket({self.address!r}): give an address, as {_EXAMPLES}"
            )
        else:
            _check_address(self.address, tls=self.ssl is not None)
        self._check_mode()

    def _check_mode(self) -> None:
        # What was meant as octal and is not has more bits, 600 as well as 666.
        if type(self.mode) is not int or not 0 <= self.mode <= _ALL_PERMISSIONS:
            raise ConfigurationError(
                f"RawSocket(mode={self.mode!r}): give permissions, as mode=0o660"
            )
        has_file = isinstance(self.address, str) and self.address.startswith("unix:")
        if self.mode != _OWNER_ONLY and not has_file:
            raise ConfigurationError(
                f"RawSocket(mode={self.mode:#o}): only 'unix:///path' makes a file, "
                "which has permissions"
            )


def _check_tls(context: object) -> None:
    if context is None:
        return
    if not isinstance(context, ssl.SSLContext):
        raise ConfigurationError(f"RawSocket(ssl={context!r}): give an ssl.SSLContext")
    if context.protocol == ssl.PROTOCOL_TLS_CLIENT:
        raise ConfigurationError(
            "RawSocket(ssl=...): this context is for clients; make it by "
            "ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), and give it the "
            "certificate by context.load_cert_chain(...)"
        )


def _listens(given: socket.socket) -> bool:
    if given.type != socket.SOCK_STREAM or given.fileno() == -1:
        return False
    return bool(given.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))


def _check_address(address: str, *, tls: bool) -> None:
    scheme = address.partition("://")[0]
    if scheme == "unix":
        path = _path_of(address)
        if not path.startswith("/"):
            raise ConfigurationError(
                f"rawsocket={address!r}: write the whole path, as "
                "'unix:///run/shop/wamp.sock'"
            )
        if _AF_UNIX is None:
            raise ConfigurationError(
                f"rawsocket={address!r}: there are no Unix sockets on this system"
            )
    elif scheme in ("tcp", "tls"):
        _host_and_port(address)
    else:
        raise ConfigurationError(
            f"rawsocket={address!r}: write an address, as {_EXAMPLES}"
        )
    if (scheme == "tls") != tls:
        raise ConfigurationError(
            f"rawsocket={address!r}: TLS takes both, "
            "RawSocket('tls://host:port', ssl=context)"
        )


def _path_of(address: str) -> str:
    return address.removeprefix("unix://")


def _host_and_port(address: str) -> tuple[str, int]:
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ConfigurationError(f"rawsocket={address!r}: {error}") from None
    if not host or port is None or parts.path or parts.query or parts.username:
        raise ConfigurationError(
            f"rawsocket={address!r}: write host and port and nothing else, as "
            "'tcp://127.0.0.1:8081'; 0.0.0.0 and [::] are all addresses"
        )
    return host, port


def checked_rawsockets(
    given: str | socket.socket | RawSocket | Iterable[str | socket.socket | RawSocket],
) -> tuple[RawSocket, ...]:
    """Return what ``rawsocket=`` says; raise `ConfigurationError` if that is nothing.

    One address, or several.
    """
    if isinstance(given, str | socket.socket | RawSocket):
        given = (given,)
    if not isinstance(given, Iterable):
        raise ConfigurationError(f"rawsocket={given!r}: give {_EXAMPLES}")
    rawsockets = tuple(
        each if isinstance(each, RawSocket) else RawSocket(each) for each in given
    )
    _check_distinct(rawsockets)
    return rawsockets


def _check_distinct(rawsockets: Iterable[RawSocket]) -> None:
    seen = set()
    for address in (each.address for each in rawsockets):
        if address in seen and not str(address).endswith(":0"):
            raise ConfigurationError(f"rawsocket={address!r} is given twice")
        seen.add(address)


@dataclass(slots=True)
class Listener:
    """One socket that listens, and the file it may have."""

    rawsocket: RawSocket
    socket: socket.socket
    #: Of a Unix socket that was made here: its path, device and inode.
    file: tuple[str, int, int] | None = None

    def __str__(self) -> str:
        scheme = "tcp" if self.rawsocket.ssl is None else "tls"
        name = self.socket.getsockname()
        if not isinstance(name, tuple):
            return f"unix://{name}"
        host = f"[{name[0]}]" if ":" in name[0] else name[0]
        return f"{scheme}://{host}:{name[1]}"

    def close(self) -> None:
        """Listen no more, and remove the file unless it is another's by now."""
        file, self.file = self.file, None
        if file is not None:
            path, *ours = file
            with suppress(OSError):
                found = os.lstat(path)
                if [found.st_dev, found.st_ino] == ours:
                    os.unlink(path)
        # Not before: another server's file could have the inode that this sets free.
        self.socket.close()


@contextmanager
def listening(rawsockets: Iterable[RawSocket]) -> Iterator[list[Listener]]:
    """Listen at all addresses inside a ``with`` block.

    Raises `ConfigurationError` if that cannot be, and then listens at none.
    """
    listeners: list[Listener] = []
    with ExitStack() as stack:
        for rawsocket in rawsockets:
            for listener in _listeners(rawsocket):
                stack.callback(listener.close)
                listener.socket.setblocking(False)
                listeners.append(listener)
        yield listeners


def _listeners(rawsocket: RawSocket) -> Iterator[Listener]:
    address = rawsocket.address
    try:
        if isinstance(address, socket.socket):
            if not _listens(address):
                raise ConfigurationError(
                    f"rawsocket={address!r} was closed, as it is when serving ends: "
                    "give a new one"
                )
            yield Listener(rawsocket, address)
        elif address.startswith("unix:"):
            yield _unix_listener(rawsocket, _path_of(address))
        else:
            for family, where in _addresses(*_host_and_port(address)):
                yield Listener(
                    rawsocket,
                    socket.create_server(where, family=family, backlog=BACKLOG),
                )
    except OSError as error:
        raise ConfigurationError(
            f"rawsocket={address!r} cannot be served: {_reason(error)}"
        ) from error


def _addresses(host: str, port: int) -> Iterable[tuple[int, tuple[Any, ...]]]:
    found = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    # Each once, in the order found; those of IPv6 say of which interface they are.
    return dict.fromkeys((int(family), where) for family, _, _, _, where in found)


def _reason(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "another program listens there"
    if error.errno == errno.EACCES:
        return "this user may not listen there"
    return error.strerror or str(error)


def _unix_listener(rawsocket: RawSocket, path: str) -> Listener:
    assert _AF_UNIX is not None, "checked with the address"
    _remove_stale(path)
    made = socket.socket(_AF_UNIX, socket.SOCK_STREAM)
    listener = Listener(rawsocket, made)
    try:
        made.bind(path)
        found = os.lstat(path)
        listener.file = (path, found.st_dev, found.st_ino)
        # Nobody can connect before it listens.
        os.chmod(path, rawsocket.mode)
        made.listen(BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener


def _remove_stale(path: str) -> None:
    """Remove the socket file that a server has left which is there no more."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise ConfigurationError(
            f"rawsocket='unix://{path}': there is something else than a socket; move "
            "it away, or write another path"
        )
    assert _AF_UNIX is not None, "checked with the address"
    with socket.socket(_AF_UNIX, socket.SOCK_STREAM) as probe:
        # A server that is there but busy answers in another way than none.
        probe.setblocking(False)
        answer = probe.connect_ex(path)
    if answer != errno.ECONNREFUSED:
        raise ConfigurationError(
            f"rawsocket='unix://{path}' cannot be served: another program listens there"
        )
    os.unlink(path)
