"""What the signatures of JSON Web Tokens are checked with: one key, or a fetched set.

PyJWT is imported here and nowhere else, when a key is given.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from aiohttp_serverwamp.errors import ConfigurationError

if TYPE_CHECKING:
    from types import ModuleType

__all__ = [
    "FetchedKeys",
    "FixedKey",
    "Keys",
    "KeysUnavailable",
    "checked_algorithms",
    "import_jwt",
]

logger = logging.getLogger("aiohttp_serverwamp.auth")

#: Algorithms that share a sort of key, and what that is (RFC 7518 3.1, RFC 8037).
_KINDS: Final = {
    "HS": "a secret",
    "RS": "an RSA public key",
    "PS": "an RSA public key",
    "ES": "an EC public key",
    "Ed": "an Ed25519 or Ed448 public key",
}
_PUBLIC_KEYS: Final[Mapping[str, tuple[type, ...]]] = {
    "RS": (RSAPublicKey,),
    "PS": (RSAPublicKey,),
    "ES": (EllipticCurvePublicKey,),
    "Ed": (Ed25519PublicKey, Ed448PublicKey),
}
_ALGORITHMS: Final = (
    *(f"{kind}{bits}" for kind in ("HS", "RS", "PS", "ES") for bits in (256, 384, 512)),
    "EdDSA",
)
#: RFC 7518 3.3.
_MIN_RSA_BITS: Final = 2048

#: Seconds that fetched keys are used, as PyJWT has it, and that an answer may take.
_LIFETIME: Final = 300.0
_FETCH_TIMEOUT: Final = 5.0
#: Seconds between two fetches, whatever keys tokens name and however the last one went.
_COOLDOWN: Final = 10.0


class KeysUnavailable(Exception):
    """The keys cannot be fetched; nobody knows whether a token is good."""


class Keys(Protocol):
    """Where the key of a token is found, by the ``kid`` in its header."""

    def must_wait(self, kid: str | None) -> bool:
        """Tell whether it is time to `fetch` before this one is looked up."""

    def fetch(self) -> None:
        """Get the keys if it is time to; blocks, so call it in a thread."""

    def found(self, kid: str | None) -> Any | None:
        """Return the key, None if there is none; without waiting for anything.

        Raises `KeysUnavailable` when nobody can tell.
        """


def import_jwt() -> ModuleType:
    """Return PyJWT; raise `ConfigurationError` where it is not installed."""
    try:
        import jwt
    except ImportError as error:
        raise ConfigurationError(
            "jwt_authenticator() needs PyJWT: pip install aiohttp-serverwamp[jwt]"
        ) from error
    return jwt


def checked_algorithms(algorithms: object) -> tuple[str, ...]:
    """Return the names of algorithms that one key is for.

    Raises `ConfigurationError` for anything else, ``"none"`` first of all.
    """
    if isinstance(algorithms, str) or not isinstance(algorithms, Sequence):
        raise ConfigurationError(
            f"jwt_authenticator(algorithms={algorithms!r}): give a list of those that "
            'your tokens are signed by, as ["RS256"]'
        )
    unknown = [each for each in algorithms if each not in _ALGORITHMS]
    if unknown or not algorithms:
        raise ConfigurationError(
            f"jwt_authenticator(algorithms={[*algorithms]!r}): give one or more of "
            f"{', '.join(_ALGORITHMS)}"
        )
    if len({_KINDS[each[:2]] for each in algorithms}) > 1:
        # With both, a public key could be taken for a secret that everybody knows.
        raise ConfigurationError(
            f"jwt_authenticator(algorithms={[*algorithms]!r}): these need keys of "
            "several sorts; make an authenticator for each"
        )
    return tuple(algorithms)


class FixedKey:
    """One key that is known from the start.

    Raises `ConfigurationError` for a key that the algorithms cannot use safely.
    """

    def __init__(self, key: Any, algorithms: Sequence[str]) -> None:
        name = algorithms[0]
        if name.startswith("HS"):
            _check_secret(key, max(int(each[2:]) for each in algorithms) // 8)
        try:
            self._key: Any = import_jwt().get_algorithm_by_name(name).prepare_key(key)
        except Exception:
            # Not chained: what it says may show the key.
            raise _wrong_sort(name) from None
        if not name.startswith("HS"):
            self._check_public(name)

    def _check_public(self, name: str) -> None:
        if hasattr(self._key, "private_bytes"):
            raise ConfigurationError(
                "jwt_authenticator(key=...): this is the private key, which stays with "
                "who signs the tokens; give the public key"
            )
        if not isinstance(self._key, _PUBLIC_KEYS[name[:2]]):
            raise _wrong_sort(name)
        if not _is_strong(self._key):
            raise ConfigurationError(
                "jwt_authenticator(key=...): this RSA key is too short; "
                f"give one of {_MIN_RSA_BITS} bits or more"
            )

    def must_wait(self, kid: str | None) -> bool:
        """Return False: the key is here."""
        return False

    def fetch(self) -> None:
        """Do nothing: the key is here."""

    def found(self, kid: str | None) -> Any:
        """Return the key, whatever the token calls it."""
        return self._key


def _wrong_sort(name: str) -> ConfigurationError:
    kind = _KINDS[name[:2]]
    form = "" if name.startswith("HS") else ", as PEM"
    return ConfigurationError(
        f"jwt_authenticator(key=...): for {name} give {kind}{form}"
    )


def _is_strong(key: object) -> bool:
    return not isinstance(key, RSAPublicKey) or key.key_size >= _MIN_RSA_BITS


def _check_secret(key: object, least: int) -> None:
    if not isinstance(key, str | bytes) or len(key) < least:
        raise ConfigurationError(
            f"jwt_authenticator(key=...): the secret is short or none at all; give "
            f"{least} random bytes or more, as secrets.token_bytes({least}) makes them"
        )


class FetchedKeys:
    """The keys at an address (RFC 7517), fetched when one is asked for.

    They are used for five minutes, and fetched once in ten seconds at most: neither
    tokens that name keys of their own making nor a server that does not answer keep
    more than one thread busy for long.

    Raises `ConfigurationError` for an address that nobody vouches for.
    """

    def __init__(
        self,
        url: str,
        algorithms: Sequence[str],
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._host = _checked_host(url)
        if algorithms[0].startswith("HS"):
            raise ConfigurationError(
                "jwt_authenticator(jwks_url=...): keys that are published are no "
                f"secrets, as {algorithms[0]} needs; give the key itself as key="
            )
        jwt = import_jwt()
        self._client = jwt.PyJWKClient(url, cache_jwk_set=False, timeout=_FETCH_TIMEOUT)
        self._sort = _PUBLIC_KEYS[algorithms[0][:2]]
        self._now = now
        self._lock = threading.Lock()
        self._keys: dict[str, Any] = {}
        self._good_until = self._next_fetch = float("-inf")

    def must_wait(self, kid: str | None) -> bool:
        """Tell whether a key is missing, and they may be fetched now."""
        if kid is None or self._at_hand(kid) is not None:
            return False
        return self._now() >= self._next_fetch

    def fetch(self) -> None:
        """Fetch them all, unless that was done a moment ago."""
        with self._lock:
            if self._now() >= self._next_fetch:
                self._fetch_all()

    def found(self, kid: str | None) -> Any | None:
        """Return a key that was fetched lately."""
        if kid is None:
            return None
        key = self._at_hand(kid)
        if key is None and self._now() >= self._good_until:
            raise KeysUnavailable
        return key

    def _at_hand(self, kid: str) -> Any | None:
        return self._keys.get(kid) if self._now() < self._good_until else None

    def _fetch_all(self) -> None:
        try:
            self._keys = {
                each.key_id: each.key
                for each in self._client.get_signing_keys()
                if isinstance(each.key, self._sort) and _is_strong(each.key)
            }
            self._good_until = self._now() + _LIFETIME
        except Exception as error:
            # What it says may show the address, and that may hold a secret.
            logger.error(
                "the keys of JSON Web Tokens cannot be fetched from %s: %s",
                self._host,
                type(error).__name__,
            )
        finally:
            self._next_fetch = self._now() + _COOLDOWN


def _checked_host(url: object) -> str:
    parts = urlsplit(url) if isinstance(url, str) else None
    host = parts.hostname if parts else None
    if parts is None or not host or not _is_safe(parts.scheme, host):
        raise ConfigurationError(
            "jwt_authenticator(jwks_url=...): give the https:// address of the keys, "
            'as "https://id.example.com/.well-known/jwks.json"; http:// is for this '
            "machine only"
        )
    return host


def _is_safe(scheme: str, host: str) -> bool:
    if scheme != "http":
        return scheme == "https"
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
