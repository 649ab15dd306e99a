"""The task board's database file: opened, upgraded, shared by threads."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest

from example_app.store import Store, User
from example_app.store.database import MIGRATIONS


def test_tasks_survive_a_restart(tmp_path: Path) -> None:
    first, second = Store(tmp_path / "b.sqlite3"), Store(tmp_path / "b.sqlite3")
    first.open()
    task = first.tasks.add("Buy milk", first.users.add("Ada", "hash").id)
    first.close()

    second.open()

    assert second.tasks.on_board() == [task]
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


def test_a_board_of_the_first_version_keeps_its_tasks_and_gets_an_administrator(
    tmp_path: Path,
) -> None:
    path = tmp_path / "b.sqlite3"
    connection = sqlite3.connect(path)
    connection.executescript(
        MIGRATIONS[0]
        + """
        INSERT INTO users VALUES (1, 'Ada', 'hash'), (2, 'Grace', 'hash');
        INSERT INTO tasks VALUES
            (1, 'Buy milk', 1, '2026-01-01T12:00:00.000+00:00', NULL, NULL, 1),
            (2, 'Buy tea', 1, '2026-01-01T12:00:00.000+00:00',
             2, '2026-01-02T12:00:00.000+00:00', 2);
        PRAGMA user_version = 1;
        """
    )
    connection.close()

    store = Store(path)
    store.open()

    milk, tea = store.tasks.on_board()
    assert (milk.title, milk.changed_by, milk.due) == ("Buy milk", "Ada", None)
    assert (tea.title, tea.changed_by, tea.revision) == ("Buy tea", "Grace", 2)
    assert [user.role for user in store.users.all()] == ["admin", "member"]
    store.close()


def test_using_a_store_that_is_not_open_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"call open\(\) first"):
        Store(tmp_path / "b.sqlite3").tasks.on_board()


def test_threads_take_turns(store: Store, ada: User) -> None:
    threads = [
        threading.Thread(
            target=lambda: [store.tasks.add("t", ada.id) for _ in range(20)]
        )
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len({task.id for task in store.tasks.on_board()}) == 80
