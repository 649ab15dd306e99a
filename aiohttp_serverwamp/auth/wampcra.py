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
from typing import TYPE_CHECKING, Any

from aiohttp_serverwamp.auth.credentials import CRACredential, salt_text
from aiohttp_serverwamp.auth.identity import Identity
from aiohttp_serverwamp.auth.kdf import is_at_least
from aiohttp_serverwamp.auth.lookup import Identify, Lookup
from aiohttp_serverwamp.auth.made_up import made_up_text
from aiohttp_serverwamp.errors import ConfigurationError

if TYPE_CHECKING:
    from aiohttp_serverwamp.interfaces import CredentialStore

__all__ = ["WAMPCRA", "CRAAuthRequirement", "CRAAuthenticator", "derive_key"]

_MIN_ITERATIONS = 1_000
_MIN_KEYLEN = 16
_NONCE_BYTES = 24
_NO_SALT = ("salt", None)
_NOBODYS = b"nobody's"
#: What a salt looks like is kept as the one that follows from this.
_NO_SEED = bytes(32)
#: Sorts of challenges that unknown users are given.
_MAX_SHAPES = 16


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
            is_at_least(self.iterations, _MIN_ITERATIONS)
            and is_at_least(self.keylen, _MIN_KEYLEN)
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
    """The ``wampcra`` method, over two functions of the application."""

    authmethod = "wampcra"

    def __init__(
        self, requirement: RequirementProvider, identity: IdentityProvider
    ) -> None:
        self._requirement = requirement
        self._identity = identity
        self._server_key = secrets.token_bytes(32)
        # What known users have been challenged like, and so are unknown ones.
        self._shapes = _Shapes()

    def begin(self, session: Any, details: Mapping[str, Any]) -> _CRAAttempt | None:
        """Begin an attempt; a client without an authid cannot use it (REQ-AUTH-023)."""
        if not details.get("authid"):
            return None
        return _CRAAttempt(session, self._proof_of)

    async def _proof_of(self, session: Any) -> _Proof:
        requirement = await self.requirement_for(session)
        provided = Identity(
            session.authid, requirement.auth_role, requirement.auth_provider
        )
        return _Proof(requirement, provided, lambda: self._identity(session))

    async def requirement_for(self, session: Any) -> CRAAuthRequirement:
        """Return what the client must prove; for an unknown one, what nobody can."""
        found = self._requirement(session)
        if isawaitable(found):
            found = await found
        # Made for known users as well: both are the same work.
        digest = hmac.digest(self._server_key, _name(session.authid), "sha256")
        unknown = _made_up(self._shapes.of(digest), digest)
        if isinstance(found, CRAAuthRequirement):
            self._shapes.add(found)
            return found
        if found is None:
            return unknown
        # Not shown: it may well be a secret.
        raise ConfigurationError(
            "a CRA requirement is a CRAAuthRequirement or None, not of type "
            f"{type(found).__name__}"
        )


class WAMPCRA:
    """The ``wampcra`` method, over a `CredentialStore` of `CRACredential`.

    The challenge says the same role for everybody, as it is sent before anybody has
    proved anything; WELCOME says the right one. `identify` says who the client becomes;
    `masking_key` keeps unknown users unknown across restarts and processes. Raises
    `ConfigurationError` for what is no store.
    """

    authmethod = "wampcra"

    def __init__(
        self,
        store: CredentialStore,
        *,
        identify: Identify | None = None,
        masking_key: bytes | None = None,
    ) -> None:
        self._lookup = Lookup(
            store, CRACredential, identify=identify, masking_key=masking_key
        )

    def begin(self, session: Any, details: Mapping[str, Any]) -> _CRAAttempt | None:
        """Begin an attempt; a client without an authid cannot use it (REQ-AUTH-023)."""
        if not details.get("authid"):
            return None
        return _CRAAttempt(session, self._proof_of)

    async def _proof_of(self, session: Any) -> _Proof:
        lookup = self._lookup
        expected, known = await lookup.expected(session, session.authid)
        requirement = CRAAuthRequirement(
            expected.key,
            salt=expected.salt,
            iterations=expected.iterations,
            keylen=expected.keylen,
        )
        if not known:
            return _Proof(requirement, Identity(session.authid), lambda: None)
        identity = lookup.identity_of(expected)
        return _Proof(
            requirement, identity, lambda: lookup.identified(session, identity)
        )


#: As `CRACredential.derive` makes them.
_SALTED = CRAAuthRequirement(_NOBODYS, salt=salt_text(bytes(16)))


class _Shapes:
    """What challenges look like: with salt or without, of which length and cost.

    Before anybody known was challenged they look like those of `derive_key`, with the
    salt of a `CRACredential`.
    """

    def __init__(self) -> None:
        self._shapes: dict[str, CRAAuthRequirement] = {}

    def add(self, requirement: CRAAuthRequirement) -> None:
        """Remember what one looks like, and nothing else of it."""
        shape = CRAAuthRequirement(_NOBODYS)
        if requirement.salt is not None:
            shape = CRAAuthRequirement(
                _NOBODYS,
                salt=made_up_text(_NO_SEED, like=requirement.salt),
                iterations=requirement.iterations,
                keylen=requirement.keylen,
            )
        if len(self._shapes) < _MAX_SHAPES:
            self._shapes.setdefault(repr(shape), shape)

    def of(self, digest: bytes) -> CRAAuthRequirement:
        """Return the shape of a made-up challenge, which belongs to its `digest`.

        A name that is challenged in one way now and another then would be none: with
        each that is added as few names change as can be.
        """

        def rank(shape: str) -> bytes:
            return hashlib.sha256(digest + shape.encode()).digest()

        if not self._shapes:
            return _SALTED
        return self._shapes[max(self._shapes, key=rank)]


def _name(authid: str) -> bytes:
    return authid.encode(errors="surrogatepass")


def _made_up(typical: CRAAuthRequirement, digest: bytes) -> CRAAuthRequirement:
    """Return what nobody can prove, with the salt that belongs to `digest`."""
    salt = typical.salt
    if salt is not None:
        salt = made_up_text(digest, like=salt)
    return replace(typical, secret=secrets.token_bytes(32), salt=salt)


@dataclass(frozen=True, slots=True)
class _Proof:
    """What one client has to prove, and who it is then."""

    requirement: CRAAuthRequirement
    identity: Identity
    identified: Callable[[], Any]


class _CRAAttempt:
    """One client's attempt."""

    authextra: Mapping[str, Any] = {}

    def __init__(
        self, session: Any, proof_of: Callable[[Any], Awaitable[_Proof]]
    ) -> None:
        self._session = session
        self._proof_of = proof_of
        self._proof: _Proof | None = None
        self._challenge = ""
        self.identity = Identity(session.authid)

    async def challenge(self) -> Mapping[str, Any]:
        self._proof = await self._proof_of(self._session)
        requirement = self._proof.requirement
        self._challenge = _challenge(self._session)
        extra: dict[str, Any] = {"challenge": self._challenge}
        if requirement.salt is not None:
            extra["salt"] = requirement.salt
            extra["iterations"] = requirement.iterations
            extra["keylen"] = requirement.keylen
        return extra

    def verify(self, signature: str, extra: Mapping[str, Any]) -> Any:
        # The challenge string as it was sent: nobody re-serializes it (REQ-AUTH-025).
        proof = self._proof
        assert proof is not None, "verified after it was challenged"
        digest = hmac.digest(proof.requirement.key, self._challenge.encode(), "sha256")
        expected = base64.b64encode(digest)
        if not hmac.compare_digest(expected, signature.encode(errors="surrogatepass")):
            return None
        self.identity = proof.identity
        return proof.identified()


def _challenge(session: Any) -> str:
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    return json.dumps(
        {
            "authid": session.authid,
            # The same for everybody, who has proved nothing yet: a role would say
            # who exists, and who is worth an attack. WELCOME says the right one.
            "authrole": "user",
            "authmethod": "wampcra",
            "authprovider": "dynamic",
            "nonce": secrets.token_urlsafe(_NONCE_BYTES),
            "timestamp": now.replace("+00:00", "Z"),
            "session": session.id,
        },
        separators=(",", ":"),
    )
