"""Servers of this machine as processes of their own."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aiohttp_serverwamp.testing import PATIENCE

ROOT = Path(__file__).parents[1]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def process(*command: str, cwd: Path, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    path = os.pathsep.join([str(ROOT), str(cwd)])
    with log.open("wb") as output:
        running = subprocess.Popen(
            [sys.executable, *command],
            cwd=cwd,
            env={**os.environ, "PYTHONPATH": path},
            stdout=output,
            stderr=output,
        )
        try:
            yield running
        finally:
            running.kill()
            running.wait()


def text_of(log: Path) -> str:
    return log.read_text()


async def wait_for_port(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    async with asyncio.timeout(3 * PATIENCE):
        while True:
            assert server.poll() is None, text_of(log)
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                await writer.wait_closed()
                return


async def wait_for_exit(server: subprocess.Popen[bytes], seconds: float) -> int | None:
    end = time.monotonic() + seconds
    while server.poll() is None and time.monotonic() < end:  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    return server.returncode
