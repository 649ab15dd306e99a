"""The board over WAMP: the realm ``members``, its procedures and its topics.

The procedures are ``thread=True``: SQLite blocks, and a thread runs on when its caller
leaves, so that a task once stored is always announced too.
"""

from __future__ import annotations

import asyncio
from typing import Annotated

import msgspec

from aiohttp_serverwamp import (
    ApplicationError,
    Identity,
    Realm,
    RPCRouteSet,
    Session,
    TopicRouteSet,
    session_authenticator,
)
from example_app.store import Store, Task

__all__ = ["members_realm"]

TASK_ADDED = "board.task_added"
TASK_CHANGED = "board.task_changed"
NO_SUCH_TASK = "board.error.no_such_task"

# Some character must be visible.
Title = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=r"\S")]

board_api = RPCRouteSet()
board_topics = TopicRouteSet()
board_topics.declare(TASK_ADDED)
board_topics.declare(TASK_CHANGED)


def members_realm(store: Store) -> Realm:
    """Make the realm of everybody who is signed in."""

    async def load_member(user_id: int) -> Identity | None:
        user = await asyncio.to_thread(store.user, user_id)
        if user is None:
            return None
        return Identity(
            authid=str(user.id), authrole="member", authextra={"name": user.name}
        )

    realm = Realm("members")
    realm.add_transport_authenticator(
        session_authenticator("user_id", load=load_member)
    )
    realm.set_default_arg("store", store)
    realm.add_routes(board_api)
    realm.add_routes(board_topics)
    return realm


@board_api.route("board.list", thread=True)
def list_tasks(*, store: Store) -> list[Task]:
    """Every open task, and the tasks done last."""
    return store.tasks()


@board_api.route("board.add", thread=True)
def add(title: Title, *, session: Session, store: Store) -> Task:
    """Put a task on the board."""
    task = store.add_task(title.strip(), int(session.authid))
    session.realm.publish(TASK_ADDED, task)
    return task


@board_api.route("board.complete", thread=True)
def complete(task_id: int, *, session: Session, store: Store) -> Task:
    """Mark a task done by the caller."""
    return _announce(store.complete_task(task_id, int(session.authid)), session)


@board_api.route("board.reopen", thread=True)
def reopen(task_id: int, *, session: Session, store: Store) -> Task:
    """Take "done" back."""
    return _announce(store.reopen_task(task_id), session)


def _announce(task: Task | None, session: Session) -> Task:
    if task is None:
        raise ApplicationError(NO_SUCH_TASK)
    session.realm.publish(TASK_CHANGED, task)
    return task
