"""What makes no task is refused in words that fit."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.person import NewPerson


def test_a_title_that_makes_no_task_is_refused_for_what_it_is(
    new_person: NewPerson,
) -> None:
    ada = new_person("ada")
    problem = ada.page.locator("#add-problem")
    # The page allows for 200, a script may write more.
    ada.page.get_by_label("What needs doing?").evaluate(
        "field => field.maxLength = 500"
    )

    for title, words in (
        ("Buy\tmilk", "one line"),
        ("Buy\u2028milk", "one line"),
        ("x" * 201, "200 characters at most"),
        ("  ", "needs a title"),
    ):
        ada.add(title)
        expect(problem).to_contain_text(words)
    ada.sees_open()
    ada.add("🚀" * 200)
    ada.sees_open("🚀" * 200)
    expect(problem).to_be_empty()


def test_the_editor_refuses_the_same_at_its_place(new_person: NewPerson) -> None:
    ada = new_person("ada")
    ada.add("Buy milk")
    ada.edit("Buy milk")
    problem = ada.page.locator("#editor-problem")
    due = ada.page.get_by_label("Due")

    ada.write(title="Buy\tmilk")
    ada.save()
    expect(problem).to_contain_text("one line")
    expect(ada.page.get_by_label("Title")).to_be_focused()

    ada.write(title="Buy tea")
    expect(problem).to_be_empty()
    # Half a date; what the browser makes of it is no date at all.
    due.press_sequentially("12")
    ada.save()
    expect(problem).to_contain_text("no date")
    expect(due).to_be_focused()
    expect(due).to_have_attribute("aria-invalid", "true")

    ada.write(due="2099-12-31")
    ada.save()
    ada.has_saved()
    ada.sees_open("Buy tea")


def test_another_refusal_of_the_server_is_not_put_down_to_the_title(
    new_person: NewPerson,
) -> None:
    ada = new_person("ada")

    words = ada.page.evaluate(
        """async () => {
            const {words} = await import("/static/problems.js");
            return words({uri: "wamp.error.invalid_argument", args: ["name"]});
        }"""
    )

    assert "title" not in words
    assert "look it over" in words
