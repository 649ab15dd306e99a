"""The quick ones of the Autobahn TestSuite; ``make websocket-cases`` runs all of them.

Each is a conversation in frames, of which many break RFC 6455.
"""

from __future__ import annotations

import pytest

from tests.websocket_cases.cases import COMPRESSED, LARGE, run


@pytest.mark.parametrize("server", ["ours", "ours, public reader"])
async def test_our_frames_pass_every_case(server: str) -> None:
    """Fragments, pings between them, broken UTF-8, reserved bits and codes; more."""
    outcome = await run(server, exclude=(*LARGE, *COMPRESSED))

    assert outcome.failed == {}
    assert outcome.cases == 247


async def test_compressed_frames_pass_the_first_case_of_some_kinds() -> None:
    """Text and bytes; and with what the client demands of the server's compression."""
    outcome = await run("ours, compress", include=("12.1.1", "12.2.1", "13.7.1"))

    assert outcome.failed == {}
    assert outcome.cases == 3


async def test_a_case_that_fails_is_told() -> None:
    """aiohttp alone closes with a code that nobody may send (7.9.5)."""
    outcome = await run("aiohttp", include=("7.9.*",))

    assert [*outcome.failed] == ["7.9.5"]
    assert outcome.passed == outcome.cases - 1
