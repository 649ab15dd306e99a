"""What a new board starts with: people who can sign in, and something to look at."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from example_app.passwords import hash_password
from example_app.store import Store

__all__ = [
    "DEMO_NAMES",
    "DEMO_PASSWORD",
    "add_demo_tasks",
    "add_demo_users",
    "open_demo_store",
]

# The first one is the administrator.
DEMO_NAMES = ("Ada", "Grace", "Linus")
# Public on purpose: the sign-in page shows it.
DEMO_PASSWORD = "taskboard"

# Title, who added it and how many hours ago, to whom it is assigned, and in how many
# days it is due.
OPEN_TASKS: tuple[tuple[str, str, float, str | None, int | None], ...] = (
    ("Find a room for the summer party", "Linus", 170, None, 30),
    ("Repair the coffee machine, or find somebody who can", "Ada", 98, "Linus", -2),
    ("Send the invoices for last month", "Grace", 27, "Ada", 1),
    ("Ask the landlord about the heating", "Linus", 5, None, None),
    ("Prepare the demonstration for the customers", "Ada", 3, "Grace", 0),
    ("Renew the certificate of the web shop", "Grace", 0.5, "Linus", 6),
)
# Title, who added it, who did it and how many hours ago.
DONE_TASKS: tuple[tuple[str, str, str, float], ...] = (
    ("Water the plants on the second floor", "Ada", "Grace", 26),
    ("Order new badges", "Grace", "Linus", 4),
    ("Answer the letter from the library", "Linus", "Ada", 1),
)

logger = logging.getLogger(__name__)


def open_demo_store(store: Store, *, demo_tasks: bool = True) -> None:
    """Open a store; give a new one the demo users and, perhaps, tasks. Blocks."""
    store.open()
    if add_demo_users(store) and demo_tasks:
        add_demo_tasks(store, now=datetime.now().astimezone())


def add_demo_users(store: Store) -> bool:
    """Give an empty database the demo users; tell whether it was empty.

    Blocks for the hashing of passwords.
    """
    if store.users.all():
        return False
    for name in DEMO_NAMES:
        role = "admin" if name == DEMO_NAMES[0] else "member"
        store.users.add(name, hash_password(DEMO_PASSWORD), role=role)
    logger.info("made the users %s", ", ".join(DEMO_NAMES))
    return True


def add_demo_tasks(store: Store, *, now: datetime) -> None:
    """Put some tasks on the board, added before `now` and due around its day."""
    ids = {user.name: user.id for user in store.users.all()}
    for title, added_by, done_by, hours in DONE_TASKS:
        done_at = now - timedelta(hours=hours)
        added_at = done_at - timedelta(days=2)
        task = store.tasks.add(title, ids[added_by], at=added_at)
        store.tasks.complete(task.id, ids[done_by], at=done_at)
    for title, added_by, hours, assignee, days in OPEN_TASKS:
        store.tasks.add(
            title,
            ids[added_by],
            assignee=assignee,
            due=None if days is None else now.date() + timedelta(days),
            at=now - timedelta(hours=hours),
        )
