"""Who has to wait after failed sign-ins, for how long, and at what cost."""

from __future__ import annotations

from typing import Any

import pytest

from aiohttp_serverwamp import Limits
from aiohttp_serverwamp.router import failed_sign_ins
from aiohttp_serverwamp.router.failed_sign_ins import FailedSignIns, network_of

HERE, THERE = "192.0.2.1", "192.0.2.2"


class Clock:
    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


def failures(clock: Clock, **limits: Any) -> FailedSignIns:
    given = {"max_failed_sign_ins": 3, "max_failed_sign_ins_per_address": 5, **limits}
    return FailedSignIns(Limits(**given), clock)


def test_a_name_at_an_address_has_to_wait_after_too_many(clock: Clock) -> None:
    """Others there, and the same name elsewhere, do not."""
    failed = failures(clock)
    for _ in range(2):
        failed.add(HERE, "ann")
    before = failed.refuses(HERE, "ann")
    failed.add(HERE, "ann")

    assert not before
    assert failed.refuses(HERE, "ann")
    assert not failed.refuses(HERE, "bob")
    assert not failed.refuses(THERE, "ann")


def test_spellings_of_a_name_are_one_name(clock: Clock) -> None:
    failed = failures(clock)
    for spelling in ("ann", "ANN", " Ann\t"):
        failed.add(HERE, spelling)

    assert failed.refuses(HERE, "aNN")
    assert not failed.refuses(HERE, "an n")


def test_an_address_has_to_wait_after_too_many_whatever_the_name(clock: Clock) -> None:
    failed = failures(clock)
    for number in range(5):
        failed.add(HERE, f"name {number}")

    assert failed.refuses(HERE, "ann")
    assert not failed.refuses(THERE, "name 0")


def test_the_wait_ends_some_time_after_the_first_failure(clock: Clock) -> None:
    failed = failures(clock, failed_sign_in_window=60)
    for _ in range(3):
        failed.add(HERE, "ann")
        clock.time += 10

    clock.time += 29.9
    before = failed.refuses(HERE, "ann")
    clock.time += 0.1

    assert before
    assert not failed.refuses(HERE, "ann")
    failed.add(HERE, "ann")
    assert not failed.refuses(HERE, "ann")


def test_a_right_answer_forgives_the_name_but_not_the_address(clock: Clock) -> None:
    """Or whoever has an account could guess at others' without end."""
    failed = failures(clock)
    for _ in range(2):
        failed.add(HERE, "mallory")
        failed.add(HERE, "ann")
    failed.forgive(HERE, "mallory")
    failed.add(HERE, "mallory")

    assert failed.refuses(HERE, "anybody")


def test_those_whose_address_is_not_known_do_not_pay_for_each_other(
    clock: Clock,
) -> None:
    """Anybody there could lock out anybody, by name."""
    failed = failures(clock)
    for number in range(50):
        failed.add("", f"name {number}")
    for _ in range(3):
        failed.add("", "ann")

    assert not failed.refuses("", "ann")
    assert not failed.refuses("", "bob")
    assert len(failed) == 0


@pytest.mark.parametrize("off", [0, None])
@pytest.mark.parametrize(
    "names",
    [
        ("max_failed_sign_ins", "max_failed_sign_ins_per_address"),
        ("failed_sign_in_window",),
    ],
)
def test_it_can_be_switched_off(
    clock: Clock, names: tuple[str, ...], off: int | None
) -> None:
    failed = failures(clock, **dict.fromkeys(names, off))
    for _ in range(1000):
        failed.add(HERE, "ann")

    assert not failed.refuses(HERE, "ann")
    assert len(failed) == 0


def test_no_more_is_remembered_than_fits(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failed_sign_ins, "MAX_REMEMBERED", 100)
    failed = failures(clock, max_failed_sign_ins=1)
    for number in range(1000):
        failed.add(f"192.0.{number // 250}.{number % 250}", "ann")

    assert len(failed) == 200
    assert failed.refuses("192.0.3.249", "ann")
    assert not failed.refuses("192.0.0.0", "ann")


def test_what_has_run_out_is_forgotten(clock: Clock) -> None:
    failed = failures(clock, failed_sign_in_window=60)
    for number in range(50):
        failed.add(f"192.0.2.{number}", "ann")
    clock.time += 61
    failed.add(HERE, "ann")

    assert len(failed) == 2


@pytest.mark.parametrize(
    ("peer_address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:0db8:0001:0002::/64"),
        ("2001:db8:1:2:ffff::9", "2001:0db8:0001:0002::/64"),
        ("fe80::1%eth0", "fe80:0000:0000:0000::/64"),
        ("/run/app.sock", ""),
        ("a host", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_a_client_comes_from_an_address_or_an_ipv6_network(
    peer_address: object, network: str
) -> None:
    assert network_of(peer_address) == network
