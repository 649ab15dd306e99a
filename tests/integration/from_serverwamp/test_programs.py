"""Programs for serverwamp 2.0 say the same on the wire after one import has changed.

Each is a file in ``programs``, run twice: by serverwamp 2.0.0 as it stands, and by this
library with the import replaced. Where something else has to be replaced, the test says
so; docs/migrate-serverwamp.rst tells users the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from tests.integration.from_serverwamp.both import LIBRARIES, Talk, served, talking

Conversation = Callable[[aiohttp.ClientSession], Awaitable[list[Any]]]

#: What keeps the arguments of results as clients of serverwamp know them.
SPREAD = ("RPCRouteSet()", "RPCRouteSet(spread_results=True)")


async def on_both(
    program: str,
    conversation: Conversation,
    *changes: tuple[str, str],
    **options: Any,
) -> list[Any]:
    """Hold a conversation with a program under both libraries; return what was said."""
    written = {}
    for library in LIBRARIES:
        async with served(program, library, *changes, **options) as http:
            written[library] = await conversation(http)
    assert written["aiohttp_serverwamp"] == written["serverwamp"]
    return written["serverwamp"]


# --- Calls ----------------------------------------------------------------------------


async def test_routes_arguments_and_results_are_those_of_serverwamp() -> None:
    async def conversation(http: aiohttp.ClientSession) -> list[Any]:
        async with talking(http) as talk:
            await talk.hello("default.of.any.name")
            await talk.call("book.find", 2)
            await talk.call("book.find", number=1)
            await talk.call("book.find", 7)
            await talk.call("book.all")
            await talk.call("book.lend", 1, "May", renew=True)
            await talk.call("book.lend", 2, until="June")
            await talk.call("book.lent")
            await talk.call("book.fine", 3, 2)
            await talk.call("book.fine", days=3)
            await talk.call("book.forget")
            await talk.call("book.pair")
            await talk.call("book.count", "Emma", "Persuasion", one=1, two=2)
            await talk.call("shelf.of.novels", 1, to="read")
            await talk.call("room.blue.open")
            await talk.call("room.red.open", 7)
            await talk.leave()
            return talk.written

    said = await on_both("library", conversation, SPREAD)

    assert said[0] == ["WELCOME", "broker", "dealer"]
    assert said[1] == ["RESULT", [], {"number": 2, "title": "Persuasion"}]
    assert said[3] == ["ERROR", 48, "library.error.unknown", [7], {"known": [1, 2]}]
    assert said[4] == ["RESULT", ["Emma", "Persuasion"], {}]
    assert said[5] == ["RESULT", [100, 1], {"until": "May", "renew": True}]
    assert said[-1] == ["GOODBYE", "wamp.close.goodbye_and_out"]


async def test_what_a_handler_raises_is_told_by_its_uri_alone(
    allow_logged_errors: None,
) -> None:
    async def conversation(http: aiohttp.ClientSession) -> list[Any]:
        async with talking(http) as talk:
            await talk.hello()
            await talk.call("book.burn")
            return talk.written

    said = await on_both("library", conversation, SPREAD)

    assert said[-1] == ["ERROR", 48, "wamp.error.runtime_error", [], {}]


async def test_wrong_arguments_are_an_invalid_argument_with_both() -> None:
    """The words differ, see the differences."""

    async def conversation(http: aiohttp.ClientSession) -> list[Any]:
        async with talking(http) as talk:
            await talk.hello()
            await talk.call("book.find")
            await talk.call("book.find", "many")
            return [message[:3] for message in talk.written]

    said = await on_both("library", conversation)

    assert said[1:] == [["ERROR", 48, "wamp.error.invalid_argument"]] * 2


async def test_progress_ends_in_a_result_or_an_error(
    allow_logged_errors: None,
) -> None:
    async def conversation(http: aiohttp.ClientSession) -> list[Any]:
        progress = {"receive_progress": True}
        async with talking(http) as talk:
            await talk.hello()
            await talk.call("export", 2, options=progress, answers=3)
            await talk.call("export", 9, options=progress, answers=4)
            await talk.call("export", 2)
            await talk.call("jam", options=progress, answers=2)
            return talk.written

    said = await on_both("export", conversation)

    assert said[1:4] == [
        ["RESULT", "progress", [0], {"of": 2}],
        ["RESULT", "progress", [1], {"of": 2}],
        ["RESULT", ["report.pdf"], {"pages": 2}],
    ]
    assert said[7] == ["ERROR", 48, "export.error.paper", [3], {"of": 9}]
    assert said[8] == ["ERROR", 48, "export.error.ask_for_progress", [], {}]
    assert said[9][:2] == ["RESULT", "progress"]
    assert said[10][2] == "wamp.error.runtime_error"


async def test_a_client_that_has_left_may_come_again_on_its_connection() -> None:
    async def conversation(http: aiohttp.ClientSession) -> list[Any]:
        async with talking(http) as talk:
            for _ in range(2):
                await talk.hello()
                await talk.call("book.lend", 1, "May")
                await talk.call("book.lent")
                await talk.leave()
            return talk.written

    said = await on_both("library", conversation)

    lent_once = ["RESULT", [1], {}]
    assert [said[2], said[6]] == [lent_once] * 2
    assert said[7] == ["GOODBYE", "wamp.close.goodbye_and_out"]


@pytest.mark.parametrize("synchronize", [True, False])
async def test_requests_are_synchronized_or_not(synchronize: bool) -> None:
    async def conversation(http: aiohttp.ClientSession) -> list[Any]:
        async with talking(http) as talk:
            await talk.hello()
            # At once, the second one being the shorter one.
            await talk.client.send(48, 1, {}, "step", ["slow", 50])
            await talk.client.send(48, 2, {}, "step", ["fast", 1])
            await talk.hear(2)
            await talk.call("log")
            return talk.written

    said = await on_both("counter", conversation, synchronize_requests=synchronize)

    one_after_the_other = ["slow begins", "slow ends", "fast begins", "fast ends"]
    assert (said[-1][1] == one_after_the_other) is synchronize


# --- Topics ---------------------------------------------------------------------------


async def test_handlers_accompany_subscriptions_and_send_events() -> None:
    async def conversation(http: aiohttp.ClientSession) -> list[Any]:
        async with talking(http) as talk, talking(http) as other:
            await talk.hello()
            await other.hello()
            wind = await talk.subscribe("wind", answers=2)
            assert await talk.subscribe("wind") == wind
            await other.call("measure", 7)
            await talk.hear()
            rain = await talk.subscribe("rain.london")
            await talk.unsubscribe(rain)
            await talk.call("wet")
            await talk.subscribe("sun.2", answers=3)
            await talk.unsubscribe(wind)
            await talk.call("measure", 8)
            return [talk.written, other.written]

    said, measured = await on_both("weather", conversation)

    assert said[1:3] == [["SUBSCRIBED"], ["EVENT", {}, ["calm"], {"knots": 0}]]
    assert said[4] == ["EVENT", {}, ["breeze"], {"knots": 7}]
    assert measured[-1] == ["RESULT", [1], {}]
    assert ["RESULT", ["london"], {}] in said
    assert ["EVENT", {"trustlevel": 3}, [1], {}] in said
    assert said[-1] == ["RESULT", [0], {}]


async def test_a_subscription_ends_once() -> None:
    async def conversation(http: aiohttp.ClientSession) -> list[Any]:
        async with talking(http) as talk:
            await talk.hello()
            rain = await talk.subscribe("rain.london")
            await talk.unsubscribe(rain)
            await talk.unsubscribe(rain)
            return [message[:3] for message in talk.written[2:]]

    said = await on_both("weather", conversation)

    assert said == [["UNSUBSCRIBED"], ["ERROR", 34, "wamp.error.no_such_subscription"]]


async def test_a_subscription_handler_refuses_or_fails(
    allow_logged_errors: None,
) -> None:
    async def conversation(http: aiohttp.ClientSession) -> list[Any]:
        async with talking(http) as talk:
            await talk.hello()
            await talk.ask(32, {}, "sun.0")
            await talk.ask(32, {}, "fog")
            return talk.written

    said = await on_both("weather", conversation)

    assert said[1] == ["ERROR", 32, "weather.error.night", [], {}]
    assert said[2] == ["ERROR", 32, "wamp.error.runtime_error", [], {}]


# --- Realms and signing in ------------------------------------------------------------


async def test_realms_know_their_clients_by_their_transport() -> None:
    async def conversation(http: aiohttp.ClientSession) -> list[Any]:
        written: list[Any] = []

        async def visit(realm: str, *calls: str, **headers: str) -> None:
            async with talking(http, headers=headers) as talk:
                await talk.hello(realm)
                for uri in calls:
                    await talk.call(uri, *(["tea"] if uri == "order" else []))
                written.append(talk.written)

        await visit("guests", "opening.hours")
        await visit("members", "bill", "order", "bill", Cookie="member=cookie-of-ann")
        await visit("members", "order", Cookie="member=cookie-of-bob")
        await visit("members", "order", **{"X-Founder": "yes"})
        await visit("staff", "opening.hours")
        await visit("nowhere")
        return written

    said = await on_both("club", conversation)

    assert said[0][1] == ["RESULT", ["10 to 12 for guests, None"], {}]
    assert said[1][2:] == [["RESULT", ["tea for Ann"], {}], ["RESULT", ["tea"], {}]]
    assert said[2][1] == ["RESULT", ["tea for Bob"], {}]
    assert said[3][1] == ["RESULT", ["tea for the founder"], {}]
    assert said[4][1] == ["RESULT", ["10 to 12 for staff, somebody in the house"], {}]
    assert said[5] == [["ABORT", "wamp.error.no_such_realm"]]


KEY = "/?key=a lovely secret"


async def test_handlers_for_everything_sign_in_and_serve() -> None:
    async def conversation(http: aiohttp.ClientSession) -> list[Any]:
        ann = {"authid": "ann", "authmethods": ["ticket"]}
        async with talking(http, KEY) as talk, talking(http) as other:
            await talk.hello("inner", **ann)
            await talk.call("any.thing", 1, [2], more=True)
            await talk.call("closed.thing")
            await talk.subscribe("open.door", answers=2)
            await talk.ask(32, {}, "closed.door")
            await other.hello("outer")
            progress = {"receive_progress": True}
            await other.call("stream", 1, 2, options=progress, answers=3)
            return [talk.written, other.written]

    said, streamed = await on_both("gateway", conversation)

    who = {"name": "ann"}
    assert said[1] == ["RESULT", ["any.thing", 1, [2]], {"more": True, "who": who}]
    assert said[2][2:4] == ["gateway.error.closed", ["closed.thing"]]
    assert said[3:5] == [["SUBSCRIBED"], ["EVENT", {}, ["welcome"], {}]]
    assert said[5][2] == "wamp.error.not_authorized"
    assert streamed[-2:] == [
        ["RESULT", "progress", [2], {}],
        ["RESULT", ["done"], {}],
    ]


@pytest.mark.parametrize(
    ("url", "details", "reason"),
    [
        (KEY, {}, "gateway.error.stranger"),
        (KEY, {"authid": "ann"}, "gateway.error.stranger"),
        (KEY, {"authid": "eve", "authmethods": ["ticket"]}, "gateway.error.stranger"),
        (
            "/?key=guess",
            {"authid": "ann", "authmethods": ["ticket"]},
            "wamp.error.authentication_failed",
        ),
    ],
)
async def test_an_authentication_handler_aborts(
    url: str, details: dict[str, Any], reason: str
) -> None:
    async def conversation(http: aiohttp.ClientSession) -> list[Any]:
        async with talking(http, url) as talk:
            await talk.hello("inner", **details)
            return talk.written

    assert await on_both("gateway", conversation) == [["ABORT", reason]]


async def test_lifespan_handlers_accompany_sessions_from_hello_or_welcome() -> None:
    async def conversation(http: aiohttp.ClientSession) -> list[Any]:
        async with talking(http) as talk, talking(http) as nobody, talking(http) as own:
            await nobody.hello(authid="nobody")
            await talk.hello(authid="ann")
            await talk.leave()
            await own.hello(authid="bob")
            return [talk.written, await diary(own, entries=9)]

    with pytest.warns(DeprecationWarning, match="add_session_lifespan_handler"):
        said, diary_ = await on_both("hours", conversation)

    assert said[0][0] == "WELCOME"
    assert diary_[:3] == ["hello, open: False", "judged, heard", "gone"]
    assert diary_[3:6] == [
        "hello, open: False",
        "judged, heard",
        "welcome, open: True, heard",
    ]
    assert sorted(diary_[6:8]) == ["gone", "goodbye"]


async def diary(talk: Talk, entries: int) -> list[Any]:
    """Read the diary, once everything has been written into it."""
    while True:
        _, (*lines,), _ = await talk.call("diary")
        if len(lines) > entries:
            return sorted_ends(lines)
        await asyncio.sleep(0.01)


def sorted_ends(lines: list[str]) -> list[str]:
    """Return the lines, the two ends of one session in one order."""
    at = lines.index("goodbye")
    first = min(at, lines.index("gone", 3))
    return [*lines[:first], *sorted(lines[first : first + 2]), *lines[first + 2 :]]


@pytest.mark.parametrize(
    ("realm", "answers"),
    [
        ("closed.before", [["ABORT", "wamp.error.runtime_error"]]),
        (
            "closed.after",
            [
                ["WELCOME", "broker", "dealer"],
                ["GOODBYE", "wamp.error.runtime_error"],
            ],
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:.*add_session_state_handler:DeprecationWarning")
async def test_a_lifespan_handler_that_fails_ends_the_session(
    realm: str, answers: list[Any], allow_logged_errors: None
) -> None:
    async def conversation(http: aiohttp.ClientSession) -> list[Any]:
        async with talking(http) as talk:
            await talk.hello(realm)
            await talk.hear(len(answers) - 1)
            return talk.written

    assert await on_both("hours", conversation) == answers


# --- Below the handlers ---------------------------------------------------------------

#: Messages are classes of `messages` here, and their fields are the specification's.
MESSAGES = (
    ("from serverwamp.protocol import WAMPRPCRequest\n", ""),
    ("WAMPRPCRequest", "serverwamp.messages.Call"),
    ("request.request_id", "request.request"),
    ("request.uri", "request.procedure"),
)


async def test_protocol_request_handlers_answer_for_themselves() -> None:
    async def conversation(http: aiohttp.ClientSession) -> list[Any]:
        async with talking(http) as talk:
            await talk.hello()
            session = talk.last[1]
            _, args, _ = await talk.call("any.thing", 1, 2)
            return [*args[:2], args[2] == session]

    said = await on_both("switchboard", conversation, *MESSAGES)

    assert said == ["any.thing", [1, 2], True]
