"""Somebody with a browser in front of the task board."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta

from playwright.sync_api import (
    ConsoleMessage,
    Locator,
    Page,
    WebSocket,
    WebSocketRoute,
    expect,
)

from tests.browser.running_board import Board

PASSWORD = "taskboard"
PHONE = (390, 844)
#: The code of the WAMP message.
EVENT = 36
SMALL_PHONE = (360, 640)
DESK = (1280, 800)


class Person:
    """Somebody with a browser; what the browser complains about is kept."""

    def __init__(self, page: Page, board: Board, complaints: list[str]) -> None:
        self.page = page
        self.board = board
        self.sockets: list[WebSocket] = []
        self.frames: list[str] = []
        self._complaints = complaints
        page.on("websocket", self._watch)
        page.on("console", self._hear)
        page.on("pageerror", lambda error: complaints.append(str(error)))

    def visit(self, path: str = "/") -> None:
        self.page.goto(self.board.url + path)

    def sign_in(self, name: str, password: str = PASSWORD) -> None:
        self.visit()
        self.page.get_by_label("Name").fill(name)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Sign in").click()

    def sign_out(self) -> None:
        self.page.locator("#sign-out").get_by_role("button").click()

    def add(self, title: str) -> None:
        self.page.get_by_label("What needs doing?").fill(title)
        self.page.get_by_role("button", name="Add", exact=True).click()

    def tick(self, title: str) -> None:
        self.page.get_by_role("checkbox", name=title).click()

    def edit(self, title: str) -> None:
        """Open the editor of a task."""
        self.page.get_by_role("button", name=f"Edit “{title}”").click()
        expect(self.page.get_by_role("dialog")).to_be_visible()

    def write(self, **fields: str) -> None:
        """Fill in the editor's fields: title, assignee, due."""
        dialog = self.page.get_by_role("dialog")
        if "title" in fields:
            dialog.get_by_label("Title").fill(fields["title"])
        if "assignee" in fields:
            dialog.get_by_label("Assigned to").select_option(fields["assignee"])
        if "due" in fields:
            dialog.get_by_label("Due").fill(fields["due"])

    def save(self) -> None:
        self.page.get_by_role("dialog").locator("#editor-save").click()

    def delete(self) -> None:
        self.page.get_by_role("button", name="Delete…").click()
        self.page.get_by_role("button", name="Delete it").click()

    def has_saved(self) -> None:
        expect(self.page.get_by_role("dialog")).to_be_hidden()

    def task(self, title: str) -> Locator:
        """The list item of a task."""
        return self.page.locator(".task").filter(
            has=self.page.get_by_role("checkbox", name=title, exact=True)
        )

    def sees_online(self, *names: str) -> None:
        expect(self.page.locator("#online li")).to_contain_text(list(names))
        expect(self.page.locator("#online li")).to_have_count(len(names))

    def sees_note(self, text: str) -> None:
        expect(self.page.locator("#editor-note")).to_contain_text(text)

    def sees_state(self, text: str) -> None:
        expect(self.page.locator("#connection")).to_have_text(text)

    def sees_open(self, *titles: str) -> None:
        """Check the open tasks, top to bottom."""
        found = self.page.locator("#open-tasks .task-title")
        expect(found).to_have_text(list(titles))

    def sees_done(self, *titles: str) -> None:
        """Check the tasks that are done, top to bottom."""
        found = self.page.locator("#done-tasks .task-title")
        expect(found).to_have_text(list(titles))

    def stops_the_clock(self) -> None:
        """Let no timer of the page run any more: it tries nothing by itself."""
        self.page.clock.install()
        self.page.clock.pause_at(datetime.now() + timedelta(seconds=1))

    def another_tab(self) -> Person:
        return Person(self.page.context.new_page(), self.board, self._complaints)

    def _watch(self, opened: WebSocket) -> None:
        self.sockets.append(opened)
        opened.on("framereceived", lambda frame: self.frames.append(str(frame)))

    def _hear(self, message: ConsoleMessage) -> None:
        # Violations of the content security policy are reported here as well.
        if message.type in ("error", "warning"):
            self._complaints.append(f"{message.text} ({message.location})")


NewPerson = Callable[..., Person]


def hears_no_events(person: Person) -> None:
    """Let no EVENT reach a page that is opened after this, as on a very slow line."""

    def relay(browser_side: WebSocketRoute) -> None:
        server = browser_side.connect_to_server()

        def forward(message: str | bytes) -> None:
            if json.loads(message)[0] != EVENT:
                browser_side.send(message)

        server.on_message(forward)

    person.page.route_web_socket(re.compile("/ws$"), relay)
