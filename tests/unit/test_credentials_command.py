"""``python -m aiohttp_serverwamp credentials``."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from aiohttp_serverwamp import Identity, credentials_command
from aiohttp_serverwamp.__main__ import main
from aiohttp_serverwamp.auth import (
    CryptosignCredential,
    SQLiteCredentials,
    StaticCredentials,
    TicketCredential,
)

ROOT = Path(__file__).parents[2]
SECRET = "open sesame"
SEED = "4d57d97a68f555696620a6d849c0ce582568518d729eb753dc7c732de2804510"
PUBLIC_KEY = "1adfc8bfe1d35616e64dffbd900096f23b066f914c8c2ffbb66f6075b96e116d"
CHEAP = ["--iterations", "1", "--memory", "8"]
METHODS = {
    "ticket": CHEAP,
    "wampcra": ["--iterations", "1000"],
    "wamp-scram": CHEAP,
    "scram": CHEAP,
    "cryptosign": ["--public-key", PUBLIC_KEY],
}


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Give the command standard input."""

    def give(text: str) -> None:
        monkeypatch.setattr(sys, "stdin", io.StringIO(text))

    return give


def run(*arguments: str) -> int:
    return main(["credentials", *arguments])


@pytest.mark.parametrize("method", METHODS)
def test_a_derived_credential_is_a_line_for_a_static_store(
    method: str, typed: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    typed(f"{SECRET}\n")

    status = run(
        *("derive", "--method", method, "--authid", "ann", "--role", "person"),
        *("--realm", "customers", *METHODS[method]),
    )

    printed = capsys.readouterr().out
    store = StaticCredentials.from_json(printed)
    [found] = (
        [store.find(method, "ann")]
        if method != "cryptosign"
        else (store.holders(PUBLIC_KEY))
    )
    assert status == 0
    assert found is not None
    assert found.identity.authid == "ann"
    assert found.identity.authrole == "person"
    assert found.identity.realm == "customers"
    assert SECRET not in printed


@pytest.mark.parametrize("method", METHODS)
def test_a_file_is_filled_shown_and_emptied(
    method: str, typed: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(tmp_path / "credentials.db")
    typed(SECRET)

    added = run("add", path, "--method", method, "--authid", "ann", *METHODS[method])
    told = capsys.readouterr().out
    listed = run("list", path)
    shown = capsys.readouterr().out
    removed = run("remove", path, "--authid", "ann")

    assert (added, listed, removed) == (0, 0, 0)
    assert told == f"added {shown}"
    assert shown.split()[:4] == ["ann", method, "role", "user"]
    assert SQLiteCredentials(path).credentials() == []


def test_the_public_key_of_a_private_key_is_kept(typed: Any, tmp_path: Path) -> None:
    path = tmp_path / "credentials.db"
    typed(f"{SEED}\n")

    run("add", str(path), "--method", "cryptosign", "--authid", "ann")

    [found] = SQLiteCredentials(path).credentials()
    assert isinstance(found, CryptosignCredential)
    assert found.public_key == PUBLIC_KEY
    assert SEED.encode() not in path.read_bytes()


def test_the_kdf_is_for_the_caller_to_choose(
    typed: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    typed(SECRET)

    run(
        *("derive", "--method", "ticket", "--authid", "ann"),
        *("--kdf", "pbkdf2", "--iterations", "1000"),
    )

    found = StaticCredentials.from_json(capsys.readouterr().out).find("ticket", "ann")
    assert isinstance(found, TicketCredential)
    assert (found.kdf.name, found.kdf.iterations) == ("pbkdf2", 1000)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("again", "status"), [(SECRET, 0), ("open barley", 1)])
def test_at_a_terminal_a_password_is_typed_twice_and_not_seen(
    again: str,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    prompts = []
    answers = iter([SECRET, again])

    def getpass(prompt: str) -> str:
        prompts.append(prompt)
        return next(answers)

    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr(credentials_command, "getpass", getpass)

    found = run(
        "derive", "--method", "wampcra", "--authid", "ann", "--iterations", "1000"
    )

    assert found == status
    assert prompts == ["Password: ", "Password again: "]
    assert SECRET not in "".join(capsys.readouterr())


@pytest.mark.parametrize(
    ("arguments", "text", "error"),
    [
        (["derive", "--method", "ticket", "--authid", "ann"], "\n", "no ticket"),
        (["derive", "--method", "scram", "--authid", ""], SECRET, "names nobody"),
        (["derive", "--method", "cryptosign", "--authid", "ann"], "zz", "hexadecimal"),
        (["derive", "--method", "wamp-scram", "--authid", "a"], "\u0007", "SASLprep"),
        (["list", "missing.db"], "", "unable to open"),
        (["remove", "missing.db", "--authid", "ann"], "", "unable to open"),
    ],
    ids=repr,
)
def test_what_goes_wrong_is_one_line(
    arguments: list[str],
    text: str,
    error: str,
    typed: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    typed(text)

    status = run(*arguments)

    told = capsys.readouterr()
    assert (status, told.out) == (1, "")
    assert error in told.err
    assert len(told.err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_who_is_not_there_cannot_be_removed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "credentials.db"
    SQLiteCredentials(path).add(CryptosignCredential(Identity("ann"), PUBLIC_KEY))

    assert run("remove", str(path), "--authid", "bob") == 1
    assert run("remove", str(path), "--authid", "ann", "--method", "ticket") == 1
    assert "credentials list" in capsys.readouterr().err


def test_there_is_no_argument_for_a_password(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for option in ("--password", "--ticket", "--secret", "--private-key"):
        with pytest.raises(SystemExit):
            run("derive", "--method", "ticket", "--authid", "ann", option, SECRET)
    capsys.readouterr()


def test_it_is_a_command_of_the_package() -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "aiohttp_serverwamp", "credentials", "derive"),
            *("--method", "ticket", "--authid", "ann", *CHEAP),
        ],
        input=SECRET,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=True,
    )

    assert StaticCredentials.from_json(done.stdout).find("ticket", "ann")
    assert done.stderr == ""
