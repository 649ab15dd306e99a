"""A task board for each test, and browsers to visit it with."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from example_app import passwords
from example_app.demo import add_demo_users
from example_app.store import Store
from tests.browser.person import DESK, NewPerson, Person
from tests.browser.running_board import Board

# The first, where it is installed, is Chromium without what only a screen needs.
CHROMIUM_NAMES = (
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
)
# What keeps a browser in a container quiet and at home.
CHROMIUM_ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def chromium() -> str:
    """Find Chromium: $CHROMIUM, else the usual names. Without it the tests fail."""
    named = os.environ.get("CHROMIUM")
    if named:
        return named
    for name in CHROMIUM_NAMES:
        found = shutil.which(name)
        if found is not None:
            return found
    if os.environ.get("ALLOW_MISSING_BROWSER") == "1":
        pytest.skip("NOT CHECKED: example_app in a browser (Chromium is missing)")
    pytest.fail(
        f"Chromium is missing: neither $CHROMIUM nor any of {CHROMIUM_NAMES} exists;"
        " install it, or set ALLOW_MISSING_BROWSER=1 to go without"
    )


# By module and not by session: while Playwright runs there is an event loop in this
# thread, and the asynchronous tests of other modules could not have theirs.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = chromium()
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=path, args=CHROMIUM_ARGUMENTS
        )
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def demo_users(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a database of the demo users, in which checking a password is cheap.

    How dear it is stands in the database. The board of test_picture.py makes its own.
    """
    path = tmp_path_factory.mktemp("board") / "demo-users.sqlite3"
    store = Store(path)
    store.open()
    with patch.multiple(passwords, COST=2, PARALLELISM=1):
        add_demo_users(store)
    store.close()
    return path


@pytest.fixture
def kind_of_board() -> type[Board]:
    """What serves it; a module may have another one."""
    return Board


@pytest.fixture
def board(
    tmp_path: Path, demo_users: Path, kind_of_board: type[Board]
) -> Iterator[Board]:
    running = kind_of_board(tmp_path)
    shutil.copy(demo_users, running.database)
    running.start()
    yield running
    running.stop()
    assert "Traceback" not in running.log, running.log
    assert "ERROR" not in running.log, running.log
    assert "WARNING" not in running.log, running.log


@pytest.fixture
def complaints() -> list[str]:
    """What browsers complained about; a test that expects some clears it."""
    return []


@pytest.fixture
def new_person(
    browser: Browser, board: Board, complaints: list[str]
) -> Iterator[NewPerson]:
    """Open browsers that know nothing of each other, each with its own cookies."""
    contexts = []

    def open_browser(
        name: str | None = None,
        *,
        size: tuple[int, int] = DESK,
        scheme: str = "light",
    ) -> Person:
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if scheme == "dark" else "light",
            reduced_motion="reduce",
        )
        context.set_default_timeout(15_000)
        contexts.append(context)
        person = Person(context.new_page(), board, complaints)
        if name is not None:
            person.sign_in(name)
            person.sees_state("Live")
        return person

    expect.set_options(timeout=15_000)
    yield open_browser
    for context in contexts:
        context.close()
    assert complaints == []
