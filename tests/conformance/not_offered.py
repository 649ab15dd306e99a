"""The statements that are deliberately not offered, and why.

What stands here is announced nowhere; that a client which asks for it gets the answer
that the specification names is a matter of other statements, which have their tests.
"""

from __future__ import annotations

from typing import Final

__all__ = ["NOT_OFFERED"]

SHARDING = "sharding is a sketch, and is not announced"
LONG_POLL = "every browser has had WebSocket for ten years; there is no long-poll"
REFLECTION = "reflection is a sketch without shapes; not announced"
CATALOGUE = "names in a catalogue, not mandatory; hooks are Python functions here"
TRUST = "says whom to trust; nothing that could be seen on the wire"


def _range(area: str, first: int, last: int) -> list[str]:
    return [f"REQ-{area}-{number:03}" for number in range(first, last + 1)]


NOT_OFFERED: Final[dict[str, str]] = {
    "REQ-RPC-133": SHARDING,
    **dict.fromkeys(_range("TRN", 32, 43), LONG_POLL),
    "REQ-TRN-046": TRUST,
    "REQ-REF-002": REFLECTION,
    "REQ-REF-003": REFLECTION,
    "REQ-AUTH-067": CATALOGUE,
    "REQ-AUTZ-016": CATALOGUE,
}
