"""The task board's administrator: who is signed in, and signing somebody out."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from aiohttp_serverwamp import ApplicationError
from aiohttp_serverwamp.testing import JoinRejected, connect
from example_app import accounts
from tests.unit.example_app.team import Team


async def test_an_administrator_sees_who_is_signed_in_and_with_how_many_tabs(
    team: Team,
) -> None:
    async with team.member("Ada") as ada:
        changed = await ada.subscribe("admin.people_changed")
        browser = await team.sign_in("Grace")
        async with (
            connect(browser, realm="members"),
            connect(browser, realm="members"),
        ):
            await changed.next()
            await changed.next()

            people = await ada.call("admin.people")

        assert people == [
            {"name": "Ada", "role": "admin", "signed_in": True, "tabs": 1},
            {"name": "Grace", "role": "member", "signed_in": True, "tabs": 2},
            {"name": "Linus", "role": "member", "signed_in": False, "tabs": 0},
        ]


async def test_who_is_signed_out_loses_sockets_and_cookies_in_every_browser(
    team: Team,
) -> None:
    desk, phone = await team.sign_in("Grace"), await team.sign_in("Grace")
    async with (
        team.member("Ada") as ada,
        connect(desk, realm="members") as at_desk,
        connect(phone, realm="members") as on_phone,
    ):
        assert await ada.call("admin.sign_out", "grace") is None

        for client in (at_desk, on_phone):
            await client.close_code()
            assert client.ended == "board.close.signed_out_by_administrator"
        assert (await ada.call("admin.people"))[1] == {
            "name": "Grace",
            "role": "member",
            "signed_in": False,
            "tabs": 0,
        }
    for browser in (desk, phone):
        page = await browser.get("/", allow_redirects=False)
        assert (page.status, page.headers["Location"]) == (303, "/sign-in")
        form = await browser.get("/sign-in", allow_redirects=False)
        assert "You have been signed out." in await form.text()
        assert (await browser.post("/tasks", json={"title": "x"})).status == 401
        with pytest.raises(JoinRejected) as refused:
            await connect(browser, realm="members").__aenter__()
        assert refused.value.reason == "wamp.error.authentication_required"


async def test_who_was_signed_out_may_sign_in_again(team: Team) -> None:
    async with team.member("Ada") as ada:
        await team.sign_in("Grace")
        await ada.call("admin.sign_out", "Grace")

        async with team.member("Grace") as grace:
            assert grace.welcome["authextra"] == {"name": "Grace"}


async def test_nobody_else_is_signed_out(team: Team) -> None:
    async with team.member("Ada") as ada, team.member("Linus") as linus:
        await ada.call("admin.sign_out", "Grace")

        assert await linus.call("board.list") == []
        assert await ada.call("board.list") == []


async def test_a_name_that_nobody_has_is_told(team: Team) -> None:
    async with team.member("Ada") as ada:
        with pytest.raises(ApplicationError) as refused:
            await ada.call("admin.sign_out", "Bob")

    assert (refused.value.uri, refused.value.args) == (
        "board.error.no_such_member",
        ("Bob",),
    )


async def test_members_and_guests_may_do_nothing_of_this(team: Team) -> None:
    async with team.member("Grace") as grace, team.guest() as guest:
        for client, expected in (
            (grace, "wamp.error.not_authorized"),
            (guest, "wamp.error.no_such_procedure"),
        ):
            for call in (("admin.people",), ("admin.sign_out", "Ada")):
                with pytest.raises(ApplicationError) as refused:
                    await client.call(*call)
                assert refused.value.uri in (expected, "wamp.error.not_authorized")
            with pytest.raises(ApplicationError) as refused:
                await client.subscribe("admin.people_changed")
            assert refused.value.uri == "wamp.error.not_authorized"


async def test_a_tab_that_joins_while_its_member_is_signed_out_does_not_stay(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The cookie has been found good, and the session is not in the realm yet.
    looked, proceed = asyncio.Event(), asyncio.Event()
    find_member = accounts.find_member
    loop = asyncio.get_running_loop()

    def find_and_wait(*args: Any) -> Any:
        found = find_member(*args)
        loop.call_soon_threadsafe(looked.set)
        asyncio.run_coroutine_threadsafe(proceed.wait(), loop).result(10)
        return found

    browser = await team.sign_in("Grace")
    async with team.member("Ada") as ada, connect(browser, realm=None) as grace:
        with monkeypatch.context() as patched:
            patched.setattr(accounts, "find_member", find_and_wait)
            await grace.send([1, "members", {"roles": {"caller": {}}}])
            await asyncio.wait_for(looked.wait(), 10)
        await ada.call("admin.sign_out", "Grace")
        proceed.set()

        await grace.close_code()
        assert grace.ended == "board.close.signed_out_by_administrator"
