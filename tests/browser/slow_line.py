"""A connection on which answers take as long as a test wants."""

from __future__ import annotations

import json
import re

from playwright.sync_api import Page, WebSocketRoute

#: Codes of WAMP messages.
GOODBYE, ERROR, EVENT, CALL, RESULT = 6, 8, 36, 48, 50

#: To be held as if it were a procedure: all events.
EVENTS = "events"


class SlowLine:
    """Hold back the answers to calls of some procedures, on pages opened after this."""

    def __init__(self, page: Page) -> None:
        self._slow: set[str] = set()
        self._held: list[tuple[str, WebSocketRoute, str | bytes]] = []
        self._open: list[WebSocketRoute] = []
        self._page = page
        #: The procedures that were called, in this order.
        self.calls: list[str] = []
        page.route_web_socket(re.compile("/ws$"), self._relay)

    def hold(self, *procedures: str) -> None:
        """Hold back what is answered to these from now on."""
        self._slow = set(procedures)

    def wait_until_held(self, procedure: str, number: int = 1) -> None:
        """Wait until so many answers of a procedure are held back."""
        found = 0
        for _ in range(300):
            found = [held for held, _, _ in self._held].count(procedure)
            if found >= number:
                return
            self._page.wait_for_timeout(50)
        raise AssertionError(f"{found} answers of {procedure}, and not {number}")

    def release(self) -> None:
        """Let everything through, what is held first."""
        self._slow.clear()
        for _, browser_side, message in self._held:
            browser_side.send(message)
        self._held.clear()

    def end(self, reason: str, code: int) -> None:
        """Say goodbye to the page as the router would, and close its sockets."""
        for browser_side in self._open:
            browser_side.send(json.dumps([GOODBYE, {}, reason]))
            browser_side.close(code=code, reason=reason)
        self._open.clear()

    def cut(self) -> None:
        """Break the connection off."""
        for browser_side in self._open:
            browser_side.close(code=4000)
        self._open.clear()

    def _relay(self, browser_side: WebSocketRoute) -> None:
        self._open.append(browser_side)
        server = browser_side.connect_to_server()
        asked: dict[int, str] = {}

        def to_server(message: str | bytes) -> None:
            match json.loads(message):
                case [code, int(request), _, str(procedure), *_] if code == CALL:
                    asked[request] = procedure
                    self.calls.append(procedure)
            server.send(message)

        def to_browser(message: str | bytes) -> None:
            match json.loads(message):
                case [code, int(request), *_] if code == RESULT:
                    procedure = asked.pop(request)
                case [code, about, int(request), *_] if (code, about) == (ERROR, CALL):
                    procedure = asked.pop(request)
                case [code, *_] if code == EVENT:
                    procedure = EVENTS
                case _:
                    procedure = ""
            if procedure in self._slow:
                self._held.append((procedure, browser_side, message))
            else:
                browser_side.send(message)

        browser_side.on_message(to_server)
        server.on_message(to_browser)
