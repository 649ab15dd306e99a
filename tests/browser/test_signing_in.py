"""Signing in and out of the task board, as people with browsers do it."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import expect

from tests.browser.person import NewPerson


def test_a_visitor_without_a_cookie_is_sent_to_sign_in(new_person: NewPerson) -> None:
    visitor = new_person()

    visitor.visit("/")

    expect(visitor.page).to_have_url(re.compile(r"/sign-in$"))
    expect(visitor.page.get_by_role("button", name="Sign in")).to_be_visible()


@pytest.mark.parametrize(
    ("name", "shown", "role"),
    [("ada", "Ada", "Administrator"), ("grace", "Grace", "Member")],
)
def test_a_member_sees_name_role_and_that_the_board_is_live(
    new_person: NewPerson, name: str, shown: str, role: str
) -> None:
    person = new_person(name)

    expect(person.page.locator("#member")).to_be_visible()
    expect(person.page.locator("#member-name")).to_have_text(shown)
    expect(person.page.locator("#member-role")).to_have_text(role)
    expect(person.page.get_by_text("Nothing to do.")).to_be_visible()


def test_signing_out_closes_every_tab_of_that_user_and_nobody_elses(
    new_person: NewPerson,
) -> None:
    ada, grace = new_person("ada"), new_person("grace")
    other_tab = ada.another_tab()
    other_tab.visit()
    other_tab.sees_state("Live")
    ada.add("secret plan")
    other_tab.sees_open("secret plan")

    ada.sign_out()

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


@pytest.mark.parametrize(
    ("realm", "uri"),
    [
        ("members", "wamp.error.authentication_required"),
        ("strangers", "wamp.error.no_such_realm"),
    ],
)
def test_a_socket_without_a_sign_in_is_refused(
    new_person: NewPerson, realm: str, uri: str
) -> None:
    visitor = new_person()
    visitor.visit("/sign-in")

    answer = visitor.page.evaluate(
        """async (realm) => {
            const {connect} = await import("/static/wamp/wamp.js");
            const url = location.origin.replace("http", "ws") + "/ws";
            const wamp = connect(url, realm);
            return wamp.joined.then(() => "joined", ({uri}) => uri);
        }""",
        realm,
    )

    assert answer == uri
