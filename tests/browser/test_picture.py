"""The picture of the board in the documentation; ``make picture`` takes it anew."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.appearance import SCREENSHOTS
from tests.browser.person import NewPerson
from tests.browser.running_board import Board

SIZE = (1200, 800)
LARGEST = 150_000


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Board]:
    """A board as it is at its first start, with the demo tasks."""
    running = Board(tmp_path, empty=False)
    running.start()
    yield running
    running.stop()


def test_the_picture_shows_two_people_at_work(new_person: NewPerson) -> None:
    ada = new_person("ada", size=SIZE)
    grace = new_person("grace")
    grace.tick("Ask the landlord about the heating")
    grace.edit("Find a room for the summer party")
    grace.write(assignee="Grace")
    grace.save()
    grace.has_saved()
    ada.sees_online("Ada (you)", "Grace")
    expect(ada.page.locator("#done-tasks .task")).to_have_count(4)
    expect(ada.page.locator("#accounts")).to_contain_text("1 tab open")
    ada.page.get_by_label("What needs doing?").fill("Book the train to the conference")

    SCREENSHOTS.mkdir(exist_ok=True)
    path = Path(os.environ.get("BOARD_PICTURE", SCREENSHOTS / "picture.png"))
    ada.page.screenshot(path=path)

    assert path.stat().st_size < LARGEST
