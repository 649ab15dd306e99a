"""By which id an HTTP session is known to be the same one.

The id is kept in the HTTP session itself: random, made when somebody signs in, with a
tag that ties it to who that is. What was signed in before ids were made is known by its
cookie instead.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["BINDING", "BindingIds", "SignedIn", "Standing", "kept_for", "tied"]

#: Who is signed in: the keys that name the user, and what the HTTP session holds there.
SignedIn = tuple[tuple[str, Any], ...]

#: The key in the HTTP session that holds the id and its tag.
BINDING: Final = "_wamp_binding"

_ID_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Standing:
    """What an HTTP session says of who is signed in."""

    #: None when nobody is signed in.
    identity: SignedIn | None
    #: The id that is kept in it, whether or not it belongs to this identity.
    kept_id: str | None
    #: The same, if it does.
    binding_id: str | None

    def goes_on_from(self, before: Standing) -> bool:
        """Tell whether the same login goes on that was there before."""
        if self.identity is None:
            return False
        if self.binding_id is not None:
            return self.binding_id == before.binding_id
        return (
            self.kept_id is None
            and before.kept_id is None
            and self.identity == before.identity
        )


class BindingIds:
    """Makes and reads ids; with one secret, those of several processes agree."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def of_cookie(self, cookie: str) -> str:
        """Return the id of whatever HTTP session this cookie stands for."""
        digest = hmac.digest(self._secret, cookie.encode("utf-8", "replace"), "sha256")
        return digest[:_ID_BYTES].hex()

    def standing(
        self, http_session: Mapping[str, Any], keys: Iterable[str]
    ) -> Standing:
        """Return who is signed in, and under which id.

        `keys` are those of the HTTP session that may name a user.
        """
        found = ((key, http_session.get(key)) for key in sorted(set(keys)))
        identity = tuple(pair for pair in found if pair[1]) or None
        text = http_session.get(BINDING)
        kept, _ = _parts(text)
        return Standing(identity, kept, identity and kept_for(text, identity))

    def mint(self, standing: Standing, binding_id: str | None = None) -> str:
        """Return what to keep under `BINDING` for who is signed in now.

        `binding_id` is the id that the same login is known by already, if it is.
        """
        return tied(standing.identity, binding_id)


def tied(identity: SignedIn | None, kept: str | None = None) -> str:
    """Return an id, a random one by default, with what ties it to who is signed in."""
    kept = kept or secrets.token_hex(_ID_BYTES)
    return f"{kept}.{_tag(kept, identity)}"


def kept_for(text: object, identity: SignedIn | None) -> str | None:
    """Return the id in what `tied` made; None if it was made for somebody else."""
    kept, tag = _parts(text)
    # Nothing to be found out by timing: the tag is no secret.
    return kept if kept is not None and tag == _tag(kept, identity) else None


def _parts(kept: object) -> tuple[str | None, str]:
    if not isinstance(kept, str):
        return None, ""
    binding_id, _, tag = kept.partition(".")
    return binding_id or None, tag


def _tag(binding_id: str, identity: object) -> str:
    # No secret: whoever can write into the HTTP session can sign in as anybody.
    text = f"{binding_id} {identity!r}".encode("utf-8", "replace")
    return hashlib.sha256(text).hexdigest()[: 2 * _ID_BYTES]
