"""serverwamp 2, with its own handler for aiohttp.

It matches topics and answers SUBSCRIBE; whom an event goes to is the application's
business, so the sessions are collected here and told one after the other, as its
documentation shows. Every event is encoded for each of them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import serverwamp
from aiohttp import web

from benchmarks.servers import ADD, ECHO, EVENT, PUBLISH, REALM, TOPIC, run

__all__ = ["make_app"]

subscribers: set[Any] = set()


async def add(a: int, b: int) -> int:
    """Add; a handler must be a coroutine function."""
    return a + b


async def echo(value: Any) -> Any:
    """Return the one argument, of any size."""
    return [value]  # the items of a list become results of their own


async def publish(times: int) -> None:
    """Send the event so many times to all subscribers."""
    for _ in range(times):
        for session in subscribers:
            await session.send_event(TOPIC, [EVENT])


async def subscription(session: Any) -> AsyncIterator[None]:
    """Keep the session for as long as it is subscribed."""
    subscribers.add(session)
    yield
    subscribers.discard(session)


def make_app() -> web.Application:
    """Return the application."""
    # No decorators: where serverwamp is not installed, they would have no types.
    api = serverwamp.RPCRouteSet()
    api.route(ADD)(add)
    api.route(ECHO)(echo)
    api.route(PUBLISH)(publish)
    topics = serverwamp.TopicRouteSet()
    topics.route(TOPIC)(subscription)
    realm = serverwamp.Realm(REALM)
    realm.add_rpc_routes(api)
    realm.add_topic_routes(topics)
    wamp = serverwamp.Application()
    wamp.add_realm(realm)
    app = web.Application()
    app.router.add_get("/ws", wamp.aiohttp_websocket_handler())
    return app


if __name__ == "__main__":
    run(make_app())
