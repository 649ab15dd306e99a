"""A WAMP client for tests, and a way to serve an aiohttp application in one.

::

    async def test_adding_up() -> None:
        async with serving(make_app()) as http:
            await http.post("/login", data={"name": "ann"})
            async with connect(http, realm="customers") as client:
                assert await client.call("math.add", 1, 2) == 3

`connect` also takes the ``TestClient`` of pytest-aiohttp. Whatever a client waits for
comes within `PATIENCE` seconds, or a `TimeoutError` is raised.
"""

from __future__ import annotations

from aiohttp_serverwamp.testing.client import JoinRejected, WAMPClient, connect
from aiohttp_serverwamp.testing.server import another_browser, serving
from aiohttp_serverwamp.testing.waiting import (
    PATIENCE,
    Event,
    PendingCall,
    Subscription,
)

__all__ = [
    "PATIENCE",
    "Event",
    "JoinRejected",
    "PendingCall",
    "Subscription",
    "WAMPClient",
    "another_browser",
    "connect",
    "serving",
]
