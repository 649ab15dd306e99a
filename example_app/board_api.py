"""The procedures of the board: `board.Board` over WAMP."""

from __future__ import annotations

from aiohttp_serverwamp import RPCRouteSet, Session
from example_app.board import Board, Draft, Id, Revision
from example_app.store import Store, Task, User

__all__ = ["board_api"]

board_api = RPCRouteSet()


@board_api.route("board.list", thread=True)
def list_tasks(*, board: Board) -> list[Task]:
    """Every open task, and the tasks done last."""
    return board.tasks()


@board_api.route("board.get", thread=True)
def get(task_id: Id, *, board: Board) -> Task:
    """One task as it is now, also if it was done too long ago to be listed."""
    return board.get(task_id)


@board_api.route("board.members", thread=True)
def list_members(*, store: Store) -> list[str]:
    """The names of everybody to whom a task can be assigned."""
    return [user.name for user in store.users.all()]


@board_api.route("board.add", thread=True)
def add(draft: Draft, *, session: Session, board: Board) -> Task:
    """Put a task on the board."""
    return board.add(draft, _caller(session))


@board_api.route("board.edit", thread=True)
def edit(
    task_id: Id, revision: Revision, draft: Draft, *, session: Session, board: Board
) -> Task:
    """Change a task, unless it is no longer as the caller saw it."""
    return board.edit(task_id, revision, draft, _caller(session))


@board_api.route("board.complete", thread=True)
def complete(task_id: Id, *, session: Session, board: Board) -> Task:
    """Mark a task done by the caller."""
    return board.complete(task_id, _caller(session))


@board_api.route("board.reopen", thread=True)
def reopen(task_id: Id, *, session: Session, board: Board) -> Task:
    """Take "done" back."""
    return board.reopen(task_id, _caller(session))


@board_api.route("board.delete", thread=True)
def delete(task_id: Id, revision: Revision, *, session: Session, board: Board) -> None:
    """Take a task off the board, unless it is no longer as the caller saw it."""
    board.delete(task_id, revision, _caller(session))


def _caller(session: Session) -> User:
    user: User = session.identity.user
    return user
