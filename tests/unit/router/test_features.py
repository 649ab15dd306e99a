"""What WELCOME announces names the module that honours it."""

from __future__ import annotations

import importlib

import pytest

from aiohttp_serverwamp.router.features import (
    BROKER_FEATURES,
    DEALER_FEATURES,
    welcome_roles,
)


@pytest.mark.parametrize(
    "module", sorted({*BROKER_FEATURES.values()} | {*DEALER_FEATURES.values()})
)
def test_each_feature_names_a_module_that_there_is(module: str) -> None:
    assert importlib.import_module(f"aiohttp_serverwamp.{module}")


def test_what_one_client_does_with_its_welcome_is_not_what_the_next_one_gets() -> None:
    welcome_roles()["broker"]["features"].clear()

    assert welcome_roles()["broker"]["features"] == dict.fromkeys(BROKER_FEATURES, True)
