"""The page for guests: live, without a cookie, in a realm of its own."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.person import DESK, PHONE, NewPerson, Person
from tests.browser.running_board import Board
from tests.browser.slow_line import SlowLine


@pytest.mark.parametrize("size", [DESK, PHONE])
def test_guests_see_live_what_the_team_has_finished(
    new_person: NewPerson, size: tuple[int, int]
) -> None:
    ada, guest = new_person("ada"), new_person(size=size)
    guest.visit("/guests")
    guest.sees_state("Live")
    expect(guest.page.get_by_text("Nothing is finished yet.")).to_be_visible()

    ada.add("Buy milk")
    expect(guest.page.locator("#open-count")).to_have_text("1")
    # What is not finished is only counted.
    expect(guest.page.get_by_text("Buy milk")).to_have_count(0)
    ada.tick("Buy milk")

    expect(guest.page.locator("#finished li")).to_contain_text(["Buy milk"])
    expect(guest.page.locator("#finished li")).to_contain_text("Ada, just now")
    expect(guest.page.locator("#open-count")).to_have_text("0")
    expect(guest.page.locator("#done-count")).to_have_text("1")
    assert guest.page.context.cookies() == []


def test_a_second_finished_task_is_news(new_person: NewPerson) -> None:
    ada, guest = new_person("ada"), new_person()
    for title in ("one", "two"):
        ada.add(title)
    ada.tick("one")
    ada.sees_done("one")
    guest.visit("/guests")
    expect(guest.page.locator("#finished li")).to_have_count(1)
    expect(guest.page.locator("#news")).to_be_empty()

    ada.tick("two")

    expect(guest.page.locator("#news")).to_have_text("Ada finished “two”")


def test_the_guests_page_comes_back_after_a_restart(
    new_person: NewPerson, board: Board, complaints: list[str]
) -> None:
    guest = new_person()
    guest.visit("/guests")
    guest.sees_state("Live")

    board.stop()
    guest.sees_state("Reconnecting…")
    expect(guest.page.get_by_text("Not live just now.")).to_be_visible()
    board.start()

    guest.sees_state("Live")
    expect(guest.page.get_by_text("Not live just now.")).to_be_hidden()
    complaints.clear()


def test_the_members_page_leads_there_and_back(new_person: NewPerson) -> None:
    ada = new_person("ada")

    ada.page.get_by_role("link", name="What guests see").click()
    ada.sees_state("Live")
    expect(ada.page.get_by_role("heading", level=1)).to_have_text(
        "What the team is doing"
    )
    ada.page.get_by_role("link", name="Sign in").click()

    expect(ada.page.locator("#member-name")).to_have_text("Ada")


def look_in_beside(member: Person) -> Person:
    """Open the guests' page in a member's browser, and note what it says of itself."""
    guest = member.another_tab()
    guest.page.add_init_script(
        """addEventListener("DOMContentLoaded", () => {
            const connection = document.getElementById("connection");
            new MutationObserver(() => {
                document.documentElement.dataset.said += ` ${connection.textContent}`;
            }).observe(connection, {childList: true});
        })"""
    )
    return guest


def comes_back(guest: Person) -> None:
    page = guest.page.locator("html")
    expect(page).to_have_attribute("data-said", re.compile("Live .* Live"))
    expect(page).not_to_have_attribute("data-said", re.compile("Signed out"))


def test_a_guest_stays_when_the_member_with_the_same_browser_signs_out(
    new_person: NewPerson,
) -> None:
    ada = new_person("ada")
    guest = look_in_beside(ada)
    guest.visit("/guests")
    guest.sees_state("Live")

    ada.sign_out()

    comes_back(guest)
    grace = new_person("grace")
    grace.add("Buy milk")
    expect(guest.page.locator("#open-count")).to_have_text("1")


@pytest.mark.parametrize(
    ("reason", "code"), [("wamp.close.expired", 4408), ("wamp.close.killed", 4403)]
)
def test_a_guest_stays_whatever_ends_the_sign_in_of_the_browser(
    new_person: NewPerson, reason: str, code: int
) -> None:
    guest = look_in_beside(new_person("ada"))
    line = SlowLine(guest.page)
    guest.visit("/guests")
    guest.sees_state("Live")

    line.end(reason, code)

    comes_back(guest)
