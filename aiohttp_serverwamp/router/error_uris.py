"""What may stand as the error URI of an answer."""

from __future__ import annotations

import logging

from aiohttp_serverwamp.uris import is_valid_uri, shown

__all__ = ["answerable_uri"]

logger = logging.getLogger("aiohttp_serverwamp.router")


def answerable_uri(uri: str, instead: str, *, session: int, what: str) -> str:
    """Return `uri` if it can be sent, else `instead`, and log whose mistake it was."""
    if is_valid_uri(uri):
        return uri
    logger.error(
        "session %s: %s: %s is no error URI, so %s is answered; write components "
        "joined by dots, as 'shop.error.sold_out'",
        session,
        what,
        shown(uri),
        instead,
    )
    return instead
