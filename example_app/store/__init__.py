"""What the board remembers, in SQLite: the only place with SQL.

Every method blocks: call it from a worker thread, by ``thread=True``,
``session.realm.run_in_thread`` or `asyncio.to_thread`.
"""

from __future__ import annotations

from pathlib import Path

from example_app.store.database import Database
from example_app.store.tasks import Counts, Task, Tasks
from example_app.store.users import User, Users

__all__ = ["Counts", "Store", "Task", "User"]


class Store:
    """The users and the tasks, in one database file."""

    def __init__(self, path: Path) -> None:
        self._database = Database(path)
        self.users = Users(self._database)
        self.tasks = Tasks(self._database)

    def open(self) -> None:
        """Open the file, creating it or its newer tables where missing."""
        self._database.open()

    def close(self) -> None:
        """Close the file; waits for the statement that is running."""
        self._database.close()
