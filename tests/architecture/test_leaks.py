"""The leak check of tests/conftest.py finds what it is there for."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from aiohttp_serverwamp import Application
from aiohttp_serverwamp.router.session import RouterSession
from aiohttp_serverwamp.router.states import State
from tests import leaks
from tests.conftest import LEAK_CHECKED
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


async def test_a_thread_that_goes_on_is_found_and_one_that_idles_is_not() -> None:
    before = Leaks()
    gate = threading.Event()
    forgotten = threading.Thread(target=gate.wait, name="forgotten")
    idle = threading.Thread(target=gate.wait, name="asyncio_0")
    forgotten.start()
    idle.start()

    found = await before.found()
    gate.set()
    forgotten.join()
    idle.join()

    assert len(found) == 1
    assert "forgotten" in found[0]


async def test_a_client_that_an_application_keeps_is_found() -> None:
    before = Leaks()
    application, unused = Application(), Application()

    assert application.admit()
    found = await before.found()
    application.release()

    assert len(found) == 1
    assert "'admitted': 1" in found[0]
    assert await before.found() == []
    assert not unused.running


#: One that does not leak, one that does, and one that does without an event loop.
LEAKY = """
import asyncio
from aiohttp_serverwamp import Application

kept = []

async def test_of_nothing():
    pass

async def test_of_tasks():
    kept.append(asyncio.get_running_loop().create_task(asyncio.sleep(60)))

def test_of_places():
    kept.append(Application())
    kept[-1].admit()
"""

ROOT = Path(__file__).parents[2]


def test_tests_that_leak_fail_wherever_there_is_a_server(tmp_path: Path) -> None:
    # given a copy of what checks, and tests that leak
    shutil.copy(ROOT / "setup.cfg", tmp_path)
    tests = tmp_path / "tests"
    tests.mkdir()
    for name in ("__init__.py", "conftest.py", "leaks.py"):
        shutil.copy(ROOT / "tests" / name, tests)
    with (tests / "leaks.py").open("a") as checks:
        checks.write("\nPATIENCE = 0.01\n")
    for directory in (*LEAK_CHECKED, "unit"):
        (tests / directory).mkdir()
        (tests / directory / "test_leaky.py").write_text(LEAKY)

    # when they are run
    command = [sys.executable, "-m", "pytest", "-n", "0", "-q"]
    paths = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    done = subprocess.run(
        command, cwd=tmp_path, env=paths, capture_output=True, text=True
    )

    # then each is found, but where nobody looks
    found = Counter(re.findall(r"^ERROR tests/(\w+)/test_leaky.py", done.stdout, re.M))
    assert found == dict.fromkeys(LEAK_CHECKED, 2), done.stdout


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
