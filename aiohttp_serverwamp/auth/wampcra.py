"""WAMP-CRA: challenge and response over a shared secret (specification, 7.4).

The client signs a challenge with HMAC-SHA256. With salt, the key is the *base64 text*
of PBKDF2 over the secret, as all deployed clients have it (PIT-57); a server may store
that text instead of the secret.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from inspect import isawaitable
from typing import Any

from aiohttp_serverwamp.errors import ConfigurationError

__all__ = ["CRAAuthRequirement", "CRAAuthenticator", "derive_key"]

_MIN_ITERATIONS = 1_000
_MIN_KEYLEN = 16
_NONCE_BYTES = 24
_NO_SALT = ("salt", None)


@dataclass(frozen=True, slots=True)
class CRAAuthRequirement:
    """What one client has to prove, and what it becomes.

    `secret` is what both sides know, as bytes or text. With a `salt` it is the key that
    `derive_key` made of the user's password with the same salt, `iterations` and
    `keylen`; the client derives it anew.

    Raises `ConfigurationError` for values that make no challenge.
    """

    secret: bytes | str = field(repr=False)
    auth_role: str = "user"
    auth_provider: str = "dynamic"
    salt: str | None = None
    iterations: int = 100_000
    keylen: int = 32

    def __post_init__(self) -> None:
        if not isinstance(self.secret, bytes | str) or not self.secret:
            raise ConfigurationError(
                "CRAAuthRequirement(secret=...): give the shared secret, bytes or str"
            )
        for name in ("auth_role", "auth_provider", "salt"):
            value = getattr(self, name)
            if (not isinstance(value, str) or not value) and (name, value) != _NO_SALT:
                raise ConfigurationError(
                    f"CRAAuthRequirement({name}=...): give a non-empty str"
                )
        if not (
            _is_at_least(self.iterations, _MIN_ITERATIONS)
            and _is_at_least(self.keylen, _MIN_KEYLEN)
        ):
            raise ConfigurationError(
                f"CRAAuthRequirement: at least {_MIN_ITERATIONS} iterations and "
                f"{_MIN_KEYLEN} bytes of key"
            )

    @property
    def key(self) -> bytes:
        """The key of the HMAC."""
        secret = self.secret
        return secret.encode() if isinstance(secret, str) else secret


def _is_at_least(value: object, least: int) -> bool:
    return type(value) is int and value >= least


#: ``fn(session) -> CRAAuthRequirement | None``, or an awaitable of it.
RequirementProvider = Callable[[Any], Any]

#: ``fn(session) -> Identity | truthy | None``, or an awaitable of it.
IdentityProvider = Callable[[Any], Any]


def derive_key(
    password: str, salt: str, *, iterations: int = 100_000, keylen: int = 32
) -> str:
    """Return what a server stores of a password: base64 text of PBKDF2-HMAC-SHA256.

    Takes its time, as it must: call it in a thread. `salt` is used as its UTF-8 bytes.
    """
    key = hashlib.pbkdf2_hmac(
        "sha256", password.encode(), salt.encode(), iterations, keylen
    )
    return base64.b64encode(key).decode()


class CRAAuthenticator:
    """The ``wampcra`` method."""

    authmethod = "wampcra"

    def __init__(
        self, requirement: RequirementProvider, identity: IdentityProvider
    ) -> None:
        self._requirement = requirement
        self._identity = identity
        self._server_key = secrets.token_bytes(32)
        # What unknown users are challenged like: the first known one, and like that
        # ever after, for a name whose challenges change shape is none.
        self._typical: CRAAuthRequirement | None = None

    def begin(self, session: Any, details: Mapping[str, Any]) -> _CRAAttempt | None:
        """Begin an attempt; a client without an authid cannot use it (REQ-AUTH-023)."""
        return _CRAAttempt(self, session) if details.get("authid") else None

    async def requirement_for(self, session: Any) -> CRAAuthRequirement:
        """Return what the client must prove; for an unknown one, what nobody can."""
        found = self._requirement(session)
        if isawaitable(found):
            found = await found
        # Made for known users as well: both are the same work.
        fake = self._fake(session.authid)
        if isinstance(found, CRAAuthRequirement):
            self._typical = self._typical or found
            return found
        if found is None:
            return fake
        # Not shown: it may well be a secret.
        raise ConfigurationError(
            "a CRA requirement is a CRAAuthRequirement or None, not of type "
            f"{type(found).__name__}"
        )

    def _fake(self, authid: str) -> CRAAuthRequirement:
        name = authid.encode(errors="surrogatepass")
        digest = hmac.digest(self._server_key, name, "sha256")
        unknown = self._typical or CRAAuthRequirement(digest)
        salt = unknown.salt
        if salt is not None:
            # The same for the same name each time, as a real one would be.
            text = base64.b64encode(digest).decode().rstrip("=")
            salt = (text * (len(salt) // len(text) + 1))[: len(salt)]
        return replace(unknown, secret=secrets.token_bytes(32), salt=salt)

    def identify(self, session: Any) -> Any:
        """Return who the client is, after it has proved it."""
        return self._identity(session)


class _CRAAttempt:
    """One client's attempt."""

    def __init__(self, method: CRAAuthenticator, session: Any) -> None:
        self._method = method
        self._session = session
        self._challenge = ""
        self._key = b""
        self.authrole = ""
        self.authprovider = ""

    async def challenge(self) -> Mapping[str, Any]:
        requirement = await self._method.requirement_for(self._session)
        self._key = requirement.key
        self.authrole = requirement.auth_role
        self.authprovider = requirement.auth_provider
        self._challenge = _challenge(self._session, requirement)
        extra: dict[str, Any] = {"challenge": self._challenge}
        if requirement.salt is not None:
            extra["salt"] = requirement.salt
            extra["iterations"] = requirement.iterations
            extra["keylen"] = requirement.keylen
        return extra

    def verify(
        self, signature: str, extra: Mapping[str, Any]
    ) -> Any | Awaitable[Any] | None:
        # The challenge string as it was sent: nobody re-serializes it (REQ-AUTH-025).
        digest = hmac.digest(self._key, self._challenge.encode(), "sha256")
        expected = base64.b64encode(digest)
        if not hmac.compare_digest(expected, signature.encode(errors="surrogatepass")):
            return None
        return self._method.identify(self._session)


def _challenge(session: Any, requirement: CRAAuthRequirement) -> str:
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    return json.dumps(
        {
            "authid": session.authid,
            "authrole": requirement.auth_role,
            "authmethod": "wampcra",
            "authprovider": requirement.auth_provider,
            "nonce": secrets.token_urlsafe(_NONCE_BYTES),
            "timestamp": now.replace("+00:00", "Z"),
            "session": session.id,
        },
        separators=(",", ":"),
    )
