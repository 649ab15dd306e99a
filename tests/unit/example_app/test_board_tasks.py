"""The tasks in the task board's database."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest

from example_app.errors import ChangedMeanwhile, NoSuchMember, NoSuchTask
from example_app.store import Counts, Store, Task, User


def test_an_added_task_is_open_and_names_who_added_it(store: Store, ada: User) -> None:
    task = store.tasks.add("Buy milk", ada.id)

    assert (task.title, task.added_by, task.done_by) == ("Buy milk", "Ada", None)
    assert (task.assignee, task.due, task.changed_by) == (None, None, "Ada")
    assert task.added_at.tzinfo is not None
    assert store.tasks.on_board() == [task]
    assert store.tasks.get(task.id) == task


def test_a_task_may_be_assigned_and_due_from_the_start(
    store: Store, ada: User, grace: User
) -> None:
    day = date(2030, 12, 31)

    task = store.tasks.add("Buy milk", ada.id, assignee="grace", due=day)

    assert (task.assignee, task.due) == ("Grace", day)


def test_a_task_of_an_unknown_user_is_refused_and_leaves_nothing(store: Store) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        store.tasks.add("Buy milk", 99)

    assert store.tasks.on_board() == []


def test_nobody_cannot_be_assigned_by_a_wrong_name(store: Store, ada: User) -> None:
    task = store.tasks.add("Buy milk", ada.id)

    with pytest.raises(NoSuchMember):
        store.tasks.add("Buy tea", ada.id, assignee="Bob")
    with pytest.raises(NoSuchMember):
        edit(store, task, ada, assignee="Bob")

    assert store.tasks.on_board() == [task]


def test_editing_changes_everything_that_a_person_says_of_a_task(
    store: Store, ada: User, grace: User
) -> None:
    task = store.tasks.add("Buy milk", ada.id, assignee="Ada", due=date(2030, 1, 1))

    edited = edit(store, task, grace, title="Buy tea", assignee=None, due=None)

    assert (edited.title, edited.assignee, edited.due) == ("Buy tea", None, None)
    assert (edited.added_by, edited.changed_by) == ("Ada", "Grace")
    assert edited.revision > task.revision
    assert store.tasks.get(task.id) == edited


def test_who_edits_what_has_changed_meanwhile_is_told_and_changes_nothing(
    store: Store, ada: User, grace: User
) -> None:
    task = store.tasks.add("Buy milk", ada.id)
    now = edit(store, task, grace, title="Buy tea")

    with pytest.raises(ChangedMeanwhile) as refused:
        edit(store, task, ada, title="Buy coffee")
    with pytest.raises(ChangedMeanwhile) as kept:
        store.tasks.delete(task.id, task.revision)

    assert refused.value.args == kept.value.args == (now,)
    assert store.tasks.on_board() == [now]


def test_completing_names_who_did_it_and_raises_the_revision(
    store: Store, ada: User, grace: User
) -> None:
    task = store.tasks.add("Buy milk", ada.id)

    done = store.tasks.complete(task.id, grace.id)

    assert (done.added_by, done.done_by, done.changed_by) == ("Ada", "Grace", "Grace")
    assert done.done_at is not None
    assert done.revision > task.revision


def test_who_completed_a_task_first_keeps_the_honour(
    store: Store, ada: User, grace: User
) -> None:
    task = store.tasks.add("Buy milk", ada.id)
    first = store.tasks.complete(task.id, grace.id)

    assert store.tasks.complete(task.id, ada.id) == first


def test_reopening_takes_done_back_and_raises_the_revision(
    store: Store, ada: User
) -> None:
    task = store.tasks.add("Buy milk", ada.id)
    done = store.tasks.complete(task.id, ada.id)

    reopened = store.tasks.reopen(task.id, ada.id)

    assert (reopened.done_by, reopened.done_at) == (None, None)
    assert reopened.revision > done.revision
    assert store.tasks.reopen(task.id, ada.id) == reopened


def test_a_deleted_task_is_gone_and_its_id_is_not_used_again(
    store: Store, ada: User
) -> None:
    task = store.tasks.add("Buy milk", ada.id)

    assert store.tasks.delete(task.id, task.revision) == task

    assert store.tasks.on_board() == []
    assert store.tasks.add("Buy tea", ada.id).id > task.id


def test_what_is_done_to_a_task_that_does_not_exist_is_refused(
    store: Store, ada: User
) -> None:
    acts: tuple[Callable[[], object], ...] = (
        lambda: store.tasks.get(99),
        lambda: store.tasks.complete(99, ada.id),
        lambda: store.tasks.reopen(99, ada.id),
        lambda: store.tasks.delete(99, 1),
        lambda: store.tasks.edit(99, 1, ada.id, title="x", assignee=None, due=None),
    )
    for act in acts:
        with pytest.raises(NoSuchTask) as refused:
            act()
        assert refused.value.args == (99,)


def test_the_list_has_every_open_task_and_the_last_done_ones(
    store: Store, ada: User
) -> None:
    tasks = [store.tasks.add(f"task {number}", ada.id) for number in range(5)]
    for task in tasks[:3]:
        store.tasks.complete(task.id, ada.id)

    listed = [task.id for task in store.tasks.on_board(done_limit=2)]

    assert listed == [tasks[4].id, tasks[3].id, tasks[2].id, tasks[1].id]
    assert [task.id for task in store.tasks.last_done(1)] == [tasks[2].id]
    assert store.tasks.counts() == Counts(open=2, done=3)


def test_batches_follow_one_another_until_there_are_no_more(
    store: Store, ada: User
) -> None:
    tasks = [store.tasks.add(f"task {number}", ada.id) for number in range(3)]

    first = store.tasks.after(0, 2)

    assert first == tasks[:2]
    assert store.tasks.after(first[-1].id, 2) == tasks[2:]
    assert store.tasks.after(tasks[-1].id, 2) == []


def test_times_of_any_zone_are_kept(store: Store, ada: User) -> None:
    noon = datetime(2026, 1, 2, 12, tzinfo=UTC)

    task = store.tasks.add("Buy milk", ada.id, at=noon.astimezone())
    done = store.tasks.complete(task.id, ada.id, at=noon.astimezone())

    assert task.added_at == done.done_at == noon


def edit(store: Store, task: Task, user: User, **changes: object) -> Task:
    values = {"title": task.title, "assignee": task.assignee, "due": task.due}
    values.update(changes)  # type: ignore[arg-type] # each test gives the right ones
    return store.tasks.edit(task.id, task.revision, user.id, **values)  # type: ignore[arg-type] # so it does
