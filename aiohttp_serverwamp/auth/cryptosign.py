"""Cryptosign: the client signs a challenge with an Ed25519 key (specification, 7.6).

The public key says who it is; an authid in HELLO only chooses among those who share it.
Certificates, trustroots and attestation are ignored (REQ-AUTH-060).
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from aiohttp_serverwamp import uris
from aiohttp_serverwamp.auth.channel_binding import (
    ChannelID,
    channel_of,
    check_channel_id,
)
from aiohttp_serverwamp.auth.credentials import CryptosignCredential
from aiohttp_serverwamp.auth.identity import Identity
from aiohttp_serverwamp.auth.lookup import Identify, Lookup
from aiohttp_serverwamp.errors import ConfigurationError, SessionRejected

if TYPE_CHECKING:
    from aiohttp_serverwamp.interfaces import CredentialStore

__all__ = ["Cryptosign", "is_signed", "message_to_sign", "signed"]

_BYTES: Final = 32
_SIGNATURE_BYTES: Final = 64
_NO_CHANNEL: Final = bytes(_BYTES)


def message_to_sign(challenge: bytes, channel: bytes = _NO_CHANNEL) -> bytes:
    """Return the 32 bytes that a signature is about (REQ-AUTH-052, 053)."""
    return bytes(a ^ b for a, b in zip(challenge, channel, strict=True))


def is_signed(signature: str, public_key: bytes, message: bytes) -> bool:
    """Tell whether `signature`, as AUTHENTICATE has it, is for this very message.

    A good signature of another message is none (REQ-AUTH-054, PIT-58).
    """
    decoded = _from_hex(signature, _SIGNATURE_BYTES + _BYTES)
    if decoded is None:
        return False
    about = hmac.compare_digest(decoded[_SIGNATURE_BYTES:], message)
    try:
        key = Ed25519PublicKey.from_public_bytes(public_key)
        key.verify(decoded[:_SIGNATURE_BYTES], message)
    except (InvalidSignature, ValueError):
        return False
    return about


def signed(key: Ed25519PrivateKey, message: bytes) -> str:
    """Return a signature as AUTHENTICATE has it, the message behind it."""
    return (key.sign(message) + message).hex()


class Cryptosign:
    """The ``cryptosign`` method, over a `CredentialStore` of `CryptosignCredential`.

    `identify` says who the client becomes. With `private_key`, the 32 bytes of an
    Ed25519 key, the server proves itself to clients that ask for it. `channel_id` is
    what makes channel binding possible, ``fn(session, kind) -> bytes | None``; an id
    has 32 bytes here. Raises `ConfigurationError` for what is no store or key.
    """

    authmethod = "cryptosign"

    def __init__(
        self,
        store: CredentialStore,
        *,
        identify: Identify | None = None,
        private_key: bytes | None = None,
        channel_id: ChannelID | None = None,
    ) -> None:
        check_channel_id(channel_id)
        self._channel_id = channel_id
        self.private_key = _private_key(private_key)
        self.lookup: Lookup[CryptosignCredential] = Lookup(
            store, CryptosignCredential, identify=identify, masking_key=None
        )

    def begin(self, session: Any, details: Mapping[str, Any]) -> _Attempt | None:
        """Begin an attempt; a client without a public key cannot use the method.

        Raises `SessionRejected` for a malformed key or challenge, and for a channel
        binding that is not available.
        """
        authextra = details.get("authextra") or {}
        if authextra.get("pubkey") is None:
            return None
        public_key = _checked(authextra, "pubkey")
        theirs = None
        if authextra.get("challenge") is not None:
            theirs = _checked(authextra, "challenge")
        kind, channel = channel_of(session, authextra, self._channel_id)
        if kind is not None and len(channel) != _BYTES:
            raise ConfigurationError(
                "channel_id= returns 32 bytes for cryptosign: Autobahn takes the "
                "SHA-256 of what TLS gives"
            )
        return _Attempt(
            self,
            session,
            claimed=details.get("authid", ""),
            public_key=public_key,
            theirs=theirs,
            kind=kind,
            channel=channel or _NO_CHANNEL,
        )


class _Attempt:
    """One client's attempt."""

    authextra: Mapping[str, Any] = {}

    def __init__(
        self,
        method: Cryptosign,
        session: Any,
        *,
        claimed: str,
        public_key: bytes,
        theirs: bytes | None,
        kind: str | None,
        channel: bytes,
    ) -> None:
        self._method = method
        self._session = session
        self._claimed = claimed
        self._public_key = public_key
        #: The client's challenge for the server.
        self._theirs = theirs
        self._kind = kind
        self._channel = channel
        self._challenge = secrets.token_bytes(_BYTES)
        self._found: CryptosignCredential | None = None
        self.identity = Identity(claimed or public_key.hex())

    async def challenge(self) -> Mapping[str, Any]:
        lookup = self._method.lookup
        self._found = self._choice(
            await lookup.holders(self._session, self._public_key.hex())
        )
        extra = {"challenge": self._challenge.hex(), "channel_binding": self._kind}
        key = self._method.private_key
        if self._theirs is not None and key is not None:
            # The server's own proof (REQ-AUTH-058).
            public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
            extra["pubkey"] = public.hex()
            extra["signature"] = signed(
                key, message_to_sign(self._theirs, self._channel)
            )
        return extra

    def _choice(
        self, holders: Sequence[CryptosignCredential]
    ) -> CryptosignCredential | None:
        """Return who is meant among those who share the key (REQ-AUTH-055, 056)."""
        if self._claimed:
            holders = [
                each for each in holders if each.identity.authid == self._claimed
            ]
        return holders[0] if len(holders) == 1 else None

    def verify(self, signature: str, extra: Mapping[str, Any]) -> Any:
        message = message_to_sign(self._challenge, self._channel)
        if not is_signed(signature, self._public_key, message) or self._found is None:
            return None
        lookup = self._method.lookup
        self.identity = lookup.identity_of(self._found)
        return lookup.identified(self._session, self.identity)


def _private_key(raw: bytes | None) -> Ed25519PrivateKey | None:
    if raw is None:
        return None
    if not isinstance(raw, bytes) or len(raw) != _BYTES:
        raise ConfigurationError("private_key= takes the 32 bytes of an Ed25519 key")
    return Ed25519PrivateKey.from_private_bytes(raw)


def _checked(authextra: Mapping[str, Any], name: str) -> bytes:
    found = _from_hex(authextra[name], _BYTES)
    if found is None:
        raise SessionRejected(
            uris.AUTHENTICATION_DENIED, f"{name} takes {2 * _BYTES} hexadecimal digits"
        )
    return found


def _from_hex(text: object, length: int) -> bytes | None:
    # bytes.fromhex would let white space pass.
    if not isinstance(text, str) or len(text) != 2 * length:
        return None
    try:
        decoded = bytes.fromhex(text)
    except ValueError:
        return None
    return decoded if len(decoded) == length else None
