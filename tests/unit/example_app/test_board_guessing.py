"""Who guesses passwords disturbs nobody, and does not get far."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from aiohttp import web

from aiohttp_serverwamp.testing import serving
from example_app import identity, passwords
from example_app.accounts import FAILED_SIGN_INS, HASHING
from example_app.demo import DEMO_PASSWORD
from example_app.failed_sign_ins import FailedSignIns
from example_app.hashing import HashingThreads, TooBusy
from tests.unit.example_app.team import Team

LIMIT = 3
MINUTE = 60


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def failed(clock: Clock) -> FailedSignIns:
    return FailedSignIns(limit=LIMIT, window=MINUTE, remembered=5, clock=clock)


@pytest.fixture
def strict_app(app: web.Application, failed: FailedSignIns) -> web.Application:
    app[FAILED_SIGN_INS] = failed
    return app


@pytest.fixture
def slow_hashing(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Let every hash of a password take until this is set."""
    done = threading.Event()
    verify = passwords.verify_password

    def verify_slowly(password: str, stored: str | None) -> bool:
        done.wait(30)
        return verify(password, stored)

    monkeypatch.setattr(identity, "verify_password", verify_slowly)
    yield done
    done.set()


async def guess(team: Team, name: str, password: str = "wrong") -> Any:
    form = {"name": name, "password": password}
    return await team.visitor.post("/sign-in", data=form, allow_redirects=False)


async def test_the_board_is_live_while_passwords_are_guessed(
    team: Team, slow_hashing: threading.Event
) -> None:
    slow_hashing.set()
    async with team.member("Ada") as ada:
        slow_hashing.clear()
        guesses = [
            asyncio.create_task(guess(team, f"guess {number}")) for number in range(60)
        ]
        # All that are too many have been told so; the others hold every thread.
        refused = await first(guesses, 60 - 18)

        assert {answer.status for answer in refused} == {503}
        assert await asyncio.wait_for(ada.call("board.list"), 10) == []

        slow_hashing.set()
        statuses = [answer.status for answer in await asyncio.gather(*guesses)]
        assert (statuses.count(403), statuses.count(503)) == (18, 42)


async def first(tasks: list[asyncio.Task[Any]], number: int) -> list[Any]:
    answers = asyncio.as_completed(tasks, timeout=30)
    return [await next(answers) for _ in range(number)]


async def test_who_comes_while_too_many_wait_is_told_to_come_again(
    team: Team, app: web.Application, slow_hashing: threading.Event
) -> None:
    others = [app[HASHING].submit(slow_hashing.wait, 30) for _ in range(18)]

    response = await guess(team, "ada", DEMO_PASSWORD)

    assert (response.status, response.headers["Retry-After"]) == (503, "5")
    assert "Too many are signing in" in await response.text()
    slow_hashing.set()
    await asyncio.gather(*others)
    assert (await guess(team, "ada", DEMO_PASSWORD)).status == 303


@pytest.mark.parametrize("name", ["ada", "nobody"])
@pytest.mark.usefixtures("strict_app")
async def test_after_some_failures_one_has_to_wait_whether_or_not_the_name_exists(
    team: Team, clock: Clock, name: str
) -> None:
    for _ in range(LIMIT):
        assert (await guess(team, name)).status == 403

    clock.now += 0.5
    refused = await guess(team, name.upper(), DEMO_PASSWORD)

    assert (refused.status, refused.headers["Retry-After"]) == (429, "60")
    assert "wrong too often" in await refused.text()
    assert (await guess(team, "grace", DEMO_PASSWORD)).status == 303
    clock.now += MINUTE
    expected = 303 if name == "ada" else 403
    assert (await guess(team, name, DEMO_PASSWORD)).status == expected


@pytest.mark.usefixtures("strict_app")
async def test_attempts_at_once_count_each(team: Team) -> None:
    answers = await asyncio.gather(*(guess(team, "ada") for _ in range(10)))

    statuses = [answer.status for answer in answers]
    assert (statuses.count(403), statuses.count(429)) == (LIMIT, 10 - LIMIT)


@pytest.mark.usefixtures("strict_app")
async def test_who_knows_the_password_has_all_attempts_again(
    team: Team, failed: FailedSignIns
) -> None:
    for _ in range(LIMIT - 1):
        await guess(team, "ada")

    await guess(team, "ada", DEMO_PASSWORD)

    assert len(failed) == 0


def test_another_address_does_not_have_to_wait(failed: FailedSignIns) -> None:
    for _ in range(LIMIT):
        failed.add("192.0.2.1", "ada")

    assert failed.wait("192.0.2.1", "ada") == MINUTE
    assert failed.wait("192.0.2.2", "ada") == 0


def test_only_so_many_failures_are_remembered(
    failed: FailedSignIns, clock: Clock
) -> None:
    for number in range(20):
        failed.add("192.0.2.1", f"{number}")
    assert len(failed) == 5

    clock.now += MINUTE
    failed.add("192.0.2.1", "x" * 10_000)

    assert len(failed) == 1
    assert failed.wait("192.0.2.1", "19") == 0


async def test_at_the_end_what_waits_is_dropped_and_what_runs_is_awaited() -> None:
    threads = HashingThreads(threads=1, waiting=1)
    go = threading.Event()
    running, waiting = threads.submit(go.wait, 30), threads.submit(go.wait, 30)
    with pytest.raises(TooBusy):
        threads.submit(go.wait, 30)

    closing = asyncio.create_task(threads.close())
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert not closing.done()
    go.set()

    assert await running is True
    await closing


async def test_the_hashing_threads_end_with_the_application(
    app: web.Application,
) -> None:
    async with serving(app):
        assert await app[HASHING].submit(max, 1, 2) == 2

    with pytest.raises(RuntimeError, match="shutdown"):
        app[HASHING].submit(max, 1, 2)


@pytest.mark.usefixtures("strict_app")
async def test_without_a_proxy_nobody_can_choose_an_address(team: Team) -> None:
    form = {"name": "ada", "password": "wrong"}
    for number in range(LIMIT + 1):
        response = await team.visitor.post(
            "/sign-in", data=form, headers={"X-Forwarded-For": f"192.0.2.{number}"}
        )

    assert response.status == 429
