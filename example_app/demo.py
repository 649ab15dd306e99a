"""What a new board starts with: people who can sign in, and something to look at."""

from __future__ import annotations

import logging
from datetime import date, timedelta

from example_app.passwords import hash_password
from example_app.store import Store

__all__ = ["DEMO_NAMES", "DEMO_PASSWORD", "add_demo_tasks", "add_demo_users"]

# The first one is the administrator.
DEMO_NAMES = ("Ada", "Grace", "Linus")
# Public on purpose: the sign-in page shows it.
DEMO_PASSWORD = "taskboard"

# Title, who added it, to whom it is assigned, and in how many days it is due.
OPEN_TASKS: tuple[tuple[str, str, str | None, int | None], ...] = (
    ("Find a room for the summer party", "Linus", None, 30),
    ("Repair the coffee machine, or find somebody who can", "Ada", "Linus", -2),
    ("Send the invoices for last month", "Grace", "Ada", 1),
    ("Ask the landlord about the heating", "Linus", None, None),
    ("Prepare Thursday’s demonstration", "Ada", "Grace", 0),
    ("Renew the certificate of the web shop", "Grace", "Linus", 6),
)
DONE_TASKS = (
    ("Water the plants on the second floor", "Ada", "Grace"),
    ("Order new badges", "Grace", "Linus"),
    ("Answer the letter from the library", "Linus", "Ada"),
)

logger = logging.getLogger(__name__)


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


def add_demo_tasks(store: Store, *, today: date) -> None:
    """Put some tasks on the board, due around `today`."""
    ids = {user.name: user.id for user in store.users.all()}
    for title, added_by, done_by in DONE_TASKS:
        task = store.tasks.add(title, ids[added_by])
        store.tasks.complete(task.id, ids[done_by])
    for title, added_by, assignee, days in OPEN_TASKS:
        due = None if days is None else today + timedelta(days)
        store.tasks.add(title, ids[added_by], assignee=assignee, due=due)
