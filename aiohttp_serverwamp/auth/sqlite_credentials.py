"""Credentials in an SQLite file, which a command and a server may use at once."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from aiohttp_serverwamp.auth.credentials import (
    Credential,
    CryptosignCredential,
    credential_from,
    is_unicode,
    record_of,
)
from aiohttp_serverwamp.errors import ConfigurationError

__all__ = ["SQLiteCredentials"]

_VERSION: Final = 1
_SCHEMA: Final = f"""
    CREATE TABLE IF NOT EXISTS credentials (
        authmethod TEXT NOT NULL,
        authid TEXT NOT NULL,
        public_key TEXT NOT NULL DEFAULT '',
        record TEXT NOT NULL,
        PRIMARY KEY (authmethod, authid, public_key)
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS credentials_by_key ON credentials (public_key)
        WHERE public_key != '';
    PRAGMA user_version = {_VERSION};
"""


class SQLiteCredentials:
    """A `CredentialStore` in a file; `add` makes it, readable for its owner only.

    Its methods block: authenticators call them in a worker thread. Each opens the file
    anew, so they may be called in any thread, and what a command adds is there at once.

    They raise `ConfigurationError` for a file that holds something else, and
    `sqlite3.Error` for one that cannot be used.
    """

    blocking = True
    authprovider = "dynamic"

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        if str(path) in ("", ":memory:"):
            raise ConfigurationError(
                "SQLiteCredentials takes the path of a file, which each thread opens; "
                "in memory, use StaticCredentials"
            )

    def __repr__(self) -> str:
        return f"SQLiteCredentials({str(self._path)!r})"

    def find(self, authmethod: str, authid: str) -> Credential | None:
        """Return the credential of `authid` for a method, or None."""
        if not is_unicode(authid):
            return None
        query = "SELECT record FROM credentials WHERE authmethod = ? AND authid = ?"
        return self._first(query, authmethod, authid)

    def example(self, authmethod: str) -> Credential | None:
        """Return a credential of a method, whoever's, or None."""
        query = "SELECT record FROM credentials WHERE authmethod = ? LIMIT 1"
        return self._first(query, authmethod)

    def _first(self, query: str, *values: str) -> Credential | None:
        with self._opened("ro") as database:
            row = database.execute(query, values).fetchone()
        return None if row is None else _credential(row[0])

    def holders(self, public_key: str) -> Sequence[CryptosignCredential]:
        """Return the credentials of a public key, in lower-case hex."""
        query = (
            "SELECT record FROM credentials WHERE public_key = ? AND public_key != ''"
        )
        with self._opened("ro") as database:
            rows = database.execute(query, (public_key,)).fetchall()
        found = [_credential(record) for (record,) in rows]
        return [each for each in found if isinstance(each, CryptosignCredential)]

    def credentials(self) -> list[Credential]:
        """Return all credentials, by authid and method."""
        query = "SELECT record FROM credentials ORDER BY authid, authmethod, public_key"
        with self._opened("ro") as database:
            return [_credential(record) for (record,) in database.execute(query)]

    def add(self, credential: Credential) -> None:
        """Keep a credential, in place of the one that its authid has for its method.

        Public keys are kept beside each other. What is in ``identity.user`` is not.
        """
        key = getattr(credential, "public_key", "")
        record = msgspec.json.encode(record_of(credential)).decode()
        row = (credential.authmethod, credential.identity.authid, key, record)
        # sqlite3 would make it readable for everybody.
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
        with self._opened("rw") as database:
            if not _version(database):
                database.executescript(_SCHEMA)
            with database:
                database.execute(
                    "INSERT OR REPLACE INTO credentials VALUES (?, ?, ?, ?)", row
                )

    def remove(self, authid: str, authmethod: str | None = None) -> int:
        """Forget the credentials of `authid`: all, or those of a method; say how many.

        Sessions that are joined stay so: see `Application.close_sessions`.
        """
        command = "DELETE FROM credentials WHERE authid = ?"
        values = [authid]
        if authmethod is not None:
            command += " AND authmethod = ?"
            values.append(authmethod)
        with self._opened("rw") as database, database:
            return database.execute(command, values).rowcount

    @contextmanager
    def _opened(self, mode: str) -> Iterator[sqlite3.Connection]:
        uri = f"{self._path.absolute().as_uri()}?mode={mode}"
        with closing(sqlite3.connect(uri, uri=True)) as database:
            version = _version(database)
            if version != _VERSION and (version or not _is_empty(database)):
                raise ConfigurationError(f"{self._path} holds no credentials")
            yield database


def _version(database: sqlite3.Connection) -> int:
    version: int = database.execute("PRAGMA user_version").fetchone()[0]
    return version


def _is_empty(database: sqlite3.Connection) -> bool:
    return database.execute("SELECT 1 FROM sqlite_master").fetchone() is None


def _credential(record: str) -> Credential:
    plain: dict[str, Any] = msgspec.json.decode(record)
    return credential_from(plain)
