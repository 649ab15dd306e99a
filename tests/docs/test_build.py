"""The documentation builds without a warning, and describes every public name once."""

from __future__ import annotations

import importlib
import inspect
import re
import subprocess
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import aiohttp_serverwamp
from aiohttp_serverwamp import Realm

#: The first test waits for Sphinx, which takes its time on a busy machine.
pytestmark = pytest.mark.timeout(300)

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PACKAGE = "aiohttp_serverwamp"
#: Modules that applications import by name.
MODULES = ("auth", "history", "errors", "messages", "uris", "testing", "interfaces")
#: Sphinx where only the extra "docs" is installed: the others' packages are missing.
BUILD = """
import sys
sys.modules.update(dict.fromkeys(["aiohttp_security", "jwt", "trio", "anyio"]))
from sphinx.cmd.build import main
sys.exit(main(sys.argv[1:]))
"""


@dataclass(frozen=True, slots=True)
class Built:
    """The pages, and the names that they describe."""

    folder: Path
    names: frozenset[str]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("html")
    done = subprocess.run(
        [sys.executable, "-c", BUILD, "-W", "--keep-going", "-q", "docs", folder],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return Built(folder, described_in(folder / "objects.inv"))


def described_in(inventory: Path) -> frozenset[str]:
    """Return the names in Sphinx's inventory; it warns of what is described twice."""
    *_, packed = inventory.read_bytes().split(b"\n", 4)
    entries = [line.split() for line in zlib.decompress(packed).decode().splitlines()]
    # -1: where a class really is; readers import it from the other place.
    return frozenset(
        name
        for name, kind, priority, *_ in entries
        if kind.startswith("py:") and priority != "-1"
    )


def value_of(name: str) -> Any:
    """Return what a described name is."""
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        try:
            value: Any = importlib.import_module(".".join(parts[:end]))
        except ImportError:
            continue
        for part in parts[end:]:
            value = inspect.getattr_static(value, part)
        return value
    raise AssertionError(f"there is no {name}")


def left_out(cls: str) -> set[str]:
    """Return the members that the reference leaves out of a class, and says so."""
    for page in (DOCS / "reference").glob("*.rst"):
        _, found, rest = page.read_text(encoding="utf-8").partition(
            f".. autoclass:: {PACKAGE}.{cls}\n"
        )
        if found:
            options = rest.partition("\n\n")[0]
            listed = re.search(r":exclude-members: (.*)", options)
            return set(listed[1].split(", ")) if listed else set()
    raise AssertionError(f"no page describes {cls}")


def classes() -> Iterator[str]:
    for name in aiohttp_serverwamp.__all__:
        value = getattr(aiohttp_serverwamp, name)
        if inspect.isclass(value) and not issubclass(value, Exception):
            yield name


def public_members(cls: type) -> set[str]:
    """Return the methods and properties that users of a class see."""
    return {
        name
        for base in cls.__mro__
        if base.__module__.startswith(PACKAGE)
        for name, value in vars(base).items()
        if not name.startswith("_")
        if inspect.isroutine(value) or isinstance(value, property)
    }


def test_the_pages_build_without_a_warning(built: Built) -> None:
    assert (built.folder / "index.html").is_file()


@pytest.mark.parametrize("name", aiohttp_serverwamp.__all__)
def test_every_public_name_is_described_once(built: Built, name: str) -> None:
    value = getattr(aiohttp_serverwamp, name)
    named = [full for full in built.names if full.rpartition(".")[2] == name]

    described = [full for full in named if value_of(full) is value]

    assert len(described) == 1, named


@pytest.mark.parametrize("module", MODULES)
def test_every_name_of_a_public_module_is_described(built: Built, module: str) -> None:
    loaded: ModuleType = importlib.import_module(f"{PACKAGE}.{module}")
    here = {f"{PACKAGE}.{module}.{name}" for name in loaded.__all__}

    assert here - built.names == set()


@pytest.mark.parametrize("name", [*classes()])
def test_every_public_method_is_described_once_or_left_out_on_purpose(
    built: Built, name: str
) -> None:
    if name == "RPCRequest":
        return  # the same class as Invocation
    cls = getattr(aiohttp_serverwamp, name)
    members = public_members(cls)
    described = {each for each in members if f"{PACKAGE}.{name}.{each}" in built.names}
    if name == "Application":
        # What it does with its default realm is described there.
        members -= {each for each in members - described if hasattr(Realm, each)}

    assert members - described == left_out(name) & members


def test_no_page_is_fetched_from_elsewhere(built: Built) -> None:
    """A reader without network sees all of it."""
    pages = [*built.folder.rglob("*.html")]
    foreign = {
        (page.name, url)
        for page in pages
        for url in re.findall(
            r'<(?:script|link|img)[^>]*(?:src|href)="(https?:[^"]*)"',
            page.read_text(encoding="utf-8"),
        )
    }

    assert len(pages) > 20
    assert foreign == set()
