"""The tutorial's program and page as a reader has them at its end: python app.py."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from playwright.sync_api import Browser, Page, expect

from growing_program import TUTORIAL, files_after
from tests.browser.running_board import PROJECT, free_port


@pytest.fixture
def mill(tmp_path: Path) -> Iterator[str]:
    """Run ``python app.py`` on a free port, and return its URL."""
    port = free_port()
    for name, text in files_after(TUTORIAL / "deploying.rst").items():
        if name == "app.py":
            assert text.count("run_app(make_app())") == 1
            ours = f'run_app(make_app(), host="127.0.0.1", port={port})'
            text = text.replace("run_app(make_app())", ours)
        (tmp_path / name).write_text(text, encoding="utf-8")
    with (tmp_path / "log").open("wb") as log:
        running = subprocess.Popen(
            [sys.executable, "app.py"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(PROJECT)},
            stdout=log,
            stderr=log,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until_it_answers(url, running)
        yield url
        running.terminate()
        assert running.wait(20) == 0
    finally:
        running.kill()
        running.wait()
    assert "Traceback" in (tmp_path / "log").read_text(), "the page's own division by 0"


def wait_until_it_answers(url: str, running: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        assert running.poll() is None, "it has ended"
        try:
            with urlopen(url, timeout=5):
                return
        except URLError:
            time.sleep(0.05)
    raise AssertionError("it does not answer")


def window(browser: Browser, url: str, name: str) -> Page:
    """Open the page in a browser of its own, and sign in."""
    page = browser.new_context().new_page()
    page.goto(url)
    page.get_by_placeholder("Your name").fill(name)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("#state")).to_have_text("Live")
    return page


def submit(page: Page, form: str, **values: str) -> None:
    for name, value in values.items():
        page.locator(f"#{form} [name={name}]").fill(value)
    page.locator(f"#{form} button").click()


def test_the_page_does_what_each_page_of_the_tutorial_says(
    browser: Browser, mill: str
) -> None:
    expect.set_options(timeout=15_000)
    ann, bob = window(browser, mill, "ann"), window(browser, mill, "bob")

    submit(bob, "book", guest="Cleo", day="2030-05-01")
    for page in (ann, bob):
        expect(page.locator("#bookings li")).to_have_text(["2030-05-01 Cleo"])

    submit(bob, "cancel", guest="Cleo")
    expect(bob.locator("#state")).to_contain_text("wamp.error.not_authorized")
    submit(ann, "cancel", guest="Dirk")
    expect(ann.locator("#state")).to_have_text("mill.error.no_such_booking: Dirk")
    submit(ann, "cancel", guest="Cleo")
    expect(bob.locator("#bookings li")).to_have_count(0)

    submit(bob, "note", text="Coffee?")
    expect(ann.locator("#said")).to_have_text("Coffee?")
    expect(bob.locator("#state")).to_have_text("Live")
    submit(ann, "average")
    expect(ann.locator("#state")).to_contain_text("wamp.error.runtime_error")

    second = ann.context.new_page()
    second.goto(mill)
    expect(second.locator("#state")).to_have_text("Live")
    second.get_by_role("button", name="Sign out").click()
    expect(ann.locator("#state")).to_have_text("wamp.close.logout")
    for page in (ann, bob):
        page.context.close()
