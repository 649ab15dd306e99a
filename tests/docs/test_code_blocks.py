"""Every code block of README.rst and docs/ runs and does what its document says."""

from __future__ import annotations

import asyncio
import configparser
import importlib.util
import os
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from pytest_aiohttp.plugin import AiohttpClient

from tests.code_blocks import CodeBlock, code_blocks, run_blocks
from tests.raw_client import (
    CALL,
    EVENT,
    PUBLISH,
    PUBLISHED,
    RESULT,
    RawClient,
    connected,
)

ROOT = Path(__file__).parents[2]
README = ROOT / "README.rst"
GUIDE = ROOT / "docs" / "getting_started.rst"
BLOCKS = [
    block
    for document in (README, *sorted((ROOT / "docs").glob("*.rst")))
    for block in code_blocks(document)
]
EXECUTED = {"python", "console", "javascript"}


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
    assert block.language in EXECUTED


@pytest.mark.parametrize(
    "block", [block for block in BLOCKS if block.language == "python"], ids=str
)
async def test_a_python_block_runs(
    block: CodeBlock, served: list[web.Application]
) -> None:
    run_document(block.document, until=block)

    assert len(served) == ("run_app" in block.source)


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


def make_targets() -> set[str]:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z]+):", text, re.MULTILINE))


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
        case ["make", target]:
            return None if target in make_targets() else "no such target"
        case ["sh", script, *_]:
            return None if (ROOT / script).is_file() else "no such script"
        case [python, "-m", "pip", "install", *wanted] if is_python(python):
            return pip_objection(wanted)
        case [python, "-m", module, *_] if is_python(python):
            known = module in installed_by_extras() or importlib.util.find_spec(module)
            return None if known else "no such module"
    return "the test knows nothing of this command"


def is_python(name: str) -> bool:
    return name in ("python", "python3", ".venv/bin/python")


def pip_objection(wanted: list[str]) -> str | None:
    for each in wanted:
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
        "sh tests/missing.sh",
        "python -m pip install '.[nonsense]'",
        "python -m pip install serverwamp",
        "python -m no_such_module_anywhere",
        "rm -rf .",
    ],
)
def test_a_console_command_that_cannot_work_is_found(command: str) -> None:
    assert objection(command) is not None


# --- JavaScript ---------------------------------------------------------------------

CLIENTS = ROOT / "tests" / "interop" / "js"
#: Its JavaScript is one program: tests/docs/test_javascript.py runs it.
CLIENT_PAGE = ROOT / "docs" / "javascript.rst"


def for_node(source: str, url: str) -> str:
    """Point the code at `url`, and give it what node lacks: a browser's WebSocket."""
    options = '{ realm: "lobby" }'
    assert options in source
    return 'import WebSocket from "ws";\n' + source.replace(
        options, '{ realm: "lobby", ws: WebSocket }'
    ).replace("ws://localhost:8080/ws", url)


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
    block: CodeBlock, guide: Guide
) -> None:
    if not (CLIENTS / "node_modules" / "wampy").is_dir() or not shutil.which("node"):
        assert os.environ.get("ALLOW_MISSING_NODE") == "1", (
            "node or wampy.js is missing"
        )
        pytest.skip(
            "NOT CHECKED: JavaScript in the documents (node or wampy is missing)"
        )
    url = str(guide.client.make_url("/ws")).replace("http", "ws", 1)
    node = await asyncio.create_subprocess_exec(
        "node",
        "--input-type=module",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=CLIENTS,
    )

    printed, errors = await node.communicate(for_node(block.source, url).encode())

    expected = re.findall(r"console\.log\(.*\); // (.*)", block.source)
    assert expected, "a block that shows nothing proves nothing"
    assert errors.decode() == ""
    assert printed.decode().splitlines() == expected


# --- What README.rst says -----------------------------------------------------------


@pytest.fixture
async def shop(aiohttp_client: AiohttpClient, served: list[web.Application]) -> Any:
    run_document(README)
    (app,) = served
    return await aiohttp_client(app)


async def test_the_readme_refuses_who_has_not_signed_in(shop: Any) -> None:
    async with connected(shop) as guest:
        answer = await guest.hello("customers")

    assert answer[0] == 3
    assert answer[2] == "wamp.error.authentication_required"


async def test_the_readme_shop_fills_the_cart_and_tells_its_owner_only(
    shop: Any,
) -> None:
    await shop.post("/login", data={"name": "ann"})
    async with connected(shop) as other_window, connected(shop) as window:
        await other_window.join("customers")
        await other_window.subscribe("cart.changed")
        welcome = await window.join("customers")

        cart = await window.call("cart.add", "tea", quantity=2)
        told = await other_window.event()

        await shop.post("/login", data={"name": "bob"})
        async with connected(shop) as stranger:
            await stranger.join("customers")
            await stranger.call("cart.add", "milk")
        # Ann's window hears of Ann's next purchase, not of Bob's.
        await window.call("cart.add", "tea")
        told_next = await other_window.event()

        assert welcome["authid"] == "ann"
        assert cart == {"items": {"tea": 2}}
        assert told == [cart]
        assert told_next == [{"items": {"tea": 3}}]


async def test_the_readme_names_the_parameter_of_a_wrong_argument(shop: Any) -> None:
    await shop.post("/login", data={"name": "ann"})
    async with connected(shop) as window:
        await window.join("customers")

        error = await window.call_error("cart.add", "tea", "many")

    assert error[0] == "wamp.error.invalid_argument"
    assert "quantity" in str(error[1:])


# --- What docs/getting_started.rst says -----------------------------------------------


class Guide:
    """The finished application of the guide, served, and the names it defines."""

    def __init__(self, client: Any, names: dict[str, Any]) -> None:
        self.client = client
        self.names = names


@pytest.fixture
async def guide(aiohttp_client: AiohttpClient, served: list[web.Application]) -> Guide:
    names = run_document(GUIDE)
    (app,) = served
    return Guide(await aiohttp_client(app), names)


@pytest.fixture
async def guest(guide: Guide) -> Any:
    async with connected(guide.client) as client:
        await client.join("lobby")
        yield client


async def test_the_guide_adds_numbers(guest: RawClient) -> None:
    assert await guest.call("math.add", 2, 3) == 5


async def test_the_guide_books_from_a_mapping(guide: Guide, guest: RawClient) -> None:
    count = await guest.call("booking.make", {"guest": "Ann", "day": "2030-05-01"})

    (booking,) = guide.names["bookings"]
    assert count == 1
    assert (booking.day.year, booking.room) == (2030, "garden")


async def test_the_guide_names_a_wrong_argument(guest: RawClient) -> None:
    error = await guest.call_error("booking.make", {"guest": "Ann", "day": "soon"})

    assert error[0] == "wamp.error.invalid_argument"
    assert "booking" in str(error[1:])


async def test_the_guide_injects_the_session_and_a_default(guest: RawClient) -> None:
    assert "Old Mill" in await guest.call("house.welcome")


async def test_the_guide_raises_a_typed_error(guest: RawClient) -> None:
    assert await guest.call_error("booking.cancel", 7) == ["booking.error.unknown", [7]]


async def test_the_guide_publishes_from_an_http_handler(
    guide: Guide, guest: RawClient
) -> None:
    await guest.subscribe("news")

    await guide.client.post("/news", data="It rains")

    assert await guest.event() == [{"text": "It rains"}]


async def test_the_guide_accompanies_a_subscription(guide: Guide) -> None:
    async with connected(guide.client) as client:
        welcome_answer = await client.hello("lobby")
        await client.subscribe("bookings.changed")
        watching = set(guide.names["watching"])
        await client.leave()

    assert watching == {welcome_answer[1]}
    await guide.client.server.app["wamp"].close_sessions()
    assert guide.names["watching"] == set()


async def test_the_guide_reports_progress(guest: RawClient) -> None:
    first = await guest.request(
        CALL, {"receive_progress": True}, "report.make", [], {"pages": 2}
    )
    second, last = await guest.receive(), await guest.receive()

    assert [message[0] for message in (first, second, last)] == [RESULT] * 3
    assert [first[2], second[2]] == [{"progress": True}] * 2
    assert [first[3], second[3]] == [[{"page": n, "of": 2}] for n in (1, 2)]
    assert last[2:] == [{}, ["report.pdf"]]


async def test_the_guide_works_in_a_thread(guest: RawClient) -> None:
    assert len(await guest.call("password.stretch", "secret")) == 64


async def test_the_guide_signs_members_in_and_out(guide: Guide) -> None:
    async with connected(guide.client) as stranger:
        refusal = await stranger.hello("members")

    await guide.client.post("/login", data={"name": "ann"})
    async with connected(guide.client) as member:
        await member.join("members")
        name = await member.call("whoami")
        await guide.client.post("/logout")
        goodbye = await member.receive()

    assert refusal[2] == "wamp.error.authentication_required"
    assert name == "ann"
    assert goodbye[0] == 6


async def test_the_guide_permits_chat_to_members_but_for_moderators(
    guide: Guide,
) -> None:
    await guide.client.post("/login", data={"name": "ann"})
    async with connected(guide.client) as ann, connected(guide.client) as bob:
        await ann.join("members")
        await bob.join("members")
        await bob.subscribe("chat.garden")

        said = await ann.request(
            PUBLISH, {"acknowledge": True}, "chat.garden", ["Hello"]
        )
        heard = await bob.receive()
        refused = await ann.request(
            PUBLISH, {"acknowledge": True}, "chat.moderators", ["Hello"]
        )

    assert said[0] == PUBLISHED
    assert (heard[0], heard[4]) == (EVENT, ["Hello"])
    assert refused[4] == "wamp.error.not_authorized"
