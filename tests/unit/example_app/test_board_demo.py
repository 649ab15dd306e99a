"""What a new task board starts with."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web

from example_app.accounts import STORE
from example_app.app import make_app
from example_app.demo import add_demo_tasks, add_demo_users
from example_app.store import Counts, Store, Task

pytestmark = pytest.mark.usefixtures("cheap_hashes")

NOW = datetime(2026, 1, 2, 12, tzinfo=UTC)


def test_a_new_board_has_tasks_of_every_kind(store: Store) -> None:
    assert add_demo_users(store)
    add_demo_tasks(store, now=NOW)

    tasks = store.tasks.on_board()
    dues = [task.due for task in tasks if task.due is not None]
    assert min(dues) < NOW.date() < max(dues)
    assert NOW.date() in dues
    assert {task.assignee for task in tasks} == {None, "Ada", "Grace", "Linus"}
    assert {task.done_by for task in tasks} == {None, "Ada", "Grace", "Linus"}
    assert all(task.added_at < NOW for task in tasks)


def test_one_of_the_demo_users_is_the_administrator(store: Store) -> None:
    add_demo_users(store)

    roles = {user.name: user.role for user in store.users.all()}
    assert roles == {"Ada": "admin", "Grace": "member", "Linus": "member"}


def test_a_board_with_users_is_left_alone(store: Store) -> None:
    add_demo_users(store)
    assert not add_demo_users(store)
    assert len(store.users.all()) == 3


@pytest.mark.parametrize("demo_tasks", [True, False])
async def test_only_a_new_board_gets_demo_tasks_and_only_if_asked(
    tmp_path: Path, demo_tasks: bool
) -> None:
    async def start() -> list[Task]:
        app = make_app(
            database=tmp_path / "b.sqlite3",
            secret_file=tmp_path / "key",
            demo_tasks=demo_tasks,
        )
        runner = web.AppRunner(app)
        await runner.setup()
        tasks = app[STORE].tasks.on_board()
        await runner.cleanup()
        return tasks

    first = await start()

    assert bool(first) is demo_tasks
    assert await start() == first


def test_counts_of_an_empty_store_are_zero(store: Store) -> None:
    assert store.tasks.counts() == Counts(open=0, done=0)
