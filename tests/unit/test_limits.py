"""Limits: the documented defaults, and what is no limit."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from aiohttp_serverwamp.errors import ConfigurationError
from aiohttp_serverwamp.limits import Limits, RateLimit, SlowConsumer

DEFAULTS = {
    "hello_timeout": 5.0,
    "auth_timeout": 10.0,
    "heartbeat": 20.0,
    "close_timeout": 2.0,
    "shutdown_timeout": 5.0,
    "max_message_size": 1_048_576,
    "max_depth": None,
    "max_pending_bytes": 8_388_608,
    "write_deadline": 10.0,
    "max_droppable_bytes": 1_048_576,
    "max_pending_calls": 1_000,
    "max_pending_chunks": 256,
    "max_pending_chunk_bytes": 16_777_216,
    "max_subscriptions": 1_000,
    "max_registrations": 1_000,
    "max_testaments": 100,
    "max_testament_size": 262_144,
    "max_retained_topics": 10_000,
    "max_retained_bytes": 67_108_864,
    "max_uri_length": 1_024,
    "max_uri_components": 32,
    "max_sessions": None,
    "max_unauthenticated": 1_000,
    "max_failed_sign_ins": 10,
    "max_failed_sign_ins_per_address": 100,
    "failed_sign_in_window": 300.0,
}
ALWAYS_LIMITED = {"close_timeout", "shutdown_timeout"}
SECONDS = {name for name, value in DEFAULTS.items() if type(value) is float}


def test_the_defaults_are_the_documented_ones() -> None:
    assert dataclasses.asdict(Limits()) == DEFAULTS


@pytest.mark.parametrize("name", DEFAULTS)
@pytest.mark.parametrize(
    "value", [-1, -0.5, float("nan"), float("inf"), "5", True, [], b"1"]
)
def test_what_is_not_a_quantity_is_a_configuration_error(name: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=f"{name}="):
        Limits(**{name: value})


@pytest.mark.parametrize("name", sorted(DEFAULTS.keys() - SECONDS))
def test_counts_and_sizes_are_whole_numbers(name: str) -> None:
    with pytest.raises(ConfigurationError, match="whole number"):
        Limits(**{name: 1.0})  # type: ignore[arg-type]  # the mistake under test


@pytest.mark.parametrize("name", DEFAULTS)
def test_zero_is_admitted_everywhere(name: str) -> None:
    limits = Limits(**{name: 0})

    assert getattr(limits, name) == 0


@pytest.mark.parametrize("name", sorted(DEFAULTS.keys() - ALWAYS_LIMITED))
def test_none_switches_a_limit_off(name: str) -> None:
    limits = Limits(**{name: None})  # type: ignore[arg-type]  # so do these fields

    assert getattr(limits, name) is None


@pytest.mark.parametrize("name", sorted(ALWAYS_LIMITED))
def test_what_bounds_the_end_cannot_be_none(name: str) -> None:
    with pytest.raises(ConfigurationError, match=name):
        Limits(**{name: None})  # type: ignore[arg-type]  # the mistake under test


def test_seconds_may_be_whole_or_fractional() -> None:
    assert Limits(hello_timeout=3).hello_timeout == 3
    assert Limits(hello_timeout=0.25).hello_timeout == 0.25


def test_limits_cannot_be_changed_behind_the_check() -> None:
    limits = Limits()

    with pytest.raises(dataclasses.FrozenInstanceError):
        limits.max_sessions = -1  # type: ignore[misc]  # the mistake under test


@pytest.mark.parametrize("policy", SlowConsumer)
def test_a_policy_may_be_given_by_name(policy: SlowConsumer) -> None:
    assert SlowConsumer.of(policy.value) is policy
    assert SlowConsumer.of(policy) is policy


@pytest.mark.parametrize("given", ["drop", "", None, True, ["conflate"]])
def test_what_is_no_policy_is_a_configuration_error(given: Any) -> None:
    with pytest.raises(ConfigurationError, match="'drop_oldest'"):
        SlowConsumer.of(given)


@pytest.mark.parametrize(
    ("limit", "interval", "size"),
    [
        (RateLimit("20/s"), 0.05, 20),
        (RateLimit("20/s", burst=40), 0.05, 40),
        (RateLimit("100/min", key="ip"), 0.6, 100),
        (RateLimit("5/h", burst=1, key="authid"), 720.0, 1),
        (RateLimit.of("1/s"), 1.0, 1),
    ],
)
def test_a_rate_limit_is_a_number_for_a_time(
    limit: RateLimit, interval: float, size: int
) -> None:
    assert limit.interval == pytest.approx(interval)
    assert limit.size == size
    assert RateLimit.of(limit) is limit


@pytest.mark.parametrize(
    "rate",
    ["", "20", "20/d", "0/s", "-1/s", "1.5/s", "s/20", "20 /s", "1/s\n", 20, None],
)
def test_what_is_no_rate_is_a_configuration_error(rate: Any) -> None:
    with pytest.raises(ConfigurationError, match="'20/s'"):
        RateLimit(rate)
    with pytest.raises(ConfigurationError, match="'20/s'"):
        RateLimit.of(rate)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"burst": 0}, "at least 1"),
        ({"burst": 1.5}, "at least 1"),
        ({"burst": True}, "at least 1"),
        ({"key": "user"}, "'session', 'authid' or 'ip'"),
        ({"key": None}, "'session', 'authid' or 'ip'"),
    ],
)
def test_the_options_of_a_rate_limit_are_checked(
    options: dict[str, Any], told: str
) -> None:
    with pytest.raises(ConfigurationError, match=told):
        RateLimit("20/s", **options)
