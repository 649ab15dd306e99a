"""Editing tasks, and what happens when two people do so at once."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.person import DESK, PHONE, NewPerson, Person, hears_no_events
from tests.browser.running_board import Board


@pytest.mark.parametrize("size", [DESK, PHONE])
def test_what_one_edits_the_other_sees(
    new_person: NewPerson, size: tuple[int, int]
) -> None:
    ada, grace = new_person("ada", size=size), new_person("grace")
    ada.add("Buy milk")

    ada.edit("Buy milk")
    ada.write(title="Buy oat milk", assignee="Grace", due="2099-12-31")
    ada.save()

    ada.has_saved()
    grace.sees_open("Buy oat milk")
    expect(grace.page.locator(".assignee-name")).to_have_text("Grace")
    expect(grace.page.locator(".due")).to_have_text("Due 31 Dec 2099")
    expect(grace.page.locator("#news")).to_have_text("Ada changed “Buy oat milk”")

    ada.edit("Buy oat milk")
    ada.write(assignee="", due="")
    ada.save()
    expect(grace.page.locator(".assignee")).to_be_hidden()
    expect(grace.page.locator(".due")).to_be_hidden()


def test_an_editor_that_is_closed_has_changed_nothing(new_person: NewPerson) -> None:
    ada = new_person("ada")
    ada.add("Buy milk")

    for leave in ("Escape", "Cancel"):
        ada.edit("Buy milk")
        ada.write(title="Buy tea")
        if leave == "Escape":
            ada.page.keyboard.press("Escape")
        else:
            ada.page.get_by_role("button", name="Cancel").click()
        ada.has_saved()
        ada.sees_open("Buy milk")
        # The keyboard is back where it came from.
        expect(ada.page.get_by_role("button", name="Edit “Buy milk”")).to_be_focused()

    ada.edit("Buy milk")
    expect(ada.page.get_by_label("Title")).to_have_value("Buy milk")


def test_an_empty_title_is_refused_at_its_place(new_person: NewPerson) -> None:
    ada = new_person("ada")
    ada.add("Buy milk")
    ada.edit("Buy milk")

    ada.write(title="  ")
    ada.save()

    problem = ada.page.locator("#editor-problem")
    expect(problem).to_have_text("A task needs a title.")
    expect(ada.page.get_by_label("Title")).to_be_focused()
    ada.write(title="Buy tea")
    expect(problem).to_be_empty()
    ada.save()
    ada.sees_open("Buy tea")


@pytest.fixture
def unaware(new_person: NewPerson) -> Person:
    """Somebody whose page hears of nothing that others do."""
    person = new_person()
    hears_no_events(person)
    person.sign_in("ada")
    person.sees_state("Live")
    return person


def test_who_was_overtaken_keeps_the_text_and_decides(
    new_person: NewPerson, unaware: Person
) -> None:
    grace = new_person("grace")
    unaware.add("Buy milk")
    unaware.edit("Buy milk")
    unaware.write(title="Buy two bottles of milk")
    grace.edit("Buy milk")
    grace.write(title="Buy tea", due="2099-12-31")
    grace.save()
    grace.has_saved()

    unaware.save()

    unaware.sees_note("Grace changed this task meanwhile: the title is now “Buy tea”")
    unaware.sees_note("it is due on 31 Dec 2099")
    unaware.sees_note("Your text is kept")
    title = unaware.page.get_by_label("Title")
    expect(title).to_have_value("Buy two bottles of milk")
    # What she had not touched has followed, and will not be undone by saving.
    expect(unaware.page.get_by_label("Due")).to_have_value("2099-12-31")
    grace.sees_open("Buy tea")

    unaware.save()

    unaware.has_saved()
    grace.sees_open("Buy two bottles of milk")
    expect(grace.page.locator(".due")).to_have_text("Due 31 Dec 2099")


def test_who_was_overtaken_may_take_the_others_version(
    new_person: NewPerson, unaware: Person
) -> None:
    grace = new_person("grace")
    unaware.add("Buy milk")
    unaware.edit("Buy milk")
    unaware.write(title="Buy coffee")
    grace.edit("Buy milk")
    grace.write(title="Buy tea")
    grace.save()
    grace.has_saved()
    unaware.save()

    unaware.page.get_by_role("button", name="Use Grace’s version").click()

    expect(unaware.page.get_by_label("Title")).to_have_value("Buy tea")
    expect(unaware.page.locator("#editor-note")).to_be_hidden()


def test_an_open_editor_is_told_at_once_and_merges_what_does_not_collide(
    new_person: NewPerson,
) -> None:
    ada, grace = new_person("ada"), new_person("grace")
    ada.add("Buy milk")
    ada.edit("Buy milk")
    ada.write(title="Buy oat milk")

    grace.edit("Buy milk")
    grace.write(assignee="Linus")
    grace.save()

    ada.sees_note("Grace changed this task meanwhile: it is assigned to Linus.")
    expect(ada.page.get_by_role("button", name="version")).to_be_hidden()
    ada.save()
    ada.has_saved()
    grace.sees_open("Buy oat milk")
    expect(grace.page.locator(".assignee-name")).to_have_text("Linus")


def test_a_task_that_was_done_meanwhile_is_said_to_be(new_person: NewPerson) -> None:
    ada, grace = new_person("ada"), new_person("grace")
    ada.add("Buy milk")
    ada.edit("Buy milk")

    grace.tick("Buy milk")

    ada.sees_note("Grace changed this task meanwhile: it is done.")


def test_what_was_typed_for_a_deleted_task_can_be_added_anew(
    new_person: NewPerson,
) -> None:
    ada, grace = new_person("ada"), new_person("grace")
    ada.add("Buy milk")
    ada.edit("Buy milk")
    ada.write(title="Buy oat milk", assignee="Grace")
    grace.edit("Buy milk")
    grace.delete()
    grace.has_saved()

    ada.sees_note(
        "Grace deleted this task meanwhile. What you have typed is still here"
    )
    expect(ada.page.get_by_label("Title")).to_have_value("Buy oat milk")
    ada.page.get_by_role("button", name="Add as a new task").click()

    ada.has_saved()
    grace.sees_open("Buy oat milk")
    expect(grace.page.locator(".assignee-name")).to_have_text("Grace")


def test_a_task_is_deleted_for_everybody_after_a_question(
    new_person: NewPerson,
) -> None:
    ada, grace = new_person("ada"), new_person("grace")
    ada.add("Buy milk")
    ada.add("Buy tea")
    grace.sees_open("Buy tea", "Buy milk")

    ada.edit("Buy milk")
    ada.page.get_by_role("button", name="Delete…").click()
    expect(ada.page.get_by_role("button", name="Keep it")).to_be_focused()
    ada.page.get_by_role("button", name="Keep it").click()
    grace.sees_open("Buy tea", "Buy milk")
    ada.delete()

    grace.sees_open("Buy tea")
    ada.sees_open("Buy tea")
    expect(grace.page.locator("#news")).to_have_text("Ada deleted “Buy milk”")
    # The keyboard goes on nearby.
    expect(ada.page.get_by_role("checkbox", name="Buy tea")).to_be_focused()


def test_who_deletes_what_was_changed_meanwhile_is_told(
    new_person: NewPerson, unaware: Person
) -> None:
    grace = new_person("grace")
    unaware.add("Buy milk")
    unaware.edit("Buy milk")
    grace.edit("Buy milk")
    grace.write(title="Do not buy milk")
    grace.save()
    grace.has_saved()

    unaware.delete()

    unaware.sees_note("the title is now “Do not buy milk”")
    grace.sees_open("Do not buy milk")


def test_typing_goes_on_while_the_server_is_away(
    new_person: NewPerson, board: Board, complaints: list[str]
) -> None:
    ada = new_person("ada")
    ada.add("Buy milk")
    ada.edit("Buy milk")

    board.stop()
    ada.sees_state("Reconnecting…")
    expect(ada.page.locator("#editor-save")).to_be_disabled()
    expect(ada.page.get_by_role("dialog").get_by_text("Not connected")).to_be_visible()
    ada.write(title="Buy oat milk")
    board.start()

    ada.sees_state("Live")
    ada.save()
    ada.has_saved()
    ada.sees_open("Buy oat milk")
    complaints.clear()
