"""Every code block of README.rst and docs/ runs and does what its document says."""

from __future__ import annotations

import argparse
import asyncio
import configparser
import importlib.util
import io
import json
import re
import shlex
from pathlib import Path
from typing import Any

import aiohttp_session
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from docutils.core import publish_doctree
from pytest_aiohttp.plugin import AiohttpClient
from yarl import URL

from aiohttp_serverwamp.__main__ import command_line
from aiohttp_serverwamp.testing import serving
from example_app import accounts, http_api
from example_app.app import make_app
from growing_program import pages
from tests.code_blocks import CodeBlock, code_blocks, run_blocks
from tests.node import require_node
from tests.raw_client import connected

ROOT = Path(__file__).parents[2]
README = ROOT / "README.rst"
DOCS = ROOT / "docs"
#: Where the packages of npm are that documents use.
CLIENTS = ROOT / "tests" / "interop" / "js"
BLOCKS = [
    block
    for document in (README, *sorted(DOCS.rglob("*.rst")))
    if DOCS / "_build" not in document.parents
    for block in code_blocks(document)
]
#: "ini" is what pytest is told: tests/docs/test_guides.py tells it.
EXECUTED = {"python", "console", "javascript", "ini"}
#: Blocks that make files, which tests/docs/test_tutorial.py and tests/browser run.
FILES = [block for block in BLOCKS if block.file and block.document in pages()]


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[web.Application]:
    """Record the applications that `web.run_app` is given, and serve none."""
    given: list[web.Application] = []
    monkeypatch.setattr(web, "run_app", given.append)
    return given


def run_document(document: Path, until: CodeBlock | None = None) -> dict[str, Any]:
    """Run the blocks of a document as a script, up to and including one of them."""
    blocks = [block for block in BLOCKS if block.document == document]
    if until is not None:
        blocks = blocks[: blocks.index(until) + 1]
    return run_blocks(blocks, {"__name__": "__main__"})


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_a_block_is_in_a_language_that_is_run(block: CodeBlock) -> None:
    assert block.language in EXECUTED or block in FILES


@pytest.mark.parametrize(
    "block",
    [block for block in BLOCKS if block.language == "python" and block not in FILES],
    ids=str,
)
async def test_a_python_block_runs(
    block: CodeBlock, served: list[web.Application]
) -> None:
    run_document(block.document, until=block)

    above = [each for each in BLOCKS if each.document == block.document]
    above = above[: above.index(block) + 1]
    assert len(served) == sum("run_app(app)" in each.source for each in above)


# --- Console ----------------------------------------------------------------------


def commands() -> list[tuple[str, str]]:
    """Return every line of every console block with the place it comes from."""
    return [
        (f"{block} {line}", line.removeprefix("$ "))
        for block in BLOCKS
        if block.language == "console"
        for line in block.source.splitlines()
        if line.startswith("$ ")
    ]


MAKE = set(re.findall(r"^([A-Z_]+) \?=", (ROOT / "Makefile").read_text(), re.MULTILINE))


def make_targets() -> set[str]:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z-]+):", text, re.MULTILINE))


def extras() -> set[str]:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    return set(config["options.extras_require"])


def installed_by_extras() -> set[str]:
    """Return the packages that the extras name; not every check installs them all."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    lines = "\n".join(config["options.extras_require"].values())
    return set(re.findall(r"^[a-z-]+", lines, re.MULTILINE))


def objection(command: str) -> str | None:
    """Say what is wrong with a command of the documents; None where it would work."""
    match shlex.split(command):
        case ["make", target, *settings]:
            unknown = [each for each in settings if each.split("=")[0] not in MAKE]
            wrong = target not in make_targets() or unknown
            return "no such target or setting" if wrong else None
        case ["sh", script, *_]:
            return None if (ROOT / script).is_file() else "no such script"
        case ["npm", "install", *wanted]:
            return None if {*wanted} <= npm_packages() else "the tests have no such one"
        case ["node", file]:
            return None if file in written_files() else "no page says what is in it"
        case ["curl", *given]:
            return None if curl(given).path in posted_to() else "nobody answers"
        case [python, "-m", "pip", "install", *wanted] if is_python(python):
            return pip_objection(wanted)
        case [python, "-c", program] if is_python(python):
            compile(program, command, "exec")
            return None
        case [python, file] if is_python(python) and file.endswith(".py"):
            is_known = file in written_files() or (ROOT / file).is_file()
            return None if is_known else "no page says what is in it"
        case [python, "-m", "aiohttp_serverwamp", *given] if is_python(python):
            return our_own_objection(given)
        case [python, "-m", module, *_] if is_python(python):
            known = module in installed_by_extras() or importlib.util.find_spec(module)
            return None if known else "no such module"
    return "the test knows nothing of this command"


class Curl(argparse.Namespace):
    """What a command line of curl says: a form to be posted, and a jar for cookies."""

    url: str
    data: list[str]

    @property
    def path(self) -> str:
        return URL(self.url).path


def curl(given: list[str]) -> Curl:
    parser = argparse.ArgumentParser()
    parser.add_argument("-b", "-c")
    parser.add_argument("-d", dest="data", action="append", required=True)
    parser.add_argument("url")
    return parser.parse_args(given, Curl())


def posted_to() -> set[str]:
    """Return the paths of the task board to which forms are posted."""
    routes = [*accounts.routes, *http_api.routes]
    return {
        route.path
        for route in routes
        if isinstance(route, web.RouteDef) and route.method == "POST"
    }


def is_python(name: str) -> bool:
    return name in ("python", "python3", ".venv/bin/python")


#: What users install beside this project, on the page about testing.
FOR_TESTS = {"pytest", "pytest-asyncio"}


def written_files() -> set[str]:
    return {block.file for block in BLOCKS}


def npm_packages() -> set[str]:
    manifest = (CLIENTS / "package.json").read_text(encoding="utf-8")
    return {*json.loads(manifest)["dependencies"]}


def our_own_objection(given: list[str]) -> str | None:
    try:
        command_line().parse_args(given)
    except SystemExit:
        return "no such arguments"
    return None


def pip_objection(wanted: list[str]) -> str | None:
    for each in wanted:
        if each in FOR_TESTS & installed_by_extras():
            continue
        named = re.fullmatch(r"(?:-e|\.(?:\[([a-z,]+)\])?)", each)
        if named is None:
            return f"{each} is not this project"
        unknown = set((named[1] or "").split(",")) - extras() - {""}
        if unknown:
            return f"no extra {unknown}"
    return None


@pytest.mark.parametrize(
    "command", [pytest.param(command, id=name) for name, command in commands()]
)
def test_a_console_command_works(command: str) -> None:
    assert objection(command) is None


@pytest.mark.parametrize(
    "command",
    [
        "make coffee",
        "make test MILK=no",
        "sh tests/missing.sh",
        "python -m pip install '.[nonsense]'",
        "python -m pip install serverwamp",
        "python -m no_such_module_anywhere",
        "python no_such_file.py",
        "node no_such_file.mjs",
        "npm install left-pad",
        "python -m aiohttp_serverwamp credentials add --password=secret",
        "rm -rf .",
        "curl -d title=x http://localhost:8080/task",
    ],
)
def test_a_console_command_that_cannot_work_is_found(command: str) -> None:
    assert objection(command) is not None


# --- README.rst -----------------------------------------------------------------------


@pytest.fixture
async def readme(
    aiohttp_client: AiohttpClient, served: list[web.Application]
) -> TestClient[Any, Any]:
    """Serve the whole program, which is the first block."""
    run_document(
        README, until=next(b for b in BLOCKS if b.document == README and b.file)
    )
    (app,) = served
    return await aiohttp_client(app)


async def test_the_program_of_the_readme_adds(readme: TestClient[Any, Any]) -> None:
    async with connected(readme) as client:
        await client.join("lobby")
        error = await client.call_error("math.add", "two")

        assert await client.call("math.add", 2) == 3
    assert error[0] == "wamp.error.invalid_argument"
    assert "'a'" in str(error[1:])


async def test_the_members_of_the_readme_have_signed_in(
    aiohttp_client: AiohttpClient, served: list[web.Application]
) -> None:
    async def login(request: web.Request) -> web.Response:
        (await aiohttp_session.new_session(request))["user_id"] = "ann"
        return web.Response()

    run_document(README)
    (app,) = served
    aiohttp_session.setup(app, aiohttp_session.SimpleCookieStorage())
    app.router.add_post("/login", login)
    browser = await aiohttp_client(app)

    async with connected(browser) as stranger:
        refused = await stranger.hello("members")
    await browser.post("/login")
    async with connected(browser) as ann:
        welcome = await ann.join("members")
        assert await ann.call("math.add", 2, 3) == 5

    assert refused[2] == "wamp.error.authentication_required"
    assert welcome["authid"] == "ann"


async def test_what_the_readme_posts_to_the_board_is_a_task(tmp_path: Path) -> None:
    lines = [line for name, line in commands() if name.startswith("README.rst")]
    posts = [curl(shlex.split(line)[1:]) for line in lines if line.startswith("curl")]
    app = make_app(
        database=tmp_path / "b.sqlite3", secret_file=tmp_path / "key", demo_tasks=False
    )
    async with serving(app) as http:
        for post in posts:
            form = dict(field.split("=", 1) for field in post.data)
            async with http.post(post.path, data=form) as response:
                assert response.ok, await response.text()

        [task] = app[accounts.STORE].tasks.on_board()
    assert (task.title, task.added_by) == ("Buy milk", "Grace")


def test_the_readme_is_valid_on_a_package_index() -> None:
    """Where there is no Sphinx: docutils alone, and nothing that it objects to."""
    complaints = io.StringIO()
    publish_doctree(
        README.read_text(encoding="utf-8"),
        settings_overrides={"report_level": 2, "warning_stream": complaints},
    )

    assert complaints.getvalue() == ""


def test_the_links_of_the_readme_lead_somewhere() -> None:
    text = README.read_text(encoding="utf-8")
    links = re.findall(r"<([^<>:\s]+)>`_", text)

    assert len(links) > 5
    assert [link for link in links if not (ROOT / link).exists()] == []


# --- JavaScript ---------------------------------------------------------------------

#: Its JavaScript is one program: tests/docs/test_javascript.py runs it.
CLIENT_PAGE = ROOT / "docs" / "javascript.rst"


@pytest.mark.parametrize(
    "block",
    [
        block
        for block in BLOCKS
        if block.language == "javascript" and block.document != CLIENT_PAGE
    ],
    ids=str,
)
async def test_a_javascript_block_prints_what_its_comment_says(
    block: CodeBlock, readme: TestClient[Any, Any]
) -> None:
    node = require_node("JavaScript in the documents", packages=CLIENTS)
    url = str(readme.make_url("/ws")).replace("http", "ws", 1)
    assert block.source.count("ws://localhost:8080/ws") == 1
    source = block.source.replace("ws://localhost:8080/ws", url)
    process = await asyncio.create_subprocess_exec(
        node,
        "--input-type=module",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=CLIENTS,
    )

    printed, errors = await process.communicate(source.encode())

    expected = re.findall(r"console\.log\(.*\); // (.*)", block.source)
    assert expected, "a block that shows nothing proves nothing"
    assert errors.decode() == ""
    assert printed.decode().splitlines() == expected
