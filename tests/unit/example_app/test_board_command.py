"""The command that runs the task board, when it cannot."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[3]


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    secret = ("--secret-file", str(folder / "secret.key"))
    return subprocess.run(
        [sys.executable, "-m", "example_app", *secret, *arguments],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


def test_a_port_in_use_is_told_in_a_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = run(
            tmp_path, "--port", str(port), "--database", str(tmp_path / "b.sqlite3")
        )

    assert result.returncode == 1
    assert f"Cannot serve on 127.0.0.1:{port}" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_database_that_cannot_be_opened_is_told_in_a_sentence(tmp_path: Path) -> None:
    missing = tmp_path / "no such folder" / "board.sqlite3"

    result = run(tmp_path, "--port", "0", "--database", str(missing))

    assert result.returncode == 1
    assert f"Cannot open the database {missing}" in result.stderr
    assert "Traceback" not in result.stderr
