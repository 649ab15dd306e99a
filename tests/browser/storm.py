"""A hundred tabs that come back all at once, without the manners of our own page."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import aiohttp

from tests.browser.running_board import Board

Cookies = dict[str, str]


class Storm:
    """WAMP clients in a thread; each one joins again as soon as it is thrown out."""

    def __init__(self, board: Board, cookies: Sequence[Cookies], *, tabs: int) -> None:
        self._url = board.url
        self._cookies = cookies
        self._tabs = tabs
        #: How often each tab was welcomed.
        self.welcomes = [0] * tabs
        #: What was answered instead.
        self.refusals: list[list[object]] = []
        self._thread = threading.Thread(target=lambda: asyncio.run(self._blow()))
        self._changed = threading.Condition()
        self._is_over = False

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._is_over = True
        self._thread.join(30)
        assert not self._thread.is_alive()

    def wait_for(self, welcomes: int) -> None:
        """Wait until every tab was welcomed this often."""
        with self._changed:
            assert self._changed.wait_for(
                lambda: min(self.welcomes) >= welcomes or self.refusals, 30
            ), self.welcomes
        assert self.refusals == []

    async def _blow(self) -> None:
        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http,
            asyncio.TaskGroup() as tabs,
        ):
            for number in range(self._tabs):
                tabs.create_task(self._tab(http, number))

    async def _tab(self, http: aiohttp.ClientSession, number: int) -> None:
        cookies = self._cookies[number % len(self._cookies)]
        headers = {"Cookie": "; ".join(f"{k}={v}" for k, v in cookies.items())}
        while not self._is_over:
            try:
                async with http.ws_connect(
                    f"{self._url}/ws", protocols=["wamp.2.json"], headers=headers
                ) as socket:
                    await self._stay(socket, number)
            except aiohttp.ClientError:
                await asyncio.sleep(0.05)

    async def _stay(self, socket: aiohttp.ClientWebSocketResponse, number: int) -> None:
        await socket.send_json([1, "members", {"roles": {"subscriber": {}}}])
        answer = await socket.receive()
        if answer.type is not aiohttp.WSMsgType.TEXT:
            return
        with self._changed:
            if answer.json()[0] == 2:
                self.welcomes[number] += 1
            elif answer.json()[2] != "wamp.close.system_shutdown":
                self.refusals.append(answer.json())
            self._changed.notify()
        while not self._is_over:
            try:
                message = await socket.receive(0.2)
            except TimeoutError:
                continue
            if message.type is not aiohttp.WSMsgType.TEXT:
                return
