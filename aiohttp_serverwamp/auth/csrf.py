"""CSRF tokens: that a socket was opened by a page of the site, not just by its browser.

The token is given to the pages. It follows from the id of the login, so that pages that
are opened at once get the same; where there is no such id yet, it is kept in the HTTP
session. It belongs to who was signed in when it was made: for anybody else, and after a
sign-out, it is none.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from typing import Any, Final

from aiohttp_serverwamp import uris
from aiohttp_serverwamp.auth.http_session_ids import (
    SignedIn,
    Standing,
    kept_for,
    tied,
)
from aiohttp_serverwamp.errors import SessionRejected

__all__ = [
    "CSRF",
    "CSRF_TOKEN",
    "check_csrf_token",
    "csrf_token_in",
    "csrf_token_of",
    "new_csrf_token",
]

#: The key in the HTTP session that holds the token.
CSRF: Final = "_wamp_csrf"

#: The name of the token in HELLO's ``authextra``, and in ``transport_info``.
CSRF_TOKEN: Final = "csrf_token"


def new_csrf_token(identity: SignedIn | None) -> str:
    """Return what to keep under `CSRF` for who is signed in, or for a guest."""
    return tied(identity)


def csrf_token_in(http_session: Mapping[str, Any], standing: Standing) -> str | None:
    """Return the token of an HTTP session; None without one, or if it is another's."""
    kept = kept_for(http_session.get(CSRF), standing.identity)
    if kept is not None or not standing.binding_ids:
        return kept
    return csrf_token_of(standing.binding_ids)


def csrf_token_of(binding_ids: Iterable[str]) -> str:
    """Return the token of a login that is known by these ids."""
    # They are random and shown to nobody, and so is what follows from them.
    text = " ".join(("csrf", *sorted(binding_ids)))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def check_csrf_token(session: Any) -> None:
    """Raise `SessionRejected` unless a joining client has brought the right token."""
    expected = session.connection.transport_info.get(CSRF_TOKEN)
    given = session.authextra.get(CSRF_TOKEN)
    if not (
        expected
        and isinstance(given, str)
        and hmac.compare_digest(expected.encode(), given.encode(errors="replace"))
    ):
        raise SessionRejected(
            uris.AUTHENTICATION_DENIED, "the CSRF token is missing or wrong"
        )
