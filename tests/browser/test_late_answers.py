"""Answers that come late: when the person is somewhere else by then."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Locator, expect

from example_app.store import Store
from tests.browser.person import NewPerson, Person
from tests.browser.running_board import Board
from tests.browser.slow_line import EVENTS, SlowLine


@pytest.fixture
def ada(new_person: NewPerson) -> Person:
    return new_person()


@pytest.fixture
def line(ada: Person) -> SlowLine:
    """Ada's, who has two tasks on her board."""
    line = SlowLine(ada.page)
    ada.sign_in("ada")
    ada.sees_state("Live")
    for title in ("Buy milk", "Buy tea"):
        ada.add(title)
        expect(ada.task(title)).to_be_visible()
    return line


def title_field(person: Person) -> Locator:
    return person.page.get_by_role("dialog").get_by_label("Title")


def test_an_answer_about_one_task_leaves_the_dialog_of_another_alone(
    ada: Person, line: SlowLine
) -> None:
    line.hold("board.edit")
    ada.edit("Buy milk")
    ada.write(title="Buy oat milk")
    ada.save()
    line.wait_until_held("board.edit")
    ada.page.keyboard.press("Escape")
    ada.edit("Buy tea")
    ada.write(title="Buy green tea")

    line.release()

    ada.sees_open("Buy tea", "Buy oat milk")
    expect(ada.page.get_by_role("dialog")).to_be_visible()
    expect(title_field(ada)).to_have_value("Buy green tea")
    ada.save()
    ada.has_saved()
    ada.sees_open("Buy green tea", "Buy oat milk")


def test_another_task_can_be_saved_before_the_answer_about_the_first(
    ada: Person, line: SlowLine
) -> None:
    line.hold("board.edit")
    ada.edit("Buy milk")
    ada.write(title="Buy oat milk")
    ada.save()
    line.wait_until_held("board.edit")
    ada.page.keyboard.press("Escape")
    ada.edit("Buy tea")
    ada.write(title="Buy green tea")

    ada.save()
    line.wait_until_held("board.edit", 2)
    line.release()

    ada.has_saved()
    ada.sees_open("Buy green tea", "Buy oat milk")


def test_a_deletion_answered_late_leaves_the_dialog_of_another_task_alone(
    ada: Person, line: SlowLine
) -> None:
    line.hold("board.delete")
    ada.edit("Buy milk")
    ada.delete()
    line.wait_until_held("board.delete")
    ada.page.keyboard.press("Escape")
    ada.edit("Buy tea")
    ada.write(title="Buy green tea")

    line.release()

    ada.sees_open("Buy tea")
    expect(title_field(ada)).to_have_value("Buy green tea")
    expect(title_field(ada)).to_be_focused()


def test_an_error_about_a_task_that_was_left_stands_at_that_task(
    ada: Person, line: SlowLine, new_person: NewPerson
) -> None:
    grace = new_person("grace")
    ada.edit("Buy milk")
    ada.write(title="Buy oat milk")
    line.hold(EVENTS, "board.edit")
    grace.edit("Buy milk")
    grace.write(title="Buy soy milk")
    grace.save()
    grace.has_saved()
    ada.save()
    line.wait_until_held("board.edit")
    ada.page.keyboard.press("Escape")
    ada.edit("Buy tea")

    line.release()

    problem = ada.task("Buy soy milk").locator(".problem")
    expect(problem).to_contain_text("your change was not saved")
    expect(ada.page.locator("#editor-problem")).to_be_empty()
    expect(title_field(ada)).to_have_value("Buy tea")


def test_who_opens_the_same_task_again_sees_the_own_change_arrive(
    ada: Person, line: SlowLine
) -> None:
    line.hold(EVENTS, "board.edit")
    ada.edit("Buy milk")
    ada.write(title="Buy oat milk")
    ada.save()
    line.wait_until_held("board.edit")
    ada.page.keyboard.press("Escape")
    ada.edit("Buy milk")

    line.release()

    ada.sees_note("You changed this task meanwhile")
    expect(title_field(ada)).to_have_value("Buy oat milk")


def test_tasks_are_shown_before_it_is_known_to_whom_they_can_be_assigned(
    ada: Person, line: SlowLine
) -> None:
    ada.edit("Buy milk")
    ada.write(assignee="Grace")
    ada.save()
    ada.has_saved()
    line.hold("board.members")
    ada.visit()

    ada.sees_open("Buy tea", "Buy milk")

    # Nor does the assignee get lost who cannot be chosen yet.
    ada.edit("Buy milk")
    expect(ada.page.get_by_label("Assigned to")).to_have_value("Grace")
    line.wait_until_held("board.members")
    line.release()
    choices = ada.page.get_by_label("Assigned to").locator("option")
    expect(choices).to_have_text(["Nobody", "Ada", "Grace", "Linus"])
    expect(ada.page.get_by_label("Assigned to")).to_have_value("Grace")


def test_a_task_that_is_added_while_the_list_is_on_its_way_stays(
    ada: Person, line: SlowLine, new_person: NewPerson
) -> None:
    grace = new_person("grace")
    line.hold("board.list")
    ada.visit()
    line.wait_until_held("board.list")
    grace.add("Buy bread")
    ada.sees_open("Buy bread")

    line.release()

    ada.sees_open("Buy bread", "Buy tea", "Buy milk")


def test_a_task_done_long_ago_is_not_taken_for_deleted_after_a_reconnection(
    ada: Person, line: SlowLine, board: Board
) -> None:
    ada.tick("Buy milk")
    ada.sees_done("Buy milk")
    ada.edit("Buy milk")
    ada.write(title="Buy oat milk")
    store = Store(board.folder / "board.sqlite3")
    store.open()
    [milk] = store.tasks.last_done(1)
    later = datetime.now(UTC) + timedelta(seconds=1)
    for number in range(50):
        task = store.tasks.add(f"Task {number}", 1)
        store.tasks.complete(task.id, 1, at=later)

    line.cut()
    expect(ada.page.locator("#done-tasks .task")).to_have_count(50)
    expect(ada.task("Buy milk")).to_have_count(0)
    ada.save()

    ada.has_saved()
    assert store.tasks.get(milk.id).title == "Buy oat milk"
    store.close()


def test_a_second_click_on_add_is_about_the_same_task(
    ada: Person, line: SlowLine
) -> None:
    line.hold("board.add")
    ada.page.get_by_label("What needs doing?").fill("Buy bread")
    ada.page.get_by_role("button", name="Add", exact=True).dblclick()
    line.wait_until_held("board.add")
    line.release()

    ada.sees_open("Buy bread", "Buy tea", "Buy milk")
    expect(ada.page.get_by_label("What needs doing?")).to_have_value("")
    assert line.calls.count("board.add") == 3, "two of them before"
    ada.add("Buy salt")
    ada.sees_open("Buy salt", "Buy bread", "Buy tea", "Buy milk")
