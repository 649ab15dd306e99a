"""The task board as a process of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

PROJECT = Path(__file__).parents[2]


@dataclass
class Board:
    """``python -m example_app`` on a free port, with a database of its own."""

    folder: Path
    #: Without the demo tasks.
    empty: bool = True
    port: int = field(default_factory=lambda: free_port())
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def database(self) -> Path:
        return self.folder / "board.sqlite3"

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text("utf-8")

    def start(self) -> None:
        command = [sys.executable, "-W", "error", "-m", *self.command()]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command,
                cwd=PROJECT,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "BOARD_DATABASE": str(self.database)},
            )
        self._wait_until_it_listens()

    def command(self) -> list[str]:
        """What is run, and with which arguments."""
        arguments = {
            "--port": str(self.port),
            "--database": str(self.database),
            "--secret-file": str(self.folder / "secret.key"),
        }
        command = ["example_app", *chain.from_iterable(arguments.items())]
        return [*command, "--empty"] if self.empty else command

    def stop(self) -> None:
        """Ask it to end, as an operator would; it must do so in good order."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        assert code == 0, self.log

    def _wait_until_it_listens(self) -> None:
        assert self.process is not None
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.log
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        self.process.kill()
        self.process.wait()
        raise AssertionError(f"it does not listen:\n{self.log}")


class ASGIBoard(Board):
    """The same by ASGI, on Hypercorn and trio."""

    def command(self) -> list[str]:
        listening = ["--bind", f"127.0.0.1:{self.port}"]
        return [
            "hypercorn",
            "--worker-class",
            "trio",
            *listening,
            "example_app.asgi:app",
        ]


def free_port() -> int:
    """Find a port that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
