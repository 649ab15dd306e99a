"""A board for each test: its files, its application, its people."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from aiohttp import web

from aiohttp_serverwamp.testing import serving
from example_app import passwords
from example_app.accounts import STORE
from example_app.app import make_app
from example_app.store import Store, User
from tests.unit.example_app.team import Team


@pytest.fixture
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "COST", 2**4)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "store.sqlite3")
    opened.open()
    yield opened
    opened.close()


@pytest.fixture
def ada(store: Store) -> User:
    return store.users.add("Ada", "hash")


@pytest.fixture
def grace(store: Store) -> User:
    return store.users.add("Grace", "hash")


@pytest.fixture
def app(tmp_path: Path, cheap_hashes: None) -> web.Application:
    return make_app(
        database=tmp_path / "board.sqlite3",
        secret_file=tmp_path / "secret.key",
        demo_tasks=False,
    )


@pytest.fixture
async def team(app: web.Application) -> AsyncIterator[Team]:
    """A board with no tasks that is being served."""
    async with serving(app) as http, Team(http, app[STORE]) as running:
        yield running
