"""The task board with the keyboard alone."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.person import NewPerson, Person


def press(person: Person, *keys: str) -> None:
    for key in keys:
        person.page.keyboard.press(key)


def test_signing_in_adding_and_ticking(new_person: NewPerson) -> None:
    grace = new_person()
    keyboard = grace.page.keyboard
    grace.visit()
    # A key pressed before the page has given the focus to its first field is lost.
    expect(grace.page.get_by_label("Name")).to_be_focused()
    keyboard.type("grace")
    press(grace, "Tab")
    expect(grace.page.get_by_label("Password")).to_be_focused()
    keyboard.type("taskboard")
    press(grace, "Enter")
    grace.sees_state("Live")

    press(grace, "Tab", "Tab")  # Sign out, and on
    expect(grace.page.get_by_label("What needs doing?")).to_be_focused()
    for title in ("one", "two"):
        keyboard.type(title)
        press(grace, "Enter")
        expect(grace.page.get_by_label("What needs doing?")).to_have_value("")
    grace.sees_open("two", "one")
    press(grace, "Tab", "Tab")  # Add, and on
    expect(grace.page.get_by_role("checkbox", name="two")).to_be_focused()
    press(grace, "Space")

    grace.sees_done("two")
    expect(grace.page.get_by_role("checkbox", name="one")).to_be_focused()


def test_editing(new_person: NewPerson) -> None:
    grace = new_person("grace")
    grace.add("one")
    grace.sees_open("one")
    press(grace, "Tab", "Tab", "Tab")  # Add, the box, and on
    expect(grace.page.get_by_role("button", name="Edit “one”")).to_be_focused()

    press(grace, "Enter")
    # The title is selected: typing replaces it, an arrow key keeps it.
    expect(grace.page.get_by_label("Title")).to_be_focused()
    grace.page.keyboard.type("two")
    press(grace, "Tab")
    expect(grace.page.get_by_label("Assigned to")).to_be_focused()
    grace.page.keyboard.type("Linus")
    press(grace, "Shift+Tab", "Enter")

    grace.sees_open("two")
    expect(grace.page.locator(".assignee-name")).to_have_text("Linus")
    expect(grace.page.get_by_role("button", name="Edit “two”")).to_be_focused()


def test_the_focus_stays_in_an_open_editor(new_person: NewPerson) -> None:
    grace = new_person("grace")
    grace.add("one")
    grace.edit("one")

    for _ in range(12):
        press(grace, "Tab")
        # Chromium lets the focus leave a dialog for its own window, as <body> shows.
        where = grace.page.evaluate(
            "document.activeElement.closest('dialog, body').localName"
        )
        assert where == "dialog" or grace.page.evaluate(
            "document.activeElement === document.body"
        )


def test_what_has_the_focus_can_be_seen(new_person: NewPerson) -> None:
    ada = new_person("ada")
    ada.add("one")
    ada.sees_open("one")
    new_person("grace")
    expect(ada.page.locator("#accounts button:visible")).to_have_count(1)
    ada.page.locator("h1").evaluate("(h1) => { h1.tabIndex = -1; h1.focus(); }")

    reached = []
    for _ in range(7):
        press(ada, "Tab")
        reached.append(
            ada.page.evaluate(
                """() => {
                    const {outlineStyle, outlineWidth} =
                        getComputedStyle(document.activeElement);
                    return outlineStyle !== "none" && parseFloat(outlineWidth) >= 2;
                }"""
            )
        )

    # Title, Add, the box, its Edit, Sign out Grace, Export, and the link at the end.
    assert reached == [True] * 7
    expect(ada.page.get_by_role("link", name="What guests see")).to_be_focused()
