"""Whether callers and publishers are made known to others (5.6 and 6.5)."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

from aiohttp_serverwamp.errors import DisclosureNotAllowed

if TYPE_CHECKING:
    from aiohttp_serverwamp.router.peer import Peer

__all__ = ["Disclosure"]


class Disclosure(StrEnum):
    """The policy of one realm."""

    #: Asking for disclosure is an error (REQ-RPC-100, REQ-PUB-034).
    DENY = "deny"
    #: Whoever asks for disclosure gets it.
    ALLOW = "allow"
    #: Everybody is disclosed, asked or not.
    FORCE = "force"

    def applies(self, peer: Peer, *, asked: bool) -> bool:
        """Tell whether `peer` is disclosed; raise `DisclosureNotAllowed`."""
        if self is Disclosure.FORCE:
            return True
        if asked and self is Disclosure.DENY and not peer.trusted:
            raise DisclosureNotAllowed("this realm does not disclose identities")
        return asked

    @staticmethod
    def disclose(details: dict[str, Any], role: str, peer: Peer) -> None:
        """Write the identity of `peer` into `details`: ``caller_authid`` and such."""
        details[role] = peer.id
        details[f"{role}_authid"] = peer.authid
        details[f"{role}_authrole"] = peer.authrole
