"""The members of the team, and whether they are signed in."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from datetime import datetime

from example_app.errors import NoSuchMember
from example_app.store.database import Database, as_text, as_time

__all__ = ["User", "Users"]

COLUMNS = "id, name, role, generation, signed_in_until, password_hash"


@dataclass(frozen=True, slots=True)
class User:
    """One member of the team.

    `generation` grows when all the user's sign-ins are ended: a cookie of an earlier
    generation opens nothing any more.
    """

    id: int
    name: str
    role: str
    generation: int
    signed_in_until: datetime | None
    password_hash: str = field(repr=False)


class Users:
    """The table of users."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, name: str, password_hash: str, *, role: str = "member") -> User:
        """Add a user; `sqlite3.IntegrityError` if the name is taken."""
        with self._database.transaction() as connection:
            row = connection.execute(
                "INSERT INTO users (name, password_hash, role) VALUES (?, ?, ?)"
                f" RETURNING {COLUMNS}",
                (name, password_hash, role),
            ).fetchone()
            return _user(row)

    def all(self) -> list[User]:
        """List everybody who can sign in, by name."""
        with self._database.transaction() as connection:
            rows = connection.execute(f"SELECT {COLUMNS} FROM users ORDER BY name")
            return [_user(row) for row in rows]

    def named(self, name: str) -> User | None:
        """Find a user by name, in upper or lower case."""
        return self._find("name = ?", name)

    def get(self, user_id: int) -> User | None:
        """Find a user by id."""
        return self._find("id = ?", user_id)

    def note_sign_in(self, user_id: int, until: datetime) -> None:
        """Remember that a user is signed in until then."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE users SET signed_in_until = ? WHERE id = ?",
                (as_text(until), user_id),
            )

    def end_sign_ins(self, name: str) -> User:
        """Make every cookie of a user worthless; `NoSuchMember` if there is none."""
        with self._database.transaction() as connection:
            row = connection.execute(
                "UPDATE users SET generation = generation + 1, signed_in_until = NULL"
                f" WHERE name = ? RETURNING {COLUMNS}",
                (name,),
            ).fetchone()
            if row is None:
                raise NoSuchMember(name)
            return _user(row)

    def _find(self, condition: str, value: str | int) -> User | None:
        with self._database.transaction() as connection:
            row = connection.execute(
                f"SELECT {COLUMNS} FROM users WHERE {condition}", (value,)
            ).fetchone()
            return None if row is None else _user(row)


def _user(row: sqlite3.Row) -> User:
    return User(**{**row, "signed_in_until": as_time(row["signed_in_until"])})
