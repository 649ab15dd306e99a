"""Payload passthru: payloads that only the endpoints can read (specification, 8.6).

The router carries the ``ppt_`` keys along and neither reads nor checks the payload,
unless the realm holds its clients to the letter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from aiohttp_serverwamp.errors import ProtocolViolation

if TYPE_CHECKING:
    from aiohttp_serverwamp.messages import Call, Publish, Yield

__all__ = ["PASSTHRU_KEYS", "carry", "check_payload"]

PASSTHRU_KEYS: Final = ("ppt_scheme", "ppt_serializer", "ppt_cipher", "ppt_keyid")

_Sent: TypeAlias = "Call | Publish | Yield"


def carry(options: dict[str, Any], details: dict[str, Any]) -> None:
    """Copy the keys that are present; none without a scheme (REQ-PPT-003, 011)."""
    if options.get("ppt_scheme"):
        for key in PASSTHRU_KEYS:
            if key in options:
                details[key] = options[key]


def check_payload(message: _Sent) -> None:
    """Raise `ProtocolViolation` unless the payload is one binary item (REQ-PPT-001)."""
    args = message.args or []
    if message.kwargs or len(args) != 1 or not isinstance(args[0], bytes):
        raise ProtocolViolation("the payload of passthru mode is one binary item")
