"""The task board's pages: who gets in, what the cookie is like, where secrets lie."""

from __future__ import annotations

import stat
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, WSMsgType, web
from aiohttp.test_utils import TestClient

from example_app import accounts, identity
from example_app.app import load_or_create_key, make_app
from example_app.demo import DEMO_PASSWORD

Client = TestClient[web.Request, web.Application]
ADA = {"name": "ada", "password": DEMO_PASSWORD}


@pytest.fixture
async def client(
    aiohttp_client: Callable[..., Awaitable[Client]], app: web.Application
) -> Client:
    return await aiohttp_client(app)


async def post(client: Client, path: str, **form: str) -> Any:
    return await client.post(path, data=form, allow_redirects=False)


async def test_the_right_password_leads_to_the_board(client: Client) -> None:
    response = await post(client, "/sign-in", **ADA)

    assert (response.status, response.headers["Location"]) == (303, "/")
    page = await client.get("/", allow_redirects=False)
    assert page.status == 200
    assert "/static/board.js" in await page.text()


async def test_the_cookie_is_kept_from_scripts_and_from_other_sites(
    client: Client,
) -> None:
    response = await post(client, "/sign-in", **ADA)

    cookie = response.cookies["task_board"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert cookie["max-age"] == str(12 * 60 * 60)
    # Where there is no HTTPS the browser would never send it.
    assert not cookie["secure"]


@pytest.fixture
async def behind_proxy(
    aiohttp_client: Callable[..., Awaitable[Client]], tmp_path: Path, cheap_hashes: None
) -> Client:
    """Stand where the proxy does that serves the site by HTTPS."""
    app = make_app(
        database=tmp_path / "b.sqlite3", secret_file=tmp_path / "key", https=True
    )
    return await aiohttp_client(app)


async def test_the_cookie_of_a_site_served_by_https_is_for_https_only(
    behind_proxy: Client,
) -> None:
    response = await post(behind_proxy, "/sign-in", **ADA)

    cookie = response.cookies["task_board"]
    assert cookie["secure"]
    assert cookie["samesite"] == "Lax"


async def test_the_page_that_a_proxy_serves_by_https_may_open_the_socket(
    behind_proxy: Client,
) -> None:
    headers = {
        "Host": "board.test",
        "Origin": "https://board.test",
        "X-Forwarded-Proto": "https",
    }

    socket = await behind_proxy.ws_connect(
        "/ws", protocols=["wamp.2.json"], headers=headers
    )

    await socket.send_json([1, "guests", {"roles": {"caller": {}}}])
    assert (await socket.receive_json())[0] == 2
    await socket.close()


async def test_behind_a_proxy_failures_are_counted_for_the_address_that_it_names(
    behind_proxy: Client,
) -> None:
    wrong = {"name": "ada", "password": "wrong"}

    async def guess(claim: str, address: str) -> int:
        headers = {"X-Forwarded-For": f"{claim}, {address}"}
        response = await behind_proxy.post("/sign-in", data=wrong, headers=headers)
        return response.status

    # Whatever the sender claims, the proxy has added what it knows.
    statuses = [await guess(f"192.0.2.{n}", "198.51.100.1") for n in range(11)]

    assert statuses == [403] * 10 + [429]
    assert await guess("198.51.100.1", "198.51.100.2") == 403


@pytest.mark.parametrize(
    "form",
    [
        {"name": "ada", "password": "wrong"},
        {"name": "nobody", "password": DEMO_PASSWORD},
        {"name": "ada"},
        {},
    ],
)
async def test_anything_else_is_refused_without_a_cookie(
    client: Client, form: dict[str, str]
) -> None:
    response = await post(client, "/sign-in", **form)

    assert response.status == 403
    assert "task_board" not in response.cookies
    assert (await client.get("/", allow_redirects=False)).status == 303


async def test_passwords_are_hashed_off_the_event_loop(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[int] = []

    def verify(password: str, stored: str | None) -> bool:
        threads.append(threading.get_ident())
        return False

    monkeypatch.setattr(identity, "verify_password", verify)
    await post(client, "/sign-in", **ADA)
    await post(client, "/sign-in", name="nobody")

    assert len(threads) == 2
    assert threading.get_ident() not in threads


@pytest.mark.parametrize("path", ["/sign-in", "/sign-out"])
async def test_forms_of_other_sites_are_refused(client: Client, path: str) -> None:
    await post(client, "/sign-in", **ADA)

    response = await client.post(
        path, data=ADA, headers={"Sec-Fetch-Site": "cross-site"}
    )

    assert response.status == 403
    assert (await client.get("/", allow_redirects=False)).status == 200


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"name=%ff", "application/x-www-form-urlencoded", 400),
        (b"name=\xff", "application/x-www-form-urlencoded", 400),
        (b"name=ada", "application/x-www-form-urlencoded; charset=bogus", 403),
        (b"{}", "application/json", 415),
        (b"name=" + b"x" * 20_000, "application/x-www-form-urlencoded", 413),
    ],
)
async def test_what_is_no_form_is_refused(
    client: Client, body: bytes, content_type: str, status: int
) -> None:
    headers = {"Content-Type": content_type}

    response = await client.post("/sign-in", data=body, headers=headers)

    assert response.status == status


async def test_signing_out_ends_the_cookie_in_other_browsers_too(
    client: Client,
) -> None:
    cookies = (await post(client, "/sign-in", **ADA)).cookies
    copy = {"task_board": cookies["task_board"].value}
    await post(client, "/sign-out")

    client.session.cookie_jar.update_cookies(copy)

    assert (await client.get("/", allow_redirects=False)).status == 303
    assert "You have been signed out." in await (await client.get("/sign-in")).text()


async def test_a_socket_that_speaks_before_hello_is_refused(client: Client) -> None:
    await post(client, "/sign-in", **ADA)
    for early in ([48, 1, {}, "board.list"], [6, {}, "wamp.close.normal"], ["HELLO"]):
        socket = await client.ws_connect("/ws", protocols=["wamp.2.json"])

        await socket.send_json(early)

        abort = await socket.receive_json()
        assert (abort[0], abort[2]) == (3, "wamp.error.protocol_violation")
        assert (await socket.receive()).type is WSMsgType.CLOSE


async def test_a_link_cannot_sign_anybody_out(client: Client) -> None:
    assert (await client.get("/sign-out")).status == 405


async def test_signing_out_without_being_signed_in_is_harmless(client: Client) -> None:
    response = await post(client, "/sign-out")

    assert (response.status, response.headers["Location"]) == (303, "/sign-in")


async def test_signing_out_ends_the_http_session_and_says_goodbye_to_the_socket(
    client: Client,
) -> None:
    await post(client, "/sign-in", **ADA)
    socket = await client.ws_connect("/ws", protocols=["wamp.2.json"])
    await socket.send_json([1, "members", {"roles": {"caller": {}}}])
    welcome = await socket.receive_json()
    assert welcome[0] == 2
    assert welcome[2]["authrole"] == "admin"
    assert welcome[2]["authextra"] == {"name": "Ada"}

    await post(client, "/sign-out")

    goodbye = await socket.receive_json()
    assert (goodbye[0], goodbye[2]) == (6, "wamp.close.killed")
    await socket.send_json([6, {}, "wamp.close.goodbye_and_out"])
    assert (await socket.receive()).type is WSMsgType.CLOSE
    assert (await client.get("/", allow_redirects=False)).status == 303


async def test_a_cookie_of_a_user_who_is_gone_opens_neither_page_nor_socket(
    client: Client, app: web.Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    await post(client, "/sign-in", **ADA)
    monkeypatch.setattr(app[accounts.STORE].users, "get", lambda user_id: None)

    page = await client.get("/", allow_redirects=False)
    socket = await client.ws_connect("/ws", protocols=["wamp.2.json"])
    await socket.send_json([1, "members", {"roles": {"caller": {}}}])
    abort = await socket.receive_json()

    assert (page.status, page.headers["Location"]) == (303, "/sign-in")
    assert (abort[0], abort[2]) == (3, "wamp.error.authentication_required")
    await socket.close()


def test_the_key_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"

    encrypted = load_or_create_key(path).encrypt(b"secret")

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_or_create_key(path).decrypt(encrypted) == b"secret"


@pytest.mark.usefixtures("cheap_hashes")
async def test_a_restart_keeps_people_signed_in(tmp_path: Path) -> None:
    jar: dict[str, str] = {}
    for attempt in range(2):
        runner = web.AppRunner(
            make_app(database=tmp_path / "b.sqlite3", secret_file=tmp_path / "key")
        )
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        async with ClientSession(f"http://127.0.0.1:{runner.addresses[0][1]}") as http:
            if attempt == 0:
                response = await http.post("/sign-in", data=ADA, allow_redirects=False)
                jar = {"task_board": response.cookies["task_board"].value}
            page = await http.get("/", cookies=jar, allow_redirects=False)
        await runner.cleanup()
        assert page.status == 200
