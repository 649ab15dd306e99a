"""A short fuzz of a whole server; ``python -m tests.fuzz --over-sockets`` goes on."""

from __future__ import annotations

from tests.fuzz.sockets import besiege


async def test_a_server_bears_damaged_messages_frames_and_vanishing_clients() -> None:
    """By WebSocket and RawSocket, some ending by reset; nothing is left of them."""
    result = await besiege(seed=1, inputs=2000)

    assert result.failure == ""
    assert result.inputs >= 2000
    ends = {"closed with 1000", "closed with 1002", "closed with 0", "left"}
    assert ends <= result.outcomes.keys()
