"""By which id an HTTP session is known to be the same one.

Ids are kept in the HTTP session itself, one for each key that names a user: random,
made when somebody signs in, with a tag that ties it to who that is. So applications
that know their users by other keys have ids of their own. What was signed in before ids
were made is known by its cookie instead.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

__all__ = ["BINDING", "BindingIds", "SignedIn", "Standing", "kept_for", "tied"]

#: Who is signed in: the keys that name the user, and what is held there, as JSON.
SignedIn = tuple[tuple[str, str], ...]

#: The key in the HTTP session that holds ids and their tags, by the key of the user.
BINDING: Final = "_wamp_binding"

_ID_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Standing:
    """What an HTTP session says of who is signed in."""

    #: None when nobody is signed in.
    identity: SignedIn | None
    #: The keys that were looked at.
    keys: frozenset[str] = frozenset()
    #: The id that is kept for each, whether or not it belongs to this identity.
    kept: Mapping[str, str] = field(default_factory=dict)
    #: Those that do.
    binding_ids: frozenset[str] = frozenset()

    @property
    def kept_ids(self) -> frozenset[str]:
        """Every id that is kept."""
        return frozenset(self.kept.values())

    def goes_on_from(self, before: Standing) -> bool:
        """Tell whether the same login goes on that was there before."""
        return (
            self.identity is not None
            and self == before
            and self.binding_ids == self.kept_ids
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
        """Return who is signed in, and under which ids.

        `keys` are those of the HTTP session that may name a user.
        """
        asked = frozenset(keys)
        found = ((key, http_session.get(key)) for key in sorted(asked))
        identity = tuple((key, _canonical(user)) for key, user in found if user) or None
        entries = _entries(http_session)
        parts = ((key, _parts(entries.get(key))[0]) for key in asked)
        ours = (kept_for(entries.get(pair[0]), pair) for pair in identity or ())
        return Standing(
            identity,
            asked,
            {key: kept for key, kept in parts if kept is not None},
            frozenset(kept for kept in ours if kept is not None),
        )

    def entries(
        self,
        http_session: Mapping[str, Any],
        standing: Standing,
        binding_id: str | None = None,
    ) -> dict[str, Any]:
        """Return what to keep under `BINDING` for who is signed in now.

        Ids that are good stay, and so do those of keys that were not looked at.
        `binding_id` is what the same login is known by already, if it is.
        """
        old = _entries(http_session)
        kept = {key: text for key, text in old.items() if key not in standing.keys}
        for pair in standing.identity or ():
            good = kept_for(old.get(pair[0]), pair) in standing.binding_ids
            kept[pair[0]] = old[pair[0]] if good else tied(pair, binding_id)
        return kept


def tied(identity: object, kept: str | None = None) -> str:
    """Return an id, a random one by default, with what ties it to who is signed in."""
    kept = kept or secrets.token_hex(_ID_BYTES)
    return f"{kept}.{_tag(kept, identity)}"


def kept_for(text: object, identity: object) -> str | None:
    """Return the id in what `tied` made; None if it was made for somebody else."""
    kept, tag = _parts(text)
    # Nothing to be found out by timing: the tag is no secret.
    return kept if kept is not None and tag == _tag(kept, identity) else None


def _canonical(user: object) -> str:
    """Return the same text for what a handler writes and for what is read again."""
    try:
        return json.dumps(user, sort_keys=True, default=str)
    except (TypeError, ValueError):  # a storage may know more than JSON
        return repr(user)


def _entries(http_session: Mapping[str, Any]) -> Mapping[str, Any]:
    entries = http_session.get(BINDING)
    return entries if isinstance(entries, dict) else {}


def _parts(kept: object) -> tuple[str | None, str]:
    if not isinstance(kept, str):
        return None, ""
    binding_id, _, tag = kept.partition(".")
    return binding_id or None, tag


def _tag(binding_id: str, identity: object) -> str:
    # No secret: whoever can write into the HTTP session can sign in as anybody.
    text = f"{binding_id} {identity!r}".encode("utf-8", "replace")
    return hashlib.sha256(text).hexdigest()[: 2 * _ID_BYTES]
