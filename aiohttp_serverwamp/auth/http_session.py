"""The authmethod ``cookie``: the HTTP session that the user's browser already has.

The connection has read the HTTP session before the upgrade; here only its mapping is
looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Protocol

from aiohttp_serverwamp.auth.csrf import check_csrf_token
from aiohttp_serverwamp.auth.identity import Identity
from aiohttp_serverwamp.auth.roles import DEFAULT_ROLE, check_load, check_role
from aiohttp_serverwamp.errors import ConfigurationError

__all__ = ["HTTPSessionAuthenticator", "session_authenticator"]


class _HasHTTPSession(Protocol):
    """A joining client, of which no more than this is asked."""

    @property
    def http_session(self) -> Mapping[str, Any] | None:
        """The HTTP session of the upgrade request, None without one."""


class HTTPSessionAuthenticator:
    """A transport authenticator over one key of the HTTP session.

    Made by `session_authenticator`. Call it with the joining session; it returns an
    `Identity`, whatever `load` returns (an awaitable of it when `load` is async), or
    None when the HTTP session does not name a user.
    """

    authmethod: ClassVar[str] = "cookie"
    authprovider: ClassVar[str] = "http_session"
    #: Set-up checks that aiohttp-session is there before it serves a realm with this.
    requires_http_session: ClassVar[bool] = True

    __slots__ = ("_load", "csrf", "key", "role", "role_key")

    def __init__(
        self,
        key: str,
        *,
        role: str,
        role_key: str | None,
        load: Callable[[Any], Any] | None,
        csrf: bool,
    ) -> None:
        self.key = key
        #: Whether clients have to bring the CSRF token of their page.
        self.csrf = csrf
        self.role = role
        self.role_key = role_key
        self._load = load

    def http_session_key(self, request: Any) -> str:
        """Return the key of the HTTP session that names the user."""
        return self.key

    def __call__(self, session: _HasHTTPSession) -> Any:
        """Return who the client is, or None to let the next authenticator try."""
        http_session = session.http_session
        value = None if http_session is None else http_session.get(self.key)
        if http_session is None or not value:
            return None
        if self.csrf:
            check_csrf_token(session)
        if self._load is not None:
            return self._load(value)
        return Identity(
            authid=self._authid(value),
            authrole=self._authrole(http_session),
            authprovider=self.authprovider,
        )

    def authid_of(self, session: _HasHTTPSession) -> str | None:
        """Return who the HTTP session names, where `load` has not said it."""
        value = (session.http_session or {}).get(self.key)
        named = isinstance(value, str | int) and not isinstance(value, bool)
        return str(value) if named else None

    def _authid(self, value: object) -> str:
        # A flag such as True would give every user the same authid, and the text of a
        # container is no stable name; neither is shown here, as it may be private.
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise ConfigurationError(
                f"the HTTP session's {self.key!r} holds a {type(value).__name__}, "
                "which names no user: store the user's id (an int or a str) under that "
                "key, or give session_authenticator(..., load=returns_an_Identity)"
            )
        return str(value)

    def _authrole(self, http_session: Mapping[str, Any]) -> str:
        role = http_session.get(self.role_key) if self.role_key else None
        if role is None:
            return self.role
        if not isinstance(role, str) or not role:
            raise ConfigurationError(
                f"the HTTP session's {self.role_key!r} holds no role name but a "
                f"{type(role).__name__}: store a non-empty str there, or leave it out"
            )
        return role


def session_authenticator(
    key: str,
    *,
    role: str = DEFAULT_ROLE,
    role_key: str | None = None,
    load: Callable[[Any], Any] | None = None,
    csrf: bool = False,
) -> HTTPSessionAuthenticator:
    """Sign clients in by what the HTTP session holds under `key`.

    The authid is ``str(value)``, for which the value must be an int or a str; the
    authrole is what the HTTP session holds under `role_key`, else `role`. A missing or
    falsy value is no identity: the next authenticator is asked.

    ``load(value)``, sync or async, replaces that: it returns an `Identity`, any other
    truthy value (which becomes ``session.identity``, and the authid stays what it is),
    or None for a user who does not exist any more.

    With `csrf` the cookie alone is not enough: the client has to bring the CSRF token
    of its page as well, see `Application.csrf_token`.

    Raises `ConfigurationError` for arguments that make no sense together; when called,
    for a value that cannot name a user.
    """
    if not isinstance(key, str) or not key:
        raise ConfigurationError(
            "session_authenticator takes the HTTP session's key that holds the user's "
            'id: write session_authenticator("user_id")'
        )
    check_role("session_authenticator", role)
    if role_key is not None and (not isinstance(role_key, str) or not role_key):
        raise ConfigurationError(
            "session_authenticator(role_key=...) takes the HTTP session's key that "
            "holds the user's role, a non-empty str"
        )
    check_load(
        "session_authenticator",
        load,
        given="what the HTTP session holds goes in",
        options="role=/role_key=",
        chosen=role_key is not None or role != DEFAULT_ROLE,
    )
    return HTTPSessionAuthenticator(
        key, role=role, role_key=role_key, load=load, csrf=csrf
    )
