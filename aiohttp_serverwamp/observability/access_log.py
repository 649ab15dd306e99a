"""The access log: a line for each session, and for each call where that is wanted."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from aiohttp_serverwamp.errors import ConfigurationError
from aiohttp_serverwamp.interfaces import Observer
from aiohttp_serverwamp.uris import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiohttp_serverwamp.reports import CallReport, SessionReport

__all__ = ["CallLog", "SessionLog", "access_log_observers"]

logger = logging.getLogger("aiohttp_serverwamp.access")

_KINDS: Final = ("sessions", "calls", None)


class SessionLog(Observer):
    """Writes a line when a session has left.

    What comes from its client is escaped and cut; there are neither payloads nor
    secrets in it.
    """

    @property
    def asleep(self) -> bool:
        """Whether nobody reads the log, so that nothing needs to be put together."""
        return not logger.isEnabledFor(logging.INFO)

    def session_left(self, session: SessionReport) -> None:
        """Write the line of a session."""
        if self.asleep:
            return
        logger.info(
            "session %s: realm=%s authid=%s role=%s method=%s peer=%s seconds=%.3f "
            "calls=%d events=%d received=%d sent=%d bytes=%d end=%s reason=%s",
            session.id,
            shown(session.realm),
            shown(session.authid),
            shown(session.authrole),
            shown(session.authmethod),
            shown(session.peer_address),
            session.seconds,
            session.calls,
            session.events,
            session.received,
            session.sent,
            session.bytes,
            session.cause,
            shown(session.reason),
        )


class CallLog(Observer):
    """Writes a line when a call has ended."""

    def call_finished(self, call: CallReport) -> None:
        """Write the line of a call."""
        if not logger.isEnabledFor(logging.INFO):
            return
        logger.info(
            "session %s: realm=%s procedure=%s outcome=%s error=%s ms=%.1f",
            call.caller,
            shown(call.realm),
            shown(call.procedure),
            call.outcome,
            shown(call.error),
            call.seconds * 1000,
        )


def access_log_observers(access_log: str | None) -> Sequence[Observer]:
    """Return what writes the access log that is asked for.

    Raises `ConfigurationError` for what is none.
    """
    if access_log not in _KINDS:
        raise ConfigurationError(
            f'access_log={access_log!r}: give "sessions", "calls" (sessions as well), '
            "or None"
        )
    if access_log is None:
        return []
    return [SessionLog(), CallLog()] if access_log == "calls" else [SessionLog()]
