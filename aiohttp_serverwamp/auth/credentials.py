"""Credentials: who somebody is, and what a server keeps to have them prove it.

One class a method. None of them holds a password, `CRACredential` without salt apart,
and none shows in its repr what it holds. ``derive`` makes them of a password; that
takes its time, so it is nothing for the thread of an event loop.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Final, Self

import msgspec

from aiohttp_serverwamp.auth.identity import Identity
from aiohttp_serverwamp.auth.kdf import ARGON2ID_DEFAULT, KDF, PBKDF2
from aiohttp_serverwamp.auth.saslprep import saslprep
from aiohttp_serverwamp.errors import ConfigurationError

__all__ = [
    "CREDENTIALS",
    "SALT_BYTES",
    "AutobahnSCRAMCredential",
    "CRACredential",
    "Credential",
    "CryptosignCredential",
    "SCRAMCredential",
    "TicketCredential",
    "credential_from",
    "is_unicode",
    "password_bytes",
    "record_of",
    "salt_text",
]

#: Bytes of the salts that are made here.
SALT_BYTES: Final = 16
_PUBLIC_KEY_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Credential:
    """What is common to the credentials of all methods."""

    authmethod: ClassVar[str] = ""

    identity: Identity

    def __post_init__(self) -> None:
        if not isinstance(self.identity, Identity):
            raise ConfigurationError(
                f"{type(self).__name__} takes an Identity first: who is let in, as "
                'Identity("ann", "person")'
            )


@dataclass(frozen=True, slots=True)
class TicketCredential(Credential):
    """The hash of a ticket."""

    authmethod: ClassVar[str] = "ticket"

    kdf: KDF
    salt: bytes = field(repr=False)
    hash: bytes = field(repr=False)

    @classmethod
    def derive(
        cls, identity: Identity, ticket: str, *, kdf: KDF = ARGON2ID_DEFAULT
    ) -> TicketCredential:
        """Hash a ticket. The work is done again at each sign-in, in a thread.

        A long random ticket needs no costly `kdf`: ``KDF("argon2id13", 1, 64)``.
        """
        salt = secrets.token_bytes(SALT_BYTES)
        return cls(identity, kdf, salt, kdf.derive(password_bytes(ticket), salt))


@dataclass(frozen=True, slots=True)
class CRACredential(Credential):
    """The key of WAMP-CRA: derived from a password with `salt`, else a plain secret."""

    authmethod: ClassVar[str] = "wampcra"

    key: str = field(repr=False)
    salt: str | None = field(default=None, repr=False)
    iterations: int = 100_000
    keylen: int = 32

    @classmethod
    def derive(
        cls, identity: Identity, password: str, *, iterations: int = 100_000
    ) -> CRACredential:
        """Derive the key by PBKDF2-HMAC-SHA256; clients do so at each sign-in."""
        salt = salt_text(secrets.token_bytes(SALT_BYTES))
        # The salt as it is sent, and the key as base64 text (REQ-AUTH-028, 029).
        key = KDF(PBKDF2, iterations).derive(password_bytes(password), salt.encode())
        return cls(identity, base64.b64encode(key).decode(), salt, iterations)


@dataclass(frozen=True, slots=True)
class SCRAMCredential(Credential):
    """What ``wamp-scram`` keeps: keys that sign nobody in elsewhere (REQ-AUTH-039)."""

    authmethod: ClassVar[str] = "wamp-scram"

    kdf: KDF
    salt: bytes = field(repr=False)
    stored_key: bytes = field(repr=False)
    server_key: bytes = field(repr=False)

    @classmethod
    def derive(
        cls,
        identity: Identity,
        password: str,
        *,
        kdf: KDF = ARGON2ID_DEFAULT,
        salt: bytes | None = None,
    ) -> Self:
        """Derive the two keys; clients do so at each sign-in, the server never again.

        A salt of your own is for keys that exist elsewhere already. Raises ValueError
        for a password that SASLprep prohibits.
        """
        salt = secrets.token_bytes(SALT_BYTES) if salt is None else salt
        salted = cls._salted(password, kdf, salt)
        client_key = hmac.digest(salted, b"Client Key", "sha256")
        stored_key = hashlib.sha256(client_key).digest()
        server_key = hmac.digest(salted, b"Server Key", "sha256")
        return cls(identity, kdf, salt, stored_key, server_key)

    @staticmethod
    def _salted(password: str, kdf: KDF, salt: bytes) -> bytes:
        return kdf.derive(saslprep(password).encode(), salt)


@dataclass(frozen=True, slots=True)
class AutobahnSCRAMCredential(SCRAMCredential):
    """What ``scram`` keeps: Autobahn salts a password in a way of its own (PIT-28).

    Raises `ConfigurationError` for any KDF but Argon2id, which is all it can do.
    """

    authmethod: ClassVar[str] = "scram"

    def __post_init__(self) -> None:
        Credential.__post_init__(self)
        if self.kdf.memory is None:
            raise ConfigurationError(f"Autobahn's scram needs Argon2id, not {self.kdf}")

    @staticmethod
    def _salted(password: str, kdf: KDF, salt: bytes) -> bytes:
        hashed = kdf.derive(password_bytes(password), salt)
        return base64.b64encode(hashed).rstrip(b"=")


@dataclass(frozen=True, slots=True)
class CryptosignCredential(Credential):
    """An Ed25519 public key, as 64 hexadecimal digits, that somebody may sign in by.

    Raises `ConfigurationError` for anything else.
    """

    authmethod: ClassVar[str] = "cryptosign"

    public_key: str

    def __post_init__(self) -> None:
        Credential.__post_init__(self)
        try:
            sound = len(bytes.fromhex(self.public_key)) == _PUBLIC_KEY_BYTES
        except (TypeError, ValueError):
            sound = False
        if not sound or len(self.public_key) != 2 * _PUBLIC_KEY_BYTES:
            raise ConfigurationError(
                "CryptosignCredential(public_key=...) takes 64 hexadecimal digits"
            )
        object.__setattr__(self, "public_key", self.public_key.lower())


#: The class of each method's credentials.
CREDENTIALS: Final[Mapping[str, type[Credential]]] = {
    cls.authmethod: cls
    for cls in (
        TicketCredential,
        CRACredential,
        SCRAMCredential,
        AutobahnSCRAMCredential,
        CryptosignCredential,
    )
}


def password_bytes(password: str) -> bytes:
    """Return a password as bytes, also one that is no valid Unicode."""
    return password.encode(errors="surrogatepass")


def is_unicode(text: str) -> bool:
    """Tell whether a text can be encoded: JSON may hold half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def salt_text(salt: bytes) -> str:
    """Return a salt that is used as text: WAMP-CRA's."""
    return base64.b64encode(salt).decode().rstrip("=")


def record_of(credential: Credential) -> dict[str, Any]:
    """Return a credential as plain data for JSON; without ``identity.user``."""
    record: dict[str, Any] = msgspec.to_builtins(
        replace(credential, identity=replace(credential.identity, user=None))
    )
    identity = record.pop("identity")
    kept = {key: value for key, value in identity.items() if value not in (None, {})}
    return {"authmethod": credential.authmethod, "identity": kept, **record}


def credential_from(record: Mapping[str, Any]) -> Credential:
    """Return the credential that `record_of` has made plain data of.

    Raises `ConfigurationError` for anything else, and does not show it.
    """
    fields = dict(record)
    cls = CREDENTIALS.get(fields.pop("authmethod", ""))
    if cls is None:
        raise ConfigurationError(
            f"a credential's authmethod is one of {', '.join(CREDENTIALS)}"
        )
    try:
        return msgspec.convert(fields, cls)
    except msgspec.ValidationError as error:
        raise ConfigurationError(
            f"this is no {cls.authmethod} credential: {error}"
        ) from None
