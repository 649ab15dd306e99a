"""The task board while its server restarts, also with a hundred tabs at once."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.person import NewPerson
from tests.browser.running_board import Board
from tests.browser.storm import Storm

TABS = 100


def test_the_board_comes_back_by_itself_after_a_restart_of_the_server(
    new_person: NewPerson, board: Board, complaints: list[str]
) -> None:
    ada, grace = new_person("ada"), new_person("grace")
    ada.add("before")
    grace.sees_open("before")
    ada.page.get_by_label("What needs doing?").fill("aft")

    board.stop()
    ada.sees_state("Reconnecting…")
    expect(ada.page.get_by_text("Not live just now.")).to_be_visible()
    expect(ada.page.get_by_role("button", name="Add", exact=True)).to_be_disabled()
    expect(ada.page.get_by_role("checkbox", name="before")).to_be_disabled()
    expect(ada.page.get_by_role("button", name="Sign out Grace")).to_be_disabled()
    # Nothing typed is lost, before or meanwhile.
    ada.page.get_by_label("What needs doing?").press_sequentially("er")
    board.start()

    ada.sees_state("Live")
    grace.sees_state("Live")
    expect(ada.page.get_by_text("Not live just now.")).to_be_hidden()
    expect(ada.page.get_by_label("What needs doing?")).to_have_value("after")
    ada.page.get_by_role("button", name="Add", exact=True).click()
    grace.sees_open("after", "before")
    # Chromium reports each attempt that found nobody.
    assert [text for text in complaints if "ERR_CONNECTION" not in text] == []
    complaints.clear()


def test_who_does_not_want_to_wait_may_try_at_once(
    new_person: NewPerson, board: Board, complaints: list[str]
) -> None:
    ada = new_person("ada")
    ada.stops_the_clock()
    board.stop()
    ada.sees_state("Reconnecting…")
    board.start()
    expect(ada.page.get_by_role("button", name="Try now")).to_be_visible()

    ada.page.get_by_role("button", name="Try now").click()

    ada.sees_state("Live")
    complaints.clear()


def test_a_hundred_tabs_come_back_at_once_and_all_are_welcome(
    new_person: NewPerson, board: Board, complaints: list[str]
) -> None:
    ada, grace = new_person("ada"), new_person("grace")
    cookies = [
        {cookie["name"]: cookie["value"] for cookie in person.page.context.cookies()}
        for person in (ada, grace)
    ]
    storm = Storm(board, cookies, tabs=TABS)
    storm.start()
    try:
        storm.wait_for(welcomes=1)
        expect(ada.page.locator("#accounts li").nth(1)).to_contain_text(
            f"{TABS // 2 + 1} tabs open"
        )

        board.stop()
        ada.sees_state("Reconnecting…")
        board.start()

        storm.wait_for(welcomes=2)
        ada.sees_state("Live")
        grace.sees_state("Live")
        ada.add("after the storm")
        grace.sees_open("after the storm")
        ada.sees_online("Ada (you)", "Grace")
    finally:
        storm.stop()
    complaints.clear()
