"""Hash and check passwords. Slow by design: call these off the event loop."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

__all__ = ["hash_password", "verify_password"]

# OWASP's 16 MiB row of 2024: few enough megabytes for many sign-ins at once.
COST, BLOCK_SIZE, PARALLELISM = 2**14, 8, 5
KEY_BYTES = 32
SALT_BYTES = 16


def hash_password(password: str) -> str:
    """Return the salted scrypt hash of `password`, its parameters included."""
    salt = secrets.token_bytes(SALT_BYTES)
    key = _derive(password, salt, COST, BLOCK_SIZE, PARALLELISM)
    return _format(salt, key)


def verify_password(password: str, stored: str | None) -> bool:
    """Tell whether `password` is the one that was hashed to `stored`.

    `None` stands for an unknown user: the same work is done, and the answer is no, so
    that the time of the answer does not tell which names exist.
    """
    _, cost, block_size, parallelism, salt, key = (stored or _DECOY).split("$")
    derived = _derive(
        password,
        base64.b64decode(salt),
        int(cost),
        int(block_size),
        int(parallelism),
    )
    return hmac.compare_digest(derived, base64.b64decode(key)) and stored is not None


def _derive(
    password: str, salt: bytes, cost: int, block_size: int, parallelism: int
) -> bytes:
    return hashlib.scrypt(
        password.encode(),
        salt=salt,
        n=cost,
        r=block_size,
        p=parallelism,
        dklen=KEY_BYTES,
    )


def _format(salt: bytes, key: bytes) -> str:
    encoded = (base64.b64encode(part).decode() for part in (salt, key))
    parts = ("scrypt", str(COST), str(BLOCK_SIZE), str(PARALLELISM), *encoded)
    return "$".join(parts)


# Nobody's hash: it has the shape of a real one, and no password leads to it.
_DECOY = _format(secrets.token_bytes(SALT_BYTES), secrets.token_bytes(KEY_BYTES))
