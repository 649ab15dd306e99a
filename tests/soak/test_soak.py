"""The soak itself: a row in seconds, and that it can fail."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from aiohttp_serverwamp import Application, Limits, Realm
from aiohttp_serverwamp.router.failed_sign_ins import FailedSignIns
from tests.soak import __main__ as soak
from tests.soak.inventory import differences, inventory
from tests.soak.row import Outcome, Row, scaled

ROOT = Path(__file__).parents[2]


async def passes(effort: float) -> Outcome:
    return Outcome(f"{scaled(1_000, effort)} things", "nothing")


async def fails(effort: float) -> Outcome:
    outcome = Outcome("everything", "too much")
    outcome.require(2 * 2 == 5, "two and two is four")
    return outcome


async def breaks_off(effort: float) -> Outcome:
    raise RuntimeError("no server today")


GOOD = Row("good", "what goes well", "that it does", passes)
BAD = Row("bad", "what goes wrong", "that it does not", fails)
BROKEN = Row("broken", "what breaks off", "that it ends", breaks_off)


@pytest.mark.timeout(300)  # its pauses are for clients that are being let go
def test_a_row_runs_against_a_server_of_its_own() -> None:
    command = [sys.executable, "-m", "tests.soak", "--effort", "0.001"]
    done = subprocess.run(
        [*command, "--rows", "vanishing"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "100 cycles, 10 ways" in done.stdout
    assert "1 passed, 0 failed" in done.stdout


@pytest.mark.parametrize(
    ("row", "words"), [(BAD, "two and two is four"), (BROKEN, "no server today")]
)
def test_one_row_that_fails_fails_the_soak(
    row: Row,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(soak, "ROWS", (GOOD, row))

    assert soak.main([]) == 1

    printed = capsys.readouterr().out
    assert words in printed
    assert "1 passed, 1 failed" in printed


def test_a_quick_soak_prints_how_much_less_it_has_done(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(soak, "ROWS", (GOOD, BAD))

    assert soak.main(["--quick", "--rows", "good"]) == 0

    printed = capsys.readouterr().out
    assert f"{scaled(1_000, soak.QUICK)} things" in printed
    assert "what goes wrong" not in printed


async def test_an_object_that_stays_is_found_by_the_name_of_its_class() -> None:
    before = inventory()

    kept = Realm("kept")

    (difference,) = [
        each
        for each in differences(before, inventory())
        if each.startswith("aiohttp_serverwamp.realm.Realm:")
    ]
    assert difference.endswith(" after")
    assert kept.uri == "kept"


async def test_an_entry_that_stays_is_found_by_the_name_of_its_container() -> None:
    application = Application()
    failures = FailedSignIns(Limits(), lambda: 0.0)
    before = inventory()

    application._session_ids.add(1)
    failures.add("192.0.2.1", "ann")

    found = "; ".join(differences(before, inventory()))
    assert "Application._session_ids: 0 before, 1 after" in found
    assert "failed_sign_ins._Counter._failures: 0 before, 2 after" in found


async def test_nothing_differs_where_nothing_has_happened() -> None:
    before = inventory()

    assert differences(before, inventory()) == []
