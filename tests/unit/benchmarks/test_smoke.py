"""The command runs and prints its tables; no figure is judged here."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
TINY = ["--quick", "--rounds", "1", "--seconds", "0.05", "--sessions", "20"]
FEW = ["--rows", "one", "idle", "--others", "no-such-environment"]


def test_a_quick_run_prints_both_tables_and_says_loudly_who_is_missing() -> None:
    # given, when
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks", *TINY, *FEW],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    # then
    assert run.returncode == 0, run.stderr
    head, summary, details, load, *absences = run.stdout.rstrip("\n").split("\n\n")
    assert "aiohttp-serverwamp " in head
    assert "WARNING: --quick" in head
    assert load.startswith("load average at the end")
    assert len(absences) == 2
    for name, absence in zip(["serverwamp", "python-socketio"], absences, strict=True):
        assert f"WITHOUT {name}" in absence
        assert absence.strip("* \n") in head
    assert [line.split("  ")[0] for line in summary.splitlines()[2:]] == [
        "raw aiohttp (the floor)",
        "this library, def",
        "this library, async def",
    ]
    assert [figureless(line) for line in details.splitlines()[1:]] == [
        "one call at a time",
        "  raw aiohttp (the floor) | figures",
        "  this library, def | figures",
        "  this library, async def | figures",
        "idle session",
        "  raw aiohttp (the floor) | figures",
        "  this library, def | figures",
    ]


def figureless(line: str) -> str:
    return re.sub(r"\s+-?[\d.,]+ (µs|KiB)\s.*\)$", " | figures", line)
