"""The policies of aiohttp-security as authenticator and authorizer of a realm.

aiohttp-security is imported when it is asked for the first time: it is optional.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, ClassVar

from aiohttp_serverwamp.adapters.aiohttp_upgrade import (
    find_upgrade_request,
    upgrade_request,
)
from aiohttp_serverwamp.auth.csrf import check_csrf_token
from aiohttp_serverwamp.auth.identity import Identity
from aiohttp_serverwamp.auth.roles import DEFAULT_ROLE, check_load, check_role
from aiohttp_serverwamp.errors import ConfigurationError
from aiohttp_serverwamp.router.decisions import Decision

if TYPE_CHECKING:
    from types import ModuleType

    from aiohttp import web

    from aiohttp_serverwamp.router.permission_rules import Action

__all__ = [
    "SecurityAuthenticator",
    "SecurityAuthorizer",
    "security_authenticator",
    "security_authorizer",
]

#: ``fn(action, uri)``: the permission that is needed, None if none is.
PermissionFor = Callable[["Action", str], Any]


class SecurityAuthenticator:
    """A transport authenticator; made by `security_authenticator`."""

    authmethod: ClassVar[str] = "http"
    authprovider: ClassVar[str] = "aiohttp_security"

    def __init__(
        self, *, role: str, load: Callable[[str], Any] | None, csrf: bool
    ) -> None:
        self._role = role
        self._load = load
        #: Whether clients have to bring the CSRF token of their page.
        self.csrf = csrf
        #: Whether the identity policy reads the HTTP session, as seen at start-up.
        self.requires_http_session = False

    def check_app(self, app: web.Application) -> None:
        """Raise `ConfigurationError` for an application without the policies.

        A sub-application may have them from its parent, which cannot be seen.
        """
        policies = app if app.pre_frozen else _checked("security_authenticator()", app)
        self.requires_http_session = _session_key(policies) is not None

    def http_session_key(self, request: web.Request) -> str | None:
        """Return the key of the HTTP session that names the user, if one does."""
        return _session_key(request.config_dict)

    async def __call__(self, session: Any) -> Any:
        """Return who the upgrade request is authorized as; None for nobody.

        Nobody is who came without one, by RawSocket.
        """
        request = find_upgrade_request(session)
        if request is None:
            return None
        _checked("security_authenticator()", request.config_dict)
        user_id = await _aiohttp_security().authorized_userid(request)
        if not user_id:
            return None
        if self.csrf:
            check_csrf_token(session)
        if self._load is None:
            return Identity(str(user_id), self._role)
        found = self._load(user_id)
        return await found if isawaitable(found) else found


class SecurityAuthorizer:
    """An authorizer; made by `security_authorizer`."""

    def __init__(self, permission_for: PermissionFor, *, cache: bool) -> None:
        self._permission_for = permission_for
        self._cache = cache

    def check_app(self, app: web.Application) -> None:
        """Raise `ConfigurationError` for an application without the policies."""
        if not app.pre_frozen:
            _checked("security_authorizer()", app)

    async def __call__(
        self, session: Any, action: Action, uri: str, options: Mapping[str, Any]
    ) -> Decision:
        """Ask for the permission that is needed."""
        permission = self._permission_for(action, uri)
        if permission is None:
            return Decision(True, cache=self._cache)
        request = upgrade_request(session)
        _checked("security_authorizer()", request.config_dict)
        allowed = await _aiohttp_security().permits(request, permission, session)
        return Decision(bool(allowed), cache=self._cache)


def security_authenticator(
    *,
    role: str = DEFAULT_ROLE,
    load: Callable[[str], Any] | None = None,
    csrf: bool = False,
) -> SecurityAuthenticator:
    """Sign clients in as whom aiohttp-security authorizes their upgrade request.

    The authid is what ``authorized_userid(request)`` returns, the authrole is `role`.
    ``load(user_id)``, sync or async, replaces that: it returns an `Identity`, any other
    truthy value (which becomes ``session.identity``), or None. `csrf` is that of
    `session_authenticator`.

    With ``SessionIdentityPolicy`` sockets end when ``aiohttp_security.forget`` is
    called. Raises `ConfigurationError` for arguments that make no sense, without
    aiohttp-security (extra ``security``), and at start-up where it is not set up.
    """
    _aiohttp_security()
    check_role("security_authenticator", role)
    check_load(
        "security_authenticator",
        load,
        given="the user's id goes in",
        options="role=",
        chosen=role != DEFAULT_ROLE,
    )
    return SecurityAuthenticator(role=role, load=load, csrf=csrf)


def security_authorizer(
    permission_for: PermissionFor, *, cache: bool = False
) -> SecurityAuthorizer:
    """Ask aiohttp-security whether a client has the permission for what it wants.

    ``permission_for(action, uri)`` returns the permission, or None for what needs none;
    ``permits(request, permission, session)`` decides. Like every authorizer it is asked
    after the rules of the realm have said yes. With `cache` the answer is remembered
    for the session, action and URI, until ``realm.drop_decisions()``.

    Raises `ConfigurationError` for what is no function, without aiohttp-security (extra
    ``security``), and at start-up where it is not set up: it would permit everything.
    """
    _aiohttp_security()
    if not callable(permission_for):
        raise ConfigurationError(
            "security_authorizer(permission_for) takes a function of two arguments, "
            "the action and the URI, which returns a permission or None"
        )
    return SecurityAuthorizer(permission_for, cache=cache)


def _aiohttp_security() -> ModuleType:
    try:
        import aiohttp_security
    except ImportError as error:
        raise ConfigurationError(
            "this needs aiohttp-security: pip install aiohttp-serverwamp[security]"
        ) from error
    return aiohttp_security


def _checked(what: str, policies: Mapping[Any, Any]) -> Mapping[Any, Any]:
    from aiohttp_security.api import AUTZ_KEY, IDENTITY_KEY

    if policies.get(IDENTITY_KEY) is None or policies.get(AUTZ_KEY) is None:
        raise ConfigurationError(
            f"{what} asks aiohttp-security, which is not set up: call "
            "aiohttp_security.setup(app, identity_policy, authorization_policy) where "
            "you call setup_wamp(app)"
        )
    return policies


def _session_key(policies: Mapping[Any, Any]) -> str | None:
    """Return where ``SessionIdentityPolicy`` keeps the identity; None without one."""
    from aiohttp_security import SessionIdentityPolicy
    from aiohttp_security.api import IDENTITY_KEY

    policy = policies.get(IDENTITY_KEY)
    if not isinstance(policy, SessionIdentityPolicy):
        return None
    key = getattr(policy, "_session_key", None)
    if not isinstance(key, str):
        raise ConfigurationError(
            "this version of aiohttp-security does not say where it keeps identities: "
            'write setup_wamp(app, session_binding=SessionBinding(identity_key="...")) '
            "with the key that you gave to SessionIdentityPolicy"
        )
    return key
