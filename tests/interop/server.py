"""A server of ours for real clients to talk to; run by the tests beside it.

Prints one JSON object with its port, serves until SIGTERM, and logs to standard error.
"""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import sys
from collections.abc import AsyncIterator

from aiohttp import web

import aiohttp_serverwamp as serverwamp
from aiohttp_serverwamp.auth.wampcra import derive_key

api = serverwamp.RPCRouteSet()
topics = serverwamp.TopicRouteSet()
member_api = serverwamp.RPCRouteSet()


@api.route("math.add")
async def add(a: int, b: int) -> int:
    return a + b


@api.route("text.greet")
def greet(name: str, *, greeting: str = "Hello") -> str:
    return f"{greeting}, {name}!"


@api.route("text.split")
async def split(text: str) -> serverwamp.RPCResult:
    first, *rest = text.split("-")
    return serverwamp.RPCResult(args=(first, len(rest)), kwargs={"rest": rest})


@api.route("text.fail")
async def fail() -> None:
    raise serverwamp.ApplicationError("demo.error.sold_out", "sku-1", left=0)


@api.route("data.reverse")
async def reverse(data: bytes) -> bytes:
    return data[::-1]


@api.route("words.join")
async def join(*first: str, invocation: serverwamp.Invocation) -> str:
    words: list[str] = []
    async for chunk in invocation.chunks:
        words += chunk.args
        await invocation.progress(len(words))
    return " ".join(words)


@api.route("count.up")
async def count_up(
    n: int,
) -> AsyncIterator[serverwamp.RPCProgressReport | serverwamp.RPCResult]:
    for number in range(1, n + 1):
        yield serverwamp.RPCProgressReport(args=(number,))
        await asyncio.sleep(0)
    yield serverwamp.RPCResult(args=("done",))


@api.route("time.stand.still")
async def stand_still() -> None:
    await asyncio.Event().wait()


@api.route("weather.tell")
async def tell_weather(sky: str, session: serverwamp.Session) -> None:
    options = serverwamp.PublishOptions(retain=True)
    session.realm.publish("weather", sky, options=options)


@api.route("news.send")
async def send_news(text: str, session: serverwamp.Session) -> None:
    session.realm.publish("news", text, sender="a procedure")


@topics.route("news")
async def news(session: serverwamp.Session) -> AsyncIterator[None]:
    yield


topics.declare("weather")


@member_api.route("be.demoted")
async def be_demoted(session: serverwamp.Session) -> None:
    await session.renew(serverwamp.Identity(session.authid, "guest"))


@member_api.route("who.am.i")
async def who_am_i(session: serverwamp.Session) -> str | None:
    return session.authid


ROLES = {"joe": "member", "zoë": "member", "ann": "guest"}


def check_ticket(
    session: serverwamp.Session, ticket: str
) -> serverwamp.Identity | None:
    role = ROLES.get(session.authid) if ticket == "open sesame" else None
    return serverwamp.Identity(session.authid, role) if role else None


def trust(session: serverwamp.Session, action: str, uri: str) -> int:
    return 5 if session.authrole == "member" else 1


PASSWORD = "open sesame 🎉"
CRA_USERS = {
    "joe": serverwamp.CRAAuthRequirement(PASSWORD, "member", "plain"),
    "zoë": serverwamp.CRAAuthRequirement(
        derive_key(PASSWORD, "pepper ü", iterations=1000),
        "member",
        "salted",
        salt="pepper ü",
        iterations=1000,
    ),
}


async def post_news(request: web.Request) -> web.Response:
    realm = request.app[serverwamp.WAMP].realm("demo")
    realm.publish("news", await request.text(), sender="an HTTP handler")
    return web.Response(text="published")


def make_app() -> web.Application:
    app = web.Application()
    app.router.add_post("/news", post_news)
    # One server has the wrong secrets of all tests, from one address.
    limits = serverwamp.Limits(
        max_failed_sign_ins=None, max_failed_sign_ins_per_address=None
    )
    wamp = serverwamp.setup_wamp(app, limits=limits)
    demo = serverwamp.Realm("demo")
    demo.add_routes(api)
    demo.add_routes(topics)
    members = serverwamp.Realm("members", permissions=serverwamp.OPEN)
    members.permit(
        "desk.", match="prefix", roles=["member"], subscribe=True, register=True
    )
    members.set_trust_levels(trust)
    members.set_ticket_authenticator(check_ticket)
    members.set_cra_handlers(
        lambda session: CRA_USERS.get(session.authid), lambda session: session.authid
    )
    members.add_routes(member_api)
    wamp.add_realm(demo)
    wamp.add_realm(members)
    lab = serverwamp.Realm("lab", permissions=serverwamp.OPEN)
    lab.keep_history("lab.log", match="prefix")
    wamp.add_realm(lab)
    return app


async def main() -> None:
    runner = web.AppRunner(make_app())
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    port = runner.addresses[0][1]
    sys.stdout.write(json.dumps({"port": port}) + "\n")
    sys.stdout.flush()
    await stop.wait()
    await runner.cleanup()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    asyncio.run(main())
