"""The task board's procedures and events, as members with a WAMP client have them."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from aiohttp_serverwamp import ApplicationError
from tests.unit.example_app.team import Team, next_argument


async def test_every_change_is_announced_with_who_made_it(team: Team) -> None:
    async with team.member("Ada") as ada, team.member("Grace") as grace:
        added, changed, deleted = [
            await ada.subscribe(f"board.task_{what}")
            for what in ("added", "changed", "deleted")
        ]

        task = await grace.call("board.add", {"title": " Buy milk "})
        event = await added.next()
        assert (event.args, event.kwargs) == ([task], {"by": "Grace"})
        assert task["title"] == "Buy milk"

        draft = {"title": "Buy tea", "assignee": "ada", "due": "2030-12-31"}
        task = await grace.call("board.edit", task["id"], task["revision"], draft)
        assert (task["assignee"], task["due"]) == ("Ada", "2030-12-31")
        assert await next_argument(changed) == task

        task = await ada.call("board.complete", task["id"])
        event = await changed.next()
        assert (event.args, event.kwargs) == ([task], {"by": "Ada"})
        assert task["done_by"] == "Ada"

        task = await ada.call("board.reopen", task["id"])
        assert await next_argument(changed) == task
        assert await grace.call("board.list") == [task]

        assert await ada.call("board.delete", task["id"], task["revision"]) is None
        event = await deleted.next()
        assert (event.args, event.kwargs) == ([task], {"by": "Ada"})
        assert await grace.call("board.list") == []


async def test_who_was_too_late_gets_the_task_as_it_is_now(team: Team) -> None:
    async with team.member("Ada") as ada, team.member("Grace") as grace:
        seen = await ada.call("board.add", {"title": "Buy milk"})
        now = await grace.call("board.edit", seen["id"], 1, {"title": "Buy tea"})

        for call in (
            ("board.edit", seen["id"], seen["revision"], {"title": "Buy coffee"}),
            ("board.delete", seen["id"], seen["revision"]),
        ):
            with pytest.raises(ApplicationError) as refused:
                await ada.call(*call)
            assert refused.value.uri == "board.error.changed_meanwhile"
            assert refused.value.args == (now,)

        assert now["changed_by"] == "Grace"
        assert await grace.call("board.list") == [now]


async def test_one_task_is_found_also_if_it_is_not_listed_any_more(team: Team) -> None:
    async with team.member("Ada") as ada:
        milk = await ada.call("board.add", {"title": "Buy milk"})

        assert await ada.call("board.get", milk["id"]) == milk
        with pytest.raises(ApplicationError) as refused:
            await ada.call("board.get", 404)
        assert refused.value.uri == "board.error.no_such_task"


async def test_tasks_can_be_assigned_to_every_member(team: Team) -> None:
    async with team.member("Grace") as grace:
        assert await grace.call("board.members") == ["Ada", "Grace", "Linus"]


TASK = {"title": "x"}
BAD_CALLS: list[tuple[str, tuple[Any, ...], str]] = [
    *[
        ("board.add", ({"title": title},), "wamp.error.invalid_argument")
        for title in (
            "",
            "  ",
            "x" * 201,
            7,
            None,
            "two\nlines",
            "bell\a",
            "half \ud800",
            "\u2029",
        )
    ],
    ("board.add", (), "wamp.error.invalid_argument"),
    ("board.add", ("x",), "wamp.error.invalid_argument"),
    ("board.add", (TASK, "y"), "wamp.error.invalid_argument"),
    ("board.add", ({"titel": "x"},), "wamp.error.invalid_argument"),
    ("board.add", ({**TASK, "done_by": "Ada"},), "wamp.error.invalid_argument"),
    ("board.add", ({**TASK, "due": "soon"},), "wamp.error.invalid_argument"),
    ("board.add", ({**TASK, "due": "2030-02-30"},), "wamp.error.invalid_argument"),
    ("board.add", ({**TASK, "assignee": ""},), "wamp.error.invalid_argument"),
    ("board.add", ({**TASK, "assignee": "\ud800"},), "wamp.error.invalid_argument"),
    ("board.add", ({**TASK, "assignee": "Bob"},), "board.error.no_such_member"),
    ("board.edit", (1, 1, TASK), "board.error.no_such_task"),
    ("board.edit", (1, 0, TASK), "wamp.error.invalid_argument"),
    ("board.edit", (1, TASK), "wamp.error.invalid_argument"),
    ("board.complete", (404,), "board.error.no_such_task"),
    ("board.complete", ("1",), "wamp.error.invalid_argument"),
    ("board.complete", (0,), "wamp.error.invalid_argument"),
    ("board.complete", (2**63,), "wamp.error.invalid_argument"),
    ("board.reopen", (404,), "board.error.no_such_task"),
    ("board.delete", (404, 1), "board.error.no_such_task"),
    ("board.delete", (404,), "wamp.error.invalid_argument"),
    ("board.destroy", (), "wamp.error.no_such_procedure"),
]


async def test_what_makes_no_sense_is_refused_and_changes_nothing(team: Team) -> None:
    async with team.member("Ada") as ada:
        for procedure, args, uri in BAD_CALLS:
            with pytest.raises(ApplicationError) as refused:
                await ada.call(procedure, *args)
            assert refused.value.uri == uri, (procedure, args)

        assert await ada.call("board.list") == []


@pytest.mark.parametrize("injected", ["store", "board", "session"])
async def test_what_is_the_servers_to_give_no_caller_can_give(
    team: Team, injected: str
) -> None:
    keywords: dict[str, Any] = {injected: 1}
    async with team.member("Ada") as ada:
        with pytest.raises(ApplicationError, match=r"wamp\.error\.invalid_argument"):
            await ada.call("board.add", TASK, **keywords)


async def test_titles_keep_what_people_write(team: Team) -> None:
    title = "<b>ünï</b> 👩\u200d💻 a\u00a0b"
    async with team.member("Ada") as ada:
        assert (await ada.call("board.add", {"title": title}))["title"] == title


async def test_members_may_neither_publish_nor_register_nor_listen_elsewhere(
    team: Team,
) -> None:
    async with team.member("Grace") as grace:
        for request in (
            grace.publish("board.task_added", {}),
            grace.publish("board.online", []),
            grace.subscribe("board.", match="prefix"),
            grace.subscribe("other.topic"),
            grace.register("board.mine", print),
        ):
            with pytest.raises(ApplicationError) as refused:
                await request
            assert refused.value.uri == "wamp.error.not_authorized"


async def test_a_task_is_announced_though_its_author_has_left(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    started, proceed = threading.Event(), threading.Event()
    add = team.store.tasks.add

    def slow_add(*args: Any, **kwargs: Any) -> Any:
        started.set()
        assert proceed.wait(10)
        return add(*args, **kwargs)

    monkeypatch.setattr(team.store.tasks, "add", slow_add)
    async with team.member("Grace") as listener:
        added = await listener.subscribe("board.task_added")
        async with team.member("Ada") as author:
            await author.begin_call("board.add", [{"title": "Buy milk"}])
            await asyncio.to_thread(started.wait, 10)
            await author.drop()
        proceed.set()

        assert (await next_argument(added))["title"] == "Buy milk"
