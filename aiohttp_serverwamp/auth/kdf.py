"""How a password becomes a key: slowly, and in no thread that has other work to do."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from aiohttp_serverwamp.errors import ConfigurationError

__all__ = [
    "ARGON2ID",
    "ARGON2ID_DEFAULT",
    "KDF",
    "PBKDF2",
    "argon2id",
    "is_at_least",
    "pbkdf2",
]

#: Names on the wire (specification, 7.5).
ARGON2ID: Final = "argon2id13"
PBKDF2: Final = "pbkdf2"

_KEY_BYTES: Final = 32
_MIN_SALT: Final = 8
_MIN_PBKDF2: Final = 1_000
#: Argon2 itself asks for 8 KiB a lane.
_MIN_MEMORY: Final = 8


@dataclass(frozen=True, slots=True)
class KDF:
    """A key derivation function with its cost.

    `name` is "argon2id13" or "pbkdf2" (HMAC-SHA256); `memory` is in KiB and only
    Argon2's, whose `iterations` are passes. Raises `ConfigurationError` for anything
    else, and for a cost that is none.
    """

    name: str
    iterations: int
    memory: int | None = None

    def __post_init__(self) -> None:
        if self.name == PBKDF2:
            sound = self.memory is None and is_at_least(self.iterations, _MIN_PBKDF2)
        elif self.name == ARGON2ID:
            sound = is_at_least(self.iterations, 1) and is_at_least(
                self.memory, _MIN_MEMORY
            )
        else:
            raise ConfigurationError(
                f"KDF({self.name!r}, ...): give {ARGON2ID!r} or {PBKDF2!r}"
            )
        if not sound:
            raise ConfigurationError(
                f"{self!r}: give at least {_MIN_PBKDF2} iterations of {PBKDF2!r}, or "
                f"{ARGON2ID!r} with iterations and at least {_MIN_MEMORY} KiB of memory"
            )

    def derive(self, password: bytes, salt: bytes) -> bytes:
        """Return a key of 32 bytes; takes its time, so call it in a thread.

        Raises `ConfigurationError` for a salt shorter than 8 bytes.
        """
        if len(salt) < _MIN_SALT:
            raise ConfigurationError(f"a salt has at least {_MIN_SALT} bytes")
        if self.memory is None:
            return pbkdf2(password, salt, self.iterations)
        return argon2id(password, salt, self.iterations, self.memory)


def pbkdf2(password: bytes, salt: bytes, iterations: int) -> bytes:
    """Return 32 bytes of PBKDF2-HMAC-SHA256 (REQ-AUTH-042)."""
    return hashlib.pbkdf2_hmac("sha256", password, salt, iterations, _KEY_BYTES)


def argon2id(password: bytes, salt: bytes, iterations: int, memory: int) -> bytes:
    """Return 32 bytes of Argon2id 1.3, in one lane (REQ-AUTH-043)."""
    return Argon2id(
        salt=salt,
        length=_KEY_BYTES,
        iterations=iterations,
        lanes=1,
        memory_cost=memory,
    ).derive(password)


def is_at_least(value: object, least: int) -> bool:
    """Tell whether this is an int, no bool, and large enough."""
    return type(value) is int and value >= least


#: What OWASP's password storage cheat sheet asks of Argon2id with one lane.
ARGON2ID_DEFAULT: Final = KDF(ARGON2ID, iterations=2, memory=19_456)
