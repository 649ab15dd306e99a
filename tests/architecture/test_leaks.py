"""The leak check of tests/conftest.py finds what it is there for."""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import Any

import pytest

from aiohttp_serverwamp.router.session import RouterSession
from aiohttp_serverwamp.router.states import State
from tests import leaks
from tests.leaks import Leaks, LoggedErrors


@pytest.fixture(autouse=True)
def _little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaks, "PATIENCE", 0.01)


async def test_nothing_left_is_nothing_found() -> None:
    before = Leaks()

    await asyncio.create_task(asyncio.sleep(0))

    assert await before.found() == []


async def test_a_task_that_goes_on_is_found() -> None:
    before = Leaks()

    task = asyncio.create_task(asyncio.sleep(60), name="forgotten")
    found = await before.found()
    task.cancel()

    assert len(found) == 1
    assert "forgotten" in found[0]


async def test_a_task_that_is_about_to_end_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(leaks, "PATIENCE", 30.0)
    before = Leaks()

    task = asyncio.create_task(asyncio.sleep(0.02))

    assert await before.found() == []
    assert task.done()


async def test_an_open_socket_is_found() -> None:
    before = Leaks()
    if not leaks.open_descriptors():
        pytest.skip("this system does not list open descriptors")

    with socket.socket():
        found = await before.found()

    assert len(found) == 1
    assert "socket" in found[0]


async def test_a_live_session_is_found_and_one_in_a_cycle_is_not() -> None:
    before = Leaks()
    kept: Any = RouterSession.__new__(RouterSession)
    kept.id, kept.state = 7, State.ESTABLISHED
    cycle: list[Any] = [RouterSession.__new__(RouterSession)]
    cycle.append(cycle)
    del cycle

    found = await before.found()
    del kept

    assert len(found) == 1
    assert "RouterSession 7" in found[0]
    assert await before.found() == []


@pytest.mark.parametrize(
    ("logger", "level", "counts"),
    [
        ("aiohttp_serverwamp", logging.ERROR, True),
        ("aiohttp_serverwamp.router", logging.CRITICAL, True),
        ("asyncio", logging.ERROR, True),
        ("aiohttp_serverwamp.router", logging.WARNING, False),
        ("aiohttp_serverwampish", logging.ERROR, False),
        ("somebody.else", logging.ERROR, False),
    ],
)
def test_errors_of_our_loggers_are_collected(
    logger: str, level: int, counts: bool
) -> None:
    errors = LoggedErrors()
    logging.getLogger().addHandler(errors)

    logging.getLogger(logger).log(level, "it happened")

    logging.getLogger().removeHandler(errors)
    assert errors.lines == ["it happened"] * counts
