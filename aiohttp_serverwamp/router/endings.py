"""The ways in which a session ends: its client's, the server's, and the line's.

One function a way; after each of them the session has left its realm. What the client
is told, and with which code its connection closes, is decided here and nowhere else
(specification, 2.4 and 2.5).
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from aiohttp_serverwamp import uris
from aiohttp_serverwamp.errors import (
    EncodingError,
    PayloadSizeExceeded,
    ProtocolViolation,
    SessionRejected,
)
from aiohttp_serverwamp.messages import Abort, Goodbye
from aiohttp_serverwamp.router.cancelling import cancel_all
from aiohttp_serverwamp.router.error_uris import answerable_uri
from aiohttp_serverwamp.router.slow_consumers import report_cut
from aiohttp_serverwamp.router.states import Departure, State
from aiohttp_serverwamp.router.tally import cause_of
from aiohttp_serverwamp.uris import is_valid_uri, shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp_serverwamp.router.session import RouterSession
    from aiohttp_serverwamp.router.tally import Tally

__all__ = [
    "CLOSE_CODES",
    "abort",
    "connection_lost",
    "fail",
    "goodbye",
    "no_hello",
    "on_abort",
    "on_goodbye",
    "on_goodbye_reply",
    "part",
    "reject",
    "shut_down",
]

logger = logging.getLogger("aiohttp_serverwamp.router")

NORMAL_CLOSURE: Final = 1000
GOING_AWAY: Final = 1001
PROTOCOL_ERROR: Final = 1002
INTERNAL_ERROR: Final = 1011

NOTHING_MORE: Final[Mapping[str, Any]] = {}

#: By which a client, or a log of its connections, can tell why it was sent away.
CLOSE_CODES: Final = {
    uris.LOGGED_OUT: 4401,
    uris.KILLED: 4403,
    uris.EXPIRED: 4408,
}


# --- By the client ----------------------------------------------------------------


def on_goodbye(session: RouterSession, message: Goodbye) -> None:
    """Reply and leave; the connection is free for a new session (REQ-SES-013)."""
    if not is_valid_uri(message.reason):
        raise ProtocolViolation("GOODBYE.reason is not a URI")
    session.send(Goodbye({}, uris.GOODBYE_AND_OUT))
    session.ended_by = (message.reason, "goodbye")
    session.state = State.ENDED
    session.left = True
    session.leave()


def on_goodbye_reply(session: RouterSession, message: Goodbye) -> None:
    """End what `goodbye` began; a crossing GOODBYE is a reply (REQ-SES-008)."""
    _end(session, *session.farewell)


def on_abort(session: RouterSession, message: Abort) -> None:
    """Leave without a reply (REQ-SES-007)."""
    session.ended_by = (message.reason, "abort")
    _end(session, NORMAL_CLOSURE, "aborted")


def connection_lost(session: RouterSession) -> None:
    """Leave without a word: the connection has gone, or belongs to a successor."""
    if session.ended_by is None and session.connection.traffic.cut:
        session.ended_by = ("", "cut")
    if session.ended_by == ("", "cut"):
        report_cut(session)
    _end(session, NORMAL_CLOSURE, "")
    # The two refer to each other: without this only the garbage collector frees them.
    session.view = None


def no_hello(session: RouterSession) -> None:
    """End the session of a client that has not said HELLO in time."""
    if session.state is State.BETWEEN:
        _end(session, *session.farewell)  # it has taken its leave, and that is all
    elif session.state is State.CLOSED:
        _abort(
            session,
            uris.PROTOCOL_VIOLATION,
            "HELLO did not come in time",
            NORMAL_CLOSURE,
        )


# --- By the server ----------------------------------------------------------------


def goodbye(
    session: RouterSession,
    reason: str,
    message: str = "",
    *,
    code: int | None = None,
    departure: Departure = Departure.TOLD,
    details: Mapping[str, Any] = NOTHING_MORE,
) -> None:
    """End the session from this side, by ABORT before it has joined (2.4).

    The session leaves its realm at once; `departure` says what the others hear of it.
    Its connection closes when the client has replied, at the latest
    after half of `Limits.close_timeout`: with `code`, by default one that goes with the
    reason, see `CLOSE_CODES`. `details` go into ``GOODBYE.Details`` with the message.
    """
    if session.state is not State.ESTABLISHED:
        code = code or CLOSE_CODES.get(reason, GOING_AWAY)
        _turn_away(session, reason, message, code)
        return
    code = code or CLOSE_CODES.get(reason, NORMAL_CLOSURE)
    said = {"message": message, **details} if message else dict(details)
    _say_goodbye(session, reason, said, code, departure)
    grace = session.host.limits.close_timeout / 2

    def unanswered() -> None:
        _end(session, *session.farewell)
        # Of the time to close, half is gone.
        session.deadlines.add(session.host.now() + grace, session.connection.abort)

    session.deadlines.add(session.host.now() + grace, unanswered)


def part(session: RouterSession, *, retry_after: float | None) -> None:
    """Let a joined client go, as `goodbye` does, because the server is about to stop.

    It is told to come back after `retry_after` seconds.
    """
    details = _return(retry_after)
    goodbye(session, uris.SYSTEM_SHUTDOWN, code=GOING_AWAY, details=details)


def _return(retry_after: float | None) -> dict[str, Any]:
    return {} if retry_after is None else {"retry_after": retry_after}


def shut_down(session: RouterSession, *, retry_after: float | None = None) -> None:
    """End the session because the server stops: GOODBYE, then close at once.

    With `retry_after` its client is told to come back after so many seconds.
    """
    if session.state is State.ESTABLISHED:
        session.router.run(cancel_all, session)
        departure = Departure.WITH_THE_REALM
        details = _return(retry_after)
        _say_goodbye(session, uris.SYSTEM_SHUTDOWN, details, GOING_AWAY, departure)
    if session.state is State.SHUTTING_DOWN:
        _end(session, GOING_AWAY, "server shutdown")
    elif session.state is not State.ENDED:
        _turn_away(session, uris.SYSTEM_SHUTDOWN, "the server shuts down", GOING_AWAY)


def reject(session: RouterSession, rejection: SessionRejected) -> None:
    """Refuse a joining client (REQ-ERR-003)."""
    logger.info(
        "session %s: rejected: %s peer=%s message=%s",
        session.id,
        shown(rejection.reason),
        shown(str(session.connection.transport_info.get("peer_address") or "")),
        shown(rejection.message),
    )
    reason = answerable_uri(
        rejection.reason,
        uris.AUTHENTICATION_FAILED,
        session=session.id,
        what="SessionRejected",
    )
    _abort(session, reason, rejection.message, NORMAL_CLOSURE)


def abort(session: RouterSession, rejection: SessionRejected) -> None:
    """End the session by ABORT, for hosted code that goes on after this."""
    session.requests.spare()
    reject(session, rejection)


def fail(session: RouterSession, error: Exception) -> None:
    """End the session: for its client's fault, a refusal, or our own fault."""
    if isinstance(error, ProtocolViolation):
        _violated(session, error)
    elif isinstance(error, SessionRejected):
        reject(session, error)
    elif isinstance(error, PayloadSizeExceeded):
        # What it is to be welcomed or challenged with.
        reject(session, SessionRejected(error.uri, str(error.args[0])))
    else:
        logger.error("session %s: failed", session.id, exc_info=error)
        _abort(session, uris.RUNTIME_ERROR, "", INTERNAL_ERROR)


# --- What they have in common -----------------------------------------------------


def _violated(session: RouterSession, error: ProtocolViolation) -> None:
    if session.state in (State.SHUTTING_DOWN, State.ENDED):
        return
    logger.info("session %s: protocol violation: %s", session.id, error)
    _tally(session).message_refused(session, "", uris.PROTOCOL_VIOLATION)
    _abort(session, uris.PROTOCOL_VIOLATION, str(error), PROTOCOL_ERROR)


def _turn_away(session: RouterSession, reason: str, message: str, code: int) -> None:
    """End what has not become a session, by ABORT where one was expected."""
    if session.state is State.BETWEEN:
        _end(session, code, reason)  # the client has taken its leave (REQ-SES-014)
    else:
        _abort(session, reason, message, code)


def _abort(session: RouterSession, reason: str, message: str, code: int) -> None:
    if session.state in (State.SHUTTING_DOWN, State.ENDED):
        return
    _say(session, Abort, reason, {"message": message} if message else {})
    session.ended_by = (reason, cause_of(reason))
    if session.joined_at is None:
        _tally(session).session_refused(session, *session.ended_by)
    _end(session, code, reason)


def _tally(session: RouterSession) -> Tally:
    """Return the counters of its realm, or of those who have not reached any."""
    return session.host.tally if session.realm is None else session.router.tally


def _say_goodbye(
    session: RouterSession,
    reason: str,
    details: dict[str, Any],
    code: int,
    departure: Departure,
) -> None:
    _say(session, Goodbye, reason, details)
    session.ended_by = (reason, cause_of(reason))
    session.state = State.SHUTTING_DOWN
    session.farewell = (code, reason)
    session.leave(departure)


def _say(
    session: RouterSession,
    kind: type[Abort | Goodbye],
    reason: str,
    details: dict[str, Any],
) -> None:
    try:
        session.send(kind(details, reason))
    except EncodingError:  # the text is too much for the client, or no Unicode
        session.send(kind({}, reason))


def _end(session: RouterSession, code: int, reason: str) -> None:
    if session.state is State.ENDED:
        return
    session.state = State.ENDED
    session.leave()
    session.on_closing(code, reason)
