"""Runs server.py, and other programs that say where they listen."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parents[2]
PATIENCE = 30.0


@dataclass(slots=True)
class Server:
    """A server at work."""

    address: str
    process: subprocess.Popen[str]
    stopping: bool = False

    @property
    def url(self) -> str:
        return f"ws://{self.address}/ws"

    def stop(self) -> None:
        """Ask it to shut down; once, for a second SIGTERM would kill."""
        if not self.stopping:
            self.stopping = True
            self.process.send_signal(signal.SIGTERM)


@contextmanager
def serving(log: Path) -> Iterator[Server]:
    """Serve; in the end see that it stops cleanly, and found no fault with anyone."""
    command = [sys.executable, "-W", "error", "-m", "tests.interop.server"]
    with log.open("w") as stderr, running(command, stderr) as process:
        try:
            server = Server(f"127.0.0.1:{port_of(process)}", process)
            yield server
            server.stop()
            code = process.wait(PATIENCE)
        finally:
            # Shown with a failure.
            sys.stderr.write(log.read_text())
    logged = log.read_text()
    assert code == 0, logged
    assert "ERROR:" not in logged, logged
    assert "Traceback" not in logged, logged
    assert "protocol violation" not in logged, logged


@contextmanager
def running(
    command: list[str], stderr: IO[str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Run a program of these tests, and end it."""
    with subprocess.Popen(
        command,
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def port_of(process: subprocess.Popen[str]) -> int:
    """Wait for the first line of a program, which says where it listens."""
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, f"{process.args!r} has ended at once"
    return int(json.loads(line)["port"])
