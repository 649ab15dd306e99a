"""File names that say nothing, and paths of one machine, stay out of the repository."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.architecture.imports import PACKAGE

ROOT = Path(__file__).parents[2]
MEANINGLESS = {"utils", "util", "helpers", "helper", "common", "misc", "manager"}
#: Somebody's home, or this project's place on one machine.
MACHINE_PATH = re.compile(rb"(?:/home/|/Users/|/root/|/work/|[A-Z]:\\Users\\)[\w.-]+")
PICTURES = {".png", ".ico", ".woff2"}


def tracked_files() -> list[Path]:
    """Return what git tracks or would track; in an unpacked archive, every file."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return [path for path in ROOT.rglob("*") if path.is_file()]
    names = done.stdout.decode().rstrip("\0").split("\0")
    return [ROOT / name for name in names if (ROOT / name).is_file()]


def machine_paths(content: bytes) -> list[bytes]:
    return MACHINE_PATH.findall(content)


def test_every_file_name_says_what_is_in_it() -> None:
    assert [path for path in tracked_files() if path.stem in MEANINGLESS] == []


def test_no_file_holds_a_path_of_one_machine() -> None:
    itself = Path(__file__)
    found = {
        str(path.relative_to(ROOT)): paths
        for path in tracked_files()
        if path != itself and path.suffix not in PICTURES
        if (paths := machine_paths(path.read_bytes()))
    }

    assert found == {}


@pytest.mark.parametrize(
    "text",
    [b"see /" + b"home/someone/src", b"/" + b"work/x/setup.py", b"C:\\Users\\me"],
)
def test_the_check_finds_a_machine_path(text: bytes) -> None:
    assert machine_paths(text)


@pytest.mark.parametrize(
    "text", [b"https://example.org/home", b"docs/working.rst", b"/usr/bin/chromium"]
)
def test_the_check_lets_other_paths_be(text: bytes) -> None:
    assert not machine_paths(text)


def test_every_module_has_its_place_in_the_picture() -> None:
    picture = (ROOT / "docs" / "architecture.rst").read_text(encoding="utf-8")
    modules = {path.name for path in (ROOT / PACKAGE).rglob("*.py")}

    assert {name for name in modules if name not in picture} == set()


def test_the_picture_shows_no_module_that_is_gone() -> None:
    picture = (ROOT / "docs" / "architecture.rst").read_text(encoding="utf-8")
    files = {path.name for path in tracked_files()}

    assert set(re.findall(r"\b[\w]+\.py\b", picture)) - files == set()


def test_there_is_one_ci_script() -> None:
    foreign = (".github/", ".gitlab-ci", ".travis", ".circleci/", "azure-pipelines")
    names = [path.relative_to(ROOT).as_posix() for path in tracked_files()]

    assert [name for name in names if name.startswith(foreign)] == []
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111
