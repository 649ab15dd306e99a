"""Channel binding: a proof that holds on one TLS connection only (7.5, 7.6).

Python's ``ssl`` knows one kind, ``tls-unique``, and that up to TLS 1.2 (PIT-29). So
whether there is any is for the application to say, by a function.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from aiohttp_serverwamp import uris
from aiohttp_serverwamp.errors import ConfigurationError, SessionRejected

__all__ = ["ChannelID", "channel_of", "check_channel_id"]

#: ``fn(session, kind) -> bytes | None``: the id of a client's TLS channel, None where
#: it has none of this kind, such as "tls-unique".
ChannelID = Callable[[Any, str], bytes | None]


def check_channel_id(channel_id: Any) -> None:
    """Raise `ConfigurationError` for what is no `ChannelID`."""
    if channel_id is not None and not callable(channel_id):
        raise ConfigurationError(
            f"channel_id={channel_id!r}: give a function of two arguments, the session "
            'and the kind, as "tls-unique"'
        )


def channel_of(
    session: Any, authextra: Mapping[str, Any], channel_id: ChannelID | None
) -> tuple[str | None, bytes]:
    """Return the kind of binding that a client asks for, and its channel's id.

    None and nothing if it asks for none. Raises `SessionRejected` for a kind that there
    is not (REQ-AUTH-037, 057): going on without would be what an attacker in the middle
    wants.
    """
    kind = authextra.get("channel_binding")
    if kind is None:
        return None, b""
    found = None
    if isinstance(kind, str) and channel_id is not None:
        found = channel_id(session, kind)
    if found is None:
        raise SessionRejected(
            uris.NO_MATCHING_AUTH_METHOD, "there is no such channel binding here"
        )
    return kind, found
