"""What somebody unknown is challenged with: made up, and like what others get.

All of it follows from a seed that belongs to the name and is known to nobody, so that
the same name is challenged in the same way each time.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import string
from typing import Any, Final, TypeVar

from aiohttp_serverwamp.auth.credentials import (
    SALT_BYTES,
    CRACredential,
    Credential,
    SCRAMCredential,
    TicketCredential,
    salt_text,
)
from aiohttp_serverwamp.auth.identity import Identity
from aiohttp_serverwamp.auth.kdf import ARGON2ID_DEFAULT, KDF

__all__ = ["credential_of_nobody", "made_up_bytes", "made_up_text"]

C = TypeVar("C", bound=Credential)

_NOBODY: Final = Identity("nobody")
#: The hash of nothing: nobody can prove to know what it comes from.
_NO_KEY: Final = bytes(32)

#: What salts are made of that are text, but for base64; the narrowest first.
_ALPHABETS: Final = (
    string.digits,
    string.digits + "abcdef",
    string.digits + "ABCDEF",
)
_LETTERS: Final = string.ascii_letters + string.digits
_BASE64: Final = (b"+/", b"-_")


def credential_of_nobody(kind: type[C], typical: C | None, seed: bytes) -> C:
    """Return a credential that looks like a typical one, and that nobody can satisfy.

    Without a typical one: as its ``derive`` makes them.
    """
    made: Any
    if kind is CRACredential:
        made = _cra(typical, seed)
    else:
        kdf, salt = _kdf_and_salt(typical, seed)
        if issubclass(kind, SCRAMCredential):
            made = kind(_NOBODY, kdf, salt, _NO_KEY, _NO_KEY)
        else:
            made = TicketCredential(_NOBODY, kdf, salt, _NO_KEY)
    credential: C = made
    return credential


def _kdf_and_salt(typical: Any, seed: bytes) -> tuple[KDF, bytes]:
    if typical is None:
        return ARGON2ID_DEFAULT, made_up_bytes(seed, SALT_BYTES)
    return typical.kdf, made_up_bytes(seed, len(typical.salt))


def _cra(typical: Any, seed: bytes) -> CRACredential:
    key = hmac.digest(seed, b"key", "sha256").hex()
    if typical is None:
        return CRACredential(_NOBODY, key, salt_text(made_up_bytes(seed, SALT_BYTES)))
    salt = None if typical.salt is None else made_up_text(seed, like=typical.salt)
    return CRACredential(_NOBODY, key, salt, typical.iterations, typical.keylen)


def made_up_bytes(seed: bytes, length: int) -> bytes:
    """Return so many bytes that look random, none of them twice the same."""
    blocks = (
        hmac.digest(seed, f"salt {number}".encode(), "sha256")
        for number in range(length // 32 + 1)
    )
    return b"".join(blocks)[:length]


def made_up_text(seed: bytes, *, like: str) -> str:
    """Return a text of the same length and alphabet that looks random.

    Numbers, hexadecimal digits, both sorts of base64, which ends in some characters
    only, and letters with digits are told apart; other texts become the latter.
    """
    text = like.rstrip("=")
    padding = like[len(text) :]
    for alphabet in _ALPHABETS:
        if set(text) <= set(alphabet):
            return _letters(seed, alphabet, len(text)) + padding
    for others in _BASE64:
        size = _decoded_size(text, others)
        if size is not None:
            return _base64(made_up_bytes(seed, size), others) + padding
    return _letters(seed, _LETTERS, len(text)) + padding


def _letters(seed: bytes, alphabet: str, count: int) -> str:
    # Two bytes a letter: the remainder of one alone would favour some letters.
    drawn = made_up_bytes(seed, 2 * count)
    pairs = zip(drawn[::2], drawn[1::2], strict=True)
    return "".join(alphabet[(a << 8 | b) % len(alphabet)] for a, b in pairs)


def _base64(data: bytes, others: bytes) -> str:
    return base64.b64encode(data, others).decode().rstrip("=")


def _decoded_size(text: str, others: bytes) -> int | None:
    """Return how many bytes a text stands for; None if it is no canonical base64."""
    try:
        padded = text + "=" * (-len(text) % 4)
        decoded = base64.b64decode(padded, others, validate=True)
    except (binascii.Error, ValueError):
        return None
    return len(decoded) if _base64(decoded, others) == text else None
