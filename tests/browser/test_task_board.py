"""The task board, as people with browsers have it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.person import DESK, PHONE, NewPerson, Person
from tests.browser.running_board import Board

SCREENSHOTS = Path(__file__).with_name("screenshots")


def test_a_visitor_without_a_cookie_is_sent_to_sign_in(new_person: NewPerson) -> None:
    visitor = new_person()

    visitor.visit("/")

    expect(visitor.page).to_have_url(re.compile(r"/sign-in$"))
    expect(visitor.page.get_by_role("button", name="Sign in")).to_be_visible()


def test_a_member_sees_name_role_and_that_the_board_is_live(
    new_person: NewPerson,
) -> None:
    ada = new_person("ada")

    expect(ada.page.locator("#member")).to_be_visible()
    expect(ada.page.locator("#member-name")).to_have_text("Ada")
    expect(ada.page.locator("#member-role")).to_have_text("member")
    expect(ada.page.get_by_text("Nothing to do.")).to_be_visible()


def test_what_one_adds_and_completes_the_other_sees_without_a_reload(
    new_person: NewPerson,
) -> None:
    ada, grace = new_person("ada"), new_person("grace")
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


def test_signing_out_closes_every_tab_of_that_user_and_nobody_elses(
    new_person: NewPerson,
) -> None:
    ada, grace = new_person("ada"), new_person("grace")
    other_tab = ada.another_tab()
    other_tab.visit()
    other_tab.sees_state("Live")
    ada.add("secret plan")
    other_tab.sees_open("secret plan")

    ada.page.get_by_role("button", name="Sign out").click()

    expect(ada.page).to_have_url(re.compile(r"/sign-in$"))
    expect(other_tab.page.get_by_text("You are signed out")).to_be_visible()
    other_tab.sees_state("Signed out")
    expect(other_tab.page.get_by_text("secret plan")).to_have_count(0)
    # The router said goodbye, and the socket is closed, not merely unused.
    assert json.loads(other_tab.frames[-1])[0] == 6
    assert [socket.is_closed() for socket in other_tab.sockets] == [True]

    grace.sees_state("Live")
    grace.add("still here")
    grace.sees_open("still here", "secret plan")
    assert len(other_tab.sockets) == 1, "it came back"

    other_tab.page.get_by_role("link", name="Sign in again").click()
    expect(other_tab.page).to_have_url(re.compile(r"/sign-in$"))


@pytest.mark.parametrize(
    ("name", "password"), [("ada", "wrong"), ("nobody", "taskboard")]
)
def test_a_wrong_name_or_password_is_told_and_the_name_is_kept(
    new_person: NewPerson, complaints: list[str], name: str, password: str
) -> None:
    visitor = new_person()

    visitor.sign_in(name, password)

    expect(visitor.page.get_by_role("alert")).to_contain_text("do not belong together")
    expect(visitor.page.get_by_label("Name")).to_have_value(name)
    expect(visitor.page.get_by_label("Password")).to_have_value("")
    expect(visitor.page.get_by_label("Password")).to_be_focused()
    # Chromium reports the status 403 of the page; nothing else is allowed.
    assert [text for text in complaints if "403" not in text] == []
    complaints.clear()
    visitor.visit("/")
    expect(visitor.page).to_have_url(re.compile(r"/sign-in$"))


def test_a_name_with_markup_stays_text_on_the_sign_in_page(
    new_person: NewPerson, complaints: list[str]
) -> None:
    visitor = new_person()
    name = '"><img src=x onerror=alert(1)>$name'

    visitor.sign_in(name, "wrong")

    expect(visitor.page.get_by_label("Name")).to_have_value(name)
    expect(visitor.page.locator("img")).to_have_count(1)
    complaints.clear()


def test_a_title_with_markup_stays_text_on_the_board(new_person: NewPerson) -> None:
    ada, grace = new_person("ada"), new_person("grace")
    title = "<img src=x onerror=alert(1)><b>bold</b> & «ünï» 🚀"

    ada.add(title)

    grace.sees_open(title)
    expect(grace.page.locator("main img, main b")).to_have_count(0)


def test_a_title_of_blanks_is_refused_in_words(new_person: NewPerson) -> None:
    ada = new_person("ada")

    ada.add("   ")

    expect(ada.page.get_by_role("alert")).to_contain_text("needs a title")
    ada.sees_open()
    ada.add("something")
    expect(ada.page.locator("#problem")).to_be_empty()


def test_the_server_checks_what_a_page_sends(signed_in_console: Person) -> None:
    expected = {
        '"board.add", [""]': "wamp.error.invalid_argument",
        '"board.add", ["x".repeat(201)]': "wamp.error.invalid_argument",
        '"board.add", ["  "]': "wamp.error.invalid_argument",
        '"board.add", [7]': "wamp.error.invalid_argument",
        '"board.add", []': "wamp.error.invalid_argument",
        '"board.add", ["x", "y"]': "wamp.error.invalid_argument",
        '"board.add", ["x"], {store: 1}': "wamp.error.invalid_argument",
        '"board.add", ["x"], {session: 1}': "wamp.error.invalid_argument",
        '"board.complete", [404]': "board.error.no_such_task",
        '"board.reopen", [404]': "board.error.no_such_task",
        '"board.complete", ["1"]': "wamp.error.invalid_argument",
        '"board.destroy", []': "wamp.error.no_such_procedure",
    }

    answers = {
        call: signed_in_console.page.evaluate(f"window.ask({call})")
        for call in expected
    }

    assert answers == expected
    signed_in_console.sees_open()


def test_members_may_neither_publish_nor_register_nor_listen_elsewhere(
    signed_in_console: Person,
) -> None:
    page = signed_in_console.page

    uris = page.evaluate(
        """async () => {
            const {wamp} = window;
            const publish = wamp.publish("board.task_added", [{}]);
            const subscribe = wamp.subscribe("other.topic", () => {});
            return Promise.all([publish, subscribe].map(
                (request) => request.then(() => "allowed", ({uri}) => uri)));
        }"""
    )

    assert uris == ["wamp.error.not_authorized"] * 2


def test_a_foreign_realm_is_refused(signed_in_console: Person) -> None:
    uri = signed_in_console.page.evaluate(
        """async () => {
            const {connect} = await import("/static/wamp.js");
            const wamp = connect("/ws", "strangers");
            return wamp.joined.then(() => "joined", ({uri}) => uri);
        }"""
    )

    assert uri == "wamp.error.no_such_realm"


def test_a_socket_without_a_sign_in_is_refused(new_person: NewPerson) -> None:
    visitor = new_person()
    visitor.visit("/sign-in")

    uri = visitor.page.evaluate(
        """async () => {
            const {connect} = await import("/static/wamp.js");
            const url = location.origin.replace("http", "ws") + "/ws";
            const wamp = connect(url, "members");
            return wamp.joined.then(() => "joined", ({uri}) => uri);
        }"""
    )

    assert uri == "wamp.error.authentication_required"


def test_the_board_comes_back_by_itself_after_a_restart_of_the_server(
    new_person: NewPerson, board: Board, complaints: list[str]
) -> None:
    ada, grace = new_person("ada"), new_person("grace")
    ada.add("before")
    grace.sees_open("before")

    board.stop()
    ada.sees_state("Reconnecting…")
    expect(ada.page.get_by_role("button", name="Add")).to_be_disabled()
    board.start()

    ada.sees_state("Live")
    grace.sees_state("Live")
    ada.add("after")
    grace.sees_open("after", "before")
    # Chromium reports each attempt that found nobody.
    assert [text for text in complaints if "ERR_CONNECTION" not in text] == []
    complaints.clear()


def test_the_board_can_be_used_with_the_keyboard_alone(new_person: NewPerson) -> None:
    ada = new_person()
    keyboard = ada.page.keyboard
    ada.visit()
    # A key pressed before the page has given the focus to its first field is lost.
    expect(ada.page.get_by_label("Name")).to_be_focused()
    keyboard.type("ada")
    keyboard.press("Tab")
    expect(ada.page.get_by_label("Password")).to_be_focused()
    keyboard.type("taskboard")
    keyboard.press("Enter")
    ada.sees_state("Live")

    keyboard.press("Tab")  # Sign out
    keyboard.press("Tab")
    expect(ada.page.get_by_label("What needs doing?")).to_be_focused()
    for title in ("one", "two"):
        keyboard.type(title)
        keyboard.press("Enter")
        expect(ada.page.get_by_label("What needs doing?")).to_have_value("")
    ada.sees_open("two", "one")
    keyboard.press("Tab")  # Add
    keyboard.press("Tab")
    expect(ada.page.get_by_role("checkbox", name="two")).to_be_focused()
    keyboard.press("Space")

    ada.sees_done("two")
    expect(ada.page.get_by_role("checkbox", name="one")).to_be_focused()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("device", "size"), [("phone", PHONE), ("desk", DESK)])
def test_pages_fit_the_screen_and_can_be_read(
    new_person: NewPerson,
    complaints: list[str],
    device: str,
    size: tuple[int, int],
    scheme: str,
) -> None:
    person = new_person(size=size, scheme=scheme)
    grace = new_person("grace")

    def look(at: str) -> None:
        SCREENSHOTS.mkdir(exist_ok=True)
        person.page.screenshot(path=SCREENSHOTS / f"{at}-{device}-{scheme}.png")
        assert person.page.evaluate(OVERFLOW) <= 0, f"{at} is wider than the screen"
        assert person.page.evaluate(LOW_CONTRAST) == [], at

    person.visit()
    look("sign-in")
    person.sign_in("ada", "wrong")
    look("wrong-password")
    complaints.clear()
    person.sign_in("ada")
    person.sees_state("Live")
    look("empty")
    fill_the_board(person, grace)
    person.page.get_by_label("What needs doing?").fill("Plan the summer party")
    look("board")
    person.add("   ")
    look("refused")
    tab = person.another_tab()
    tab.visit()
    tab.page.get_by_role("button", name="Sign out").click()
    expect(person.page.get_by_text("You are signed out")).to_be_visible()
    look("signed-out")


@pytest.fixture
def signed_in_console(new_person: NewPerson) -> Person:
    """A member who knows how to open the browser's console."""
    ada = new_person("ada")
    ada.page.evaluate(
        """async () => {
            const {connect} = await import("/static/wamp.js");
            const url = location.origin.replace("http", "ws") + "/ws";
            window.wamp = connect(url, "members");
            await window.wamp.joined;
            window.ask = (...call) =>
                window.wamp.call(...call).then(() => "done", ({uri}) => uri);
        }"""
    )
    return ada


def fill_the_board(ada: Person, grace: Person) -> None:
    titles = [
        "Water the plants on the second floor",
        "Order new badges",
        "A title without any blanks: " + "x" * 120,
        "Ask the landlord about the heating, and do not take no for an answer",
    ]
    for number, title in enumerate(titles):
        author = (ada, grace)[number % 2]
        author.add(title)
        expect(ada.page.locator("#open-tasks .task")).to_have_count(number + 1)
    grace.tick(titles[0])
    grace.tick(titles[1])
    expect(ada.page.locator("#done-tasks .task")).to_have_count(2)


OVERFLOW = "document.documentElement.scrollWidth - window.innerWidth"

# WCAG 2.2, 1.4.3: text and its ground differ by 4.5 to 1 at least.
LOW_CONTRAST = """() => {
    const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
    const channel = (value) => value <= 10.31
        ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4;
    const luminance = ([red, green, blue]) =>
        0.2126 * channel(red) + 0.7152 * channel(green) + 0.0722 * channel(blue);
    const ground = (element) => {
        for (let one = element; one; one = one.parentElement) {
            const colour = numbers(getComputedStyle(one).backgroundColor);
            if (colour.length === 3 || colour[3] === 1) return colour;
        }
        return [255, 255, 255];
    };
    const hasText = (element) => [...element.childNodes].some(
        (node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
    const low = [];
    for (const element of document.querySelectorAll("body *")) {
        if (!hasText(element) || !element.checkVisibility()) continue;
        if (element.disabled) continue;
        const text = luminance(numbers(getComputedStyle(element).color));
        const behind = luminance(ground(element));
        const ratio = (Math.max(text, behind) + 0.05) / (Math.min(text, behind) + 0.05);
        if (ratio < 4.5) low.push(`${element.textContent.trim()}: ${ratio.toFixed(1)}`);
    }
    return low;
}"""
