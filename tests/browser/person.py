"""Somebody with a browser in front of the task board."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import ConsoleMessage, Page, WebSocket, expect

from tests.browser.running_board import Board

PASSWORD = "taskboard"
PHONE = (390, 844)
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

    def add(self, title: str) -> None:
        self.page.get_by_label("What needs doing?").fill(title)
        self.page.get_by_role("button", name="Add").click()

    def tick(self, title: str) -> None:
        self.page.get_by_role("checkbox", name=title).click()

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
