"""Tasks over plain HTTP, for curl and scripts: one process, one login, both protocols.

What is added here appears on every open board at once.
"""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from aiohttp import web

from example_app.accounts import member_of
from example_app.board import Board, Draft
from example_app.errors import NoSuchMember, NoSuchTask
from example_app.forms import FORM, read_form
from example_app.store import Task, User

__all__ = ["BOARD", "routes"]

BOARD = web.AppKey("board", Board)

JSON = "application/json"
A_TASK = (
    "A task has a title, one line of 1 to 200 characters, and may have an assignee,"
    " the name of a member, and a due date such as 2030-12-31."
)

routes = web.RouteTableDef()


@routes.post("/tasks")
async def add_task(request: web.Request) -> web.Response:
    """Add a task, given as JSON or as a form.

    Answers 201 with the task and its Location; 400, 401, 413 or 415 with words.
    """
    user = await _member_or_401(request)
    draft = await _read_draft(request)
    try:
        task = await asyncio.to_thread(request.config_dict[BOARD].add, draft, user)
    except NoSuchMember as error:
        raise web.HTTPBadRequest(
            text=f"There is nobody named {error.args[0]!r} in the team.\n"
        ) from None
    return _json(task, status=201, headers={"Location": f"/tasks/{task.id}"})


@routes.get(r"/tasks/{task_id:[1-9]\d{0,14}}")
async def show_task(request: web.Request) -> web.Response:
    """Show one task as it is now."""
    await _member_or_401(request)
    task_id = int(request.match_info["task_id"])
    try:
        task = await asyncio.to_thread(request.config_dict[BOARD].get, task_id)
    except NoSuchTask:
        raise web.HTTPNotFound(text="There is no such task.\n") from None
    return _json(task)


async def _member_or_401(request: web.Request) -> User:
    user = await member_of(request)
    if user is None:
        raise web.HTTPUnauthorized(
            text="Please sign in first: POST name and password to /sign-in, keep the"
            " cookie, and send it along.\n",
            # Browsers would ask for a password of their own for a scheme they know.
            headers={"WWW-Authenticate": 'Cookie realm="members"'},
        )
    return user


async def _read_draft(request: web.Request) -> Draft:
    try:
        if request.content_type == JSON:
            return msgspec.json.decode(await request.read(), type=Draft)
        if request.content_type == FORM:
            # A field left empty in a form is a field left out.
            fields = {k: v for k, v in (await read_form(request)).items() if v}
            return msgspec.convert(fields, Draft, strict=False)
    except msgspec.MsgspecError as error:
        raise web.HTTPBadRequest(
            text=f"This makes no task: {error}.\n{A_TASK}\n"
        ) from None
    raise web.HTTPUnsupportedMediaType(text=f"Please send {JSON} or {FORM}.\n")


def _json(task: Task, **options: Any) -> web.Response:
    return web.Response(body=msgspec.json.encode(task), content_type=JSON, **options)
