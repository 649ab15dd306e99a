"""What the list of ended HTTP sessions remembers, and for how long."""

from __future__ import annotations

import pytest

from aiohttp_serverwamp.auth.revocations import MemoryRevocationList


class Clock:
    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def test_an_id_is_revoked_for_as_long_as_its_cookie_lasts(clock: Clock) -> None:
    revoked = MemoryRevocationList(now=clock)
    await revoked.revoke("a", 60)

    assert await revoked.is_revoked("a")
    assert not await revoked.is_revoked("b")
    clock.time += 60
    assert not await revoked.is_revoked("a")


async def test_an_id_without_an_end_stays_revoked(clock: Clock) -> None:
    revoked = MemoryRevocationList(now=clock)
    await revoked.revoke("a", None)

    clock.time += 10**9

    assert await revoked.is_revoked("a")


async def test_what_is_over_is_forgotten_as_others_come(clock: Clock) -> None:
    revoked = MemoryRevocationList(now=clock)
    for number in range(1_000):
        clock.time += 1
        await revoked.revoke(f"id {number}", 10)

    assert len(revoked) <= 11


async def test_revoking_again_counts_from_then_on(clock: Clock) -> None:
    revoked = MemoryRevocationList(now=clock)
    await revoked.revoke("a", 10)
    clock.time += 8
    await revoked.revoke("a", 10)
    clock.time += 8

    assert await revoked.is_revoked("a")
    assert len(revoked) == 1


async def test_a_full_list_forgets_its_oldest_and_says_so_once(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    revoked = MemoryRevocationList(limit=2, now=clock)
    for each in "abcd":
        await revoked.revoke(each, None)

    kept = [each for each in "abcd" if await revoked.is_revoked(each)]

    assert kept == ["c", "d"]
    assert [record.levelname for record in caplog.records] == ["WARNING"]
