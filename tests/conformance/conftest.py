"""Nothing that a client says may be logged as an error, unless a test expects it."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from tests.leaks import LoggedErrors


@pytest.fixture(autouse=True)
def nothing_is_logged_as_an_error(request: pytest.FixtureRequest) -> Iterator[None]:
    if {"allow_logged_errors", "caplog"} & set(request.fixturenames):
        yield
        return
    errors = LoggedErrors()
    logging.getLogger().addHandler(errors)
    yield
    logging.getLogger().removeHandler(errors)
    assert errors.lines == []
