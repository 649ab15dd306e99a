"""What behaves differently from serverwamp 2.0, as probes that run under both.

The table is that of docs/migrate-serverwamp.rst, which says why; the test holds the two
against each other, and each against what the libraries do.
"""

# No postponed annotations: serverwamp does not read them.

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

import aiohttp
from aiohttp import web

from aiohttp_serverwamp.testing import serving
from tests.integration.from_serverwamp.both import Talk, talking

__all__ = ["DIFFERENCES", "Difference"]

#: Runs something under a library and returns, in few words, what came of it.
Probe = Callable[[Any], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Difference:
    """One line of the table."""

    title: str
    theirs: str
    here: str
    probe: Probe

    def __str__(self) -> str:
        return self.title


DIFFERENCES: list[Difference] = []

#: What stands around a single text in a list.
BRACKETS = "[']"


def differs(title: str, theirs: str, here: str) -> Callable[[Probe], Probe]:
    """Note a difference and its probe."""

    def note(probe: Probe) -> Probe:
        DIFFERENCES.append(Difference(title, theirs, here, probe))
        return probe

    return note


def outcome(message: list[Any]) -> str:
    """Return what matters of a message: its name, and its arguments or its URI."""
    match message:
        case ["ERROR", _, uri, *_]:
            return str(uri)
        case ["RESULT", "progress", args, _]:
            return f"progress {args}"
        case ["RESULT", args, kwargs]:
            return f"{args} {kwargs}" if kwargs else str(args)
        case _:
            return " ".join(str(part) for part in message[:2])


@asynccontextmanager
async def client_of(wamp: Any, **options: Any) -> AsyncIterator[Talk]:
    """Serve an application and connect to it."""
    http_app = web.Application()
    http_app.add_routes([web.get("/", wamp.aiohttp_websocket_handler())])
    async with serving(http_app) as http, talking(http, **options) as talk:
        yield talk


async def answers_to(
    wamp: Any,
    uri: str,
    *args: Any,
    count: int = 1,
    options: Mapping[str, Any] | None = None,
    **kwargs: Any,
) -> str:
    """Call a procedure and return its answers."""
    async with client_of(wamp) as talk:
        await talk.hello()
        heard = []
        for number in range(count):
            if number == 0:
                await talk.call(uri, *args, options=options, **kwargs)
            else:
                await talk.hear()
            heard.append(outcome(talk.written[-1]))
        return ", ".join(heard)


def hosting(serverwamp: Any, handler: Callable[..., Any], uri: str = "p") -> Any:
    """Make an application with one procedure."""
    api = serverwamp.RPCRouteSet()
    api.route(uri)(handler)
    wamp = serverwamp.Application()
    wamp.add_rpc_routes(api)
    return wamp


def error_of(make: Callable[[], Any]) -> str:
    """Return the name of the error that something raises."""
    try:
        make()
    except Exception as error:
        return type(error).__name__
    return "accepted"


# --- Results --------------------------------------------------------------------------


@differs("A handler returns a list", "[1, 2]", "[[1, 2]]")
async def returned_list(serverwamp: Any) -> str:
    async def handler() -> Any:
        return [1, 2]

    return await answers_to(hosting(serverwamp, handler), "p")


@differs("A handler returns a mapping", "[] {'a': 1}", "[{'a': 1}]")
async def returned_mapping(serverwamp: Any) -> str:
    async def handler() -> Any:
        return {"a": 1}

    return await answers_to(hosting(serverwamp, handler), "p")


@differs("A generator yields a value that is no ``RPCResult``", "[5]", "[]")
async def yielded_value(serverwamp: Any) -> str:
    async def handler() -> Any:
        yield 5

    return await answers_to(hosting(serverwamp, handler), "p")


@differs("Progress that the caller did not ask for", "progress [1]", "[2]")
async def unasked_progress(serverwamp: Any) -> str:
    async def handler() -> Any:
        yield serverwamp.RPCProgressReport([1])
        yield serverwamp.RPCResult([2])

    return await answers_to(hosting(serverwamp, handler), "p")


# --- Arguments ------------------------------------------------------------------------


@differs("More arguments than parameters", "[1]", "wamp.error.invalid_argument")
async def surplus(serverwamp: Any) -> str:
    async def handler(a: Any) -> Any:
        return a

    return await answers_to(hosting(serverwamp, handler), "p", 1, 2)


@differs("A text for ``number: int``", "[5]", "wamp.error.invalid_argument")
async def text_for_int(serverwamp: Any) -> str:
    async def handler(number: int) -> int:
        return number

    return await answers_to(hosting(serverwamp, handler), "p", "5")


@differs("A text for ``yes: bool``", "[True]", "wamp.error.invalid_argument")
async def text_for_bool(serverwamp: Any) -> str:
    async def handler(yes: bool) -> bool:
        return yes

    return await answers_to(hosting(serverwamp, handler), "p", "no")


@differs("A number for ``name: str``", "[5]", "wamp.error.invalid_argument")
async def number_for_str(serverwamp: Any) -> str:
    async def handler(name: str) -> str:
        return name

    return await answers_to(hosting(serverwamp, handler), "p", 5)


@differs("Null for ``name: str = None``", "None", "wamp.error.invalid_argument")
async def null_for_str(serverwamp: Any) -> str:
    async def handler(name: str = cast("Any", None)) -> str:
        return repr(name)

    return (await answers_to(hosting(serverwamp, handler), "p", None)).strip(BRACKETS)


class Money:
    """A class of the program's own, that takes one argument."""

    def __init__(self, amount: float) -> None:
        self.amount = amount


@differs("A parameter annotated with a class of your own", "[5]", "does not start")
async def own_class(serverwamp: Any) -> str:
    async def handler(price: Money) -> float:
        return price.amount

    try:
        return await answers_to(hosting(serverwamp, handler), "p", 5)
    except aiohttp.WSServerHandshakeError:
        return "does not start"


@differs("A parameter named ``invocation``", "[5]", "wamp.error.invalid_argument")
async def named_invocation(serverwamp: Any) -> str:
    async def handler(invocation: Any) -> Any:
        return invocation if isinstance(invocation, int) else type(invocation).__name__

    return await answers_to(hosting(serverwamp, handler), "p", 5)


@differs("``request.id``", "the caller's", "the invocation's own")
async def request_id(serverwamp: Any) -> str:
    async def handler(request: Any) -> Any:
        return request.id

    async with client_of(hosting(serverwamp, handler)) as talk:
        await talk.hello()
        await talk.client.send(48, 77, {}, "p")
        _, (found,), _ = await talk.hear()
        return "the caller's" if found == 77 else "the invocation's own"


@differs("``request.timeout``", "1500", "1.5")
async def request_timeout(serverwamp: Any) -> str:
    async def handler(request: Any) -> Any:
        return request.timeout

    wamp = hosting(serverwamp, handler)
    return (await answers_to(wamp, "p", options={"timeout": 1500})).strip("[]")


@differs("A default arg's factory is ``async def``", "coroutine", "str")
async def async_factory(serverwamp: Any) -> str:
    async def factory() -> str:
        return "made"

    async def handler(made: Any) -> Any:
        name = type(made).__name__
        if name == "coroutine":
            made.close()
        return name

    wamp = hosting(serverwamp, handler)
    wamp.set_default_arg("made", factory=factory)
    return (await answers_to(wamp, "p")).strip(BRACKETS)


@differs(
    "``set_default_arg()`` while clients are served", "accepted", "ConfigurationError"
)
async def late_default_arg(serverwamp: Any) -> str:
    wamp = serverwamp.Application()
    async with client_of(wamp):
        return error_of(lambda: wamp.set_default_arg("late", 1))


# --- Errors ---------------------------------------------------------------------------


@differs(
    "A procedure that nobody serves",
    "wamp.error.runtime_error",
    "wamp.error.no_such_procedure",
)
async def unknown_procedure(serverwamp: Any) -> str:
    return await answers_to(serverwamp.Application(), "p")


@differs(
    "A topic that nobody serves", "wamp.error.invalid_uri", "wamp.error.not_authorized"
)
async def unknown_topic(serverwamp: Any) -> str:
    async with client_of(serverwamp.Application()) as talk:
        await talk.hello()
        return outcome(await talk.ask(32, {}, "t"))


@differs("What explains ``wamp.error.invalid_argument``", "message=", "a text")
async def explained(serverwamp: Any) -> str:
    async def handler(number: int) -> int:
        return number

    async with client_of(hosting(serverwamp, handler)) as talk:
        await talk.hello()
        _, _, _, args, kwargs = await talk.call("p")
        return "a text" if args else ", ".join(f"{key}=" for key in kwargs)


@differs(
    "PUBLISH, REGISTER, CANCEL",
    "ABORT wamp.error.protocol_violation",
    "wamp.error.not_authorized",
)
async def publishing(serverwamp: Any) -> str:
    async with client_of(serverwamp.Application()) as talk:
        await talk.hello()
        return outcome(await talk.ask(16, {"acknowledge": True}, "t", [1]))


# --- Routes ---------------------------------------------------------------------------


@differs("A regex route for a longer URI", "['regex']", "wamp.error.no_such_procedure")
async def regex_beginning(serverwamp: Any) -> str:
    async def handler() -> str:
        return "regex"

    api = serverwamp.RPCRouteSet()
    api.regex_route(r"item\.\d")(handler)
    wamp = serverwamp.Application()
    wamp.add_rpc_routes(api)
    return await answers_to(wamp, "item.5.more")


@differs("Two prefixes that match", "the first", "the longest")
async def two_prefixes(serverwamp: Any) -> str:
    async def short() -> str:
        return "the first"

    async def long() -> str:
        return "the longest"

    api = serverwamp.RPCRouteSet()
    api.prefix_route("a.")(short)
    api.prefix_route("a.b.")(long)
    wamp = serverwamp.Application()
    wamp.add_rpc_routes(api)
    return (await answers_to(wamp, "a.b.c")).strip(BRACKETS)


@differs("Two routes for one URI", "accepted", "ConfigurationError")
async def twice(serverwamp: Any) -> str:
    async def handler() -> None: ...

    api = serverwamp.RPCRouteSet()
    api.route("p")(handler)
    api.route("p")(handler)
    return error_of(lambda: serverwamp.Application().add_rpc_routes(api))


@differs("``set_rpc_handler()`` beside routes", "['handler']", "['route']")
async def handler_beside_routes(serverwamp: Any) -> str:
    async def route() -> str:
        return "route"

    async def everything(request: Any) -> Any:
        return serverwamp.RPCResult(["handler"])

    wamp = hosting(serverwamp, route)
    wamp.set_rpc_handler(everything)
    return await answers_to(wamp, "p")


@differs("``Application(True, AsyncSupport, True)``", "accepted", "TypeError")
async def by_position(serverwamp: Any) -> str:
    support = serverwamp.adapters.asyncio.AsyncioAsyncSupport
    return error_of(lambda: serverwamp.Application(True, support, True))


@differs("``async_support=None``", "accepted", "ConfigurationError")
async def no_support(serverwamp: Any) -> str:
    return error_of(lambda: serverwamp.Application(async_support=None))


@differs("``Realm()`` without a URI", "accepted", "TypeError")
async def no_uri(serverwamp: Any) -> str:
    return error_of(serverwamp.Realm)


@differs("A second realm of one URI", "accepted", "ConfigurationError")
async def second_realm(serverwamp: Any) -> str:
    wamp = serverwamp.Application()
    wamp.add_realm(serverwamp.Realm("r"))
    return error_of(lambda: wamp.add_realm(serverwamp.Realm("r")))


# --- Signing in -----------------------------------------------------------------------


@differs(
    "Nobody knows the client's transport",
    "ABORT wamp.error.authentication_failed",
    "ABORT wamp.error.authentication_required",
)
async def stranger(serverwamp: Any) -> str:
    async def nobody(session: Any) -> None: ...

    wamp = serverwamp.Application()
    wamp.add_transport_authenticator(nobody)
    async with client_of(wamp) as talk:
        return outcome(await talk.hello())


@differs(
    "An authenticator raises", "breaks off", "ABORT wamp.error.authentication_failed"
)
async def failing_authenticator(serverwamp: Any) -> str:
    async def fail(session: Any) -> None:
        raise RuntimeError("no database")

    wamp = serverwamp.Application()
    wamp.add_transport_authenticator(fail)
    async with client_of(wamp) as talk:
        return await after_hello(talk)


async def after_hello(talk: Talk, **details: Any) -> str:
    await talk.client.send(1, "r", {"roles": {"caller": {}}, **details})
    frame = await talk.client.ws.receive()
    if frame.type is not aiohttp.WSMsgType.TEXT:
        return "breaks off"
    code, reason = frame.json()[0], frame.json()[-1]
    return {2: "WELCOME", 3: f"ABORT {reason}", 4: "CHALLENGE"}[code]


@differs("A client offers ``ticket``", "breaks off", "CHALLENGE")
async def ticket(serverwamp: Any) -> str:
    async def check(session: Any, ticket: str) -> str:
        return "somebody"

    wamp = serverwamp.Application()
    wamp.set_ticket_authenticator(check)
    async with client_of(wamp) as talk:
        return await after_hello(talk, authid="ann", authmethods=["ticket"])


@differs("``session.auth_id`` of a client that only says so", "ann", "a random one")
async def claimed(serverwamp: Any) -> str:
    async def handler(session: Any) -> Any:
        return session.auth_id

    async with client_of(hosting(serverwamp, handler)) as talk:
        await talk.hello(authid="ann")
        _, (found,), _ = await talk.call("p")
        return "ann" if found == "ann" else "a random one"


@differs("``session.auth_id`` of an anonymous client", "None", "a random text")
async def anonymous(serverwamp: Any) -> str:
    seen = []

    async def handler(session: Any) -> None:
        seen.append((session.auth_id, session.identity))

    await answers_to(hosting(serverwamp, handler), "p")
    ((auth_id, identity),) = seen
    assert identity is None
    return "None" if auth_id is None else "a random text"


@differs(
    "``session.auth_id`` of whom an authenticator knows by a plain value",
    "None",
    "a random text",
)
async def plain_value(serverwamp: Any) -> str:
    seen = []

    async def know(session: Any) -> str:
        return "ann"

    async def handler(session: Any) -> None:
        seen.append((session.auth_id, session.identity))

    wamp = hosting(serverwamp, handler)
    wamp.add_transport_authenticator(know)
    await answers_to(wamp, "p")
    ((auth_id, identity),) = seen
    assert identity == "ann"
    return "None" if auth_id is None else "a random text"


@differs("HELLO without ``roles``", "WELCOME", "ABORT wamp.error.protocol_violation")
async def no_roles(serverwamp: Any) -> str:
    async with client_of(serverwamp.Application()) as talk:
        await talk.client.send(1, "r", {})
        return " ".join((await talk.hear())[:2]).removesuffix(" broker")


@differs("A page of another site connects", "WELCOME", "HTTP 403")
async def foreign(serverwamp: Any) -> str:
    try:
        async with client_of(
            serverwamp.Application(), headers={"Origin": "https://example.org"}
        ) as talk:
            return str((await talk.hello())[0])
    except aiohttp.WSServerHandshakeError as error:
        return f"HTTP {error.status}"


# --- Ending ---------------------------------------------------------------------------


@differs(
    "``session.abort()`` without a reason",
    "ABORT None",
    "ABORT wamp.error.authentication_denied",
)
async def aborting(serverwamp: Any) -> str:
    async def abort(session: Any) -> None:
        await session.abort()

    wamp = serverwamp.Application()
    wamp.set_authentication_handler(abort)
    async with client_of(wamp) as talk:
        return await after_hello(talk)


@differs(
    "``session.close()``",
    "GOODBYE wamp.close.goodbye_and_out",
    "GOODBYE wamp.close.killed",
)
async def closing(serverwamp: Any) -> str:
    async def handler(session: Any) -> None:
        await session.close()

    async with client_of(hosting(serverwamp, handler)) as talk:
        await talk.hello()
        return outcome(await talk.call("p"))


@differs(
    "``close_sessions()``",
    "GOODBYE wamp.close.system_shutdown",
    "GOODBYE wamp.close.killed",
)
async def closing_all(serverwamp: Any) -> str:
    wamp = serverwamp.Application()
    async with client_of(wamp) as talk:
        await talk.hello()
        await wamp.close_sessions()
        return outcome(await talk.hear())


@differs("``send_event()`` once the session has left", "ConnectionClosed", "nothing")
async def late_event(serverwamp: Any) -> str:
    sessions = []

    async def topic(session: Any) -> AsyncIterator[None]:
        sessions.append(session)
        yield

    routes = serverwamp.TopicRouteSet()
    routes.route("t")(topic)
    wamp = serverwamp.Application()
    wamp.add_topic_routes(routes)
    async with client_of(wamp) as talk:
        await talk.hello()
        await talk.subscribe("t")
        await talk.leave()
        try:
            await sessions[0].send_event("t")
        except ConnectionError as error:
            return type(error).__name__
        return "nothing"


@differs(
    "A task of ``spawn_task()`` when its session leaves", "goes on", "is cancelled"
)
async def spawned(serverwamp: Any) -> str:
    ended = asyncio.get_running_loop().create_future()

    async def task() -> None:
        try:
            await asyncio.sleep(0.05)
        except asyncio.CancelledError:
            ended.set_result("is cancelled")
            raise
        ended.set_result("goes on")

    async def handler(session: Any) -> None:
        await session.spawn_task(task)

    async with client_of(hosting(serverwamp, handler)) as talk:
        await talk.hello()
        await talk.call("p")
        await talk.leave()
        return str(await ended)
