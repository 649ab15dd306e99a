"""A short fuzz of a whole server; ``python -m tests.fuzz --over-sockets`` goes on."""

from __future__ import annotations

from tests.fuzz.sockets import besiege


async def test_a_server_bears_damaged_messages_frames_and_vanishing_clients() -> None:
    """From nine addresses, some of them ending by reset; nothing is left of them."""
    result = await besiege(seed=1, inputs=2000)

    assert result.failure == ""
    assert result.inputs >= 2000
    assert {"closed with 1000", "closed with 1002", "left"} <= result.outcomes.keys()
