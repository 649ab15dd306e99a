"""Autobahn|Python as a user of our server: says what it saw, one JSON object a line.

Run as ``python autobahn_client.py SCENARIO URL SERIALIZER [TICKET]`` by the tests
beside it, in a process of its own so that Autobahn's warnings are not ours. The
wampy.js client in ``js/wampy_client.mjs`` plays the same scenarios and says the same
things.
"""

# mypy: allow-untyped-calls
# Autobahn annotates only some of its functions.

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from autobahn.asyncio.wamp import ApplicationRunner, ApplicationSession
from autobahn.wamp.auth import AuthWampCra
from autobahn.wamp.exception import ApplicationError
from autobahn.wamp.serializer import JsonSerializer, MsgPackSerializer
from autobahn.wamp.types import (
    CallDetails,
    CallOptions,
    CallResult,
    PublishOptions,
    RegisterOptions,
)

PATIENCE = 15.0
SERIALIZERS = {"json": JsonSerializer, "msgpack": MsgPackSerializer}
BINARY = bytes([0, 255, 128, 13, 10, 0])


def say(step: str, **seen: Any) -> None:
    line = {"step": step, **seen}
    sys.stdout.write(
        json.dumps(line, default=lambda value: {"hex": value.hex()}) + "\n"
    )
    sys.stdout.flush()


class Client(ApplicationSession):
    """One WAMP session whose joining and leaving can be awaited."""

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        loop = asyncio.get_running_loop()
        self.joined: asyncio.Future[Any] = loop.create_future()
        self.left: asyncio.Future[str] = loop.create_future()
        self.closed = asyncio.Event()
        self.events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    def onConnect(self) -> None:
        if self.config.extra["ticket"] is None:
            self.join(self.config.realm)
        else:
            self.join(
                self.config.realm,
                [self.config.extra["method"]],
                self.config.extra["authid"],
            )

    def onChallenge(self, challenge: Any) -> str:
        secret = str(self.config.extra["ticket"])
        assert challenge.method == self.config.extra["method"], challenge
        if challenge.method == "wampcra":
            return str(
                AuthWampCra(authid="", secret=secret).on_challenge(None, challenge)
            )
        return secret

    def onJoin(self, details: Any) -> None:
        self.joined.set_result(details)

    def onLeave(self, details: Any) -> None:
        self.left.set_result(details.reason)
        self.disconnect()

    def onDisconnect(self) -> None:
        self.closed.set()

    def note_event(self, *args: Any, **kwargs: Any) -> None:
        self.events.put_nowait({"args": list(args), "kwargs": kwargs})

    async def next_event(self) -> dict[str, Any]:
        return await asyncio.wait_for(self.events.get(), PATIENCE)

    async def end(self) -> None:
        self.leave()
        await asyncio.wait_for(self.closed.wait(), PATIENCE)
        say("left")


async def connect(
    url: str,
    realm: str,
    serializer: str,
    ticket: str | None,
    method: str = "ticket",
    authid: str = "joe",
) -> Client:
    opened: asyncio.Future[Client] = asyncio.get_running_loop().create_future()

    def make(config: Any) -> Client:
        opened.set_result(Client(config))
        return opened.result()

    runner = ApplicationRunner(
        url,
        realm,
        extra={"ticket": ticket, "method": method, "authid": authid},
        serializers=[SERIALIZERS[serializer]()],
    )
    await runner.run(make, start_loop=False)
    client = await asyncio.wait_for(opened, PATIENCE)
    await asyncio.wait(
        {client.joined, client.left},
        timeout=PATIENCE,
        return_when=asyncio.FIRST_COMPLETED,
    )
    return client


async def enter(
    url: str, realm: str, serializer: str, ticket: str | None = None
) -> Client:
    client = await connect(url, realm, serializer, ticket)
    if not client.joined.done():
        raise SystemExit(f"not joined: {client.left}")
    details = client.joined.result()
    say("joined", realm=details.realm, authrole=details.authrole)
    return client


async def refusal(step: str, request: Awaitable[Any], *, full: bool = False) -> None:
    try:
        outcome = await request
    except ApplicationError as error:
        seen: dict[str, Any] = {"error": error.error}
        if full:
            seen |= {"args": list(error.args), "kwargs": error.kwargs}
        say(step, **seen)
    else:
        say(step, unexpected=repr(outcome))


async def progress_of(client: Client, procedure: str) -> None:
    seen: list[Any] = []
    options = CallOptions(on_progress=seen.append)
    result = await client.call(procedure, 3, options=options)
    say("progress", progress=seen, result=result)


# --- Scenarios ------------------------------------------------------------------------


async def hosted(url: str, serializer: str, _ticket: str | None) -> None:
    client = await enter(url, "demo", serializer)
    await hosted_calls(client)
    subscription = await hosted_events(client)
    await hosted_refusals(client)
    say("still there", result=await client.call("math.add", 1, 2))
    await subscription.unsubscribe()
    await client.call("news.send", "nobody hears this")
    say("unheard", events=client.events.qsize())
    await client.end()


async def hosted_calls(client: Client) -> None:
    say("call", result=await client.call("math.add", 2, 3))
    say(
        "kwargs", result=await client.call("text.greet", name="Zoë 🎉", greeting="Grüß")
    )
    say("binary", result=await client.call("data.reverse", BINARY))
    several: CallResult = await client.call("text.split", "a-b-c")
    say("several", args=list(several.results), kwargs=several.kwresults)
    await refusal("invalid argument", client.call("math.add", "two", 3))
    await refusal("unknown procedure", client.call("no.such"))
    await refusal("typed error", client.call("text.fail"), full=True)
    await progress_of(client, "count.up")


async def hosted_events(client: Client) -> Any:
    subscription = await client.subscribe(client.note_event, "news")
    await client.call("news.send", "from a procedure")
    say("event", **await client.next_event())
    say("post me")
    say("event", **await client.next_event())
    return subscription


async def hosted_refusals(client: Client) -> None:
    client.publish("news", "a rumour")
    acknowledged = PublishOptions(acknowledge=True)
    await refusal("publish", client.publish("news", "a rumour", options=acknowledged))
    await refusal("register", client.register(lambda: None, "my.own"))
    await refusal("subscribe", client.subscribe(client.note_event, "undeclared.topic"))


async def ticket(url: str, serializer: str, secret: str | None) -> None:
    await sign_in(await connect(url, "members", serializer, secret))


async def cra(url: str, serializer: str, secret: str | None) -> None:
    await sign_in(await connect(url, "members", serializer, secret, "wampcra"))


async def salted(url: str, serializer: str, secret: str | None) -> None:
    await sign_in(await connect(url, "members", serializer, secret, "wampcra", "zoë"))


async def sign_in(client: Client) -> None:
    if client.left.done():
        say("refused", reason=client.left.result())
        return
    details = client.joined.result()
    say("joined", authid=details.authid, authmethod=details.authmethod)
    say("call", result=await client.call("who.am.i"))
    await client.end()


async def stay(url: str, serializer: str, _ticket: str | None) -> None:
    client = await enter(url, "demo", serializer)
    reason = await asyncio.wait_for(client.left, PATIENCE)
    await asyncio.wait_for(client.closed.wait(), PATIENCE)
    say("sent away", reason=reason)


async def callee(url: str, serializer: str, _ticket: str | None) -> None:
    client = await enter(url, "lab", serializer)
    with_details = RegisterOptions(details_arg="details")
    await client.register(echo, "lab.echo")
    await client.register(refuse, "lab.fail")
    await client.register(wait, "lab.slow")
    await client.register(count, "lab.count", options=with_details)
    await client.subscribe(client.note_event, "lab.topic")
    say("ready")
    await asyncio.to_thread(sys.stdin.read)
    while not client.events.empty():
        say("event", **client.events.get_nowait())
    await client.end()


def echo(*args: Any, **kwargs: Any) -> CallResult:
    return CallResult(*args, **kwargs)


def refuse() -> None:
    raise ApplicationError("lab.error.refused", "not today", code=7)


async def wait() -> None:
    say("slow started")
    try:
        await asyncio.sleep(PATIENCE * 4)
    except asyncio.CancelledError:
        say("interrupted")
        raise ApplicationError("wamp.error.canceled") from None


async def count(limit: int, details: CallDetails) -> str:
    for number in range(1, limit + 1):
        details.progress(number)
        await asyncio.sleep(0)
    return "done"


async def caller(url: str, serializer: str, _ticket: str | None) -> None:
    client = await enter(url, "lab", serializer)
    echoed: CallResult = await client.call(
        "lab.echo", 1, "zwei 🎉", [3.5, None], key=True
    )
    say("echo", args=list(echoed.results), kwargs=echoed.kwresults)
    say("binary", result=await client.call("lab.echo", BINARY))
    await refusal("typed error", client.call("lab.fail"), full=True)
    await progress_of(client, "lab.count")
    await cancel_slow(client)
    acknowledged = PublishOptions(acknowledge=True)
    publication = await client.publish("lab.topic", "one", options=acknowledged)
    say("published", acknowledged=publication.id > 0)
    client.publish("lab.topic", "two", n=2)
    await client.call("lab.echo", "after the event")
    await client.end()


async def cancel_slow(client: Client) -> None:
    call = client.call("lab.slow")
    await client.call("lab.echo", "so that lab.slow has started")
    call.cancel()
    await client.call("lab.echo", "so that the answer has come")
    # Autobahn gives its user no error for a call given up, but forgets it only when
    # the router has answered.
    say("cancelled", answered=not client._call_reqs)


SCENARIOS: dict[str, Callable[[str, str, str | None], Awaitable[None]]] = {
    "hosted": hosted,
    "ticket": ticket,
    "wampcra": cra,
    "wampcra-salted": salted,
    "stay": stay,
    "callee": callee,
    "caller": caller,
}


async def main(scenario: str, url: str, serializer: str, ticket: str = "") -> None:
    await SCENARIOS[scenario](url, serializer, ticket or None)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
