"""Who is online on the task board."""

from __future__ import annotations

from aiohttp_serverwamp.testing import connect
from tests.unit.example_app.team import Team, next_argument


async def test_who_comes_and_goes_is_seen_by_all(team: Team) -> None:
    async with team.member("Grace") as grace:
        online = await grace.subscribe("board.online")
        assert await next_argument(online) == ["Grace"]

        async with team.member("Ada") as ada:
            seen_by_ada = await ada.subscribe("board.online")
            assert await next_argument(seen_by_ada) == ["Ada", "Grace"]
            assert await next_argument(online) == ["Ada", "Grace"]

        assert await next_argument(online) == ["Grace"]


async def test_several_tabs_of_a_person_count_once(team: Team) -> None:
    async with team.member("Grace") as grace:
        online = await grace.subscribe("board.online")
        assert await next_argument(online) == ["Grace"]
        browser = await team.sign_in("Ada")

        async with connect(browser, realm="members") as first:
            await first.subscribe("board.online")
            assert await next_argument(online) == ["Ada", "Grace"]
            async with connect(browser, realm="members") as second:
                await second.subscribe("board.online")
            # Nothing was said of the second tab; this comes when the first one goes.
        assert await next_argument(online) == ["Grace"]


async def test_who_breaks_off_is_gone_too(team: Team) -> None:
    async with team.member("Grace") as grace:
        online = await grace.subscribe("board.online")
        assert await next_argument(online) == ["Grace"]
        async with team.member("Ada") as ada:
            await ada.subscribe("board.online")
            assert await next_argument(online) == ["Ada", "Grace"]
            await ada.drop()

            assert await next_argument(online) == ["Grace"]
