"""What the other contestants' environment holds is found out, and never changed."""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path

from benchmarks.contestants import CONTESTANTS
from benchmarks.environment import look_into

REQUIREMENTS = Path(__file__).parents[3] / "benchmarks" / "requirements-contestants.txt"


def test_the_versions_of_what_is_installed_are_found() -> None:
    found = look_into(Path(sys.prefix), ["pytest", "no-such-distribution"])

    assert found.versions == {"pytest": version("pytest")}


def test_an_environment_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    found = look_into(tmp_path / "nowhere", ["pytest"])

    assert found.versions == {}


def test_every_contestant_from_elsewhere_is_pinned() -> None:
    lines = REQUIREMENTS.read_text(encoding="utf-8").splitlines()
    pinned = {line.split(" == ")[0] for line in lines if " == " in line}

    assert {each.distribution for each in CONTESTANTS} - {None} <= pinned
