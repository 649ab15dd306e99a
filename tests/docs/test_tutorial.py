"""What each page of the tutorial says is what its program does by then."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from aiohttp_serverwamp.errors import (
    ApplicationError,
    InvalidArgument,
    NotAuthorized,
    RuntimeFailure,
)
from aiohttp_serverwamp.testing import (
    JoinRejected,
    WAMPClient,
    another_browser,
    connect,
    serving,
)
from growing_program import TUTORIAL, files_after, grown, pages
from tests.code_blocks import code_blocks

ROOT = Path(__file__).parents[2]
#: Without it a browser asks for one, and shows that there is none.
ICON = '<link rel="icon" href="data:,">'
PAGES = [page.stem for page in pages()]


def app_after(page: str, folder: Path) -> web.Application:
    """Write the files that a reader of the page has, and make the application."""
    for name, text in files_after(TUTORIAL / f"{page}.rst").items():
        (folder / name).write_text(text, encoding="utf-8")
    return app_in(folder)


def app_in(folder: Path) -> web.Application:
    """Make the application of a folder."""
    spec = importlib.util.spec_from_file_location("app", folder / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    app: web.Application = module.make_app()
    return app


@asynccontextmanager
async def signed_in(
    http: aiohttp.ClientSession, name: str
) -> AsyncIterator[WAMPClient]:
    """Join in a browser of one's own."""
    async with another_browser(http) as browser:
        await browser.post("/login", data={"name": name})
        async with connect(browser, realm="mill") as client:
            yield client


def port_of(http: aiohttp.ClientSession) -> int | None:
    return http._build_url("/").port


async def printed_by(script: str, folder: Path, http: aiohttp.ClientSession) -> str:
    """Run a file of the tutorial against another address, and return its output."""
    file = folder / script
    text = file.read_text(encoding="utf-8")
    assert text.count("http://localhost:8080") == 1
    here = f"http://localhost:{port_of(http)}"
    file.write_text(text.replace("http://localhost:8080", here), encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        script,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    return output.decode() + errors.decode()


def promised_output(page: str, command: str) -> str:
    """Return what the page shows below a command."""
    for block in code_blocks(TUTORIAL / f"{page}.rst"):
        first, _, rest = block.source.partition("\n")
        if first == f"$ {command}":
            assert rest, "a command whose output is not shown"
            return rest
    raise AssertionError(f"{page} has no {command!r}")


# --- Every page -----------------------------------------------------------------------


def test_the_tutorial_has_its_pages() -> None:
    on_disk = {path.stem for path in TUTORIAL.glob("*.rst")} - {"index"}

    assert len(PAGES) == 8
    assert set(PAGES) == on_disk


@pytest.mark.parametrize("page", PAGES)
def test_a_block_says_which_file_it_belongs_to(page: str) -> None:
    blocks = code_blocks(TUTORIAL / f"{page}.rst")

    assert [b for b in blocks if not b.file and b.language != "console"] == []


@pytest.mark.parametrize("page", PAGES)
def test_a_page_shows_its_whole_file_and_what_comes_next(page: str) -> None:
    text = (TUTORIAL / f"{page}.rst").read_text(encoding="utf-8")
    changes_app = any(
        block.file == "app.py" for block in code_blocks(TUTORIAL / f"{page}.rst")
    )

    assert (".. whole-file:: app.py" in text) == changes_app
    assert "**Next:**" in text or page == PAGES[-1]


@pytest.mark.parametrize("page", PAGES)
def test_the_files_of_a_page_are_in_good_order(page: str, tmp_path: Path) -> None:
    for name, text in files_after(TUTORIAL / f"{page}.rst").items():
        (tmp_path / name).write_text(text, encoding="utf-8")

    for command in (["format", "--check"], ["check", "--select", "E,F,I,B,UP"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--isolated", "app.py"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_program_grows_by_name() -> None:
    first = "import sys\nX = 1\n\ndef f():\n    return X\n\nif __name__:\n    f()\n"
    second = "import os\n\n# Better.\ndef f():\n    return Y\n\nY = 2\n"

    assert grown([first, second]) == (
        "import os\nimport sys\n\nX = 1\n\n\n# Better.\ndef f():\n    return Y\n\n\n"
        "Y = 2\n\n\nif __name__:\n    f()\n"
    )


# --- Page by page ---------------------------------------------------------------------


async def test_the_first_procedure_is_called(tmp_path: Path) -> None:
    async with serving(app_after("first_procedure", tmp_path)) as http:
        output = await printed_by("ask.py", tmp_path, http)
        async with connect(http, realm="any.name") as client:
            with pytest.raises(InvalidArgument, match="nights"):
                await client.call("booking.make", "Ann", nights="two")

    assert output == promised_output("first_procedure", "python ask.py")


async def test_only_members_come_in_and_signing_out_ends_their_sessions(
    tmp_path: Path,
) -> None:
    async with serving(app_after("signing_in", tmp_path)) as http:
        async with http.get("/") as response:
            form = await response.text()
            assert "Sign in" in form
            assert ICON in form
        with pytest.raises(JoinRejected, match="authentication_required"):
            async with connect(http, realm="mill"):
                pass
        await http.post("/login", data={"name": "ann"})
        async with connect(http, realm="mill") as ann:
            async with http.get("/") as response:
                page = await response.text()
                assert "<h1>The Old Mill</h1>" in page
                assert ICON in page
            made = await ann.call("booking.make", "Cleo", "2030-05-01")
            assert made == "ann has a room for Cleo from 2030-05-01"
            await http.post("/logout")
            await ann.close_code()

            assert ann.ended == "wamp.close.logout"
        refused = await printed_by("ask.py", tmp_path, http)
        with pytest.raises(JoinRejected, match="no_such_realm"):
            async with connect(http, realm="elsewhere"):
                pass

    assert "wamp.error.authentication_required" in refused


async def test_every_window_hears_of_a_booking(tmp_path: Path) -> None:
    async with (
        serving(app_after("first_topic", tmp_path)) as http,
        signed_in(http, "ann") as one,
        signed_in(http, "bob") as other,
    ):
        changes = await other.subscribe("booking.changed")
        made = await one.call("booking.make", "Cleo", "2030-05-01")

        assert made == {"guest": "Cleo", "day": "2030-05-01", "nights": 1}
        assert (await changes.next()).args == [[made]]
        assert await other.call("booking.list") == [made]


async def test_the_owner_cancels_and_all_talk(tmp_path: Path) -> None:
    async with (
        serving(app_after("permissions", tmp_path)) as http,
        signed_in(http, "bob") as bob,
        signed_in(http, "ann") as ann,
    ):
        await bob.call("booking.make", "Cleo", "2030-05-01")
        with pytest.raises(NotAuthorized):
            await bob.call("booking.cancel", "Cleo")
        await ann.call("booking.cancel", "Cleo")
        assert await bob.call("booking.list") == []

        notes = await ann.subscribe("desk.notes")
        own = await bob.subscribe("desk.notes")
        await bob.publish("desk.notes", "hello")
        assert (await notes.next()).args == ["hello"]
        await ann.publish("desk.notes", "well?")
        assert (await own.next()).args == ["well?"]
        with pytest.raises(NotAuthorized):
            await bob.publish("booking.changed", [])


async def test_errors_are_what_the_page_says(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        serving(app_after("errors", tmp_path)) as http,
        signed_in(http, "ann") as ann,
    ):
        with pytest.raises(ApplicationError) as missing:
            await ann.call("booking.cancel", "Cleo")
        with pytest.raises(RuntimeFailure) as failed:
            await ann.call("booking.average")

    assert (missing.value.uri, missing.value.args) == (
        "mill.error.no_such_booking",
        ("Cleo",),
    )
    assert failed.value.args == ()
    assert "ZeroDivisionError" in caplog.text


async def test_progress_is_printed_as_the_page_shows(tmp_path: Path) -> None:
    async with serving(app_after("progress", tmp_path)) as http:
        output = await printed_by("print_invoices.py", tmp_path, http)

    assert output == promised_output("progress", "python print_invoices.py")


async def test_a_generator_without_a_result_answers_none(tmp_path: Path) -> None:
    program = tmp_path / "app.py"
    app_after("progress", tmp_path)
    end = "    yield serverwamp.RPCResult([len(house.bookings)])\n"
    text = program.read_text(encoding="utf-8")
    assert end in text
    program.write_text(text.replace(end, ""), encoding="utf-8")
    async with serving(app_in(tmp_path)) as http, signed_in(http, "ann") as ann:
        assert await ann.call("invoice.print_all") is None


def test_the_tests_of_the_tutorial_pass(tmp_path: Path) -> None:
    app_after("testing", tmp_path)
    command = "-m pytest --asyncio-mode=auto"
    page = (TUTORIAL / "testing.rst").read_text(encoding="utf-8")
    assert f"$ python {command}" in page

    done = subprocess.run(
        [sys.executable, *command.split(), "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"\b2 passed", done.stdout)


def printed_by_program(program: str) -> str:
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.strip()


async def test_the_deployed_application_keeps_its_key_and_its_cookie_to_https(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (TUTORIAL / "deploying.rst").read_text(encoding="utf-8")
    (program,) = re.findall(r'\$ python -c "(.*)"', page)
    monkeypatch.setenv("MILL_KEY", printed_by_program(program))
    headers: dict[str, str] = {}

    for signs_in in (True, False):
        app = app_after("deploying", tmp_path)
        async with serving(app) as http:
            if signs_in:
                headers = {"Cookie": await secure_cookie(http)}
            # Over plain HTTP, as the proxy hands on what a browser sends by HTTPS.
            async with connect(http, realm="mill", headers=headers) as ann:
                assert ann.welcome["authid"] == "ann"


async def secure_cookie(http: aiohttp.ClientSession) -> str:
    """Sign in, and return the cookie as a browser sends it."""
    login = http.post("/login", data={"name": "ann"}, allow_redirects=False)
    async with login as response:
        (cookie,) = response.cookies.values()
    assert cookie["secure"]
    assert cookie["samesite"] == "Lax"
    return f"{cookie.key}={cookie.coded_value}"
