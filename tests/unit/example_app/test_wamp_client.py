"""Run the tests of the browser's WAMP client, which are JavaScript, in node."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

TESTS = Path(__file__).with_name("wamp_client.test.mjs")
# The mocked timers of node:test came with it.
OLDEST_NODE = 20


def node() -> str:
    """Find node; without it the client module is not checked, and that is a failure."""
    found = shutil.which("node")
    if found is None and os.environ.get("ALLOW_MISSING_NODE") == "1":
        pytest.skip("NOT CHECKED: example_app/static/wamp.js (node is missing)")
    assert found is not None, (
        "node is missing, so example_app/static/wamp.js cannot be checked;"
        " set ALLOW_MISSING_NODE=1 to go without"
    )
    version = subprocess.run(
        [found, "--version"], capture_output=True, text=True, check=True
    )
    major = int(version.stdout.lstrip("v").split(".")[0])
    assert major >= OLDEST_NODE, f"node {OLDEST_NODE} or newer is needed, not {major}"
    return found


def test_the_wamp_client_module_passes_its_own_tests() -> None:
    result = subprocess.run(
        [node(), "--test", str(TESTS)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert result.returncode == 0, result.stdout + result.stderr
    assert re.search(r"pass [1-9]", result.stdout), "no test was run"
