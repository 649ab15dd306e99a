"""The benchmarks run and print their table; no figure is judged here."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
TINY = ["--quick", "--rounds", "1", "--seconds", "0.05", "--subscribers", "3"]


def test_a_quick_run_yields_a_line_for_every_contestant_in_every_row() -> None:
    # given, when
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks", *TINY],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    # then
    assert run.returncode == 0, run.stderr
    head, _, table = run.stdout.partition("\n\n")
    assert "aiohttp-serverwamp " in head
    assert "WARNING: --quick" in head
    lines = [
        re.sub(r"(\s+[\d.,%]+){4}\s+\(.*\)$", " | figures", line)
        for line in table.splitlines()[1:]
    ]
    assert lines == [
        "one call at a time",
        "  raw aiohttp (the floor) | figures",
        "  this library, def | figures",
        "  this library, async def | figures",
        "64 calls in flight",
        "  raw aiohttp (the floor) | figures",
        "  this library, def | figures",
        "  this library, async def | figures",
        "fan-out to 3",
        "  raw aiohttp (the floor) | figures",
        "  this library, def | figures",
    ]
