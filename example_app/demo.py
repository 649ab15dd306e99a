"""The people who can sign in to a new board."""

from __future__ import annotations

import logging

from example_app.passwords import hash_password
from example_app.store import Store

__all__ = ["DEMO_NAMES", "DEMO_PASSWORD", "add_demo_users"]

DEMO_NAMES = ("Ada", "Grace", "Linus")
# Public on purpose: the sign-in page shows it.
DEMO_PASSWORD = "taskboard"

logger = logging.getLogger(__name__)


def add_demo_users(store: Store) -> None:
    """Give an empty database the demo users. Blocks for the hashing of passwords."""
    if store.has_users():
        return
    for name in DEMO_NAMES:
        store.add_user(name, hash_password(DEMO_PASSWORD))
    logger.info("made the users %s", ", ".join(DEMO_NAMES))
