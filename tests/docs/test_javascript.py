"""The JavaScript of docs/javascript.rst is one program, and does what it says."""

from __future__ import annotations

import asyncio
import re
import shutil
from pathlib import Path

from aiohttp_serverwamp.testing import serving
from tests.code_blocks import code_blocks, run_blocks
from tests.node import require_node

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "javascript.rst"
BLOCKS = code_blocks(PAGE)
PROGRAM = [block.source for block in BLOCKS if block.language == "javascript"]
# Where the package ws is.
PACKAGES = ROOT / "tests" / "interop" / "js"
PATIENCE = 30.0
BROWSERS_HAVE = 'import WebSocket from "ws";\nglobalThis.WebSocket = WebSocket;\n'


def expected(source: str) -> list[str]:
    """Return what the comments say that is printed."""
    return re.findall(r"console\.log\(.*\); // (.*)", source)


async def test_the_program_prints_what_its_comments_say(tmp_path: Path) -> None:
    node = require_node("docs/javascript.rst", packages=PACKAGES)
    # As the page says: copy the folder.
    shutil.copytree(ROOT / "example_app" / "static" / "wamp", tmp_path / "wamp")
    (tmp_path / "node_modules").symlink_to(PACKAGES / "node_modules")
    names = run_blocks(BLOCKS, {"__name__": "__main__"})
    async with serving(names["app"]) as http:
        async with http.get("/") as response:
            server = response.url.authority
        source = "\n".join(PROGRAM).replace("localhost:8080", server)
        (tmp_path / "program.mjs").write_text(BROWSERS_HAVE + source, encoding="utf-8")
        program = await asyncio.create_subprocess_exec(
            node,
            "program.mjs",
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=tmp_path,
        )
        try:
            async with asyncio.timeout(PATIENCE):
                printed, errors = await program.communicate()
        finally:
            if program.returncode is None:
                program.kill()
                await program.wait()

    assert errors.decode() == ""
    assert printed.decode().splitlines() == expected(source)


def test_every_block_shows_something() -> None:
    assert [source for source in PROGRAM if not expected(source)] == []


def test_every_option_is_in_the_table_with_its_default() -> None:
    module = ROOT / "example_app" / "static" / "wamp" / "options.js"
    source = module.read_text(encoding="utf-8")
    options = source[
        source.index("object} Options") : source.index("object} CallOptions")
    ]
    table = dict(re.findall(r"^``(\w+)`` +(\S*)", PAGE.read_text("utf-8"), re.M))

    known = re.findall(r"@property {.*} \[(\w+)\]", options)
    assert len(known) > 10
    assert set(known) <= set(table)
    for name, number in re.findall(r"^  (\w+): ([\d_]+),$", source, re.M):
        assert table[name] == number.replace("_", "")
