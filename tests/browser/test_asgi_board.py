"""The task board by ASGI, on Hypercorn and trio, signed in by ticket."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.appearance import SCREENSHOTS
from tests.browser.person import NewPerson
from tests.browser.running_board import ASGIBoard, Board


@pytest.fixture
def kind_of_board() -> type[Board]:
    return ASGIBoard


def test_who_signs_in_by_ticket_sees_what_another_browser_adds(
    new_person: NewPerson,
) -> None:
    ada, grace = new_person("ada"), new_person("grace")
    ada.sees_online("Ada (you)", "Grace")
    expect(ada.page.locator("#member-role")).to_have_text("Administrator")

    ada.add("Water the plants")
    grace.sees_open("Water the plants")
    grace.tick("Water the plants")
    ada.sees_done("Water the plants")

    expect(ada.page.locator("#accounts")).to_contain_text("1 tab open")
    expect(ada.page.locator("#sign-in")).to_be_hidden()
    SCREENSHOTS.mkdir(exist_ok=True)
    ada.page.screenshot(path=SCREENSHOTS / "asgi-board.png")


def test_until_it_is_known_who_is_there_the_page_shows_nothing_else(
    new_person: NewPerson,
) -> None:
    visitor = new_person()

    visitor.visit()

    expect(visitor.page.get_by_role("button", name="Sign in")).to_be_visible()
    for part in (".bar", ".board", ".footer"):
        expect(visitor.page.locator(part)).to_be_hidden()
    assert visitor.sockets == []
    SCREENSHOTS.mkdir(exist_ok=True)
    visitor.page.screenshot(path=SCREENSHOTS / "asgi-sign-in.png")


def test_a_wrong_password_opens_nothing_and_the_right_one_does_afterwards(
    new_person: NewPerson,
) -> None:
    visitor = new_person()

    visitor.sign_in("ada", "wrong")

    expect(visitor.page.get_by_text("do not belong together")).to_be_visible()
    expect(visitor.page.locator("#board")).to_be_hidden()
    visitor.page.get_by_role("link", name="Sign in again").click()
    expect(visitor.page).to_have_url(re.compile(r"/sign-in$"))
    visitor.sign_in("ada")
    visitor.sees_state("Live")


def test_the_ticket_is_kept_for_a_lost_connection_and_ends_with_the_page(
    new_person: NewPerson, board: Board, complaints: list[str]
) -> None:
    ada, grace = new_person("ada"), new_person("grace")
    for person in (ada, grace):
        person.stops_the_clock()

    board.stop()
    ada.sees_state("Reconnecting…")
    board.start()
    for person in (ada, grace):
        person.page.get_by_role("button", name="Try now").click()
        person.sees_state("Live")
    complaints.clear()

    ada.sign_out()
    expect(ada.page.get_by_role("button", name="Sign in")).to_be_visible()
    grace.sees_online("Grace (you)")


def test_an_administrator_signs_somebody_out(new_person: NewPerson) -> None:
    ada, grace = new_person("ada"), new_person("grace")

    ada.page.get_by_role("button", name="Sign out Grace").click()

    expect(grace.page.get_by_text("An administrator signed you out")).to_be_visible()
    ada.sees_online("Ada (you)")


def test_the_export_and_the_guests_page_work_as_well(new_person: NewPerson) -> None:
    ada, guest = new_person("ada"), new_person()
    guest.visit("/guests")
    guest.sees_state("Live")

    ada.add("Water the plants")
    expect(guest.page.locator("#open-count")).to_have_text("1")
    with ada.page.expect_download() as download:
        ada.page.get_by_role("button", name="Export as CSV").click()

    assert "Water the plants" in download.value.path().read_text("utf-8")
