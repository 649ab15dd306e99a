"""What the guides say is what happens."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import io
import os
import pwd
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import aiohttp_session
import jwt
import pytest
import trio
from aiohttp import web
from cryptography.x509 import UniformResourceIdentifier

import aiohttp_serverwamp as serverwamp
from aiohttp_serverwamp.__main__ import main
from aiohttp_serverwamp.adapters.asyncio import AsyncioAsyncSupport
from aiohttp_serverwamp.errors import (
    ApplicationError,
    Canceled,
    ConfigurationError,
    InvalidArgument,
    NoAvailableCallee,
    NotAuthorized,
    RateLimited,
)
from aiohttp_serverwamp.testing import JoinRejected, WAMPClient, connect, serving
from tests.answers import SCRAMClient, key_answer
from tests.async_support.asgi_server import begin, joined, scope_of
from tests.certificates import Authority, client_context
from tests.code_blocks import code_blocks, run_blocks
from tests.rawsocket_client import (
    free_listener,
    port_of,
    rawsocket_to,
    serving_rawsocket,
)

DOCS = Path(__file__).parents[2] / "docs"


def names_of(page: str) -> Any:
    """Run a page and return what it defines."""
    blocks = code_blocks(DOCS / f"{page}.rst")
    return SimpleNamespace(**run_blocks(blocks, {"__name__": "__main__"}))


# --- docs/handlers.rst ----------------------------------------------------------------


@pytest.fixture
async def shop() -> AsyncIterator[tuple[Any, aiohttp.ClientSession, WAMPClient]]:
    names = names_of("handlers")
    async with serving(names.app) as http, connect(http, realm="shop") as client:
        yield names, http, client


async def test_arguments_are_made_what_the_annotations_say(shop: Any) -> None:
    _, _, client = shop

    result = await client.call("booking.check", {"guest": "Ann", "day": "2030-05-01"})

    assert result.args == ["garden", "2030-05-01"]
    with pytest.raises(InvalidArgument, match="booking"):
        await client.call("booking.check", {"guest": "Ann", "day": "soon"})


async def test_keyword_arguments_may_be_spelled_as_in_javascript(shop: Any) -> None:
    _, _, client = shop

    result = await client.call("guest.rename", oldName="Ann", newName="Anna")

    assert result == "Ann is now Anna"


@pytest.mark.parametrize("uri", ["log.a.b", "room.blue.open", "floor.12.close"])
async def test_patterns_serve_what_they_match(shop: Any, uri: str) -> None:
    _, _, client = shop

    assert await client.call(uri) == f"{uri}: done"


async def test_a_topic_handler_accompanies_the_subscription(shop: Any) -> None:
    names, _, client = shop

    door = await client.subscribe("camera.door")
    assert (await door.next()).args == ["the latest picture"]
    assert names.watching == ["camera.door"]
    await door.unsubscribe()
    await client.call("price.of", "tea")
    assert names.watching == []
    with pytest.raises(ApplicationError) as refused:
        await client.subscribe("camera.vault")
    assert refused.value.uri == "shop.error.too_dark"


async def test_handlers_get_default_args_of_every_kind(shop: Any) -> None:
    _, _, client = shop

    assert await client.call("price.of", "tea") == "9.50 EUR"
    assert await client.call("stock.count") == "counted over a connection"
    with pytest.raises(ApplicationError, match="currency"):
        await client.call("price.of", "tea", currency="XXX")


async def test_the_annotation_decides_which_request_is_meant(shop: Any) -> None:
    _, _, client = shop

    assert await client.call("where.am.i") == "/ws"
    assert await client.call("what.did.i.call") == "what.did.i.call"


async def test_all_that_is_known_of_a_client_is_in_the_table(shop: Any) -> None:
    names, _, _ = shop
    (session,) = names.realm.sessions()
    page = (DOCS / "handlers.rst").read_text(encoding="utf-8")
    table = page.partition("``session.connection.transport_info``:")[2]
    named = set(re.findall(r"``((?:http|peer)_\w+)``", table.partition("\n\n\n")[0]))

    # The request itself is what handlers annotate, and this application has no cookies.
    known = {*session.connection.transport_info} - {"aiohttp_request"}

    assert named == known | {"http_session"}


async def test_the_service_keeps_its_cart_and_its_roles(shop: Any) -> None:
    names, _, client = shop

    await client.subscribe("cart.changed")
    await client.call("cart.add", "tea", 2)
    assert await client.call("cart.add", "tea") == 3
    with pytest.raises(NotAuthorized):
        await client.call("cart.total")
    assert await names.realm.call("cart.total") == "28.50 EUR"
    assert names.realm.sessions()[0]["sees_cart"] is True


async def test_a_thread_publishes(shop: Any) -> None:
    _, _, client = shop

    assert await client.call("report.size", 3) == 3000


@pytest.mark.parametrize(
    "attempt",
    [
        lambda realm: asyncio.run(realm.call("price.of", "tea")),
        lambda realm: asyncio.run(realm.close_sessions()),
        lambda realm: asyncio.run(realm.sessions()[0].close()),
        lambda realm: realm.subscribe("chat.garden", lambda: None),
    ],
)
async def test_a_thread_cannot_wait_or_change_sessions(
    shop: Any, attempt: Callable[[Any], Any]
) -> None:
    names, _, _ = shop

    with pytest.raises(ConfigurationError):
        await asyncio.to_thread(attempt, names.realm)


async def test_who_has_two_tabs_is_there_until_both_are_closed() -> None:
    names = names_of("handlers")
    people = iter(["bob", "ann", "ann"])
    names.realm.add_transport_authenticator(
        lambda session: serverwamp.Identity(next(people))
    )
    async with serving(names.app) as http, connect(http, realm="shop") as bob:
        here = await bob.subscribe("guests.here")
        async with connect(http, realm="shop"):
            assert (await here.next()).args == [["ann", "bob"]]
            async with connect(http, realm="shop"):
                assert (await here.next()).args == [["ann", "bob"]]
            assert (await here.next()).args == [["ann", "bob"]]
        assert (await here.next()).args == [["bob"]]


async def test_an_application_lists_the_sessions_of_all_its_realms(shop: Any) -> None:
    names, http, _ = shop

    async with connect(http, realm="elsewhere"):
        assert len(names.realm.sessions()) == 1
        assert len(names.wamp.sessions()) == 2


async def test_the_application_hears_the_chat_and_opens_none(shop: Any) -> None:
    names, _, client = shop

    await client.publish("chat.garden", "hello")
    with pytest.raises(NotAuthorized):
        await client.publish("chat.cellar", "hello")
    await client.call("price.of", "tea")

    assert names.heard == ["chat.garden: hello"]


async def test_one_client_is_told_and_asked(shop: Any) -> None:
    _, http, client = shop

    async with connect(http, realm="shop") as other:
        for each, title in ((client, "mine"), (other, "theirs")):
            await each.register("window.title", lambda title=title: title)
        flashes = await client.subscribe("window.flash")
        others = await other.subscribe("window.flash")

        assert await client.call("greet.me") == "Hello, mine"
        assert (await flashes.next()).args == ["gently"]
        assert await other.call("greet.me") == "Hello, theirs"
        await others.next()
        assert others.empty()


async def test_the_rest_is_served_as_well(shop: Any) -> None:
    _, _, client = shop

    assert await client.call("no.such") == "no.such is not here yet"
    await client.subscribe("room.blue")
    with pytest.raises(ApplicationError) as refused:
        await client.subscribe("cellar")
    assert refused.value.uri == "shop.error.no_such_room"


# --- docs/sign_in.rst -----------------------------------------------------------------


def answer_to(challenge: list[Any], password: str) -> str:
    extra = challenge[2]
    key = hashlib.pbkdf2_hmac(
        "sha256",
        password.encode(),
        extra["salt"].encode(),
        extra["iterations"],
        extra["keylen"],
    )
    signed = hmac.new(base64.b64encode(key), extra["challenge"].encode(), "sha256")
    return base64.b64encode(signed.digest()).decode()


async def exchange(client: WAMPClient, *message: Any) -> list[Any]:
    await client.send(message)
    return await client.receive()


async def test_the_lamp_signs_in_with_its_ticket_and_is_signed_out() -> None:
    names = names_of("sign_in")
    names.TICKETS["5"] = "five"
    async with serving(names.app) as http:
        with pytest.raises(JoinRejected, match="denied"):
            async with connect(http, realm="devices", authid="lamp-1", ticket="?"):
                pass
        async with connect(http, realm="devices", authid="5", ticket="five") as lamp:
            assert lamp.welcome["authrole"] == "device"

            assert await names.wamp.close_sessions(authid="5") == 1
            assert await lamp.close_code() == 4403
            assert lamp.ended == "wamp.close.killed"
        for nobody in (5, None):
            with pytest.raises(ConfigurationError):
                await names.wamp.close_sessions(authid=nobody)


async def test_the_shop_sends_away_whom_it_blocks_and_everybody_it_is_told_to() -> None:
    names = names_of("sign_in")

    async def login(request: web.Request) -> web.Response:
        http_session = await aiohttp_session.new_session(request)
        http_session["user_id"] = request.query["user"]
        return web.Response()

    aiohttp_session.setup(names.shop, aiohttp_session.SimpleCookieStorage())
    names.shop.router.add_post("/login", login)
    members = serverwamp.Realm("members")
    members.add_transport_authenticator(serverwamp.session_authenticator("user_id"))
    topics = serverwamp.TopicRouteSet()
    topics.declare("notice")
    members.add_routes(topics)
    names.shop_wamp.add_realm(members)
    async with serving(names.shop) as http:
        await http.post("/login", params={"user": "ann"})
        async with connect(http, realm="members") as ann:
            (session,) = names.shop_wamp.sessions()
            assert await names.still_welcome(session) == serverwamp.Identity(
                "ann", "moderator"
            )
            names.blocked.add("ann")
            assert await names.still_welcome(session) is False
            notice = await ann.subscribe("notice")
            async with http.post("/send-away/ann") as response:
                assert await response.json() == {"ended": 1}
            assert (await notice.next()).args == ["You are being signed out."]
            assert await ann.close_code() == 4403


async def test_ann_signs_a_challenge_and_nobody_else_can() -> None:
    names = names_of("sign_in")
    seen = []
    async with serving(names.app) as http:
        for authid in ("ann", "nobody"):
            async with connect(http, realm=None) as client:
                details: dict[str, Any] = {
                    "authid": authid,
                    "authmethods": ["wampcra"],
                    "roles": {"caller": {}},
                }
                challenge = await exchange(client, 1, "devices", details)
                answer = answer_to(challenge, "open sesame")
                reply = await exchange(client, 5, answer, {})
                seen.append((challenge[2].keys(), reply[0], reply[2]))

    assert seen[0][0] == seen[1][0]
    assert (seen[0][1], seen[0][2]["authrole"]) == (2, "person")
    assert seen[1][1:] == (3, "wamp.error.authentication_denied")


@pytest.mark.parametrize(("code", "kind"), [("1234", 2), ("4321", 3)])
async def test_the_lab_asks_twice(code: str, kind: int) -> None:
    async with (
        serving(names_of("sign_in").app) as http,
        connect(http, realm=None) as client,
    ):
        first = await exchange(client, 1, "lab", {"roles": {"caller": {}}})
        second = await exchange(client, 5, "bob", {})
        reply = await exchange(client, 5, code, {})

    assert [first[1], second[1]] == ["name", "code"]
    assert second[2] == {"hint": "four digits"}
    assert reply[0] == kind


# --- docs/authentication.rst ----------------------------------------------------------


@pytest.fixture
async def members(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Any, aiohttp.ClientSession]]:
    monkeypatch.chdir(tmp_path)  # where credentials.db is
    names = names_of("authentication")
    async with serving(names.app) as http:
        yield names, http


async def signed_in(
    http: aiohttp.ClientSession,
    realm: str | None,
    hello: dict[str, Any],
    *answers: Callable[[Any], tuple[str, Any]],
) -> list[Any]:
    """Play a client that has these answers; return the last message."""
    async with connect(http, realm=None) as client:
        reply = await exchange(client, 1, realm, {"roles": {"caller": {}}, **hello})
        for answer in answers:
            assert reply[0] == 4, reply
            reply = await exchange(client, 5, *answer(reply[2]))
        return reply


async def test_members_sign_in_by_each_method_of_the_page(members: Any) -> None:
    _, http = members
    ann = SCRAMClient("ann", "open sesame")
    seed = "4d57d97a68f555696620a6d849c0ce582568518d729eb753dc7c732de2804510"
    key = "1adfc8bfe1d35616e64dffbd900096f23b066f914c8c2ffbb66f6075b96e116d"
    seen = []
    for hello, *answers in (
        (ann.hello, ann.answer),
        (
            {"authid": "ann", "authmethods": ["wampcra"]},
            lambda extra: (answer_to(["", "", extra], "open sesame"), {}),
        ),
        (
            {"authid": "lamp-1", "authmethods": ["ticket"]},
            lambda extra: ("a long random text", {}),
        ),
        (
            {"authmethods": ["cryptosign"], "authextra": {"pubkey": key}},
            lambda extra: (key_answer(seed, extra), {}),
        ),
        ({"authmethods": ["riddle"]}, lambda extra: ("man", {})),
        ({},),
    ):
        details = (await signed_in(http, "members", hello, *answers))[2]
        seen.append((details["authmethod"], details["authid"], details["authrole"]))

    assert seen[:-1] == [
        ("wamp-scram", "ann", "person"),
        ("wampcra", "ann", "person"),
        ("ticket", "lamp-1", "device"),
        ("cryptosign", "lamp-1", "device"),
        ("riddle", "sphinx", "guest"),
    ]
    assert seen[-1][::2] == ("anonymous", "guest")


async def test_the_commands_of_the_page_fill_show_and_empty_a_store(
    members: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, http = members
    [console] = [
        block
        for block in code_blocks(DOCS / "authentication.rst")
        if block.language == "console"
    ]
    commands = [line.split()[4:] for line in console.source.splitlines()]
    # The server of the page reads scram's credentials from that file.
    commands[0][commands[0].index("wamp-scram")] = "scram"
    ann = SCRAMClient("ann", "open sesame", like_autobahn=True)
    outcomes = []
    for command in commands:
        monkeypatch.setattr("sys.stdin", io.StringIO("open sesame\n"))
        assert await asyncio.to_thread(main, command) == 0
        reply = await signed_in(http, "members", ann.hello, ann.answer)
        outcomes.append(reply[2] if reply[0] == 3 else reply[2]["authid"])

    assert outcomes == ["ann", "ann", "wamp.error.authentication_denied"]
    assert "ann  scram  role person" in capsys.readouterr().out


@pytest.mark.parametrize("asked", [None, "any.realm"])
async def test_tenants_are_sent_to_their_realms(members: Any, asked: Any) -> None:
    names, http = members
    ann = SCRAMClient("ann", "open sesame")

    reply = await signed_in(http, asked, ann.hello, ann.answer)

    assert (reply[2]["realm"], reply[2]["authrole"]) == ("tenant-7", "tenant")
    names.TENANTS.clear()
    assert (await signed_in(http, asked, ann.hello, ann.answer))[0] == 3


@pytest.mark.parametrize(("code", "kind"), [("123456", 2), ("654321", 3)])
async def test_the_vault_asks_for_a_code_too(
    members: Any, code: str, kind: int
) -> None:
    _, http = members
    ann = SCRAMClient("ann", "open sesame")
    hello = {**ann.hello, "authmethods": ["wamp-scram", "ticket"]}

    reply = await signed_in(http, "vault", hello, ann.answer, lambda _: (code, {}))

    assert reply[0] == kind


# --- docs/integrations.rst ------------------------------------------------------------


@pytest.fixture
async def logins() -> AsyncIterator[tuple[Any, aiohttp.ClientSession]]:
    names = names_of("integrations")
    async with serving(names.app) as http:
        yield names, http


async def refused(http: aiohttp.ClientSession, realm: str, **options: Any) -> str:
    with pytest.raises(JoinRejected) as rejected:
        async with connect(http, realm=realm, **options):
            pass
    return rejected.value.reason.removeprefix("wamp.error.")


async def test_a_guest_is_the_same_one_next_time(logins: Any) -> None:
    _, http = logins

    async with (
        connect(http, realm="lounge") as one,
        connect(http, realm="lounge") as two,
    ):
        assert one.welcome["authid"] == two.welcome["authid"]
        assert one.welcome["authrole"] == "guest"


async def test_the_policies_of_the_site_hold_in_the_office(logins: Any) -> None:
    _, http = logins

    assert await refused(http, "office") == "authentication_required"
    await http.post("/login", data={"name": "bob"})
    async with connect(http, realm="office") as bob:
        assert bob.welcome["authrole"] == "clerk"
        await bob.subscribe("memo.7")
        with pytest.raises(NotAuthorized):
            await bob.publish("memo.7", "text")
        await http.post("/logout")
        assert await bob.close_code() == 4401


async def test_the_vault_wants_the_token_of_the_page(logins: Any) -> None:
    _, http = logins
    await http.post("/login", data={"name": "ann"})
    async with http.get("/page") as response:
        token = (await response.text()).split('"')[3]

    assert await refused(http, "vault") == "authentication_denied"
    details = {"authextra": {"csrf_token": token}}
    async with connect(http, realm="vault", details=details) as client:
        assert client.welcome["authid"] == "ann"


async def test_a_token_is_renewed_without_a_break(logins: Any) -> None:
    names, http = logins

    def signed(**claims: Any) -> str:
        body = {"sub": "ann", "aud": "shop", "exp": time.time() + 60, **claims}
        return jwt.encode(body, names.SECRET, "HS256")

    def bearer(token: str) -> Any:
        return {"headers": {"Authorization": f"Bearer {token}"}}

    assert await refused(http, "mobile") == "authentication_required"
    assert await refused(http, "mobile", **bearer("x")) == "authentication_denied"
    async with connect(http, realm="mobile", **bearer(signed())) as client:
        await client.call("account.renew", signed(role="chief"))
        with pytest.raises(ApplicationError, match="denied"):
            await client.call("account.renew", signed(aud="pub"))
        (session,) = names.mobile.sessions()
        assert session.authrole == "chief"
        del session


async def test_other_realms_ask_for_tickets_and_certificates(logins: Any) -> None:
    _, http = logins

    assert await refused(http, "partners") == "authentication_required"
    assert await refused(http, "lamps") == "authentication_required"


async def test_a_lamp_shows_its_certificate(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    names = names_of("integrations")
    server = authority.issue("server")
    context = names.tls_context(server, server, authority.file)
    lamp = authority.issue(names=[UniformResourceIdentifier("urn:lamp:7")])
    runner = web.AppRunner(names.app, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        url = f"https://127.0.0.1:{runner.addresses[0][1]}"
        tls = aiohttp.TCPConnector(ssl=client_context(authority, lamp))
        async with (
            aiohttp.ClientSession(url, connector=tls) as http,
            connect(http, realm="lamps") as client,
        ):
            assert client.welcome["authid"] == "urn:lamp:7"
            assert client.welcome["authrole"] == "device"
    finally:
        await runner.cleanup()


# --- docs/calls.rst -------------------------------------------------------------------


@pytest.fixture
async def archive() -> AsyncIterator[Any]:
    names = names_of("calls")
    async with names.application.run():
        yield names


async def test_progress_comes_one_by_one(
    archive: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await archive.print_export() == "3 pages"
    assert capsys.readouterr().out == "page 1\npage 2\npage 3\n"


async def test_arguments_are_sent_in_chunks(archive: Any) -> None:
    lines = ["O Rose", "thou art", "sick"]

    assert await archive.store_poem(lines) == "poem: 18 characters"
    assert await archive.realm.call("archive.store", "haiku", "frog") == (
        "haiku: 4 characters"
    )
    options = serverwamp.CallOptions(progress=True)
    call = archive.realm.call_progressively("archive.index", "b", options=options)
    call.send("c", "a")
    call.finish("b")
    assert await call.result() == ["a", "b", "c"]


async def test_only_who_kills_gets_what_was_found(archive: Any) -> None:
    for mode in ("kill", "killnowait"):
        call = archive.realm.call_progressively("archive.search", "rose")
        async with call:
            await asyncio.sleep(0.02)
            call.cancel(mode)
            if mode == "kill":
                assert "rose 0" in await call.result()
            else:
                with pytest.raises(Canceled):
                    await call.result()


async def test_a_route_limits_the_time(archive: Any) -> None:
    assert await archive.look_for("found") == 0.05
    assert await archive.look_for("lost") is None


async def test_who_is_unavailable_lets_others_do_it(archive: Any) -> None:
    assert await archive.realm.call("archive.scan", "map") == "map, scanned here"
    archive.busy.add("map")
    with pytest.raises(NoAvailableCallee):
        await archive.realm.call("archive.scan", "map")


async def test_payloads_pass_through(archive: Any) -> None:
    result = await archive.turn_over(b"abc")

    assert result.args == [b"cba"]
    assert result.passthru == {"ppt_scheme": "x_archive", "ppt_cipher": "aes256gcm"}


# --- docs/events.rst ------------------------------------------------------------------


async def test_topics_have_types_a_last_event_and_a_history(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names = names_of("events")
    position = {"ship": "Ann", "north": 1, "east": 2.5}
    async with serving(names.app) as http, connect(http, realm="harbour") as client:
        await client.publish("ship.position", position)
        assert names.positions == {"Ann": names.Position("Ann", 1, 2.5)}
        with pytest.raises(InvalidArgument, match="north"):
            await client.publish("ship.position", {"ship": "Ann"})
        await client.publish("ship.docked", "Ann", 3, pilot="Bob")

        names.measured(212)
        tide = await client.subscribe("tide.level", get_retained=True)
        event = await tide.next()
        assert (event.args, event.details) == ([212], {"retained": True})
        assert names.level_now() == 212
        names.forget_tides()
        assert names.level_now() is None

        await client.publish("radio.log", "calling")
        log = await client.subscribe("radio.log")
        [kept] = await client.call("wamp.subscription.get_events", log.id)
        assert kept["args"] == ["calling"]
        assert await names.arrivals_today() == ["Ann"]

    assert (tmp_path / "harbour.sqlite").exists()


# --- docs/permissions.rst -------------------------------------------------------------


async def test_rules_come_first_and_then_the_authorizer() -> None:
    names = names_of("permissions")
    async with serving(names.app) as http, connect(http, realm="editors") as client:
        await client.publish("page.7", "text")
        for locked_away in ("page.front", "page.12"):
            with pytest.raises(NotAuthorized):
                await client.publish(locked_away, "text")
        names.lock("page.7")
        with pytest.raises(NotAuthorized):
            await client.publish("page.7", "text")


async def test_listed_origins_may_connect_and_others_not(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with serving(names_of("permissions").app) as http:
        listed = {"Origin": "https://app.example.com"}
        async with connect(http, realm="editors", headers=listed) as client:
            assert client.id
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            async with connect(http, realm=None, headers={"Origin": "https://e.vil"}):
                pass

    assert refused.value.status == 403
    assert "allowed_origins" in caplog.text


# --- docs/limits.rst ------------------------------------------------------------------


async def test_topics_have_the_policies_that_the_page_gives_them() -> None:
    names = names_of("limits")
    async with serving(names.app) as http, connect(http, realm="traders") as client:
        for topic in ("prices.gold", "trades", "orders", "cursor.7"):
            await client.subscribe(topic)
        await client.publish("cursor.7", 12, 20)
        policy = names.realm.traffic_rules.slow_consumers.of
        assert policy("prices.gold") == policy("cursor.7") == "conflate"
        assert policy("trades") == "drop_oldest"
        assert policy("orders") is None
        assert names.application.stats().events_dropped == 0
        assert names.slow == []


async def test_rates_are_limited_as_the_page_says() -> None:
    names = names_of("limits")
    async with serving(names.app) as http, connect(http, realm="traders") as client:
        assert await client.call("search", "gold") == ["gold"]
        for _ in range(5):
            await client.call("invite", "ann@example.com")
        with pytest.raises(RateLimited) as caught:
            await client.call("invite", "ann@example.com")
        assert 700 < caught.value.kwargs["retry_after"] <= 720
        for _ in range(61):
            await client.publish("chat.a", "hello", acknowledge=False)
        with pytest.raises(RateLimited):
            await client.publish("chat.b", "hello")
        assert names.application.stats().rate_limited == 3


# --- docs/testing.rst -----------------------------------------------------------------


def test_pytest_runs_the_page_on_testing_as_it_says(tmp_path: Path) -> None:
    blocks = code_blocks(DOCS / "testing.rst")
    program = "\n".join(each.source for each in blocks if each.language == "python")
    [settings] = [each.source for each in blocks if each.language == "ini"]
    (tmp_path / "test_page.py").write_text(program, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text(settings, encoding="utf-8")

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(DOCS.parent)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert f" {program.count('async def test_')} passed" in done.stdout


# --- docs/meta_api.rst ----------------------------------------------------------------


async def test_the_meta_api_is_open_to_whom_the_rules_name() -> None:
    names = names_of("meta_api")
    async with serving(names.app) as http, connect(http, realm="office") as heir:
        gone = await heir.subscribe("office.gone")
        async with connect(http, realm="office") as client:
            with pytest.raises(NotAuthorized):
                await client.call("wamp.session.count")
            await client.call("wamp.session.add_testament", "office.gone", ["bye"], {})
            async with http.get("/headcount") as response:
                assert await response.json() == 2
        assert (await gone.next()).args == ["bye"]
    assert len(names.departed) >= 1


# --- docs/asgi.rst --------------------------------------------------------------------


async def test_the_shop_is_served_by_asgi() -> None:
    names = names_of("asgi")
    support = AsyncioAsyncSupport()
    hello = [1, "lobby", {"roles": {"caller": {}}}]
    async with support.task_group() as tasks:
        for app in (names.app, names.site, names.bakery_site):
            life = begin(support, tasks, app, {"type": "lifespan", "state": {}})
            await life.until("lifespan.startup.complete")
            async with joined(support, tasks, app, hello=hello) as client:
                client.say(48, 1, {}, "math.add", [2, 3])
                assert await client.heard() == [50, 1, {}, [5]]
            life.bring(type="lifespan.shutdown")
            await life.until("lifespan.shutdown.complete")


async def test_a_site_of_starlette_has_members() -> None:
    names = names_of("asgi")
    support = AsyncioAsyncSupport()
    hello = [1, "members", {"roles": {"caller": {}}}]
    cookie = [(b"cookie", b'token="open sesame"')]
    async with names.sockets.lifespan(), support.task_group() as tasks:
        fields = {"hello": hello, "headers": cookie}
        async with joined(support, tasks, names.site, **fields):
            assert [each.authid for each in names.shop.sessions()] == ["ann"]


async def test_a_route_of_fastapi_publishes_to_the_clients_of_its_realm() -> None:
    names = names_of("asgi")
    names.bakery.realm("lobby").permit("news", subscribe=True)
    support = AsyncioAsyncSupport()
    hello = [1, "lobby", {"roles": {"subscriber": {}}}]
    async with (
        names.counter.lifespan(),
        support.task_group() as tasks,
        joined(support, tasks, names.bakery_site, hello=hello) as client,
    ):
        client.say(32, 1, {}, "news")
        assert (await client.heard())[0] == 33
        order = scope_of(
            "http", path="/bread", method="POST", query_string=b"loaves=12"
        )
        browser = begin(support, tasks, names.bakery_site, order)
        browser.bring(type="http.request", body=b"")
        answer = await browser.until("http.response.body")
        assert answer["body"] == b'{"clients":1}'
        assert (await client.heard())[4] == ["12 loaves"]


# --- docs/rawsocket.rst ---------------------------------------------------------------


async def test_the_house_is_served_by_rawsocket() -> None:
    names = names_of("rawsocket")
    listener = free_listener()
    app = names.make_app(names.make_application(), [listener])
    async with (
        serving(app) as http,
        connect(http, realm="house") as browser,
        rawsocket_to(port_of(listener)) as device,
    ):
        await device.join("house")

        answer = await device.ask(48, 1, {}, "lamp.name")

        assert answer[3][0].startswith("the lamp of ")
        assert (await browser.call("lamp.name")) != answer[3][0]


async def test_the_house_is_served_over_tls(tmp_path: Path) -> None:
    names = names_of("rawsocket")
    authority = Authority(tmp_path)
    house = authority.issue("house")
    listener = free_listener()
    app = names.make_app(names.make_application(), names.secured(listener, house))
    tls = client_context(authority, None)
    async with serving(app), rawsocket_to(port_of(listener), tls=tls) as device:
        await device.join("house")
        (session,) = app["wamp"].sessions()
        assert session.connection.transport_info["tls"]


async def test_who_is_of_the_machine_needs_no_password(tmp_path: Path) -> None:
    names = names_of("rawsocket")
    listener = free_listener()
    path = f"{tmp_path}/wamp.sock"
    app = names.make_app(names.house_of_users, [listener, f"unix://{path}"])
    async with (
        serving(app),
        rawsocket_to(port_of(listener)) as stranger,
        rawsocket_to(path) as neighbour,
    ):
        await stranger.shake_hands()
        refused = await stranger.hello("house")
        welcome = await neighbour.join("house")

    assert refused[::2] == [3, "wamp.error.authentication_required"]
    assert welcome["authrole"] == "local"
    assert welcome["authid"] == pwd.getpwuid(os.getuid()).pw_name


async def test_all_that_is_known_of_a_rawsocket_is_in_its_table() -> None:
    names = names_of("rawsocket")
    wamp = names.make_application()
    page = (DOCS / "rawsocket.rst").read_text(encoding="utf-8")
    table = page.partition("``session.connection.transport_info``:")[2]
    named = set(re.findall(r"``(tls|peer_\w+)``", table.partition("\n\n\n")[0]))

    async with serving_rawsocket(wamp) as port, rawsocket_to(port) as device:
        await device.join("house")
        (session,) = wamp.sessions()

        assert named == {*session.connection.transport_info}


async def test_the_house_is_served_without_a_web_server() -> None:
    names = names_of("rawsocket")
    listener = free_listener()
    program = asyncio.create_task(names.main(listener))
    async with rawsocket_to(port_of(listener)) as device:
        await device.join("house")
        os.kill(os.getpid(), signal.SIGTERM)
        assert await device.hear() == [6, {}, "wamp.close.system_shutdown"]
        assert await device.hear() is None
    await program
    asyncio.get_running_loop().remove_signal_handler(signal.SIGTERM)


async def test_a_house_that_cannot_be_served_is_an_error_of_the_program() -> None:
    names = names_of("rawsocket")
    with (
        free_listener() as taken,
        pytest.raises(serverwamp.ConfigurationError, match="another program"),
    ):
        await names.main(f"tcp://127.0.0.1:{port_of(taken)}")
    asyncio.get_running_loop().remove_signal_handler(signal.SIGTERM)


def test_the_house_is_served_on_trio() -> None:
    names = names_of("rawsocket")

    async def main() -> None:
        listener = free_listener()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(names.trio_main, listener)
            stream = await trio.open_tcp_stream(*listener.getsockname())
            await stream.send_all(b"\x7f\xf1\x00\x00")
            assert await stream.receive_some(4) == b"\x7f\xb1\x00\x00"
            os.kill(os.getpid(), signal.SIGTERM)
            # It has not joined: what ends it is no GOODBYE.
            assert b'[3,{"message":"the server shuts down"},' in await read_all(stream)
            await stream.aclose()

    trio.run(main)


async def read_all(stream: trio.SocketStream) -> bytes:
    return b"".join([data async for data in stream])
