"""Run the tests of the browser's WAMP client, which are JavaScript, in node."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.node import require_node

HERE = Path(__file__).parent
CLIENT = HERE.parents[2] / "example_app" / "static" / "wamp"
MODULES = sorted(CLIENT.glob("*.js"))
LINES_AT_MOST = 500

# node and TypeScript start slowly on a busy machine.
pytestmark = pytest.mark.timeout(180)


@pytest.mark.parametrize(
    "tests", [pytest.param(path, id=path.name) for path in HERE.glob("*.test.mjs")]
)
def test_the_wamp_client_passes_its_own_tests(tests: Path) -> None:
    node = require_node("example_app/static/wamp")

    result = subprocess.run(
        [node, "--test", str(tests)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert result.returncode == 0, result.stdout + result.stderr
    assert re.search(r"pass [1-9]", result.stdout), "no test was run"


@pytest.fixture(scope="module")
def complaints() -> str:
    """What TypeScript says of the client and of the uses of it in ``wamp_types.js``."""
    node = require_node("the types of example_app/static", packages=HERE)
    compiler = HERE / "node_modules" / "typescript" / "bin" / "tsc"
    result = subprocess.run(
        [node, str(compiler), "--project", str(HERE)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return result.stdout + result.stderr


def test_the_types_in_the_comments_are_right(complaints: str) -> None:
    assert complaints == ""


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_a_module_of_the_client_needs_no_other_file(module: Path) -> None:
    source = module.read_text(encoding="utf-8")

    # Whoever copies the folder has everything.
    needed = set(re.findall(r'(?:from |import\()"(.*?)"', source))
    assert needed <= {f"./{path.name}" for path in MODULES}
    assert len(source.splitlines()) <= LINES_AT_MOST
