"""Who is online, and the administrator who signs somebody out."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.person import PHONE, NewPerson
from tests.browser.running_board import Board


def test_everybody_sees_who_is_online_each_person_once(new_person: NewPerson) -> None:
    ada = new_person("ada")
    ada.sees_online("Ada (you)")

    grace = new_person("grace", size=PHONE)
    second_tab = grace.another_tab()
    second_tab.visit()
    second_tab.sees_online("Ada", "Grace (you)")
    ada.sees_online("Ada (you)", "Grace")

    second_tab.page.close()
    grace.sees_online("Ada", "Grace (you)")
    grace.sign_out()
    ada.sees_online("Ada (you)")


def test_presence_is_right_again_after_a_restart(
    new_person: NewPerson, board: Board, complaints: list[str]
) -> None:
    ada, grace, linus = (new_person(name) for name in ("ada", "grace", "linus"))
    ada.sees_online("Ada (you)", "Grace", "Linus")

    board.stop()
    linus.page.close()
    board.start()

    ada.sees_online("Ada (you)", "Grace")
    grace.sees_online("Ada", "Grace (you)")
    complaints.clear()


def test_only_an_administrator_sees_the_administration(new_person: NewPerson) -> None:
    ada, grace = new_person("ada"), new_person("grace")

    expect(ada.page.get_by_text("Who is signed in")).to_be_visible()
    expect(ada.page.locator("#accounts li")).to_contain_text(
        ["1 tab open", "1 tab open", "not signed in"]
    )
    expect(grace.page.get_by_text("Who is signed in")).to_be_hidden()
    # Nobody is offered to sign themselves out there.
    sign_out = ada.page.locator("#accounts button:visible")
    expect(sign_out).to_have_count(1)
    expect(sign_out).to_have_accessible_name("Sign out Grace")


def test_who_is_signed_out_by_an_administrator_is_told_and_stays_away(
    new_person: NewPerson,
) -> None:
    ada, grace = new_person("ada"), new_person("grace")
    second_tab = grace.another_tab()
    second_tab.visit()
    second_tab.sees_state("Live")
    phone = new_person("grace", size=PHONE)
    ada.add("secret plan")
    phone.sees_open("secret plan")
    expect(ada.page.locator("#accounts")).to_contain_text("3 tabs open")

    ada.page.get_by_role("button", name="Sign out Grace").click()

    expect(ada.page.locator("#admin-status")).to_have_text(
        "Grace is signed out everywhere."
    )
    for person in (grace, second_tab, phone):
        heading = person.page.get_by_role("heading", name="An administrator signed you")
        expect(heading).to_be_visible()
        expect(heading).to_be_focused()
        person.sees_state("Signed out")
        expect(person.page.get_by_text("secret plan")).to_have_count(0)
    ada.sees_online("Ada (you)")
    expect(ada.page.locator("#accounts li").nth(1)).to_contain_text("not signed in")

    # The cookie is still in the browser, and opens nothing.
    phone.page.reload()
    expect(phone.page).to_have_url(re.compile(r"/sign-in$"))
    expect(phone.page.get_by_text("You have been signed out.")).to_be_visible()
    assert len(grace.sockets) == 1, "it came back"

    phone.sign_in("grace")
    phone.sees_state("Live")
    ada.sees_online("Ada (you)", "Grace")


def test_a_tab_that_was_away_when_its_member_was_signed_out_says_so(
    new_person: NewPerson, board: Board, complaints: list[str]
) -> None:
    ada, grace = new_person("ada"), new_person("grace")
    # Nobody can say goodbye to a tab that is away.
    grace.stops_the_clock()
    board.stop()
    grace.sees_state("Reconnecting…")
    board.start()
    ada.sees_state("Live")
    ada.page.get_by_role("button", name="Sign out Grace").click()
    expect(ada.page.locator("#admin-status")).to_contain_text("signed out")

    grace.page.get_by_role("button", name="Try now").click()

    expect(
        grace.page.get_by_role("heading", name="Please sign in again")
    ).to_be_visible()
    grace.page.get_by_role("link", name="Sign in again").click()
    expect(grace.page.get_by_text("You have been signed out.")).to_be_visible()
    complaints.clear()
