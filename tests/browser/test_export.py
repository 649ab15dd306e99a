"""The export with its progress bar, as people with browsers use it."""

from __future__ import annotations

import csv
import re
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.person import PHONE, NewPerson, Person
from tests.browser.running_board import Board


def fill(person: Person, count: int) -> None:
    for number in range(count):
        response = person.page.context.request.post(
            f"{person.board.url}/tasks", data={"title": f"task {number}"}
        )
        assert response.status == 201


def test_the_export_is_a_file_of_all_tasks(new_person: NewPerson) -> None:
    grace = new_person("grace")
    fill(grace, 5)
    grace.add("=HYPERLINK(0)")

    with grace.page.expect_download() as download:
        grace.page.get_by_role("button", name="Export as CSV").click()
        expect(grace.page.get_by_text(re.compile(r"[246] of 6 tasks"))).to_be_visible()

    expect(grace.page.locator("#export-status")).to_have_text("Exported 6 tasks.")
    assert re.fullmatch(
        r"tasks-\d{4}-\d\d-\d\d\.csv", download.value.suggested_filename
    )
    content = Path(download.value.path()).read_bytes()
    assert content.startswith(b"\xef\xbb\xbf"), "spreadsheets guess the encoding"
    _, *rows = csv.reader(content.decode("utf-8-sig").splitlines())
    titles = [row[0] for row in rows]
    assert titles == [*(f"task {number}" for number in range(5)), "'=HYPERLINK(0)"]


def test_a_cancelled_export_says_so_and_can_be_begun_again(
    new_person: NewPerson,
) -> None:
    grace = new_person("grace", size=PHONE)
    fill(grace, 40)
    start = grace.page.get_by_role("button", name="Export as CSV")
    cancel = grace.page.locator("#export-cancel")
    downloads: list[object] = []
    grace.page.on("download", lambda download: downloads.append(download))

    start.focus()
    grace.page.keyboard.press("Enter")
    expect(grace.page.get_by_text("of 40 tasks")).to_be_visible()
    # One button takes the other's place, under the keyboard as well.
    expect(cancel).to_be_focused()
    grace.page.keyboard.press("Enter")

    expect(grace.page.locator("#export-status")).to_have_text(
        "Cancelled. No file was made."
    )
    expect(grace.page.get_by_role("progressbar")).to_be_hidden()
    expect(start).to_be_focused()
    # Nothing comes any more: the next answer is that of a call made after it.
    heard = len(grace.frames)
    grace.add("after it")
    grace.sees_open("after it", *(f"task {n}" for n in reversed(range(40))))
    assert not any("written" in frame for frame in grace.frames[heard:])
    assert downloads == []

    start.click()
    expect(grace.page.get_by_text("of 41 tasks")).to_be_visible()


def test_an_export_whose_server_goes_away_says_so(
    new_person: NewPerson, board: Board, complaints: list[str]
) -> None:
    grace = new_person("grace")
    fill(grace, 20)
    grace.page.get_by_role("button", name="Export as CSV").click()
    expect(grace.page.get_by_text("of 20 tasks")).to_be_visible()

    board.stop()

    told = re.compile("interrupted this|connection was lost")
    expect(grace.page.locator("#export-problem")).to_contain_text(told)
    expect(grace.page.get_by_role("button", name="Export as CSV")).to_be_disabled()
    board.start()
    expect(grace.page.get_by_role("button", name="Export as CSV")).to_be_enabled()
    complaints.clear()
