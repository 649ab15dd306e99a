"""The task board's database."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from example_app.store import MIGRATIONS, Store, User


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "board.sqlite3")
    opened.open()
    yield opened
    opened.close()


@pytest.fixture
def ada(store: Store) -> User:
    return store.add_user("Ada", "hash")


@pytest.fixture
def grace(store: Store) -> User:
    return store.add_user("Grace", "hash")


def test_a_user_is_found_by_name_in_any_case_and_by_id(store: Store, ada: User) -> None:
    assert store.user_named("aDa") == ada
    assert store.user(ada.id) == ada
    assert store.user_named("nobody") is None
    assert store.user(ada.id + 1) is None


def test_a_name_belongs_to_one_user_only(store: Store, ada: User) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        store.add_user("ADA", "hash")


def test_a_new_database_has_no_users(store: Store) -> None:
    assert not store.has_users()
    store.add_user("Ada", "hash")
    assert store.has_users()


def test_the_password_hash_is_not_in_the_representation(ada: User) -> None:
    assert "hash" not in repr(ada)


def test_an_added_task_is_open_and_names_who_added_it(store: Store, ada: User) -> None:
    task = store.add_task("Buy milk", ada.id)

    assert (task.title, task.added_by, task.done_by) == ("Buy milk", "Ada", None)
    assert task.added_at.tzinfo is not None
    assert store.tasks() == [task]


def test_completing_names_who_did_it_and_raises_the_revision(
    store: Store, ada: User, grace: User
) -> None:
    task = store.add_task("Buy milk", ada.id)

    done = store.complete_task(task.id, grace.id)

    assert done is not None
    assert (done.added_by, done.done_by) == ("Ada", "Grace")
    assert done.done_at is not None
    assert done.revision > task.revision


def test_who_completed_a_task_first_keeps_the_honour(
    store: Store, ada: User, grace: User
) -> None:
    task = store.add_task("Buy milk", ada.id)
    first = store.complete_task(task.id, grace.id)

    assert store.complete_task(task.id, ada.id) == first


def test_reopening_takes_done_back_and_raises_the_revision(
    store: Store, ada: User
) -> None:
    task = store.add_task("Buy milk", ada.id)
    done = store.complete_task(task.id, ada.id)

    reopened = store.reopen_task(task.id)

    assert done is not None
    assert reopened is not None
    assert (reopened.done_by, reopened.done_at) == (None, None)
    assert reopened.revision > done.revision
    assert store.reopen_task(task.id) == reopened


def test_a_task_that_does_not_exist_is_none(store: Store, ada: User) -> None:
    assert store.complete_task(99, ada.id) is None
    assert store.reopen_task(99) is None


def test_the_list_has_every_open_task_and_the_last_done_ones(
    store: Store, ada: User
) -> None:
    tasks = [store.add_task(f"task {number}", ada.id) for number in range(5)]
    for task in tasks[:3]:
        store.complete_task(task.id, ada.id)

    listed = [task.id for task in store.tasks(done_limit=2)]

    assert listed == [tasks[4].id, tasks[3].id, tasks[2].id, tasks[1].id]


def test_tasks_survive_a_restart(tmp_path: Path) -> None:
    first, second = Store(tmp_path / "b.sqlite3"), Store(tmp_path / "b.sqlite3")
    first.open()
    task = first.add_task("Buy milk", first.add_user("Ada", "hash").id)
    first.close()

    second.open()

    assert second.tasks() == [task]
    second.close()


def test_an_open_database_has_seen_every_migration(tmp_path: Path) -> None:
    path = tmp_path / "b.sqlite3"
    store = Store(path)
    store.open()
    store.close()

    connection = sqlite3.connect(path)
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    connection.close()
    assert version == len(MIGRATIONS)


def test_a_task_of_an_unknown_user_is_refused_and_leaves_nothing(store: Store) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        store.add_task("Buy milk", 99)

    assert store.tasks() == []


def test_using_a_store_that_is_not_open_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"call open\(\) first"):
        Store(tmp_path / "b.sqlite3").tasks()


def test_threads_take_turns(store: Store, ada: User) -> None:
    threads = [
        threading.Thread(
            target=lambda: [store.add_task("t", ada.id) for _ in range(20)]
        )
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len({task.id for task in store.tasks()}) == 80
