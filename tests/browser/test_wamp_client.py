"""The browser's WAMP client in a real browser, against this library."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from playwright.sync_api import Browser, Page

import aiohttp_serverwamp as serverwamp
from aiohttp_serverwamp.auth.wampcra import derive_key

STATIC = Path(__file__).parents[2] / "example_app" / "static"


class Laboratory:
    """A server in a thread of its own, with procedures to try a client on."""

    def __init__(self) -> None:
        self.url = ""
        self.cancelled = threading.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    def start(self) -> None:
        self._thread.start()
        assert self._ready.wait(20)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(20)
        assert not self._thread.is_alive()

    async def _serve(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        runner = web.AppRunner(self._make_app())
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        self._ready.set()
        await self._end.wait()
        await runner.cleanup()

    def _make_app(self) -> web.Application:
        async def blank_page(request: web.Request) -> web.Response:
            return web.Response(
                text="<link rel=icon href=data:,>", content_type="text/html"
            )

        app = web.Application()
        app.router.add_get("/", blank_page)
        app.router.add_static("/static/", STATIC)
        wamp = serverwamp.setup_wamp(
            app, serverwamp.Application(allow_default_realm=False)
        )
        realm = serverwamp.Realm("laboratory", permissions=serverwamp.OPEN)
        realm.add_routes(self._procedures())
        wamp.add_realm(realm)
        vault = serverwamp.Realm("vault")
        vault.set_ticket_authenticator(check_ticket)
        vault.set_cra_handlers(
            lambda session: PEOPLE.get(session.authid), lambda session: session.authid
        )
        wamp.add_realm(vault)
        wamp.add_realm(make_club())
        return app

    def _procedures(self) -> serverwamp.RPCRouteSet:
        api = serverwamp.RPCRouteSet()

        @api.route("count")
        async def count(to: int) -> AsyncIterator[Any]:
            for number in range(1, to + 1):
                yield number
            yield serverwamp.RPCResult([f"counted to {to}"])

        @api.route("forever")
        async def forever() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                self.cancelled.set()

        @api.route("fail")
        async def fail() -> None:
            raise serverwamp.ApplicationError("lab.error.broken", "glass", pieces=3)

        @api.route("echo")
        async def echo(value: Any) -> Any:
            return value

        api.route("restart")(restart)

        @api.route("pair")
        async def pair() -> tuple[int, int]:
            return 1, 2

        return api


async def restart(session: serverwamp.Session) -> None:
    """Say goodbye as a server does that shuts down."""
    closing = session.close("wamp.close.system_shutdown")
    asyncio.get_running_loop().create_task(closing)


def make_club() -> serverwamp.Realm:
    """Make a realm for members, who may give up their membership."""
    club = serverwamp.Realm("club")
    club.add_transport_authenticator(
        lambda session: serverwamp.Identity("ann", "member")
    )
    club.permit("club.", match="prefix", subscribe=True, roles=["member"])
    club.permit("page.", match="prefix", register=True, roles=["member"])
    api = serverwamp.RPCRouteSet()

    @api.route("resign")
    async def resign(session: serverwamp.Session) -> None:
        await session.renew(serverwamp.Identity("ann", "guest"))

    api.route("restart")(restart)
    club.add_routes(api)
    return club


PASSWORD = "open sésame"
PEOPLE = {
    "ann": serverwamp.CRAAuthRequirement(PASSWORD, "guest"),
    "zoë": serverwamp.CRAAuthRequirement(
        derive_key(PASSWORD, "pepper ü", iterations=1000),
        "guest",
        salt="pepper ü",
        iterations=1000,
    ),
}


async def check_ticket(session: serverwamp.Session, ticket: str) -> Any:
    if ticket == "letter":
        return serverwamp.Identity(authid="joe", authrole="guest")
    return None


@pytest.fixture(scope="module")
def laboratory() -> Iterator[Laboratory]:
    running = Laboratory()
    running.start()
    yield running
    running.stop()


@pytest.fixture
def page(browser: Browser, laboratory: Laboratory) -> Iterator[Page]:
    context = browser.new_context()
    opened = context.new_page()
    opened.goto(laboratory.url)
    opened.evaluate(
        """async () => {
            const {connect, Result, WampError} = await import("/static/wamp/wamp.js");
            const signIn = await import("/static/wamp/auth.js");
            Object.assign(window, {Result, WampError, ...signIn});
            window.join = async (realm, options) => {
                const wamp = connect("/ws", realm, options);
                await wamp.joined;
                return wamp;
            };
            window.outcome = (promise) => promise.then(
                (value) => ["resolved", value],
                ({uri, name, args, kwargs}) => ["rejected", uri ?? name, args, kwargs]);
            window.lab = await window.join("laboratory");
        }"""
    )
    yield opened
    context.close()


def test_progress_comes_before_the_result(page: Page) -> None:
    seen = page.evaluate(
        """async () => {
            const seen = [];
            const onProgress = (number) => seen.push(number);
            seen.push(await window.lab.call("count", [3], {}, {onProgress}));
            return seen;
        }"""
    )

    assert seen == [1, 2, 3, "counted to 3"]


def test_an_error_arrives_with_its_arguments(page: Page) -> None:
    answer = page.evaluate("window.outcome(window.lab.call('fail'))")

    assert answer == ["rejected", "lab.error.broken", ["glass"], {"pieces": 3}]


def test_aborting_a_call_cancels_the_handler_and_keeps_the_session(
    page: Page, laboratory: Laboratory
) -> None:
    answer = page.evaluate(
        """async () => {
            const controller = new AbortController();
            const {signal} = controller;
            const call = window.lab.call("forever", [], {}, {signal});
            // Answered after the call has reached its handler.
            await window.lab.call("echo", [1]);
            controller.abort();
            return window.outcome(call);
        }"""
    )

    assert answer[:2] == ["rejected", "AbortError"]
    assert laboratory.cancelled.wait(10)
    assert page.evaluate("window.lab.call('echo', ['still here'])") == "still here"


def test_results_arrive_in_the_shape_the_handler_gave_them(page: Page) -> None:
    values = page.evaluate(
        """async () => [
            await window.lab.call("pair"),
            await window.lab.call("echo", [[1]]),
            await window.lab.call("echo", [{a: null}]),
            await window.lab.call("echo", ["\\u0001ünï 🚀"]),
        ]"""
    )

    assert values == [{"args": [1, 2], "kwargs": {}}, [1], {"a": None}, "\x01ünï 🚀"]


def test_bytes_make_the_round_trip(page: Page) -> None:
    value = page.evaluate(
        """async () => {
            const back = await window.lab.call("echo", [{data: Uint8Array.of(0, 255)}]);
            return [back.data instanceof Uint8Array, ...back.data];
        }"""
    )

    assert value == [True, 0, 255]


def test_events_pass_between_clients_by_exact_topic_and_by_pattern(page: Page) -> None:
    heard = page.evaluate(
        """async () => {
            const heard = [];
            const hear = ({topic, args, kwargs}) => heard.push([topic, args, kwargs]);
            await window.lab.subscribe("lab.news", hear);
            const wide = await window.lab.subscribe("lab.", hear, {match: "prefix"});
            const other = await window.join("laboratory");
            const id = await other.publish("lab.news", ["first"], {n: 1});
            // Answered after the events that were sent before it.
            await window.lab.call("echo", [0]);
            await window.lab.unsubscribe(wide);
            await other.publish("lab.news", ["second"]);
            await window.lab.call("echo", [0]);
            await other.leave();
            return [Number.isInteger(id), other.state, heard];
        }"""
    )

    first = ["lab.news", ["first"], {"n": 1}]
    assert heard == [True, "closed", [first, first, ["lab.news", ["second"], {}]]]


def test_a_page_is_called_with_progress_results_and_errors(page: Page) -> None:
    answers = page.evaluate(
        """async () => {
            const other = await window.join("laboratory");
            const {Result, WampError} = window;
            await other.register("page.sum", ([a, b], {unit}, {progress}) => {
                progress("adding");
                if (unit !== "m") throw new WampError("page.error.unit", [a], {unit});
                return new Result([a + b], {unit});
            });
            const fail = () => { throw new Error("secret"); };
            await other.register("page.fail", fail);
            const seen = [];
            const onProgress = (value) => seen.push(value);
            const ask = (unit) => window.outcome(
                window.lab.call("page.sum", [1, 2], {unit}, {onProgress}));
            return [await ask("m"), await ask("apples"), seen,
                    await window.outcome(window.lab.call("page.fail"))];
        }"""
    )

    assert answers == [
        ["resolved", {"args": [3], "kwargs": {"unit": "m"}}],
        ["rejected", "page.error.unit", [1], {"unit": "apples"}],
        ["adding", "adding"],
        ["rejected", "wamp.error.runtime_error", [], {}],
    ]


@pytest.mark.parametrize(
    ("mode", "answer"), [("killnowait", "AbortError"), ("kill", "wamp.error.canceled")]
)
def test_cancelling_a_call_aborts_the_signal_of_the_page_that_is_called(
    page: Page, mode: str, answer: str
) -> None:
    seen = page.evaluate(
        """async (cancelMode) => {
            const other = await window.join("laboratory");
            let called, aborted;
            const calling = new Promise((resolve) => { called = resolve; });
            const aborting = new Promise((resolve) => { aborted = resolve; });
            await other.register("page.forever", (args, kwargs, {signal}) => {
                called();
                signal.addEventListener("abort", () => aborted(signal.reason.uri));
                return aborting.then(() => signal.throwIfAborted());
            });
            const controller = new AbortController();
            const {signal} = controller;
            const call = window.lab.call("page.forever", [], {}, {signal, cancelMode});
            await calling;
            controller.abort();
            return [(await window.outcome(call))[1], await aborting, other.state];
        }""",
        mode,
    )

    assert seen == [answer, "wamp.error.canceled", "joined"]


def test_after_a_restart_of_the_server_everything_is_in_place_again(page: Page) -> None:
    seen = page.evaluate(
        """async () => {
            const states = [];
            const onState = (state) => states.push(state);
            const other = await window.join("laboratory", {onState, minDelay: 20});
            const heard = [];
            await other.subscribe("lab.news", ({args}) => heard.push(...args));
            await other.register("page.where", () => "here");
            const {id} = other;
            const call = window.outcome(other.call("forever"));
            await other.call("restart");
            const [, uri] = await call;
            await other.joined;
            await window.lab.publish("lab.news", ["again"]);
            const where = await window.lab.call("page.where");
            return [uri, other.id !== id, where, heard, states];
        }"""
    )

    assert seen == [
        "client.connection_lost",
        True,
        "here",
        ["again"],
        ["joined", "waiting", "connecting", "joined"],
    ]


def test_a_page_hears_what_its_new_role_may_not_have_and_has_it_again_with_the_old(
    page: Page,
) -> None:
    seen = page.evaluate(
        """async () => {
            const lost = [];
            const onRevoked = ({uri}, revoked) => lost.push([uri, revoked.uri]);
            let leave;
            const isAway = new Promise((resolve) => { leave = resolve; });
            const onState = (state) => { if (state === "waiting") leave(); };
            const options = {onRevoked, onState, minDelay: 20};
            const club = await window.join("club", options);
            const held = [
                await club.subscribe("club.news", () => {}),
                await club.register("page.title", () => "title"),
            ];
            const taken = await club.subscribe("club.gossip", () => {});
            await club.call("resign");
            const ids = held.map(({id}) => id);
            await club.unsubscribe(taken);
            await window.outcome(club.call("restart"));
            await isAway;
            await club.joined;
            const back = [...held, taken].map(({id}) => id !== null);
            await club.leave();
            return [lost.sort(), ids, back];
        }"""
    )

    refused = "wamp.error.not_authorized"
    lost = [[refused, uri] for uri in ("club.gossip", "club.news", "page.title")]
    assert seen == [lost, [None, None], [True, True, False]]


def test_who_comes_back_to_the_page_finds_out_whether_the_server_is_there(
    page: Page,
) -> None:
    asked = page.evaluate(
        """async () => {
            const {send} = WebSocket.prototype;
            const sent = [];
            WebSocket.prototype.send = function (text) {
                sent.push(JSON.parse(text)[0]);
                send.call(this, text);
            };
            document.dispatchEvent(new Event("visibilitychange"));
            await window.lab.call("echo", [1]);
            WebSocket.prototype.send = send;
            return [sent, window.lab.state];
        }"""
    )

    # UNSUBSCRIBE, which has an answer whoever the client is, and the call.
    assert asked == [[34, 48], "joined"]


def test_a_ticket_opens_a_realm_and_a_wrong_one_does_not(page: Page) -> None:
    answers = page.evaluate(
        """async () => {
            const ask = (secret) => window.outcome(
                window.join("vault", window.ticket("joe", secret))
                    .then(({details}) => [details.authid, details.authrole]));
            return [await ask("letter"), await ask("forged")];
        }"""
    )

    assert answers[0] == ["resolved", ["joe", "guest"]]
    assert answers[1][:2] == ["rejected", "wamp.error.authentication_denied"]


@pytest.mark.parametrize("authid", ["ann", "zoë"])
def test_a_password_is_proved_and_a_wrong_one_is_not(page: Page, authid: str) -> None:
    answers = page.evaluate(
        """async ([authid, password]) => {
            const ask = (secret) => window.outcome(
                window.join("vault", window.wampcra(authid, secret))
                    .then(({details}) => [details.authid, details.authmethod]));
            return [await ask(async () => password), await ask("guess")];
        }""",
        [authid, PASSWORD],
    )

    assert answers[0] == ["resolved", [authid, "wampcra"]]
    assert answers[1][:2] == ["rejected", "wamp.error.authentication_denied"]
