"""Which features a client has to announce before it uses them, or is sent them.

By default none: wampy announces hardly any and uses many. But who announces progressive
results, and not progressive invocations, is taken at its word. A realm with
``strict_features`` follows the specification to the letter (5.2, 5.3, 8.6). INTERRUPT,
revocations, forwarded timeouts and re-routing are for those who announced them in any
case, and not decided here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp_serverwamp.errors import FeatureNotSupported, ProtocolViolation
from aiohttp_serverwamp.router.passthru import check_payload

if TYPE_CHECKING:
    from aiohttp_serverwamp.messages import Call, Publish, Yield
    from aiohttp_serverwamp.router.peer import Peer

__all__ = ["FeatureGates"]

_PPT = "payload_passthru_mode"
_CHUNKS = "progressive_call_invocations"
_RESULTS = "progressive_call_results"


class FeatureGates:
    """The rule of one realm; open for everything unless `strict`."""

    __slots__ = ("_strict",)

    def __init__(self, *, strict: bool) -> None:
        self._strict = strict

    def check_call(self, caller: Peer, call: Call) -> None:
        """Raise `ProtocolViolation` for what the caller did not announce.

        See REQ-RPC-045 and REQ-PPT-005.
        """
        if not self._strict:
            return
        if call.options.get("progress") and not caller.supports("caller", _CHUNKS):
            raise ProtocolViolation(f"CALL.progress without {_CHUNKS}")
        self._check_passthru("caller", caller, call)

    def check_publish(self, publisher: Peer, message: Publish) -> None:
        """Raise `ProtocolViolation` for passthru that was not announced."""
        if self._strict:
            self._check_passthru("publisher", publisher, message)

    def check_yield(self, callee: Peer, message: Yield) -> None:
        """Raise `ProtocolViolation` for passthru that was not announced."""
        if self._strict:
            self._check_passthru("callee", callee, message)

    @staticmethod
    def _check_passthru(role: str, peer: Peer, message: Call | Publish | Yield) -> None:
        if not message.options.get("ppt_scheme"):
            return
        if not peer.supports(role, _PPT):
            raise ProtocolViolation(f"passthru by a {role} without {_PPT}")
        check_payload(message)

    def check_callee(self, callee: Peer, options: dict[str, Any]) -> None:
        """Raise `FeatureNotSupported` for a call that the callee may not understand.

        See REQ-RPC-047 and REQ-PPT-007.
        """
        if options.get("progress") and not self._takes_chunks(callee):
            raise FeatureNotSupported("the callee takes no progressive invocations")
        if not self._strict:
            return
        if options.get("ppt_scheme") and not callee.supports("callee", _PPT):
            raise FeatureNotSupported("the callee takes no payload passthru")

    def _takes_chunks(self, callee: Peer) -> bool:
        announced = callee.supports("callee", _CHUNKS)
        if self._strict:
            return announced and callee.supports("callee", "call_canceling")
        # wampy announces neither, and takes them. Autobahn announces results only: in
        # Python it fails its connection on the second INVOCATION, and in JavaScript
        # takes it for a call of its own.
        return announced or not callee.supports("callee", _RESULTS)

    def admits_progress(self, callee: Peer) -> bool:
        """Tell whether a callee is told that the caller wants progress.

        See REQ-RPC-029, 030 and PIT-26.
        """
        return not self._strict or (
            callee.supports("callee", _RESULTS)
            and callee.supports("callee", "call_canceling")
        )

    def check_caller(self, caller: Peer, options: dict[str, Any]) -> None:
        """Raise `FeatureNotSupported` for a result the caller may not understand.

        See REQ-PPT-008.
        """
        if (
            self._strict
            and options.get("ppt_scheme")
            and not caller.supports("caller", _PPT)
        ):
            raise FeatureNotSupported("the caller takes no payload passthru")
