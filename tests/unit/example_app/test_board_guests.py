"""What guests of the task board get to know, and nothing more."""

from __future__ import annotations

import pytest

from aiohttp_serverwamp import ApplicationError
from tests.unit.example_app.team import Team, next_argument


async def test_guests_see_counts_and_what_was_finished_live(team: Team) -> None:
    async with team.member("Ada") as ada, team.guest() as guest:
        window = await guest.subscribe("guests.overview")
        assert await next_argument(window) == {
            "counts": {"open": 0, "done": 0},
            "finished": [],
        }

        await ada.call("board.add", {"title": "Buy milk", "assignee": "Grace"})
        assert await next_argument(window) == {
            "counts": {"open": 1, "done": 0},
            "finished": [],
        }

        done = await ada.call("board.complete", 1)
        overview = await next_argument(window)
        assert overview["counts"] == {"open": 0, "done": 1}
        assert overview["finished"] == [
            {"title": "Buy milk", "by": "Ada", "at": done["done_at"]}
        ]

        await ada.call("board.delete", 1, done["revision"])
        assert (await next_argument(window))["finished"] == []


async def test_a_guest_who_comes_later_sees_the_board_as_it_is(team: Team) -> None:
    async with team.member("Ada") as ada, team.guest() as early:
        first = await early.subscribe("guests.overview")
        await next_argument(first)
        await ada.call("board.add", {"title": "Buy milk"})
        await next_argument(first)

        async with team.guest() as late:
            window = await late.subscribe("guests.overview")

            assert (await next_argument(window))["counts"] == {"open": 1, "done": 0}


@pytest.mark.parametrize(
    "topic", ["board.task_added", "board.online", "admin.people_changed"]
)
async def test_guests_cannot_hear_the_members(team: Team, topic: str) -> None:
    async with team.guest() as guest:
        for match in ("exact", "prefix"):
            with pytest.raises(ApplicationError) as refused:
                await guest.subscribe(topic, match=match)
            assert refused.value.uri == "wamp.error.not_authorized"


async def test_guests_can_neither_call_nor_publish_nor_register(team: Team) -> None:
    async with team.guest() as guest:
        for request in (
            guest.call("board.list"),
            guest.call("board.add", {"title": "x"}),
            guest.publish("guests.overview", {}),
            guest.register("guests.mine", print),
        ):
            with pytest.raises(ApplicationError) as refused:
                await request
            assert refused.value.uri in (
                "wamp.error.not_authorized",
                "wamp.error.no_such_procedure",
            )


async def test_the_guests_page_needs_no_cookie(team: Team) -> None:
    page = await team.visitor.get("/guests", allow_redirects=False)

    assert page.status == 200
    assert "/static/guests.js" in await page.text()
