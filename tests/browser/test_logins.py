"""The program of docs/integrations.rst, visited by a real browser."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from playwright.sync_api import Browser, Page

from tests.code_blocks import code_blocks, run_blocks

DOCUMENT = Path(__file__).parents[2] / "docs" / "integrations.rst"

#: Joins a realm with an authextra; resolves with the answer to HELLO.
JOIN = """
async ([realm, authextra]) => new Promise((resolve) => {
  const ws = new WebSocket(`ws://${location.host}/ws`, ["wamp.2.json"]);
  const hello = [1, realm, { roles: { caller: {} }, authextra }];
  ws.onopen = () => ws.send(JSON.stringify(hello));
  ws.onmessage = (event) => { resolve(JSON.parse(event.data)); ws.close(); };
})
"""
#: Joins a realm and signs out in another request; resolves with the close code.
SIGN_OUT = """
async (realm) => new Promise((resolve) => {
  const ws = new WebSocket(`ws://${location.host}/ws`, ["wamp.2.json"]);
  ws.onopen = () => ws.send(JSON.stringify([1, realm, { roles: { caller: {} } }]));
  ws.onmessage = (event) => {
    const kind = JSON.parse(event.data)[0];
    if (kind === 2) fetch("/logout", { method: "POST" });
    if (kind === 6) ws.send('[6, {}, "wamp.close.goodbye_and_out"]');
  };
  ws.onclose = (event) => resolve(event.code);
})
"""
SIGN_IN = """
async (name) => (await fetch("/login", {
  method: "POST", body: new URLSearchParams({ name }),
})).status
"""
TOKEN = "() => document.querySelector('meta[name=csrf-token]').content"


class Server:
    """Serves the program in a thread of its own."""

    def __init__(self) -> None:
        self.url = ""
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    def __enter__(self) -> Server:
        self._thread.start()
        assert self._ready.wait(20)
        return self

    def __exit__(self, *exception: object) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(20)
        assert not self._thread.is_alive()

    async def _serve(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        names = run_blocks(code_blocks(DOCUMENT), {"__name__": "__main__"})
        app: web.Application = names["app"]
        app.router.add_get("/blank", blank_page)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        self._ready.set()
        await self._end.wait()
        await runner.cleanup()


async def blank_page(request: web.Request) -> web.Response:
    return web.Response(text="<link rel=icon href=data:,>", content_type="text/html")


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with Server() as server, browser.new_context(base_url=server.url) as context:
        page = context.new_page()
        page.goto("/blank")
        yield page


def joined_as(page: Page, realm: str, authextra: Any = None) -> str:
    kind, *_, details = page.evaluate(JOIN, [realm, authextra or {}])[:3]
    return str(details["authid"]) if kind == 2 else str(details)


def test_a_browser_takes_the_cookie_that_comes_with_the_upgrade(page: Page) -> None:
    assert page.context.cookies() == []

    guest = joined_as(page, "lounge")

    assert [each["name"] for each in page.context.cookies()] == ["AIOHTTP_SESSION"]
    assert joined_as(page, "lounge") == guest


def test_a_page_opens_the_vault_with_its_token_only(page: Page) -> None:
    assert page.evaluate(SIGN_IN, "ann") == 200
    assert joined_as(page, "vault") == "wamp.error.authentication_denied"

    page.goto("/page")

    assert joined_as(page, "vault", {"csrf_token": page.evaluate(TOKEN)}) == "ann"


def test_a_browser_is_told_that_it_was_forgotten(page: Page) -> None:
    assert page.evaluate(SIGN_IN, "ann") == 200

    assert page.evaluate(SIGN_OUT, "office") == 4401
    assert joined_as(page, "office") == "wamp.error.authentication_required"
