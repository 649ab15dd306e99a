"""What every screen looks like: screenshots for people, and what can be checked."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.appearance import look
from tests.browser.person import DESK, PHONE, SMALL_PHONE, NewPerson, Person
from tests.browser.running_board import Board

SCREENS = {"desk": DESK, "phone": PHONE, "small-phone": SMALL_PHONE}
LONG_TITLE = "A title without any blanks: " + "x" * 120

# The board itself in every combination that people have, the rest in some; all but one
# of them are for ``make test-slow``.
FIRST = ("phone", "dark")
OTHERS = [("desk", "light"), ("small-phone", "light")]
SOME = [FIRST, *(pytest.param(*each, marks=pytest.mark.slow) for each in OTHERS)]
MORE = [
    *SOME,
    pytest.param("desk", "dark", marks=pytest.mark.slow),
    pytest.param("phone", "light", marks=pytest.mark.slow),
]

some_screens = pytest.mark.parametrize(("device", "scheme"), SOME)
more_screens = pytest.mark.parametrize(("device", "scheme"), MORE)


@pytest.fixture
def person(new_person: NewPerson, device: str, scheme: str) -> Person:
    return new_person(size=SCREENS[device], scheme=scheme)


@some_screens
def test_signing_in_and_out(
    person: Person, complaints: list[str], device: str, scheme: str
) -> None:
    def see(name: str) -> None:
        look(person.page, f"{name}-{device}-{scheme}")

    person.visit()
    see("sign-in")
    person.sign_in("ada", "wrong")
    see("wrong-password")
    complaints.clear()
    person.sign_in("ada")
    person.sees_state("Live")
    tab = person.another_tab()
    tab.visit()
    tab.sees_state("Live")
    tab.sign_out()
    expect(person.page.get_by_text("You are signed out")).to_be_visible()
    see("signed-out")
    person.visit()
    see("sign-in-again")


@more_screens
def test_the_board_of_a_team(
    new_person: NewPerson, person: Person, device: str, scheme: str
) -> None:
    def see(name: str) -> None:
        look(person.page, f"{name}-{device}-{scheme}")

    person.sign_in("ada")
    person.sees_state("Live")
    expect(person.page.get_by_text("Nothing to do.")).to_be_visible()
    see("empty")
    grace = new_person("grace")
    fill_the_board(person, grace)
    person.page.get_by_label("What needs doing?").fill("Plan the summer party")
    see("board")
    person.add("   ")
    see("refused")
    person.page.get_by_role("button", name="Export as CSV").click()
    expect(person.page.get_by_role("progressbar")).to_be_visible()
    see("export")
    person.page.get_by_role("button", name="Cancel").click()
    expect(person.page.locator("#export-status")).to_contain_text("Cancelled")
    person.page.get_by_role("button", name="Sign out Grace").click()
    expect(grace.page.get_by_text("An administrator signed you out")).to_be_visible()
    see("administration")
    look(grace.page, f"signed-out-by-administrator-{scheme}")


@some_screens
def test_the_editor(
    new_person: NewPerson, person: Person, device: str, scheme: str
) -> None:
    def see(name: str) -> None:
        look(person.page, f"{name}-{device}-{scheme}")

    person.sign_in("ada")
    grace = new_person("grace")
    person.add("Order new badges")
    person.edit("Order new badges")
    see("editor")
    person.write(title="")
    person.save()
    see("editor-refused")
    person.write(title="Order ten new badges")
    grace.edit("Order new badges")
    grace.write(title=LONG_TITLE, assignee="Linus")
    grace.save()
    person.sees_note("Grace changed this task meanwhile")
    see("editor-conflict")
    person.page.get_by_role("button", name="Delete…").click()
    see("editor-delete")
    grace.edit(LONG_TITLE)
    grace.delete()
    person.sees_note("Grace deleted this task meanwhile")
    see("editor-deleted")


@some_screens
def test_a_page_that_is_not_live(
    person: Person, board: Board, complaints: list[str], device: str, scheme: str
) -> None:
    def see(name: str) -> None:
        look(person.page, f"{name}-{device}-{scheme}")

    person.sign_in("ada")
    person.add("Order new badges")
    person.sees_open("Order new badges")
    board.stop()
    person.sees_state("Reconnecting…")
    see("away")
    person.edit("Order new badges")
    see("editor-away")
    board.start()
    person.sees_state("Live")
    complaints.clear()


@some_screens
def test_the_guests_page(
    new_person: NewPerson, person: Person, device: str, scheme: str
) -> None:
    person.visit("/guests")
    person.sees_state("Live")
    expect(person.page.get_by_text("Nothing is finished yet.")).to_be_visible()
    look(person.page, f"guests-empty-{device}-{scheme}")
    ada = new_person("ada")
    fill_the_board(ada, ada)
    expect(person.page.locator("#finished li")).to_have_count(2)
    look(person.page, f"guests-{device}-{scheme}")


def fill_the_board(ada: Person, grace: Person) -> None:
    titles = [
        "Water the plants on the second floor",
        LONG_TITLE,
        "Order new badges",
        "Ask the landlord about the heating, and do not take no for an answer",
    ]
    for number, title in enumerate(titles):
        author = (ada, grace)[number % 2]
        author.add(title)
        expect(grace.page.locator("#open-tasks .task")).to_have_count(number + 1)
    for title, assignee, due in (
        (titles[1], "Linus", "2026-01-01"),
        (titles[3], "Grace", "2099-12-31"),
    ):
        grace.edit(title)
        grace.write(assignee=assignee, due=due)
        grace.save()
        grace.has_saved()
    grace.tick(titles[0])
    grace.tick(titles[2])
    expect(ada.page.locator("#done-tasks .task")).to_have_count(2)
    expect(ada.page.locator("#open-tasks .assignee:visible")).to_have_count(2)
