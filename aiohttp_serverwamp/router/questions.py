"""Questions to authenticators: answered at once or later, and never with an accident.

Whatever answers with an awaitable is waited for as a task of the session's connection.
Whatever goes wrong refuses the client (REQ-ERR-006).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, TypeGuard

from aiohttp_serverwamp import uris
from aiohttp_serverwamp.auth.authenticator import CannotTell
from aiohttp_serverwamp.errors import ApplicationError, EncodingError, SessionRejected

if TYPE_CHECKING:
    from aiohttp_serverwamp.router.session import RouterSession

__all__ = ["Questions"]

logger = logging.getLogger("aiohttp_serverwamp.router")


class Questions:
    """What a joining session asks the authenticators of a realm.

    `refused` is called when an authenticator refuses the client by raising; not when it
    breaks.
    """

    __slots__ = ("_realm_uri", "_refused", "_session")

    def __init__(
        self,
        session: RouterSession,
        realm_uri: str | None,
        refused: Callable[[], None],
    ) -> None:
        self._session = session
        self._refused = refused
        #: As the client has asked for it; for the log.
        self._realm_uri = realm_uri

    def ask(self, answered: Callable[[Any], None], question: Callable[[], Any]) -> None:
        """Ask, and call `answered` with the answer, now or once it was awaited."""
        try:
            answer = question()
        except Exception as error:
            self._note(error)
            raise
        if isawaitable(answer):
            self._session.requests.await_for(
                None, answer, partial(self._answered, answered)
            )
        else:
            answered(answer)

    def _answered(
        self, answered: Callable[[Any], None], answer: Any, error: Exception | None
    ) -> None:
        def go_on() -> None:
            if error is not None:
                self._note(error)
                raise error
            answered(answer)

        self.guarded(go_on)

    def _note(self, error: Exception) -> None:
        refuses = isinstance(error, SessionRejected) or _is_said(error)
        if refuses and not isinstance(error, CannotTell):
            self._refused()

    def guarded(self, step: Callable[[], None]) -> None:
        """Take a step; whatever an authenticator does wrong in it refuses the client.

        That includes what it returns: an ``authextra`` that cannot be encoded, say.
        """
        try:
            step()
        except SessionRejected:
            raise
        except Exception as error:
            raise self._refusal(error) from error

    def _refusal(self, error: Exception) -> SessionRejected:
        """Return what a failed authenticator means (REQ-AUTH-008, REQ-AUTH-065)."""
        if _is_said(error):
            message = str(error.args[0]) if error.args else ""
            return SessionRejected(error.uri, message)
        logger.error(
            "session %s: an authenticator of realm %s failed",
            self._session.id,
            self._realm_uri,
            exc_info=error,
        )
        return SessionRejected(uris.AUTHENTICATION_FAILED, "authentication failed")


def _is_said(error: Exception) -> TypeGuard[ApplicationError]:
    """Tell whether an authenticator has said this, rather than come to grief."""
    return isinstance(error, ApplicationError) and type(error) is not EncodingError
