"""The storages of aiohttp-session, two of them with a server of their own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import aiohttp_session
import pytest
from aiohttp_session import SimpleCookieStorage
from aiohttp_session.cookie_storage import EncryptedCookieStorage
from aiohttp_session.memcached_storage import MemcachedStorage
from aiohttp_session.nacl_storage import NaClCookieStorage
from aiohttp_session.redis_storage import RedisStorage
from cryptography.fernet import Fernet

__all__ = ["STORAGES", "Servers", "storage_of"]

COOKIE_NAME = "shop"
#: Every kind, and whether the HTTP session itself is in the cookie.
STORAGES = {
    "simple": True,
    "encrypted": True,
    "nacl": True,
    "redis": False,
    "memcached": False,
}


class Servers:
    """The servers that were started so far, by kind."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ports: dict[str, int] = {}
        self._processes: list[subprocess.Popen[bytes]] = []

    def port(self, kind: str) -> int:
        """Return the port of a server, started when it is needed first."""
        if kind not in self._ports:
            self._ports[kind] = self._start(kind)
        return self._ports[kind]

    def stop(self) -> None:
        for process in self._processes:
            process.terminate()
            process.wait(10)

    def _start(self, kind: str) -> int:
        port = _free_port()
        commands = {
            "redis": [
                _program("redis-server", "valkey-server"),
                *("--port", str(port), "--bind", "127.0.0.1"),
                *("--save", "", "--dir", str(self._folder)),
            ],
            "memcached": [
                _program("memcached"),
                *("-p", str(port), "-l", "127.0.0.1", "-u", "nobody"),
            ],
        }
        log = (self._folder / f"{kind}.log").open("wb")
        with log:
            self._processes.append(
                subprocess.Popen(commands[kind], stdout=log, stderr=log)
            )
        _wait_for(port, self._processes[-1])
        return port


@contextmanager
def servers(folder: Path) -> Iterator[Servers]:
    started = Servers(folder)
    try:
        yield started
    finally:
        started.stop()


def _program(*names: str) -> str:
    for name in names:
        found = shutil.which(name)
        if found:
            return found
    problem = f"{' or '.join(names)} is missing"
    if os.environ.get("ALLOW_MISSING_STORES") == "1":
        pytest.skip(f"NOT CHECKED: HTTP sessions in a server-side storage ({problem})")
    raise AssertionError(
        f"{problem}: install it (Debian: redis-server, memcached), or set "
        "ALLOW_MISSING_STORES=1 to go without the check"
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        assert process.poll() is None, "the server has ended at once"
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise AssertionError("the server does not listen")


@asynccontextmanager
async def storage_of(
    kind: str, servers: Servers, *, max_age: int | None = None
) -> AsyncIterator[aiohttp_session.AbstractStorage]:
    """Make a storage of one kind, connected to its server."""
    if kind == "simple":
        yield SimpleCookieStorage(cookie_name=COOKIE_NAME, max_age=max_age)
    elif kind == "encrypted":
        key = Fernet(Fernet.generate_key())
        yield EncryptedCookieStorage(key, cookie_name=COOKIE_NAME, max_age=max_age)
    elif kind == "nacl":
        secret = os.urandom(32)
        yield NaClCookieStorage(secret, cookie_name=COOKIE_NAME, max_age=max_age)
    elif kind == "redis":
        from redis import asyncio as redis

        pool = redis.Redis(host="127.0.0.1", port=servers.port("redis"))
        try:
            yield RedisStorage(pool, cookie_name=COOKIE_NAME, max_age=max_age)
        finally:
            await pool.aclose()
    else:
        import aiomcache

        client = aiomcache.Client("127.0.0.1", servers.port("memcached"))
        try:
            yield MemcachedStorage(client, cookie_name=COOKIE_NAME, max_age=max_age)
        finally:
            await client.close()
