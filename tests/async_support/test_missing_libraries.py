"""What is said where trio or anyio is not installed."""

from __future__ import annotations

import sys

import pytest

from aiohttp_serverwamp.adapters.anyio import AnyioAsyncSupport
from aiohttp_serverwamp.adapters.trio import TrioAsyncSupport
from aiohttp_serverwamp.errors import ConfigurationError


@pytest.mark.parametrize(
    ("library", "support"),
    [("trio", TrioAsyncSupport), ("anyio", AnyioAsyncSupport)],
)
def test_the_error_names_the_extra_to_install(
    library: str, support: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)

    with pytest.raises(
        ConfigurationError, match=rf"pip install aiohttp-serverwamp\[{library}\]"
    ):
        support()


def test_anyio_does_not_need_trio(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "trio", None)

    assert AnyioAsyncSupport().name == "anyio"
