"""Clients that people use, unmodified, against our server.

Every client plays the same scenario (autobahn_client.py, js/wampy_client.mjs) and says
what it saw; here is what it must have seen.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest

CLIENTS = ["autobahn-json", "autobahn-msgpack", "wampy-json", "wampy-msgpack"]
#: Each client with itself, and with the other one over the other serializer.
PAIRS = [(client, client) for client in CLIENTS] + [
    ("autobahn-json", "wampy-msgpack"),
    ("autobahn-msgpack", "wampy-json"),
    ("wampy-json", "autobahn-msgpack"),
    ("wampy-msgpack", "autobahn-json"),
]
DENIED = "wamp.error.not_authorized"

Start = Callable[..., Awaitable[Any]]


def without_joined(said: list[dict[str, Any]]) -> list[dict[str, Any]]:
    assert said[0]["step"] == "joined", said
    return said[1:]


@pytest.mark.parametrize("client", CLIENTS)
async def test_a_client_uses_what_the_application_hosts_and_survives_what_it_may_not_do(
    start: Start, server: Any, client: str
) -> None:
    """REQ-RPC, REQ-PUB: calls, errors, progress, events; refusals cost no session."""
    # given a client that has called and subscribed
    running = await start(server, client, "hosted")
    await running.says("post me")
    # when an HTTP handler publishes, and the client goes on
    async with aiohttp.ClientSession() as http:
        await http.post(f"http://{server.address}/news", data="from the web 🎉")
    said = await running.ends()
    # then it has seen everything, in this order
    assert said == [
        {"step": "joined", "realm": "demo", "authrole": "anonymous"},
        {"step": "call", "result": 5},
        {"step": "kwargs", "result": "Grüß, Zoë 🎉!"},
        {"step": "binary", "result": {"hex": "000a0d80ff00"}},
        {"step": "several", "args": ["a", 2], "kwargs": {"rest": ["b", "c"]}},
        {"step": "invalid argument", "error": "wamp.error.invalid_argument"},
        {"step": "unknown procedure", "error": "wamp.error.no_such_procedure"},
        {
            "step": "typed error",
            "error": "demo.error.sold_out",
            "args": ["sku-1"],
            "kwargs": {"left": 0},
        },
        {"step": "progress", "progress": [1, 2, 3], "result": "done"},
        {
            "step": "event",
            "args": ["from a procedure"],
            "kwargs": {"sender": "a procedure"},
        },
        {"step": "post me"},
        {
            "step": "event",
            "args": ["from the web 🎉"],
            "kwargs": {"sender": "an HTTP handler"},
        },
        {"step": "publish", "error": DENIED},
        {"step": "register", "error": DENIED},
        {"step": "subscribe", "error": DENIED},
        {"step": "still there", "result": 3},
        {"step": "unheard", "events": 0},
        {"step": "left"},
    ]


@pytest.mark.parametrize(("callee", "caller"), PAIRS)
async def test_two_clients_call_and_tell_each_other_through_an_open_realm(
    start: Start, server: Any, callee: str, caller: str
) -> None:
    """REQ-RPC, REQ-PUB: routing between clients, also between unlike serializers."""
    # given a client that has registered procedures and subscribed
    callee_client = await start(server, callee, "callee")
    await callee_client.says("ready")
    # when another calls them, cancels one and publishes
    said = await (await start(server, caller, "caller")).ends()
    heard = await callee_client.ends()
    # then the caller has its answers
    assert without_joined(said) == [
        {"step": "echo", "args": [1, "zwei 🎉", [3.5, None]], "kwargs": {"key": True}},
        {"step": "binary", "result": {"hex": "00ff800d0a00"}},
        {
            "step": "typed error",
            "error": "lab.error.refused",
            "args": ["not today"],
            "kwargs": {"code": 7},
        },
        {"step": "progress", "progress": [1, 2, 3], "result": "done"},
        {"step": "cancelled", "answered": True},
        {"step": "published", "acknowledged": True},
        {"step": "left"},
    ]
    # and the callee its work; only Autobahn says that it can be interrupted
    interrupted = [{"step": "interrupted"}] if callee.startswith("autobahn") else []
    assert without_joined(heard) == [
        {"step": "ready"},
        {"step": "slow started"},
        *interrupted,
        {"step": "event", "args": ["one"], "kwargs": {}},
        {"step": "event", "args": ["two"], "kwargs": {"n": 2}},
        {"step": "left"},
    ]


@pytest.mark.parametrize("client", CLIENTS)
async def test_a_client_signs_in_with_its_ticket(
    start: Start, server: Any, client: str
) -> None:
    """REQ-AUTH: WELCOME and the procedures see who signed in."""
    # given, when
    said = await (await start(server, client, "ticket", "open sesame")).ends()
    # then
    assert said == [
        {"step": "joined", "authid": "joe", "authmethod": "ticket"},
        {"step": "call", "result": "joe"},
        {"step": "left"},
    ]


@pytest.mark.parametrize("client", CLIENTS)
async def test_a_client_with_a_wrong_ticket_is_told_why_it_cannot_join(
    start: Start, server: Any, client: str
) -> None:
    # given, when
    said = await (await start(server, client, "ticket", "open barley")).ends()
    # then
    assert said == [{"step": "refused", "reason": "wamp.error.authentication_denied"}]


@pytest.mark.parametrize(
    ("scenario", "name"), [("wampcra", "joe"), ("wampcra-salted", "zoë")]
)
@pytest.mark.parametrize("client", CLIENTS)
async def test_a_client_signs_in_by_wamp_cra(
    start: Start, server: Any, client: str, scenario: str, name: str
) -> None:
    """REQ-AUTH-027, REQ-AUTH-028: plain and salted, as deployed clients sign."""
    # given, when
    said = await (await start(server, client, scenario, "open sesame 🎉")).ends()
    # then
    assert said == [
        {"step": "joined", "authid": name, "authmethod": "wampcra"},
        {"step": "call", "result": name},
        {"step": "left"},
    ]


@pytest.mark.parametrize("scenario", ["wampcra", "wampcra-salted"])
@pytest.mark.parametrize("client", CLIENTS)
async def test_a_client_with_a_wrong_password_cannot_join_by_wamp_cra(
    start: Start, server: Any, client: str, scenario: str
) -> None:
    # given, when
    said = await (await start(server, client, scenario, "open barley")).ends()
    # then
    assert said == [{"step": "refused", "reason": "wamp.error.authentication_denied"}]


@pytest.mark.parametrize("client", CLIENTS)
async def test_a_client_is_sent_away_when_the_server_shuts_down(
    start: Start, mortal_server: Any, client: str
) -> None:
    # given a client that stays
    running = await start(mortal_server, client, "stay")
    await running.says("joined")
    # when
    mortal_server.stop()
    said = await running.ends()
    # then
    reason = "wamp.close.system_shutdown"
    assert without_joined(said) == [{"step": "sent away", "reason": reason}]
