"""The lists of the task board, as people with browsers have them."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from playwright.sync_api import expect

from tests.browser.person import DESK, PHONE, NewPerson, hears_no_events
from tests.browser.running_board import Board


@pytest.mark.parametrize("size", [DESK, PHONE])
def test_what_one_adds_and_completes_the_other_sees_without_a_reload(
    new_person: NewPerson, size: tuple[int, int]
) -> None:
    ada, grace = new_person("ada"), new_person("grace", size=size)
    grace.page.evaluate("window.notReloaded = true")

    ada.add("Buy milk")
    grace.sees_open("Buy milk")
    ada.sees_open("Buy milk")
    expect(grace.page.locator(".task-about")).to_contain_text("Added by Ada")
    expect(grace.page.locator("#news")).to_have_text("Ada added “Buy milk”")

    grace.tick("Buy milk")
    ada.sees_done("Buy milk")
    ada.sees_open()
    expect(ada.page.locator(".task-about")).to_contain_text("Done by Grace")
    expect(ada.page.locator("#news")).to_have_text("Grace finished “Buy milk”")

    ada.tick("Buy milk")
    grace.sees_open("Buy milk")
    grace.sees_done()

    assert grace.page.evaluate("window.notReloaded") is True


def test_the_author_sees_a_task_once(new_person: NewPerson) -> None:
    ada = new_person("ada")

    ada.add("first")
    ada.sees_open("first")
    ada.add("second")

    ada.sees_open("second", "first")


def test_a_newcomer_finds_what_is_on_the_board(new_person: NewPerson) -> None:
    ada = new_person("ada")
    ada.add("open")
    ada.sees_open("open")
    ada.add("done")
    ada.sees_open("done", "open")
    ada.tick("done")
    ada.sees_done("done")

    linus = new_person("linus")

    linus.sees_open("open")
    linus.sees_done("done")


def test_a_title_with_markup_stays_text_on_the_board(new_person: NewPerson) -> None:
    ada, grace = new_person("ada"), new_person("grace")
    title = "<img src=x onerror=alert(1)><b>bold</b> & «ünï» 🚀"

    ada.add(title)

    grace.sees_open(title)
    expect(grace.page.locator("main img, main b")).to_have_count(0)


def test_a_title_of_blanks_is_refused_in_words(new_person: NewPerson) -> None:
    ada = new_person("ada")

    ada.add("   ")

    expect(ada.page.locator("#add-problem")).to_contain_text("needs a title")
    ada.sees_open()
    ada.add("something")
    ada.sees_open("something")
    expect(ada.page.locator("#add-problem")).to_be_empty()


def test_a_task_posted_by_http_is_on_every_open_board(new_person: NewPerson) -> None:
    ada, grace = new_person("ada"), new_person("grace")

    # With the cookies of Grace's browser, as a script of hers would.
    response = grace.page.context.request.post(
        f"{grace.board.url}/tasks", data={"title": "Buy milk", "assignee": "Ada"}
    )

    assert response.status == 201
    for person in (ada, grace):
        person.sees_open("Buy milk")
    expect(ada.page.locator(".assignee-name")).to_have_text("Ada")
    expect(ada.page.locator("#news")).to_have_text("Grace added “Buy milk”")


def test_a_due_date_is_told_in_words_and_not_by_colour_alone(
    new_person: NewPerson,
) -> None:
    grace = new_person("grace")
    today = date.fromisoformat(
        grace.page.evaluate("new Date().toLocaleDateString('sv')")
    )
    words = {
        -2: "Overdue by 2 days",
        -1: "Overdue since yesterday",
        0: "Due today",
        1: "Due tomorrow",
        3: f"Due on {today + timedelta(3):%A}",
    }
    for days in words:
        title = f"in {days} days"
        grace.add(title)
        grace.edit(title)
        grace.write(due=str(today + timedelta(days)))
        grace.save()
        grace.has_saved()

    shown = grace.page.locator("#open-tasks .due")

    expect(shown).to_have_text([*reversed(words.values())])
    expect(grace.task("in -2 days").locator(".due")).to_have_attribute(
        "data-state", "overdue"
    )
    grace.tick("in -2 days")
    # What is done is not overdue any more.
    expect(grace.page.locator("#done-tasks .task-title")).to_have_text("in -2 days")
    expect(grace.page.get_by_text("Overdue by")).to_be_hidden()


@pytest.mark.parametrize("zone", ["Pacific/Honolulu", "Pacific/Auckland"])
def test_days_are_those_of_the_reader(
    new_person: NewPerson, board: Board, zone: str
) -> None:
    browser = new_person().page.context.browser
    assert browser is not None
    context = browser.new_context(timezone_id=zone)
    page = context.new_page()
    page.goto(f"{board.url}/sign-in")

    words = page.evaluate(
        """async () => {
            const {dueWords, dayWords} = await import("/static/dates.js");
            const late = new Date(2030, 11, 31, 23, 59);
            const days = ["2030-12-30", "2030-12-31", "2031-01-01", "2031-03-01"];
            return [...days.map((day) => dueWords(day, late).text), dayWords(days[0])];
        }"""
    )
    context.close()

    assert words == [
        "Overdue since yesterday",
        "Due today",
        "Due tomorrow",
        "Due 1 Mar 2031",
        "30 Dec 2030",
    ]


def test_an_answer_of_the_server_to_a_tick_stands_at_its_task(
    new_person: NewPerson,
) -> None:
    ada, grace = new_person("ada"), new_person()
    ada.add("Buy milk")
    # Grace's page hears nothing of what others do.
    hears_no_events(grace)
    grace.sign_in("grace")
    grace.sees_open("Buy milk")
    ada.edit("Buy milk")
    ada.delete()
    ada.has_saved()

    grace.tick("Buy milk")

    problem = grace.task("Buy milk").locator(".problem")
    expect(problem).to_have_text("That task is no longer on the board.")
    expect(grace.page.get_by_role("checkbox", name="Buy milk")).not_to_be_checked()
