"""What is installed: the package with its types and nothing else."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

import aiohttp_serverwamp

ROOT = Path(__file__).parents[2]


def test_the_version_has_one_home_and_a_section_in_the_changes() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    changes = (ROOT / "CHANGES.rst").read_text(encoding="utf-8")
    version = aiohttp_serverwamp.__version__

    assert config["metadata"]["version"] == "attr: aiohttp_serverwamp.__version__"
    assert re.fullmatch(r"\d+\.\d+\.\d+(\.dev\d+|(a|b|rc)\d+)?", version)
    # A development version belongs to the section of the release it leads to.
    assert re.search(rf"^{re.escape(version.split('.dev')[0])}\b", changes, re.M)


def test_the_types_are_shipped() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")

    assert config["options.package_data"]["aiohttp_serverwamp"] == "py.typed"
    assert (ROOT / "aiohttp_serverwamp" / "py.typed").is_file()


def test_every_directory_of_the_package_is_installed() -> None:
    root = ROOT / "aiohttp_serverwamp"
    directories = {path.parent for path in root.rglob("*.py")}

    # setuptools' find: leaves out what has no __init__.py.
    assert [d for d in directories if not (d / "__init__.py").is_file()] == []
