"""Tasks over plain HTTP: what is posted is live, what is wrong is answered in words."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.example_app.team import Team

FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize("kind", ["json", "data"])
async def test_a_posted_task_is_on_every_open_board(team: Team, kind: str) -> None:
    curl = await team.sign_in("Grace")
    task = {"title": " Buy milk ", "assignee": "ada", "due": "2030-12-31"}
    body: dict[str, Any] = {kind: task}
    async with team.member("Ada") as ada:
        added = await ada.subscribe("board.task_added")

        response = await curl.post("/tasks", **body)

        event = await added.next()
        assert (response.status, event.kwargs) == (201, {"by": "Grace"})
        posted = await response.json()
        assert event.args == [posted]
    assert (posted["title"], posted["assignee"]) == ("Buy milk", "Ada")
    assert (posted["added_by"], posted["due"]) == ("Grace", "2030-12-31")
    found = await curl.get(response.headers["Location"])
    assert (found.status, await found.json()) == (200, posted)


async def test_fields_left_empty_in_a_form_are_left_out(team: Team) -> None:
    curl = await team.sign_in("Grace")

    response = await curl.post(
        "/tasks", data={"title": "Buy milk", "assignee": "", "due": ""}
    )

    assert response.status == 201
    assert (await response.json())["assignee"] is None


def typed(content_type: str) -> dict[str, str]:
    return {"Content-Type": content_type}


@pytest.mark.parametrize(
    ("status", "words", "request_"),
    [
        (400, "makes no task", {"json": {}}),
        (400, "makes no task", {"json": []}),
        (400, "makes no task", {"json": {"title": 7}}),
        (400, "one line", {"json": {"title": "  "}}),
        (400, "1 to 200 characters", {"json": {"title": "x" * 201}}),
        (400, "unknown field", {"json": {"title": "x", "titel": "y"}}),
        (400, "nobody named 'Bob'", {"json": {"title": "x", "assignee": "Bob"}}),
        (400, "makes no task", {"data": "{", "headers": typed("application/json")}),
        (400, "makes no task", {"data": b"\xff", "headers": typed("application/json")}),
        (
            400,
            "makes no task",
            {"data": b'{"title": "\\ud800"}', "headers": typed("application/json")},
        ),
        (400, "makes no task", {"data": {"titel": "x"}}),
        (400, "makes no task", {"data": {"title": "x", "due": "soon"}}),
        (400, "cannot be read", {"data": b"title=\xff", "headers": typed(FORM)}),
        (400, "cannot be read", {"data": b"title=%ff", "headers": typed(FORM)}),
        (413, "16384", {"json": {"title": "x" * 20_000}}),
        (413, "16384", {"data": {"title": "x" * 20_000}}),
        (415, "application/json", {"data": "x", "headers": typed("text/plain")}),
        (415, "application/json", {}),
    ],
)
async def test_what_makes_no_task_is_refused_in_words(
    team: Team, status: int, words: str, request_: dict[str, Any]
) -> None:
    curl = await team.sign_in("Grace")

    response = await curl.post("/tasks", **request_)

    assert response.status == status
    assert words in await response.text()
    assert team.store.tasks.on_board() == []


async def test_who_is_not_signed_in_is_told_how_to(team: Team) -> None:
    for response in (
        await team.visitor.post("/tasks", json={"title": "x"}),
        await team.visitor.get("/tasks/1"),
    ):
        assert response.status == 401
        assert "/sign-in" in await response.text()
        assert response.headers["WWW-Authenticate"].startswith("Cookie")
    assert team.store.tasks.on_board() == []


async def test_other_sites_cannot_post_in_a_members_name(team: Team) -> None:
    browser = await team.sign_in("Grace")

    response = await browser.post(
        "/tasks", json={"title": "x"}, headers={"Origin": "http://evil.test"}
    )

    assert response.status == 403
    assert team.store.tasks.on_board() == []


@pytest.mark.parametrize(
    "path", ["/tasks/404", "/tasks/0", "/tasks/x", f"/tasks/{10**30}"]
)
async def test_a_task_that_does_not_exist_is_not_found(team: Team, path: str) -> None:
    browser = await team.sign_in("Grace")

    assert (await browser.get(path)).status == 404


async def test_there_is_no_other_way_to_use_the_address(team: Team) -> None:
    browser = await team.sign_in("Grace")

    assert (await browser.get("/tasks")).status == 405
    assert (await browser.put("/tasks", json={"title": "x"})).status == 405
