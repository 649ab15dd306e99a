"""This library, as its users would write it."""

from __future__ import annotations

from typing import Any

from aiohttp import web

import aiohttp_serverwamp as serverwamp
from benchmarks.servers import ADD, ADD_ASYNC, ECHO, EVENT, PUBLISH, REALM, TOPIC, run

__all__ = ["make_app"]

api = serverwamp.RPCRouteSet()
topics = serverwamp.TopicRouteSet()
topics.declare(TOPIC)


@api.route(ADD)
def add(a: int, b: int) -> int:
    """Add in a handler that runs where it is called."""
    return a + b


@api.route(ADD_ASYNC)
async def add_async(a: int, b: int) -> int:
    """Add in a handler that has a task of its own."""
    return a + b


@api.route(ECHO)
def echo(value: Any) -> Any:
    """Return the one argument, of any size."""
    return value


@api.route(PUBLISH)
def publish(times: int, session: serverwamp.Session) -> None:
    """Publish the event so many times to all subscribers."""
    for _ in range(times):
        session.realm.publish(TOPIC, EVENT)


def make_app() -> web.Application:
    """Return the application."""
    app = web.Application()
    realm = serverwamp.Realm(REALM)
    realm.add_routes(api)
    realm.add_routes(topics)
    serverwamp.setup_wamp(app).add_realm(realm)
    return app


if __name__ == "__main__":
    run(make_app())
