"""Anonymous: a method that proves nothing, for realms that offer others too (7.2).

A realm without any authenticator is open to anonymous clients anyway.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from aiohttp_serverwamp.auth.identity import Identity

__all__ = ["Anonymous"]

_AUTHID_BYTES = 12


class Anonymous:
    """The ``anonymous`` method: everybody is let in, as `authrole`.

    Also clients that offer no method at all. What a client calls itself counts for
    nothing; its authid is random (REQ-AUTH-017, 018). Raises `ConfigurationError` for
    an empty role.
    """

    authmethod = "anonymous"

    def __init__(self, authrole: str = "anonymous") -> None:
        self._guest = Identity("nobody", authrole)  # checks the role
        self._authrole = Identity("nobody", authrole).authrole  # checked there

    def begin(self, session: Any, details: Mapping[str, Any]) -> _Attempt:
        """Begin an attempt, for anybody."""
        return _Attempt(self._authrole)


class _Attempt:
    authextra: Mapping[str, Any] = {}

    def __init__(self, authrole: str) -> None:
        authid = secrets.token_hex(_AUTHID_BYTES)
        self.identity = Identity(authid, authrole, "static")

    def challenge(self) -> None:
        return None

    def verify(self, signature: str, extra: Mapping[str, Any]) -> Identity:
        return self.identity
