"""The command that runs the task board, when it cannot."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[3]


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run it with these arguments, which replace those that a test needs."""
    files = ("--secret-file", f"{folder}/key", "--database", f"{folder}/b.sqlite3")
    return subprocess.run(
        [sys.executable, "-m", "example_app", *files, *arguments],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


def test_a_port_in_use_is_told_in_a_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = run(tmp_path, "--port", str(port))

    assert result.returncode == 1
    assert f"Cannot serve on 127.0.0.1:{port}" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_database_that_cannot_be_opened_is_told_in_a_sentence(tmp_path: Path) -> None:
    missing = tmp_path / "no such folder" / "board.sqlite3"

    result = run(tmp_path, "--port", "0", "--database", str(missing))

    assert result.returncode == 1
    assert f"Cannot open the database {missing}" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("port", ["99999", "-1"])
def test_a_port_that_cannot_be_is_told_in_a_sentence(tmp_path: Path, port: str) -> None:
    result = run(tmp_path, f"--port={port}")

    assert result.returncode == 2
    [*_, sentence] = result.stderr.splitlines()
    assert "argument --port" in sentence
    assert port in sentence
    assert "Traceback" not in result.stderr


def test_a_file_that_is_no_database_is_told_in_a_sentence_and_left_alone(
    tmp_path: Path,
) -> None:
    letter = tmp_path / "letter.txt"
    letter.write_text("Dear Ada," + "\n" * 1000)

    result = run(tmp_path, "--port=0", "--database", str(letter))

    assert result.returncode == 1
    [sentence] = result.stderr.splitlines()
    assert sentence.startswith(f"Cannot open the database {letter} (")
    assert letter.read_text().startswith("Dear Ada,")


@pytest.mark.parametrize("content", ["", "no key"])
def test_a_broken_secret_file_is_told_in_a_sentence_and_left_alone(
    tmp_path: Path, content: str
) -> None:
    broken = tmp_path / "broken.key"
    broken.write_text(content, encoding="utf-8")

    result = run(tmp_path, "--port=0", "--secret-file", str(broken))

    assert result.returncode == 1
    [sentence] = result.stderr.splitlines()
    assert sentence.startswith(f"Cannot use the secret file {broken} (")
    assert "--secret-file" in sentence
    assert broken.read_text(encoding="utf-8") == content


@pytest.mark.parametrize("path", ["no such folder/key", "."])
def test_a_secret_file_that_cannot_be_is_told_in_a_sentence(
    tmp_path: Path, path: str
) -> None:
    result = run(tmp_path, "--port=0", "--secret-file", str(tmp_path / path))

    assert result.returncode == 1
    [sentence] = result.stderr.splitlines()
    assert sentence.startswith(f"Cannot use the secret file {tmp_path / path} (")
