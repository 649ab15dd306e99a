"""SCRAM: both sides prove that they know a password, and neither sends it (7.5).

`SCRAM` is ``wamp-scram`` as specified. `AutobahnSCRAM` is ``scram``, Autobahn's own,
which differs in how the password is salted and in what is signed (PIT-28). The server
keeps two keys for each user and derives nothing when somebody signs in.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final

from aiohttp_serverwamp import uris
from aiohttp_serverwamp.auth.channel_binding import (
    ChannelID,
    channel_of,
    check_channel_id,
)
from aiohttp_serverwamp.auth.credentials import (
    AutobahnSCRAMCredential,
    SCRAMCredential,
)
from aiohttp_serverwamp.auth.identity import Identity
from aiohttp_serverwamp.auth.kdf import ARGON2ID
from aiohttp_serverwamp.auth.lookup import Identify, Lookup
from aiohttp_serverwamp.auth.saslprep import saslprep
from aiohttp_serverwamp.errors import SessionRejected

if TYPE_CHECKING:
    from aiohttp_serverwamp.interfaces import CredentialStore

__all__ = [
    "SCRAM",
    "AutobahnSCRAM",
    "auth_message",
    "channel_text",
    "escaped",
    "is_proof",
    "server_signature",
]

_NONCE_BYTES: Final = 18


# --- The arithmetic -------------------------------------------------------------------


def auth_message(
    name: str, client_nonce: str, challenge: Mapping[str, Any], channel: str
) -> bytes:
    """Return what client and server sign.

    `name` as it stands in the message, `challenge` is CHALLENGE.Extra, `channel` what
    stands behind ``c=``.
    """
    nonce, salt = challenge["nonce"], challenge["salt"]
    client_first = f"n={name},r={client_nonce}"
    server_first = f"r={nonce},s={salt},i={challenge['iterations']}"
    client_final = f"c={channel},r={nonce}"
    text = f"{client_first},{server_first},{client_final}"
    return text.encode(errors="surrogatepass")


def escaped(name: str) -> str:
    """Return a name without the two characters that mean something (REQ-AUTH-041)."""
    return name.replace("=", "=3D").replace(",", "=2C")


def channel_text(kind: str | None, channel: bytes) -> str:
    """Return what stands behind ``c=``: ``biws`` without channel binding."""
    flag = "n" if kind is None else f"p={kind}"
    return base64.b64encode(f"{flag},,".encode() + channel).decode()


def is_proof(proof: bytes, stored_key: bytes, message: bytes) -> bool:
    """Tell whether `proof` comes from who knows the password."""
    signature = hmac.digest(stored_key, message, "sha256")
    client_key = bytes(a ^ b for a, b in zip(proof, signature, strict=False))
    same = hmac.compare_digest(hashlib.sha256(client_key).digest(), stored_key)
    return same and len(proof) == len(signature)


def server_signature(server_key: bytes, message: bytes) -> str:
    """Return how the server proves itself, as it stands in WELCOME."""
    return base64.b64encode(hmac.digest(server_key, message, "sha256")).decode()


# --- The methods ----------------------------------------------------------------------


class SCRAM:
    """The ``wamp-scram`` method, over a `CredentialStore` of `SCRAMCredential`.

    `identify` says who the client becomes; `masking_key` keeps unknown users unknown
    across restarts and processes; `channel_id` is what makes channel binding possible,
    ``fn(session, kind) -> bytes | None``. Raises `ConfigurationError` for what is no
    store.
    """

    authmethod: ClassVar[str] = "wamp-scram"
    #: Under which WELCOME.Details.authextra holds the server's signature.
    verifier: ClassVar[str] = "verifier"
    credential: ClassVar[type[SCRAMCredential]] = SCRAMCredential
    #: What clients call the KDFs, where it is not their name here.
    kdf_names: ClassVar[Mapping[str, str]] = {}

    def __init__(
        self,
        store: CredentialStore,
        *,
        identify: Identify | None = None,
        masking_key: bytes | None = None,
        channel_id: ChannelID | None = None,
    ) -> None:
        check_channel_id(channel_id)
        self._channel_id = channel_id
        self.lookup: Lookup[SCRAMCredential] = Lookup(
            store, self.credential, identify=identify, masking_key=masking_key
        )

    def begin(self, session: Any, details: Mapping[str, Any]) -> SCRAMAttempt | None:
        """Begin an attempt; a client without authid or nonce cannot use the method.

        Raises `SessionRejected` for those that are malformed, and for a channel binding
        that is not available.
        """
        authid = details.get("authid")
        authextra = details.get("authextra") or {}
        nonce = authextra.get("nonce")
        if not authid or nonce is None:
            return None
        if not _decoded(nonce):
            raise SessionRejected(uris.AUTHENTICATION_DENIED, "the nonce is no base64")
        try:
            name = saslprep(authid)
        except ValueError:
            name = ""
        if not name:
            raise SessionRejected(uris.AUTHENTICATION_DENIED, "the authid is no name")
        kind, channel = channel_of(session, authextra, self._channel_id)
        return SCRAMAttempt(self, session, name, nonce, kind, channel)

    def nonce(self) -> str:
        """Return the server's part of the nonce."""
        return base64.b64encode(secrets.token_bytes(_NONCE_BYTES)).decode()

    def message(self, attempt: SCRAMAttempt) -> bytes:
        """Return what both sides sign."""
        channel = channel_text(attempt.kind, attempt.channel)
        name = escaped(attempt.name)
        return auth_message(name, attempt.client_nonce, attempt.sent, channel)

    def agrees(self, attempt: SCRAMAttempt, extra: Mapping[str, Any]) -> bool:
        """Tell whether AUTHENTICATE.Extra is about this attempt (REQ-AUTH-044)."""
        bound = extra.get("cbind_data")
        return (
            extra.get("nonce") == attempt.sent["nonce"]
            and extra.get("channel_binding") == attempt.kind
            and (bound is None) == (attempt.kind is None)
            and (_decoded(bound) or b"") == attempt.channel
        )


class AutobahnSCRAM(SCRAM):
    """The ``scram`` method of Autobahn, over a store of `AutobahnSCRAMCredential`.

    Without channel binding, and with Argon2id only: Autobahn has the one in name and
    fails at any other KDF.
    """

    authmethod = "scram"
    verifier = "scram_server_signature"
    credential = AutobahnSCRAMCredential
    kdf_names: ClassVar[Mapping[str, str]] = {ARGON2ID: "argon2id-13"}

    def __init__(
        self,
        store: CredentialStore,
        *,
        identify: Identify | None = None,
        masking_key: bytes | None = None,
    ) -> None:
        super().__init__(store, identify=identify, masking_key=masking_key)

    def message(self, attempt: SCRAMAttempt) -> bytes:
        """Return what both sides sign: the name as it is, nothing behind ``c=``."""
        return auth_message(attempt.name, attempt.client_nonce, attempt.sent, "")

    def agrees(self, attempt: SCRAMAttempt, extra: Mapping[str, Any]) -> bool:
        """Tell that it is: Autobahn sends nothing there, and signs the nonce."""
        return True


class SCRAMAttempt:
    """One client's attempt."""

    def __init__(
        self,
        method: SCRAM,
        session: Any,
        name: str,
        client_nonce: str,
        kind: str | None,
        channel: bytes,
    ) -> None:
        self._method = method
        self._session = session
        self._expected: SCRAMCredential | None = None
        self._known = False
        self.name = name
        self.client_nonce = client_nonce
        #: The kind of channel binding, and the channel's id.
        self.kind = kind
        self.channel = channel
        #: CHALLENGE.Extra as it was sent.
        self.sent: dict[str, Any] = {}
        self.identity = Identity(name)
        self.authextra: Mapping[str, Any] = {}

    async def challenge(self) -> Mapping[str, Any]:
        """Return the user's salt and cost with a nonce of both sides."""
        lookup = self._method.lookup
        expected, self._known = await lookup.expected(self._session, self.name)
        self._expected = expected
        self.sent = {
            "nonce": self.client_nonce + self._method.nonce(),
            "salt": base64.b64encode(expected.salt).decode(),
            "kdf": self._method.kdf_names.get(expected.kdf.name, expected.kdf.name),
            "iterations": expected.kdf.iterations,
            "memory": expected.kdf.memory,
        }
        return self.sent

    def verify(self, signature: str, extra: Mapping[str, Any]) -> Any:
        """Return who has proved to know the password, or None."""
        assert self._expected is not None, "verified after it was challenged"
        message = self._method.message(self)
        proof = _decoded(signature) or b""
        proved = is_proof(proof, self._expected.stored_key, message)
        agreed = self._method.agrees(self, extra)
        if not (proved and agreed and self._known):
            return None
        signed = server_signature(self._expected.server_key, message)
        self.authextra = {self._method.verifier: signed}
        self.identity = self._method.lookup.identity_of(self._expected)
        return self._method.lookup.identified(self._session, self.identity)


def _decoded(text: object) -> bytes | None:
    """Return what canonical base64 stands for, None for others (REQ-AUTH-040)."""
    if not isinstance(text, str):
        return None
    try:
        decoded = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return decoded if base64.b64encode(decoded).decode() == text else None
