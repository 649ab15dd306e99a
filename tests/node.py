"""Find node and the npm packages of a folder, for the tests that are JavaScript."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

# The mocked timers of node:test came with it.
OLDEST_NODE = 20


def require_node(subject: str, packages: Path | None = None) -> str:
    """Return node's path, or fail: without it `subject` is not checked.

    `packages` is a folder with a ``package.json`` whose packages have to be installed.
    With ``ALLOW_MISSING_NODE=1`` the test is skipped, and the summary says so.
    """
    missing = _missing_node() or (packages and _missing_package(packages))
    if missing and os.environ.get("ALLOW_MISSING_NODE") == "1":
        pytest.skip(f"NOT CHECKED: {subject} ({missing}, ALLOW_MISSING_NODE=1)")
    if missing:
        pytest.fail(
            f"{missing}, so {subject} cannot be checked; sh tests/install_clients.sh"
            " installs it, and ALLOW_MISSING_NODE=1 goes without"
        )
    return _path()


def _path() -> str:
    return shutil.which("node") or ""


def _missing_node() -> str | None:
    if not _path():
        return "node is missing"
    version = subprocess.run(
        [_path(), "--version"], capture_output=True, text=True, check=True
    )
    major = int(version.stdout.lstrip("v").split(".")[0])
    return None if major >= OLDEST_NODE else f"node {major} is older than {OLDEST_NODE}"


def _missing_package(folder: Path) -> str | None:
    manifest = json.loads((folder / "package.json").read_text(encoding="utf-8"))
    wanted = manifest.get("dependencies", {}) | manifest.get("devDependencies", {})
    for name, version in wanted.items():
        installed = folder / "node_modules" / name / "package.json"
        found = installed.is_file() and json.loads(installed.read_text("utf-8"))
        if not found or found["version"] != version:
            return f"{name} {version} is missing"
    return None
